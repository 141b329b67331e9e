"""Overlap and add: each input meets every tap once, and the products are added where they land.

The work is cut into bands of output positions along the first axis. A band has sums of its own, in the second-level
cache: for each line of outputs, channel out and phase of the last axis a row of positions. Lines of inputs are gathered
a tile at a time, multiplied by all taps on register tiles, and each tap's row of products is added at its shift. Inputs
near the end of a band are multiplied for the next one, too, so that bands share nothing. Every sum has one fixed order.
"""

from __future__ import annotations

from typing import NamedTuple

from tconv.kernels.interleave import interleave, interleave_channels
from tconv.kernels.launch import called
from tconv.kernels.tile import POSITION_VECTORS, panel_height, positions_tile
from tconv.kernels.turn import turn
from tconv.kernels.vectors import add_row
from tconv.kernels.windows import AT_ONCE, copy_lanes, places
from tconv.kernels.workers import claim, worker


class Overlap(NamedTuple):
    """The numbers of one problem, counted in elements."""

    lanes: int
    batch: int
    groups: int
    channels_in: int
    channels_out: int
    taps: int  # combinations of taps on all axes but the last
    kernel: int  # taps on the last axis
    weights: int  # of one group
    tile: int  # inputs to a tile
    band: int  # positions of the first axis to a band
    bands: int
    margin: int  # positions by which a product lands after its input, on the first axis, at most
    pitch: int  # of a row of sums
    x_batch: int
    x_group: int
    x_channel: int
    y_batch: int
    y_group: int
    y_channel: int


# Rows of the table of axes: the natural size is that before cropping, LINES are places in a band's sums.
SIZE, X_STEP, STRIDE, NATURAL, CROP, LIMIT, Y_STEP, LINES = range(8)
# Rows of the table of taps on the last axis.
SHIFT, PHASE = range(2)


@called
def _gather(overlap, step, x, from_, columns, panel):
    """Copy ``columns`` neighbours of every channel into rows."""
    lanes = overlap.lanes
    if step != 1 and overlap.x_channel == 1 and min(overlap.channels_in, columns) >= lanes:
        for channel in range(0, overlap.channels_in, lanes):
            first = min(channel, overlap.channels_in - lanes)
            for i in range(0, columns, lanes):
                column = min(i, columns - lanes)
                turn(
                    lanes, x, from_ + column * step + first, step,
                    panel, first * overlap.tile + column, overlap.tile,
                )  # fmt: skip
        return
    for channel in range(0, overlap.channels_in, AT_ONCE):
        count = min(AT_ONCE, overlap.channels_in - channel)
        at = from_ + channel * overlap.x_channel
        to = channel * overlap.tile
        if step == 1:
            for first in range(0, columns, lanes):
                held = places(0, min(lanes, columns - first))
                copy_lanes(lanes, held, count, x, at + first, overlap.x_channel, panel, to + first, overlap.tile)
        else:
            for c in range(count):
                for i in range(columns):
                    panel[to + c * overlap.tile + i] = x[at + c * overlap.x_channel + i * step]


@called
def _multiply(overlap, rows, columns, panel, offsets, w, at, products):
    """Every row of weights times every column of the panel."""
    row = 0
    while row < rows:
        height = panel_height(0, overlap.lanes, rows - row)
        for first in range(0, columns, POSITION_VECTORS * overlap.lanes):
            vectors = 1 if columns - first <= overlap.lanes else POSITION_VECTORS
            positions_tile(
                height, vectors, overlap.lanes, overlap.channels_in, 0, panel[first:], overlap.lanes, offsets, 0,
                w, at, products, row * overlap.tile + first, overlap.tile,
            )  # fmt: skip
        at += height * overlap.channels_in
        row += height


@called
def _add(overlap, phases, lines, shifts, columns, position, products, sums):
    """Add each row of products where its tap puts it; ``lines`` says where the lines of the outer taps are."""
    row = 0
    for channel in range(overlap.channels_out):
        for tap in range(overlap.taps):
            line = (lines[tap] * overlap.channels_out + channel) * phases
            for j in range(overlap.kernel):
                at = (line + shifts[PHASE, j]) * overlap.pitch + position + shifts[SHIFT, j]
                add_row(columns, products, row, sums, at)
                row += overlap.tile


