"""One channel in: lines of sums straight from a padded copy of its plane, a few taps each.

A unit of work is one channel of one image, or a band of it along the first axis. Its inputs are copied once, with the
zeros around them, so that every tap reads whole vectors; then each line of outputs is summed, tap by tap, woven from
its phases, and written.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable

from tconv.kernels.interleave import interleave
from tconv.kernels.rearrange import copy_line
from tconv.kernels.vectors import INT, data_of, expect, load_vector, multiply_add, splat, store_vector, vector_type
from tconv.kernels.workers import claim, worker

TOGETHER = 4  # vectors of sums


class Depthwise(NamedTuple):
    """The numbers of one problem."""

    lanes: int
    batch: int
    groups: int
    channels_out: int
    taps: int  # of one channel out
    columns: int  # of a line that are summed at a time
    band: int  # positions of the first axis to a unit
    bands: int
    x_batch: int  # strides
    x_group: int
    y_batch: int
    y_group: int
    y_channel: int


# Rows of the table of axes; of these the last are steps, in the copy, the input and the output.
COUNT, FIRST, LOWEST, REACH, SIZE, STRIDE, ORIGIN, LIMIT, STEP, X_STEP, Y_STEP = range(11)


def sum_line(columns, lanes, taps, plane, at, offsets, first, w, w_at, sums, to):
    """``sums[to + c] = sum over k of w[w_at + k] * plane[at + offsets[first + k] + c]``.

    ``columns`` are rounded up, to whole vectors at least.
    """
    for c in range((columns + lanes - 1) // lanes * lanes):
        total = 0
        for k in range(taps):
            total = total + w[w_at + k] * plane[at + offsets[first + k] + c]
        sums[to + c] = total


@intrinsic
def _summed(typing, columns, taps, plane, at, offsets, first, w, w_at, sums, to):
    def codegen(context, builder, signature, values):
        columns, taps, _, at, _, first, _, w_at, _, to = values
        source, table, weights, target = (data_of(context, builder, signature.args[i], values[i]) for i in (2, 4, 6, 8))
        source, table, weights, target = (
            builder.gep(base, [start]) for base, start in ((source, at), (table, first), (weights, w_at), (target, to))
        )
        vector = vector_type(sums)
        lanes = INT(vector.count)

        def add(column, count):
            cells = [cgutils.alloca_once(builder, vector) for _ in range(count)]
            for cell in cells:
                builder.store(ir.Constant(vector, None), cell)
            with cgutils.for_range(builder, taps, intp=INT) as tap:
                weight = splat(builder, builder.load(builder.gep(weights, [tap.index])), vector)
                here = builder.gep(source, [builder.add(builder.load(builder.gep(table, [tap.index])), column)])
                for j, cell in enumerate(cells):
                    loaded = load_vector(builder, here, INT(j * vector.count), vector)
                    builder.store(multiply_add(builder, weight, loaded, builder.load(cell)), cell)
            for j, cell in enumerate(cells):
                store_vector(builder, builder.load(cell), target, builder.add(column, INT(j * vector.count)))

        done = INT(0)
        for count in (TOGETHER, TOGETHER // 2, 1):  # one vector less takes as long
            width = builder.mul(lanes, INT(count))
            left = builder.sub(columns, done)
            more = builder.sub(builder.mul(lanes, INT(max(1, count // 2))), INT(1))
            fitting = builder.sdiv(builder.add(left, more), width)
            end = builder.add(done, builder.mul(fitting, width))
            with cgutils.for_range_slice(builder, done, end, width, intp=INT) as (column, _):
                add(column, count)
            done = end
        return context.get_dummy_value()

    n = types.int64
    return types.void(n, n, plane, n, offsets, n, w, n, sums, n), codegen


@overload(sum_line, jit_options={"forceinline": True})
def _sum_line(columns, lanes, taps, plane, at, offsets, first, w, w_at, sums, to):
    def call(columns, lanes, taps, plane, at, offsets, first, w, w_at, sums, to):
        _summed(columns, taps, plane, at, offsets, first, w, w_at, sums, to)

    return call


@register_jitable
def _fill(lanes, axes, begin, counts, line, x, from_, plane):
    """Copy the inputs that a unit's positions read, line by line, with zeros where there are none."""
    last = axes.shape[1] - 1
    lines = 1
    for a in range(last):
        lines *= counts[a] + axes[REACH, a]
    start = begin[last] + axes[FIRST, last] + axes[LOWEST, last]
    cells = counts[last] + axes[REACH, last]
    low = min(max(0, -start), cells)
    high = max(low, min(cells, axes[SIZE, last] - start))
    for number in range(lines):
        rest = number
        source = from_ + (start + low) * axes[X_STEP, last]
        at = number * line
        held = True
        for a in range(last - 1, -1, -1):
            size = counts[a] + axes[REACH, a]
            index = rest % size + begin[a] + axes[FIRST, a] + axes[LOWEST, a]
            rest //= size
            held = held and index >= 0 and index < axes[SIZE, a]
            source += index * axes[X_STEP, a]
        end = high if held else low
        for i in range(low):
            plane[at + i] = 0
        copy_line(lanes, end - low, axes[X_STEP, last], 1, x, source, plane, at + low)
        for i in range(end, line):
            plane[at + i] = 0


