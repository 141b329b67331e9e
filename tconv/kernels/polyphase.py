"""The engine's loops: blocks of rows times tiles of columns, summed in registers, written once.

A column is a position of the phase grid, a row is one output channel of one phase. The work is cut into units
(a group of channels, a tile of columns, a chunk of rows); within a unit the loops are

    for each section:                    rows that share a panel
        for each chunk of channels:
            gather what the tile reads   -> a panel in the second-level cache (or read the halo buffer in place)
            for each block of rows:      its weights stream by once
                register tiles           -> sums, slice by slice of the tile's columns
                after the last channels: -> y: bias added, phases interleaved, cropped

Every sum runs over the depth in one fixed order, so the bits do not depend on how units go to threads.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import prange
from numba.extending import register_jitable

from tconv.kernels.interleave import interleave
from tconv.kernels.launch import compiled, inlined
from tconv.kernels.tile import (
    CHANNEL_ROWS,
    CHANNEL_VECTORS,
    POSITION_ROWS,
    channels_tile,
    positions_tile,
)
from tconv.kernels.vectors import AT_ONCE, copy_lanes, expect, take

TALL = POSITION_ROWS[0]
WIDE, MEDIUM, NARROW = CHANNEL_VECTORS

WEIGHTS_DEPTH = 1024  # of the channels tile: 4 vectors of 64 bytes times this stay in the second-level cache


class Shape(NamedTuple):
    """The numbers of one problem that are the same in every unit."""

    channels_in_lanes: int
    gathered: int  # 1 if tiles read panels into which positions were gathered, not the halo buffer
    lanes: int
    batch: int
    groups: int
    channels_in: int  # real and imaginary parts are channels of their own
    channels_out: int
    parts: int  # 2 where numbers are complex: real and imaginary sums are separate streams
    columns: int  # of one image, as counted by the tiles
    line_columns: int  # vectors to one line of the last axis; 0: vectors run on over line ends
    tiles: int
    row_chunks: int
    groups_at_once: int  # in one unit
    units_at_once: int  # taken by a worker: what one tile reads and writes, the next finds near
    lead: int  # where the first image begins in what is read, and the strides from there
    image: int
    group: int
    channel: int
    unit: int
    weights: int  # of one group of channels
    interleaved: int  # 1 if the streams of a line are written by vector shuffles
    y_batch: int
    y_group: int
    tile_columns: int
    tile_starts: int  # of a slice
    slice_columns: int  # of a tile's columns, summed in registers at a time; each slice has a panel of its own


# Rows of the table of axes.
COUNT, STEP, STRIDE, BASE, LIMIT, Y_STEP, FIRST, SIZE = range(8)
# Fields of a section; of a block of rows; of a segment; of a line; of a run of columns; of a copy.
BLOCK, BLOCKS, READS, READ_COUNT, CHANNELS, BASE_WEIGHTS, CHANNEL_WEIGHTS = range(7)
SEGMENT, SEGMENTS, STREAM, STREAMS, LINE, LINES, WEIGHTS, SUMS = range(8)
FIRST_STREAM, STREAM_COUNT, DEPTH, OFFSETS, ADDED, TAPS, FIRST_PHASE = range(7)  # the last two: for packing
TO, BIAS, PHASE = range(3)
COLUMN, LENGTH, LAST, Y, INSIDE, SOURCE, OUTER = range(7)
FROM, INTO, LANES = range(3)


@register_jitable
def panel_height(channels_in_lanes, lanes, rows):
    """Height of the first panel that ``rows`` rows of packed weights are cut into."""
    if channels_in_lanes:
        vectors = (rows + lanes - 1) // lanes
        return lanes * (WIDE if vectors >= WIDE else MEDIUM if vectors >= MEDIUM else NARROW)
    height = TALL
    while height > rows:
        height //= 2
    return height


@register_jitable
def padded_rows(channels_in_lanes, lanes, rows):
    """What ``rows`` rows of packed weights take, in whole panels."""
    total = 0
    while total < rows:
        total += panel_height(channels_in_lanes, lanes, rows - total)
    return total


@inlined
def _add_run(axes, position, image_to, source, column, length, runs, run):
    """Note that ``length`` columns from ``column`` on are neighbours on the last axis, from ``position`` on."""
    last = axes.shape[1] - 1
    to = image_to
    inside = 1
    for a in range(last + 1):
        t = axes[BASE, a] + axes[STRIDE, a] * position[a]
        to += t * axes[Y_STEP, a]
        if a < last:
            runs[run, OUTER + a] = t
            if t < 0 or t + axes[STRIDE, a] > axes[LIMIT, a]:
                inside = 0
        else:
            runs[run, LAST] = t
        runs[run, OUTER + last + a] = axes[FIRST, a] + position[a]
    runs[run, COLUMN] = column
    runs[run, LENGTH] = length
    runs[run, Y] = to
    runs[run, INSIDE] = inside
    runs[run, SOURCE] = source


@register_jitable
def _vector_columns(shape, axes, group, tile, position, starts, runs):
    """Columns of a tile with positions in the lanes: a few vectors, each of neighbours in the halo buffer."""
    last = axes.shape[1] - 1
    vectors = shape.tile_starts
    n_runs = 0
    for j in range(vectors):
        vector = min(tile * vectors + j, shape.batch * shape.columns - 1)
        image = vector // shape.columns
        rest = vector - image * shape.columns
        if shape.line_columns:
            line = rest // shape.line_columns
            at = (rest - line * shape.line_columns) * shape.lanes
            for a in range(last - 1, -1, -1):
                at += line % axes[COUNT, a] * axes[STEP, a]
                line //= axes[COUNT, a]
        else:
            at = rest * shape.lanes
        starts[j] = shape.lead + image * shape.image + group * shape.group + at
        if vector < tile * vectors + j:
            continue
        image_to = image * shape.y_batch + group * shape.y_group
        lane = 0
        while lane < shape.lanes:
            within = at + lane
            valid = True
            for a in range(last + 1):
                position[a] = within // axes[STEP, a]
                within -= position[a] * axes[STEP, a]
                valid = valid and position[a] < axes[COUNT, a]
            if position[last] >= axes[COUNT, last]:
                if shape.line_columns:
                    break
                pitch = axes[STEP, last - 1] if last else shape.lanes + position[last]
                lane += pitch - position[last]
                continue
            length = min(shape.lanes - lane, axes[COUNT, last] - position[last])
            if valid:
                _add_run(axes, position, image_to, 0, j * shape.lanes + lane, length, runs, n_runs)
                n_runs += 1
            lane += length
            if shape.line_columns:
                break
    return n_runs


@register_jitable
def _single_columns(shape, axes, group, tile, position, starts, runs):
    """Columns of a tile of positions one by one, without gaps."""
    last = axes.shape[1] - 1
    column = tile * shape.tile_columns
    end = min(column + shape.tile_columns, shape.batch * shape.columns)
    n_runs = 0
    done = 0
    while column < end:
        image = column // shape.columns
        line = column - image * shape.columns
        at = shape.lead + image * shape.image + group * shape.group
        for a in range(last, -1, -1):
            position[a] = line % axes[COUNT, a]
            line //= axes[COUNT, a]
            at += position[a] * axes[STEP, a] * shape.unit
        length = min(end - column, axes[COUNT, last] - position[last])
        if shape.gathered:
            length = min(length, shape.slice_columns - done % shape.slice_columns)
        else:
            for i in range(length):
                starts[done + i] = at + i * shape.unit
        image_to = image * shape.y_batch + group * shape.y_group
        _add_run(axes, position, image_to, at, done, length, runs, n_runs)
        n_runs += 1
        done += length
        column += length
    if not shape.gathered:
        for i in range(done, shape.tile_starts):
            starts[i] = starts[0]
    return n_runs


@register_jitable
def _list_copies(shape, axes, section, reads, runs, n_runs, copies):
    """Vector by vector, what to copy from where to which column, and which lanes hold an input; returns how many.

    Whole vectors are stored: what is too much at the end of a run is overwritten by the next.
    """
    lanes = shape.lanes
    last = axes.shape[1] - 1
    at = OUTER + last
    pitch = _slice_pitch(shape, section)
    n = 0
    for r in range(section[READ_COUNT]):
        read = reads[section[READS] + r]
        for q in range(n_runs):
            part = runs[q, COLUMN] // shape.slice_columns
            into = part * pitch + (r - part) * shape.slice_columns + runs[q, COLUMN]
            inside = True
            for a in range(last):
                index = runs[q, at + a] + read[a]
                inside = inside and index >= 0 and index < axes[SIZE, a]
            first = runs[q, at + last] + read[last]
            end = axes[SIZE, last] if inside else first
            source = runs[q, SOURCE] + read[last + 1]
            for i in range(0, runs[q, LENGTH], lanes):
                low = max(0, -(first + i))
                high = min(lanes, end - first - i)
                some = low < high
                copies[n, FROM] = source + i if some else 0
                copies[n, INTO] = into + i
                copies[n, LANES] = (2 << high - 1) - (1 << low) if some else 0  # right for 64 lanes of 64 bits, too
                n += 1
    return n


@inlined
def _next_group(shape, starts, runs, n_runs, copies, n_copies):
    """What was noted for one group of channels, as it is for the next."""
    for q in range(n_runs):
        runs[q, SOURCE] += shape.group
        runs[q, Y] += shape.y_group
    for n in range(n_copies):
        if copies[n, LANES]:
            copies[n, FROM] += shape.group
    if not shape.gathered:
        for i in range(shape.tile_starts):
            starts[i] += shape.group


@register_jitable
def weights_of(shape, section, block, group, low, high):
    """Where a block's weights for channels ``low`` to ``high`` begin; those of a section for a panel lie together."""
    before = group * shape.weights + section[BASE_WEIGHTS] + low * section[CHANNEL_WEIGHTS]
    return before + block[WEIGHTS] * (high - low)


