"""Weights, put in the order in which the register tiles read them."""

from __future__ import annotations

import numpy as np
from numba import prange
from numba.extending import register_jitable

from tconv.kernels.launch import compiled
from tconv.kernels.polyphase import (
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
    panel_height,
    weights_of,
)

# Fields of the strides of weights: by group, channel in, channel out, complex part of the output.
GROUP, IN, OUT, PART = range(4)

ITEM = 16  # packed by one worker at a time: few enough that what it reads stays in the second-level cache


@register_jitable
def _list_rows(shape, block, segment, streams, strides, group, first, count, sources, tables):
    """Of ``count`` rows from ``first`` on, where in ``w`` their channel begins, and in ``taps`` their taps."""
    for r in range(count):
        stream = (first + r) // block[LINES]
        line = block[LINE] + (first + r) % block[LINES]
        phase = line // shape.channels_out
        part = streams[segment[FIRST_STREAM] + stream, 1]
        sources[r] = group * strides[GROUP] + (line - phase * shape.channels_out) * strides[OUT] + part * strides[PART]
        number = (phase - segment[FIRST_PHASE]) * segment[STREAM_COUNT] + stream
        tables[r] = segment[TAPS] + number * (segment[DEPTH] // shape.channels_in)


@register_jitable
def _pack_rows(shape, height, used, count, source, sources, tables, taps, w, packed, at, step):
    """One channel of a panel: ``count`` taps of ``height`` rows, of which ``used`` hold weights.

    Returns whether one is not finite.
    """
    spoiled = False
    for tap in range(count):
        for r in range(used):
            weight = w[source + sources[r] + taps[tables[r] + tap]]
            packed[at + r] = weight
            spoiled = spoiled or weight - weight != 0  # inf - inf and nan - nan are nan
        for r in range(used, height):
            packed[at + r] = 0
        at += step
    return spoiled


@register_jitable
def _pack_channels(
    group, first, end, shape, sections, blocks, segments, streams, taps, strides, w, packed, sources, tables
):
    """The weights of channels in ``first`` to ``end`` of one group; returns whether one is not finite."""
    spoiled = False
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
                    _list_rows(shape, block, segment, streams, strides, group, row, used, sources, tables)
                    for c in range(first, end):
                        low = c // section[CHANNELS] * section[CHANNELS]
                        high = min(low + section[CHANNELS], shape.channels_in)
                        at = weights_of(shape, section, block, group, low, high) + before * (high - low)
                        if shape.channels_in_lanes:
                            at += c * height
                            step = shape.channels_in * height
                        else:
                            at += (c - low) * count * height
                            step = height
                        bad = _pack_rows(
                            shape, height, used, count, c * strides[IN], sources, tables, taps, w, packed, at, step
                        )
                        spoiled = spoiled or bad
                    row += height
                    before += height * count
    return spoiled


@compiled
def pack(shape, sections, blocks, segments, streams, taps, strides, w, packed, spoiled, sources, tables):
    """Fill ``packed`` from the flat memory ``w``.

    ``taps`` holds, for each segment, outer phase and stream, where in ``w`` the taps lie; ``strides`` are those
    of ``w`` by group, channel in, channel out and complex part of the output. ``spoiled`` gets a one where a weight
    is not finite; ``sources`` and ``tables`` are scratch, a row for each item of work.
    """
    chunks = (shape.channels_in + ITEM - 1) // ITEM
    for item in prange(shape.groups * chunks):
        chunk = np.int64(item)
        group = chunk // chunks
        first = (chunk - group * chunks) * ITEM
        spoiled[item] = _pack_channels(
            group, first, min(first + ITEM, shape.channels_in), shape, sections, blocks, segments, streams, taps,
            strides, w, packed, sources[item], tables[item],
        )  # fmt: skip