@register_jitable
def _write_line(
    shape, axes, segments, combination, columns, at, offsets, bias_rows, group, plane, w, bias, sums, low, high, y, to
):  # fmt: skip
    """One line of outputs of each channel out, of which ``low <= e < high`` are written."""
    last = axes.shape[1] - 1
    streams = segments.shape[1]
    step = axes[Y_STEP, last]
    for channel in range(shape.channels_out):
        w_at = (group * shape.channels_out + channel) * shape.taps
        for begin in range(0, columns, shape.columns):
            count = min(columns - begin, shape.columns)
            low_here, high_here = max(0, low - begin * streams), min(count * streams, high - begin * streams)
            if low_here >= high_here:
                continue
            out = to + channel * shape.y_channel + begin * streams * step
            if step == 1:
                expect(y, out + low_here, out + high_here)
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
                    y[out + e * step] = (
                        bias[group * shape.channels_out + channel] + sums[e % streams * shape.columns + e // streams]
                    )


@worker
def depthwise(
    shape, axes, residues, segments, offsets, bias_rows, begin, counts, outputs, plane, sums, rank, counters,
    x, w, bias, y,
):  # fmt: skip
    """Compute ``y`` from ``x`` and the taps ``w[group, channel out, tap]``: units, one at a time, until none is left.

    ``residues`` are those of the outer axes' phases, combination by combination; ``segments`` say which taps the
    streams of each have, ``offsets`` where these read. What lies between ``bias_rows`` and ``rank`` is scratch.
    """
    last = axes.shape[1] - 1
    line = axes[STEP, last - 1] if last else plane.shape[0]
    units = shape.batch * shape.groups * shape.bands
    unit, stop = claim(counters, rank, units, 1)
    while unit < stop:
        band = unit % shape.bands
        group = unit // shape.bands % shape.groups
        image = unit // shape.bands // shape.groups
        for a in range(last + 1):
            begin[a] = 0
            counts[a] = axes[COUNT, a]
        begin[0] = band * shape.band
        counts[0] = min(shape.band, axes[COUNT, 0] - begin[0])
        _fill(shape.lanes, axes, begin, counts, line, x, image * shape.x_batch + group * shape.x_group, plane)
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
                if seen:
                    _write_line(
                        shape, axes, segments, combination, counts[last], at, offsets, bias_rows, group, plane, w, bias,
                        sums, low, high, y, to,
                    )  # fmt: skip
        unit, stop = claim(counters, rank, units, 1)
