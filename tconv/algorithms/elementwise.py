"""What algorithms share that go element by element: what they take, and how their kernels are run.

Operands have their spatial axes flattened into one: one compiled kernel then serves any number of axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from tconv.algorithms.cost import Cost, operand_bytes
from tconv.geometry import Problem
from tconv.kernels.launch import launch
from tconv.taps import operations

SECONDS_PER_CALL = 50e-6  # in Python, before the loops start
# Of one thread, those that are cropped or lie outside the input too. Measured on a Zen 4 core, float32 to complex128,
# 1-D to 3-D: 1.4e8 to 5e8.
TAPS_PER_SECOND = 2.5e8


def cost(problem: Problem, threads: int, positions: int) -> Cost:
    """Time goes by the taps of so many positions, whether they meet anything or not."""
    kernel = prod(a.size_kernel for a in problem.axes)
    planes = problem.batch * problem.groups * problem.channels_out
    return Cost(
        operations=operations(problem),
        bytes_moved=operand_bytes(problem),
        workspace=8 * len(problem.axes) * (positions + kernel),  # the tables of coordinates
        work=SECONDS_PER_CALL + planes * problem.channels_in * positions * kernel / TAPS_PER_SECOND,
        workers=min(threads, planes),
    )


def flattened(operand: np.ndarray) -> np.ndarray:
    """``operand[a, b, c, *space]`` as ``[a, b, c, position]``, contiguous; a copy only where it must be.

    Compiled code tells read-only and unaligned arrays from others and would be built anew for them.
    """
    return np.require(operand.reshape(*operand.shape[:3], -1), requirements=["C", "A", "W"])


def run(
    kernel: Callable[..., None],
    threads: int,
    problem: Problem,
    x: np.ndarray,
    packed: np.ndarray,
    bias: np.ndarray | None,
    tables: Sequence[np.ndarray],
    y: np.ndarray,
) -> bool:
    """Run ``kernel`` on contiguous operands; returns True, as it takes all values."""
    written = y if y.flags.carray else np.empty(y.shape, y.dtype)
    bias = _bias_or_zero(bias, problem)
    result = written.reshape(*y.shape[:3], -1)
    launch(kernel, threads, problem.dtype == "object", flattened(x), packed, bias, *tables, result)
    if written is not y:
        y[...] = written
    return True


def _bias_or_zero(bias: np.ndarray | None, problem: Problem) -> np.ndarray:
    """``bias[groups, channels_out]``; the integer 0 of the problem's dtype where there is none."""
    if bias is None:
        return np.zeros((problem.groups, problem.channels_out), problem.dtype)
    return np.require(bias, requirements=["C", "A", "W"])


def coordinates(sizes: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The coordinates of every position of an array of ``sizes``, in order: ``[position, axis]``.

    Examples
    --------
    >>> coordinates((2, 2)).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.ascontiguousarray(np.indices(sizes, np.int64).reshape(len(sizes), -1).T)
