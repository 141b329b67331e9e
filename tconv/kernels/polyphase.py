"""The engine's loops: blocks of rows times tiles of columns, summed in registers, written once.

A column is a position of the phase grid, a row is one output channel of one phase. The work is cut into units
(a group of channels, a tile of columns, a chunk of rows); within a unit the loops are

    for each section:                   rows that read the same inputs
        for each chunk of the depth:
            gather what the tile reads  -> a panel that stays in the first-level cache (or read the image itself)
            for each block of rows:     its weights stream by once
                register tiles          -> sums
        write the sums                  -> y: bias added, phases interleaved, cropped

Every sum runs over the depth in one fixed order, so the bits do not depend on how units go to threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange
from numba.extending import register_jitable

from tconv.kernels.interleave import copy_vector, interleave
from tconv.kernels.launch import compiled, inlined
from tconv.kernels.tile import (
    CHANNEL_ROWS,
    CHANNEL_VECTORS,
    POSITION_ROWS,
    channels_tile,
    positions_tile,
)

TALL, MIDDLE, FLAT = POSITION_ROWS
WIDE, MEDIUM, NARROW = CHANNEL_VECTORS

PANEL_DEPTH = 160  # rows of a panel, 3 vectors each: 30 KiB of a first-level cache of 32 or 48
WEIGHTS_DEPTH = 1024  # of the channels tile: 4 vectors of 64 bytes times this stay in the second-level cache


class Shape(NamedTuple):
    """The numbers of one problem that are the same in every unit."""

    channels_in_lanes: int
    gathered: int  # 1 if tiles read panels into which single positions were gathered, not the image
    lanes: int
    batch: int
    groups: int
    channels_out: int
    parts: int  # 2 where numbers are complex: real and imaginary sums are separate streams
    columns: int  # of one image, as counted by the tiles
    line_columns: int  # vectors to one line of the last axis; 0: vectors run on over line ends
    tiles: int
    row_chunks: int
    lead: int  # where the first image begins in the halo buffer, and the strides from there
    image: int
    group: int
    unit: int
    weights: int  # of one group of channels
    interleaved: int  # 1 if the streams of a line are written by vector shuffles
    y_batch: int
    y_group: int
    y_channel: int
    tile_columns: int
    tile_starts: int


# Rows of the table of axes.
COUNT, STEP, STRIDE, BASE, LIMIT, Y_STEP = range(6)
# Fields of a block of rows; of a section; of a segment; of a run of columns.
SEGMENT, SEGMENTS, STREAM, STREAMS, LINE, LINES, WEIGHTS, SUMS = range(8)
BLOCK, BLOCKS, READS, READ_COUNT = range(4)
FIRST_STREAM, STREAM_COUNT, DEPTH, OFFSETS, TAPS, FIRST_PHASE = range(6)  # the last two: for packing
COLUMN, LENGTH, LAST, TO, INSIDE, SOURCE, OUTER = range(7)


@register_jitable
def panel_height(channels_in_lanes, lanes, rows):
    """Height of the first panel that ``rows`` rows of packed weights are cut into."""
    if channels_in_lanes:
        vectors = (rows + lanes - 1) // lanes
        return lanes * (WIDE if vectors >= WIDE else MEDIUM if vectors >= MEDIUM else NARROW)
    return TALL if rows > MIDDLE else MIDDLE if rows > FLAT else FLAT


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
    for a in range(last):
        t = axes[BASE, a] + axes[STRIDE, a] * position[a]
        to += t * axes[Y_STEP, a]
        runs[run, OUTER + a] = t
        if t < 0 or t + axes[STRIDE, a] > axes[LIMIT, a]:
            inside = 0
    t = axes[BASE, last] + axes[STRIDE, last] * position[last]
    runs[run, COLUMN] = column
    runs[run, LENGTH] = length
    runs[run, LAST] = t
    runs[run, TO] = to + t * axes[Y_STEP, last]
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
    """Columns of a tile with channels in the lanes: positions one by one, without gaps."""
    last = axes.shape[1] - 1
    column = tile * shape.tile_columns
    end = min(column + shape.tile_columns, shape.batch * shape.columns)
    n_runs = 0
    done = 0
    while column < end:
        image = column // shape.columns
        line = column - image * shape.columns
        at = 0
        for a in range(last, -1, -1):
            position[a] = line % axes[COUNT, a]
            line //= axes[COUNT, a]
            at += position[a] * axes[STEP, a]
        length = min(end - column, axes[COUNT, last] - position[last])
        source = shape.lead + image * shape.image + group * shape.group + at * shape.unit
        if not shape.gathered:
            for i in range(length):
                starts[done + i] = source + i * shape.unit
        image_to = image * shape.y_batch + group * shape.y_group
        _add_run(axes, position, image_to, source, done, length, runs, n_runs)
        n_runs += 1
        done += length
        column += length
    if not shape.gathered:
        for i in range(done, shape.tile_starts):
            starts[i] = starts[0]
    return n_runs


@inlined
def _list_copies(lanes, runs, n_runs, copies):
    """Vector by vector, what to copy from where to which column; returns how many."""
    n = 0
    for r in range(n_runs):
        for i in range(0, runs[r, LENGTH], lanes):
            copies[n, 0] = runs[r, SOURCE] + i
            copies[n, 1] = runs[r, COLUMN] + i
            n += 1
    return n


@inlined
def _gather(lanes, halo, copies, n_copies, offsets, offset, depth, panel, width):
    """Copy what a tile reads into rows of ``width`` neighbours, one row for each step of the depth.

    Whole vectors are copied: what is too much at the end of a run is overwritten by the next run, or next row.
    """
    for k in range(depth):
        shift = offsets[offset + k]
        row = k * width
        for n in range(n_copies):
            copy_vector(lanes, halo, copies[n, 0] + shift, panel, row + copies[n, 1])


@inlined
def _positions_product(shape, vectors, first, depth, whole, rows, x, starts, offsets, offset, w, at, sums, to):
    """Sums of ``rows`` rows over ``vectors`` vectors of positions, ``depth`` steps from ``first`` on of ``whole``.

    Returns where the weights of the next rows begin.
    """
    lanes = shape.lanes
    pitch = shape.tile_columns
    row = 0
    while row < rows:
        height = panel_height(0, lanes, rows - row)
        here = at + first * height
        positions_tile(
            height, vectors, lanes, depth, first, x, starts, offsets, offset, w, here, sums, to, pitch
        )  # fmt: skip
        row += height
        at += height * whole
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
                    CHANNEL_ROWS, width // lanes, lanes, chunk, first, halo, starts[i:], offsets, offset + first,
                    w, at + first * width, sums, to + i * pitch, pitch,
                )  # fmt: skip
            first += WEIGHTS_DEPTH
        row += width
        at += width * depth
        to += width
    return at


@inlined
def _write(shape, axes, block, lines, streams, bias, group, runs, n_runs, sums, to, cell, y):
    """Write a block's sums; ``cell`` holds the strides of sums by stream, line and column."""
    last = axes.shape[1] - 1
    by_stream, by_line, by_column = cell
    n_streams = block[STREAMS]
    first_stream = block[STREAM]
    step = axes[STRIDE, last] * axes[Y_STEP, last]
    for i in range(block[LINES]):
        phase = (block[LINE] + i) // shape.channels_out
        channel = block[LINE] + i - phase * shape.channels_out
        shift = channel * shape.y_channel + lines[phase, last]
        at_bias = (group * shape.channels_out + channel) * shape.parts
        even = bias[at_bias]
        odd = bias[at_bias + shape.parts - 1]
        for r in range(n_runs):
            if not runs[r, INSIDE]:
                seen = True
                for a in range(last):
                    t = runs[r, OUTER + a] + lines[phase, a]
                    seen = seen and t >= 0 and t < axes[LIMIT, a]
                if not seen:
                    continue
            at = to + i * by_line + runs[r, COLUMN] * by_column
            out = shift + runs[r, TO]
            t = runs[r, LAST]
            if shape.interleaved:
                low = max(0, -t * shape.parts)
                high = min(runs[r, LENGTH] * n_streams, (axes[LIMIT, last] - t) * shape.parts)
                interleave(n_streams, shape.lanes, sums, at, by_stream, even, odd, low, high, y, out)
            else:
                for n in range(runs[r, LENGTH]):
                    for u in range(n_streams):
                        residue = streams[first_stream + u, 0]
                        if t + residue >= 0 and t + residue < axes[LIMIT, last]:
                            part = streams[first_stream + u, 1]
                            y[out + residue * axes[Y_STEP, last] + part] = (odd if part else even) + sums[
                                at + u * by_stream + n * by_column
                            ]
                    t += axes[STRIDE, last]
                    out += step


