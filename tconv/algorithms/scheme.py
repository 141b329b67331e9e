"""The tables that the engine's kernels follow, made from the cut that takes the least time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import product
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from tconv.algorithms.cut import (
    CHANNEL_COLUMNS,
    PANEL_VECTORS,
    Cut,
    RowGroup,
    Segment,
    cuts,
    gathered_rows,
    list_pitch,
)
from tconv.geometry import PLANNED, Problem
from tconv.kernels.columns import CHANNEL_WEIGHTS, READ_COUNT, Shape, panel_pitch
from tconv.kernels.rearrange import Order
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS, padded_rows
from tconv.kernels.winograd import Patches
from tconv.polyphase import Reads

UNITS_PER_THREAD = 5  # of 9 units, one of two threads would wait for a ninth of the time; more gather again
UNITS_AT_ONCE = 8
GROUPS_AT_ONCE = 8  # in one unit where groups are many: they share what is worked out for a tile
SECTION_ROWS = 1024  # whose sums over one slice, 192 KiB, wait in the second-level cache for the next panel
FEW_ROWS = 128  # for these, gathering counts: it goes better along lines, so a tile has several slices ...
SLICES = 4  # ... but no more than this, each with a panel of its own ...
TILES = 64  # ... and so many tiles are left


SINGLE = Patches(0, 0, 0, 0, 0, 0, 0, 0, *(np.zeros(shape, np.int64) for shape in ((1, 2), (0, 4), (1, 0, 3), (0, 5))))
"""Of columns that are single positions."""


class Tables(NamedTuple):
    """What kernels follow."""

    shape: Shape
    patches: Patches
    order: Order  # of a copy of the input
    copy_axes: np.ndarray
    copy_parts: np.ndarray
    axes: np.ndarray
    sections: np.ndarray
    chunks: np.ndarray
    blocks: np.ndarray
    segments: np.ndarray
    lines: np.ndarray  # channel, bias, outer phase
    phases: np.ndarray  # residues of the outer axes
    streams: np.ndarray
    offsets: np.ndarray
    reads: np.ndarray  # per axis an offset, then a part
    taps: np.ndarray
    matrices: tuple[np.ndarray, ...] = ()  # taps by rows, by which weights are transformed along each axis first


@dataclass(frozen=True, eq=False)
class Scheme:
    """A cut with its tables, which are made when it is run: most are only asked what they would take.

    Sizes count elements of ``dtype``, real where the problem is complex.
    """

    cut: Cut
    dtype: str
    exact: bool
    transformed: bool  # weights, before they are packed
    packed_size: int
    sums_size: int  # of one worker
    panel_size: int
    copy_size: int  # of a copy of the input
    most_copies: int
    make: Callable[[], Tables]

    @cached_property
    def tables(self) -> Tables:
        """The tables."""
        return self.make()


@lru_cache(maxsize=PLANNED)
def best_cut(problem: Problem) -> Cut | None:
    """The quickest, for any number of threads; None if there is nothing to multiply."""
    return min(cuts(problem), key=lambda cut: cut.time, default=None)


@lru_cache(maxsize=PLANNED)
def scheme(problem: Problem, threads: int) -> Scheme | None:
    """The quickest scheme for ``problem``, if there is any."""
    best = best_cut(problem)
    return None if best is None else scheme_of(problem, best, threads)


def scheme_of(problem: Problem, cut: Cut, threads: int) -> Scheme:
    """The scheme for ``cut``."""
    rows = _Rows(problem, cut, threads)
    order = order_of(problem, cut)
    last = cut.axes[-1].count
    tile_columns = rows.tile_columns
    most_runs = tile_columns if last == 1 else ceil(tile_columns / last) + 1 + tile_columns // rows.slice_columns
    if cut.choice.lines_apart:
        most_runs = tile_columns // cut.lanes
    most_vectors = most_runs * (1 + ceil(cut.reach / cut.lanes)) + ceil(tile_columns / cut.lanes)
    most_reads = max(section[READ_COUNT] for section in rows.sections)
    return Scheme(
        cut=cut,
        dtype=np.empty(0, problem.dtype).real.dtype.name,
        exact=problem.dtype == "object",
        transformed=False,
        packed_size=rows.weights * problem.groups,
        sums_size=ceil(rows.sums_size / 64) * 64,
        panel_size=ceil(rows.panel_size / 64) * 64,
        copy_size=order.batch * order.image,
        most_copies=most_reads * (list_pitch(tile_columns) if cut.choice.channels_in_lanes else most_vectors),
        make=partial(_tables, problem, cut, rows, order, threads),
    )


def _tables(problem: Problem, cut: Cut, rows: _Rows, order: Order, threads: int) -> Tables:
    row_chunks = min(rows.wanted_chunks, len(rows.sections))
    groups_at_once = max(1, min(GROUPS_AT_ONCE, problem.groups * rows.tiles // (UNITS_PER_THREAD * threads)))
    units = ceil(problem.groups / groups_at_once) * rows.tiles * row_chunks
    vectors = rows.slice_columns // cut.lanes
    shape = Shape(
        channels_in_lanes=int(cut.choice.channels_in_lanes),
        lanes=cut.lanes,
        batch=problem.batch,
        groups=problem.groups,
        channels_in=problem.channels_in * cut.parts,
        channels_out=problem.channels_out,
        parts=cut.parts,
        columns=cut.columns,
        tiles=rows.tiles,
        row_chunks=row_chunks,
        groups_at_once=groups_at_once,
        units_at_once=max(1, min(UNITS_AT_ONCE, units // (UNITS_PER_THREAD * threads))),
        list_pitch=list_pitch(rows.tile_columns),
        image=order.image,
        group=order.group,
        channel=order.channel,
        weights=rows.weights,
        interleaved=0,
        spread=0,
        adjoining=0,
        y_batch=0,
        y_group=0,
        tile_columns=rows.tile_columns,
        slice_columns=rows.slice_columns,
        span=cut.spans[-1],
        window=cut.window,
        row=rows.row,
        apart=rows.row // vectors if cut.choice.lines_apart else cut.lanes,
        line=cut.line,
        reach=cut.reach,
    )
    read = _Read(problem, cut, rows)
    return Tables(
        shape=shape,
        patches=SINGLE,
        order=order,
        copy_axes=copy_axes(problem, cut),
        copy_parts=np.array(cut.part_combinations),
        axes=engine_axes(cut, cut.spans),
        sections=np.array(rows.sections, np.int64),
        chunks=even(rows.work, row_chunks),
        blocks=np.array(rows.blocks, np.int64),
        segments=np.array(read.segments, np.int64),
        lines=lines_of(len(read.phases), problem.channels_out, cut.parts),
        phases=np.array(read.phases, np.int64).reshape(len(read.phases), -1),
        streams=np.array(cut.streams, np.int64),
        offsets=np.concatenate([*read.offsets, np.empty(0, np.int64)]),
        reads=np.array(read.reads, np.int64).reshape(-1, len(cut.axes) + 1),
        taps=np.array(read.taps, np.int64).reshape(-1, len(cut.axes)),
    )


def copy_axes(problem: Problem, cut: Cut) -> np.ndarray:
    """The table of axes for the copy of the input; its steps are known when there is an input."""
    axes = cut.axes
    sizes = [axis.size_in for axis in problem.axes]
    return np.array([sizes, list(cut.splits), list(cut.pitches), [0] * len(axes)])


def engine_axes(cut: Cut, spans: tuple[int, ...]) -> np.ndarray:
    """The table of axes, with as many inputs from a column to the next; steps are known when there are operands."""
    rows = [
        (
            axis.count,
            0,
            axis.stride,
            axis.stride * axis.first - axis.origin,
            axis.size_out,
            0,
            axis.first * span,
            pitch,
            span,
        )
        for axis, pitch, span in zip(cut.axes, cut.pitches, spans, strict=True)
    ]
    table: np.ndarray = np.array(rows).T
    return np.ascontiguousarray(table)


def lines_of(phases: int, channels: int, parts: int = 1) -> np.ndarray:
    """The table of lines: in each phase of the outer axes one of each channel."""
    phase, channel = np.divmod(np.arange(phases * channels), channels)
    return np.stack([channel, parts * channel, phase], axis=1)


def order_of(problem: Problem, cut: Cut) -> Order:
    """Where inputs lie in a copy."""
    channels = problem.channels_in * cut.parts
    subplane = prod(cut.pitches)
    plane = subplane * len(cut.part_combinations)
    side_by_side = cut.choice.channels_in_lanes
    return Order(
        lanes=cut.lanes,
        batch=problem.batch,
        groups=problem.groups,
        channels=problem.channels_in,
        parts=cut.parts,
        x_batch=0,
        x_group=0,
        x_channel=0,
        x_position=0,
        image=plane * channels * problem.groups,
        group=channels if side_by_side else plane * channels,
        channel=1 if side_by_side else plane,
        unit=problem.groups * channels if side_by_side else 1,
        plane=plane,
        subplane=subplane,
        turned=0,
    )


Panel = tuple[int, int, int]  # its first read, how many reads, and of how many channels at once


class _Rows:
    """The rows in blocks, and these in sections that read one panel each: what says how much memory they take."""

    def __init__(self, problem: Problem, cut: Cut, threads: int) -> None:
        columns = problem.batch * cut.columns
        self.tile_columns = self.slice_columns = cut.lanes * (1 if columns <= cut.lanes else POSITION_VECTORS)
        if cut.choice.channels_in_lanes:
            self.tile_columns = self.slice_columns = cut.lanes * ceil(min(CHANNEL_COLUMNS, columns) / cut.lanes)
        elif cut.rows <= FEW_ROWS:
            self.tile_columns *= max(1, min(SLICES, columns // self.slice_columns // TILES))
        self.tiles = ceil(columns / self.tile_columns)
        self.wanted_chunks = 1 if threads == 1 else ceil(UNITS_PER_THREAD * threads / (problem.groups * self.tiles))
        self.sections: list[tuple[int, ...]] = []
        self.work: list[int] = []  # of each section
        self.blocks: list[tuple[int, ...]] = []
        self.panels: dict[tuple[Reads, ...], Panel] = {}
        self.panel_of: list[Panel] = []  # of each group
        self.weights = 0  # of one group of channels
        self.sums_size = 0
        self.panel_size = 0
        self._cut = cut
        self._channels = problem.channels_in * cut.parts
        room = cut.lanes * ceil(cut.reach / cut.lanes)  # at the end of each vector, or of a row of the panel
        self.row = self.slice_columns + room * (self.slice_columns // cut.lanes if cut.choice.lines_apart else 1)
        if cut.window > 1 and not cut.choice.lines_apart:
            self.row += cut.lanes  # what is too much at the end of a row must not lie in one that was filled with it
        self._gathered = 0  # reads, for all panels
        self._section_rows = 0
        self._limit = ceil(cut.rows / self.wanted_chunks)
        shared = self._shared_reads()
        first_segment = first_line = 0
        for group in cut.groups:
            panel = self._panel(shared or (*(phases[0].reads for phases in group.outer), group.last_reads))
            self.panel_of.append(panel)
            for first, lines in group.blocks():
                self._add_block(group, panel, first_segment, first_line + first, lines)
            first_segment += len(group.segments)
            first_line += group.lines

    def _shared_reads(self) -> tuple[Reads, ...] | None:
        """Per axis what all phases read, if a panel of that takes less gathering than a panel for each group."""
        if self._cut.choice.channels_in_lanes:
            return None
        separate, together = gathered_rows(self._cut)
        if together >= separate / self.wanted_chunks:
            return None
        return tuple(axis.reads for axis in self._cut.axes)

    def _panel(self, reads: tuple[Reads, ...]) -> Panel:
        """Where among all reads a panel's begin, its rows for one channel, and how many channels it holds."""
        reads = self._cut.rows_of(reads)
        if reads not in self.panels:
            count = prod(map(len, reads))
            channels = self._channels
            if not self._cut.choice.channels_in_lanes:
                slices = self.tile_columns // self.slice_columns
                # As if all phases shared it: whether they do depends on the threads, the order of a sum must not.
                vectors = slices * self.row // self._cut.lanes * max(1, gathered_rows(self._cut)[1])
                channels = max(1, min(channels, PANEL_VECTORS // vectors))
                pitch = panel_pitch(self._cut.lanes, self.row, count)
                self.panel_size = max(self.panel_size, channels * pitch * slices)
            self.panels[reads] = self._gathered, count, channels
            *outer, last = reads
            self._gathered += prod(map(len, outer)) * sum(self._cut.begins(part) for _, part in last)
        return self.panels[reads]

    def _add_block(self, group: RowGroup, panel: Panel, first_segment: int, line: int, lines: int) -> None:
        rows = group.streams * lines
        resumed = panel[2] < self._channels  # then the sums of a section wait until all channels are in them
        limit = min(self._limit, SECTION_ROWS * self.slice_columns // self.tile_columns) if resumed else self._limit
        if not self.sections or self.sections[-1][2:5] != panel or self._section_rows + rows > limit:
            _, reads, channels = panel
            slice_ = channels * panel_pitch(self._cut.lanes, self.row, reads)
            self.sections.append((len(self.blocks), 0, *panel, self.weights, 0, slice_, slice_))
            self.work.append(0)
            self._section_rows = 0
        sums = self._section_rows * self.tile_columns if resumed else 0
        first, count, *_, base, before, slice_, _ = self.sections[-1]
        self.blocks.append(
            (first_segment, len(group.segments), group.first_stream, group.streams, line, lines, before, sums, 0, 0)
        )
        self._section_rows += rows
        in_lanes = self._cut.choice.channels_in_lanes
        for segment in group.segments:
            padded = padded_rows(int(in_lanes), self._cut.lanes, segment.count * lines)
            before += padded * group.taps(segment)
        self.work[-1] += before - self.sections[-1][CHANNEL_WEIGHTS] + rows  # to be summed, and to be written
        self.weights = base + before * self._channels
        self.sections[-1] = (first, count + 1, *panel, base, before, slice_, slice_)
        if in_lanes:
            padded = rows + 3 * self._cut.lanes  # sums by columns and one column more, then the same turned
            self.sums_size = max(self.sums_size, (2 * self.tile_columns + 1) * padded)
        else:
            self.sums_size = max(self.sums_size, sums + (rows + POSITION_ROWS[0]) * self.tile_columns)


class _Read:
    """What these rows read, and which taps they hold."""

    def __init__(self, problem: Problem, cut: Cut, rows: _Rows) -> None:
        self.segments: list[tuple[int, ...]] = []
        self.phases: list[tuple[int, ...]] = []
        self.offsets: list[np.ndarray] = []
        self.reads: list[tuple[int, ...]] = []
        self.taps: list[tuple[int, ...]] = []
        self._cut = cut
        self._row = rows.row
        self._channels = problem.channels_in * cut.parts
        self._last_taps = {
            phase.residue: {(tap.offset, tap.part): tap.index for tap in phase.taps} for phase in cut.axes[-1].phases
        }
        self._rows_of: dict[int, dict[tuple[tuple[int, int], ...], int]] = {}
        self._known: dict[tuple[Panel, tuple[Reads, ...]], int] = {}
        self._steps = 0  # how many offsets there are
        for reads, (first, *_) in rows.panels.items():
            self._add_reads(reads)
            self._rows_of[first] = {taps: row for row, taps in enumerate(product(*reads))}
        for group, panel in zip(cut.groups, rows.panel_of, strict=True):
            first_phase = len(self.phases)
            self.phases += [tuple(phase.residue for phase in combination) for combination in product(*group.outer)]
            for segment in group.segments:
                self._add_segment(group, segment, panel, first_phase)

    def _add_reads(self, reads: tuple[Reads, ...]) -> None:
        """Of a panel, those that are not read with the neighbour before."""
        parts = {part: number for number, part in enumerate(self._cut.part_combinations)}
        for taps in product(*reads):
            if self._cut.begins(taps[-1][1]):
                places = [
                    (offset, part) if span == 1 else (span * offset + part, 0)
                    for span, (offset, part) in zip(self._cut.spans, taps, strict=True)
                ]
                self.reads.append((*(at for at, _ in places), parts[tuple(part for _, part in places)]))

    def _add_segment(self, group: RowGroup, segment: Segment, panel: Panel, first_phase: int) -> None:
        first = group.first_stream + segment.first
        reads = (*(phases[0].reads for phases in group.outer), segment.reads)
        if (panel, reads) not in self._known:
            self._known[panel, reads] = self._steps
            self.offsets.append(self._offsets(panel, reads))
            self._steps += self.offsets[-1].size
        self.segments.append(
            (
                first,
                segment.count,
                group.taps(segment) * self._channels,
                self._known[panel, reads],
                0,
                int(segment.added),
                len(self.taps),
                first_phase,
            )
        )
        for combination in product(*group.outer):
            outer = [[tap.index for tap in phase.taps] for phase in combination]
            for residue, _ in self._cut.streams[first : first + segment.count]:
                if segment.reads:
                    taps = self._last_taps[residue]
                    self.taps.extend(product(*outer, [taps[read] for read in segment.reads]))

    def _offsets(self, panel: Panel, reads: tuple[Reads, ...]) -> np.ndarray:
        """Where in a panel each step of the depth reads; with channels in the lanes, which list each tap reads."""
        first, count, channels = panel
        rows_of = self._rows_of[first]
        if self._cut.choice.channels_in_lanes:
            return np.array([rows_of[taps] for taps in product(*reads)], np.int64)
        within = []
        for *outer, (offset, part) in product(*reads):
            row = self._cut.row_of(offset, part)
            place = (*outer, row)
            within.append(rows_of[place] * self._row + offset - row[0])
        pitch = panel_pitch(self._cut.lanes, self._row, count)
        offsets: np.ndarray = np.add.outer(np.arange(channels) * pitch, np.array(within, np.int64))
        return offsets.reshape(-1)


def even(work: list[int], chunks: int) -> np.ndarray:
    """Where to cut the sections so that chunks hold like amounts of work: a section goes where its middle lies."""
    done = np.cumsum(work)
    cuts = np.searchsorted(done - np.array(work) / 2, np.linspace(0, done[-1], chunks + 1)[1:-1])
    return np.array([0, *cuts, len(work)], np.int64)
