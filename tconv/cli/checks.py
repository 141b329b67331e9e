"""Part 2 of the tour: every algorithm against `symbolic`, the exact expansion.

An algorithm with an operator makes a row, five checks the columns. No tolerance is guessed: symbols and
integers are compared exactly, floats with the bound that rounding errors obey.

Cases that an algorithm refuses are left out. One that refuses integers gets small ones as float32, in which none of
its sums is rounded: so they, too, are compared exactly. Fourier transforms round them, but not to other integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from math import isfinite, isqrt
from typing import Any

import numba
import numpy as np
import sympy
from rich import box
from rich.console import Console
from rich.table import Table
from sympy.tensor.array.arrayop import Flatten

import symbolic
import tconv
from tconv.algorithms import ALGORITHMS
from tconv.algorithms.patch_tables import patched
from tconv.cli.waiting import progress
from tconv.geometry import Axis, Operator, Problem
from tconv.transforms import TRANSFORMS


@dataclass(frozen=True)
class Case:
    """A transposed convolution, by the shapes of x and w. As an ordinary one it goes back with the same w."""

    x: tuple[int, ...]
    w: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    output_padding: int = 0

    def keywords(self, operator: Operator) -> dict[str, Any]:
        """The keyword arguments of a call."""
        words = {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }
        return {**words, "output_padding": self.output_padding} if operator == "conv_transpose" else words

    def input(self, operator: Operator) -> tuple[int, ...]:
        """The shape of what goes in."""
        if operator == "conv_transpose":
            return self.x
        sizes = tconv.output_size(
            self.x[2:],
            self.w[2:],
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            output_padding=self.output_padding,
        )
        return (self.x[0], self.w[1] * self.groups, *sizes)

    def problem(self, operator: Operator, dtype: str) -> Problem:
        """What an algorithm has to compute."""
        return tconv.plan(self.input(operator), self.w, dtype, operator=operator, **self.keywords(operator)).problem


# Every case on a line up to these sizes whose output is not empty.
BOX = [
    Case((1, 1, i), (1, 1, k), s, p, d)
    for i, k, s, p, d in product((1, 2, 3), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2))
    if (i - 1) * s + (k - 1) * d + 1 - 2 * p > 0
]
DOCUMENT = Case((1, 1, 2, 2), (1, 1, 2, 2))
CHOSEN = [
    DOCUMENT,
    Case((2, 2, 3, 2), (2, 3, 2, 3), stride=2, padding=1, output_padding=1),
    Case((1, 4, 3, 3), (4, 1, 3, 3), stride=2, padding=1, groups=2),
    Case((1, 2, 2, 3, 2), (2, 2, 2, 2, 3), stride=2, dilation=2),
    Case((1, 1, 2, 2, 2, 2), (1, 1, 2, 2, 2, 2), stride=2),
    Case((1, 1, 3, 4), (1, 2, 3, 3), padding=1),
    Case((1, 2, 2, 5), (2, 1, 5, 4), stride=2, padding=1),
    Case((1, 2, 3, 4), (2, 1, 3, 3), padding=1, groups=2),
]
LARGER = [
    Case((1, 4, 7, 5), (4, 3, 4, 4), stride=2, padding=1),
    Case((1, 4, 5, 6), (4, 2, 3, 5), stride=3, padding=1, groups=2, output_padding=2),
    Case((1, 3, 4, 5, 4), (3, 2, 2, 3, 2), stride=2, dilation=2),
    Case((3, 2, 21), (2, 5, 9), stride=4, padding=2),
    Case((2, 3, 5), (3, 2, 32), stride=16, padding=8),
    Case((2, 4, 1, 1), (4, 16, 4, 4)),
    Case((1, 2, 3, 3, 3, 3), (2, 2, 2, 2, 2, 2), stride=2),
    Case((2, 4, 7, 9), (4, 6, 3, 3), padding=1),
    Case((1, 3, 3, 4, 5), (3, 2, 3, 3, 3), padding=1),
    Case((2, 3, 9, 7), (3, 1, 4, 4), stride=2, padding=1, groups=3),
    Case((1, 3, 7, 40), (3, 1, 3, 5), padding=1, groups=3),
    Case((2, 2, 3, 4, 5), (2, 1, 3, 3, 3), padding=1, groups=2),
]
# So many taps that Fourier transforms pay.
LONG = [
    Case((2, 2, 25), (2, 3, 50), stride=2, padding=11),
    Case((1, 4, 9, 8), (4, 2, 6, 7), padding=2, groups=2),
    Case((1, 2, 7, 6), (2, 2, 10, 12), stride=2, output_padding=1),
    Case((1, 2, 30), (2, 2, 31), dilation=3, padding=40),
]
# Enough work for every thread.
LARGEST = (
    Case((4, 16, 40, 40), (16, 12, 4, 4), stride=2, padding=1),
    Case((4, 16, 40, 40), (16, 12, 3, 3), padding=1),
    Case((4, 16, 40, 40), (16, 1, 3, 3), padding=1, groups=16),
)

OPERATORS: tuple[Operator, ...] = ("conv_transpose", "conv")
ADJOINT = {"conv_transpose": tconv.conv_transpose_input_vjp, "conv": tconv.conv_input_vjp}

Verdict = tuple[Case, str | None]  # a case, and what is wrong with it


def _compute(method: str, operator: Operator, case: Case, x: Any, w: Any, **more: Any) -> np.ndarray:
    y: np.ndarray = getattr(tconv, operator)(x, w, method=method, **case.keywords(operator), **more)
    return y


def _expand(operator: Operator, case: Case, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """What `symbolic` makes of it, as an object array."""
    route = getattr(symbolic, operator)
    return _as_numpy(route(x.tolist(), w.tolist(), layout="NC...", **case.keywords(operator)))


def _as_numpy(array: sympy.Array) -> np.ndarray:
    entries: np.ndarray = np.array(list(Flatten(array)), object).reshape(array.shape)
    return entries


@cache
def _symbols(operator: Operator, case: Case) -> tuple[np.ndarray, ...]:
    """Symbols for x and w, and the expressions that must come out."""
    x = _as_numpy(symbolic.array("x", case.input(operator)))
    w = _as_numpy(symbolic.array("w", case.w))
    return x, w, _expand(operator, case, x, w)


@cache
def _integers(operator: Operator, case: Case, bits: int = 24) -> tuple[np.ndarray, ...]:
    """Random integers of so many bits for x and w, 24 of which float32 holds too, and the exact result."""
    random = np.random.default_rng(2)
    x = random.integers(-(2**bits), 2**bits, case.input(operator))
    w = random.integers(-(2**bits), 2**bits, case.w)
    return x, w, _expand(operator, case, x, w)


def _takes(method: str, problem: Problem) -> bool:
    return ALGORITHMS[method].supports(problem) is None


def _taken(method: str, operator: Operator, dtype: str, cases: Iterable[Case]) -> Iterator[Case]:
    """Those of ``cases`` that the algorithm does not refuse."""
    return (case for case in cases if _takes(method, case.problem(operator, dtype)))


def _whole(method: str, operator: Operator) -> tuple[str, int]:
    """The dtype for integers, and how many bits they may have: fewer as float32, so that no sum is rounded."""
    return ("int64", 24) if _takes(method, _line(operator, "int64")) else ("float32", 5)


def _rounded(method: str, y: np.ndarray) -> np.ndarray:
    """The nearest integers, if that is how ``method`` has to be read."""
    return np.rint(y) if method == "fft" else y


def _exact(y: np.ndarray) -> np.ndarray:
    """The same numbers as SymPy's, to which 2.0 is not 2; what is not finite is infinitely far off."""
    numbers = [sympy.Rational(value) if isfinite(value) else sympy.oo for value in y.ravel().tolist()]
    return np.array(numbers, object).reshape(y.shape)


