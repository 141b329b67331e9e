"""Weights, put in the order in which the register tiles read them."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils

from tconv.kernels.columns import (
    BASE_WEIGHTS,
    BLOCK,
    BLOCKS,
    CHANNEL_WEIGHTS,
    CHANNELS,
    DEPTH,
    FIRST_PHASE,
    FIRST_STREAM,
    LINE,
    LINES,
    SEGMENT,
    SEGMENTS,
    STREAM_COUNT,
    TAPS,
    WEIGHTS,
    weights_of,
)
from tconv.kernels.emission import emits
from tconv.kernels.launch import called
from tconv.kernels.tile import panel_height
from tconv.kernels.vectors import INT, load_vector, prefetch, store_vector
from tconv.kernels.weights import OUT, stage, transform
from tconv.kernels.workers import claim, worker

# The fields that are read here: what else changes from problem to problem makes no difference.
OF_SECTION = BLOCK, BLOCKS, CHANNELS, BASE_WEIGHTS, CHANNEL_WEIGHTS
OF_BLOCK = SEGMENT, SEGMENTS, LINE, LINES, WEIGHTS
OF_SEGMENT = FIRST_STREAM, STREAM_COUNT, DEPTH, TAPS, FIRST_PHASE

BY_GROUP, BY_IN, BY_OUT, BY_PART = range(4)  # strides of weights: channels, and complex parts of the output


def copy_rows(height, taps, channels, w, from_, by_in, places, packed, to, by_channel, by_tap, ahead):
    """``packed[to + i * by_channel + tap * by_tap + r] = w[from_ + i * by_in + places[tap] + r]``.

    For ``channels`` i, ``taps`` and ``height`` rows: fewer than a vector holds, a power of two, or whole vectors. What
    is written ``ahead`` of that is asked for. Returns 1 if a weight is not finite.
    """
    spoiled = 0
    for i in range(channels):
        for tap in range(taps):
            for r in range(height):
                weight = w[from_ + i * by_in + places[tap] + r]
                packed[to + i * by_channel + tap * by_tap + r] = weight
                spoiled |= weight - weight != 0  # inf - inf and nan - nan are nan
    return spoiled


@emits(copy_rows, returns=types.int64)
def _copied_rows(
    builder, whole, height, taps, channels, w, from_, by_in, places, packed, to, by_channel, by_tap, ahead
):
    source, target = builder.gep(w.data, [from_]), builder.gep(packed.data, [to])
    floats = not isinstance(whole.element, ir.IntType)
    spoiled = cgutils.alloca_once_value(builder, INT(0))
    done = builder.append_basic_block("copied")
    wide = builder.append_basic_block("wide")
    choice = builder.switch(height, wide)
    powers = (2**n for n in range(whole.count.bit_length() - 1))
    widths = {rows: builder.append_basic_block(f"rows_{rows}") for rows in powers}
    for rows, block in widths.items():
        choice.add_case(INT(rows), block)
    for rows, block in (*widths.items(), (whole.count, wide)):
        builder.position_at_end(block)
        vector = ir.VectorType(whole.element, rows)
        rest = cgutils.alloca_once_value(builder, ir.Constant(vector, None))
        with (
            cgutils.for_range(builder, channels, intp=INT) as channel,
            cgutils.for_range(builder, taps, intp=INT) as tap,
        ):
            place = builder.load(builder.gep(places.data, [tap.index]))
            here = builder.gep(source, [builder.add(builder.mul(channel.index, by_in), place)])
            offset = builder.add(builder.mul(channel.index, by_channel), builder.mul(tap.index, by_tap))
            there = builder.gep(target, [offset])
            prefetch(builder, builder.gep(there, [ahead]), 1)
            end = height if block is wide else INT(rows)
            with cgutils.for_range_slice(builder, INT(0), end, INT(rows), intp=INT) as (at, _):
                weights = load_vector(builder, here, at, vector)
                store_vector(builder, weights, there, at)
                if floats:  # inf - inf and nan - nan are nan, and what nan is added to
                    nothing = builder.fsub(weights, weights)
                    builder.store(builder.fadd(builder.load(rest), nothing), rest)
        if floats:
            total = builder.load(rest)
            bad = builder.fcmp_unordered("uno", total, total)
            bits = builder.bitcast(bad, ir.IntType(rows))
            some = builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))
            builder.store(builder.zext(some, INT(0).type), spoiled)
        builder.branch(done)
    builder.position_at_end(done)
    return builder.load(spoiled)


@called
def _piece(packing, block, segment, streams, taps, strides, row, rows):
    """Of ``rows`` rows from ``row`` on, how many of the first lie side by side, and one register holds or several fill.

    Also where the first of them lies, but for its tap, and where in the table of taps those are.
    """
    stream = row // block[LINES]
    line = block[LINE] + row - stream * block[LINES]
    phase = line // packing.channels_out
    channel = line - phase * packing.channels_out
    part = streams[segment[FIRST_STREAM] + stream, 1]
    number = (phase - segment[FIRST_PHASE]) * segment[STREAM_COUNT] + stream
    place = channel * strides[BY_OUT] + part * strides[BY_PART]
    together = min(rows, block[LINE] + block[LINES] - line, packing.channels_out - channel)
    width = 1
    if strides[BY_OUT] == 1:
        while 2 * width <= together and width < packing.lanes:
            width *= 2
        if width == packing.lanes:
            width = together // width * width
    return width, place, segment[TAPS] + number * (segment[DEPTH] // packing.channels_in)


@called
def pack_channels(packing, group, first, end, origin, sections, blocks, segments, streams, taps, strides, w, packed):
    """The weights of channels in ``first`` to ``end`` of one group; channel ``origin`` is the first in ``w``.

    Returns 1 if one of them is not finite.
    """
    spoiled = 0
    for section in sections:
        for block in blocks[section[BLOCK] : section[BLOCK] + section[BLOCKS]]:
            before = 0
            for segment in segments[block[SEGMENT] : block[SEGMENT] + block[SEGMENTS]]:
                count = segment[DEPTH] // packing.channels_in
                rows = segment[STREAM_COUNT] * block[LINES]
                row = 0
                while row < rows:
                    height = panel_height(packing.channels_in_lanes, packing.lanes, rows - row)
                    used = min(height, rows - row)
                    by_tap = packing.channels_in * height if packing.channels_in_lanes else height
                    by_channel = height if packing.channels_in_lanes else count * height
                    c = first
                    while c < end:
                        low = c // section[CHANNELS] * section[CHANNELS]  # of those in one panel of inputs
                        high = min(low + section[CHANNELS], packing.channels_in)
                        at = weights_of(packing, section, block, group, low, high) + before * (high - low)
                        at += (c - low) * by_channel
                        stop = min(end, high)
                        source = group * strides[BY_GROUP] + (c - origin) * strides[BY_IN]
                        r = 0
                        while r < used:
                            width, place, tap = _piece(
                                packing, block, segment, streams, taps, strides, row + r, used - r
                            )  # fmt: skip
                            spoiled |= copy_rows(
                                width, count, stop - c, w, source + place, strides[BY_IN], taps[tap:],
                                packed, at + r, by_channel, by_tap, height * count * (high - low),
                            )  # fmt: skip
                            r += width
                        if used < height:
                            for i in range((stop - c) * count):
                                to = at + i // count * by_channel + i % count * by_tap
                                for r in range(used, height):
                                    packed[to + r] = 0
                        c = stop
                    row += height
                    before += height * count
    return spoiled


@worker
def pack(
    packing, sections, blocks, segments, streams, taps, strides, places, transforms, staged, between, room, rank,
    counters, w, packed,
):  # fmt: skip
    """Fill ``packed`` from the flat memory ``w``: items, one at a time, until there are no more.

    ``taps`` holds, for each segment, outer phase and stream, where the taps lie, in ``w`` or where their turned or
    transformed weights are put; ``strides`` are those of weights there, ``places`` where taps lie in ``w``.
    ``counters[0]`` becomes 1 if a weight is not finite.
    """
    spoiled = 0
    out = packing.channels_out * packing.parts
    n_taps = places.shape[0]
    chunks = (packing.channels_in + packing.item - 1) // packing.item
    item, stop = claim(counters, rank, packing.groups * chunks, 1)
    while item < stop:
        group = item // chunks
        first = (item - group * chunks) * packing.item
        end = min(first + packing.item, packing.channels_in)
        origin, source = 0, w
        if packing.order != OUT:
            origin, source = first, staged
            stage(packing, places, group * packing.group + first * packing.step_in, end - first, w, staged)
        if transforms.taps.shape[0]:
            source = room
            for i in range(end - first):
                transform(transforms, n_taps, out, staged[i * n_taps * out :], between, room[i * strides[BY_IN] :])
        spoiled |= pack_channels(
            packing, group, first, end, origin, sections, blocks, segments, streams, taps, strides, source, packed
        )  # fmt: skip
        item, stop = claim(counters, rank, packing.groups * chunks, 1)
    if spoiled:
        counters[0] = 1
