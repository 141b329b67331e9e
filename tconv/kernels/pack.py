"""Weights, put in the order in which the register tiles read them."""

from __future__ import annotations

import numpy as np

from tconv.kernels.columns import (
    BLOCK,
    BLOCKS,
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
)
from tconv.kernels.launch import called, inlined
from tconv.kernels.polyphase import TALL, panel_height, weights_of
from tconv.kernels.workers import claim, worker

# Fields of the strides of weights: by group, channel in, channel out, complex part of the output.
GROUP, IN, OUT, PART = range(4)

ITEM = 16  # packed by one worker at a time: few enough that what it reads stays in the second-level cache


@called
def _list_places(shape, block, segment, streams, taps, strides, group, first, count, places):
    """Of ``count`` rows from ``first`` on, where in ``w`` the weights of channel 0 lie, tap after tap.

    Returns whether those of the rows lie side by side, for each tap.
    """
    n_taps = segment[DEPTH] // shape.channels_in
    first_phase = block[LINE] // shape.channels_out
    stream = first // block[LINES]
    phase = (block[LINE] + first - stream * block[LINES]) // shape.channels_out
    together = True
    for r in range(count):
        line = first + r - stream * block[LINES]
        if line == block[LINES]:
            stream += 1
            line = 0
            phase = first_phase
        channel = block[LINE] + line - phase * shape.channels_out
        if channel == shape.channels_out:
            phase += 1
            channel = 0
        part = streams[segment[FIRST_STREAM] + stream, 1]
        number = (phase - segment[FIRST_PHASE]) * segment[STREAM_COUNT] + stream
        place = group * strides[GROUP] + channel * strides[OUT] + part * strides[PART]
        for tap in range(n_taps):
            places[tap * count + r] = place + taps[segment[TAPS] + number * n_taps + tap]
            together = together and places[tap * count + r] == places[tap * count] + r
    return together


@inlined
def _pack_rows(height, used, count, together, places, w, source, packed, at, step):
    """One channel of a panel: ``count`` taps of ``height`` rows, of which ``used`` hold weights.

    Returns 1 if one of them is not finite. Indices that may be negative, as far as the compiler knows, are looked at
    one by one; unsigned ones are not.
    """
    spoiled = 0
    for tap in range(count):
        if together and used == TALL:  # as many as one knows when this is compiled: a vector
            first = source + places[tap * TALL]
            for r in range(TALL):
                weight = w[np.uintp(first + r)]
                packed[np.uintp(at + r)] = weight
                spoiled |= weight - weight != 0  # inf - inf and nan - nan are nan
        elif together:
            first = source + places[tap * used]
            for r in range(used):
                weight = w[np.uintp(first + r)]
                packed[np.uintp(at + r)] = weight
                spoiled |= weight - weight != 0
        else:
            for r in range(used):
                weight = w[np.uintp(source + places[np.uintp(tap * used + r)])]
                packed[np.uintp(at + r)] = weight
                spoiled |= weight - weight != 0
        for r in range(used, height):
            packed[at + r] = 0
        at += step
    return spoiled


@called
def pack_channels(
    group, first, end, origin, shape, sections, blocks, segments, streams, taps, strides, w, packed, places
):
    """The weights of channels in ``first`` to ``end`` of one group; channel ``origin`` is the first in ``w``.

    Returns 1 if one of them is not finite.
    """
    spoiled = 0
    for section in sections:
        for block in blocks[section[BLOCK] : section[BLOCK] + section[BLOCKS]]:
            before = 0
            for segment in segments[block[SEGMENT] : block[SEGMENT] + block[SEGMENTS]]:
                count = segment[DEPTH] // shape.channels_in
                rows = segment[STREAM_COUNT] * block[LINES]
                row = 0
                while row < rows:
                    height = panel_height(shape.channels_in_lanes, shape.lanes, rows - row)
                    used = min(height, rows - row)
                    together = _list_places(shape, block, segment, streams, taps, strides, group, row, used, places)
                    step = shape.channels_in * height if shape.channels_in_lanes else height
                    by_channel = height if shape.channels_in_lanes else count * height
                    c = first
                    while c < end:
                        low = c // section[CHANNELS] * section[CHANNELS]  # of those in one panel of inputs
                        high = min(low + section[CHANNELS], shape.channels_in)
                        at = weights_of(shape, section, block, group, low, high) + before * (high - low)
                        at += (c - low) * by_channel
                        stop = min(end, high)
                        for i in range(stop - c):
                            spoiled |= _pack_rows(
                                height, used, count, together, places, w, (c + i - origin) * strides[IN],
                                packed, at + i * by_channel, step,
                            )  # fmt: skip
                        c = stop
                    row += height
                    before += height * count
    return spoiled


@worker
def pack(shape, sections, blocks, segments, streams, taps, strides, places, rank, counters, w, packed):
    """Fill ``packed`` from the flat memory ``w``: items, one at a time, until there are no more.

    ``taps`` holds, for each segment, outer phase and stream, where in ``w`` the taps lie; ``strides`` are those
    of ``w`` by group, channel in, channel out and complex part of the output. ``places`` is the worker's scratch.
    ``counters[0]`` becomes 1 if a weight is not finite.
    """
    spoiled = 0
    chunks = (shape.channels_in + ITEM - 1) // ITEM
    item, stop = claim(counters, rank, shape.groups * chunks, 1)
    while item < stop:
        group = item // chunks
        first = (item - group * chunks) * ITEM
        end = min(first + ITEM, shape.channels_in)
        spoiled |= pack_channels(
            group, first, end, 0, shape, sections, blocks, segments, streams, taps, strides, w, packed, places
        )
        item, stop = claim(counters, rank, shape.groups * chunks, 1)
    if spoiled:
        counters[0] = 1
