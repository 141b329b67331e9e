"""The register tile: rows times vectors of running sums, kept in registers for the whole depth.

A tile is a small matrix product: one operand comes as single numbers, broadcast over the lanes, the other
as whole vectors. There are two kinds, by what lies in the lanes:

* positions in lanes: vectors are neighbouring positions, read straight out of the image at
  ``starts[j] + offsets[k]``; rows are channels, read out of packed weights ``w[k, row]``.
* channels in lanes: vectors are channels (or phases), read out of packed weights ``w[k, lane]``;
  rows are positions, read out of the image at ``starts[row] + offsets[k]``.

Each kind is written twice: as plain Python, which defines it and runs on exact objects, and as LLVM vector
operations, which compiled kernels get (loops that LLVM vectorises by itself reach a third of the speed).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

INT = ir.IntType(64)


def _vector_bytes() -> int:
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    if "+avx512f" in features:
        return 64
    return 32 if "+avx2" in features else 16


VECTOR_BYTES = _vector_bytes()

# Sums fill 24 of 32 registers, or 12 of AVX2's 16; the rest holds operands.
NARROW = VECTOR_BYTES == 32
POSITION_ROWS = (6, 4, 2) if NARROW else (12, 8, 4)
POSITION_VECTORS = 2
CHANNEL_ROWS = 6
CHANNEL_VECTORS = (2, 1, 1) if NARROW else (4, 2, 1)


def element_type(array: types.Array) -> ir.Type:
    """LLVM's name of the elements of ``array``."""
    if isinstance(array.dtype, types.Integer):
        return ir.IntType(array.dtype.bitwidth)
    return {32: ir.FloatType(), 64: ir.DoubleType()}[array.dtype.bitwidth]


def vector_type(array: types.Array) -> ir.VectorType:
    """As many elements of ``array`` as one register holds."""
    return ir.VectorType(element_type(array), VECTOR_BYTES * 8 // array.dtype.bitwidth)


def data_of(context: Any, builder: ir.IRBuilder, array: types.Array, value: ir.Value) -> ir.Value:
    """Where the elements of an array begin."""
    return context.make_array(array)(context, builder, value).data


def load_vector(builder: ir.IRBuilder, base: ir.Value, at: ir.Value, vector: ir.VectorType) -> ir.Value:
    """The vector that begins ``at`` elements after ``base``, aligned or not."""
    address = builder.bitcast(builder.gep(base, [at]), vector.as_pointer())
    return builder.load(address, align=4)


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


def multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """``a * b + c``, rounded once where the elements are floats."""
    vector = a.type
    if isinstance(vector.element, ir.IntType):
        return builder.add(builder.mul(a, b), c)
    suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    fused = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{vector.count}{suffix}"
    )
    return builder.call(fused, [a, b, c])


def _emit(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    shape: tuple[int, int],
    depth: ir.Value,
    resume: ir.Value,
    operands: Callable[[ir.Value], tuple[list[ir.Value], list[ir.Value]]],
    sums: ir.Value,
    pitch: ir.Value,
) -> None:
    """sums[row, j] = (resume ? sums[row, j] : 0) + sum over k of scalars[row] * vectors[j]."""
    rows, vectors = shape
    cells = [
        (cgutils.alloca_once(builder, vector), builder.add(builder.mul(pitch, INT(r)), INT(j * vector.count)), r, j)
        for r in range(rows)
        for j in range(vectors)
    ]
    with builder.if_else(builder.icmp_signed("!=", resume, INT(0))) as (going_on, fresh):
        with going_on:
            for cell, at, _, _ in cells:
                builder.store(load_vector(builder, sums, at, vector), cell)
        with fresh:
            for cell, *_ in cells:
                builder.store(ir.Constant(vector, None), cell)
    with cgutils.for_range(builder, depth, intp=INT) as loop:
        scalars, lanes = operands(loop.index)
        for r, scalar in enumerate(scalars):
            broadcast = splat(builder, scalar, vector)
            for cell, _, row, j in cells:
                if row == r:
                    builder.store(multiply_add(builder, broadcast, lanes[j], builder.load(cell)), cell)
    for cell, at, _, _ in cells:
        store_vector(builder, builder.load(cell), sums, at)


