"""Kernels that workers run side by side: compiled once, entered by address, told what to do by a row of numbers.

Numba compiles the body of a parallel loop five times, with all that it calls by name: 13 s instead of 3 for the engine.
And it takes operands apart at each call: 33 us for those of the engine, which is all that a small layer takes. So there
is one parallel loop, which calls an address, and what stays the same from call to call is taken apart once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic, register_jitable

from tconv.kernels.launch import BY_ADDRESS, WHOLE, cached, called, compiled, launch
from tconv.kernels.vectors import take
from tconv.memory import CACHE_LINE, OBJECT_BYTES, Flat, address_of, give_back, workspace

COUNTER_PITCH = CACHE_LINE // 8  # from the counter of one worker's share to the next: each has a cache line
UNASKED = 2**62  # elements of an array that no kernel asks how many there are

MOST_GIVEN = 4  # arrays that come at a call

# What a row of numbers begins with: who calls the kernel, how many rows there are, how long they are, from where on
# addresses are counted from the workspace, from where on they come at a call, how many do; and the kernel.
ENTER, WORKERS, WIDTH, MOVED, GIVEN, COUNT, WORK = range(7)

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
        assert count + len(numbers) >= MOST_GIVEN  # see `_tell`
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
                self._compiled[key] = self._compile(job, given)
            job.compiled(*self._compiled[key])
        memory = workspace("scratch", job.size)
        addresses = [flat.address for flat in given] + [0] * (MOST_GIVEN - len(given))
        said: int
        if job.workers == 1:
            said = _alone(job.address, memory.address, 0, *addresses)
        else:
            said = launch(_everyone, job.threads, False, job.address, memory.address, *addresses)
        give_back("scratch", memory)
        return said

    def _interpret(self, job: Job, given: tuple[Flat, ...]) -> int:
        counters = np.zeros(job.counters, np.int64)
        for rank in range(job.workers):
            scratch = [np.zeros(shape, dtype) for dtype, shape in job.own]
            self._function(*job.same, *scratch, rank, counters, *(memory.array for memory in given))
        return int(counters[0])

    def _compile(self, job: Job, given: tuple[Flat, ...]) -> tuple[int, int]:
        scratch = [_array(dtype, len(shape)) for dtype, shape in job.own]
        last = [_array(memory.dtype, 1) for memory in given]
        operands = (*map(_type, job.same), *scratch, types.int64, _array(np.int64, 1), *last)
        entry: Any
        for entry, numbers in ((_alone, 7), (_everyone, 6)):  # both now, as a new shape must not compile anything
            entry.compile((types.int64,) * numbers)
        enter = _address(_enter, (types.TypeRef(types.Tuple(operands)), types.int64))
        return enter, _address(self._dispatcher, operands)


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
        said: int = _alone(self.job.address, memory.address, 1, *map(id, given))
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


def _array(dtype: Any, dimensions: int) -> Any:
    return types.Array(numba.from_dtype(np.dtype(dtype)), dimensions, "C")


def _type(operand: Any) -> Any:
    if isinstance(operand, np.ndarray):
        return _array(operand.dtype, operand.ndim)
    if isinstance(operand, tuple):
        return types.NamedTuple(tuple(map(_type, operand)), type(operand))
    return types.int64


def _address(dispatcher: Any, operands: tuple[Any, ...]) -> int:
    """Where the function lies that is compiled for such operands."""
    dispatcher.compile(operands)
    found = dispatcher.overloads[operands]
    address: int = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
    return address


def _count_arrays(operands):
    return sum(
        _count_arrays(one.types) if isinstance(one, types.BaseTuple) else isinstance(one, types.Array)
        for one in operands
    )


@intrinsic
def _called(typing, like, frame):
    """Call what a row of numbers names, with operands of types ``like``."""
    operands = like.instance_type.types

    def codegen(context, builder, signature, values):
        integer = ir.IntType(64)
        row = builder.inttoptr(values[1], integer.as_pointer())

        def from_place(place):
            while True:
                yield builder.load(builder.gep(row, [integer(place)]))
                place += 1

        addresses, numbers = from_place(WORK), from_place(WORK + 1 + _count_arrays(operands))

        def read(type_):
            if isinstance(type_, types.BaseTuple):
                return context.make_tuple(builder, type_, [read(part) for part in type_.types])
            if not isinstance(type_, types.Array):
                return next(numbers)
            element = context.get_data_type(type_.dtype)
            sizes = [next(numbers) for _ in range(type_.ndim)]
            steps = [integer(context.get_abi_sizeof(element))]
            for size in sizes[:0:-1]:
                steps.insert(0, builder.mul(steps[0], size))
            array = context.make_array(type_)(context, builder)
            data = builder.inttoptr(next(addresses), element.as_pointer())
            numba.np.arrayobj.populate_array(array, data, sizes, steps, steps[-1], None)
            return array._getvalue()

        function_type = context.call_conv.get_function_type(types.none, operands)
        function = builder.inttoptr(next(addresses), function_type.as_pointer())
        context.call_conv.call_function(builder, function, types.none, operands, [read(one) for one in operands])
        return context.get_dummy_value()

    return types.void(like, types.int64), codegen


@intrinsic
def _entered(typing, enter, frame):
    """Call `_enter`, whatever types it is for, by its address."""

    def codegen(context, builder, signature, values):
        operands = (types.TypeRef(types.int64), types.int64)  # nothing is passed for the first, whatever it is
        function_type = context.call_conv.get_function_type(types.none, operands)
        function = builder.inttoptr(values[0], function_type.as_pointer())
        context.call_conv.call_function(builder, function, types.none, operands, [context.get_dummy_value(), values[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def _numbers_at(typing, address, size):
    """The ``size`` numbers that lie there."""
    of_numbers = _array(np.int64, 1)

    def codegen(context, builder, signature, values):
        step = ir.IntType(64)(8)
        array = context.make_array(of_numbers)(context, builder)
        data = builder.inttoptr(values[0], ir.IntType(64).as_pointer())
        numba.np.arrayobj.populate_array(array, data, [values[1]], [step], step, None)
        return array._getvalue()

    return of_numbers(types.int64, types.int64), codegen


@called
def _first(array):
    """Where the first element of an array object lies: what `address_of` reads."""
    return _numbers_at(array + OBJECT_BYTES, 1)[0]


@register_jitable  # not `called`: it makes the array that it returns
def _tell(job, memory, a, b, c, d):
    """Set counters to zero in the workspace, and write rows after them."""
    head = _numbers_at(job, WORK)
    workers, width, moved, given, count = head[WORKERS], head[WIDTH], head[MOVED], head[GIVEN], head[COUNT]
    rows, counters = _numbers_at(job, workers * width), COUNTER_PITCH * (1 + workers)
    to = _numbers_at(memory, counters + workers * width)
    for n in range(counters):
        to[n] = 0
    for row in range(0, workers * width, width):
        at = counters + row
        for n in range(given):
            to[at + n] = rows[row + n]
        for n in range(moved, given):
            to[at + n] += memory
        to[at + given] = a  # where fewer come at a call, what follows, never less, takes the others' places
        to[at + given + 1] = b
        to[at + given + 2] = c
        to[at + given + 3] = d
        for n in range(given + count, width):
            to[at + n] = rows[row + n]
    return to


def _enter(like, frame):
    _called(like, frame)


def _alone(job, memory, objects, a, b, c, d):
    if objects:
        a, b, c, d = _first(a), _first(b), _first(c), _first(d)
    told = _tell(job, memory, a, b, c, d)
    _entered(_numbers_at(job, WORK)[ENTER], memory + 8 * COUNTER_PITCH * 2)
    return told[0]


_enter = cached(numba.njit(nogil=True, **BY_ADDRESS), _enter)
_alone = cached(numba.njit(nogil=True, no_cfunc_wrapper=True, error_model="numpy"), _alone)


@compiled
def _everyone(job, memory, a, b, c, d):
    told = _tell(job, memory, a, b, c, d)
    head = _numbers_at(job, WORK)
    workers, width, enter = head[WORKERS], head[WIDTH], head[ENTER]
    for worker in prange(workers):
        _entered(enter, memory + 8 * (COUNTER_PITCH * (1 + workers) + worker * width))
    return told[0]
