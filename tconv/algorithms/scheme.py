"""The tables that the engine's kernels follow, made from the cut that takes the fewest cycles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, prod

import numpy as np

from tconv.algorithms.cut import Cut, RowGroup, Segment, cuts, panels
from tconv.geometry import Problem
from tconv.kernels.halo import Halo
from tconv.kernels.polyphase import Shape
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS

CACHE = 512 * 1024  # bytes of a core's second-level cache for the inputs of one chunk of tiles: under half of it
MOST_TILES = 64  # to a chunk
UNITS_PER_THREAD = 4
CHANNEL_COLUMNS = 48  # positions to one tile with channels in the lanes


@dataclass(frozen=True, eq=False)
class Scheme:
    """A cut with its tables. Sizes count elements of ``dtype``, real where the problem is complex."""

    cut: Cut
    dtype: str
    exact: bool
    covers: bool  # every output is written; else those outside hold bias and must be filled before
    halo_size: int
    packed_size: int
    sums_size: int  # of one worker
    tiles_per_chunk: int
    shape: Shape
    halo: Halo
    halo_axes: np.ndarray
    halo_parts: np.ndarray
    axes: np.ndarray
    blocks: np.ndarray
    chunks: np.ndarray
    segments: np.ndarray
    lines: np.ndarray
    streams: np.ndarray
    offsets: np.ndarray
    taps: np.ndarray


@lru_cache(maxsize=512)
def scheme(problem: Problem, threads: int) -> Scheme | None:
    """The quickest scheme for ``problem``; None if no output holds more than its bias."""
    best = min(cuts(problem), key=lambda cut: cut.cycles, default=None)
    return None if best is None else tabulate(problem, best, threads)


def tabulate(problem: Problem, cut: Cut, threads: int) -> Scheme:
    """The tables of ``cut``."""
    axes = cut.axes
    channels = problem.channels_in * cut.parts
    halo, halo_size = _halo(problem, cut)
    part_combinations = list(product(*(axis.parts for axis in axes)))
    rows = _Rows(problem, cut, halo, part_combinations)

    if cut.choice.channels_in_lanes:
        tile_columns = tile_starts = tile_runs = CHANNEL_COLUMNS
        tiles = ceil(problem.batch * cut.columns / CHANNEL_COLUMNS)
        widest = max(group.streams * group.block_lines for group in cut.groups)
        sums_size = (CHANNEL_COLUMNS + 1) * (widest // cut.lanes + 2) * cut.lanes
    else:
        tile_columns = tile_runs = POSITION_VECTORS * cut.lanes
        tile_starts = POSITION_VECTORS
        tiles = ceil(problem.batch * cut.columns / POSITION_VECTORS)
        tallest = max(group.streams * group.block_lines for group in cut.groups)
        sums_size = (tallest + POSITION_ROWS[0] + 1) * tile_columns
    itemsize = 8 if problem.dtype == "object" else np.empty(0, problem.dtype).real.itemsize
    tiles_that_fit = max(1, min(MOST_TILES, CACHE // (2 * channels * tile_columns * itemsize)))
    column_chunks, row_chunks = _chunks(
        tiles, tiles_that_fit, problem.groups, len(rows.blocks), threads
    )

    shape = Shape(
        channels_in_lanes=int(cut.choice.channels_in_lanes),
        lanes=cut.lanes,
        batch=problem.batch,
        groups=problem.groups,
        channels_out=problem.channels_out,
        parts=cut.parts,
        columns=cut.columns,
        line_columns=0 if cut.choice.run_on else ceil(axes[-1].count / cut.lanes),
        tiles=tiles,
        column_chunks=column_chunks,
        row_chunks=row_chunks,
        lead=halo.lead * halo.unit,
        image=halo.image,
        group=halo.group,
        unit=halo.unit,
        weights=rows.weights,
        interleaved=0,
        y_batch=0,
        y_group=0,
        y_channel=0,
        tile_columns=tile_columns,
        tile_starts=tile_starts,
        tile_runs=tile_runs,
    )
    zeros = [0] * len(axes)
    return Scheme(
        cut=cut,
        dtype=np.empty(0, problem.dtype).real.dtype.name,
        exact=problem.dtype == "object",
        covers=all(
            axis.complete and (len(axis.phases) == axis.stride or (cut.dense and axis is axes[-1]))
            for axis in axes
        ),
        halo_size=halo_size,
        packed_size=rows.weights * problem.groups,
        sums_size=sums_size,
        tiles_per_chunk=ceil(tiles / column_chunks),
        shape=shape,
        halo=halo,
        halo_axes=np.array(
            [[axis.size_in for axis in problem.axes], [a.split for a in axes], [a.pitch for a in axes], zeros]
        ),
        halo_parts=np.array(part_combinations),
        axes=np.array(
            [
                [axis.count for axis in axes],
                cut.steps,
                [axis.stride for axis in axes],
                [axis.stride * axis.first - axis.origin for axis in axes],
                [axis.size_out for axis in axes],
                zeros,
            ]
        ),
        blocks=np.array(rows.blocks, np.int64),
        chunks=_even(rows.work, row_chunks),
        segments=np.array(rows.segments, np.int64),
        lines=np.array(rows.lines, np.int64),
        streams=np.array(cut.streams, np.int64),
        offsets=np.array(rows.offsets, np.int64),
        taps=np.array(rows.taps, np.int64).reshape(-1, len(axes)),
    )


def _halo(problem: Problem, cut: Cut) -> tuple[Halo, int]:
    """Where inputs lie in the buffer, and its size."""
    channels = problem.channels_in * cut.parts
    subplane = prod(axis.pitch for axis in cut.axes)
    plane = subplane * prod(len(axis.parts) for axis in cut.axes)
    lead = sum(axis.low * step for axis, step in zip(cut.axes, cut.steps, strict=True))
    if cut.choice.channels_in_lanes:
        unit = problem.groups * channels
        strides = {"image": plane * unit, "group": channels, "channel": 1, "unit": unit}
        slack = 0
    else:
        # An odd number of cache lines, or all channels would compete for a few sets of the first-level cache.
        plane = cut.lanes * (ceil(plane / cut.lanes) | 1)
        lead = cut.lanes * ceil(lead / cut.lanes)
        strides = {"image": plane * channels * problem.groups, "group": plane * channels, "channel": plane, "unit": 1}
        slack = (POSITION_VECTORS + 1) * cut.lanes
    halo = Halo(
        batch=problem.batch,
        groups=problem.groups,
        channels=problem.channels_in,
        parts=cut.parts,
        x_batch=0,
        x_group=0,
        x_channel=0,
        lead=lead,
        plane=plane,
        subplane=subplane,
        **strides,
    )
    return halo, lead * halo.unit + problem.batch * halo.image + slack


class _Rows:
    """The tables of the rows: blocks, their segments, what these read, and which taps they hold."""

    def __init__(self, problem: Problem, cut: Cut, halo: Halo, parts: list[tuple[int, ...]]) -> None:
        self.blocks: list[tuple[int, ...]] = []
        self.work: list[float] = []  # of each block
        self.segments: list[tuple[int, ...]] = []
        self.lines: list[tuple[int, ...]] = []
        self.offsets: list[int] = []
        self.taps: list[tuple[int, ...]] = []
        self.weights = 0  # of one group of channels
        self._cut = cut
        self._halo = halo
        self._part_number = {part: number for number, part in enumerate(parts)}
        self._known: dict[tuple[tuple[tuple[int, int], ...], ...], int] = {}
        channels = problem.channels_in * cut.parts
        for group in cut.groups:
            first_phase = len(self.lines)
            first_segment = len(self.segments)
            for combination in product(*group.outer):
                self.lines.append((*(phase.residue for phase in combination), 0))
            for segment in group.segments:
                self._add_segment(group, segment, first_phase, channels)
            for first, lines in group.blocks():
                self.blocks.append(
                    (
                        first_segment,
                        len(group.segments),
                        group.first_stream,
                        group.streams,
                        first_phase * problem.channels_out + first,
                        lines,
                        self.weights,
                    )
                )
                work = sum(
                    sum(panels(cut.choice.channels_in_lanes, cut.lanes, segment.count * lines))
                    * channels
                    * group.taps(segment)
                    for segment in group.segments
                )
                self.weights += work
                self.work.append(work)

    def _add_segment(self, group: RowGroup, segment: Segment, first_phase: int, channels: int) -> None:
        reads = (*(phases[0].reads for phases in group.outer), segment.reads)
        if reads not in self._known:
            self._known[reads] = len(self.offsets)
            self._add_offsets(reads, channels)
        self.segments.append(
            (
                group.first_stream + segment.first,
                segment.count,
                group.taps(segment) * channels,
                self._known[reads],
                len(self.taps),
                first_phase,
            )
        )
        last = {phase.residue: phase for phase in self._cut.axes[-1].phases}
        first = group.first_stream + segment.first
        for combination in product(*group.outer):
            for residue, _ in self._cut.streams[first : first + segment.count]:
                if segment.reads:
                    phases = (*combination, last[residue])
                    self.taps.extend(product(*([tap.index for tap in phase.taps] for phase in phases)))

    def _add_offsets(self, reads: tuple[tuple[tuple[int, int], ...], ...], channels: int) -> None:
        """What to add to the place of a position, for each step of the depth."""
        halo, axes, steps = self._halo, self._cut.axes, self._cut.steps
        places = [
            self._part_number[tuple(part for _, part in taps)] * halo.subplane
            + sum((axis.first + offset) * step for axis, (offset, _), step in zip(axes, taps, steps, strict=True))
            for taps in product(*reads)
        ]
        if self._cut.choice.channels_in_lanes:
            self.offsets.extend(place * halo.unit + c for place in places for c in range(channels))
        else:
            self.offsets.extend(c * halo.channel + place for c in range(channels) for place in places)


def _chunks(tiles: int, tiles_that_fit: int, groups: int, blocks: int, threads: int) -> tuple[int, int]:
    """Into how many chunks to cut columns and rows: inputs fit the cache, and there are units for all threads."""
    columns = ceil(tiles / tiles_that_fit)
    if threads == 1:
        return columns, 1
    units = UNITS_PER_THREAD * threads
    if groups * columns < units:
        rows = min(blocks, ceil(units / (groups * columns)))
        if groups * columns * rows < units:
            columns = min(tiles, ceil(units / (groups * rows)))
        return columns, rows
    return (min(tiles, threads * ceil(columns / threads)) if groups == 1 else columns), 1


def _even(work: list[float], chunks: int) -> np.ndarray:
    """Where to cut the blocks so that chunks hold like amounts of work."""
    done = np.concatenate(([0], np.cumsum(work)))
    return np.searchsorted(done, np.linspace(0, done[-1], chunks + 1) * (1 - 1e-12)).astype(np.int64)
