"""Importing tconv costs nothing: heavy packages are loaded when something needs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tconv

HEAVY = ("numba", "llvmlite", "sympy", "scipy", "symbolic", "rich", "PIL", "matplotlib")


def loaded(code):
    """Which heavy packages a fresh process has loaded after ``code``; what it prints comes last."""
    ask = f"{code}\nimport sys\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[-2].split()


def test_import_loads_nothing_heavy():
    assert loaded("import tconv") == []
    assert loaded("import tconv, sys; assert 'numpy' not in sys.modules") == []


def test_sizes_and_errors_load_nothing_heavy():
    assert loaded("import tconv; tconv.output_size((4, 4), 4, stride=2, padding=1)") == []
    assert loaded("import tconv; tconv.errors.ShapeError; from tconv.errors import TconvError") == []
    assert loaded("import tconv; dir(tconv); hasattr(tconv, 'conv3')") == []


def test_modules_that_are_named_need_no_import_of_their_own():
    assert "numba" not in loaded("import tconv; assert callable(tconv.testing.examine); tconv.errors.TconvError")


def test_computing_needs_numba_and_nothing_symbolic():
    exact = "import tconv; tconv.conv_transpose([2**70, 1], [1, 1], layout='...')"  # nothing to compile
    found = loaded(exact)
    assert {"numba", "llvmlite"} <= set(found)
    assert set(found) <= {"numba", "llvmlite", "scipy"}  # Numba itself looks for SciPy
    assert ("scipy" in found) == ("scipy" in loaded("import numba"))


def test_what_is_compiled_runs_without_what_compiles():
    code = "import numpy as np, tconv; a = np.ones((1, 1, 2, 2), 'f4'); tconv.conv_transpose(a, a)"
    loaded(code)  # compiles, if nothing has yet
    assert "numba" in loaded(f"{code}; import sys; assert 'numba.np.arraymath' not in sys.modules")


def test_every_public_name_is_there_and_loads_late():
    for name in tconv.__all__:
        assert getattr(tconv, name) is not None
        assert name in dir(tconv)
    code = "import tconv; from tconv import conv_transpose, plan; assert callable(tconv.plan) and callable(plan)"
    assert "sympy" not in loaded(code)


def test_no_public_name_is_hidden_by_a_module():
    """Python puts an imported submodule in its package's name space, over a function of that name."""
    modules = {path.stem for path in Path(tconv.__file__).parent.iterdir()}
    assert modules & set(tconv.__all__) == {"errors", "testing"}  # modules they are


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tconv' has no attribute 'deconv'"):
        _ = tconv.deconv
