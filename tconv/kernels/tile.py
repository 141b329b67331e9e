"""The register tile: rows times vectors of running sums, kept in registers for the whole depth.

A tile is a small matrix product: one operand comes as single numbers, broadcast over the lanes, the other
as whole vectors. There are two kinds, by what lies in the lanes:

* positions in lanes: vectors are neighbouring positions, gathered in a panel, of which step k reads from ``offsets[k]``
  on; rows are channels, read out of packed weights ``w[k, row]``.
* channels in lanes: vectors are channels (or phases), read out of packed weights ``w[k, lane]``;
  rows are positions, which a list names: where each one's channels lie in the image, and which sums are its.
* weights as they are given in the lanes: vectors are read out of weights ``w[k, lane]`` that nobody packed, so that
  from one step to the next it is far; rows are positions, gathered in a panel.

Each kind is written twice: as plain Python, which defines it and runs on exact objects, and as LLVM vector
operations, which compiled kernels get (loops that LLVM vectorises by itself reach a third of the speed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product

from llvmlite import ir
from numba.core import cgutils

from tconv.kernels.columns import COPY_FIELDS, FROM, INTO
from tconv.kernels.emission import emits
from tconv.kernels.launch import INLINED, called
from tconv.kernels.vectors import (
    INT,
    REGISTERS,
    VECTOR_BYTES,
    cases,
    load_vector,
    multiply_add,
    prefetch,
    splat,
    store_vector,
)
from tconv.memory import CACHE_LINE

FEW_REGISTERS = REGISTERS == 16  # of which sums fill 12, of 32 they fill 24; the rest holds operands
POSITION_ROWS = (4, 2, 1) if FEW_REGISTERS else (8, 4, 2, 1)
POSITION_VECTORS = 3
POSITION_WIDTHS = (POSITION_VECTORS, 1)  # a last tile that needs two vectors takes three
CHANNEL_ROWS = (6, 3)  # the second at least half the first: so far lists of positions are filled up
CHANNEL_VECTORS = (2, 1, 1) if FEW_REGISTERS else (4, 2, 1)

NATURAL_ROWS = (*CHANNEL_ROWS, 1)
NATURAL_VECTORS = (CHANNEL_VECTORS[0], 1)
SOON = 16  # steps, after which weights that lie far apart are read: no processor guesses where

AHEAD = 6144  # bytes, to one vector: weights are read once, in order, and come from the third-level cache
ASKING = 32  # steps between one asking for weights and the next, with channels in the lanes
# Steps to one turn of the loop: what counts it takes the multipliers' places on a Granite Rapids core, where two at a
# time take 12.5 cycles each instead of 13.2 (12 is the limit). With 16 registers, loads moved up would push sums out.
STEPS = 1 if FEW_REGISTERS else 2


@called
def panel_height(channels_in_lanes, lanes, rows):
    """Height of the first panel that ``rows`` rows of packed weights are cut into."""
    if channels_in_lanes:
        wide, medium, narrow = CHANNEL_VECTORS
        vectors = (rows + lanes - 1) // lanes
        return lanes * (wide if vectors >= wide else medium if vectors >= medium else narrow)
    height = POSITION_ROWS[0]
    while height > rows:
        height //= 2
    return height


@called
def padded_rows(channels_in_lanes, lanes, rows):
    """What ``rows`` rows of packed weights take, in whole panels."""
    total = 0
    while total < rows:
        total += panel_height(channels_in_lanes, lanes, rows - total)
    return total


def _emit(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    shape: tuple[int, int],
    depth: ir.Value,
    resume: ir.Value,
    operands: Callable[[ir.Value, int, int], tuple[list[ir.Value], list[ir.Value]]],
    sums: ir.Value,
    places: list[ir.Value],
    ask: Callable[[ir.Value, ir.Value], None] | None = None,
) -> None:
    """sums[places[row] + j] = (resume ? sums[places[row] + j] : 0) + sum over k of scalars[row] * vectors[j].

    ``ask`` is told which steps come next, a few at a time.
    """
    rows, vectors = shape
    cells = {
        (r, j): (cgutils.alloca_once(builder, vector), builder.add(places[r], INT(j * vector.count)))
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

    def multiply_step(k: ir.Value) -> None:
        scalars, lanes = operands(k, rows, vectors)
        for r in range(rows):
            broadcast = splat(builder, scalars[r], vector)
            for j in range(vectors):
                cell, _ = cells[r, j]
                builder.store(multiply_add(builder, broadcast, lanes[j], builder.load(cell)), cell)

    def multiply(first: ir.Value, end: ir.Value) -> None:
        whole = builder.add(first, builder.and_(builder.sub(end, first), INT(-STEPS)))
        with cgutils.for_range_slice(builder, first, whole, INT(STEPS), INT) as (k, _):
            for ahead in range(STEPS):
                multiply_step(builder.add(k, INT(ahead)))
        if STEPS > 1:
            with cgutils.for_range_slice(builder, whole, end, INT(1), INT) as (k, _):
                multiply_step(k)

    if ask is None:
        multiply(INT(0), depth)
    else:  # between loops, not in one: LLVM keeps sums in memory where it cannot move loads past what is asked for
        with cgutils.for_range_slice(builder, INT(0), depth, INT(ASKING), INT) as (first, _):
            end = builder.add(first, INT(ASKING))
            end = builder.select(builder.icmp_signed("<", end, depth), end, depth)
            ask(first, end)
            multiply(first, end)
    for cell, at in cells.values():
        store_vector(builder, builder.load(cell), sums, at)


def positions_tile(rows, vectors, lanes, depth, resume, x, apart, offsets, offset, w, at, sums, to, pitch):
    """``rows`` channels times ``vectors`` vectors of positions, which lie ``apart`` in a panel; ``depth`` steps."""
    for r in range(rows):
        for j in range(vectors):
            for lane in range(lanes):
                cell = to + r * pitch + j * lanes + lane
                total = sums[cell] if resume else 0
                for k in range(depth):
                    total = total + w[at + k * rows + r] * x[offsets[offset + k] + j * apart + lane]
                sums[cell] = total


def channels_tile(rows, vectors, lanes, depth, soon, pace, x, first, positions, number, w, at, sums, to, pitch):
    """``rows`` positions times ``vectors`` vectors of channels, ``depth`` steps, added to sums.

    Of ``positions`` those from ``number`` on: where channel 0 lies, and the column of the sums, each its own (one may
    come twice if its sums are not wanted). What lies ``soon`` weights further on is asked for,
    ``pace`` weights for each step.
    """
    width = vectors * lanes
    for r in range(number, number + rows):
        for lane in range(width):
            cell = to + positions[r, INTO] * pitch + lane
            total = sums[cell]
            for k in range(depth):
                total = total + w[at + k * width + lane] * x[positions[r, FROM] + first + k]
            sums[cell] = total


def _cases(
    builder: ir.IRBuilder, rows: ir.Value, vectors: ir.Value, shapes: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Each of ``shapes`` in turn, while what is built is what runs if a tile has so many rows and vectors."""
    numbers = {shape: 8 * shape[0] + shape[1] for shape in shapes}
    return cases(builder, builder.add(builder.mul(rows, INT(8)), vectors), numbers)


