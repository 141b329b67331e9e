"""Operands with their spatial axes flattened into one: one compiled kernel then serves any number of axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from tconv.geometry import Problem


def flattened(operand: np.ndarray) -> np.ndarray:
    """``operand[a, b, c, *space]`` as ``[a, b, c, position]``, contiguous; a copy only where it must be.

    Compiled code tells read-only and unaligned arrays from others and would be built anew for them.
    """
    return np.require(operand.reshape(*operand.shape[:3], -1), requirements=["C", "A", "W"])


@contextmanager
def flat_result(y: np.ndarray) -> Iterator[np.ndarray]:
    """A contiguous ``[batch, groups, channels_out, position]`` to fill; then ``y`` holds what is in it."""
    filled = y if y.flags.carray else np.empty(y.shape, y.dtype)
    yield filled.reshape(*y.shape[:3], -1)
    if filled is not y:
        y[...] = filled


def bias_or_zero(bias: np.ndarray | None, problem: Problem) -> np.ndarray:
    """``bias[groups, channels_out]``; the integer 0 of the problem's dtype where there is none."""
    if bias is None:
        return np.zeros((problem.groups, problem.channels_out), problem.dtype)
    return np.require(bias, requirements=["C", "A", "W"])


def operand_bytes(problem: Problem) -> int:
    """Bytes of x, w and y together."""
    x = problem.batch * problem.channels_in * prod(a.size_in for a in problem.axes)
    w = problem.channels_in * problem.channels_out * prod(a.size_kernel for a in problem.axes)
    y = problem.batch * problem.channels_out * prod(a.size_out for a in problem.axes)
    return problem.groups * (x + w + y) * np.dtype(problem.dtype).itemsize


def coordinates(sizes: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The coordinates of every position of an array of ``sizes``, in order: ``[position, axis]``.

    Examples
    --------
    >>> coordinates((2, 2)).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.ascontiguousarray(np.indices(sizes, np.int64).reshape(len(sizes), -1).T)