@register_jitable
def panel_pitch(lanes, columns, reads):
    """From one channel to the next in a panel: its last row may be written to the end of a vector, and no further."""
    return reads * columns + lanes


@register_jitable
def _slice_pitch(shape, section):
    """From one slice's panel to the next."""
    return section[CHANNELS] * panel_pitch(shape.lanes, shape.slice_columns, section[READ_COUNT])


@inlined
def _gather(shape, section, x, first, end, copies, n_copies, panel):
    """Copy what a tile reads of channels ``first`` to ``end`` into rows of neighbours: by channel, then by read."""
    pitch = panel_pitch(shape.lanes, shape.slice_columns, section[READ_COUNT])
    for channel in range(first, end, AT_ONCE):
        shift = channel * shape.channel
        to = (channel - first) * pitch
        count = min(end - channel, AT_ONCE)
        for n in range(n_copies):
            copy_lanes(
                shape.lanes, copies[n, LANES], count, x, copies[n, FROM] + shift, shape.channel,
                panel, to + copies[n, INTO], pitch,
            )  # fmt: skip


@inlined
def _expect_lines(block, done, then, lines, runs, n_runs, y):
    """While rows ``done`` to ``then`` of a block are summed, ask for the memory of as large a part of its lines."""
    for line in range(block[LINE] + done // block[STREAMS], block[LINE] + then // block[STREAMS]):
        for r in range(n_runs):
            out = runs[r, Y] + lines[line, TO]
            expect(y, out, out + runs[r, LENGTH] * block[STREAMS])


@inlined
def _positions_product(
    shape, section, columns, resume, depth, rows, x, starts, offsets, offset, w, at, sums, to,
    block, done, lines, runs, n_runs, y,
):  # fmt: skip
    """Sums of ``rows`` rows over the first ``columns`` columns, ``depth`` steps; added to sums there if ``resume``.

    Returns where the weights of the next rows begin. ``done`` rows of the block came before.
    """
    lanes = shape.lanes
    pitch = shape.tile_columns
    slice_pitch = _slice_pitch(shape, section)
    row = 0
    while row < rows:
        height = panel_height(0, lanes, rows - row)
        used = min(height, rows - row)
        _expect_lines(block, done, done + used, lines, runs, n_runs, y)
        done += used
        for first in range(0, columns, shape.slice_columns):
            vectors = 1 if columns - first <= lanes else shape.tile_starts
            positions_tile(
                height, vectors, lanes, depth, resume, 1 - shape.gathered,
                x[first // shape.slice_columns * slice_pitch :],
                starts, offsets, offset, w, at, sums, to + first, pitch,
            )  # fmt: skip
        row += height
        at += height * depth
        to += height * pitch
    return at


@register_jitable
def _channels_product(shape, used, depth, rows, pitch, halo, starts, offsets, offset, w, at, sums, to):
    """The same with channels in the lanes, over the first ``used`` columns of the tile."""
    lanes = shape.lanes
    row = 0
    while row < rows:
        width = panel_height(1, lanes, rows - row)
        first = 0
        while first < depth or first == 0:
            chunk = min(depth - first, WEIGHTS_DEPTH)
            for i in range(0, used, CHANNEL_ROWS):
                channels_tile(
                    CHANNEL_ROWS, width // lanes, lanes, chunk, first, 1, halo, starts[i:], offsets, offset + first,
                    w, at + first * width, sums, to + i * pitch, pitch,
                )  # fmt: skip
            first += WEIGHTS_DEPTH
        row += width
        at += width * depth
        to += width
    return at


@inlined
def _block_product(
    shape, section, block, segments, low, high, used, x, starts, offsets, w, at, sums, lines, runs, n_runs, y
):  # fmt: skip
    """Sums of one block of rows over channels ``low`` to ``high``."""
    n_lines = block[LINES]
    pitch = shape.tile_columns
    if shape.channels_in_lanes:
        pitch = _channels_pitch(shape, block)
    for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
        done = (segments[s, FIRST_STREAM] - block[STREAM]) * n_lines
        rows = segments[s, STREAM_COUNT] * n_lines
        whole = segments[s, DEPTH]
        if shape.channels_in_lanes:
            at = _channels_product(
                shape, used, whole, rows, pitch, x, starts, offsets, segments[s, OFFSETS], w, at, sums, done
            )
        else:
            taps = whole // shape.channels_in
            at = _positions_product(
                shape, section, used, low + segments[s, ADDED], (high - low) * taps, rows, x, starts,
                offsets, segments[s, OFFSETS], w, at, sums, block[SUMS] + done * pitch,
                block, done, lines, runs, n_runs if shape.interleaved and high == shape.channels_in else 0, y,
            )  # fmt: skip


@inlined
def _channels_pitch(shape, block):
    return (block[STREAMS] * block[LINES] // shape.lanes + 2) * shape.lanes  # room for padding


@inlined
def _write(shape, axes, block, lines, phases, streams, bias, group, runs, n_runs, sums, y):
    """Write a block's sums."""
    last = axes.shape[1] - 1
    if shape.channels_in_lanes:
        by_stream, by_line, by_column = block[LINES], 1, _channels_pitch(shape, block)
    else:
        by_stream, by_line, by_column = block[LINES] * shape.tile_columns, shape.tile_columns, 1
    n_streams = block[STREAMS]
    first_stream = block[STREAM]
    step = axes[STRIDE, last] * axes[Y_STEP, last]
    bias_at = group * shape.channels_out * shape.parts
    for r in range(n_runs):
        at = block[SUMS] + runs[r, COLUMN] * by_column
        whole = runs[r, INSIDE] and shape.interleaved
        for i in range(1 if whole else block[LINES]):
            line = block[LINE] + i
            seen = True
            if not runs[r, INSIDE]:
                for a in range(last):
                    t = runs[r, OUTER + a] + phases[lines[line, PHASE], a]
                    seen = seen and t >= 0 and t < axes[LIMIT, a]
            if not seen:
                continue
            here = at + i * by_line
            t = runs[r, LAST]
            if shape.interleaved:
                interleave(
                    n_streams, shape.lanes, block[LINES] if whole else 1, lines, line, sums, here, by_line, by_stream,
                    bias, bias_at, shape.parts,
                    max(0, -t * shape.parts), min(runs[r, LENGTH] * n_streams, (axes[LIMIT, last] - t) * shape.parts),
                    y, runs[r, Y],
                )  # fmt: skip
                continue
            out = runs[r, Y] + lines[line, TO]
            for n in range(runs[r, LENGTH]):
                for u in range(n_streams):
                    residue = streams[first_stream + u, 0]
                    if t + residue >= 0 and t + residue < axes[LIMIT, last]:
                        part = streams[first_stream + u, 1]
                        y[out + residue * axes[Y_STEP, last] + part] = (
                            bias[bias_at + lines[line, BIAS] + part] + sums[here + u * by_stream + n * by_column]
                        )
                t += axes[STRIDE, last]
                out += step


@register_jitable
def _work(
    counter, shape, axes, sections, chunks, blocks, segments, lines, phases, streams, offsets, reads, x, w, bias, y,
    sums, starts, runs, copies, panel,
):  # fmt: skip
    """Units, a few at a time, until none is left."""
    group_chunks = (shape.groups + shape.groups_at_once - 1) // shape.groups_at_once
    units = group_chunks * shape.tiles * shape.row_chunks
    position = starts[starts.shape[0] - axes.shape[1] :]
    if shape.gathered:
        for i in range(panel.shape[0]):
            panel[i] = 0  # what no input reaches must be a number, and not one too small to be quick
        for j in range(shape.tile_starts):
            starts[j] = j * shape.lanes
    operand = panel if shape.gathered else x
    start = take(counter, shape.units_at_once)
    while start < units:
        for unit in range(start, min(start + shape.units_at_once, units)):
            tile = unit % shape.tiles
            row_chunk = unit // shape.tiles % shape.row_chunks
            first = unit // shape.tiles // shape.row_chunks * shape.groups_at_once
            if shape.gathered or shape.channels_in_lanes:
                n_runs = _single_columns(shape, axes, first, tile, position, starts, runs)
            else:
                n_runs = _vector_columns(shape, axes, first, tile, position, starts, runs)
            if n_runs == 0:
                continue
            used = runs[n_runs - 1, COLUMN] + runs[n_runs - 1, LENGTH]
            listed = -1
            n_copies = 0
            for group in range(first, min(first + shape.groups_at_once, shape.groups)):
                if group > first:
                    _next_group(shape, starts, runs, n_runs, copies, n_copies)
                loaded = -1
                for number in range(chunks[row_chunk], chunks[row_chunk + 1]):
                    section = sections[number]
                    gathered = shape.gathered and section[READ_COUNT]  # outputs that are bias only read nothing
                    if gathered and listed != section[READS]:
                        n_copies = _list_copies(shape, axes, section, reads, runs, n_runs, copies)
                        listed = section[READS]
                    for low in range(0, shape.channels_in, section[CHANNELS]):
                        high = min(low + section[CHANNELS], shape.channels_in)
                        if gathered and (loaded != section[READS] or section[CHANNELS] < shape.channels_in):
                            _gather(shape, section, x, low, high, copies, n_copies, panel)
                            loaded = section[READS]
                        for b in range(section[BLOCK], section[BLOCK] + section[BLOCKS]):
                            block = blocks[b]
                            at = weights_of(shape, section, block, group, low, high)
                            _block_product(
                                shape, section, block, segments, low, high, used, operand, starts, offsets, w, at, sums,
                                lines, runs, n_runs, y,
                            )  # fmt: skip
                            if high == shape.channels_in:
                                _write(shape, axes, block, lines, phases, streams, bias, group, runs, n_runs, sums, y)
        start = take(counter, shape.units_at_once)


@compiled
def forward(
    counter, shape, axes, sections, chunks, blocks, segments, lines, phases, streams, offsets, reads, x, w, bias, y,
    sums, starts, runs, copies, panels,
):  # fmt: skip
    """Compute ``y`` from ``x`` or its copy, and packed weights.

    ``sections[chunks[i]:chunks[i + 1]]`` are the rows of one chunk; workers take units from ``counter``; ``sums``,
    ``starts``, ``runs``, ``copies`` and ``panels`` are the scratch of each.
    """
    for worker in prange(sums.shape[0]):
        _work(
            counter, shape, axes, sections, chunks, blocks, segments, lines, phases, streams, offsets, reads,
            x, w, bias, y, sums[worker], starts[worker], runs[worker], copies[worker], panels[worker],
        )  # fmt: skip
