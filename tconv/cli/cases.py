"""The problems of the checks: which algorithm takes which, and what must come out, by `symbolic`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy
from sympy.tensor.array.arrayop import Flatten

import symbolic
import tconv
from tconv.algorithms import ALGORITHMS
from tconv.geometry import Axis, Operator, Problem


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


def larger(method: str) -> list[Case]:
    """Chosen by hand, for floats and threads."""
    return LONG if method == "fft" else CHOSEN + LARGER


def every(method: str) -> list[Case]:
    """The same, and the box."""
    return LONG if method == "fft" else BOX + CHOSEN + LARGER


def rows() -> list[tuple[str, Operator]]:
    """Each algorithm with each operator that it computes."""
    return [
        (name, operator)
        for name in ALGORITHMS
        for operator in OPERATORS
        if any(_takes(name, p) for p in (_line(operator, "float32"), LONG[0].problem(operator, "float32")))
    ]


def _takes(method: str, problem: Problem) -> bool:
    return ALGORITHMS[method].supports(problem) is None


def taken(method: str, operator: Operator, dtype: str, cases: Iterable[Case]) -> Iterator[Case]:
    """Those of ``cases`` that the algorithm does not refuse."""
    return (case for case in cases if _takes(method, case.problem(operator, dtype)))


def whole(method: str, operator: Operator) -> tuple[str, int]:
    """The dtype for integers, and how many bits they may have: fewer as float32, so that no sum is rounded."""
    return ("int64", 24) if _takes(method, _line(operator, "int64")) else ("float32", 5)


def _line(operator: Operator, dtype: str) -> Problem:
    """One that every algorithm takes which takes the operator and the dtype."""
    line = Axis(size_in=2, size_kernel=2, stride=1, dilation=1, crop=0, size_out=3)
    return Problem(operator, 1, 1, 1, 1, (line,), dtype)


@cache
def symbols(operator: Operator, case: Case) -> tuple[np.ndarray, ...]:
    """Symbols for x and w, and the expressions that must come out."""
    x = _as_numpy(symbolic.array("x", case.input(operator)))
    w = _as_numpy(symbolic.array("w", case.w))
    return x, w, expand(operator, case, x, w)


@cache
def integers(operator: Operator, case: Case, bits: int = 24) -> tuple[np.ndarray, ...]:
    """Random integers of so many bits for x and w, 24 of which float32 holds too, and the exact result."""
    random = np.random.default_rng(2)
    x = random.integers(-(2**bits), 2**bits, case.input(operator))
    w = random.integers(-(2**bits), 2**bits, case.w)
    return x, w, expand(operator, case, x, w)


def expand(operator: Operator, case: Case, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """What `symbolic` makes of it, as an object array."""
    route = getattr(symbolic, operator)
    return _as_numpy(route(x.tolist(), w.tolist(), layout="NC...", **case.keywords(operator)))


def _as_numpy(array: sympy.Array) -> np.ndarray:
    entries: np.ndarray = np.array(list(Flatten(array)), object).reshape(array.shape)
    return entries
