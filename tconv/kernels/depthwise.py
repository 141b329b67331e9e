"""One channel in: lines of sums straight from a padded copy of its plane, a few taps each.

A unit of work is one channel of one image, or a band of it along the first axis. Its inputs are copied once, with the
zeros around them, so that every tap reads whole vectors; then each line of outputs is summed, tap by tap, woven from
its phases, and written. Where the channels of a position lie side by side, a unit is all of them, and vectors run over
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from tconv.kernels.interleave import interleave, store_line, woven
from tconv.kernels.launch import INLINED, called, inlined
from tconv.kernels.rearrange import copy_line
from tconv.kernels.vectors import INT, data_of, expect, load_vector, multiply_add, splat, store_vector, vector_type
from tconv.kernels.workers import claim, worker

TOGETHER = 4  # vectors of sums
ABREAST = {1: 4, 2: 4, 3: 2, 4: 2}  # so many vectors of channels, of so many outputs at once
WOVEN = {1: 4, 2: 4, 3: 2, 4: 2}  # of so many streams, so many vectors each are woven straight from registers
MOST_WOVEN = max(WOVEN)


class Depthwise(NamedTuple):
    """The numbers of one problem."""

    lanes: int
    batch: int
    groups: int
    together: int  # groups that lie side by side: all or one
    channels_out: int
    taps: int  # of one channel out
    columns: int  # of a line that are summed at a time
    band: int  # positions of the first axis to a unit
    bands: int
    part: int  # of a plane: as many are copied as there are residues of inputs
    x_batch: int  # strides
    x_group: int
    y_batch: int
    y_group: int
    y_channel: int


# Rows of the table of axes; of these the last are steps, in the copy, the input and the output.
COUNT, FIRST, LOWEST, REACH, SIZE, SPLIT, STRIDE, ORIGIN, LIMIT, STEP, X_STEP, Y_STEP = range(12)


def sum_line(columns, lanes, taps, plane, at, offsets, first, w, w_at, sums, to):
    """``sums[to + c] = sum over k of w[w_at + k] * plane[at + offsets[first + k] + c]``.

    ``columns`` are rounded up, to whole vectors at least.
    """
    for c in range((columns + lanes - 1) // lanes * lanes):
        total = 0
        for k in range(taps):
            total = total + w[w_at + k] * plane[at + offsets[first + k] + c]
        sums[to + c] = total


def sum_and_weave(
    streams, columns, lanes, segments, combination, plane, at, offsets, w, w_at, bias, bias_at, low, high, y, to
):  # fmt: skip
    """The sums of all ``streams``, and the bias, in outputs ``to + low <= e < to + high`` of a line, by turns."""
    for e in range(low, min(high, columns * streams)):
        first, taps = segments[combination, e % streams, 0], segments[combination, e % streams, 1]
        total = 0
        for k in range(first, first + taps):
            total = total + w[w_at + k] * plane[at + offsets[k] + e // streams]
        y[to + e] = bias[bias_at] + total


def _sums(
    builder: ir.IRBuilder, taps: ir.Value, source: ir.Value, table: ir.Value, weights: ir.Value, vector: ir.VectorType,
    count: int,
) -> list[ir.Value]:  # fmt: skip
    """``count`` vectors of sums over ``taps``, side by side from ``source`` on."""
    cells = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(count)]
    for cell in cells:
        builder.store(ir.Constant(vector, None), cell)
    with cgutils.for_range(builder, taps, intp=INT) as tap:
        weight = splat(builder, builder.load(builder.gep(weights, [tap.index])), vector)
        here = builder.gep(source, [builder.load(builder.gep(table, [tap.index]))])
        for j, cell in enumerate(cells):
            loaded = load_vector(builder, here, INT(j * vector.count), vector)
            builder.store(multiply_add(builder, weight, loaded, builder.load(cell)), cell)
    return [builder.load(cell) for cell in cells]


def _parts(builder: ir.IRBuilder, columns: ir.Value, lanes: int, together: int) -> Iterator[tuple[int, ir.Value]]:
    """Loops over ``columns``, some vectors at a time, then fewer; in each, how many, and the first column."""
    done, count = INT(0), together
    while count:  # one vector less takes as long
        width = INT(lanes * count)
        more = INT(lanes * max(1, count // 2) - 1)
        fitting = builder.sdiv(builder.add(builder.sub(columns, done), more), width)
        end = builder.add(done, builder.mul(fitting, width))
        with cgutils.for_range_slice(builder, done, end, width, intp=INT) as (column, _):
            yield count, column
        done, count = end, count // 2


@intrinsic
def _summed(typing, columns, taps, plane, at, offsets, first, w, w_at, sums, to):
    def codegen(context, builder, signature, values):
        columns, taps, _, at, _, first, _, w_at, _, to = values
        source, table, weights, target = (data_of(context, builder, signature.args[i], values[i]) for i in (2, 4, 6, 8))
        source, table, weights, target = (
            builder.gep(base, [start]) for base, start in ((source, at), (table, first), (weights, w_at), (target, to))
        )
        vector = vector_type(sums)
        for count, column in _parts(builder, columns, vector.count, TOGETHER):
            found = _sums(builder, taps, builder.gep(source, [column]), table, weights, vector, count)
            for j, total in enumerate(found):
                store_vector(builder, total, target, builder.add(column, INT(j * vector.count)))
        return context.get_dummy_value()

    n = types.int64
    return types.void(n, n, plane, n, offsets, n, w, n, sums, n), codegen


@overload(sum_line, jit_options=INLINED)
def _sum_line(columns, lanes, taps, plane, at, offsets, first, w, w_at, sums, to):
    def call(columns, lanes, taps, plane, at, offsets, first, w, w_at, sums, to):
        _summed(columns, taps, plane, at, offsets, first, w, w_at, sums, to)

    return call


def sum_channels(
    count, vectors, lanes, taps, plane, at, apart, offsets, first, w, w_at, pitch, bias_at, y, to, step
):  # fmt: skip
    """Sums of some vectors of channels, of ``count`` outputs ``step`` apart that read inputs ``apart``.

    The weights of a tap lie ``pitch`` after those of the one before.
    """
    for n in range(count):
        for c in range(vectors * lanes):
            total = 0
            for k in range(first, first + taps):
                total = total + w[w_at + k * pitch + c] * plane[at + n * apart + offsets[k] + c]
            y[to + n * step + c] = w[bias_at + c] + total


@intrinsic
def _summed_channels(
    typing, count, vectors, taps, plane, at, apart, offsets, first, w, w_at, pitch, bias_at, y, to, step
):
    def codegen(context, builder, signature, values):
        count, vectors, taps, _, at, apart, _, first, _, w_at, pitch, bias_at, _, to, step = values
        source, table, weights, target = (
            data_of(context, builder, signature.args[i], values[i]) for i in (3, 6, 8, 12)
        )
        biases = builder.gep(weights, [bias_at])
        weights = builder.gep(weights, [builder.add(w_at, builder.mul(first, pitch))])
        source, table, target = (
            builder.gep(base, [start]) for base, start in ((source, at), (table, first), (target, to))
        )
        vector = vector_type(y)
        add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd

        def outputs(n, number, width):
            """``number`` of them from the one numbered ``n`` on, ``width`` vectors each."""
            cells = [[cgutils.alloca_once(builder, vector) for _ in range(width)] for _ in range(number)]
            for cell in (cell for row in cells for cell in row):
                builder.store(ir.Constant(vector, None), cell)
            inputs = [builder.gep(source, [builder.mul(builder.add(n, INT(i)), apart)]) for i in range(number)]
            with cgutils.for_range(builder, taps, intp=INT) as tap:
                offset = builder.load(builder.gep(table, [tap.index]))
                rows = builder.gep(weights, [builder.mul(tap.index, pitch)])
                for j in range(width):
                    weight = load_vector(builder, rows, INT(j * vector.count), vector)
                    for here, row in zip(inputs, cells, strict=True):
                        loaded = load_vector(builder, here, builder.add(offset, INT(j * vector.count)), vector)
                        builder.store(multiply_add(builder, weight, loaded, builder.load(row[j])), row[j])
            for i, row in enumerate(cells):
                there = builder.gep(target, [builder.mul(builder.add(n, INT(i)), step)])
                for j, cell in enumerate(row):
                    bias = load_vector(builder, biases, INT(j * vector.count), vector)
                    store_vector(builder, add(bias, builder.load(cell)), there, INT(j * vector.count))

        summed = builder.append_basic_block("summed")
        choice = builder.switch(vectors, summed)
        for width, together in ABREAST.items():
            block = builder.append_basic_block(f"channels_{width}")
            choice.add_case(INT(width), block)
            builder.position_at_end(block)
            whole = builder.mul(builder.sdiv(count, INT(together)), INT(together))
            for begin, end, number in ((INT(0), whole, together), (whole, count, 1)):
                with cgutils.for_range_slice(builder, begin, end, INT(number), intp=INT) as (n, _):
                    outputs(n, number, width)
            builder.branch(summed)
        builder.position_at_end(summed)
        return context.get_dummy_value()

    n = types.int64
    return types.void(n, n, n, plane, n, n, offsets, n, w, n, n, n, y, n, n), codegen


@overload(sum_channels, jit_options=INLINED)
def _sum_channels(count, vectors, lanes, taps, plane, at, apart, offsets, first, w, w_at, pitch, bias_at, y, to, step):
    def call(count, vectors, lanes, taps, plane, at, apart, offsets, first, w, w_at, pitch, bias_at, y, to, step):
        _summed_channels(
            count, vectors, taps, plane, at, apart, offsets, first, w, w_at, pitch, bias_at, y, to, step
        )  # fmt: skip

    return call


@intrinsic
def _summed_and_woven(
    typing, streams, columns, segments, combination, plane, at, offsets, w, w_at, bias, bias_at, low, high, y, to
):
    def codegen(context, builder, signature, values):
        streams, columns, _, combination, _, at, _, _, w_at, _, bias_at, low, high, _, to = values
        pairs, source, table, weights, biases, target = (
            data_of(context, builder, signature.args[i], values[i]) for i in (2, 4, 6, 7, 9, 13)
        )
        pairs = builder.gep(pairs, [builder.mul(builder.mul(combination, streams), INT(2))])
        source, weights, target = (
            builder.gep(base, [start]) for base, start in ((source, at), (weights, w_at), (target, to))
        )
        vector = vector_type(y)
        added = splat(builder, builder.load(builder.gep(biases, [bias_at])), vector)
        add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
        written = builder.append_basic_block("written")
        choice = builder.switch(streams, written)
        for number, together in WOVEN.items():
            block = builder.append_basic_block(f"weave_{number}")
            choice.add_case(INT(number), block)
            builder.position_at_end(block)
            segment = [[builder.load(builder.gep(pairs, [INT(2 * u + i)])) for i in (0, 1)] for u in range(number)]
            for count, column in _parts(builder, columns, vector.count, together):
                here = builder.gep(source, [column])
                sums = [
                    _sums(
                        builder, taps, here, builder.gep(table, [first]), builder.gep(weights, [first]), vector, count
                    )
                    for first, taps in segment
                ]  # fmt: skip
                done = builder.mul(column, INT(number))
                line = [
                    piece
                    for rows in zip(*sums, strict=True)
                    for piece in woven(builder, [add(row, added) for row in rows])
                ]
                store_line(builder, line, builder.sub(low, done), builder.sub(high, done), builder.gep(target, [done]))
            builder.branch(written)
        builder.position_at_end(written)
        return context.get_dummy_value()

    n = types.int64
    return types.void(n, n, segments, n, plane, n, offsets, w, n, bias, n, n, n, y, n), codegen


@overload(sum_and_weave, jit_options=INLINED)
def _sum_and_weave(
    streams, columns, lanes, segments, combination, plane, at, offsets, w, w_at, bias, bias_at, low, high, y, to
):
    def call(
        streams, columns, lanes, segments, combination, plane, at, offsets, w, w_at, bias, bias_at, low, high, y, to
    ):
        _summed_and_woven(
            streams, columns, segments, combination, plane, at, offsets, w, w_at, bias, bias_at, low, high, y, to
        )

    return call


@called
def _size(axes, part, a):
    """Inputs of one part along an axis."""
    return (axes[SIZE, a] - part[a] + axes[SPLIT, a] - 1) // axes[SPLIT, a]


@called
def _fill(lanes, unit, axes, part, begin, counts, line, x, from_, plane, to):
    """Copy the inputs of one part that a unit's positions read, line by line, with zeros where there are none.

    A position holds ``unit`` numbers; if several, positions lie as far apart in the input, too.
    """
    last = axes.shape[1] - 1
    for a in range(last + 1):
        from_ += part[a] * axes[X_STEP, a]
    lines = 1
    for a in range(last):
        lines *= counts[a] + axes[REACH, a]
    start = begin[last] + axes[FIRST, last] + axes[LOWEST, last]
    cells = counts[last] + axes[REACH, last]
    low = min(max(0, -start), cells)
    high = max(low, min(cells, _size(axes, part, last) - start))
    step = axes[SPLIT, last] * axes[X_STEP, last]
    for number in range(lines):
        rest = number
        source = from_ + (start + low) * step
        at = to + number * line
        held = True
        for a in range(last - 1, -1, -1):
            size = counts[a] + axes[REACH, a]
            index = rest % size + begin[a] + axes[FIRST, a] + axes[LOWEST, a]
            rest //= size
            held = held and index >= 0 and index < _size(axes, part, a)
            source += index * axes[SPLIT, a] * axes[X_STEP, a]
        end = high if held else low
        for i in range(low * unit):
            plane[at + i] = 0
        if unit == 1:
            copy_line(lanes, end - low, step, 1, x, source, plane, at + low)
        elif step == unit:
            copy_line(lanes, (end - low) * unit, 1, 1, x, source, plane, at + low * unit)
        else:
            for i in range(end - low):
                copy_line(lanes, unit, 1, 1, x, source + i * step, plane, at + (low + i) * unit)
        for i in range(end * unit, line):
            plane[at + i] = 0


@called
def _turn(shape, w, bias, turned):
    """Weights and biases of all groups, channels side by side."""
    for group in range(shape.groups):
        for tap in range(shape.taps):
            turned[tap * shape.groups + group] = w[group * shape.taps + tap]
        turned[shape.taps * shape.groups + group] = bias[group]


@inlined
def _write_channels(shape, segments, combination, at, offsets, plane, turned, low, high, y, to):
    """One line of outputs, all channels of each, of which ``low <= e < high`` are written.

    The last vector of channels begins where it ends with them, within the one before.
    """
    unit, lanes, streams = shape.together, shape.lanes, segments.shape[1]
    block = 0
    while block < unit:
        vectors = min(max((unit - block) // lanes, 1), TOGETHER)
        begin = min(block, unit - vectors * lanes)
        for stream in range(streams):
            first, taps = segments[combination, stream, 0], segments[combination, stream, 1]
            position = (low - stream + streams - 1) // streams
            count = (high - stream + streams - 1) // streams - position
            sum_channels(
                count, vectors, lanes, taps, plane, at + position * unit + begin, unit, offsets, first,
                turned, begin, unit, shape.taps * unit + begin,
                y, to + (position * streams + stream) * unit + begin, streams * unit,
            )  # fmt: skip
        block = begin + vectors * lanes


@inlined
def _write_line(
    shape, axes, segments, combination, columns, at, offsets, bias_rows, group, plane, w, bias, sums, low, high, y, to
):  # fmt: skip
    """One line of outputs of each channel out, of which ``low <= e < high`` are written."""
    last = axes.shape[1] - 1
    streams = segments.shape[1]
    step = axes[Y_STEP, last]
    for channel in range(shape.channels_out):
        number = group * shape.channels_out + channel
        w_at, line = number * shape.taps, to + channel * shape.y_channel
        if step == 1:
            expect(y, line + low, line + high)
            if streams <= MOST_WOVEN:
                sum_and_weave(
                    streams, columns, shape.lanes, segments, combination, plane, at, offsets, w, w_at, bias, number,
                    low, high, y, line,
                )  # fmt: skip
                continue
        for begin in range(0, columns, shape.columns):
            count = min(columns - begin, shape.columns)
            low_here, high_here = max(0, low - begin * streams), min(count * streams, high - begin * streams)
            if low_here >= high_here:
                continue
            out = line + begin * streams * step
            for u in range(streams):
                first, taps = segments[combination, u, 0], segments[combination, u, 1]
                sum_line(
                    count, shape.lanes, taps, plane, at + begin, offsets, first, w, w_at + first,
                    sums, u * shape.columns,
                )  # fmt: skip
            if step == 1:
                interleave(
                    streams, streams, 0, shape.lanes, 1, bias_rows, channel, sums, 0, 0, shape.columns,
                    bias, group * shape.channels_out, 1, low_here, high_here, y, out,
                )  # fmt: skip
            else:
                for e in range(low_here, high_here):
                    y[out + e * step] = bias[number] + sums[e % streams * shape.columns + e // streams]


@worker
def depthwise(
    shape, axes, parts, residues, segments, offsets, bias_rows, begin, counts, outputs, plane, sums, turned, rank,
    counters, x, w, bias, y,
):  # fmt: skip
    """Compute ``y`` from ``x`` and the taps ``w[group, channel out, tap]``: units, one at a time, until none is left.

    ``parts`` are the residues of inputs that are read, ``residues`` those of the outer axes' phases, combination by
    combination; ``segments`` say which taps the streams of each have, ``offsets`` where these read. What lies between
    ``bias_rows`` and ``rank`` is scratch.
    """
    last = axes.shape[1] - 1
    line = axes[STEP, last - 1] if last else shape.part
    shares = shape.groups // shape.together
    units = shape.batch * shares * shape.bands
    if shape.together > 1:
        _turn(shape, w, bias, turned)
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
        for n in range(parts.shape[0]):
            _fill(shape.lanes, shape.together, axes, parts[n], begin, counts, line, x, from_, plane, n * shape.part)
        start = axes[STRIDE, last] * (begin[last] + axes[FIRST, last]) - axes[ORIGIN, last]
        low = max(0, -start)
        high = min(counts[last] * axes[STRIDE, last], axes[LIMIT, last] - start)
        positions = 1
        for a in range(last):
            positions *= counts[a]
        y_line = image * shape.y_batch + group * shape.y_group + start * axes[Y_STEP, last]
        for number in range(positions):
            rest = number
            at = 0
            for a in range(last - 1, -1, -1):
                index = rest
                if a:
                    rest //= counts[a]
                    index -= rest * counts[a]
                at += index * axes[STEP, a]
                outputs[a] = axes[STRIDE, a] * (begin[a] + axes[FIRST, a] + index) - axes[ORIGIN, a]
            for combination in range(residues.shape[0]):
                to = y_line
                seen = True
                for a in range(last):
                    t = outputs[a] + residues[combination, a]
                    seen = seen and t >= 0 and t < axes[LIMIT, a]
                    to += t * axes[Y_STEP, a]
                if not seen:
                    continue
                if shape.together > 1:
                    _write_channels(shape, segments, combination, at, offsets, plane, turned, low, high, y, to)
                else:
                    _write_line(
                        shape, axes, segments, combination, counts[last], at, offsets, bias_rows, group, plane, w, bias,
                        sums, low, high, y, to,
                    )  # fmt: skip
        unit, stop = claim(counters, rank, units, 1)
