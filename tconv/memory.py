"""Arrays as kernels see them: one-dimensional memory, and steps counted in elements."""

from __future__ import annotations

from threading import local
from typing import Any

import numpy as np

KEPT = 64 * 2**20  # bytes of workspace that a thread keeps from one call to the next, and as many for packed weights
LENT = 4  # pieces of memory that are kept at most

_kept = local()


class _Memory:
    """Memory to be seen as an array: a read-only one too, since compiled code would be built anew for it."""

    def __init__(self, array: np.ndarray, extent: int) -> None:
        self.owner = array
        self.__array_interface__: dict[str, Any] = {
            "version": 3,
            "data": (array.__array_interface__["data"][0], False),
            "typestr": array.dtype.str,
            "shape": (extent,),
        }


def flat(array: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """The memory that ``array`` views, from its first element on, and its steps; never a copy.

    No step may be negative (see ``ascending``), each must be a whole number of elements.
    """
    steps = tuple(stride // array.itemsize for stride in array.strides)
    if array.flags.carray:
        return array.reshape(-1), steps
    extent = 1 + sum((size - 1) * step for size, step in zip(array.shape, steps, strict=True))
    if array.dtype.hasobject:
        return np.lib.stride_tricks.as_strided(array, (extent,), (array.itemsize,)), steps
    return np.asarray(_Memory(array, extent)), steps


def ascending(array: np.ndarray) -> np.ndarray:
    """``array``, or a copy of it if an axis runs backwards through memory or elements are not aligned."""
    return array if array.flags.aligned and min(array.strides) >= 0 else array.copy()


def aligned_empty(size: int, dtype: np.dtype) -> np.ndarray:
    """Uninitialised memory that begins at a cache line, so that vectors do not straddle two.

    Exact objects get zeros: what unused lanes compute is dropped, but must be a number.
    """
    if dtype.hasobject:
        return np.zeros(size, dtype)
    raw = np.empty(size * dtype.itemsize + 64, np.uint8)
    start = -raw.__array_interface__["data"][0] % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)


def workspace(size: int, dtype: np.dtype) -> np.ndarray:
    """Memory for the time of one call: the last call's, if it is large enough.

    New memory costs a page fault for each 4 KiB, as much as half of what a small layer takes.
    """
    if dtype.hasobject or size * dtype.itemsize > KEPT:
        return aligned_empty(size, dtype)
    memory: np.ndarray | None = getattr(_kept, "memory", None)
    if memory is None or memory.size < size * dtype.itemsize:
        memory = _kept.memory = aligned_empty(size * dtype.itemsize, np.dtype(np.uint8))
    return memory[: size * dtype.itemsize].view(dtype)


class Recycling:
    """While this is entered, what `lent_empty` gives is memory of earlier times, and kept for the next at the end."""

    def __enter__(self) -> None:
        _kept.lent = []

    def __exit__(self, *_: object) -> None:
        pool, room = [], KEPT
        for memory in [*_kept.lent, *getattr(_kept, "pool", ())][:LENT]:
            if memory.size <= room:
                pool.append(memory)
                room -= memory.size
        _kept.lent, _kept.pool = None, pool


def lent_empty(size: int, dtype: np.dtype) -> np.ndarray:
    """The same as `aligned_empty`, but within `Recycling` it must not be used any more once that ends."""
    lent = getattr(_kept, "lent", None)
    if lent is None or dtype.hasobject:
        return aligned_empty(size, dtype)
    pool: list[np.ndarray] = getattr(_kept, "pool", [])
    enough = [n for n, memory in enumerate(pool) if memory.size >= size * dtype.itemsize]
    if enough:
        memory = pool.pop(min(enough, key=lambda n: pool[n].size))
    else:
        memory = aligned_empty(size * dtype.itemsize, np.dtype(np.uint8))
    lent.append(memory)
    return memory[: size * dtype.itemsize].view(dtype)
