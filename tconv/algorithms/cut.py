"""Ways to cut one problem into a matrix product, and what each would take.

The rows of the product are the outputs of one position: channels out times phases. Phases of the last axis are
called *streams*: a line of output is woven from them. A *line* is one channel out in one combination of phases of
the other axes. Rows go by block, then stream, then line, so that the sums of a block are all that is needed to
write its lines. What is free:

* what lies in the vector lanes: positions, or channels (and phases). With channels in the lanes a tap is multiplied
  only where it meets an input, which pays where images are small and channels many;
* the origin of each axis: *aligned*, so that phases share what they read, or not, so that no position is cropped;
* with positions in the lanes, where what they read is gathered into a panel, tile by tile: whether there is a row for
  each input that a position reads; or one row serves all that lie on one line, and lines have room at their ends for
  what is read beyond them, or begin a vector, each of which has such room: better where lines are short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby, product, takewhile
from math import ceil, prod

import numpy as np

from tconv.algorithms.rates import RATES
from tconv.geometry import Problem
from tconv.kernels.interleave import WOVEN
from tconv.kernels.tile import (
    CHANNEL_ROWS,
    CHANNEL_VECTORS,
    FEW_REGISTERS,
    POSITION_ROWS,
    POSITION_VECTORS,
    panel_height,
)
from tconv.kernels.vectors import VECTOR_BYTES
from tconv.kernels.windows import MOST_APART, SPACED
from tconv.polyphase import Phase, PhasedAxis, Reads, phase
from tconv.taps import multiplications

MOST_STREAMS = 48  # in one block, so that the sums of a tile with positions in its lanes stay in the first-level cache
MOST_LINES = 24
MOST_IDLE = 1024  # phases of which each line is a row; with more, all outputs are filled with bias before
CLEARLY = 1.03  # times as long a block with more lines may take: it reads the inputs less often

CHANNEL_COLUMNS = 96  # positions to one tile with channels in the lanes
UNEVEN = 0.4  # of a tile, by which a list of positions is filled up to whole ones
MOST_CHUNKS = 24  # of rows, on two threads: each makes its lists anew
MOST_LISTED = 2**14  # positions, in all lists of a tile: 384 KiB

# Gathered at once: a part of the second-level cache.
PANEL_VECTORS = (128 if FEW_REGISTERS else 256) * 1024 // VECTOR_BYTES

NEAR = 2**20  # bytes that stay in the second-level cache
FAR = 4  # times as long takes a number to be copied where each is read from a cache line of its own
CACHED = 8 * 2**20  # bytes of packed weights that stay in the last cache from call to call


@dataclass(frozen=True)
class Choice:
    """What is free in how a problem is cut."""

    channels_in_lanes: bool
    aligned_outer: bool
    aligned_last: bool
    rows_shared: bool  # by all that a position reads on one line
    lines_apart: bool = False  # each line begins a vector, and every vector has that room


@dataclass(frozen=True)
class Segment:
    """Consecutive streams, and inputs that they all read."""

    first: int  # of the block's streams
    count: int
    reads: Reads
    added: bool = False  # to the sums of a segment before


@dataclass(frozen=True)
class RowGroup:
    """Phases of the outer axes that read the same inputs, and the streams that are written together."""

    outer: tuple[tuple[Phase, ...], ...]
    first_stream: int
    segments: tuple[Segment, ...]
    lines: int
    block_lines: int

    @property
    def streams(self) -> int:
        """How many."""
        return sum(segment.count for segment in self.segments if not segment.added)

    @cached_property
    def last_reads(self) -> Reads:
        """What its segments read along the last axis."""
        return tuple(sorted({read for segment in self.segments for read in segment.reads}))

    @cached_property
    def outer_taps(self) -> int:
        """Inputs of one channel that each row reads along the outer axes."""
        return prod(len(phases[0].taps) for phases in self.outer)

    def steps(self, depth: int) -> tuple[tuple[int, int], ...]:
        """Of each segment, how many steps its tiles take ``depth`` channels deep, and how many streams it has."""
        return tuple((self.taps(segment) * depth, segment.count) for segment in self.segments)

    def taps(self, segment: Segment) -> int:
        """Inputs of one channel that each row of ``segment`` reads."""
        return self.outer_taps * len(segment.reads)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First line and number of lines of each block."""
        for first in range(0, self.lines, self.block_lines):
            yield first, min(self.block_lines, self.lines - first)