@inlined
def _section_product(
    shape, section, loaded, blocks, segments, used, offsets, ladder, halo, starts, copies, n_copies, panel,
    w, weights, sums,
):  # fmt: skip
    """Sums of the blocks of a section over one tile, positions in the lanes; ``loaded`` names what the panel holds."""
    first_block = section[BLOCK]
    width = shape.tile_columns
    vectors = 1 if used <= shape.lanes else 3
    count = section[READ_COUNT]
    step = PANEL_DEPTH if shape.gathered else max(1, count)
    for low in range(0, max(1, count), step):
        high = min(low + step, count)
        if shape.gathered and (loaded != section[READS] or count > step):
            _gather(
                shape.lanes, halo, copies, n_copies, offsets, section[READS] + low, high - low, panel, width
            )  # fmt: skip
        for b in range(first_block, first_block + section[BLOCKS]):
            block = blocks[b]
            at = weights + block[WEIGHTS]
            to = block[SUMS]
            for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
                rows = segments[s, STREAM_COUNT] * block[LINES]
                whole = segments[s, DEPTH]
                reads = segments[s, OFFSETS] - section[READS]
                first = max(0, low - reads)
                depth = min(high - reads, whole) - first
                if depth > 0 or (whole == 0 and low == 0):
                    if shape.gathered:
                        _positions_product(
                            shape, vectors, first, depth, whole, rows, panel, starts,
                            ladder, max(0, reads + first - low), w, at, sums, to,
                        )  # fmt: skip
                    else:
                        _positions_product(
                            shape, vectors, first, depth, whole, rows, halo, starts,
                            offsets, segments[s, OFFSETS], w, at, sums, to,
                        )  # fmt: skip
                at += padded_rows(0, shape.lanes, rows) * whole
                to += rows * width


