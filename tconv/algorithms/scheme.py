"""The tables that the engine's kernels follow, made from the cut that takes the fewest cycles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, prod

import numpy as np

from tconv.algorithms.cut import Cut, Reads, RowGroup, Segment, cuts
from tconv.geometry import Problem
from tconv.kernels.halo import Halo
from tconv.kernels.polyphase import PANEL_DEPTH, Shape, padded_rows
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS

UNITS_PER_THREAD = 4
CHANNEL_COLUMNS = 48  # positions to one tile with channels in the lanes
SECTION_ROWS = 256  # whose sums over one tile, 48 KiB, stay in the second-level cache until the depth is done
SHALLOW_ROWS = 48  # the same for the first-level cache, where the depth needs no second panel


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
    panel_size: int
    shape: Shape
    halo: Halo
    halo_axes: np.ndarray
    halo_parts: np.ndarray
    axes: np.ndarray
    sections: np.ndarray
    chunks: np.ndarray
    blocks: np.ndarray
    segments: np.ndarray
    lines: np.ndarray
    streams: np.ndarray
    offsets: np.ndarray
    ladder: np.ndarray
    taps: np.ndarray


@lru_cache(maxsize=512)
def scheme(problem: Problem, threads: int) -> Scheme | None:
    """The quickest scheme for ``problem``; None if no output holds more than its bias."""
    best = min(cuts(problem), key=lambda cut: cut.cycles, default=None)
    return None if best is None else tabulate(problem, best, threads)


def tabulate(problem: Problem, cut: Cut, threads: int) -> Scheme:
    """The tables of ``cut``."""
    axes = cut.axes
    halo, halo_size = _halo(problem, cut)
    part_combinations = list(product(*(axis.parts for axis in axes)))
    if cut.choice.channels_in_lanes:
        tile_columns = tile_starts = CHANNEL_COLUMNS
        tiles = ceil(problem.batch * cut.columns / CHANNEL_COLUMNS)
    else:
        tile_columns, tile_starts = POSITION_VECTORS * cut.lanes, POSITION_VECTORS
        tiles = ceil(problem.batch * cut.columns / (tile_columns if cut.choice.gathered else POSITION_VECTORS))
    wanted = 1 if threads == 1 else ceil(UNITS_PER_THREAD * threads / (problem.groups * tiles))
    rows = _Rows(problem, cut, halo, part_combinations, tile_columns, wanted)
    row_chunks = min(wanted, len(rows.sections))

    shape = Shape(
        channels_in_lanes=int(cut.choice.channels_in_lanes),
        gathered=int(cut.choice.gathered),
        lanes=cut.lanes,
        batch=problem.batch,
        groups=problem.groups,
        channels_out=problem.channels_out,
        parts=cut.parts,
        columns=cut.columns,
        line_columns=0 if cut.choice.run_on else ceil(axes[-1].count / cut.lanes),
        tiles=tiles,
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
    )
    zeros = [0] * len(axes)
    return Scheme(
        cut=cut,
        dtype=np.empty(0, problem.dtype).real.dtype.name,
        exact=problem.dtype == "object",
        covers=all(
            axis.complete and (len(axis.phases) == axis.stride or (cut.dense and axis is axes[-1])) for axis in axes
        ),
        halo_size=halo_size,
        packed_size=rows.weights * problem.groups,
        sums_size=ceil(rows.sums_size / 64) * 64,
        panel_size=ceil((PANEL_DEPTH * tile_columns if cut.choice.gathered else 0) / 64 + 1) * 64,
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
        sections=np.array(rows.sections, np.int64),
        chunks=_even(rows.work, row_chunks),
        blocks=np.array(rows.blocks, np.int64),
        segments=np.array(rows.segments, np.int64),
        lines=np.array(rows.lines, np.int64),
        streams=np.array(cut.streams, np.int64),
        offsets=np.concatenate([*rows.offsets, np.empty(0, np.int64)]),
        ladder=np.arange(PANEL_DEPTH) * tile_columns,
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
        strides = {
            "image": plane * channels * problem.groups,
            "group": plane * channels,
            "channel": plane,
            "unit": 1,
        }
        slack = (POSITION_VECTORS + 1) * cut.lanes
    halo = Halo(
        lanes=cut.lanes,
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
    """The tables of the rows: sections, their blocks and segments, what these read, and which taps they hold."""

    def __init__(
        self,
        problem: Problem,
        cut: Cut,
        halo: Halo,
        parts: list[tuple[int, ...]],
        tile_columns: int,
        chunks: int,
    ) -> None:
        self.sections: list[tuple[int, ...]] = []
        self.work: list[int] = []  # of each section
        self.blocks: list[tuple[int, ...]] = []
        self.segments: list[tuple[int, ...]] = []
        self.lines: list[tuple[int, ...]] = []
        self.offsets: list[np.ndarray] = []
        self._reads = 0  # how many offsets there are
        self.taps: list[tuple[int, ...]] = []
        self.weights = 0  # of one group of channels
        self.sums_size = 0
        self._cut = cut
        self._halo = halo
        self._part_number = {part: number for number, part in enumerate(parts)}
        self._known: dict[tuple[int, Reads], int] = {}
        self._panels: dict[tuple[tuple[Reads, ...], tuple[Reads, ...]], tuple[int, int]] = {}
        channels = problem.channels_in * cut.parts
        in_lanes = cut.choice.channels_in_lanes
        most = min(SECTION_ROWS, ceil(sum(group.lines * group.streams for group in cut.groups) / chunks))
        for group in cut.groups:
            first_phase = len(self.lines)
            first_segment = len(self.segments)
            for combination in product(*group.outer):
                self.lines.append((*(phase.residue for phase in combination), 0))
            panel = self._panel(group, channels)
            for segment in group.segments:
                self._add_segment(group, segment, panel[0], first_phase, channels)
            limit = most if panel[1] > PANEL_DEPTH and cut.choice.gathered else min(most, SHALLOW_ROWS)
            section_rows = limit
            for first, lines in group.blocks():
                rows = group.streams * lines
                if section_rows + rows > limit:
                    self.sections.append((len(self.blocks), 0, *panel))
                    self.work.append(0)
                    section_rows = 0
                to = section_rows * tile_columns
                self.blocks.append(
                    (
                        first_segment,
                        len(group.segments),
                        group.first_stream,
                        group.streams,
                        first_phase * problem.channels_out + first,
                        lines,
                        self.weights,
                        to,
                    )
                )
                block, count, *_ = self.sections[-1]
                self.sections[-1] = (block, count + 1, *panel)
                section_rows += rows
                for segment in group.segments:
                    padded = padded_rows(int(in_lanes), cut.lanes, segment.count * lines)
                    self.weights += padded * group.taps(segment) * channels
                    self.work[-1] += padded * group.taps(segment)
                if in_lanes:
                    self.sums_size = max(self.sums_size, (tile_columns + 1) * (rows + 3 * cut.lanes))
                else:
                    self.sums_size = max(self.sums_size, to + (rows + POSITION_ROWS[0]) * tile_columns)

    def _panel(self, group: RowGroup, channels: int) -> tuple[int, int]:
        """Where the offsets of all that ``group`` reads begin, and how many there are."""
        outer = tuple(phases[0].reads for phases in group.outer)
        last = tuple(dict.fromkeys(segment.reads for segment in group.segments if segment.reads))
        if (outer, last) not in self._panels:
            first = self._reads
            for reads in last:
                self._known[first, reads] = self._reads
                self._add_offsets((*outer, reads), channels)
            self._panels[outer, last] = first, self._reads - first
        return self._panels[outer, last]

    def _add_segment(self, group: RowGroup, segment: Segment, panel: int, first_phase: int, channels: int) -> None:
        first = group.first_stream + segment.first
        self.segments.append(
            (
                first,
                segment.count,
                group.taps(segment) * channels,
                self._known.get((panel, segment.reads), panel),
                len(self.taps),
                first_phase,
            )
        )
        last = {phase.residue: phase for phase in self._cut.axes[-1].phases}
        for combination in product(*group.outer):
            for residue, _ in self._cut.streams[first : first + segment.count]:
                if segment.reads:
                    phases = (*combination, last[residue])
                    self.taps.extend(product(*([tap.index for tap in phase.taps] for phase in phases)))

    def _add_offsets(self, reads: tuple[Reads, ...], channels: int) -> None:
        """What to add to the place of a position, for each step of the depth."""
        halo, axes, steps = self._halo, self._cut.axes, self._cut.steps
        places = [
            self._part_number[tuple(part for _, part in taps)] * halo.subplane
            + sum((axis.first + offset) * step for axis, (offset, _), step in zip(axes, taps, steps, strict=True))
            for taps in product(*reads)
        ]
        channel = np.arange(channels) * halo.channel
        if self._cut.choice.channels_in_lanes:
            self.offsets.append(np.add.outer(np.array(places) * halo.unit, channel).reshape(-1))
        else:
            self.offsets.append(np.add.outer(channel, np.array(places)).reshape(-1))
        self._reads += len(places) * channels


def _even(work: list[int], chunks: int) -> np.ndarray:
    """Where to cut the sections so that chunks hold like amounts of work."""
    done = np.concatenate(([0], np.cumsum(work)))
    return np.searchsorted(done, np.linspace(0, done[-1], chunks + 1) * (1 - 1e-12)).astype(np.int64)
