"""Products of inputs and weights as they are given, and each added where it lands.

A column is what one input position contributes: a product for every channel out and tap, as a row of the weights holds
them. The work is cut into units (a group, some channels out); a unit's outputs are its own. For some positions at a
time, inputs are gathered into a panel, multiplied by the unit's weights, a few vectors of them at a time, and the
products are added to the outputs, in one fixed order.
"""

from __future__ import annotations

from typing import NamedTuple

from tconv.kernels.launch import called
from tconv.kernels.tile import NATURAL_ROWS, NATURAL_VECTORS, natural_tile
from tconv.kernels.vectors import copy_vector
from tconv.kernels.workers import claim, worker

TALL, SHORT, _ = NATURAL_ROWS
WIDE = NATURAL_VECTORS[0]

CHANNELS_AT_ONCE = 32  # in: more rows of weights, a power of two apart, do not fit in the caches
TILES_AT_ONCE = 8  # wide tiles: of one row of weights what lies together is read together
FEW = 2 * TALL  # positions, for which weights are read where they lie: more of them read them again and again


class Col2im(NamedTuple):
    """The numbers of one problem, counted in elements."""

    lanes: int
    batch: int
    groups: int
    channels_in: int
    channels_out: int
    taps: int  # of one channel in and out
    pitch: int  # from the weights of one channel in to those of the next
    positions: int  # of one image
    block: int  # positions at a time
    chunk: int  # channels out to a unit
    chunks: int
    x_batch: int
    x_group: int
    x_channel: int
    y_batch: int
    y_group: int
    y_channel: int


# Rows of the table of axes.
SIZE, X_STEP, STRIDE, CROP, REACH, LIMIT, Y_STEP = range(7)


@called
def _fill(shape, axes, group, first, end, bias, y):
    """The bias in every output of channels ``first`` to ``end`` of a group."""
    last = axes.shape[1] - 1
    lines = shape.batch
    for a in range(last):
        lines *= axes[LIMIT, a]
    for channel in range(first, end):
        value = bias[group * shape.channels_out + channel]
        for number in range(lines):
            rest = number
            to = group * shape.y_group + channel * shape.y_channel
            for a in range(last - 1, -1, -1):
                to += rest % axes[LIMIT, a] * axes[Y_STEP, a]
                rest //= axes[LIMIT, a]
            to += rest * shape.y_batch
            if axes[Y_STEP, last] == 1:
                for t in range(axes[LIMIT, last]):
                    y[to + t] = value
            else:
                for t in range(axes[LIMIT, last]):
                    y[to + t * axes[Y_STEP, last]] = value


@called
def _list(shape, axes, group, first, used, sources, targets, starts):
    """Where ``used`` positions lie in the input, and where their columns land; whether no tap lands outside."""
    n_axes = axes.shape[1]
    for p in range(used):
        rest = (first + p) % shape.positions
        image = (first + p) // shape.positions
        source = image * shape.x_batch + group * shape.x_group
        target = image * shape.y_batch + group * shape.y_group
        inside = 1
        for a in range(n_axes - 1, -1, -1):
            i = rest % axes[SIZE, a]
            rest //= axes[SIZE, a]
            start = axes[STRIDE, a] * i - axes[CROP, a]
            source += i * axes[X_STEP, a]
            target += start * axes[Y_STEP, a]
            starts[p, a] = start
            if start < 0 or start + axes[REACH, a] >= axes[LIMIT, a]:
                inside = 0
        sources[p], targets[p], starts[p, n_axes] = source, target, inside


@called
def _gather(shape, used, sources, x, panel):
    """Rows of positions, one for each channel in; numbers also where a tile is not full."""
    whole = (used + TALL - 1) // TALL * TALL
    for channel in range(shape.channels_in):
        at = channel * shape.block
        for p in range(used):
            panel[at + p] = x[sources[p] + channel * shape.x_channel]
        for p in range(used, whole):
            panel[at + p] = 0


