"""Ways to cut one problem into a matrix product, and what each would take.

The rows of the product are the outputs of one position: channels out times phases. Phases of the last axis are
called *streams*: a line of output is woven from them. A *line* is one channel out in one combination of phases of
the other axes. Rows go by block, then stream, then line, so that the sums of a block are all that is needed to
write its lines. What is free:

* what lies in the vector lanes: positions (large images), or channels (small ones, where vectors of positions
  would hold mostly halo);
* the origin of each axis: *aligned*, so that phases share what they read, or not, so that no position is cropped;
* whether vectors of positions run on over the ends of lines or start anew at each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, product
from math import ceil, prod

import numpy as np

from tconv.geometry import Problem
from tconv.kernels.interleave import STREAMS
from tconv.kernels.polyphase import panel_height
from tconv.kernels.tile import CHANNEL_ROWS, POSITION_ROWS, POSITION_VECTORS, VECTOR_BYTES
from tconv.polyphase import Phase, PhasedAxis, phase

MOST_STREAMS = 48  # in one block, so that its sums stay in the first-level cache
MOST_LINES = 24

# Cycles measured on an Ice Lake core. One step of depth of a tile, by rows (positions in the lanes) or by vectors
# (channels in the lanes); writing one vector by shuffles, with what it takes to start a run; writing one element
# by itself; copying one element into the halo buffer, in order or scattered.
POSITION_CYCLES = dict(zip(POSITION_ROWS, (12.5, 7.5, 5.5), strict=True))
CHANNEL_CYCLES = {1: 6.0, 2: 9.5, 4: 14.5}
WRITE_VECTOR, WRITE_RUN, WRITE_ELEMENT = 3.0, 15.0, 2.5
COPY, SCATTER = 0.5, 4.0
GATHER, DIRECT = (
    2.5,
    1.15,
)  # cycles per vector into a panel; times longer that reading the image in place takes

Reads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Choice:
    """What is free in how a problem is cut."""

    channels_in_lanes: bool
    aligned_outer: bool
    aligned_last: bool
    run_on: bool
    gathered: bool


@dataclass(frozen=True)
class Segment:
    """Consecutive streams that read the same inputs."""

    first: int  # of the block's streams
    count: int
    reads: Reads


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
        return sum(segment.count for segment in self.segments)

    def taps(self, segment: Segment) -> int:
        """Inputs of one channel that each row of ``segment`` reads."""
        return prod(len(phases[0].taps) for phases in self.outer) * len(segment.reads)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First line and number of lines of each block."""
        for first in range(0, self.lines, self.block_lines):
            yield first, min(self.block_lines, self.lines - first)


@dataclass(frozen=True)
class Cut:
    """A choice carried out."""

    choice: Choice
    axes: tuple[PhasedAxis, ...]
    lanes: int
    parts: int  # 2: real and imaginary parts are channels in and streams of their own
    streams: tuple[tuple[int, int], ...]  # residue on the last axis, part
    dense: bool  # the streams are all there are, and few enough to be woven by shuffles
    groups: tuple[RowGroup, ...]
    columns: int  # of one image: vectors, or positions one by one
    cycles: float

    @property
    def steps(self) -> tuple[int, ...]:
        """From one position to the next along each axis of the halo buffer."""
        pitches = [axis.pitch for axis in self.axes]
        return tuple(prod(pitches[a + 1 :]) for a in range(len(pitches)))


