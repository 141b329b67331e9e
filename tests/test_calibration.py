"""Rates: kept and read again or not at all; and fitted so that predictions come closer to what was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from math import exp, inf

import numpy as np
import pytest

from tconv import calibration, cli
from tconv.algorithms import rates
from tconv.algorithms.rates import GRANITE_RAPIDS, RATES, ZEN_4, ZEN_4_NARROW, ZEN_5, Rates
from tconv.calibration import Sample, calibrate, draw, fit, ways
from tconv.cli import calibrate as command


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Where rates are kept for the time of a test."""
    monkeypatch.setenv("TCONV_CACHE_DIR", str(tmp_path))
    assert rates.file().parent == tmp_path
    return rates.file()


def test_what_is_written_is_read(kept):
    assert rates.read() is None
    rates.write(ZEN_4_NARROW)
    assert rates.read() == ZEN_4_NARROW
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said.pop("tap"),
        lambda said: said.update(another=1.0),
        lambda said: said.update(tap=0.0),
        lambda said: said.update(tap="quick"),
        lambda said: said.update(panel=[1.0, 2.0]),
    ],
)
def test_what_another_version_wrote_is_not_read(spoil, kept):
    rates.write(ZEN_4_NARROW)
    said = json.loads(kept.read_text())
    spoil(said)
    kept.write_text(json.dumps(said))
    assert rates.read() is None


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"tap": 1}', "\xff"])
def test_a_file_that_holds_no_rates_is_not_read(text, kept):
    kept.write_text(text, "latin-1")
    assert rates.read() is None


def test_where_they_are_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("TCONV_CACHE_DIR")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert rates.file().parent == tmp_path / "tconv"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert rates.file().parent == tmp_path / "local" / "tconv"


def test_values_name_every_rate():
    for row in (GRANITE_RAPIDS, ZEN_4_NARROW, ZEN_4, ZEN_5):
        assert Rates.of(row.values()) == row
        assert min(row.values().values()) > 0


def test_problems_are_the_same_every_time_and_none_comes_twice():
    problems = list(draw(40))
    assert problems == list(draw(40))
    assert len(set(problems)) == 40
    assert {len(p.axes) for p in problems} == {1, 2, 3}
    assert {p.operator for p in problems} == {"conv", "conv_transpose"}


def test_every_way_is_predicted():
    for problem in islice(draw(12), 3):
        found = list(ways(problem, 1))
        assert len(found) > 3
        assert all(way.predict() > 0 for way in found)
        assert len({way.name for way in found}) == len(found)


def pretended(true):
    """Ways of a few problems, as if they took what ``true`` rates predict, give or take a tenth."""
    found = [way for problem in draw(24) for way in ways(problem, 1)]
    before = RATES.values()
    random = np.random.default_rng(0)
    calibration._suppose(true.values())
    samples = [Sample(way, way.predict() * exp(random.normal(0, 0.1))) for way in found if way.predict() < inf]
    calibration._suppose(before)
    return samples


def test_predictions_come_close_to_what_was_measured(monkeypatch):
    monkeypatch.setattr(calibration, "LEAST", 2**16)
    monkeypatch.setattr(calibration, "MOST", 2**20)
    before = RATES.values()
    true = Rates.of({key: value * (4 if len(key[0]) % 2 else 0.5) for key, value in before.items()})
    found = fit(pretended(true), {key: value for key, value in true.values().items() if key[0] == "panel"})
    assert found.before > 1.4
    assert found.after < 1.15
    assert 1 <= found.lost_after < found.lost_before > 1.1
    assert found.rates.panel == pytest.approx(true.panel)
    assert RATES.values() == before  # of this process


def test_a_calibration_from_beginning_to_end(monkeypatch, kept, capsys):
    monkeypatch.setattr(calibration, "LEAST", 2**14)
    monkeypatch.setattr(calibration, "MOST", 2**18)
    monkeypatch.setattr(calibration, "tiles", lambda threads: {("panel", 0): 3.0})
    seen = []
    found = calibrate(4, 1, lambda *progress: seen.append(progress))
    assert seen == [(done, 4) for done in range(5)]
    assert found.samples > 10
    assert 1 < found.after < 5
    assert min(found.lost_before, found.lost_after) >= 1
    assert cli.main(["calibrate", "--problems", "3"]) == 0
    said = capsys.readouterr().out
    assert " measurements: predictions were off by a factor of " in said
    assert (str(kept) in said) == (rates.read() is not None)
    kept.unlink(missing_ok=True)
    for lost, is_kept in ((1.2, False), (1.05, True)):
        measured = replace(found, lost_before=1.1, lost_after=lost)
        monkeypatch.setattr(command, "calibrate", lambda *given, measured=measured: measured)
        assert cli.main(["calibrate", "--problems", "3"]) == 0
        assert (str(kept) in capsys.readouterr().out) == is_kept == (rates.read() is not None)
    assert cli.main(["info"]) == 0
    assert f"measured, in {kept}" in capsys.readouterr().out
    assert cli.main(["calibrate", "--forget"]) == cli.main(["calibrate", "--forget"]) == 0
    assert rates.read() is None


def test_tiles_take_longer_the_more_rows_they_have():
    found = calibration.tiles(1)
    assert set(found) <= {("narrow", 0), *(("panel", place) for place in range(4))}
    assert max(found.values()) > min(found.values()) > 0