@called
def _write(overlap, axes, first, last, base, group, to, bias_rows, bias, sums, y):
    """Bias and sums of positions ``first`` to ``last`` of the first axis; the sums begin at position ``base``."""
    n_axes = axes.shape[1]
    a = n_axes - 1
    low = axes[CROP, a]
    high = min(axes[NATURAL, a], axes[CROP, a] + axes[LIMIT, a])
    start = 0  # the output with which a row of sums begins
    lines = 1
    if n_axes == 1:
        start = axes[STRIDE, 0] * base
        low, high = max(low, axes[STRIDE, 0] * first), min(high, axes[STRIDE, 0] * last)
    else:
        lines = axes[STRIDE, 0] * (last - first)
        for b in range(1, a):
            lines *= axes[NATURAL, b]
    low, high = max(low - start, 0), high - start
    if low >= high:
        return
    phases = axes[STRIDE, a]
    for number in range(lines):
        rest = number
        place, scale, at = 0, 1, to + (start - axes[CROP, a]) * axes[Y_STEP, a]
        seen = True
        for b in range(a - 1, -1, -1):
            size = axes[NATURAL, b] if b else axes[STRIDE, 0] * (last - first)
            t = rest % size
            rest //= size
            place += (t if b else t + axes[STRIDE, 0] * (first - base)) * scale
            scale *= axes[LINES, b]
            if b == 0:
                t += axes[STRIDE, 0] * first
            seen = seen and t < axes[NATURAL, b] and t >= axes[CROP, b] and t < axes[CROP, b] + axes[LIMIT, b]
            at += (t - axes[CROP, b]) * axes[Y_STEP, b]
        if not seen:
            continue
        here = place * overlap.channels_out * phases * overlap.pitch
        channels = overlap.channels_out
        if overlap.y_channel == 1 and axes[Y_STEP, a] == channels:
            interleave_channels(
                phases * channels, phases * channels, 0, channels, sums, here, overlap.pitch, phases * overlap.pitch,
                bias, group * channels, low * channels, high * channels, y, at,
            )  # fmt: skip
            continue
        for channel in range(channels):
            if axes[Y_STEP, a] == 1:
                interleave(
                    phases, phases, 0, 1, bias_rows, channel, sums, here, 0, overlap.pitch,
                    bias, group * channels, 1, low, high, y, at,
                )  # fmt: skip
            else:
                for e in range(low, high):
                    y[at + e * axes[Y_STEP, a]] = (
                        bias[group * channels + channel] + sums[here + e % phases * overlap.pitch + e // phases]
                    )
            at += overlap.y_channel
            here += phases * overlap.pitch


@worker
def overlap_add(
    overlap, axes, reaches, shifts, offsets, bias_rows, lines, panel, products, sums, rank, counters, x, w, bias, y
):
    """Add the products of inputs ``x`` and packed taps ``w`` where they land in ``y``: bands, until none is left.

    ``reaches`` says how far the outer taps reach along each axis, ``shifts`` where those of the last axis go.
    What lies between ``bias_rows`` and ``rank`` is scratch.
    """
    n_axes = axes.shape[1]
    last = n_axes - 1
    rows = overlap.taps * overlap.channels_out * overlap.kernel
    for i in range(panel.shape[0]):
        panel[i] = 0  # what no input reaches must be a number
    units = overlap.batch * overlap.groups * overlap.bands
    unit, stop = claim(counters, rank, units, 1)
    while unit < stop:
        band = unit % overlap.bands
        group = unit // overlap.bands % overlap.groups
        image = unit // overlap.bands // overlap.groups
        positions = (axes[NATURAL, 0] + axes[STRIDE, 0] - 1) // axes[STRIDE, 0]
        first = band * overlap.band
        end = min(first + overlap.band, positions)
        base = first - overlap.margin
        low, high = max(0, base), min(axes[SIZE, 0], end)
        for i in range(sums.shape[0]):
            sums[i] = 0
        numbers = 1 if last == 0 else max(0, high - low)
        for a in range(1, last):
            numbers *= axes[SIZE, a]
        begin, finish, shifted = (low, high, base) if last == 0 else (0, axes[SIZE, last], 0)
        for number in range(numbers):
            rest = number
            from_ = image * overlap.x_batch + group * overlap.x_group
            for tap in range(overlap.taps):
                lines[tap] = 0
            scale = 1
            for a in range(last - 1, -1, -1):
                size = axes[SIZE, a] if a else high - low
                i = rest % size
                rest //= size
                if a == 0:
                    i += low
                from_ += i * axes[X_STEP, a]
                if a == 0:
                    i -= base
                for tap in range(overlap.taps):
                    lines[tap] += (axes[STRIDE, a] * i + reaches[tap, a]) * scale
                scale *= axes[LINES, a]
            for i in range(begin, finish, overlap.tile):
                columns = min(overlap.tile, finish - i)
                _gather(overlap, axes[X_STEP, last], x, from_ + i * axes[X_STEP, last], columns, panel)
                _multiply(overlap, rows, columns, panel, offsets, w, group * overlap.weights, products)
                _add(overlap, axes[STRIDE, last], lines, shifts, columns, i - shifted, products, sums)
        to = image * overlap.y_batch + group * overlap.y_group
        _write(overlap, axes, first, end, base, group, to, bias_rows, bias, sums, y)
        unit, stop = claim(counters, rank, units, 1)
