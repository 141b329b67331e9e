"""Vector operations that compiled kernels are built of, and small ones that kernels call by themselves.

What kernels call is written twice: as plain Python, which defines it and runs on exact objects, and as LLVM
operations on whole registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from tconv.kernels.launch import CALLED

INT = ir.IntType(64)
Case = TypeVar("Case")


def _registers() -> tuple[int, int]:
    """How many bytes a vector register has, and how many there are."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if "+avx512f" in features.split(","):
        return 64, 32
    return (32 if "+avx2" in features.split(",") else 16), (16 if triple.startswith("x86") else 32)


VECTOR_BYTES, REGISTERS = _registers()
_config: Any = numba.config
PROCESSOR: str = _config.CPU_NAME or binding.get_host_cpu_name()


def element_type(array: types.Array) -> ir.Type:
    """LLVM's name of the elements of ``array``."""
    if isinstance(array.dtype, types.Integer):
        return ir.IntType(array.dtype.bitwidth)
    return {32: ir.FloatType(), 64: ir.DoubleType()}[array.dtype.bitwidth]


def vector_type(array: types.Array) -> ir.VectorType:
    """As many elements of ``array`` as one register holds."""
    return ir.VectorType(element_type(array), VECTOR_BYTES * 8 // array.dtype.bitwidth)


def suffix(vector: ir.VectorType) -> str:
    """What LLVM appends to the names of operations on such vectors."""
    element = vector.element
    name = f"i{element.width}" if isinstance(element, ir.IntType) else {"float": "f32", "double": "f64"}[str(element)]
    return f"v{vector.count}{name}"


def data_of(context: Any, builder: ir.IRBuilder, array: types.Array, value: ir.Value) -> ir.Value:
    """Where the elements of an array begin."""
    return context.make_array(array)(context, builder, value).data


def load_vector(builder: ir.IRBuilder, base: ir.Value, at: ir.Value, vector: ir.VectorType) -> ir.Value:
    """The vector that begins ``at`` elements after ``base``, aligned or not."""
    address = builder.bitcast(builder.gep(base, [at]), vector.as_pointer())
    return builder.load(address, align=4)


def load_lanes(builder: ir.IRBuilder, address: ir.Value, lanes: ir.Value, vector: ir.VectorType) -> ir.Value:
    """Zeros, but where a bit of ``lanes`` is set, what lies from ``address`` on; no other memory is touched."""
    pointer = builder.bitcast(address, vector.as_pointer())
    arguments = [pointer, ir.Constant(ir.IntType(32), 4), lanes, ir.Constant(vector, None)]
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector, [a.type for a in arguments]),
        f"llvm.masked.load.{suffix(vector)}.p0",
    )
    return builder.call(function, arguments)


def store_vector(builder: ir.IRBuilder, value: ir.Value, base: ir.Value, at: ir.Value) -> None:
    """Store ``value`` from ``at`` elements after ``base`` on, aligned or not."""
    address = builder.bitcast(builder.gep(base, [at]), value.type.as_pointer())
    builder.store(value, address, align=4)


