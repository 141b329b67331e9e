"""Nothing outside of the arrays is read or written: they end, or begin, at memory that may not be touched."""

from __future__ import annotations

import ctypes
import mmap
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.problems import Operands, answer, axis, of, problem, shapes, small_integers, takers
from tests.strategies import large_problems, overlapping_problems, small_problems

libc = ctypes.CDLL(None) if os.name == "posix" else None
pytestmark = pytest.mark.skipif(not hasattr(libc, "mprotect"), reason="pages cannot be locked")

LOCKED = 0  # what `mprotect` takes for memory that may not be touched
STRATEGIES = {"small": small_problems, "overlapping": overlapping_problems, "large": large_problems}


def guarded(a: np.ndarray, at_end: bool) -> np.ndarray:
    """A copy between two locked pages, right before the second or right after the first."""
    page = mmap.PAGESIZE
    size = -(-a.nbytes // page) * page
    memory = np.frombuffer(mmap.mmap(-1, size + 2 * page), np.uint8)
    for start in (0, size + page):
        assert libc.mprotect(ctypes.c_void_p(memory.ctypes.data + start), ctypes.c_size_t(page), LOCKED) == 0
    start = page + (size - a.nbytes if at_end else 0)
    copy = memory[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


def in_order(a: np.ndarray, channels_last: bool, at_end: bool) -> np.ndarray:
    """The same, where channels of all groups may lie side by side."""
    if not channels_last:
        return guarded(a, at_end)
    return np.moveaxis(guarded(np.ascontiguousarray(np.moveaxis(a, (1, 2), (-2, -1))), at_end), (-2, -1), (1, 2))


def check(p, channels_last, at_end, threads):
    p = replace(p, channels_last=channels_last)
    operands = small_integers(p, 0)
    x, y = (in_order(a, channels_last, at_end) for a in (operands.x, np.empty(shapes(p)[3], p.dtype)))
    lent = Operands(x, guarded(operands.w, at_end), guarded(operands.bias, at_end))
    for name in takers(p):
        np.testing.assert_array_equal(answer(name, p, lent, threads, y), answer(name, p, operands, threads), name)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("kind", STRATEGIES)
@settings(max_examples=60)
@given(data=st.data(), channels_last=st.booleans(), threads=st.integers(1, 2))
def test_random(kind, operator, at_end, data, channels_last, threads):
    p = data.draw(STRATEGIES[kind](operator, ("float32", "float64", "complex64", "int32")))
    check(p, channels_last, at_end, threads)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("groups", [1, 8])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_long_lines(kernel, stride, groups, channels_last, operator, dtype):
    """Vectors of neighbours: the last ones would reach beyond the end."""
    along = axis(300, kernel, stride, end=-stride)
    p = of(operator, problem("conv_transpose", axis(3, 1), along, groups=groups, channels_in=8 // groups), dtype)
    check(p, channels_last, True, 1)
