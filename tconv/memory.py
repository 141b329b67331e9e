"""Arrays as kernels see them: one-dimensional memory, and steps counted in elements."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_size_t, sizeof
from functools import lru_cache
from math import prod
from threading import local
from typing import NamedTuple

import numpy as np

KEPT = 64 * 2**20  # bytes that a thread keeps from call to call: of scratch, of copied inputs, of packed weights
CACHE_LINE = 64  # bytes
OBJECT_BYTES = object.__basicsize__  # with which every Python object begins; NumPy's address comes next
LENT = 4  # pieces of memory that are kept at most

_kept = local()


def _asked(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _read(array: np.ndarray) -> int:
    return c_size_t.from_address(id(array) + OBJECT_BYTES).value


def _agree() -> bool:
    """Whether arrays of this NumPy begin with their address, as they do since its first version."""
    if sys.implementation.name != "cpython" or np.ndarray.__basicsize__ < OBJECT_BYTES + sizeof(c_size_t):
        return False
    whole = np.zeros(64)
    return all(_read(array) == _asked(array) for array in (whole, whole[5:], whole.reshape(8, 8).T[3:, ::2]))


READABLE = _agree()
address_of = _read if READABLE else _asked
"""Where an array's first element lies. NumPy takes as long to say so as a tiny layer to compute; one reads it."""


class Flat:
    """One-dimensional memory, from an array's first element on; complex numbers are two real ones each."""

    __slots__ = ("address", "dtype", "owner", "size")

    def __init__(self, owner: np.ndarray, extent: int) -> None:
        self.owner = owner
        self.address = address_of(owner)
        self.dtype = owner.dtype
        self.size = extent
        if self.dtype.kind == "c":
            self.dtype = np.empty(0, owner.dtype).real.dtype
            self.size = 2 * extent

    @property
    def array(self) -> np.ndarray:
        """The same as an array."""
        extent = self.size * self.dtype.itemsize // self.owner.itemsize
        flat = np.lib.stride_tricks.as_strided(self.owner, (extent,), (self.owner.itemsize,))
        return flat.view(self.dtype) if self.owner.dtype.kind == "c" else flat


@lru_cache(maxsize=512)
def _steps(sizes: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> tuple[tuple[int, ...], int]:
    """Strides in elements, and the array's extent."""
    steps = tuple(stride // itemsize for stride in strides)
    return steps, extent(sizes, steps)


def extent(sizes: Sequence[int], steps: Sequence[int]) -> int:
    """How many elements lie from the first of an array to its last, with these sizes and steps."""
    return 1 + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True)) if prod(sizes) else 0


def flat(array: np.ndarray) -> tuple[Flat, tuple[int, ...]]:
    """The memory that ``array`` views, from its first element on, and its steps; never a copy.

    No step may be negative (see ``ascending``), each must be a whole number of elements.
    """
    steps, extent = _steps(array.shape, array.strides, array.itemsize)
    return Flat(array, extent), steps


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
    start = -address_of(raw) % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)


class Workspace(NamedTuple):
    """Memory of one call."""

    memory: np.ndarray  # bytes, from a cache line on
    address: int

    def array(self, size: int, dtype: np.dtype) -> np.ndarray:
        """Its beginning."""
        return self.memory[: size * dtype.itemsize].view(dtype)

    @classmethod
    def of(cls, size: int) -> Workspace:
        """New memory."""
        memory = aligned_empty(-(-size // CACHE_LINE) * CACHE_LINE, np.dtype(np.uint8))
        return cls(memory, address_of(memory))


def workspace(use: str, size: int) -> Workspace:
    """So many bytes for the time of one call: the last call's, if they are enough. `give_back` them.

    New memory costs a page fault for each 4 KiB, as much as half of what a small layer takes.
    """
    kept: Workspace | None = getattr(_kept, use, None)
    if kept is None or kept.memory.size < size:
        return Workspace.of(size)
    setattr(_kept, use, None)  # whatever interrupts this call must not get it, too
    return kept


def give_back(use: str, memory: Workspace) -> None:
    """Keep it for the next call of this thread."""
    if memory.memory.size <= KEPT:
        setattr(_kept, use, memory)


class Recycling:
    """While this is entered, what `lent_empty` gives is memory of earlier times, and kept for the next at the end."""

    def __enter__(self) -> None:
        self._outer = getattr(_kept, "lent", None)  # of a call that this one interrupts
        _kept.lent = []

    def __exit__(self, *_: object) -> None:
        pool, room = [], KEPT
        for memory in [*_kept.lent, *getattr(_kept, "pool", ())][:LENT]:
            if memory.size <= room:
                pool.append(memory)
                room -= memory.size
        _kept.lent, _kept.pool = self._outer, pool


@contextmanager
def keeping() -> Iterator[None]:
    """While this is entered, `lent_empty` lends nothing, as what is made outlives the call that asked for it."""
    outer = getattr(_kept, "lent", None)
    _kept.lent = None
    try:
        yield
    finally:
        _kept.lent = outer


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
