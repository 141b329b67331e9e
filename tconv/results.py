"""Memory of results: a large one lies where an earlier one did that nobody holds any more.

The operating system hands out large pieces of memory anew each time, filled with zeros: many layers take no longer.
"""

from __future__ import annotations

import sys
from math import prod
from threading import Lock
from typing import Any

import numpy as np

from tconv.geometry import Sizes
from tconv.memory import CACHE_LINE, address_of
from tconv.planner import MEMORY
from tconv.typing import Array

LARGE = 2**24  # bytes; of smaller arrays the allocator keeps the memory itself
KEPT = min(2**28, MEMORY // 64)  # bytes at most that are kept, whether in use or not

_pool: list[Array] = []  # the oldest first
_lock = Lock()


def _holders(place: int) -> int:
    """How many refer to a piece of memory, results and their views among them; some are always there."""
    return sys.getrefcount(_pool[place])


def _counted() -> int:
    """How many there are of memory that nobody uses; 0 where nobody counts."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return 0
    _pool.append(np.empty(CACHE_LINE, np.uint8))
    idle = _holders(0)
    result = _within(0, (2,), np.dtype("f4"))
    view = result[1:]
    del result
    used = _holders(0)
    del view
    again = _holders(0)
    _pool.clear()
    return idle if used > idle == again else 0


def _within(place: int, shape: Sizes, dtype: np.dtype[Any]) -> Array:
    """An array at the beginning of a piece of memory, from a cache line on; it holds the piece, and so do its views."""
    memory = _pool[place]
    start = -address_of(memory) % CACHE_LINE
    size = prod(shape) * dtype.itemsize
    result: Array = memory[start : start + size].view(dtype).reshape(shape)
    return result


_IDLE = _counted()


def empty_result(shape: Sizes, dtype: np.dtype[Any]) -> Array:
    """An uninitialised array, as ``numpy.empty`` gives it."""
    size = prod(shape) * dtype.itemsize + CACHE_LINE
    if not LARGE <= size <= KEPT or dtype.hasobject or not _IDLE:
        return np.empty(shape, dtype)
    with _lock:
        for place in range(len(_pool)):
            if size <= _pool[place].size <= 2 * size and _holders(place) == _IDLE:
                return _within(place, shape, dtype)
        _pool.append(np.empty(size, np.uint8))
        while sum(memory.size for memory in _pool) > KEPT:
            del _pool[0]
        return _within(-1, shape, dtype)