def _gamma(roundings: int) -> Fraction:
    """Of so many roundings to float32: ``n*u / (1 - n*u)``, ``u = 2**-24``."""
    return Fraction(roundings, 2**24 - roundings)


@cache
def _rounding_bound(operator: Operator, case: Case) -> np.ndarray:
    """How far float32 may be off in a direct sum: ``gamma(n) * sum |x||w|``.

    `n` is the number of products in an output (Higham, Accuracy and Stability of Numerical Algorithms, 2002,
    section 3.1).
    """
    x, w, _ = _integers(operator, case)
    terms = _expand(operator, case, np.ones_like(x), np.ones_like(w))
    size = _expand(operator, case, abs(x), abs(w))
    gamma = np.array([_gamma(int(n)) for n in terms.flat], object).reshape(terms.shape)
    bound: np.ndarray = gamma * size
    return bound


@cache
def _patched_bound(operator: Operator, case: Case) -> Fraction:
    """The same for Winograd's algorithm, in which an output is off by roundings of its whole patch.

    So it goes by the largest of x and w: by ``gamma(n) * channels * max |x| * max |w|``, and for each axis by the taps
    times what their transform amplifies (see ``tconv.transforms``). A term meets a rounding for each channel, and on
    each axis at most 9: three matrices add up three terms at most, whose coefficients are halves or integers.
    """
    x, w, _ = _integers(operator, case)
    problem = case.problem(operator, "float32")
    size = Fraction(problem.channels_in * int(abs(x).max()) * int(abs(w).max()))
    for axis in patched(problem, 1).axes:
        if axis.outputs > 1:
            taps = [family.size for family in axis.families]
            size *= max(n * Fraction(TRANSFORMS[axis.outputs, n].amplification) for n in taps)
    return _gamma(problem.channels_in + 9 * len(problem.axes)) * size


