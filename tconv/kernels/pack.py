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


@register_jitable
def _pack_block(item, shape, channels_in, blocks, segments, streams, taps, strides, w, packed):
    """The weights of one block of rows; returns zero if all are finite."""
    by_group, by_in, by_out, by_part = strides[0], strides[1], strides[2], strides[3]
    n_blocks = blocks.shape[0]
    group = item // n_blocks
    block = blocks[item - group * n_blocks]
    lines = block[LINES]
    at = group * shape.weights + block[WEIGHTS]
    residue = w[0] - w[0]
    for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
        depth = segments[s, DEPTH]
        count = depth // channels_in
        rows = segments[s, STREAM_COUNT] * lines
        row = 0
        while row < rows:
            height = panel_height(shape.channels_in_lanes, shape.lanes, rows - row)
            for r in range(height):
                if row + r >= rows:
                    for k in range(depth):
                        packed[at + k * height + r] = 0
                    continue
                stream = (row + r) // lines
                line = block[LINE] + (row + r) % lines
                phase = line // shape.channels_out
                from_ = (
                    group * by_group
                    + (line - phase * shape.channels_out) * by_out
                    + streams[segments[s, FIRST_STREAM] + stream, 1] * by_part
                )
                table = (
                    segments[s, TAPS]
                    + ((phase - segments[s, FIRST_PHASE]) * segments[s, STREAM_COUNT] + stream) * count
                )
                for c in range(channels_in):
                    for tap in range(count):
                        k = tap * channels_in + c if shape.channels_in_lanes else c * count + tap
                        weight = w[from_ + c * by_in + taps[table + tap]]
                        packed[at + k * height + r] = weight
                        residue += weight - weight  # inf - inf and nan - nan are nan
            row += height
            at += height * depth
    return residue


@compiled
def pack(shape, channels_in, blocks, segments, streams, taps, strides, w, packed, spoiled):
    """Fill ``packed`` from the flat memory ``w``.

    ``taps`` holds, for each segment, outer phase and stream, where in ``w`` the taps lie; ``strides`` are those
    of ``w`` by group, channel in, channel out and complex part of the output. ``spoiled`` stays zero where every
    weight is finite.
    """
    for item in prange(shape.groups * blocks.shape[0]):
        spoiled[item] = _pack_block(
            np.int64(item), shape, channels_in, blocks, segments, streams, taps, strides, w, packed
        )