def lanes_of(dtype: str) -> int:
    """Sums to one vector register; exact objects get short vectors, since theirs cost their full time."""
    if dtype == "object":
        return 2
    return int(VECTOR_BYTES // np.empty(0, dtype).real.itemsize)


def cuts(problem: Problem) -> Iterator[Cut]:
    """Every way to cut ``problem``; none if no output has more than its bias."""
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
        if min(axis.count for axis in phased) == 0:
            return
        for channels, run_on, gathered in (
            (False, True, False),
            (False, False, False),
            (False, False, True),
            (True, False, False),
        ):
            yield _cut(problem, Choice(channels, outer, last, run_on, gathered), phased, parts)


def _cut(problem: Problem, choice: Choice, axes: tuple[PhasedAxis, ...], parts: int) -> Cut:
    lanes = lanes_of(problem.dtype)
    last = axes[-1]
    reads_of = {p.residue: p.reads for p in last.phases}
    dense = not choice.channels_in_lanes and last.stride * parts in STREAMS
    residues = range(last.stride) if dense else sorted(reads_of)
    streams = tuple((residue, part) for residue in residues for part in range(parts))
    chunks: list[tuple[int, tuple[Segment, ...]]] = []
    for first in range(0, len(streams), MOST_STREAMS):
        at = 0
        together: list[Segment] = []
        for shared, run in groupby(streams[first : first + MOST_STREAMS], lambda s: reads_of.get(s[0], ())):
            together.append(Segment(at, len(list(run)), shared))
            at += together[-1].count
        chunks.append((first, tuple(together)))
    depth = problem.channels_in * parts
    groups = []
    for outer in product(*(_classes(axis) for axis in axes[:-1])):
        lines = problem.channels_out * prod(len(phases) for phases in outer)
        for first, segments in chunks:
            whole = RowGroup(outer, first, segments, lines, lines)
            best = min(
                range(1, min(lines, 4 * lanes if choice.channels_in_lanes else MOST_LINES) + 1),
                key=lambda n: (_group_cycles(choice.channels_in_lanes, lanes, _with(whole, n)), -n),
            )
            groups.append(_with(whole, best))
    counts = [axis.count for axis in axes]
    pitches = [axis.pitch for axis in axes]
    if choice.channels_in_lanes or choice.gathered:
        columns = prod(counts)
    elif choice.run_on:
        reach = sum((count - 1) * prod(pitches[a + 1 :]) for a, count in enumerate(counts)) + 1
        columns = ceil(reach / lanes)
    else:
        columns = prod(counts[:-1]) * ceil(counts[-1] / lanes)
    product_cycles = depth * sum(_group_cycles(choice.channels_in_lanes, lanes, group) for group in groups)
    if choice.channels_in_lanes:
        product_cycles *= ceil(problem.batch * columns / CHANNEL_ROWS)
    elif choice.gathered:
        product_cycles *= problem.batch * columns / (POSITION_VECTORS * lanes)
        vectors = problem.batch * prod(counts[:-1]) * (counts[-1] // lanes + 1)
        panels = {(group.outer, segment.reads): group.taps(segment) for group in groups for segment in group.segments}
        product_cycles += GATHER * vectors * depth * sum(panels.values())
    else:
        product_cycles *= DIRECT
        product_cycles *= problem.batch * columns / POSITION_VECTORS
    written = problem.batch * prod(counts) * sum(group.lines * group.streams for group in groups)
    if dense:
        runs = problem.batch * prod(counts[:-1]) * (counts[-1] // lanes + 1)
        writes = runs * sum(group.lines * (WRITE_RUN + WRITE_VECTOR * group.streams) for group in groups)
    else:
        writes = written * WRITE_ELEMENT
    copied = problem.batch * depth * prod(pitches) * prod(len(axis.parts) for axis in axes)
    copying = copied * (SCATTER if choice.channels_in_lanes else COPY)
    cycles = problem.groups * (product_cycles + writes + copying)
    return Cut(choice, axes, lanes, parts, streams, dense, tuple(groups), columns, cycles)


def _classes(axis: PhasedAxis) -> list[tuple[Phase, ...]]:
    """Phases of ``axis`` by what they read."""
    classes: dict[Reads, list[Phase]] = {}
    for one in axis.phases:
        classes.setdefault(one.reads, []).append(one)
    return [tuple(members) for members in classes.values()]


def _with(group: RowGroup, block_lines: int) -> RowGroup:
    return RowGroup(group.outer, group.first_stream, group.segments, group.lines, block_lines)


def _group_cycles(channels_in_lanes: bool, lanes: int, group: RowGroup) -> float:
    """Cycles per channel in and tile of columns that the rows of a group take."""
    blocks, rest = divmod(group.lines, group.block_lines)
    return sum(
        group.taps(segment)
        * (
            blocks * _panel_cycles(channels_in_lanes, lanes, segment.count * group.block_lines)
            + _panel_cycles(channels_in_lanes, lanes, segment.count * rest)
        )
        for segment in group.segments
    )


@lru_cache(maxsize=4096)
def _panel_cycles(channels_in_lanes: bool, lanes: int, rows: int) -> float:
    """The same of one step of depth of ``rows`` rows, cut into panels as the kernels cut them."""
    cycles = 0.0
    while rows > 0:
        height = panel_height(channels_in_lanes, lanes, rows)
        cycles += CHANNEL_CYCLES[height // lanes] if channels_in_lanes else POSITION_CYCLES[height]
        rows -= height
    return cycles
