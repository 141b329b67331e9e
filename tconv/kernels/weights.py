"""Weights for Winograd's algorithm: transformed along each axis, and packed while they are at hand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tconv.kernels.launch import called
from tconv.kernels.pack import ITEM, pack_channels
from tconv.kernels.workers import claim, worker


class Transforms(NamedTuple):
    """How weights are transformed."""

    matrices: np.ndarray  # [axis, tap, row]
    taps: np.ndarray  # of each axis
    rows: np.ndarray  # of each axis
    strides: np.ndarray  # of the weights, by group, channel in, channel out, part
    places: np.ndarray  # of the taps


@called
def _along(before, matrix, taps, rows, after, source, target, to, step):
    """Sums of blocks: ``target[i, r, j] = sum over t of matrix[t, r] * source[i, t, j]`` for ``after`` numbers j."""
    for i in range(before):
        for r in range(rows):
            at = to + (i * rows + r) * step
            sums = target[at : at + after]
            begun = False
            for t in range(taps):
                factor = matrix[t, r]
                if factor == 0:
                    continue
                block = source[(i * taps + t) * after : (i * taps + t + 1) * after]
                if begun:
                    for j in range(after):
                        sums[j] = sums[j] + factor * block[j]
                else:
                    for j in range(after):
                        sums[j] = factor * block[j]
                begun = True
            if not begun:
                for j in range(after):
                    sums[j] = 0


@called
def _transform_channel(transforms, channels_out, source, w, between, room, to, step):
    """One channel in, axis after axis, channels out side by side; in the end rows lie ``step`` apart from ``to`` on."""
    axes = transforms.taps.shape[0]
    for tap in range(transforms.places.shape[0]):
        for channel in range(channels_out):
            between[0, tap * channels_out + channel] = w[
                source + transforms.places[tap] + channel * transforms.strides[2]
            ]
    before, after = 1, transforms.places.shape[0] * channels_out
    for a in range(axes):
        taps, rows = transforms.taps[a], transforms.rows[a]
        after //= taps
        if a + 1 < axes:
            _along(before, transforms.matrices[a], taps, rows, after, between[a % 2], between[(a + 1) % 2], 0, after)
        else:
            _along(before, transforms.matrices[a], taps, rows, after, between[a % 2], room, to, step)
        before *= rows


@worker
def pack_transformed(
    shape, sections, blocks, segments, streams, taps, strides, transforms, places, between, room, rank, counters,
    w, packed,
):  # fmt: skip
    """The same as ``pack.pack``, for weights that are transformed first.

    ``taps`` and ``strides`` are about transformed weights: ``[*rows, in, out]`` for a few channels in, which are made
    in ``room``; ``between`` holds what is between two axes.
    """
    spoiled = 0
    chunks = (shape.channels_in + ITEM - 1) // ITEM
    item, stop = claim(counters, rank, shape.groups * chunks, 1)
    while item < stop:
        group = item // chunks
        first = (item - group * chunks) * ITEM
        end = min(first + ITEM, shape.channels_in)
        for channel in range(first, end):
            source = group * transforms.strides[0] + channel * transforms.strides[1]
            _transform_channel(
                transforms, shape.channels_out, source, w, between, room, (channel - first) * shape.channels_out,
                ITEM * shape.channels_out,
            )  # fmt: skip
        spoiled |= pack_channels(
            group, first, end, first, shape, sections, blocks, segments, streams, taps, strides, room, packed, places
        )
        item, stop = claim(counters, rank, shape.groups * chunks, 1)
    if spoiled:
        counters[0] = 1