@emits(positions_tile, options=INLINED)
def _positions_tile(
    builder, vector, rows, vectors, lanes, depth, resume, x, apart, offsets, offset, w, at, sums, to, pitch
):
    table, weights, result = (
        builder.gep(array.data, [first]) for array, first in ((offsets, offset), (w, at), (sums, to))
    )

    def operands(k, rows, vectors, apart):
        packed = builder.gep(weights, [builder.mul(k, INT(rows))])
        here = builder.gep(x.data, [builder.load(builder.gep(table, [k]))])
        soon = AHEAD // vectors * vector.count // VECTOR_BYTES  # a narrow tile takes less time for each step
        prefetch(builder, builder.gep(packed, [INT(soon)]))
        return (
            [builder.load(builder.gep(packed, [INT(r)])) for r in range(rows)],
            [load_vector(builder, here, builder.mul(apart, INT(j)), vector) for j in range(vectors)],
        )

    def emit(shape, apart):
        to_rows = [builder.mul(pitch, INT(r)) for r in range(shape[0])]
        _emit(builder, vector, shape, depth, resume, partial(operands, apart=apart), result, to_rows)

    for shape in _cases(builder, rows, vectors, product(POSITION_ROWS, POSITION_WIDTHS)):
        if shape != (POSITION_ROWS[0], POSITION_VECTORS):
            emit(shape, apart)
            continue
        side_by_side = builder.icmp_signed("==", apart, INT(vector.count))
        with builder.if_else(side_by_side, likely=True) as (known, unknown):  # a constant saves registers
            with known:
                emit(shape, INT(vector.count))
            with unknown:
                emit(shape, apart)