@called
def _multiply(shape, group, lane, vectors, low, used, panel, w, held, columns, to):
    """Add the products of ``used`` positions and some vectors of weights, for channels from ``low`` on."""
    width = vectors * shape.lanes
    depth = min(CHANNELS_AT_ONCE, shape.channels_in - low)
    at = (group * shape.channels_in + low) * shape.pitch + lane
    if used > FEW:  # or they would meet in few sets of the caches
        for k in range(depth):
            for v in range(0, width, shape.lanes):
                copy_vector(shape.lanes, w, at + k * shape.pitch + v, held, k * width + v)
    row = 0
    while row < used:
        height = TALL if used - row > SHORT else SHORT if used - row > 1 else 1
        from_ = low * shape.block + row
        if used > FEW:
            natural_tile(
                height, vectors, shape.lanes, depth, low, panel, from_, shape.block, held, 0, width,
                columns, to + row * width, width,
            )  # fmt: skip
        else:
            natural_tile(
                height, vectors, shape.lanes, depth, low, panel, from_, shape.block, w, at, shape.pitch,
                columns, to + row * width, width,
            )  # fmt: skip
        row += height


@called
def _tile(shape, lane, end):
    """Vectors of the tile that begins with ``lane``, and its first: no memory beyond the weights is read."""
    wide = WIDE * shape.lanes
    vectors = WIDE if end - lane > shape.lanes and shape.pitch >= wide else 1
    return vectors, min(lane, shape.pitch - vectors * shape.lanes)


@called
def _add(shape, axes, reaches, shifts, used, targets, starts, first, end, columns, at, pitch, y):
    """Add products ``first`` to ``end`` of each position; they lie from ``at`` on, ``pitch`` for each position."""
    n_axes = axes.shape[1]
    for p in range(used):
        from_ = at + p * pitch
        channel = first // shape.taps
        tap = first - channel * shape.taps
        to = targets[p] + channel * shape.y_channel
        lane = first
        while lane < end:
            stop = min(shape.taps, tap + end - lane)
            if starts[p, n_axes]:
                for t in range(tap, stop):
                    y[to + shifts[t]] = y[to + shifts[t]] + columns[from_ + t - tap]
            else:
                for t in range(tap, stop):
                    seen = True
                    for a in range(n_axes):
                        place = starts[p, a] + reaches[t, a]
                        seen = seen and place >= 0 and place < axes[LIMIT, a]
                    if seen:
                        y[to + shifts[t]] = y[to + shifts[t]] + columns[from_ + t - tap]
            from_ += stop - tap
            lane += stop - tap
            tap = 0
            to += shape.y_channel


@worker
def col2im(shape, axes, reaches, shifts, sources, targets, starts, panel, held, columns, rank, counters, x, w, bias, y):
    """Compute ``y`` from ``x`` and weights ``w[group, channel in, channel out, tap]``: units, until none is left.

    ``reaches`` says how far each tap reaches along each axis, ``shifts`` how far from that it is in ``y``. What lies
    between ``shifts`` and ``rank`` is scratch.
    """
    positions = shape.batch * shape.positions
    loaded = -1
    unit, stop = claim(counters, rank, shape.groups * shape.chunks, 1)
    while unit < stop:
        group = unit // shape.chunks
        chunk = (unit - group * shape.chunks) * shape.chunk
        chunk_end = min(chunk + shape.chunk, shape.channels_out)
        _fill(shape, axes, group, chunk, chunk_end, bias, y)
        for block in range(0, positions, shape.block):
            used = min(shape.block, positions - block)
            if loaded != group * positions + block:
                loaded = group * positions + block
                _list(shape, axes, group, block, used, sources, targets, starts)
                _gather(shape, used, sources, x, panel)
            first, end = chunk * shape.taps, chunk_end * shape.taps
            while first < end:
                last = min(first + TILES_AT_ONCE * WIDE * shape.lanes, end)
                for low in range(0, shape.channels_in, CHANNELS_AT_ONCE):
                    lane, to = first, 0
                    while lane < last:
                        vectors, begin = _tile(shape, lane, last)
                        _multiply(shape, group, begin, vectors, low, used, panel, w, held, columns, to)
                        lane = begin + vectors * shape.lanes
                        to += vectors * shape.lanes * shape.block
                lane, to = first, 0
                while lane < last:
                    vectors, begin = _tile(shape, lane, last)
                    width = vectors * shape.lanes
                    _add(
                        shape, axes, reaches, shifts, used, targets, starts, lane, min(begin + width, last),
                        columns, to + lane - begin, width, y,
                    )  # fmt: skip
                    lane = begin + width
                    to += width * shape.block
                first = last
        unit, stop = claim(counters, rank, shape.groups * shape.chunks, 1)
