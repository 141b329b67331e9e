"""Weights, put in the order in which the register tiles read them."""

from __future__ import annotations

import numpy as np
from numba import prange
from numba.extending import register_jitable

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
from tconv.kernels.launch import apart, call, compiled, inlined
from tconv.kernels.polyphase import panel_height, weights_of

# Fields of the strides of weights: by group, channel in, channel out, complex part of the output.
GROUP, IN, OUT, PART = range(4)

ITEM = 16  # packed by one worker at a time: few enough that what it reads stays in the second-level cache


@register_jitable
def _list_places(shape, block, segment, streams, taps, strides, group, first, count, places):
    """Of ``count`` rows from ``first`` on, where in ``w`` the weights of channel 0 lie, tap after tap."""
    n_taps = segment[DEPTH] // shape.channels_in
    for r in range(count):
        stream = (first + r) // block[LINES]
        line = block[LINE] + (first + r) % block[LINES]
        phase = line // shape.channels_out
        part = streams[segment[FIRST_STREAM] + stream, 1]
        number = (phase - segment[FIRST_PHASE]) * segment[STREAM_COUNT] + stream
        channel = line - phase * shape.channels_out
        place = group * strides[GROUP] + channel * strides[OUT] + part * strides[PART]
        for tap in range(n_taps):
            places[tap * count + r] = place + taps[segment[TAPS] + number * n_taps + tap]


@inlined
def _pack_rows(height, used, count, places, w, source, packed, at, step):
    """One channel of a panel: ``count`` taps of ``height`` rows, of which ``used`` hold weights.

    Returns how many are not finite.
    """
    spoiled = 0
    for tap in range(count):
        for r in range(used):
            weight = w[source + places[tap * used + r]]
            packed[at + r] = weight
            spoiled += weight - weight != 0  # inf - inf and nan - nan are nan
        for r in range(used, height):
            packed[at + r] = 0
        at += step
    return spoiled


@register_jitable
def _pack_channels(group, first, end, shape, sections, blocks, segments, streams, taps, strides, w, packed, places):
    """The weights of channels in ``first`` to ``end`` of one group; returns how many are not finite."""
    spoiled = at = 0
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
                    _list_places(shape, block, segment, streams, taps, strides, group, row, used, places)
                    step = shape.channels_in * height if shape.channels_in_lanes else height
                    together = max(1, count) if step == used else 1  # taps that lie side by side
                    high = first
                    for c in range(first, end):
                        if c == high:  # another panel
                            low = c // section[CHANNELS] * section[CHANNELS]
                            high = min(low + section[CHANNELS], shape.channels_in)
                            at = weights_of(shape, section, block, group, low, high) + before * (high - low)
                            at += (c - low) * (height if shape.channels_in_lanes else count * height)
                        spoiled += _pack_rows(
                            together * height, together * used, count // together,
                            places, w, c * strides[IN], packed, at, together * step,
                        )  # fmt: skip
                        at += height if shape.channels_in_lanes else count * height
                    row += height
                    before += height * count
    return spoiled


@apart
def pack_item(item, shape, sections, blocks, segments, streams, taps, strides, w, packed, spoiled, places):
    """A few channels of one group."""
    chunks = (shape.channels_in + ITEM - 1) // ITEM
    group = item // chunks
    first = (item - group * chunks) * ITEM
    spoiled[item] = _pack_channels(
        group, first, min(first + ITEM, shape.channels_in), shape, sections, blocks, segments, streams, taps,
        strides, w, packed, places[item],
    )  # fmt: skip


@compiled
def pack(work, shape, sections, blocks, segments, streams, taps, strides, w, packed, spoiled, places):
    """Fill ``packed`` from the flat memory ``w``.

    ``taps`` holds, for each segment, outer phase and stream, where in ``w`` the taps lie; ``strides`` are those
    of ``w`` by group, channel in, channel out and complex part of the output. ``spoiled`` gets how many
    weights are not finite; ``places`` is scratch, a row for each item of work.
    """
    for item in prange(spoiled.shape[0]):
        call(
            work, np.int64(item), shape, sections, blocks, segments, streams, taps, strides, w, packed, spoiled, places
        )
