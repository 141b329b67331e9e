"""The engine's loops: blocks of rows times tiles of columns, summed in registers, written once.

A column is a position of the phase grid, a row is one output channel of one phase. The work is cut into units
(a group of channels, a chunk of column tiles, a chunk of row blocks); within a unit the loops are

    for each block of rows:             its packed weights stay in the second-level cache
        for each tile of columns:
            for each segment:           rows that read the same inputs
                register tiles          -> sums
            write the sums              -> y: bias added, phases interleaved, cropped

Every sum runs over the depth in one fixed order, so the bits do not depend on how units go to threads.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import prange
from numba.extending import register_jitable

from tconv.kernels.interleave import interleaver
from tconv.kernels.launch import compiled
from tconv.kernels.tile import (
    CHANNEL_ROWS,
    CHANNEL_VECTORS,
    POSITION_ROWS,
    channels_tile,
    positions_tile,
)

tall, middle, flat = (positions_tile(rows, 2) for rows in POSITION_ROWS)
tall_half, middle_half, flat_half = (positions_tile(rows, 1) for rows in POSITION_ROWS)
wide, medium, narrow = (channels_tile(CHANNEL_ROWS, vectors) for vectors in CHANNEL_VECTORS)
TALL, MIDDLE, FLAT = POSITION_ROWS
WIDE, MEDIUM, NARROW = CHANNEL_VECTORS

interleave_1, interleave_2, interleave_3, interleave_4, interleave_6, interleave_8 = (
    interleaver(streams) for streams in (1, 2, 3, 4, 6, 8)
)
INTERLEAVED = (1, 2, 3, 4, 6, 8)

DEPTH_CHUNK = 1024  # of the channels tile: 4 vectors of 64 bytes times this stay in the second-level cache


class Shape(NamedTuple):
    """The numbers of one problem that are the same in every unit."""

    channels_in_lanes: int
    lanes: int
    batch: int
    groups: int
    channels_out: int
    parts: int  # 2 where numbers are complex: real and imaginary sums are separate streams
    columns: int  # of one image, as counted by the tiles
    line_columns: int  # vectors to one line of the last axis; 0: vectors run on over line ends
    tiles: int
    column_chunks: int
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
    tile_runs: int


# Rows of the table of axes.
COUNT, STEP, STRIDE, BASE, LIMIT, Y_STEP = range(6)
# Fields of a block of rows; of a segment; of a run of columns.
SEGMENT, SEGMENTS, STREAM, STREAMS, LINE, LINES, WEIGHTS = range(7)
FIRST_STREAM, STREAM_COUNT, DEPTH, OFFSETS, TAPS, FIRST_PHASE = range(6)  # the last two: for packing
COLUMN, LENGTH, LAST, TO, INSIDE, OUTER = range(6)


@register_jitable
def panel_height(channels_in_lanes, lanes, rows):  # type: ignore[no-untyped-def]
    """Height of the first panel that ``rows`` rows of packed weights are cut into."""
    if channels_in_lanes:
        vectors = (rows + lanes - 1) // lanes
        return lanes * (WIDE if vectors >= WIDE else MEDIUM if vectors >= MEDIUM else NARROW)
    return TALL if rows > MIDDLE else MIDDLE if rows > FLAT else FLAT


@register_jitable
def _add_run(axes, position, image_to, column, length, runs, run):  # type: ignore[no-untyped-def]
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


@register_jitable
def _vector_columns(shape, axes, group, tile, position, starts, start, runs, run):  # type: ignore[no-untyped-def]
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
        starts[start + j] = shape.lead + image * shape.image + group * shape.group + at
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
                _add_run(axes, position, image_to, j * shape.lanes + lane, length, runs, run + n_runs)
                n_runs += 1
            lane += length
            if shape.line_columns:
                break
    return n_runs


@register_jitable
def _single_columns(shape, axes, group, tile, position, starts, start, runs, run):  # type: ignore[no-untyped-def]
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
        first = shape.lead + image * shape.image + group * shape.group + at * shape.unit
        for i in range(length):
            starts[start + done + i] = first + i * shape.unit
        _add_run(
            axes, position, image * shape.y_batch + group * shape.y_group, done, length, runs, run + n_runs
        )
        n_runs += 1
        done += length
        column += length
    for i in range(done, shape.tile_starts):
        starts[start + i] = starts[start]
    return n_runs


@register_jitable
def _positions_product(shape, half, depth, rows, halo, starts, start, offsets, offset, w, at, sums, to):  # type: ignore[no-untyped-def]
    """Sums of ``rows`` rows over one tile of columns, positions in the lanes; returns where the weights end."""
    lanes = shape.lanes
    pitch = shape.tile_columns
    row = 0
    while row < rows:
        height = panel_height(0, lanes, rows - row)
        if height == TALL:
            if half:
                tall_half(lanes, depth, 0, halo, starts, start, offsets, offset, w, at, sums, to, pitch)
            else:
                tall(lanes, depth, 0, halo, starts, start, offsets, offset, w, at, sums, to, pitch)
        elif height == MIDDLE:
            if half:
                middle_half(lanes, depth, 0, halo, starts, start, offsets, offset, w, at, sums, to, pitch)
            else:
                middle(lanes, depth, 0, halo, starts, start, offsets, offset, w, at, sums, to, pitch)
        else:
            if half:
                flat_half(lanes, depth, 0, halo, starts, start, offsets, offset, w, at, sums, to, pitch)
            else:
                flat(lanes, depth, 0, halo, starts, start, offsets, offset, w, at, sums, to, pitch)
        row += height
        at += height * depth
        to += height * pitch
    return at


@register_jitable
def _channels_product(shape, used, depth, rows, pitch, halo, starts, start, offsets, offset, w, at, sums, to):  # type: ignore[no-untyped-def]
    """The same with channels in the lanes, over the first ``used`` columns of the tile."""
    lanes = shape.lanes
    row = 0
    while row < rows:
        width = panel_height(1, lanes, rows - row)
        first = 0
        while first < depth or first == 0:
            chunk = min(depth - first, DEPTH_CHUNK)
            for i in range(0, used, CHANNEL_ROWS):
                here = start + i
                panel = at + first * width
                cell = to + i * pitch
                if width == WIDE * lanes:
                    wide(lanes, chunk, first, halo, starts, here, offsets, offset + first, w, panel, sums, cell, pitch)
                elif width == MEDIUM * lanes:
                    medium(lanes, chunk, first, halo, starts, here, offsets, offset + first, w, panel, sums, cell, pitch)
                else:
                    narrow(lanes, chunk, first, halo, starts, here, offsets, offset + first, w, panel, sums, cell, pitch)
            first += DEPTH_CHUNK
        row += width
        at += width * depth
        to += width
    return at


@register_jitable
def _interleave(lanes, streams, sums, at, pitch, even, odd, low, high, y, to):  # type: ignore[no-untyped-def]
    if streams == 1:
        interleave_1(lanes, sums, at, pitch, even, odd, low, high, y, to)
    elif streams == 2:
        interleave_2(lanes, sums, at, pitch, even, odd, low, high, y, to)
    elif streams == 3:
        interleave_3(lanes, sums, at, pitch, even, odd, low, high, y, to)
    elif streams == 4:
        interleave_4(lanes, sums, at, pitch, even, odd, low, high, y, to)
    elif streams == 6:
        interleave_6(lanes, sums, at, pitch, even, odd, low, high, y, to)
    else:
        interleave_8(lanes, sums, at, pitch, even, odd, low, high, y, to)


@register_jitable
def _write(shape, axes, block, lines, streams, bias, group, runs, run, n_runs, sums, to, cell, y):  # type: ignore[no-untyped-def]
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
        for r in range(run, run + n_runs):
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
                low = -t * shape.parts
                high = min(runs[r, LENGTH] * n_streams, (axes[LIMIT, last] - t) * shape.parts)
                width = shape.lanes * n_streams
                for n in range(0, runs[r, LENGTH], shape.lanes):
                    from_ = n * n_streams
                    _interleave(
                        shape.lanes, n_streams, sums, at + n, by_stream, even, odd,
                        max(0, low - from_), max(0, min(width, high - from_)), y, out + from_,
                    )  # fmt: skip
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


@compiled
def forward(shape, axes, blocks, chunks, segments, lines, streams, offsets, halo, w, bias, y, sums, starts, runs):  # type: ignore[no-untyped-def]
    """Compute ``y`` from the halo buffer and packed weights.

    ``blocks[chunks[i]:chunks[i + 1]]`` are the rows of one chunk. ``sums``, ``starts`` and ``runs`` hold the
    scratch of each worker, one row (``runs``: one page) each.
    """
    workers = sums.shape[0]
    units = shape.groups * shape.column_chunks * shape.row_chunks
    for worker in prange(workers):
        my_sums = sums[worker]
        my_starts = starts[worker]
        my_runs = runs[worker]
        position = my_starts[my_starts.shape[0] - axes.shape[1] :]
        for unit in range(worker * units // workers, (worker + 1) * units // workers):
            row_chunk = unit % shape.row_chunks
            rest = unit // shape.row_chunks
            column_chunk = rest % shape.column_chunks
            group = rest // shape.column_chunks
            first_tile = column_chunk * shape.tiles // shape.column_chunks
            n_tiles = (column_chunk + 1) * shape.tiles // shape.column_chunks - first_tile
            for i in range(n_tiles):
                run = i * shape.tile_runs
                start = i * shape.tile_starts
                if shape.channels_in_lanes:
                    found = _single_columns(
                        shape, axes, group, first_tile + i, position, my_starts, start, my_runs, run
                    )
                else:
                    found = _vector_columns(
                        shape, axes, group, first_tile + i, position, my_starts, start, my_runs, run
                    )
                my_runs[run, my_runs.shape[1] - 1] = found
            for b in range(chunks[row_chunk], chunks[row_chunk + 1]):
                block = blocks[b]
                n_lines = block[LINES]
                weights = group * shape.weights + block[WEIGHTS]
                for i in range(n_tiles):
                    run = i * shape.tile_runs
                    start = i * shape.tile_starts
                    n_runs = my_runs[run, my_runs.shape[1] - 1]
                    at = weights
                    to = 0
                    if shape.channels_in_lanes:
                        used = my_runs[run + n_runs - 1, COLUMN] + my_runs[run + n_runs - 1, LENGTH]
                        pitch = (block[STREAMS] * n_lines // shape.lanes + 2) * shape.lanes  # room for padding
                        for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
                            rows = segments[s, STREAM_COUNT] * n_lines
                            at = _channels_product(
                                shape, used, segments[s, DEPTH], rows, pitch, halo, my_starts, start,
                                offsets, segments[s, OFFSETS], w, at, my_sums, to,
                            )  # fmt: skip
                            to += rows
                        cell = (n_lines, 1, pitch)
                    else:
                        half = (first_tile + i) * shape.tile_starts + 1 >= shape.batch * shape.columns
                        for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
                            rows = segments[s, STREAM_COUNT] * n_lines
                            at = _positions_product(
                                shape, half, segments[s, DEPTH], rows, halo, my_starts, start,
                                offsets, segments[s, OFFSETS], w, at, my_sums, to,
                            )  # fmt: skip
                            to += rows * shape.tile_columns
                        cell = (n_lines * shape.tile_columns, shape.tile_columns, 1)
                    _write(
                        shape, axes, block, lines, streams, bias, group, my_runs, run, n_runs, my_sums, 0, cell, y
                    )