def splat(builder: ir.IRBuilder, scalar: ir.Value, vector: ir.VectorType) -> ir.Value:
    """``scalar`` in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(
        single, undefined, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    )


def shuffled(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, indices: list[int]) -> ir.Value:
    """Lanes of two vectors, those of ``b`` counted after those of ``a``."""
    numbers = ir.VectorType(ir.IntType(32), len(indices))
    return builder.shuffle_vector(a, b, ir.Constant(numbers, indices))


def multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """``a * b + c``, of floats rounded once where the processor can."""
    vector = a.type
    if isinstance(vector.element, ir.IntType):
        return builder.add(builder.mul(a, b), c)
    fused = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.{suffix(vector)}"
    )
    return builder.call(fused, [a, b, c])


def cases(
    builder: ir.IRBuilder, value: ir.Value, numbers: Mapping[Case, int], rest: Case | None = None
) -> Iterator[Case]:
    """Each of ``numbers`` in turn, while what is built is what runs if ``value`` is its number.

    What is built for ``rest`` runs if it is none of them.
    """
    done = builder.append_basic_block("done")
    choice = builder.switch(value, done)
    for case, number in numbers.items():
        block = builder.append_basic_block(f"case_{number}")
        if case == rest:
            choice.default = block
        else:
            choice.add_case(INT(number), block)
        builder.position_at_end(block)
        yield case
        builder.branch(done)
    builder.position_at_end(done)


def prefetch(builder: ir.IRBuilder, address: ir.Value, write: int = 0) -> None:
    """Ask for the cache line of ``address``, to be read or written soon."""
    byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32]), "llvm.prefetch.p0"
    )
    builder.call(function, [builder.bitcast(address, byte), i32(write), i32(3), i32(1)])


def copy_vector(lanes, source, from_, target, to):
    """Copy the elements of one vector register."""
    for lane in range(lanes):
        target[to + lane] = source[from_ + lane]


def add_row(count, source, from_, target, to):
    """Add ``count`` elements to those of ``target``."""
    for i in range(count):
        target[to + i] = target[to + i] + source[from_ + i]


def clear_rows(lanes, vectors, rows, target, to, pitch):
    """Zeros in ``vectors`` vectors of each of some rows."""
    for row in range(rows):
        for lane in range(vectors * lanes):
            target[to + row * pitch + lane] = 0


def expect(target, first, end):
    """Ask for the cache lines of ``target[first:end]``, to be written soon; changes nothing."""


def take(counter, count):
    """The number in ``counter``, which goes up by ``count``: no two threads get the same."""
    number = counter[0]
    counter[0] = number + count
    return number


@intrinsic
def _copied(typing, source, from_, target, to):
    def codegen(context, builder, signature, values):
        taken = load_vector(builder, data_of(context, builder, source, values[0]), values[1], vector_type(source))
        store_vector(builder, taken, data_of(context, builder, target, values[2]), values[3])
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64), codegen


@intrinsic
def _added(typing, count, source, from_, target, to):
    def codegen(context, builder, signature, values):
        count, _, from_, _, to = values
        vector = vector_type(source)
        add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
        here, there = (
            builder.gep(data_of(context, builder, array, values[i]), [at])
            for array, i, at in ((source, 1, from_), (target, 3, to))
        )
        lanes = INT(vector.count)
        whole = builder.mul(builder.sdiv(count, lanes), lanes)
        with cgutils.for_range_slice(builder, INT(0), whole, lanes, intp=INT) as (at, _):
            total = add(load_vector(builder, there, at, vector), load_vector(builder, here, at, vector))
            store_vector(builder, total, there, at)
        with cgutils.for_range_slice(builder, whole, count, INT(1), intp=INT) as (at, _):
            place = builder.gep(there, [at])
            builder.store(add(builder.load(place), builder.load(builder.gep(here, [at]))), place)
        return context.get_dummy_value()

    return types.void(types.int64, source, types.int64, target, types.int64), codegen


@intrinsic
def _cleared(typing, vectors, rows, target, to, pitch):
    def codegen(context, builder, signature, values):
        vectors, rows, _, to, pitch = values
        base = data_of(context, builder, target, values[2])
        vector = vector_type(target)
        with (
            cgutils.for_range(builder, rows, intp=INT) as row,
            cgutils.for_range(builder, vectors, intp=INT) as j,
        ):
            lane = builder.mul(j.index, INT(vector.count))
            at = builder.add(builder.add(to, lane), builder.mul(row.index, pitch))
            store_vector(builder, ir.Constant(vector, None), base, at)
        return context.get_dummy_value()

    n = types.int64
    return types.void(n, n, target, n, n), codegen


@intrinsic
def _expected(typing, target, first, end):
    def codegen(context, builder, signature, values):
        base = data_of(context, builder, target, values[0])
        step = INT(64 * 8 // target.dtype.bitwidth)
        with cgutils.for_range_slice(builder, values[1], values[2], step, intp=INT) as (at, _):
            prefetch(builder, builder.gep(base, [at]), write=1)
        return context.get_dummy_value()

    return types.void(target, types.int64, types.int64), codegen


@intrinsic
def _taken(typing, counter, count):
    def codegen(context, builder, signature, values):
        address = data_of(context, builder, counter, values[0])
        return builder.atomic_rmw("add", address, values[1], "monotonic")

    return types.int64(counter, types.int64), codegen


@overload(copy_vector, jit_options=CALLED)
def _copy_vector(lanes, source, from_, target, to):
    def call(lanes, source, from_, target, to):
        _copied(source, from_, target, to)

    return call


@overload(add_row, jit_options=CALLED)
def _add_row(count, source, from_, target, to):
    def call(count, source, from_, target, to):
        _added(count, source, from_, target, to)

    return call


@overload(clear_rows, jit_options=CALLED)
def _clear_rows(lanes, vectors, rows, target, to, pitch):
    def call(lanes, vectors, rows, target, to, pitch):
        _cleared(vectors, rows, target, to, pitch)

    return call


@overload(expect, jit_options=CALLED)
def _expect(target, first, end):
    def call(target, first, end):
        _expected(target, first, end)

    return call


@overload(take, jit_options=CALLED)
def _take(counter, count):
    return lambda counter, count: _taken(counter, count)