@register_jitable
def _work(
    worker, workers, shape, axes, sections, chunks, blocks, segments, lines, streams, offsets, ladder, halo, w, bias, y,
    my_sums, my_starts, my_runs, my_copies, my_panel,
):  # fmt: skip
    """The units of one worker."""
    units = shape.groups * shape.tiles * shape.row_chunks
    width = shape.tile_columns
    position = my_starts[my_starts.shape[0] - axes.shape[1] :]
    for unit in range(worker * units // workers, (worker + 1) * units // workers):
        row_chunk = unit % shape.row_chunks
        tile = unit // shape.row_chunks % shape.tiles
        group = unit // shape.row_chunks // shape.tiles
        weights = group * shape.weights
        n_copies = 0
        if shape.channels_in_lanes or shape.gathered:
            n_runs = _single_columns(shape, axes, group, tile, position, my_starts, my_runs)
            if shape.gathered:
                n_copies = _list_copies(shape.lanes, my_runs, n_runs, my_copies)
                for j in range(shape.tile_starts):
                    my_starts[j] = j * shape.lanes
        else:
            n_runs = _vector_columns(shape, axes, group, tile, position, my_starts, my_runs)
        if n_runs == 0:
            continue
        used = my_runs[n_runs - 1, COLUMN] + my_runs[n_runs - 1, LENGTH]
        loaded = -1
        for number in range(chunks[row_chunk], chunks[row_chunk + 1]):
            section = sections[number]
            if not shape.channels_in_lanes:
                _section_product(
                    shape, section, loaded, blocks, segments, used, offsets, ladder, halo, my_starts,
                    my_copies, n_copies, my_panel, w, weights, my_sums,
                )  # fmt: skip
                loaded = section[READS]
            for b in range(section[BLOCK], section[BLOCK] + section[BLOCKS]):
                block = blocks[b]
                to = block[SUMS]
                n_lines = block[LINES]
                cell = (n_lines * width, width, 1)
                if shape.channels_in_lanes:
                    pitch = (block[STREAMS] * n_lines // shape.lanes + 2) * shape.lanes  # room for padding
                    cell = (n_lines, 1, pitch)
                    at = weights + block[WEIGHTS]
                    to = 0
                    for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
                        rows = segments[s, STREAM_COUNT] * n_lines
                        at = _channels_product(
                            shape, used, segments[s, DEPTH], rows, pitch, halo, my_starts,
                            offsets, segments[s, OFFSETS], w, at, my_sums, to,
                        )  # fmt: skip
                        to += rows
                    to = 0
                _write(
                    shape, axes, block, lines, streams, bias, group, my_runs, n_runs, my_sums, to, cell, y
                )  # fmt: skip


@compiled
def forward(
    shape, axes, sections, chunks, blocks, segments, lines, streams, offsets, ladder, halo, w, bias, y,
    sums, starts, runs, copies, panels,
):  # fmt: skip
    """Compute ``y`` from the halo buffer and packed weights.

    ``sections[chunks[i]:chunks[i + 1]]`` are the rows of one chunk; ``ladder`` holds the offsets of the rows of a
    panel; ``sums``, ``starts``, ``runs``, ``copies`` and ``panels`` are the scratch of each worker.
    """
    workers = sums.shape[0]
    for worker in prange(workers):
        _work(
            np.int64(worker), workers, shape, axes, sections, chunks, blocks, segments, lines, streams, offsets, ladder,
            halo, w, bias, y, sums[worker], starts[worker], runs[worker], copies[worker], panels[worker],
        )  # fmt: skip