@emits(channels_tile)
def _channels_tile(
    builder, vector, rows, vectors, lanes, depth, soon, pace, x, first, positions, number, w, at, sums, to, pitch
):
    entry = builder.gep(positions.data, [builder.mul(number, INT(COPY_FIELDS))])
    image, weights, result = (builder.gep(array.data, [start]) for array, start in ((x, first), (w, at), (sums, to)))

    def field(row, which):
        return builder.load(builder.gep(entry, [INT(row * COPY_FIELDS + which)]))

    for shape in _cases(builder, rows, vectors, product(CHANNEL_ROWS, sorted(set(CHANNEL_VECTORS)))):
        width = shape[1] * vector.count
        sources = [builder.gep(image, [field(r, FROM)]) for r in range(shape[0])]

        def operands(k, rows, vectors, sources=sources, width=width):
            packed = builder.gep(weights, [builder.mul(k, INT(width))])
            return (
                [builder.load(builder.gep(source, [k])) for source in sources],
                [load_vector(builder, packed, INT(j * vector.count), vector) for j in range(vectors)],
            )

        def ask(step, end):
            low, high = (builder.add(soon, builder.mul(k, pace)) for k in (step, end))
            line = INT(CACHE_LINE * vector.count // VECTOR_BYTES)
            with cgutils.for_range_slice(builder, low, high, line, INT) as (i, _):
                prefetch(builder, builder.gep(weights, [i]))

        places = [builder.mul(pitch, field(r, INTO)) for r in range(shape[0])]
        _emit(builder, vector, shape, depth, INT(1), operands, result, places, ask)


def natural_tile(rows, vectors, lanes, depth, resume, x, from_, step, w, at, step_w, sums, to, pitch):
    """``rows`` positions times ``vectors`` vectors of weights; steps are ``step`` and ``step_w`` apart."""
    for r in range(rows):
        for lane in range(vectors * lanes):
            total = sums[to + r * pitch + lane] if resume else 0
            for k in range(depth):
                total = total + w[at + k * step_w + lane] * x[from_ + k * step + r]
            sums[to + r * pitch + lane] = total


@emits(natural_tile)
def _natural_tile(builder, vector, rows, vectors, lanes, depth, resume, x, from_, step, w, at, step_w, sums, to, pitch):
    image, weights, result = (builder.gep(array.data, [start]) for array, start in ((x, from_), (w, at), (sums, to)))

    def operands(k, rows, vectors):
        here, given = (builder.gep(base, [builder.mul(k, far)]) for base, far in ((image, step), (weights, step_w)))
        soon = builder.gep(given, [builder.mul(INT(SOON), step_w)])
        for j in range(vectors):
            prefetch(builder, builder.gep(soon, [INT(j * vector.count)]))
        return (
            [builder.load(builder.gep(here, [INT(r)])) for r in range(rows)],
            [load_vector(builder, given, INT(j * vector.count), vector) for j in range(vectors)],
        )

    for shape in _cases(builder, rows, vectors, product(NATURAL_ROWS, NATURAL_VECTORS)):
        places = [builder.mul(pitch, INT(r)) for r in range(shape[0])]
        _emit(builder, vector, shape, depth, resume, operands, result, places)
