"""The engine's loops: blocks of rows times tiles of columns, summed in registers, written once.

A column is a position of the phase grid, or a patch of positions; a row is one output channel of one phase. The work
is cut into units (a group of channels, a tile of columns, a chunk of rows); within a unit the loops are

    for each section:                    rows that share a panel, or lists of positions
        for each chunk of channels:
            gather what the tile reads   -> a panel in the second-level cache (with channels in the lanes, list
                                            where each tap meets an input)
            for each block of rows:      its weights stream by once
                register tiles           -> sums, slice by slice of the tile's columns
                after the last channels: -> y: bias added, phases interleaved, cropped

Where columns are patches, what is gathered and what is summed is transformed: see ``winograd``.
Every sum runs over the depth in one fixed order, so the bits do not depend on how units go to threads.
"""

from __future__ import annotations

from tconv.kernels.columns import (
    ADDED,
    BIAS,
    BLOCK,
    BLOCKS,
    CHANNELS,
    COLUMN,
    DEPTH,
    FIRST_STREAM,
    GROUP_LINES,
    HELD,
    INSIDE,
    LAST,
    LENGTH,
    LIMIT,
    LINE,
    LINES,
    OFFSETS,
    OUTER,
    PANEL,
    PHASE,
    READ_COUNT,
    READS,
    SEGMENT,
    SEGMENTS,
    SLICE,
    STREAM,
    STREAM_COUNT,
    STREAMS,
    STRIDE,
    SUMS,
    TO,
    Y_STEP,
    Y,
    gather,
    list_copies,
    list_positions,
    list_runs,
    next_group,
    weights_of,
)
from tconv.kernels.interleave import interleave, interleave_channels
from tconv.kernels.launch import called, inlined
from tconv.kernels.spread import put_rows, spread
from tconv.kernels.tile import CHANNEL_ROWS, POSITION_VECTORS, channels_tile, panel_height, positions_tile
from tconv.kernels.turn import turn
from tconv.kernels.vectors import clear_rows, expect
from tconv.kernels.winograd import gather_patches, outer_outputs, transform_sums
from tconv.kernels.workers import claim, worker

WEIGHTS_DEPTH = 512  # of the channels tile: 4 vectors of 64 bytes times this stay in the second-level cache


@inlined
def _expect_lines(shape, axes, block, first, end, lines, runs, n_runs, y):
    """Ask for the memory of some of the lines that a block writes; of lines side by side, each for a part of all."""
    if n_runs == 0 or first == end:
        return
    whole = shape.interleaved or (shape.adjoining and block[LINES] >= shape.channels_out)
    last = axes.shape[1] - 1
    step, stream = axes[Y_STEP, last], block[STREAM] * axes[Y_STEP, last]
    place = first % block[LINES]  # a division for each line would be felt where there are few channels
    line = block[LINE] + first // block[LINES] * block[GROUP_LINES] + place
    for _ in range(first, end):
        for r in range(n_runs):
            out = runs[r, Y] + lines[line, TO]
            if whole:
                length = runs[r, LENGTH] * block[STREAMS]
                out += shape.spread * lines[line, BIAS] * (length - 1)
                expect(y, out, out + length)
                continue
            channel = lines[line, BIAS] % shape.lanes
            for n in range(channel, runs[r, LENGTH], shape.lanes):
                at = out - channel + stream + n * axes[STRIDE, last] * step
                for _ in range(block[STREAMS]):
                    expect(y, at, at + 1)
                    at += step
        line += 1
        place += 1
        if place == block[LINES]:
            place = 0
            line += block[GROUP_LINES] - block[LINES]