@cache
def _spectral_bound(operator: Operator, case: Case) -> Fraction:
    """The same for Fourier transforms, in which an output is off by roundings of its whole block.

    By at most 20 for each of its levels, and one for each channel, of the product of what both operands hold in all
    (see ``tconv.algorithms.fft``); twice, for the products of these.
    """
    x, w, _ = _integers(operator, case)
    channels_in = case.problem(operator, "float32").channels_in
    levels = (x[0, 0].size + 2 * w[0, 0].size * case.dilation * case.stride).bit_length() + len(x.shape)
    size = (
        channels_in * (isqrt(int(x.size * abs(x).max() ** 2)) + 1) * (isqrt(int(w[0, 0].size * abs(w).max() ** 2)) + 1)
    )
    return 2 * _gamma(20 * levels + channels_in) * size


def symbols(method: str, operator: Operator) -> Iterator[Verdict]:
    """The Python body of the kernel, on symbols, gives the polynomials of `symbolic`: differences 0."""
    for case in _taken(method, operator, "object", BOX + CHOSEN):
        x, w, expected = _symbols(operator, case)
        y = _compute(method, operator, case, x, w)
        yield case, _first_wrong(expected, y, [sympy.expand(d) != 0 for d in (y - expected).flat])


def integers(method: str, operator: Operator) -> Iterator[Verdict]:
    """The compiled kernel, on integers, gives the exact result."""
    dtype, bits = _whole(method, operator)
    for case in _taken(method, operator, dtype, _every(method)):
        x, w, expected = _integers(operator, case, bits)
        y = _rounded(method, _compute(method, operator, case, x.astype(dtype), w.astype(dtype)))
        yield case, _first_wrong(expected, y, (_exact(y) != expected).flat)


def floats(method: str, operator: Operator) -> Iterator[Verdict]:
    """The compiled kernel, on random floats, is as near to the exact result as rounding errors must be."""
    bound = {"winograd": _patched_bound, "fft": _spectral_bound}.get(method, _rounding_bound)
    for case in _taken(method, operator, "float32", _larger(method)):
        x, w, expected = _integers(operator, case)
        y = _compute(method, operator, case, x.astype(np.float32), w.astype(np.float32))
        yield case, _first_wrong(expected, y, (abs(_exact(y) - expected) > bound(operator, case)).flat)


