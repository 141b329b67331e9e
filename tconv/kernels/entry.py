"""How a kernel is entered: by its address, with operands that are made of a row of numbers.

Numba compiles the body of a parallel loop five times, with all that it calls by name: 13 s instead of 3 for the engine.
And it takes operands apart at each call: 33 us for those of the engine, which is all that a small layer takes. So there
is one parallel loop, which calls an address, and what stays the same from call to call is taken apart once: rows are
written by `tconv.kernels.workers.Job`, copied to the workspace at each call, and read there.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic, register_jitable

from tconv.kernels.launch import BY_ADDRESS, cached, called, compiled
from tconv.memory import CACHE_LINE, OBJECT_BYTES

COUNTER_PITCH = CACHE_LINE // 8  # from the counter of one worker's share to the next: each has a cache line
MOST_GIVEN = 4  # arrays that come at a call

# What a row of numbers begins with: who calls the kernel, how many rows there are, how long they are, from where on
# addresses are counted from the workspace, from where on they come at a call, how many do; and the kernel.
ENTER, WORKERS, WIDTH, MOVED, GIVEN, COUNT, WORK = range(7)


def array_type(dtype: Any, dimensions: int) -> Any:
    """Numba's type of a contiguous array."""
    return types.Array(numba.from_dtype(np.dtype(dtype)), dimensions, "C")


def type_of(operand: Any) -> Any:
    """Numba's type of an operand: a number, an array, or a tuple with names of both."""
    if isinstance(operand, np.ndarray):
        return array_type(operand.dtype, operand.ndim)
    if isinstance(operand, tuple):
        return types.NamedTuple(tuple(map(type_of, operand)), type(operand))
    return types.int64


def entered_at(kernel: Any, operands: tuple[Any, ...]) -> tuple[int, int]:
    """Where what calls ``kernel``, compiled for operands of these types, lies, and where the kernel does."""
    entry: Any
    for entry, numbers in ((alone, 7), (everyone, 6)):  # both now, as a new shape must not compile anything
        entry.compile((types.int64,) * numbers)
    return _address(_enter, (types.TypeRef(types.Tuple(operands)), types.int64)), _address(kernel, operands)


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
    of_numbers = array_type(np.int64, 1)

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


def alone(job, memory, objects, a, b, c, d):
    """Run the kernel on this thread; ``a`` to ``d`` are where the arrays' elements lie, or ``objects`` do."""
    if objects:
        a, b, c, d = _first(a), _first(b), _first(c), _first(d)
    told = _tell(job, memory, a, b, c, d)
    _entered(_numbers_at(job, WORK)[ENTER], memory + 8 * COUNTER_PITCH * 2)
    return told[0]


_enter = cached(numba.njit(nogil=True, **BY_ADDRESS), _enter)
alone = cached(numba.njit(nogil=True, no_cfunc_wrapper=True, error_model="numpy"), alone)


@compiled
def everyone(job, memory, a, b, c, d):
    """Run it on as many threads as there are workers, or fewer."""
    told = _tell(job, memory, a, b, c, d)
    head = _numbers_at(job, WORK)
    workers, width, enter = head[WORKERS], head[WIDTH], head[ENTER]
    for worker in prange(workers):
        _entered(enter, memory + 8 * (COUNTER_PITCH * (1 + workers) + worker * width))
    return told[0]
