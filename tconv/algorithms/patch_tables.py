"""The tables that the engine's kernels follow where columns are patches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from tconv.algorithms.cost import LIMITS
from tconv.algorithms.patches import Family, Group, PatchedAxis, Way, groups_of, row_chunks, way_of, ways
from tconv.algorithms.scheme import (
    UNITS_AT_ONCE,
    UNITS_PER_THREAD,
    Scheme,
    Tables,
    copy_axes,
    engine_axes,
    even,
    lines_of,
    order_of,
)
from tconv.geometry import PLANNED, Problem
from tconv.kernels.columns import Shape, panel_pitch
from tconv.kernels.rearrange import Order
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS, padded_rows
from tconv.kernels.transform import input_kind, output_kind
from tconv.kernels.windows import AT_ONCE
from tconv.kernels.winograd import Patches


class Patched(NamedTuple):
    """Axes in patches, how accurate they are, and the scheme made of them."""

    axes: tuple[PatchedAxis, ...]
    loss: float
    scheme: Scheme


@lru_cache(maxsize=PLANNED)
def best_way(problem: Problem) -> Way:
    """The quickest way to cut ``problem`` into patches that is accurate, else the quickest; there must be one.

    It is the same for every layout and number of threads, and so are the bits.
    """
    limit = LIMITS[problem.accuracy]
    chosen = min(ways(replace(problem, channels_last=False)), key=lambda way: (way.loss > limit, way.cut.time))
    return way_of(problem, chosen.axes) if problem.channels_last else chosen


@lru_cache(maxsize=PLANNED)
def patched(problem: Problem, threads: int) -> Patched:
    """The best way, and its scheme."""
    best = best_way(problem)
    return Patched(best.axes, best.loss, scheme_of(problem, best, threads))


class _Room(NamedTuple):
    """What a way takes of memory, in numbers."""

    tile_columns: int
    reads: int  # lines of inputs for the window of a patch
    staged_row: int
    staged: int  # of one channel
    row: int  # of the panel
    panel: int
    passing: int  # sizes on the way from axis to axis
    woven: int  # where outputs begin, after all sums
    woven_size: int
    weights: int  # of one group of channels


def _room(problem: Problem, way: Way) -> _Room:
    cut, (*outer, last) = way.cut, way.axes
    columns = problem.batch * cut.columns
    tile_columns = (1 if columns <= cut.lanes else POSITION_VECTORS) * cut.lanes
    reads = prod(len(axis.axis.parts) * axis.width for axis in outer) * len(last.axis.parts)
    staged_row = tile_columns + cut.lanes  # a whole vector may be written beyond the last column
    # An odd number of vectors apart: the rows of one channel, written together, lie in all sets of a cache.
    row = (problem.channels_in | 1) * tile_columns
    outputs = prod(axis.outputs for axis in way.axes) * last.stride
    woven = woven_size = weights = 0
    for group in groups_of(problem, way.axes):
        sums = _sums(group, last, group.block_lines) + POSITION_ROWS[0]
        woven = max(woven, ceil(sums * tile_columns / 64) * 64)
        woven_size = max(woven_size, outputs * group.block_lines * tile_columns)
        blocks, rest = divmod(group.lines, group.block_lines)
        whole, part = (_panel_rows(last, cut.lanes, lines) for lines in (group.block_lines, rest))
        weights += group.rows * (blocks * whole + part) * problem.channels_in
    return _Room(
        tile_columns=tile_columns,
        reads=reads,
        staged_row=staged_row,
        staged=panel_pitch(cut.lanes, staged_row, reads * last.width),
        row=row,
        panel=prod(axis.rows for axis in way.axes) * row,
        passing=max((prod(sizes) for sizes in _on_the_way(way.axes)), default=0) * tile_columns,
        woven=woven,
        woven_size=woven_size,
        weights=weights,
    )


def _sums(group: Group, last: PatchedAxis, lines: int, blocks: int = 1) -> int:
    """Rows of the sums of so many lines; see `_block_product`."""
    return group.rows * (last.streams * lines + blocks)


def _panel_rows(last: PatchedAxis, lanes: int, lines: int) -> int:
    """Rows of weights, for so many lines and each combination of the outer axes' rows."""
    return sum(padded_rows(0, lanes, family.phases * lines) * family.rows for family in last.families)


