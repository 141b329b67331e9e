"""Winograd's transforms within a tile: patches of inputs become operands, sums of their products become outputs.

Positions are cut into patches, some long on each axis; a column of the product is one patch. The window of inputs
that a patch reads is gathered and transformed, axis by axis, to *rows* of a panel. Each row is multiplied by weights
transformed alike, which sums over the channels; then the sums are transformed, axis by axis, to the outputs of the
patch's positions. Phases of an axis that read the same form a *family*: they share rows, and have sums of their own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tconv.kernels.columns import GROUP, LINES, READ_COUNT, STREAMS, gather, panel_pitch
from tconv.kernels.launch import called
from tconv.kernels.transform import transform
from tconv.kernels.windows import AT_ONCE


class Patches(NamedTuple):
    """What the transforms follow; empty, with no rows, where a column is a single position."""

    rows: int  # of the panel, for one channel
    row: int  # from one of them to the next
    staging: int  # where in the panel's memory inputs are gathered, a few channels at a time ...
    passing: int  # ... and where one channel is between two axes, ...
    passing_size: int  # ... by turns in one of two places of this size
    streams: int  # of sums, for one combination of rows of the outer axes
    stride: int  # of the phases on the last axis
    woven: int  # where in the sums' memory outputs are made
    axes: np.ndarray
    families: np.ndarray
    outer: np.ndarray  # for each group of lines and outer axis
    last: np.ndarray  # families of the last axis


# Fields of an axis; of a family; of an outer axis; of a family of the last axis, once more.
WINDOW, AXIS_ROWS = range(2)
AXIS, MATRIX, READ, ROW = range(4)
OUTER_MATRIX, OUTER_ROWS, OUTPUTS = range(3)
LAST_MATRIX, FIRST, STEP, RESIDUE, PHASES = range(5)


@called
def gather_patches(shape, patches, section, x, copies, n_copies, used, panel):
    """Fill the panel with the transformed windows of a tile's first ``used`` columns: by slice, row, channel."""
    width = shape.slice_columns
    pitch = panel_pitch(shape.lanes, shape.row, section[READ_COUNT])
    n_axes = patches.axes.shape[0]
    staging = panel[patches.staging :]
    for low in range(0, shape.channels_in, AT_ONCE):
        high = min(low + AT_ONCE, shape.channels_in)
        gather(shape, section, x, low, high, copies, n_copies, staging)
        for part in range((used + width - 1) // width):
            columns = min(width, used - part * width)
            for channel in range(low, high):
                source = staging
                start = (part * AT_ONCE + channel - low) * pitch
                row = shape.row
                outer = 1
                inner = section[READ_COUNT]
                for a in range(n_axes):
                    window = patches.axes[a, WINDOW]
                    rows = patches.axes[a, AXIS_ROWS]
                    inner //= window
                    if a < n_axes - 1:
                        target = panel[patches.passing + a % 2 * patches.passing_size :]
                        first, step = 0, width
                    else:
                        target = panel
                        first, step = part * patches.rows * patches.row + channel * width, patches.row
                    for n in range(patches.families.shape[0]):
                        if patches.families[n, AXIS] == a:
                            transform(
                                patches.families[n, MATRIX], outer, inner, columns, shape.lanes,
                                source, start + patches.families[n, READ] * inner * row,
                                inner * row, row, window * inner * row,
                                target, first + patches.families[n, ROW] * inner * step,
                                inner * step, step, rows * inner * step,
                            )  # fmt: skip
                    outer *= rows
                    source = target
                    start = 0
                    row = width


@called
def _place(outer, number, axes):
    """Which combination of rows holds the outputs ``number`` of the first ``axes`` outer axes."""
    place = 0
    step = 1
    for a in range(outer.shape[0] - 1, -1, -1):
        if a < axes:
            place += number % outer[a, OUTPUTS] * step
            number //= outer[a, OUTPUTS]
        step *= outer[a, OUTER_ROWS]
    return place


@called
def outer_outputs(patches, block):
    """How many positions of a patch the outer axes make: each has lines of its own."""
    count = 1
    for a in range(patches.outer.shape[1]):
        count *= patches.outer[block[GROUP], a, OUTPUTS]
    return count


@called
def transform_sums(shape, patches, block, used, sums):
    """Turn the sums of a block of rows into its streams of outputs; returns whether one of them is not finite."""
    pitch = shape.tile_columns
    stream = block[LINES] * pitch
    combination = patches.streams * stream + pitch  # see `_block_product`
    outer = patches.outer[block[GROUP]]
    inner = combination
    for a in range(outer.shape[0]):
        inner *= outer[a, OUTER_ROWS]
    before = 1
    for a in range(outer.shape[0]):
        inner //= outer[a, OUTER_ROWS]
        if outer[a, OUTER_ROWS] > 1:
            for number in range(before):
                at = _place(outer, number, a) * combination
                transform(
                    outer[a, OUTER_MATRIX], 1, inner // pitch, used, shape.lanes, sums, at, inner, pitch, 0,
                    sums, at, inner, pitch, 0,
                )  # fmt: skip
        before *= outer[a, OUTPUTS]
    spoiled = False
    for number in range(before):
        at = _place(outer, number, outer.shape[0]) * combination
        to = patches.woven + number * block[STREAMS] * stream
        for family in patches.last:
            off = transform(
                family[LAST_MATRIX], 1, family[PHASES] * block[LINES], used, shape.lanes,
                sums, at + family[FIRST] * stream, family[STEP] * stream, pitch, 0,
                sums, to + family[RESIDUE] * stream, patches.stride * stream, pitch, 0,
            )  # fmt: skip
            spoiled = spoiled or off
    return spoiled
