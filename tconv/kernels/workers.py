"""Kernels that workers run side by side: compiled once, told what to do by a row of numbers; see `entry`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types

from tconv.kernels.entry import (
    COUNTER_PITCH,
    ENTER,
    MOST_GIVEN,
    WORK,
    alone,
    array_type,
    entered_at,
    everyone,
    type_of,
)
from tconv.kernels.launch import BY_ADDRESS, WHOLE, cached, called, launch, uncollected
from tconv.kernels.vectors import take
from tconv.memory import CACHE_LINE, Flat, address_of, give_back, workspace

UNASKED = 2**62  # elements of an array that no kernel asks how many there are

Scratch = tuple[Any, tuple[int, ...]]  # dtype and shape


class Job:
    """What a kernel is told at every call: operands, scratch for each of so many workers; and sizes of what comes then.

    Operands are numbers, C-contiguous arrays, and tuples with names of both. Each worker reads a row: at its beginning,
    how it is made; the address of the kernel, those of arrays; then numbers, and sizes of arrays.
    """

    def __init__(
        self,
        same: tuple[Any, ...],
        given: tuple[int, ...],
        own: tuple[Scratch, ...] = (),
        workers: int = 1,
        threads: int = 1,
    ) -> None:
        self.same, self.own, self.workers, self.threads = same, own, workers, threads
        self.counters = COUNTER_PITCH * (1 + workers)
        count = len(given)
        assert all(isinstance(number, (int, np.integer)) for number in _numbers(same))
        addresses = list(_addresses(same))
        sizes = [size for _, shape in own for size in shape]
        numbers = [*_numbers(same), *sizes, 0, self.counters, *given]
        moved = WORK + 1 + len(addresses)
        width = moved + len(own) + 1 + count + len(numbers)
        begin = 8 * COUNTER_PITCH * (1 + workers + -(-width * workers // COUNTER_PITCH))  # after counters and rows
        offsets, end = [], begin
        for dtype, shape in own:
            offsets.append(end)
            end += -(-prod(shape) * np.dtype(dtype).itemsize // CACHE_LINE) * CACHE_LINE
        head = [0, workers, width, moved, moved + len(own) + 1, count, 0]
        self.rows = np.array([[*head, *addresses, *offsets, 0, *[0] * count, *numbers]] * workers, np.int64)
        self.rows[:, moved : moved + len(own)] += (end - begin) * np.arange(workers)[:, None]
        self.rows[:, -2 - count] = range(workers)
        self.address = address_of(self.rows)
        self.size = begin + (end - begin) * workers
        assert count + len(numbers) >= MOST_GIVEN  # see `entry._tell`
        self.ready = False

    def compiled(self, enter: int, work: int) -> None:
        """From now on it is for the kernel at ``work``, which ``enter`` calls."""
        self.rows[:, ENTER], self.rows[:, WORK] = enter, work
        self.ready = True


class Worker:
    """Decorates what one worker does; plain Python defines it and runs on exact objects. It must not raise."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self._dispatcher = cached(numba.njit(_nrt=False, **BY_ADDRESS, **WHOLE), function)
        self._compiled: dict[Any, tuple[int, int]] = {}

    def __call__(self, job: Job, key: Any, *given: Flat) -> int:
        """Run ``function(*job.same, *scratch, rank, counters, *given)`` for each worker; returns ``counters[0]``.

        ``counters`` are theirs together, zeros at first: see `claim`. ``key`` stands for the types of all these; it is
        None for objects.
        """
        if not job.ready:
            if key is None or not hasattr(self._dispatcher, "py_func"):
                return self._interpret(job, given)
            if key not in self._compiled:
                with uncollected():
                    self._compiled[key] = self._compile(job, given)
            job.compiled(*self._compiled[key])
        memory = workspace("scratch", job.size)
        addresses = [flat.address for flat in given] + [0] * (MOST_GIVEN - len(given))
        said: int
        if job.workers == 1:
            said = alone(job.address, memory.address, 0, *addresses)
        else:
            said = launch(everyone, job.threads, False, job.address, memory.address, *addresses)
        give_back("scratch", memory)
        return said

    def _interpret(self, job: Job, given: tuple[Flat, ...]) -> int:
        counters = np.zeros(job.counters, np.int64)
        for rank in range(job.workers):
            scratch = [np.zeros(shape, dtype) for dtype, shape in job.own]
            self._function(*job.same, *scratch, rank, counters, *(memory.array for memory in given))
        return int(counters[0])

    def _compile(self, job: Job, given: tuple[Flat, ...]) -> tuple[int, int]:
        scratch = [array_type(dtype, len(shape)) for dtype, shape in job.own]
        last = [array_type(memory.dtype, 1) for memory in given]
        operands = (*map(type_of, job.same), *scratch, types.int64, array_type(np.int64, 1), *last)
        return entered_at(self._dispatcher, operands)


worker = Worker


class Single(NamedTuple):
    """A kernel and what it is told: all there is to a call but its arrays, which are input, weights, bias, output."""

    kernel: Worker
    job: Job

    def run(self, *given: np.ndarray) -> int:
        """Run it on arrays, from their first elements on, where there is one worker and it has been called before.

        In a third of the time: a tiny problem takes no longer than to look at its arrays.
        """
        memory = workspace("scratch", self.job.size)
        said: int = alone(self.job.address, memory.address, 1, *map(id, given))
        give_back("scratch", memory)
        return said


@called
def claim(counters, rank, units, count):
    """The next ``count`` units of work, or fewer: the first, and what comes after the last; two zeros if none is left.

    Each worker has a share of the units, the same at every call, as what it reads and writes is still in its caches:
    layers bound by memory become 4 to 13 % quicker. When that is done, it helps others with theirs.
    """
    workers = counters.shape[0] // COUNTER_PITCH - 1
    for turn in range(workers):
        owner = (rank + turn) % workers
        end = units * (owner + 1) // workers
        first = units * owner // workers + take(counters[COUNTER_PITCH * (1 + owner) :], count)
        if first < end:
            return first, min(first + count, end)
    return 0, 0


def _addresses(operands: tuple[Any, ...]) -> Iterator[int]:
    """Those of arrays."""
    for operand in operands:
        if isinstance(operand, np.ndarray):
            yield address_of(operand)
        elif isinstance(operand, tuple):
            yield from _addresses(operand)


def _numbers(operands: tuple[Any, ...]) -> Iterator[int]:
    """Numbers, and sizes of arrays."""
    for operand in operands:
        if isinstance(operand, np.ndarray):
            yield from operand.shape
        elif isinstance(operand, tuple):
            yield from _numbers(operand)
        else:
            yield operand
