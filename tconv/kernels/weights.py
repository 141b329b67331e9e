"""Weights of a few channels in, brought into one order before they are packed: by channel in, tap, channel out.

Then what rows of packed weights hold lies side by side, and is copied by vectors. For Winograd's algorithm the taps are
transformed on the way, axis after axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tconv.kernels.launch import called
from tconv.kernels.turn import turn

# What lies side by side in the given weights: channels out, so that they can stay as they are; the taps of one channel
# in after those of the one before; the taps; channels in; nothing.
OUT, ALL, TAPS, IN, NOTHING = range(5)


class Packing(NamedTuple):
    """What is packed, and how the weights lie in memory, counted in elements."""

    lanes: int
    channels_in_lanes: int  # for tiles that have channels in the lanes
    groups: int
    channels_in: int
    channels_out: int
    parts: int  # complex parts of the output
    weights: int  # packed, of one group of channels
    item: int  # channels in that are packed at a time
    order: int
    pitch: int  # of what is brought into one order, from tap to tap
    size: int  # from the first weight to the last
    group: int  # strides
    step_in: int
    step_out: int
    step_part: int


class Transforms(NamedTuple):
    """How taps are transformed."""

    matrices: np.ndarray  # [axis, tap, row]
    taps: np.ndarray  # of each axis, or none
    rows: np.ndarray  # of each axis


@called
def _turn_block(packing, columns, w, at, room, to, pitch):
    """``room[to + i * pitch + c] = w[at + i + c * step_out]`` for ``columns`` numbers i, and every channel out c.

    A few columns count as many as a square has: what is written after them is not meant to last.
    """
    lanes, rows, step = packing.lanes, packing.channels_out, packing.step_out
    wide = max(columns, lanes)
    squares = columns > 1 and rows >= lanes
    for i in range(0, columns, lanes):
        left = min(i, wide - lanes)
        for j in range(0, rows, lanes):
            row = min(j, max(0, rows - lanes))
            first = at + left + row * step
            if squares and first + (lanes - 1) * step + lanes <= packing.size:
                turn(lanes, w, first, step, room, to + left * pitch + row, pitch)
            else:
                for c in range(min(rows, lanes)):
                    for n in range(min(columns - left, lanes)):
                        room[to + (left + n) * pitch + row + c] = w[first + n + c * step]


@called
def stage(packing, places, source, count, w, room):
    """The weights of ``count`` channels in, of which the first lie ``source`` elements after the tap's place.

    Complex parts of the output come one after the other, for each tap.
    """
    taps, pitch = places.shape[0], packing.pitch
    for part in range(packing.parts):
        at, to = source + part * packing.step_part, part * packing.channels_out
        if packing.order == ALL:
            _turn_block(packing, count * taps, w, at, room, to, pitch)
        elif packing.order == IN:
            for tap in range(taps):
                _turn_block(packing, count, w, at + places[tap], room, to + tap * pitch, taps * pitch)
        else:
            together = taps if packing.order == TAPS else 1
            for channel in range(count):
                for tap in range(0, taps, together):
                    here = at + channel * packing.step_in + places[tap]
                    _turn_block(packing, together, w, here, room, to + (channel * taps + tap) * pitch, pitch)


@called
def _along(before, matrix, taps, rows, after, source, target):
    """Sums of blocks: ``target[i, r, j] = sum over t of matrix[t, r] * source[i, t, j]`` for ``after`` numbers j."""
    for i in range(before):
        for r in range(rows):
            at = (i * rows + r) * after
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
def transform(transforms, taps, out, staged, between, room):
    """One channel in, axis after axis, from ``staged`` to ``room``, channels out side by side in both."""
    axes = transforms.taps.shape[0]
    before, after = 1, taps * out
    source = staged
    for a in range(axes):
        target = room if a + 1 == axes else between[a % 2]
        taps, rows = transforms.taps[a], transforms.rows[a]
        after //= taps
        _along(before, transforms.matrices[a], taps, rows, after, source, target)
        before *= rows
        source = target
