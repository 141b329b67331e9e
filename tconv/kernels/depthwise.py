"""One channel in: lines of sums straight from a padded copy of its plane, a few taps each.

A unit of work is one channel of one image, or a band of it along the first axis. Its inputs are copied once, with the
zeros around them, so that every tap reads whole vectors; then a few lines of outputs at a time are summed in registers,
woven from their phases, and written. Where the channels of a position lie side by side, a unit is all of them, and
vectors run over them; the same where one channel becomes many that do.

Either way a tile has *rows*, one step apart in the copy; taps that read a step apart, too, are a *run*: what one row
reads for one tap of it, the next reads for another, so that it is loaded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

from llvmlite import ir
from numba.core import cgutils

from tconv.kernels.emission import emits
from tconv.kernels.interleave import interleave, store_line, woven
from tconv.kernels.launch import INLINED, called, inlined
from tconv.kernels.rearrange import copy_line
from tconv.kernels.vectors import INT, cases, expect, load_vector, multiply_add, splat, store_vector
from tconv.kernels.windows import copy_apart
from tconv.kernels.workers import claim, worker

ROWS = 4  # of a tile
VECTORS = (4, 2, 1)  # of each row: as many as are left
LONGEST = 4  # taps of a run
FUSED = (1, 2)  # streams whose sums are woven in registers; of two, half as many vectors of each


class Depthwise(NamedTuple):
    """The numbers of one problem."""

    lanes: int
    batch: int
    groups: int
    together: int  # groups that lie side by side: all or one
    abreast: int  # channels of a position over which vectors run, of all those groups or of the only one; or one
    channels_out: int
    taps: int  # of one channel out
    columns: int  # of a line that are summed at a time
    band: int  # positions of the first axis to a unit
    bands: int
    part: int  # of a plane: as many are copied as there are residues of inputs ...
    parts_at_once: int  # ... those of the last axis together, if they lie side by side and lines are long enough
    x_batch: int  # strides
    x_group: int
    y_batch: int
    y_group: int
    y_channel: int


# Rows of the table of axes; of these the last are steps, in the copy, the input and the output.
COUNT, FIRST, LOWEST, REACH, SIZE, SPLIT, STRIDE, ORIGIN, LIMIT, STEP, X_STEP, Y_STEP = range(12)
# Runs of one length: the first, how many, and where their weights begin.
RUN, RUNS, WEIGHT = range(3)


def sum_rows(
    streams, rows, columns, segments, plane, at, step, offsets, w, w_at, bias, bias_at, low, high, y, to, pitch
):
    """``y[to + r * pitch + e] = bias[bias_at] + sum over taps of w[w_at + tap] * plane[at + r * step + c + offset]``.

    For ``low <= e < high``, where ``c`` is one of ``columns``, and taps and their offsets are those of a stream:
    ``e == c * streams + stream``. Whole vectors of inputs are read.
    """
    for r in range(rows):
        for e in range(low, min(columns * streams, high)):
            total = 0
            for tap, offset in _taps(segments[e % streams], offsets, step):
                total = total + w[w_at + tap] * plane[at + r * step + e // streams + offset]
            y[to + r * pitch + e] = bias[bias_at] + total


def sum_outs(
    outs, columns, segments, plane, at, step, offsets, w, w_at, w_pitch, bias, bias_at, low, high, y, to, pitch
):
    """The same for one row of one stream, and as many channels out, whose weights lie ``w_pitch`` apart."""
    for r in range(outs):
        for c in range(low, min(columns, high)):
            total = 0
            for tap, offset in _taps(segments[0], offsets, step):
                total = total + w[w_at + r * w_pitch + tap] * plane[at + c + offset]
            y[to + r * pitch + c] = bias[bias_at + r] + total


def sum_channels(
    rows, count, vectors, lanes, segments, alike, plane, at, step, apart, offsets, w, w_at, pitch, bias_at, y, to,
    y_step, y_apart,
):  # fmt: skip
    """Sums and biases of some vectors of channels, of ``count`` outputs of each row; ``alike``: all of one input.

    Rows are ``step`` apart in the copy and ``y_step`` in the output; in a row, inputs are ``apart`` and outputs
    ``y_apart``. The weights of a tap lie ``pitch`` after those of the one before.
    """
    for r in range(rows):
        for n in range(count):
            for c in range(vectors * lanes):
                total = 0
                for tap, offset in _taps(segments, offsets, step):
                    read = at + r * step + n * apart + (0 if alike else c) + offset
                    total = total + w[w_at + tap * pitch + c] * plane[read]
                y[to + r * y_step + n * y_apart + c] = w[bias_at + c] + total


def _taps(segments, offsets, step):
    """The taps of all runs, and where they read."""
    for shorter, (first, count, weight) in enumerate(segments):
        for n in range(count):
            for i in range(shorter + 1):
                yield weight + n * (shorter + 1) + i, offsets[first + n] + i * step


Products = Callable[[ir.Value, list[ir.Value]], Iterator[tuple[int, int, ir.Value, ir.Value]]]
"""Of where a run reads, and its taps: row, vector of it, weights, inputs."""


def _tile(
    builder: ir.IRBuilder, rows: int, width: int, segments: list[list[ir.Value]], source: ir.Value, table: ir.Value,
    vector: ir.VectorType, products: Products,
) -> list[list[ir.Value]]:  # fmt: skip
    """The sums of ``rows`` rows of ``width`` vectors, from ``source`` on."""
    zero = ir.Constant(vector, None)
    cells = [[cgutils.alloca_once(builder, vector) for _ in range(width)] for _ in range(rows)]
    for cell in (cell for row in cells for cell in row):
        builder.store(zero, cell)
    for length, (first, count, weight) in enumerate(segments, 1):
        with cgutils.for_range(builder, count, intp=INT) as run:
            here = builder.gep(source, [builder.load(builder.gep(table, [builder.add(first, run.index)]))])
            taps = [
                builder.add(builder.add(weight, INT(i)), builder.mul(run.index, INT(length))) for i in range(length)
            ]
            for r, v, weights, inputs in products(here, taps):
                cell = cells[r][v]
                builder.store(multiply_add(builder, weights, inputs, builder.load(cell)), cell)
    return [[builder.load(cell) for cell in row] for row in cells]


def _of_rows_apart(
    builder: ir.IRBuilder, rows: int, width: int, step: ir.Value, vector: ir.VectorType,
    weight_of: Callable[[ir.Value, int], ir.Value], alike: bool = False,
) -> Products:  # fmt: skip
    """Rows ``step`` apart, whose weights go by vector; ``alike``: all vectors read one input."""

    def products(here: ir.Value, taps: list[ir.Value]) -> Iterator[tuple[int, int, ir.Value, ir.Value]]:
        for v in range(width):
            weights = [weight_of(tap, v) for tap in taps]
            for read in range(rows + len(taps) - 1):
                place = builder.mul(step, INT(read))
                if alike:
                    inputs = splat(builder, builder.load(builder.gep(here, [place])), vector)
                else:
                    inputs = load_vector(builder, here, builder.add(place, INT(v * vector.count)), vector)
                for i in range(len(taps)):
                    if 0 <= read - i < rows:
                        yield read - i, v, weights[i], inputs

    return products


def _of_outs(
    builder: ir.IRBuilder, rows: int, width: int, step: ir.Value, vector: ir.VectorType,
    weight_of: Callable[[ir.Value, int], ir.Value],
) -> Products:  # fmt: skip
    """Rows that read the same, with weights that go by row."""

    def products(here: ir.Value, taps: list[ir.Value]) -> Iterator[tuple[int, int, ir.Value, ir.Value]]:
        for i, tap in enumerate(taps):
            place = builder.mul(step, INT(i))
            read = [load_vector(builder, here, builder.add(place, INT(v * vector.count)), vector) for v in range(width)]
            for r in range(rows):
                weights = weight_of(tap, r)
                for v, inputs in enumerate(read):
                    yield r, v, weights, inputs

    return products


def _segments(builder: ir.IRBuilder, table: ir.Value) -> list[list[ir.Value]]:
    """What is told of the runs of each length."""
    return [
        [builder.load(builder.gep(table, [INT(3 * shorter + field)])) for field in (RUN, RUNS, WEIGHT)]
        for shorter in range(LONGEST)
    ]


def _of_rows(builder: ir.IRBuilder, rows: ir.Value) -> Iterator[tuple[int, ir.Value]]:
    """All ``rows`` of a tile, or else single ones; in each case, how many at a time, and the first."""
    whole = builder.icmp_signed("==", rows, INT(ROWS))
    with builder.if_else(whole) as (all_of_them, fewer):
        with all_of_them:
            yield ROWS, INT(0)
        with fewer, cgutils.for_range(builder, rows, intp=INT) as loop:
            yield 1, loop.index


def _of_columns(
    builder: ir.IRBuilder, columns: ir.Value, lanes: int, vectors: tuple[int, ...]
) -> Iterator[tuple[int, ir.Value]]:
    """Loops over ``columns``, some vectors at a time, then fewer; in each, how many, and the first column."""
    done = INT(0)
    for count in vectors:  # one vector less takes as long
        width = INT(lanes * count)
        more = INT(lanes * max(1, count // 2) - 1)
        fitting = builder.sdiv(builder.add(builder.sub(columns, done), more), width)
        end = builder.add(done, builder.mul(fitting, width))
        with cgutils.for_range_slice(builder, done, end, width, intp=INT) as (column, _):
            yield count, column
        done = end


@emits(sum_rows)
def _summed_rows(
    builder, vector, streams, rows, columns, segments, plane, at, step, offsets, w, w_at, bias, bias_at, low, high, y,
    to, pitch,
):  # fmt: skip
    source, weights, target = (builder.gep(array.data, [start]) for array, start in ((plane, at), (w, w_at), (y, to)))
    add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
    added = splat(builder, builder.load(builder.gep(bias.data, [bias_at])), vector)

    def weight_of(tap, _):
        return splat(builder, builder.load(builder.gep(weights, [tap])), vector)

    for count in cases(builder, streams, {count: count for count in FUSED}):
        told = [_segments(builder, builder.gep(segments.data, [INT(3 * LONGEST * stream)])) for stream in range(count)]
        for number, row in _of_rows(builder, rows):
            from_ = builder.gep(source, [builder.mul(row, step)])
            into = builder.gep(target, [builder.mul(row, pitch)])
            for width, column in _of_columns(builder, columns, vector.count, VECTORS[count - 1 :]):
                here, first = builder.gep(from_, [column]), builder.mul(column, INT(count))
                products = _of_rows_apart(builder, number, width, step, vector, weight_of)
                tiles = [_tile(builder, number, width, stream, here, offsets.data, vector, products) for stream in told]
                for r in range(number):
                    parts = zip(*(tile[r] for tile in tiles), strict=True)
                    line = [add(added, total) for part in parts for total in woven(builder, list(part))]
                    there = builder.gep(into, [builder.add(first, builder.mul(pitch, INT(r)))])
                    store_line(builder, line, builder.sub(low, first), builder.sub(high, first), there)


@emits(sum_outs)
def _summed_outs(
    builder, vector, outs, columns, segments, plane, at, step, offsets, w, w_at, w_pitch, bias, bias_at, low, high, y,
    to, pitch,
):  # fmt: skip
    source, weights, biases, target = (
        builder.gep(array.data, [start]) for array, start in ((plane, at), (w, w_at), (bias, bias_at), (y, to))
    )
    add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
    told = _segments(builder, segments.data)
    for number, out in _of_rows(builder, outs):
        of_out, into = (builder.gep(base, [builder.mul(out, by)]) for base, by in ((weights, w_pitch), (target, pitch)))

        def weight_of(tap, r, of_out=of_out):
            return splat(
                builder, builder.load(builder.gep(of_out, [builder.add(tap, builder.mul(w_pitch, INT(r)))])), vector
            )

        added = [
            splat(builder, builder.load(builder.gep(biases, [builder.add(out, INT(r))])), vector) for r in range(number)
        ]
        for width, column in _of_columns(builder, columns, vector.count, VECTORS):
            here = builder.gep(source, [column])
            products = _of_outs(builder, number, width, step, vector, weight_of)
            tile = _tile(builder, number, width, told, here, offsets.data, vector, products)
            for r, totals in enumerate(tile):
                line = [add(added[r], total) for total in totals]
                there = builder.gep(into, [builder.add(column, builder.mul(pitch, INT(r)))])
                store_line(builder, line, builder.sub(low, column), builder.sub(high, column), there)


@emits(sum_channels, options=INLINED)
def _summed_channels(
    builder, vector, rows, count, vectors, lanes, segments, alike, plane, at, step, apart, offsets, w, w_at, pitch,
    bias_at, y, to, y_step, y_apart,
):  # fmt: skip
    source, weights, biases, target = (
        builder.gep(array.data, [start]) for array, start in ((plane, at), (w, w_at), (w, bias_at), (y, to))
    )
    add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
    told = _segments(builder, segments.data)

    def weight_of(tap, v):
        return load_vector(builder, weights, builder.add(builder.mul(tap, pitch), INT(v * vector.count)), vector)

    numbers = {(width, one): 2 * width + one for width, one in product(VECTORS, (0, 1))}
    for width, one in cases(builder, builder.add(builder.mul(vectors, INT(2)), alike), numbers):
        for number, row in _of_rows(builder, rows):
            with cgutils.for_range(builder, count, intp=INT) as loop:
                n = loop.index
                here = builder.gep(source, [builder.add(builder.mul(row, step), builder.mul(n, apart))])
                products = _of_rows_apart(builder, number, width, step, vector, weight_of, bool(one))
                tile = _tile(builder, number, width, told, here, offsets.data, vector, products)
                there = builder.gep(target, [builder.add(builder.mul(row, y_step), builder.mul(n, y_apart))])
                for r, totals in enumerate(tile):
                    for v, total in enumerate(totals):
                        bias = load_vector(builder, biases, INT(v * vector.count), vector)
                        place = builder.add(builder.mul(y_step, INT(r)), INT(v * vector.count))
                        store_vector(builder, add(bias, total), there, place)


@called
def _size(axes, part, a):
    """Inputs of one part along an axis."""
    return (axes[SIZE, a] - part[a] + axes[SPLIT, a] - 1) // axes[SPLIT, a]


@called
def _fill(shape, axes, part, begin, counts, line, x, from_, plane, to):
    """Copy the inputs of one part that a unit's positions read, line by line; where there are none, zeros.

    Or of as many parts as there are at once. A position holds as many numbers as there are groups together; if several,
    positions lie as far apart in the input, too. At the ends of lines there are zeros already, if positions hold one
    number and lines are not cut into bands.
    """
    lanes, unit, at_once = shape.lanes, shape.together, shape.parts_at_once
    last = axes.shape[1] - 1
    for a in range(last + 1):
        from_ += part[a] * axes[X_STEP, a]
    start = begin[last] + axes[FIRST, last] + axes[LOWEST, last]
    cells = counts[last] + axes[REACH, last]
    low = min(max(0, -start), cells)
    end = max(low, min(cells, _size(axes, part, last) - start))
    held_inputs = axes[SIZE, last] - (start + low) * axes[SPLIT, last]
    step = axes[SPLIT, last] * axes[X_STEP, last]
    rows, row_begin, row_end, row_step = 1, 0, 1, 0
    if last:
        rows = counts[last - 1] + axes[REACH, last - 1]
        row_begin = begin[last - 1] + axes[FIRST, last - 1] + axes[LOWEST, last - 1]
        row_end = _size(axes, part, last - 1)
        row_step = axes[SPLIT, last - 1] * axes[X_STEP, last - 1]
    blocks = 1
    for a in range(last - 1):
        blocks *= counts[a] + axes[REACH, a]
    at = to
    for block in range(blocks):
        rest = block
        source = from_ + (start + low) * step + row_begin * row_step
        held = True
        for a in range(last - 2, -1, -1):
            size = counts[a] + axes[REACH, a]
            index = rest % size + begin[a] + axes[FIRST, a] + axes[LOWEST, a]
            rest //= size
            held = held and index >= 0 and index < _size(axes, part, a)
            source += index * axes[SPLIT, a] * axes[X_STEP, a]
        for row in range(row_begin, row_begin + rows):
            if not held or row < 0 or row >= row_end:
                for p in range(at_once):
                    for i in range(low * unit, end * unit):
                        plane[at + p * shape.part + i] = 0
            elif at_once > 1:
                copy_apart(at_once, at_once, lanes, end - low, held_inputs, x, source, plane, at + low, shape.part)
            elif unit == 1:
                copy_line(lanes, end - low, step, 1, x, source, plane, at + low)
            elif step == unit:
                copy_line(lanes, (end - low) * unit, 1, 1, x, source, plane, at + low * unit)
            else:
                for i in range(end - low):
                    copy_line(lanes, unit, 1, 1, x, source + i * step, plane, at + (low + i) * unit)
            if unit > 1 or last == 0:
                for i in range(low * unit):
                    plane[at + i] = 0
                for i in range(end * unit, cells * unit):
                    plane[at + i] = 0
            source += row_step
            at += line


@called
def _turn(shape, w, bias, turned):
    """Weights and biases, channels side by side."""
    for channel in range(shape.abreast):
        for tap in range(shape.taps):
            turned[tap * shape.abreast + channel] = w[channel * shape.taps + tap]
        turned[shape.taps * shape.abreast + channel] = bias[channel]


@called
def _tiles(rows):
    """How many tiles so many rows take. If they are enough for one, the last begins within the one before."""
    return (rows + ROWS - 1) // ROWS


@called
def _tile_at(rows, number):
    """The first row of a tile, and how many it has."""
    return (min(ROWS * number, rows - ROWS), ROWS) if rows >= ROWS else (0, rows)


@inlined
def _write_channels(shape, axes, segments, rows, at, offsets, lines, plane, turned, low, high, y, to):
    """Some lines of outputs, all channels of each, of which ``low <= e < high`` are written.

    The last vector of channels begins where it ends with them, within the one before. Where there is one line, its
    outputs are the rows of tiles.
    """
    unit, width, lanes, streams = shape.together, shape.abreast, shape.lanes, segments.shape[0]
    last = axes.shape[1] - 1
    alike = int(unit < width)
    y_apart = axes[Y_STEP, last]
    step, y_step = (axes[STEP, last - 1], lines[1, 0]) if last else (unit, streams * y_apart)
    for stream in range(streams):
        position = (low - stream + streams - 1) // streams
        count = (high - stream + streams - 1) // streams - position
        if last == 0:
            rows, count = count, 1
        here, there = at + position * unit, to + (position * streams + stream) * y_apart
        for number in range(_tiles(rows)):
            row, some = _tile_at(rows, number)
            block = 0
            while block < width:
                vectors = VECTORS[0]
                while vectors > 1 and vectors * lanes > width - block:
                    vectors //= 2
                begin = min(block, width - vectors * lanes)
                sum_channels(
                    some, count, vectors, lanes, segments[stream], alike, plane,
                    here + row * step + (0 if alike else begin), step, unit, offsets, turned, begin, width,
                    shape.taps * width + begin, y, there + row * y_step + begin, y_step, streams * y_apart,
                )  # fmt: skip
                block = begin + vectors * lanes


@inlined
def _write_lines(
    shape, axes, segments, columns, rows, at, offsets, lines, group, plane, w, bias, sums, low, high, y, to
):  # fmt: skip
    """Some lines of outputs of each channel out, of which ``low <= e < high`` are written."""
    last = axes.shape[1] - 1
    streams = segments.shape[0]
    pitch, nothing = streams * shape.columns, sums.shape[0] - 1
    step, y_step = axes[STEP, max(0, last - 1)], axes[Y_STEP, last]
    at_once = y_step == 1 and streams in FUSED
    if last == 0 and streams == y_step == 1:
        for begin in range(0, columns, shape.columns):
            count = min(columns - begin, shape.columns)
            low_here, high_here = max(0, low - begin), min(count, high - begin)
            for channel in range(0, shape.channels_out if low_here < high_here else 0, ROWS):
                some = min(ROWS, shape.channels_out - channel)
                of_channel = group * shape.channels_out + channel
                out = to + channel * shape.y_channel + begin
                for r in range(some):
                    expect(y, out + r * shape.y_channel + low_here, out + r * shape.y_channel + high_here)
                sum_outs(
                    some, count, segments, plane, at + begin, step, offsets, w, of_channel * shape.taps, shape.taps,
                    bias, of_channel, low_here, high_here, y, out, shape.y_channel,
                )  # fmt: skip
        return
    for channel in range(shape.channels_out):
        of_channel = group * shape.channels_out + channel
        w_at = of_channel * shape.taps
        for begin in range(0, columns, shape.columns):
            count = min(columns - begin, shape.columns)
            low_here, high_here = max(0, low - begin * streams), min(count * streams, high - begin * streams)
            if low_here >= high_here:
                continue
            for number in range(_tiles(rows)):
                row, some = _tile_at(rows, number)
                here = at + row * step + begin
                out = to + channel * shape.y_channel + row * lines[1, 0] + begin * streams * y_step
                if y_step == 1:
                    for r in range(some):
                        expect(y, out + lines[r, 0] + low_here, out + lines[r, 0] + high_here)
                if at_once:
                    sum_rows(
                        streams, some, count, segments, plane, here, step, offsets, w, w_at, bias, of_channel,
                        low_here, high_here, y, out, lines[1, 0],
                    )  # fmt: skip
                    continue
                for stream in range(streams):
                    sum_rows(
                        1, some, count, segments[stream:], plane, here, step, offsets, w, w_at, bias,
                        of_channel, 0, shape.columns, sums, stream * shape.columns, pitch,
                    )  # fmt: skip
                if y_step == 1:
                    interleave(
                        streams, streams, 0, some, lines, 0, sums, 0, pitch, shape.columns,
                        sums, nothing, 1, low_here, high_here, y, out,
                    )  # fmt: skip
                    continue
                for r in range(some):
                    for e in range(low_here, high_here):
                        y[out + lines[r, 0] + e * y_step] = sums[r * pitch + e % streams * shape.columns + e // streams]


@worker
def depthwise(
    shape, axes, parts, residues, segments, offsets, lines, begin, counts, outputs, plane, sums, turned, rank,
    counters, x, w, bias, y,
):  # fmt: skip
    """Compute ``y`` from ``x`` and the taps ``w[group, channel out, tap]``: units, one at a time, until none is left.

    ``parts`` are the residues of inputs that are read, ``residues`` those of the outer axes' phases, combination by
    combination; ``segments`` say which runs of taps the streams of each have, ``offsets`` where these read; ``lines``
    where those of a tile are written. What lies between ``lines`` and ``rank`` is scratch.
    """
    last = axes.shape[1] - 1
    line = axes[STEP, last - 1] if last else shape.part
    shares = shape.groups // shape.together
    units = shape.batch * shares * shape.bands
    if shape.abreast > 1:
        _turn(shape, w, bias, turned)
    if shape.together == 1:
        for i in range(plane.shape[0]):
            plane[i] = 0
        sums[sums.shape[0] - 1] = 0
    unit, stop = claim(counters, rank, units, 1)
    while unit < stop:
        band = unit % shape.bands
        group = unit // shape.bands % shares
        image = unit // shape.bands // shares
        for a in range(last + 1):
            begin[a] = 0
            counts[a] = axes[COUNT, a]
        begin[0] = band * shape.band
        counts[0] = min(shape.band, axes[COUNT, 0] - begin[0])
        from_ = image * shape.x_batch + group * shape.x_group
        for n in range(0, parts.shape[0], shape.parts_at_once):
            _fill(shape, axes, parts[n], begin, counts, line, x, from_, plane, n * shape.part)
        start = axes[STRIDE, last] * (begin[last] + axes[FIRST, last]) - axes[ORIGIN, last]
        low = max(0, -start)
        high = min(counts[last] * axes[STRIDE, last], axes[LIMIT, last] - start)
        blocks = 1
        for a in range(last - 1):
            blocks *= counts[a]
        y_line = image * shape.y_batch + group * shape.y_group + start * axes[Y_STEP, last]
        for block in range(blocks):
            rest = block
            at = 0
            for a in range(last - 2, -1, -1):
                index = rest % counts[a]
                rest //= counts[a]
                at += index * axes[STEP, a]
                outputs[a] = axes[STRIDE, a] * (begin[a] + axes[FIRST, a] + index) - axes[ORIGIN, a]
            for combination in range(residues.shape[0]):
                to = y_line
                seen = True
                for a in range(last - 1):
                    t = outputs[a] + residues[combination, a]
                    seen = seen and t >= 0 and t < axes[LIMIT, a]
                    to += t * axes[Y_STEP, a]
                if not seen:
                    continue
                first, end = 0, 1  # of the lines, those that are not cropped
                if last:
                    a, stride = last - 1, axes[STRIDE, last - 1]
                    t = stride * (begin[a] + axes[FIRST, a]) - axes[ORIGIN, a] + residues[combination, a]
                    first = (max(0, -t) + stride - 1) // stride
                    end = min(counts[a], (axes[LIMIT, a] - t + stride - 1) // stride)
                    to += (t + first * stride) * axes[Y_STEP, a]
                at_first = at + first * line
                if shape.abreast > 1:
                    _write_channels(
                        shape, axes, segments[combination], end - first, at_first, offsets, lines, plane, turned,
                        low, high, y, to,
                    )  # fmt: skip
                else:
                    _write_lines(
                        shape, axes, segments[combination], counts[last], end - first, at_first, offsets, lines, group,
                        plane, w, bias, sums, low, high, y, to,
                    )  # fmt: skip
        unit, stop = claim(counters, rank, units, 1)