def scheme_of(problem: Problem, way: Way, threads: int, chunks: int | None = None) -> Scheme:
    """The scheme for ``way``, with rows in so many chunks; by default in as many as take the least time."""
    cut, room = way.cut, _room(problem, way)
    order = order_of(problem, cut)  # for inputs whose last axis is not contiguous
    count = way.axes[-1].axis.count
    most_runs = room.tile_columns if count == 1 else ceil(room.tile_columns / count) + 2
    return Scheme(
        cut=cut,
        dtype=problem.dtype,
        exact=problem.dtype == "object",
        transformed=True,
        packed_size=room.weights * problem.groups,
        sums_size=ceil((room.woven + room.woven_size) / 64) * 64,
        panel_size=ceil((room.panel + AT_ONCE * room.staged + 2 * room.passing) / 64) * 64,
        copy_size=order.batch * order.image,
        most_copies=room.reads * (most_runs + ceil(room.tile_columns / cut.lanes)),
        make=partial(_tables, problem, way, room, order, threads, chunks),
    )


def _tables(problem: Problem, way: Way, room: _Room, order: Order, threads: int, chunks: int | None) -> Tables:
    chunks = chunks or row_chunks(problem, way, threads)
    cut, axes = way.cut, way.axes
    *outer, last = axes
    tiles = ceil(problem.batch * cut.columns / room.tile_columns)
    parts = list(product(*(axis.axis.parts for axis in axes)))
    reads = [
        (*(offset for _, offset in places), last.first, parts.index((*(part for part, _ in places), last_part)))
        for places in product(*map(_places, outer))
        for last_part in last.axis.parts
    ]
    rows = _Rows(problem, axes, cut.lanes, room, chunks)
    chunks = min(chunks, len(rows.sections))
    units = problem.groups * tiles * chunks
    streams = np.zeros((max(len(cut.streams), rows.streams), 2), np.int64)  # packing looks for those of sums, too
    streams[: len(cut.streams)] = cut.streams
    patches = Patches(
        rows=prod(axis.rows for axis in axes),
        row=room.row,
        staging=room.panel,
        passing=room.panel + AT_ONCE * room.staged,
        passing_size=room.passing,
        streams=last.streams,
        stride=last.stride,
        woven=room.woven,
        axes=np.array([(axis.window, axis.rows) for axis in axes]),
        families=np.array([
            (a, input_kind(axis.outputs, family.size), family.read, family.row)
            for a, axis in enumerate(axes)
            for family in axis.families
        ]),
        outer=np.array(rows.outer, np.int64).reshape(len(rows.outer), len(outer), 3),
        last=np.array([
            (output_kind(last.outputs, family.size), *run) for family in last.families for run in _runs(family)
        ]),
    )  # fmt: skip
    shape = Shape(
        channels_in_lanes=0,
        lanes=cut.lanes,
        batch=problem.batch,
        groups=problem.groups,
        channels_in=problem.channels_in,
        channels_out=problem.channels_out,
        parts=1,
        columns=cut.columns,
        tiles=tiles,
        row_chunks=chunks,
        groups_at_once=1,
        units_at_once=max(1, min(UNITS_AT_ONCE, units // (UNITS_PER_THREAD * threads))),
        list_pitch=0,
        image=order.image,
        group=order.group,
        channel=order.channel,
        weights=room.weights,
        interleaved=0,
        spread=0,
        adjoining=0,
        y_batch=0,
        y_group=0,
        tile_columns=room.tile_columns,
        slice_columns=room.tile_columns,
        span=last.outputs,
        window=last.width,
        row=room.staged_row,
        apart=cut.lanes,
        line=last.axis.count,
        reach=0,
    )
    return Tables(
        shape=shape,
        patches=patches,
        order=order,
        copy_axes=copy_axes(problem, cut),
        copy_parts=np.array(parts),
        axes=engine_axes(cut, tuple(axis.outputs for axis in axes)),
        sections=np.array(rows.sections, np.int64),
        chunks=even(rows.work, chunks),
        blocks=np.array(rows.blocks, np.int64),
        segments=np.array(rows.segments, np.int64),
        lines=lines_of(len(rows.phases), problem.channels_out),
        phases=np.array(rows.phases, np.int64).reshape(len(rows.phases), len(outer)),
        streams=streams,
        offsets=np.arange(problem.channels_in) * room.tile_columns,
        reads=np.array(reads, np.int64),
        taps=np.array(rows.taps, np.int64),
        matrices=tuple(axis.weights(np.dtype(problem.dtype)) for axis in axes),
    )


def _places(axis: PatchedAxis) -> Iterator[tuple[int, int]]:
    """What the window of patch 0 holds: part, and offset in it."""
    return product(axis.axis.parts, range(axis.first, axis.first + axis.width))


def _on_the_way(axes: tuple[PatchedAxis, ...]) -> Iterator[list[int]]:
    """The sizes of one channel after each axis but the last was transformed."""
    for a in range(1, len(axes)):
        yield [axis.rows for axis in axes[:a]] + [axis.window for axis in axes[a:]]


def _runs(family: Family) -> Iterator[tuple[int, int, int, int]]:
    """Phases of a family whose residues follow on each other: first stream, step, first residue, how many."""
    first = 0
    for n in range(1, family.phases + 1):
        if n == family.phases or family.residues[n] != family.residues[n - 1] + 1:
            yield family.stream + first, family.phases, family.residues[first], n - first
            first = n


class _Rows:
    """The tables of the rows: sections, their blocks and segments, lines, and which transformed weights they hold."""

    def __init__(self, problem: Problem, axes: tuple[PatchedAxis, ...], lanes: int, room: _Room, chunks: int) -> None:
        self.sections: list[list[int]] = []
        self.work: list[int] = []  # of each section
        self.blocks: list[tuple[int, ...]] = []
        self.segments: list[tuple[int, ...]] = []
        self.phases: list[tuple[int, ...]] = []
        self.outer: list[list[tuple[int, ...]]] = []
        self.taps: list[tuple[int, ...]] = []
        self.streams = 0  # of sums, at most
        self._problem, self._axes, self._lanes, self._room = problem, axes, lanes, room
        self._weights = 0  # so far
        groups = groups_of(problem, axes)
        blocks = [range(0, group.lines, group.block_lines) for group in groups]
        of_groups = (
            _sums(group, axes[-1], group.lines, len(firsts)) for group, firsts in zip(groups, blocks, strict=True)
        )
        share = sum(of_groups) / chunks
        for number, (group, firsts) in enumerate(zip(groups, blocks, strict=True)):
            first_line, first_segment = len(self.phases) * problem.channels_out, len(self.segments)
            self._add_group(group)
            for first in firsts:
                lines = min(group.block_lines, group.lines - first)
                self._add_block(number, group, first_segment, first_line + first, lines, share)

    def _add_group(self, group: Group) -> None:
        """Its lines, for every position of a patch along the outer axes, and its segments: one for each row."""
        *outer, last = self._axes
        first_phase = len(self.phases)
        for shifts in product(*(range(axis.outputs) for axis in outer)):
            for residues in product(*(family.residues for family in group.families)):
                places = zip(outer, shifts, residues, strict=True)
                self.phases.append(tuple(axis.stride * shift + residue for axis, shift, residue in places))
        kinds = zip(outer, group.families, strict=True)
        self.outer.append([(output_kind(a.outputs, family.size), family.rows, a.outputs) for a, family in kinds])
        self.streams = max(self.streams, group.rows * last.streams)
        for number, chosen in enumerate(product(*(range(family.rows) for family in group.families))):
            above, above_streams = 0, []
            for axis, family, row in zip(outer, group.families, chosen, strict=True):
                above = above * axis.rows + family.row + row
                above_streams.append(family.streams_of(row))
            for family in last.families:
                for row in range(family.rows):
                    stream = number * last.streams + family.stream + row * family.phases
                    panel_row = above * last.rows + family.row + row
                    self.segments.append((
                        stream, family.phases, self._problem.channels_in, 0, panel_row * self._room.row, 0,
                        len(self.taps), first_phase,
                    ))  # fmt: skip
                    self.taps += product(*above_streams, family.streams_of(row))

    def _add_block(self, number: int, group: Group, first_segment: int, line: int, lines: int, share: float) -> None:
        last, room = self._axes[-1], self._room
        rows = _sums(group, last, lines)
        if sum(self.work) + rows / 2 > share * len(self.sections):  # more of it is the next section's
            panel = (0, room.reads * last.width, self._problem.channels_in)
            self.sections.append([len(self.blocks), 0, *panel, self._weights, 0, room.panel, AT_ONCE * room.staged])
            self.work.append(0)
        section = self.sections[-1]
        segments = len(self.segments) - first_segment
        self.blocks.append(
            (first_segment, segments, 0, last.outputs * last.stride, line, lines, section[6], 0, number, group.lines)
        )
        weights = group.rows * _panel_rows(last, self._lanes, lines)
        section[1] += 1
        section[6] += weights
        self._weights += weights * self._problem.channels_in
        self.work[-1] += rows
