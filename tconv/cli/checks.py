"""The checks: what an algorithm computes, beside the exact expansion.

No tolerance is guessed: symbols and integers are compared exactly, floats with the bound that rounding errors obey.

Cases that an algorithm refuses are left out. One that refuses integers gets small ones as float32, in which none of
its sums is rounded: so they, too, are compared exactly. Fourier transforms round them, but not to other integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

import numba
import numpy as np
import sympy

import tconv
from tconv.cli import bounds, cases
from tconv.cli.cases import Case
from tconv.geometry import Operator

ADJOINT = {"conv_transpose": tconv.conv_transpose_input_vjp, "conv": tconv.conv_input_vjp}

Verdict = tuple[Case, str | None]  # a case, and what is wrong with it


def symbols(method: str, operator: Operator) -> Iterator[Verdict]:
    """The Python body of the kernel, on symbols, gives the polynomials of `symbolic`: differences 0."""
    for case in cases.taken(method, operator, "object", cases.BOX + cases.CHOSEN):
        x, w, expected = cases.symbols(operator, case)
        y = _compute(method, operator, case, x, w)
        yield case, _first_wrong(expected, y, [sympy.expand(d) != 0 for d in (y - expected).flat])


def integers(method: str, operator: Operator) -> Iterator[Verdict]:
    """The compiled kernel, on integers, gives the exact result."""
    dtype, bits = cases.whole(method, operator)
    for case in cases.taken(method, operator, dtype, cases.every(method)):
        x, w, expected = cases.integers(operator, case, bits)
        y = _rounded(method, _compute(method, operator, case, x.astype(dtype), w.astype(dtype)))
        yield case, _first_wrong(expected, y, (_exact(y) != expected).flat)


def floats(method: str, operator: Operator) -> Iterator[Verdict]:
    """The compiled kernel, on random floats, is as near to the exact result as rounding errors must be."""
    bound = {"winograd": bounds.patched, "fft": bounds.spectral}.get(method, bounds.direct)
    for case in cases.taken(method, operator, "float32", cases.larger(method)):
        x, w, expected = cases.integers(operator, case)
        y = _compute(method, operator, case, x.astype(np.float32), w.astype(np.float32))
        yield case, _first_wrong(expected, y, (abs(_exact(y) - expected) > bound(operator, case)).flat)


def adjoint(method: str, operator: Operator) -> Iterator[Verdict]:
    """<A x, g> = <x, A' g> for integers, where A' is the other operator with the same weights."""
    dtype, bits = cases.whole(method, operator)
    for case in cases.taken(method, operator, dtype, cases.larger(method)):
        x, w = (a.astype(dtype) for a in cases.integers(operator, case, bits)[:2])
        y = _rounded(method, _compute(method, operator, case, x, w))
        g = np.random.default_rng(1).integers(-100, 100, y.shape).astype(dtype)
        back = ADJOINT[operator](g, w, input_size=x.shape[2:], **case.keywords(operator))
        there, and_back = (np.vdot(a.astype(object), b.astype(object)) for a, b in ((y, g), (x, back)))
        yield case, None if there == and_back else f"<A x, g> = {there}, but <x, A' g> = {and_back}"


def threads(method: str, operator: Operator) -> Iterator[Verdict]:
    """One thread and all threads give the same bits."""
    random = np.random.default_rng(0)
    several = (*cases.larger(method), *cases.LARGEST) if numba.config.NUMBA_NUM_THREADS > 1 else ()
    for case in cases.taken(method, operator, "float32", several):
        x = random.standard_normal(case.input(operator), np.float32)
        w = random.standard_normal(case.w, np.float32)
        one, all_threads = (
            _compute(method, operator, case, x, w, threads=n) for n in (1, numba.config.NUMBA_NUM_THREADS)
        )
        yield case, _first_wrong(one, all_threads, (one.view(np.int32) != all_threads.view(np.int32)).flat)


CHECKS: dict[str, Callable[[str, Operator], Iterator[Verdict]]] = {
    "symbols": symbols,
    "integers": integers,
    "floats": floats,
    "adjoint": adjoint,
    "threads": threads,
}


def _compute(method: str, operator: Operator, case: Case, x: Any, w: Any, **more: Any) -> np.ndarray:
    y: np.ndarray = getattr(tconv, operator)(x, w, method=method, **case.keywords(operator), **more)
    return y


def _rounded(method: str, y: np.ndarray) -> np.ndarray:
    """The nearest integers, if that is how ``method`` has to be read."""
    return np.rint(y) if method == "fft" else y


def _exact(y: np.ndarray) -> np.ndarray:
    """The same numbers as SymPy's, to which 2.0 is not 2; what is not finite is infinitely far off."""
    numbers = [sympy.Rational(value) if isfinite(value) else sympy.oo for value in y.ravel().tolist()]
    return np.array(numbers, object).reshape(y.shape)


def _first_wrong(expected: np.ndarray, y: np.ndarray, wrong: Any) -> str | None:
    if y.shape != expected.shape:
        return f"the result has shape {y.shape}, not {expected.shape}"
    places = np.flatnonzero(list(wrong))
    if not places.size:
        return None
    place = tuple(int(n) for n in np.unravel_index(places[0], y.shape))
    return f"{places.size} of {y.size} values are wrong, first y{list(place)}: {y[place]}, not {expected[place]}"