@dataclass(frozen=True)
class Cut:
    """A choice carried out."""

    choice: Choice
    axes: tuple[PhasedAxis, ...]
    splits: tuple[int, ...]  # into how many parts a copy sorts the inputs of each axis; 1: these lie as in `x`
    lanes: int
    parts: int  # 2: real and imaginary parts are channels in and streams of their own
    streams: tuple[tuple[int, int], ...]  # residue on the last axis, part
    dense: bool  # the streams are all there are, and woven by shuffles
    groups: tuple[RowGroup, ...]
    covers: bool  # every output is written; else those that are bias must have been
    time: float  # nanoseconds on one core, predicted

    @property
    def part_combinations(self) -> tuple[tuple[int, ...], ...]:
        """Of the parts that are read, on all axes."""
        parts = (axis.parts if n == axis.split else (0,) for axis, n in zip(self.axes, self.splits, strict=True))
        return tuple(product(*parts))

    @property
    def pitches(self) -> tuple[int, ...]:
        """Places on each axis of a copy of the input, of one part."""
        return tuple(ceil(axis.size_in / split) for axis, split in zip(self.axes, self.splits, strict=True))

    @property
    def spans(self) -> tuple[int, ...]:
        """Inputs from a position to the next along each axis of such a copy."""
        return tuple(axis.split // n for axis, n in zip(self.axes, self.splits, strict=True))

    @cached_property
    def window(self) -> int:
        """Rows of a panel that one reading fills: for all inputs from a position to the next, if all are read."""
        span = self.spans[-1]
        if span == 1 or not self.choice.rows_shared:
            return 1
        last = {self.rows_of((group.last_reads,)) for group in self.groups if group.last_reads}
        neighbours = tuple(self.row_of(0, part) for part in range(span))
        return span if last == {(neighbours,)} else 1

    def begins(self, part: int) -> bool:
        """Whether the row of a panel for this part of the last axis is not filled with the one before."""
        return part % self.window == 0

    @property
    def steps(self) -> tuple[int, ...]:
        """From one position to the next along each axis of a copy."""
        return tuple(prod(self.pitches[a + 1 :]) for a in range(len(self.axes)))

    @cached_property
    def pointwise(self) -> int:
        """How many of the last axes have positions that read and write at their own place only: at least the last.

        Where such axes follow on each other in memory, they are one line.
        """
        return max(1, len(list(takewhile(_pointwise, reversed(self.axes)))))

    @property
    def rows(self) -> int:
        """Of one group of channels: channels out times phases."""
        return sum(group.lines * group.streams for group in self.groups)

    @property
    def weights(self) -> int:
        """Of one group of channels, for each channel in."""
        return sum(
            group.lines * sum(segment.count * group.taps(segment) for segment in group.segments)
            for group in self.groups
        )

    @property
    def columns(self) -> int:
        """Of one image: positions, and the room at the ends of lines."""
        return prod(axis.count for axis in self.axes[:-1]) * self.line

    @property
    def line(self) -> int:
        """Columns from one line to the next."""
        count = self.axes[-1].count
        return self.lanes * ceil(count / self.lanes) if self.choice.lines_apart else count + self.reach

    @property
    def reach(self) -> int:
        """How far apart the inputs of a position lie on the last axis, if a row of a panel serves all of them."""
        low, high = self.axes[-1].ends
        return high - low if self.choice.rows_shared else 0

    def row_of(self, offset: int, part: int) -> tuple[int, int]:
        """What a row of a panel is gathered for, by the first of its positions, to serve a read of the last axis."""
        return (self.axes[-1].ends[0] if self.choice.rows_shared else offset, part)

    def rows_of(self, reads: tuple[Reads, ...]) -> tuple[Reads, ...]:
        """The rows of a panel, or the lists of positions, that serve these reads on each axis, which are in order."""
        if not self.choice.rows_shared:
            return reads
        *outer, last = reads
        return (*outer, tuple(self.row_of(0, part) for part in sorted({part for _, part in last})))

    @property
    def rearranged(self) -> bool:
        """Whether the input has to be copied, whatever its layout."""
        return self.parts > 1 or max(self.splits) > 1

    def copied(self, channels_last: bool) -> bool:
        """Whether it has to be copied in such a layout."""
        return self.rearranged or self.choice.channels_in_lanes != channels_last


def lanes_of(dtype: str) -> int:
    """Sums to one vector register; exact objects get short vectors, since theirs cost their full time."""
    if dtype == "object":
        return 2
    return VECTOR_BYTES // real_bytes(dtype)


def real_bytes(dtype: str) -> int:
    """Bytes of a number, or of each of the two parts of a complex one."""
    return np.dtype(dtype).itemsize // (2 if dtype.startswith("complex") else 1)


def cuts(problem: Problem) -> Iterator[Cut]:
    """Every way to cut ``problem``; none if there is nothing to multiply."""
    if multiplications(problem) == 0:
        return
    parts = 2 if problem.dtype.startswith("complex") else 1
    origins = [True, False] if problem.operator == "conv_transpose" else [True]
    seen = set()
    for outer, last in product(origins, origins):
        phased = tuple(
            phase(axis, problem.operator, last if axis_number == len(problem.axes) - 1 else outer)
            for axis_number, axis in enumerate(problem.axes)
        )
        if phased in seen:
            continue
        seen.add(phased)
        reads = union_of_reads(phased)
        low, high = phased[-1].ends
        by_rows = _untimed(problem, Choice(False, outer, last, False), phased, parts)
        if low == high or reads * POSITION_VECTORS <= PANEL_VECTORS:
            yield _timed(problem, by_rows)
        for apart in (False, True) if low < high else ():
            choice = replace(by_rows.choice, rows_shared=True, lines_apart=apart)
            yield _timed(problem, replace(by_rows, choice=choice))
        positions = problem.batch * prod(axis.count for axis in phased)
        if reads * list_pitch(min(CHANNEL_COLUMNS, positions)) <= MOST_LISTED:
            yield _timed(problem, _untimed(problem, Choice(True, outer, last, False), phased, parts))


def list_pitch(columns: int) -> int:
    """From one list of positions to the next: its head, so many columns, and one less than fills a tile."""
    return columns + CHANNEL_ROWS[1]


def union_of_reads(axes: tuple[PhasedAxis, ...]) -> int:
    """At most so many different inputs of one channel does one position read."""
    return prod(len(axis.reads) for axis in axes)


def gathered_rows(cut: Cut) -> tuple[int, int]:
    """Rows to gather for one channel: with a panel for each group, and with one for all that is read."""
    groups = [
        cut.rows_of((*(phases[0].reads for phases in group.outer), group.last_reads))
        for group in cut.groups
        if group.last_reads
    ]
    every = cut.rows_of(tuple(axis.reads for axis in cut.axes))
    return sum(prod(map(len, reads)) for reads in groups), prod(map(len, every))


def _pointwise(axis: PhasedAxis) -> bool:
    """Whether each position reads the input of its number, and writes that output."""
    own = axis.stride == axis.split == 1 and axis.size_in == axis.size_out == axis.count
    return own and axis.origin == axis.first == 0 and [one.reads for one in axis.phases] == [((0, 0),)]


def _timed(problem: Problem, cut: Cut) -> Cut:
    return replace(cut, time=predicted(problem, cut))


def _untimed(problem: Problem, choice: Choice, axes: tuple[PhasedAxis, ...], parts: int) -> Cut:
    lanes = lanes_of(problem.dtype)
    last = axes[-1]
    reads_of = {p.residue: p.reads for p in last.phases}
    dense = last.stride * parts in WOVEN or len(reads_of) == last.stride
    residues = range(last.stride) if dense else sorted(reads_of)
    streams = tuple((residue, part) for residue in residues for part in range(parts))
    depth = problem.channels_in * parts
    groups = []
    idle = prod(len(one.phases) + one.idle_count for one in axes[:-1]) - prod(len(one.phases) for one in axes[:-1])
    covers = all(axis.complete for axis in axes) and (dense or not last.idle_count) and idle <= MOST_IDLE
    classes = [[*axis.classes, axis.idle] if covers and axis.idle_count else axis.classes for axis in axes[:-1]]
    for outer in product(*classes):
        lines = problem.channels_out * prod(len(phases) for phases in outer)
        most = min(lines, CHANNEL_VECTORS[0] * lanes if choice.channels_in_lanes else MOST_LINES)
        unit = lanes if choice.channels_in_lanes and most % lanes == 0 else 1
        if problem.channels_last and not choice.channels_in_lanes and parts == 1:
            unit = lines_at_once(problem.channels_out, lanes, most)
        for first in range(0, len(streams), MOST_STREAMS):
            reads = [reads_of.get(residue, ()) for residue, _ in streams[first : first + MOST_STREAMS]]
            if not all(phases[0].taps for phases in outer):
                reads = [()] * len(reads)
            candidates = [
                RowGroup(outer, first, segments, lines, most)
                for segments in _segmented(reads, nested=not choice.channels_in_lanes)
            ]
            blocks = [
                best_block(choice.channels_in_lanes, lanes, lines, most, unit, g.steps(depth)) for g in candidates
            ]
            best = min(range(len(blocks)), key=lambda n: blocks[n][0])
            groups.append(replace(candidates[best], block_lines=blocks[best][1]))
    splits = [1] * len(axes)
    if not choice.channels_in_lanes and last.split > MOST_APART:
        splits[-1] = last.split
    return Cut(choice, axes, tuple(splits), lanes, parts, streams, dense, tuple(groups), covers, 0.0)


def _segmented(reads: list[Reads], nested: bool) -> Iterator[tuple[Segment, ...]]:
    """Ways to cut streams into segments: by what they read; or first what all read, then what some read beside it."""
    by_reads, at = [], 0
    for shared, run in groupby(reads):
        by_reads.append(Segment(at, len(list(run)), shared))
        at += by_reads[-1].count
    yield tuple(by_reads)
    if not nested or len(by_reads) == 1:
        return
    in_all = set(reads[0]).intersection(*reads[1:])
    if common := tuple(read for read in reads[0] if read in in_all):
        rest = (replace(s, reads=tuple(r for r in s.reads if r not in in_all), added=True) for s in by_reads)
        yield (Segment(0, len(reads), common), *(segment for segment in rest if segment.reads))


def predicted(problem: Problem, cut: Cut) -> float:
    """Nanoseconds that ``cut`` takes on one core: products, gathering, writing, copying the input."""
    choice, lanes = cut.choice, cut.lanes
    depth = problem.channels_in * cut.parts
    positions = problem.batch * prod(axis.count for axis in cut.axes)
    line = prod(axis.count for axis in cut.axes[-cut.pointwise :])
    runs = positions // line * (line // lanes + 1)  # vectors of neighbours, those at line ends shorter
    gathering = copying = starting = turning = 0.0
    if choice.channels_in_lanes:
        products = sum(_listed_time(problem, cut, group) for group in cut.groups)
        turning = 0.0 if problem.channels_last else RATES.turn * positions * cut.rows
    else:
        of_tile = sum(
            _tile_time(False, lanes, group.lines, group.block_lines, group.steps(depth)) + RATES.start_rows
            for group in cut.groups
        )
        products = of_tile * tiles_of(problem.batch * cut.columns, lanes)
        if choice.lines_apart:
            longer = positions // line * (cut.line // lanes) * (1 + ceil(cut.reach / lanes))
        else:
            longer = positions // line * ((line + cut.reach) // lanes + 1)
        each = RATES.gather if cut.spans[-1] == cut.window else RATES.window
        gathering = each * longer * depth * min(gathered_rows(cut))
    lines = sum(group.lines for group in cut.groups)
    if problem.channels_last and cut.parts == 1:
        writing = sum(
            spreading(problem, cut, positions, runs, group.lines * group.streams, group.block_lines)
            for group in cut.groups
        )
    elif cut.dense and not problem.channels_last:
        writing = runs * (RATES.write_run * lines + weaving(len(cut.streams), lanes) * cut.rows)
    else:
        writing = positions * RATES.write_element * cut.rows
    if cut.copied(problem.channels_last):
        element = copying_element(problem, cut)
        starting = RATES.start_copy
        copying = element * problem.batch * depth * prod(cut.pitches) * len(cut.part_combinations)
    weights = problem.groups * depth * cut.weights
    if choice.channels_in_lanes:
        weighing = reading_listed(problem, weights)
    else:
        weighing = reading(problem, weights, problem.batch * cut.columns)
    each = products + gathering + turning + writing + copying
    return starting + problem.groups * each + weighing + moving(problem)


def copying_element(problem: Problem, cut: Cut) -> float:
    """What each input takes to be copied to where ``cut`` wants it."""
    if not cut.rearranged:
        channels = problem.groups * problem.channels_in
        few = channels < cut.lanes and (cut.choice.channels_in_lanes or channels not in SPACED)
        return RATES.scatter if few else RATES.turn
    if cut.choice.channels_in_lanes:
        return RATES.scatter
    if problem.channels_last:
        return FAR * RATES.scatter
    return RATES.copy if cut.splits[-1] <= MOST_APART else RATES.scatter


def lines_at_once(channels: int, lanes: int, most: int) -> int:
    """Of how many lines blocks are, if channels lie side by side: all of some positions, or else vectors of them."""
    return channels if channels <= most else min(lanes, most)


def spreading(problem: Problem, cut: Cut, positions: int, runs: int, rows: int, block_lines: int) -> float:
    """What ``rows`` sums of each position take to be written where the channels of an output lie side by side.

    If those of sums do, too, they are copied position by position; else squares of them are turned. Where positions
    adjoin, and a block has all their channels, these are streams of one line.
    """
    channels, lanes = problem.channels_out, cut.lanes
    phases = rows // channels
    vectors = channels // block_lines * ceil(block_lines / lanes) + ceil(channels % block_lines / lanes)
    if cut.choice.channels_in_lanes:
        return positions * phases * (RATES.write_run + RATES.write_vector * vectors)
    if problem.groups == 1 and cut.dense and block_lines >= channels:
        streams = len(cut.streams)
        return runs * (RATES.write_run * phases / streams + weaving(streams * channels, lanes) * rows)
    return runs * phases * vectors * (RATES.write_run + RATES.turn * lanes**2)


def moving(problem: Problem) -> float:
    """What input and result take to pass through the second-level cache."""
    items = problem.batch * problem.groups * np.dtype(problem.dtype).itemsize
    size_in = items * problem.channels_in * prod(axis.size_in for axis in problem.axes)
    size_out = items * problem.channels_out * prod(axis.size_out for axis in problem.axes)
    return RATES.fetch * max(0, size_in - NEAR) + RATES.store * max(0, size_out - NEAR)


def reading(problem: Problem, weights: int, columns: int) -> float:
    """What so many weights take to come to the tiles of so many columns: for each from the caches, once from memory."""
    size = weights * real_bytes(problem.dtype)
    tiles = ceil(columns / (POSITION_VECTORS * lanes_of(problem.dtype)))
    return (RATES.pass_ * size * tiles if size > NEAR else 0.0) + (RATES.memory * size if size > CACHED else 0.0)


def reading_listed(problem: Problem, weights: int) -> float:
    """What so many weights take to come from memory with channels in the lanes, where they are asked for in time."""
    size = weights * real_bytes(problem.dtype)
    return RATES.memory_listed * size if size > CACHED else 0.0


def weaving(streams: int, lanes: int) -> float:
    """What a vector of streams takes to be woven with others; where not all are at once, squares are turned."""
    if streams in WOVEN:
        return RATES.write_vector
    return RATES.write_square * ceil(streams / lanes) * lanes / streams


def tiles_of(columns: int, lanes: int) -> float:
    """Register tiles to so many columns; a last one of one vector is as much of a tile as it takes."""
    full, rest = divmod(columns, POSITION_VECTORS * lanes)
    narrow = RATES.narrow / RATES.panel[-len(POSITION_ROWS)]
    return full + (0 if rest == 0 else narrow if rest <= lanes else 1)


@lru_cache(maxsize=4096)
def best_block(
    channels_in_lanes: bool, lanes: int, lines: int, most: int, unit: int, steps: tuple[tuple[int, int], ...]
) -> tuple[float, int]:
    """The least that such a group takes for each tile, and with how many lines to a block: rather more than fewer."""
    counts = range(most // unit * unit, 0, -unit)
    times = [(_tile_time(channels_in_lanes, lanes, lines, n, steps), n) for n in counts]
    least = min(time for time, _ in times)
    return next(found for found in times if found[0] <= CLEARLY * least)


def _tile_time(
    channels_in_lanes: bool, lanes: int, lines: int, block_lines: int, steps: tuple[tuple[int, int], ...]
) -> float:
    """What the rows of a group take for each tile of columns."""
    total = 0.0
    for depth, streams in steps:
        each, count = panels_of_blocks(channels_in_lanes, lanes, streams, lines, block_lines)
        total += depth * each + RATES.start * count
    return total


def _listed_time(problem: Problem, cut: Cut, group: RowGroup) -> float:
    """What the rows of a group take with channels in the lanes: taps are multiplied where they meet inputs."""
    depth = problem.channels_in * cut.parts
    tiles = ceil(problem.batch * prod(axis.count for axis in cut.axes) / CHANNEL_COLUMNS)
    outer = prod(
        sum(axis.met(tap.offset) for tap in phases[0].taps) for axis, phases in zip(cut.axes, group.outer, strict=False)
    )
    total = 0.0
    for segment in group.segments:
        met = problem.batch * outer * sum(cut.axes[-1].met(offset) for offset, _ in segment.reads)
        starts = met / CHANNEL_ROWS[0] + group.taps(segment) * tiles * UNEVEN
        each, count = panels_of_blocks(True, cut.lanes, segment.count, group.lines, group.block_lines)
        total += starts * (depth * each + RATES.start_listed * count)
    reads = tiles * group.outer_taps * len(group.last_reads)
    met = problem.batch * outer * sum(cut.axes[-1].met(offset) for offset, _ in group.last_reads)
    chunks = min(ceil(group.lines / group.block_lines), MOST_CHUNKS)
    return total + (RATES.list * met + RATES.start_list * reads) * chunks


def panels_of_blocks(
    channels_in_lanes: bool, lanes: int, streams: int, lines: int, block_lines: int
) -> tuple[float, int]:
    """The same as `panels` for so many streams of lines, in blocks of so many lines and what is left."""
    blocks, rest = divmod(lines, block_lines)
    each, count = panels(channels_in_lanes, lanes, streams * block_lines)
    last, more = panels(channels_in_lanes, lanes, streams * rest)
    return blocks * each + last, blocks * count + more


@lru_cache(maxsize=4096)
def panels(channels_in_lanes: bool, lanes: int, rows: int) -> tuple[float, int]:
    """What one step of depth of ``rows`` rows takes, cut into panels as kernels cut them, and how many these are."""
    time, count = 0.0, 0
    while rows > 0:
        height = panel_height(channels_in_lanes, lanes, rows)
        if channels_in_lanes:
            time += RATES.channels[(4, 2, 1).index(height // lanes)]
        else:
            time += RATES.panel[(8, 4, 2, 1).index(height)]
        rows -= height
        count += 1
    return time, count
