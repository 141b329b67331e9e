"""Which columns a tile has: where their inputs lie, how they are gathered, and where their outputs go.

A column is a position of the phase grid. A *run* is a number of columns that are neighbours on the last axis.
"""

from __future__ import annotations

from typing import NamedTuple

from tconv.kernels.launch import called, inlined
from tconv.kernels.windows import AT_ONCE, copy_lanes, copy_windows, places


class Shape(NamedTuple):
    """The numbers of one problem that are the same in every unit."""

    channels_in_lanes: int
    lanes: int
    batch: int
    groups: int
    channels_in: int  # real and imaginary parts are channels of their own
    channels_out: int
    parts: int  # 2 where numbers are complex: real and imaginary sums are separate streams
    columns: int  # of one image
    tiles: int
    row_chunks: int
    groups_at_once: int  # in one unit
    units_at_once: int  # taken by a worker: what one tile reads and writes, the next finds near
    list_pitch: int  # from one list of positions to the next, with channels in the lanes
    image: int  # strides of the input, or of its copy
    group: int
    channel: int
    weights: int  # of one group of channels
    interleaved: int  # 1 if the streams of a line are written by vector shuffles
    spread: int  # 1 if the channels of a position are ...
    adjoining: int  # ... and 1 if positions adjoin, too
    y_batch: int
    y_group: int
    tile_columns: int
    slice_columns: int  # of a tile's columns, summed in registers at a time; each slice has a panel of its own
    span: int  # inputs from a column to the next on the last axis
    window: int  # inputs there that one reading takes, for as many rows of the panel
    row: int  # from one row to the next where inputs are gathered
    apart: int  # from one vector to the next in a row; more than its lanes if each has room at its end
    line: int  # columns from one line to the next where they are gathered; those after its positions count for nothing
    reach: int  # inputs gathered beyond a run: the last axis' offsets differ by so much, and one row serves them all


# Rows of the table of axes.
COUNT, STEP, STRIDE, BASE, LIMIT, Y_STEP, FIRST, SIZE, SPAN = range(9)
# Fields of a section; of a block of rows; of a segment; of a line; of a run of columns; of a copy.
BLOCK, BLOCKS, READS, READ_COUNT, CHANNELS, BASE_WEIGHTS, CHANNEL_WEIGHTS, SLICE, STAGED = range(9)
SEGMENT, SEGMENTS, STREAM, STREAMS, LINE, LINES, WEIGHTS, SUMS, GROUP, GROUP_LINES = range(10)
FIRST_STREAM, STREAM_COUNT, DEPTH, OFFSETS, PANEL, ADDED, TAPS, FIRST_PHASE = range(8)  # the last two: for packing
TO, BIAS, PHASE = range(3)
COLUMN, LENGTH, LAST, Y, INSIDE, SOURCE, OUTER = range(7)
FROM, INTO, HELD, COPY_FIELDS = range(4)


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
        runs[run, OUTER + last + a] = axes[FIRST, a] + axes[SPAN, a] * position[a]
    runs[run, COLUMN] = column
    runs[run, LENGTH] = length
    runs[run, Y] = to
    runs[run, INSIDE] = inside
    runs[run, SOURCE] = source


@called
def list_runs(shape, axes, group, tile, position, runs):
    """The columns of a tile as runs, line after line; returns how many."""
    last = axes.shape[1] - 1
    column = tile * shape.tile_columns
    end = min(column + shape.tile_columns, shape.batch * shape.columns)
    n_runs = 0
    done = 0
    while column < end:
        image = column // shape.columns
        line = (column - image * shape.columns) // shape.line
        position[last] = column - image * shape.columns - line * shape.line
        if position[last] >= axes[COUNT, last]:
            done += shape.line - position[last]
            column += shape.line - position[last]
            continue
        at = image * shape.image + group * shape.group + position[last] * axes[STEP, last]
        for a in range(last - 1, -1, -1):
            position[a] = line % axes[COUNT, a]
            line //= axes[COUNT, a]
            at += position[a] * axes[STEP, a]
        length = min(end - column, axes[COUNT, last] - position[last])
        length = min(length, shape.slice_columns - done % shape.slice_columns)
        if shape.apart > shape.lanes:
            length = min(length, shape.lanes - done % shape.lanes)
        image_to = image * shape.y_batch + group * shape.y_group
        _add_run(axes, position, image_to, at, done, length, runs, n_runs)
        n_runs += 1
        done += length
        column += length
    return n_runs