def adjoint(method: str, operator: Operator) -> Iterator[Verdict]:
    """<A x, g> = <x, A' g> for integers, where A' is the other operator with the same weights."""
    dtype, bits = _whole(method, operator)
    for case in _taken(method, operator, dtype, _larger(method)):
        x, w = (a.astype(dtype) for a in _integers(operator, case, bits)[:2])
        y = _rounded(method, _compute(method, operator, case, x, w))
        g = np.random.default_rng(1).integers(-100, 100, y.shape).astype(dtype)
        back = ADJOINT[operator](g, w, input_size=x.shape[2:], **case.keywords(operator))
        there, and_back = (np.vdot(a.astype(object), b.astype(object)) for a, b in ((y, g), (x, back)))
        yield case, None if there == and_back else f"<A x, g> = {there}, but <x, A' g> = {and_back}"


def threads(method: str, operator: Operator) -> Iterator[Verdict]:
    """One thread and all threads give the same bits."""
    random = np.random.default_rng(0)
    cases = (*_larger(method), *LARGEST) if numba.config.NUMBA_NUM_THREADS > 1 else ()
    for case in _taken(method, operator, "float32", cases):
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


def _larger(method: str) -> list[Case]:
    return LONG if method == "fft" else CHOSEN + LARGER


def _every(method: str) -> list[Case]:
    return LONG if method == "fft" else BOX + CHOSEN + LARGER


def _first_wrong(expected: np.ndarray, y: np.ndarray, wrong: Any) -> str | None:
    if y.shape != expected.shape:
        return f"the result has shape {y.shape}, not {expected.shape}"
    places = np.flatnonzero(list(wrong))
    if not places.size:
        return None
    place = tuple(int(n) for n in np.unravel_index(places[0], y.shape))
    return f"{places.size} of {y.size} values are wrong, first y{list(place)}: {y[place]}, not {expected[place]}"


def rows() -> list[tuple[str, Operator]]:
    """Each algorithm with each operator that it computes."""
    return [
        (name, operator)
        for name in ALGORITHMS
        for operator in OPERATORS
        if any(_takes(name, p) for p in (_line(operator, "float32"), LONG[0].problem(operator, "float32")))
    ]


def _line(operator: Operator, dtype: str) -> Problem:
    """One that every algorithm takes which takes the operator and the dtype."""
    line = Axis(size_in=2, size_kernel=2, stride=1, dilation=1, crop=0, size_out=3)
    return Problem(operator, 1, 1, 1, 1, (line,), dtype)


def show(console: Console) -> bool:
    """Run all checks, print them as a table, and say whether all have passed."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("algorithm", no_wrap=True)
    table.add_column("operator", no_wrap=True)
    for name in CHECKS:
        table.add_column(name, justify="right")
    failures = []
    with progress(console) as bar:
        task = bar.add_task("", total=len(rows()) * len(CHECKS))
        for method, operator in rows():
            cells = []
            for name, check in CHECKS.items():
                bar.update(task, description=f"{method}, {name}")
                verdicts = list(check(method, operator))
                wrong = [f"{method}, {operator}, {name}: {case}: {what}" for case, what in verdicts if what]
                cells.append(_cell(len(verdicts), len(wrong)))
                failures += wrong
                bar.advance(task)
            table.add_row(method, operator, *cells)
    console.print(table)
    console.print(
        "The numbers count problems that came out right: exactly on symbols and on integers, within the "
        "proved bound on floats, with <A x, g> = <x, A' g> on integers (adjoint), with the same bits on one "
        f"thread and on {numba.config.NUMBA_NUM_THREADS} (threads). Each algorithm gets those that it takes.",
        highlight=False,
    )
    for failure in failures[:5]:
        console.print(failure, style="red", highlight=False)
    return not failures


def _cell(total: int, wrong: int) -> str:
    if wrong:
        return f"[bold red]{wrong} of {total} failed[/]"
    return f"[green]{total}[/]" if total else "-"
