"""Weights, put in the order in which the register tiles read them."""

from __future__ import annotations

import numpy as np
from numba import prange
from numba.extending import register_jitable

from tconv.kernels.launch import compiled
from tconv.kernels.polyphase import (
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
    panel_height,
)

CHANNELS = 16  # packed by one worker at a time: few enough that what it reads stays in the second-level cache


@register_jitable
def _pack_channels(group, first, end, shape, blocks, segments, streams, taps, strides, w, packed, sources, tables):
    """The weights of channels in ``first`` to ``end`` of one group; returns whether one is not finite."""
    by_group, by_in, by_out, by_part = strides[0], strides[1], strides[2], strides[3]
    spoiled = False
    for b in range(blocks.shape[0]):
        block = blocks[b]
        lines = block[LINES]
        at = group * shape.weights + block[WEIGHTS]
        for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
            depth = segments[s, DEPTH]
            count = depth // shape.channels_in
            rows = segments[s, STREAM_COUNT] * lines
            row = 0
            while row < rows:
                height = panel_height(shape.channels_in_lanes, shape.lanes, rows - row)
                used = min(height, rows - row)
                for r in range(used):
                    stream = (row + r) // lines
                    line = block[LINE] + (row + r) % lines
                    phase = line // shape.channels_out
                    sources[r] = (
                        group * by_group
                        + (line - phase * shape.channels_out) * by_out
                        + streams[segments[s, FIRST_STREAM] + stream, 1] * by_part
                    )
                    number = (phase - segments[s, FIRST_PHASE]) * segments[s, STREAM_COUNT] + stream
                    tables[r] = segments[s, TAPS] + number * count
                for c in range(first, end):
                    for tap in range(count):
                        k = tap * shape.channels_in + c if shape.channels_in_lanes else c * count + tap
                        to = at + k * height
                        for r in range(used):
                            weight = w[sources[r] + c * by_in + taps[tables[r] + tap]]
                            packed[to + r] = weight
                            spoiled = spoiled or weight - weight != 0  # inf - inf and nan - nan are nan
                        for r in range(used, height):
                            packed[to + r] = 0
                row += height
                at += height * depth
    return spoiled


@compiled
def pack(shape, blocks, segments, streams, taps, strides, w, packed, spoiled, sources, tables):
    """Fill ``packed`` from the flat memory ``w``.

    ``taps`` holds, for each segment, outer phase and stream, where in ``w`` the taps lie; ``strides`` are those
    of ``w`` by group, channel in, channel out and complex part of the output. ``spoiled`` gets a one where a weight
    is not finite; ``sources`` and ``tables`` are scratch, a row for each item of work.
    """
    chunks = (shape.channels_in + CHANNELS - 1) // CHANNELS
    for item in prange(shape.groups * chunks):
        chunk = np.int64(item)
        group = chunk // chunks
        first = (chunk - group * chunks) * CHANNELS
        spoiled[item] = _pack_channels(
            group, first, min(first + CHANNELS, shape.channels_in), shape, blocks, segments, streams, taps, strides,
            w, packed, sources[item], tables[item],
        )  # fmt: skip