@inlined
def _positions_product(
    shape, axes, section, columns, resume, depth, rows, panel, first_row, offsets, offset, w, at, sums, to,
    block, done, all_rows, all_lines, lines, runs, n_runs, y,
):  # fmt: skip
    """Sums of ``rows`` rows over the first ``columns`` columns, ``depth`` steps; added to sums there if ``resume``.

    Returns where the weights of the next rows begin. ``done`` of the block's rows came before; as large a part of the
    lines that it will write is asked for meanwhile.
    """
    lanes = shape.lanes
    pitch = shape.tile_columns
    row = 0
    line = done * all_lines // all_rows
    while row < rows:
        height = panel_height(0, lanes, rows - row)
        done += min(height, rows - row)
        expected = done * all_lines // all_rows
        _expect_lines(shape, axes, block, line, expected, lines, runs, n_runs, y)
        line = expected
        for first in range(0, columns, shape.slice_columns):
            vectors = 1 if columns - first <= lanes else POSITION_VECTORS
            positions_tile(
                height, vectors, lanes, depth, resume,
                panel[first // shape.slice_columns * section[SLICE] + first_row :], shape.apart, offsets, offset,
                w, at, sums, to + first, pitch,
            )  # fmt: skip
        row += height
        at += height * depth
        to += height * pitch
    return at


@called
def _channels_product(shape, used, taps, rows, pitch, x, copies, offsets, offset, w, at, sums, to):
    """The same with channels in the lanes, tap after tap, over the columns for which it reads an input."""
    lanes = shape.lanes
    tall = CHANNEL_ROWS[0]
    row = 0
    while row < rows:
        width = panel_height(1, lanes, rows - row)
        clear_rows(lanes, width // lanes, used + 1, sums, to, pitch)
        for tap in range(taps):
            head = offsets[offset + tap] * shape.list_pitch
            columns = copies[head, HELD]
            tiles = (columns + tall - 1) // tall
            pace = (width + tiles - 1) // max(1, tiles)
            for first in range(0, shape.channels_in, WEIGHTS_DEPTH):
                depth = min(shape.channels_in - first, WEIGHTS_DEPTH)
                soon = depth * width
                column = 0
                while column < columns:
                    height = tall if columns - column > CHANNEL_ROWS[1] else CHANNEL_ROWS[1]
                    channels_tile(
                        height, width // lanes, lanes, depth, soon, pace, x, first, copies, head + 1 + column,
                        w, at, sums, to, pitch,
                    )  # fmt: skip
                    soon += depth * pace
                    column += height
                at += depth * width
        row += width
        to += width
    return at


@inlined
def _block_product(
    shape, patches, axes, section, block, segments, low, high, used, operand, copies, offsets, w, at, sums, lines,
    runs, n_runs, y,
):  # fmt: skip
    """Sums of one block of rows over channels ``low`` to ``high``."""
    n_lines = block[LINES]
    pitch = shape.tile_columns
    expected = n_runs if (shape.interleaved or shape.spread) and high == shape.channels_in else 0
    all_lines = outer_outputs(patches, block) * n_lines
    all_rows = 0
    for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
        all_rows += segments[s, STREAM_COUNT] * n_lines
    summed = 0
    for s in range(block[SEGMENT], block[SEGMENT] + block[SEGMENTS]):
        done = (segments[s, FIRST_STREAM] - block[STREAM]) * n_lines
        if patches.rows:  # a row is left free, or combinations would lie in the same sets of the first-level cache
            done += segments[s, FIRST_STREAM] // patches.streams
        rows = segments[s, STREAM_COUNT] * n_lines
        taps = segments[s, DEPTH] // shape.channels_in
        if shape.channels_in_lanes:
            at = _channels_product(
                shape, used, taps, rows, _channels_pitch(shape, block), operand, copies, offsets, segments[s, OFFSETS],
                w, at, sums, done,
            )  # fmt: skip
        else:
            at = _positions_product(
                shape, axes, section, used, low + segments[s, ADDED], (high - low) * taps, rows, operand,
                segments[s, PANEL], offsets, segments[s, OFFSETS], w, at, sums, block[SUMS] + done * pitch,
                block, summed, all_rows, all_lines, lines, runs, expected, y,
            )  # fmt: skip
            summed += rows


@inlined
def _channels_pitch(shape, block):
    """From one column's sums to the next, with channels in the lanes: there is room for padding."""
    return (block[STREAMS] * block[LINES] // shape.lanes + 2) * shape.lanes


@called
def _turn_sums(shape, block, used, sums):
    """Put the sums of columns, with channels side by side, in the order of rows; returns where the first is."""
    lanes = shape.lanes
    pitch = _channels_pitch(shape, block)
    to = (shape.tile_columns + 1) * pitch
    for row in range(0, block[STREAMS] * block[LINES], lanes):
        for column in range(0, used, lanes):
            turn(
                lanes, sums, column * pitch + row, pitch,
                sums, to + row * shape.tile_columns + column, shape.tile_columns,
            )  # fmt: skip
    return to


@inlined
def _write(shape, axes, block, first_line, first_sum, lines, phases, streams, bias, group, runs, n_runs, sums, y):
    """Write the sums of a block's lines, which are ``first_line`` and so on, from ``first_sum`` on."""
    last = axes.shape[1] - 1
    by_stream, by_line = block[LINES] * shape.tile_columns, shape.tile_columns
    n_streams = block[STREAMS]
    first_stream = block[STREAM]
    step = axes[STRIDE, last] * axes[Y_STEP, last]
    bias_at = group * shape.channels_out * shape.parts
    for r in range(n_runs):
        at = first_sum + runs[r, COLUMN]
        whole = runs[r, INSIDE] and shape.interleaved
        for i in range(1 if whole else block[LINES]):
            line = first_line + i
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
                total = axes[STRIDE, last] * shape.parts
                interleave(
                    n_streams, total, first_stream, block[LINES] if whole else 1, lines, line,
                    sums, here, by_line, by_stream, bias, bias_at, shape.parts,
                    max(0, -t * shape.parts), min(runs[r, LENGTH] * total, (axes[LIMIT, last] - t) * shape.parts),
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
                            bias[bias_at + lines[line, BIAS] + part] + sums[here + u * by_stream + n]
                        )
                t += axes[STRIDE, last]
                out += step


@inlined
def _spread(shape, axes, block, first_line, first_sum, lines, phases, streams, bias, group, runs, n_runs, sums, y):
    """The same where channels lie side by side: the lines of one combination of outer phases at a time."""
    last = axes.shape[1] - 1
    by_stream, by_line, by_column = block[LINES] * shape.tile_columns, shape.tile_columns, 1
    if shape.channels_in_lanes:
        by_stream, by_line, by_column = block[LINES], 1, _channels_pitch(shape, block)
    stride, limit, y_step = axes[STRIDE, last], axes[LIMIT, last], axes[Y_STEP, last]
    bias_at = group * shape.channels_out
    whole = shape.adjoining and not shape.channels_in_lanes
    end = first_line + block[LINES]
    for r in range(n_runs):
        line = first_line
        while line < end:
            phase = lines[line, PHASE]
            count = 1
            while line + count < end and lines[line + count, PHASE] == phase:
                count += 1
            seen = True
            for a in range(last):
                t = runs[r, OUTER + a] + phases[phase, a]
                seen = seen and t >= 0 and t < axes[LIMIT, a]
            here = first_sum + runs[r, COLUMN] * by_column + (line - first_line) * by_line
            if seen and whole and count == shape.channels_out:
                t, total = runs[r, LAST], stride * count
                interleave_channels(
                    block[STREAMS] * count, total, block[STREAM] * count, count,
                    sums, here, by_stream, by_line, bias, bias_at + lines[line, BIAS],
                    max(0, -t * count), min(runs[r, LENGTH] * total, (limit - t) * count),
                    y, runs[r, Y] + lines[line, TO],
                )  # fmt: skip
                seen = False
            for u in range(block[STREAMS] if seen else 0):
                residue = streams[block[STREAM] + u, 0]
                t = runs[r, LAST] + residue
                low = max(0, (stride - 1 - t) // stride)
                high = min(runs[r, LENGTH], (limit - 1 - t) // stride + 1)
                to = runs[r, Y] + lines[line, TO] + residue * y_step
                at = here + u * by_stream
                if shape.channels_in_lanes:
                    put_rows(
                        count, low, high, sums, at, by_column, bias, bias_at + lines[line, BIAS], y, to, stride * y_step
                    )
                else:
                    spread(
                        count, low, high, sums, at, by_line, bias, bias_at + lines[line, BIAS],
                        y, to, stride * y_step,
                    )  # fmt: skip
            line += count


@worker
def forward(
    shape, patches, axes, sections, chunks, blocks, segments, lines, phases, streams, offsets, reads,
    sums, position, runs, copies, panel, rank, counters, x, w, bias, y,
):  # fmt: skip
    """Compute ``y`` from ``x`` or its copy, and packed weights: units, a few at a time, until there are no more.

    ``sections[chunks[i]:chunks[i + 1]]`` are the rows of one chunk; what lies between ``reads`` and ``rank`` is
    scratch. ``counters[0]`` becomes 1 if transforms met an inf or nan.
    """
    group_chunks = (shape.groups + shape.groups_at_once - 1) // shape.groups_at_once
    units = group_chunks * shape.tiles * shape.row_chunks
    unreached = panel[patches.staging :]
    for i in range(unreached.shape[0]):
        unreached[i] = 0  # what no input reaches must be a number, and not one too small to be quick
    operand = x if shape.channels_in_lanes else panel
    spoiled = False
    start, stop = claim(counters, rank, units, shape.units_at_once)
    while start < stop:
        for unit in range(start, stop):
            tile = unit % shape.tiles
            row_chunk = unit // shape.tiles % shape.row_chunks
            first = unit // shape.tiles // shape.row_chunks * shape.groups_at_once
            n_runs = list_runs(shape, axes, first, tile, position, runs)
            if n_runs == 0:
                continue
            used = runs[n_runs - 1, COLUMN] + runs[n_runs - 1, LENGTH]
            listed = -1
            n_copies = 0
            for group in range(first, min(first + shape.groups_at_once, shape.groups)):
                if group > first:
                    next_group(shape, runs, n_runs, copies, n_copies)
                    if shape.channels_in_lanes:
                        listed = -1
                loaded = -1
                for number in range(chunks[row_chunk], chunks[row_chunk + 1]):
                    section = sections[number]
                    if section[READ_COUNT] and listed != section[READS]:
                        listed = section[READS]
                        if shape.channels_in_lanes:
                            list_positions(shape, axes, section, reads, runs, n_runs, used, CHANNEL_ROWS[1], copies)
                        else:
                            n_copies = list_copies(shape, axes, section, reads, runs, n_runs, copies)
                    for low in range(0, shape.channels_in, section[CHANNELS]):
                        high = min(low + section[CHANNELS], shape.channels_in)
                        held = loaded == section[READS] and section[CHANNELS] == shape.channels_in
                        if section[READ_COUNT] and not shape.channels_in_lanes and not held:
                            if patches.rows:
                                gather_patches(shape, patches, section, x, copies, n_copies, used, panel)
                            else:
                                gather(shape, section, x, low, high, copies, n_copies, panel)
                            loaded = section[READS]
                        for b in range(section[BLOCK], section[BLOCK] + section[BLOCKS]):
                            block = blocks[b]
                            at = weights_of(shape, section, block, group, low, high)
                            _block_product(
                                shape, patches, axes, section, block, segments, low, high, used, operand, copies,
                                offsets, w, at, sums, lines, runs, n_runs, y,
                            )  # fmt: skip
                            if high < shape.channels_in:
                                continue
                            sums_at = block[SUMS]
                            times = 1
                            if shape.channels_in_lanes and not shape.spread:
                                sums_at = _turn_sums(shape, block, used, sums)
                            if patches.rows:
                                spoiled = transform_sums(shape, patches, block, used, sums) or spoiled
                                sums_at = patches.woven
                                times = outer_outputs(patches, block)
                            for i in range(times):
                                first_line = block[LINE] + i * block[GROUP_LINES]
                                if shape.spread:
                                    _spread(
                                        shape, axes, block, first_line, sums_at, lines, phases, streams, bias, group,
                                        runs, n_runs, sums, y,
                                    )  # fmt: skip
                                else:
                                    _write(
                                        shape, axes, block, first_line, sums_at, lines, phases, streams, bias, group,
                                        runs, n_runs, sums, y,
                                    )  # fmt: skip
                                sums_at += block[STREAMS] * block[LINES] * shape.tile_columns
        start, stop = claim(counters, rank, units, shape.units_at_once)
    if spoiled:
        counters[0] = 1