def positions_tile(rows: int, vectors: int) -> Callable[..., None]:
    """A tile with positions in the lanes: ``rows`` channels times ``vectors`` vectors of positions."""

    def tile(lanes, depth, resume, x, starts, start, offsets, offset, w, at, sums, to, pitch):  # type: ignore[no-untyped-def]
        for r in range(rows):
            for j in range(vectors):
                for lane in range(lanes):
                    cell = to + r * pitch + j * lanes + lane
                    total = sums[cell] if resume else 0
                    for k in range(depth):
                        total = total + w[at + k * rows + r] * x[starts[start + j] + offsets[offset + k] + lane]
                    sums[cell] = total

    @intrinsic
    def emitted(typing, depth, resume, x, starts, start, offsets, offset, w, at, sums, to, pitch):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, values):  # type: ignore[no-untyped-def]
            arrays = dict(zip(("x", "starts", "offsets", "w", "sums"), (2, 3, 5, 7, 9), strict=True))
            base = {n: data_of(context, builder, signature.args[i], values[i]) for n, i in arrays.items()}
            depth, resume, start, offset, at, to, pitch = (values[i] for i in (0, 1, 4, 6, 8, 10, 11))
            vector = vector_type(x)
            images = [
                builder.gep(base["x"], [builder.load(builder.gep(base["starts"], [builder.add(start, INT(j))]))])
                for j in range(vectors)
            ]
            table = builder.gep(base["offsets"], [offset])
            weights = builder.gep(base["w"], [at])

            def operands(k):  # type: ignore[no-untyped-def]
                here = builder.load(builder.gep(table, [k]))
                column = builder.gep(weights, [builder.mul(k, INT(rows))])
                return (
                    [builder.load(builder.gep(column, [INT(r)])) for r in range(rows)],
                    [load_vector(builder, image, here, vector) for image in images],
                )

            _emit(builder, vector, (rows, vectors), depth, resume, operands, builder.gep(base["sums"], [to]), pitch)
            return context.get_dummy_value()

        return _signature(x, starts, offsets, w, sums), codegen

    _compile_as(tile, emitted)
    return tile


def channels_tile(rows: int, vectors: int) -> Callable[..., None]:
    """A tile with channels in the lanes: ``rows`` positions times ``vectors`` vectors of channels."""

    def tile(lanes, depth, resume, x, starts, start, offsets, offset, w, at, sums, to, pitch):  # type: ignore[no-untyped-def]
        width = vectors * lanes
        for r in range(rows):
            for lane in range(width):
                cell = to + r * pitch + lane
                total = sums[cell] if resume else 0
                for k in range(depth):
                    total = total + w[at + k * width + lane] * x[starts[start + r] + offsets[offset + k]]
                sums[cell] = total

    @intrinsic
    def emitted(typing, depth, resume, x, starts, start, offsets, offset, w, at, sums, to, pitch):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, values):  # type: ignore[no-untyped-def]
            arrays = dict(zip(("x", "starts", "offsets", "w", "sums"), (2, 3, 5, 7, 9), strict=True))
            base = {n: data_of(context, builder, signature.args[i], values[i]) for n, i in arrays.items()}
            depth, resume, start, offset, at, to, pitch = (values[i] for i in (0, 1, 4, 6, 8, 10, 11))
            vector = vector_type(x)
            images = [
                builder.load(builder.gep(base["starts"], [builder.add(start, INT(r))])) for r in range(rows)
            ]
            table = builder.gep(base["offsets"], [offset])
            weights = builder.gep(base["w"], [at])

            def operands(k):  # type: ignore[no-untyped-def]
                here = builder.gep(base["x"], [builder.load(builder.gep(table, [k]))])
                panel = builder.gep(weights, [builder.mul(k, INT(vectors * vector.count))])
                return (
                    [builder.load(builder.gep(here, [image])) for image in images],
                    [load_vector(builder, panel, INT(j * vector.count), vector) for j in range(vectors)],
                )

            _emit(builder, vector, (rows, vectors), depth, resume, operands, builder.gep(base["sums"], [to]), pitch)
            return context.get_dummy_value()

        return _signature(x, starts, offsets, w, sums), codegen

    _compile_as(tile, emitted)
    return tile


def _signature(x: Any, starts: Any, offsets: Any, w: Any, sums: Any) -> Any:
    n = types.int64
    return types.void(n, n, x, starts, n, offsets, n, w, n, sums, n, n)


def _compile_as(tile: Callable[..., None], emitted: Callable[..., None]) -> None:
    """Let compiled code that calls ``tile`` get ``emitted``."""

    @overload(tile)
    def choose(lanes, depth, resume, x, starts, start, offsets, offset, w, at, sums, to, pitch):  # type: ignore[no-untyped-def]
        def call(lanes, depth, resume, x, starts, start, offsets, offset, w, at, sums, to, pitch):  # type: ignore[no-untyped-def]
            emitted(depth, resume, x, starts, start, offsets, offset, w, at, sums, to, pitch)

        return call