@called
def list_copies(shape, axes, section, reads, runs, n_runs, copies):
    """Vector by vector, what to copy from where to which column, and which places hold an input; returns how many.

    Whole vectors are stored: what is too much at the end of a run is overwritten by the next, or lies between rows.
    """
    lanes = shape.lanes
    last = axes.shape[1] - 1
    at = OUTER + last
    reach = shape.span * (lanes - 1) + shape.window
    n = 0
    for r in range(section[READ_COUNT] // shape.window):
        read = reads[section[READS] + r]
        for q in range(n_runs):
            part = runs[q, COLUMN] // shape.slice_columns
            vector = (runs[q, COLUMN] - part * shape.slice_columns) // lanes
            into = part * section[STAGED] + r * shape.window * shape.row + vector * (shape.apart - lanes)
            into += runs[q, COLUMN] - part * shape.slice_columns
            inside = True
            for a in range(last):
                index = runs[q, at + a] + read[a]
                inside = inside and index >= 0 and index < axes[SIZE, a]
            first = runs[q, at + last] + read[last]
            end = axes[SIZE, last] if inside else first
            source = runs[q, SOURCE] + read[last + 1]
            for i in range(0, runs[q, LENGTH] + shape.reach, lanes):
                low = max(0, -(first + i * shape.span))
                high = min(reach, end - first - i * shape.span)
                some = low < high
                copies[n, FROM] = source + i * shape.span if some else 0
                copies[n, INTO] = into + i
                copies[n, HELD] = places(low, high)
                n += 1
    return n


@called
def list_positions(shape, axes, section, reads, runs, n_runs, used, rows, copies):
    """For each read of a section, a list of the columns for which it is an input, and where its channels lie.

    Before each list is how long it is. After it are ``rows - 1`` entries of the column after those that are
    ``used``, for tiles that are not full.
    """
    last = axes.shape[1] - 1
    at = OUTER + last
    for r in range(section[READ_COUNT]):
        read = reads[section[READS] + r]
        head = r * shape.list_pitch
        n = head + 1
        for q in range(n_runs):
            inside = True
            for a in range(last):
                index = runs[q, at + a] + read[a]
                inside = inside and index >= 0 and index < axes[SIZE, a]
            first = runs[q, at + last] + read[last]
            span = axes[SPAN, last]
            low = max(0, (span - 1 - first) // span)
            high = min(runs[q, LENGTH], (axes[SIZE, last] - first + span - 1) // span) if inside else low
            for i in range(low, high):
                copies[n, FROM] = runs[q, SOURCE] + read[last + 1] + i * axes[STEP, last]
                copies[n, INTO] = runs[q, COLUMN] + i
                n += 1
        copies[head, HELD] = n - head - 1
        for i in range(n, n + rows - 1 if n > head + 1 else n):
            copies[i, FROM] = copies[head + 1, FROM]
            copies[i, INTO] = used


@inlined
def next_group(shape, runs, n_runs, copies, n_copies):
    """What was noted for one group of channels, as it is for the next."""
    for q in range(n_runs):
        runs[q, SOURCE] += shape.group
        runs[q, Y] += shape.y_group
    for n in range(n_copies):
        if copies[n, HELD]:
            copies[n, FROM] += shape.group


@called
def weights_of(shape, section, block, group, low, high):
    """Where a block's weights for channels ``low`` to ``high`` begin; those of a section for a panel lie together."""
    before = group * shape.weights + section[BASE_WEIGHTS] + low * section[CHANNEL_WEIGHTS]
    return before + block[WEIGHTS] * (high - low)


@called
def panel_pitch(lanes, row, reads):
    """From one channel to the next in a panel: its last row may be written to the end of a vector, and no further."""
    return reads * row + lanes


@inlined
def gather(shape, section, x, first, end, copies, n_copies, panel):
    """Copy what a tile reads of channels ``first`` to ``end`` into rows of neighbours: by channel, then by read."""
    pitch = panel_pitch(shape.lanes, shape.row, section[READ_COUNT])
    for channel in range(first, end, AT_ONCE):
        shift = channel * shape.channel
        to = (channel - first) * pitch
        count = min(end - channel, AT_ONCE)
        for n in range(n_copies):
            if shape.window == shape.span == 1:
                copy_lanes(
                    shape.lanes, copies[n, HELD], count, x, copies[n, FROM] + shift, shape.channel,
                    panel, to + copies[n, INTO], pitch,
                )  # fmt: skip
            else:
                copy_windows(
                    shape.span, shape.window, shape.lanes, copies[n, HELD], count,
                    x, copies[n, FROM] + shift, shape.channel, panel, to + copies[n, INTO], pitch, shape.row,
                )  # fmt: skip
