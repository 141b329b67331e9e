"""``python -m tconv`` without arguments: its parts, its status, and what a broken kernel does to them."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tconv.algorithms import ALGORITHMS
from tconv.cli import cases, checks, document, photograph, tour


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def shown(folder):
    """What a process prints that runs the tour in another folder, with its output going to a pipe, in ASCII."""
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    return subprocess.run([sys.executable, "-m", "tconv"], cwd=folder, env=ascii_only, capture_output=True, text=True)


def test_everything_passes(shown):
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "All checks passed" in shown.stdout


def test_shows_every_part(shown):
    for title in (
        "1. The document's example",
        "2. Every algorithm",
        "3. The speed",
        "4. A photograph",
        "5. What",
    ):
        assert title in shown.stdout
    for name in (*ALGORITHMS, *checks.CHECKS, "tconv-astronaut-2x.png", "tconv upscale photo.png"):
        assert name in shown.stdout


def test_fits_80_columns_without_a_terminal(shown):
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout


def test_writes_the_photograph(shown, folder):
    with Image.open(folder / "tconv-astronaut-2x.png") as picture:
        assert picture.size == (1024, 1024)


def test_every_algorithm_has_a_row(shown):
    assert {name for name, _ in cases.rows()} == set(ALGORITHMS)
    for name, operator in cases.rows():
        cells = [line.replace("|", " ").split() for line in shown.stdout.splitlines()]
        (counts,) = (row[2:] for row in cells if row[:2] == [name, operator])
        assert len(counts) == len(checks.CHECKS)
        assert min(int(count) for count in counts if count != "-") >= 3
        assert "-" not in counts if name != "fft" else counts.index("-") == 0 and counts.count("-") == 1


def spoiled(name, spoil):
    """The algorithm ``name``, with something done to its results."""
    algorithm = ALGORITHMS[name]

    def forward(problem, packed, x, bias, y, threads):
        done = algorithm.forward(problem, packed, x, bias, y, threads)
        spoil(y, threads)
        return done

    return SimpleNamespace(supports=algorithm.supports, cost=algorithm.cost, prepare=algorithm.prepare, forward=forward)


def twice_at_the_origin(y, threads):
    y[(0,) * y.ndim] *= 2


def nowhere_a_number(y, threads):
    if y.dtype.kind == "f":
        y[...] = np.nan


def off_by_the_threads(y, threads):
    y *= 1 + threads * np.float32(2**-20)


@pytest.fixture
def quiet():
    return Console(width=80, quiet=True)


@pytest.mark.usefixtures("unbound")
@pytest.mark.parametrize("name", ["scatter", "winograd"])
def test_a_wrong_value_anywhere_fails_every_check(name, monkeypatch):
    monkeypatch.setitem(ALGORITHMS, name, spoiled(name, twice_at_the_origin))
    for check in ("symbols", "integers", "floats", "adjoint"):
        case, complaint = next(checks.CHECKS[check](name, "conv_transpose"))
        assert complaint, (check, case)


@pytest.mark.usefixtures("unbound")
def test_nan_is_a_wrong_value(monkeypatch):
    monkeypatch.setitem(ALGORITHMS, "winograd", spoiled("winograd", nowhere_a_number))
    for check in (checks.integers, checks.floats, checks.adjoint):
        assert all(complaint for _, complaint in check("winograd", "conv_transpose"))


@pytest.mark.parametrize("name", ["scatter", "winograd"])
def test_results_that_change_with_the_threads_are_noticed(name, monkeypatch):
    monkeypatch.setitem(ALGORITHMS, name, spoiled(name, off_by_the_threads))
    complaints = [what for _, what in checks.threads(name, "conv_transpose")]
    assert all(complaints)


def test_a_failed_check_is_named_and_ends_with_status_1(monkeypatch, capsys):
    monkeypatch.setitem(ALGORITHMS, "scatter", spoiled("scatter", twice_at_the_origin))
    monkeypatch.setattr(cases, "rows", lambda: [("scatter", "conv_transpose")])
    monkeypatch.setattr(checks, "CHECKS", {"floats": checks.floats})
    monkeypatch.setattr("tconv.cli.compiling.compile_kernels", lambda console: None)
    monkeypatch.setattr("tconv.cli.speed.show", lambda console: None)
    monkeypatch.setattr(photograph, "show", lambda console: True)
    assert tour.run() == 1
    printed = capsys.readouterr().out
    assert "failed" in printed
    assert "scatter, conv_transpose, floats: Case(" in printed
    assert "A check failed" in printed


def test_document_part_notices_a_wrong_result(monkeypatch, quiet):
    assert document.show(quiet)
    monkeypatch.setitem(document.OPERATORS, "conv_transpose", lambda x, w, layout: np.zeros((3, 3), int))
    assert not document.show(quiet)


def test_photograph_part_notices_a_wrong_result(monkeypatch, quiet, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert photograph.show(quiet)
    right = photograph.upscale
    monkeypatch.setattr(photograph, "upscale", lambda *arguments: np.roll(right(*arguments), 1, axis=0))
    assert not photograph.show(quiet)


def test_goes_on_where_the_picture_cannot_be_written(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / photograph.RESULT).mkdir()
    assert photograph.show(Console(width=80))
    assert "The picture was not written" in capsys.readouterr().out


def test_without_the_image_extra_the_photograph_is_left_out(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(photograph, "find_spec", lambda name: None)
    assert photograph.show(Console(width=80))
    assert "python -m pip install pillow scikit-image" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
