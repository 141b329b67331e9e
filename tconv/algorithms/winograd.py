"""Winograd's algorithm on the phases: fewer multiplications where taps overlap.

The phases of a transposed convolution are ordinary convolutions of stride 1, and so is an ordinary convolution of that
stride. Of such a filter with r taps, m neighbouring outputs take m + r - 1 multiplications instead of m * r, after
additions that cost little where channels are many (Winograd 1980; Lavin and Gray 2015). The transforms are derived and
proved in ``symbolic.cook_toom``; the engine multiplies.

Rounding differs from the direct sum's: an output may be off by rounding errors of its whole patch. An inf or nan would
spread over the patch, so what meets one is given to another algorithm.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from math import inf

import numpy as np

from tconv.algorithms import engine
from tconv.algorithms.cost import LIMITS, NOT_DIRECT, Cost
from tconv.algorithms.patch_tables import patched
from tconv.algorithms.patches import patchings
from tconv.geometry import Problem
from tconv.kernels.workers import Single
from tconv.memory import Flat

DTYPES = ("float32", "float64", "object")


def supports(problem: Problem) -> str | None:
    """Real numbers that can be halved, and an axis whose phases have two or three taps side by side."""
    if problem.dtype not in DTYPES:
        return f"halves weights, which {problem.dtype} does not hold" if _whole(problem) else "is for real numbers"
    if problem.accuracy not in LIMITS:
        return NOT_DIRECT
    if not any(patchings(problem)):
        return "has no transform for these taps"
    return None


def _whole(problem: Problem) -> bool:
    return np.dtype(problem.dtype).kind in "iu"


def cost(problem: Problem, threads: int) -> Cost:
    """That of the best scheme.

    Endless, so that it has to be asked for by name, where the bound on its errors is beyond the limit; and for exact
    objects, since halves would change what they are.
    """
    best = patched(problem, threads)
    found = replace(engine.cost(problem, best.scheme, threads), loss=best.loss)
    if problem.dtype == "object" or best.loss > LIMITS[problem.accuracy]:
        return replace(found, work=inf)
    return found


def prepare(problem: Problem, w: np.ndarray, threads: int) -> Flat | None:
    """The weights, transformed along each axis and packed; None if one is not finite."""
    return engine.prepare(patched(problem, threads).scheme, w, threads)


def packing_order(problem: Problem, threads: int) -> Hashable:
    """On what it depends how weights are packed."""
    return engine.rows_of(patched(problem, threads).scheme)


def forward(
    problem: Problem, packed: Flat, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Run the best scheme; False if an inf or nan was met."""
    return engine.forward(patched(problem, threads).scheme, packed, x, bias, y, threads)


def single(problem: Problem, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Single | None:
    """The engine's one kernel, where that is all."""
    return engine.single(patched(problem, threads).scheme, source, target, threads)
