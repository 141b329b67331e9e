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
from functools import partial

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from tconv.kernels.vectors import (
    INT,
    VECTOR_BYTES,
    data_of,
    load_vector,
    multiply_add,
    prefetch,
    splat,
    store_vector,
    vector_type,
)

# Sums fill 24 of 32 registers, or 12 of AVX2's 16; the rest holds operands.
NARROW = VECTOR_BYTES == 32
POSITION_ROWS = (4, 2, 1) if NARROW else (8, 4, 2, 1)
POSITION_VECTORS = 3
POSITION_WIDTHS = (POSITION_VECTORS, 1)  # a last tile that needs two vectors takes three
CHANNEL_ROWS = 6
CHANNEL_VECTORS = (2, 1, 1) if NARROW else (4, 2, 1)

AHEAD = 6144  # bytes, to one vector: weights are read once, in order, and come from the third-level cache


def _emit(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    shape: tuple[int, int],
    depth: ir.Value,
    resume: ir.Value,
    operands: Callable[[ir.Value, int, int], tuple[list[ir.Value], list[ir.Value]]],
    sums: ir.Value,
    pitch: ir.Value,
) -> None:
    """sums[row, j] = (resume ? sums[row, j] : 0) + sum over k of scalars[row] * vectors[j]."""
    rows, vectors = shape
    cells = {
        (r, j): (
            cgutils.alloca_once(builder, vector),
            builder.add(builder.mul(pitch, INT(r)), INT(j * vector.count)),
        )
        for r in range(rows)
        for j in range(vectors)
    }
    with builder.if_else(builder.icmp_signed("!=", resume, INT(0))) as (going_on, fresh):
        with going_on:
            for cell, at in cells.values():
                builder.store(load_vector(builder, sums, at, vector), cell)
        with fresh:
            for cell, _ in cells.values():
                builder.store(ir.Constant(vector, None), cell)
    with cgutils.for_range(builder, depth, intp=INT) as loop:
        scalars, lanes = operands(loop.index, rows, vectors)
        for r in range(rows):
            broadcast = splat(builder, scalars[r], vector)
            for j in range(vectors):
                cell, _ = cells[r, j]
                builder.store(multiply_add(builder, broadcast, lanes[j], builder.load(cell)), cell)
    for cell, at in cells.values():
        store_vector(builder, builder.load(cell), sums, at)


def positions_tile(rows, vectors, lanes, depth, resume, in_place, x, starts, offsets, offset, w, at, sums, to, pitch):
    """``rows`` channels times ``vectors`` vectors of positions, ``depth`` steps.

    ``in_place`` says that ``x`` is the image, not a panel: then what the next tile reads is asked for.
    """
    for r in range(rows):
        for j in range(vectors):
            for lane in range(lanes):
                cell = to + r * pitch + j * lanes + lane
                total = sums[cell] if resume else 0
                for k in range(depth):
                    total = total + w[at + k * rows + r] * x[starts[j] + offsets[offset + k] + lane]
                sums[cell] = total


def channels_tile(rows, vectors, lanes, depth, resume, in_place, x, starts, offsets, offset, w, at, sums, to, pitch):
    """``rows`` positions times ``vectors`` vectors of channels, ``depth`` steps; ``offset`` is where both begin."""
    width = vectors * lanes
    for r in range(rows):
        for lane in range(width):
            cell = to + r * pitch + lane
            total = sums[cell] if resume else 0
            for k in range(depth):
                total = total + w[at + k * width + lane] * x[starts[r] + offsets[offset + k]]
            sums[cell] = total


def _compiled(tile: Callable[..., None], shapes: list[tuple[int, int]], positions: bool) -> None:
    """Let compiled code that calls ``tile`` get vector operations, one loop for each of ``shapes``."""

    @intrinsic
    def emitted(typing, rows, vectors, depth, resume, in_place, x, starts, offsets, offset, w, at, sums, to, pitch):
        def codegen(context, builder, signature, values):
            rows, vectors, depth, resume, in_place, _, _, _, offset, _, at, _, to, pitch = values
            image, places, table, weights, result = (
                data_of(context, builder, signature.args[i], values[i]) for i in (5, 6, 7, 9, 11)
            )
            table, weights, result = (
                builder.gep(base, [first]) for base, first in ((table, offset), (weights, at), (result, to))
            )
            vector = vector_type(x)

            def operands(k, rows, vectors, ahead):
                shift = builder.load(builder.gep(table, [k]))
                size = rows if positions else vectors * vector.count
                packed = builder.gep(weights, [builder.mul(k, INT(size))])
                here = builder.gep(image, [shift])
                reads = [builder.load(builder.gep(places, [INT(i)])) for i in range(vectors if positions else rows)]
                if positions:
                    soon = AHEAD // vectors * 8 // x.dtype.bitwidth  # a narrow tile takes less time for each step
                    prefetch(builder, builder.gep(packed, [INT(soon)]))
                    for start in reads if ahead else []:
                        prefetch(builder, builder.gep(here, [builder.add(start, INT(vectors * vector.count))]))
                    return (
                        [builder.load(builder.gep(packed, [INT(r)])) for r in range(rows)],
                        [load_vector(builder, here, start, vector) for start in reads],
                    )
                return (
                    [builder.load(builder.gep(here, [start])) for start in reads],
                    [load_vector(builder, packed, INT(j * vector.count), vector) for j in range(vectors)],
                )

            for shape in shapes:
                matches = [builder.icmp_signed("==", v, INT(n)) for v, n in zip((rows, vectors), shape, strict=True)]
                with builder.if_then(builder.and_(*matches)):
                    if not positions or shape != shapes[0]:
                        _emit(builder, vector, shape, depth, resume, partial(operands, ahead=False), result, pitch)
                        continue
                    with builder.if_else(builder.icmp_signed("!=", in_place, INT(0))) as branches:
                        for branch, ahead in zip(branches, (True, False), strict=True):
                            with branch:
                                read = partial(operands, ahead=ahead)
                                _emit(builder, vector, shape, depth, resume, read, result, pitch)
            return context.get_dummy_value()

        n = types.int64
        return types.void(n, n, n, n, n, x, starts, offsets, n, w, n, sums, n, n), codegen

    @overload(tile)
    def choose(rows, vectors, lanes, depth, resume, in_place, x, starts, offsets, offset, w, at, sums, to, pitch):
        def call(rows, vectors, lanes, depth, resume, in_place, x, starts, offsets, offset, w, at, sums, to, pitch):
            emitted(rows, vectors, depth, resume, in_place, x, starts, offsets, offset, w, at, sums, to, pitch)

        return call


_compiled(positions_tile, [(rows, vectors) for vectors in POSITION_WIDTHS for rows in POSITION_ROWS], True)
_compiled(channels_tile, [(CHANNEL_ROWS, vectors) for vectors in sorted(set(CHANNEL_VECTORS))], False)
