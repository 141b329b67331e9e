"""Cutting positions into patches, for Winograd's algorithm: what there is to choose, what it takes, and its tables.

Phases of stride 1 with ``r`` taps side by side make ``m`` neighbouring outputs from ``m + r - 1`` inputs, and with the
transforms of ``tconv.transforms`` that takes ``m + r - 1`` products instead of ``m * r``; on several axes, the product
of these numbers. For the engine a patch is a position of an axis with ``m`` times the stride, and ``m`` inputs lie
between neighbours. What is free is ``m`` for each axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import ceil, gcd, prod
from typing import NamedTuple

import numpy as np

from tconv.algorithms.cut import (
    FROM_PANEL,
    GATHER,
    START,
    WRITE_ELEMENT,
    WRITE_RUN,
    WRITE_VECTOR,
    Choice,
    Cut,
    lanes_of,
    panels,
)
from tconv.algorithms.scheme import UNITS_AT_ONCE, Scheme, engine_axes, even, halo_axes, halo_of
from tconv.geometry import Axis, Operator, Problem
from tconv.kernels.columns import Shape, panel_pitch
from tconv.kernels.interleave import STREAMS
from tconv.kernels.polyphase import padded_rows
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS
from tconv.kernels.transform import SHAPES, input_kind, output_kind
from tconv.kernels.vectors import AT_ONCE, VECTOR_BYTES, WINDOWS
from tconv.kernels.winograd import Patches
from tconv.polyphase import PhasedAxis, phase
from tconv.transforms import TRANSFORMS

SUMS_BYTES = 192 * 1024  # of one block of rows, in the second-level cache
ROW_CHUNKS = 8  # most
TRANSFORM = 2.0  # cycles for each vector that a transform reads or writes

_CHOICE = Choice(channels_in_lanes=False, aligned_outer=True, aligned_last=True, run_on=False, gathered=True)


@dataclass(frozen=True)
class Family:
    """Phases of one axis that read the same inputs."""

    residues: tuple[int, ...]
    taps: tuple[tuple[int, ...], ...]  # of each phase, in the order of what they read
    read: int  # where in the patch's window they begin
    row: int  # its first among the axis' rows
    rows: int
    stream: int  # its first among the axis' streams

    @property
    def phases(self) -> int:
        """How many."""
        return len(self.residues)


@dataclass(frozen=True)
class PatchedAxis:
    """One axis, its positions cut into patches."""

    outputs: int  # positions to a patch
    size_kernel: int
    stride: int  # of the phases
    axis: PhasedAxis  # with patches for positions
    window: int  # inputs that a patch reads
    first: int  # of these, for patch 0
    families: tuple[Family, ...]

    @property
    def rows(self) -> int:
        """Of the panel."""
        return sum(family.rows for family in self.families)

    @property
    def streams(self) -> int:
        """Of sums: rows times the phases that share them."""
        return sum(family.rows * family.phases for family in self.families)

    @property
    def taps(self) -> int:
        """The most that a phase has."""
        return max(len(family.taps[0]) for family in self.families)

    def weights(self, dtype: np.dtype) -> np.ndarray:
        """The matrix, taps by streams, that turns a kernel into the weights of products."""
        exact = dtype.hasobject
        matrix = np.zeros((self.size_kernel, self.streams), object)
        for family in self.families:
            rows, divisor = _filter(self.outputs, len(family.taps[0]))
            for f, row in enumerate(rows):
                for number, taps in enumerate(family.taps):
                    for tap, weight in zip(taps, row, strict=True):
                        value = Fraction(weight, divisor)
                        whole = exact and value.denominator == 1
                        matrix[tap, family.stream + f * family.phases + number] = int(value) if whole else value
        return matrix if exact else matrix.astype(dtype)


def _filter(outputs: int, taps: int) -> tuple[tuple[tuple[int, ...], ...], int]:
    """The transform of the weights, and what to divide by."""
    if (outputs, taps) == (1, 1):
        return ((1,),), 1
    transform = TRANSFORMS[outputs, taps]
    return transform.weights, transform.divisor


def patched(axis: Axis, operator: Operator, outputs: int) -> PatchedAxis | None:
    """``axis`` in patches of ``outputs`` positions; None where phases do not have the taps for it."""
    phased = phase(axis, operator)
    if phased.idle or phased.split > 1 or phased.count == 0:
        return None
    by_reads: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
    for one in phased.phases:
        offsets, taps = zip(*sorted((tap.offset, tap.index) for tap in one.taps), strict=True)
        if offsets != tuple(range(offsets[0], offsets[0] + len(offsets))) or (outputs, len(taps)) not in SHAPES:
            return None
        by_reads.setdefault(offsets, []).append((one.residue, taps))
    lowest = min(offsets[0] for offsets in by_reads)
    families: list[Family] = []
    row = stream = 0
    for offsets, members in by_reads.items():
        residues, all_taps = zip(*members, strict=True)
        rows = outputs + len(offsets) - 1
        families.append(Family(residues, all_taps, offsets[0] - lowest, row, rows, stream))
        row += rows
        stream += rows * len(members)
    window = max(family.read + family.rows for family in families)
    first = phased.first + lowest
    patches = PhasedAxis(
        stride=phased.stride * outputs,
        split=1,
        parts=(0,),
        length=axis.size_in,
        origin=phased.origin - phased.stride * phased.first,
        first=0,
        count=ceil(phased.count / outputs),
        low=0,
        high=0,
        phases=(),
        size_out=axis.size_out,
        complete=phased.complete,
        idle=(),
    )
    return PatchedAxis(outputs, axis.size_kernel, phased.stride, patches, window, first, tuple(families))


@dataclass(frozen=True)
class Group:
    """Lines of the phases of one family on each outer axis."""

    families: tuple[Family, ...]
    lines: int
    block_lines: int

    @property
    def rows(self) -> int:
        """Combinations of the families' rows."""
        return prod(family.rows for family in self.families)


def patchings(problem: Problem) -> Iterator[tuple[PatchedAxis, ...]]:
    """Every way to cut the axes of ``problem`` into patches, but the one that does not."""
    ways = []
    for axis in problem.axes:
        sizes = {outputs for outputs, _ in SHAPES}
        found = [one for one in (patched(axis, problem.operator, outputs) for outputs in sorted(sizes)) if one]
        ways.append([one for one in found if (one.outputs > 1) == (one.taps > 1)])
    for axes in product(*ways):
        if any(axis.outputs > 1 for axis in axes) and (axes[-1].outputs, axes[-1].window) in WINDOWS:
            yield axes


class Patched(NamedTuple):
    """Axes in patches, and the scheme made of them."""

    axes: tuple[PatchedAxis, ...]
    scheme: Scheme


@lru_cache(maxsize=512)
def patch(problem: Problem, threads: int) -> Patched:
    """The quickest way to cut ``problem`` into patches; there must be one."""
    best = min((_way(problem, axes) for axes in patchings(problem)), key=lambda way: way.cut.cycles)
    return Patched(best.axes, tabulate(problem, best, _row_chunks(problem, best, threads), threads))


@dataclass(frozen=True)
class Way:
    """One way to cut a problem, and which part of its cycles every chunk of rows would take again."""

    cut: Cut
    axes: tuple[PatchedAxis, ...]
    gathering: float


def _row_chunks(problem: Problem, way: Way, threads: int) -> int:
    """Chunks of rows with which threads are done first: more gather again, fewer leave one waiting for the last."""
    tiles = problem.groups * ceil(problem.batch * way.cut.columns / (POSITION_VECTORS * way.cut.lanes))

    def cycles(chunks: int) -> float:
        return (way.cut.cycles + way.gathering * (chunks - 1)) / (tiles * chunks) * ceil(tiles * chunks / threads)

    return min(range(1, ROW_CHUNKS + 1), key=cycles)


def groups_of(problem: Problem, axes: tuple[PatchedAxis, ...]) -> list[Group]:
    """The lines, by families of the outer axes, each with as many lines to a block as the cache holds."""
    *outer, last = axes
    found = []
    tile_bytes = POSITION_VECTORS * VECTOR_BYTES
    unit = POSITION_ROWS[0] // gcd(POSITION_ROWS[0], *(family.phases for family in last.families))
    for families in product(*(axis.families for axis in outer)):
        lines = problem.channels_out * prod(family.phases for family in families)
        sums = prod(family.rows for family in families) * last.streams + prod(a.outputs for a in axes) * last.stride
        most = max(unit, SUMS_BYTES // (tile_bytes * sums) // unit * unit)
        even_lines = ceil(lines / ceil(lines / most))
        found.append(Group(families, lines, min(lines, ceil(even_lines / unit) * unit)))
    return found


def _way(problem: Problem, axes: tuple[PatchedAxis, ...]) -> Way:
    last = axes[-1]
    streams = last.stride * last.outputs
    cut = Cut(
        choice=_CHOICE,
        axes=tuple(axis.axis for axis in axes),
        lanes=lanes_of(problem.dtype),
        parts=1,
        streams=tuple((residue, 0) for residue in range(streams)),
        dense=streams in STREAMS,
        groups=(),
        covers=all(axis.axis.complete for axis in axes),
        columns=prod(axis.axis.count for axis in axes),
        cycles=0.0,
    )
    gathering, rest = _cycles(problem, cut, axes)
    return Way(replace(cut, cycles=gathering + rest), axes, gathering)


def _cycles(problem: Problem, cut: Cut, axes: tuple[PatchedAxis, ...]) -> tuple[float, float]:
    """What the cut takes on one core: gathering and transforming inputs; products, transforming them, writing."""
    lanes, depth = cut.lanes, problem.channels_in
    columns = problem.batch * cut.columns
    counts = [axis.axis.count for axis in axes]
    runs = columns // counts[-1] * (counts[-1] // lanes + 1)
    full, rest = divmod(columns, POSITION_VECTORS * lanes)
    tiles = full + (0 if rest == 0 else FROM_PANEL[1] / FROM_PANEL[POSITION_ROWS[0]] if rest <= lanes else 1)
    vectors = ceil(columns / lanes)
    last = axes[-1]
    windows = [axis.window for axis in axes]
    moved, done = 0, 1
    for a, axis in enumerate(axes):
        moved += done * (axis.window + axis.rows) * prod(windows[a + 1 :])
        done *= axis.rows
    gathering = GATHER * runs * depth * prod(windows) + TRANSFORM * vectors * depth * moved
    product_cycles = writing = 0.0
    for group in groups_of(problem, axes):
        blocks, left = divmod(group.lines, group.block_lines)
        for family in last.families:
            for times, lines in ((blocks, group.block_lines), (1, left)):
                each, count = panels(False, True, lanes, family.phases * lines)
                product_cycles += times * group.rows * family.rows * (depth * each + START * count)
        moved, done = 0, group.rows * last.streams
        for family, axis in zip(group.families, axes[:-1], strict=True):
            after = done // family.rows * axis.outputs
            moved, done = moved + done + after, after
        positions = prod(axis.outputs for axis in axes)
        written = positions * last.stride
        moved += done + written
        writing += group.lines * (TRANSFORM * vectors * moved)
        if cut.dense:
            writing += group.lines * runs * (WRITE_RUN * positions / last.outputs + WRITE_VECTOR * written)
        else:
            writing += group.lines * columns * WRITE_ELEMENT * written
    return problem.groups * gathering, problem.groups * (tiles * product_cycles + writing)


def tabulate(problem: Problem, way: Way, chunks: int, threads: int) -> Scheme:
    """The tables, for rows in so many chunks."""
    cut, axes = way.cut, way.axes
    lanes, depth = cut.lanes, problem.channels_in
    *outer, last = axes
    columns = problem.batch * cut.columns
    tile_starts = 1 if columns <= lanes else POSITION_VECTORS
    tile_columns = tile_starts * lanes
    tiles = ceil(columns / tile_columns)
    halo, halo_size = halo_of(problem, cut)  # for inputs whose last axis is not contiguous
    windows = product(*(range(axis.first, axis.first + axis.window) for axis in outer))
    reads = [(*window, last.first, 0) for window in windows]
    panel_rows = prod(axis.rows for axis in axes)
    staged_row = tile_columns + lanes  # a whole vector may be written beyond the last column
    read_pitch = panel_pitch(lanes, staged_row, len(reads) * last.window)

    sections: list[list[int]] = []
    work: list[int] = []
    blocks, segments, lines, phases, taps = [], [], [], [], []
    outer_table = []
    weights = sums_size = woven = 0
    groups = groups_of(problem, axes)
    limit = ceil(sum(group.lines * group.rows for group in groups) * last.streams / chunks)
    section_rows = 0
    for number, group in enumerate(groups):
        first_line, first_phase, first_segment = len(lines), len(phases), len(segments)
        for shifts in product(*(range(axis.outputs) for axis in outer)):
            for residues in product(*(family.residues for family in group.families)):
                lines.extend((channel, channel, len(phases)) for channel in range(problem.channels_out))
                phases.append(tuple(a.stride * i + u for a, i, u in zip(outer, shifts, residues, strict=True)))
        outer_table.append([
            (output_kind(a.outputs, len(family.taps[0])), family.rows, a.outputs)
            for a, family in zip(outer, group.families, strict=True)
        ])  # fmt: skip
        combinations = list(product(*(range(family.rows) for family in group.families)))
        for combination, chosen in enumerate(combinations):
            above = 0
            for axis, family, row in zip(outer, group.families, chosen, strict=True):
                above = above * axis.rows + family.row + row
            for family in last.families:
                for row in range(family.rows):
                    segments.append(
                        (
                            combination * last.streams + family.stream + row * family.phases,
                            family.phases,
                            depth,
                            0,
                            (above * last.rows + family.row + row) * depth * tile_columns,
                            0,
                            len(taps),
                            first_phase,
                        )
                    )
                    members = [
                        [one.stream + f * one.phases + u for u in range(one.phases)]
                        for one, f in zip((*group.families, family), (*chosen, row), strict=True)
                    ]
                    taps.extend(product(*members))
        for first in range(0, group.lines, group.block_lines):
            count = min(group.block_lines, group.lines - first)
            rows = group.rows * (last.streams * count + 1)
            if not sections or section_rows + rows > limit:
                slice_, staged = panel_rows * depth * tile_columns, AT_ONCE * read_pitch
                sections.append([len(blocks), 0, 0, len(reads) * last.window, depth, weights, 0, slice_, staged])
                work.append(0)
                section_rows = 0
            section = sections[-1]
            blocks.append(
                (
                    first_segment,
                    len(segments) - first_segment,
                    0,
                    last.outputs * last.stride,
                    first_line + first,
                    count,
                    section[6],
                    0,
                    number,
                    group.lines,
                )
            )
            section[1] += 1
            section_rows += rows
            before = sum(padded_rows(0, lanes, family.phases * count) * family.rows for family in last.families)
            section[6] += group.rows * before
            weights += group.rows * before * depth
            work[-1] += group.rows * before
            woven = max(woven, ceil((rows + POSITION_ROWS[0]) * tile_columns / 64) * 64)
            sums_size = max(sums_size, prod(a.outputs for a in axes) * last.stride * count * tile_columns)

    # Before they are transformed there are more; packing looks at their part, which real numbers have one of.
    streams = np.zeros((max(len(cut.streams), max(group.rows for group in groups) * last.streams), 2), np.int64)
    streams[: len(cut.streams)] = cut.streams
    row_chunks = min(chunks, len(sections))
    units = problem.groups * tiles * row_chunks
    passing_size, done = 0, 1
    for a, axis in enumerate(axes[:-1]):
        done *= axis.rows
        passing_size = max(passing_size, done * prod(b.window for b in axes[a + 1 :]) * tile_columns)
    staging = panel_rows * depth * tile_columns
    passing = staging + AT_ONCE * read_pitch
    count = axes[-1].axis.count
    most_runs = tile_columns if count == 1 else ceil(tile_columns / count) + 2
    patches = Patches(
        rows=panel_rows,
        staging=staging,
        passing=passing,
        passing_size=passing_size,
        streams=last.streams,
        stride=last.stride,
        woven=woven,
        axes=np.array([(axis.window, axis.rows) for axis in axes]),
        families=np.array([
            (a, input_kind(axis.outputs, len(family.taps[0])), family.read, family.row)
            for a, axis in enumerate(axes)
            for family in axis.families
        ]),
        outer=np.array(outer_table, np.int64).reshape(len(groups), len(outer), 3),
        last=np.array([
            (output_kind(last.outputs, len(family.taps[0])), *run)
            for family in last.families
            for run in _runs(family)
        ]),
    )  # fmt: skip
    shape = Shape(
        channels_in_lanes=0,
        gathered=1,
        lanes=lanes,
        batch=problem.batch,
        groups=problem.groups,
        channels_in=depth,
        channels_out=problem.channels_out,
        parts=1,
        columns=cut.columns,
        line_columns=0,
        tiles=tiles,
        row_chunks=row_chunks,
        groups_at_once=1,
        units_at_once=max(1, min(UNITS_AT_ONCE, units // (8 * threads))),
        lead=0,
        image=halo.image,
        group=halo.group,
        channel=halo.channel,
        unit=halo.unit,
        weights=weights,
        interleaved=0,
        y_batch=0,
        y_group=0,
        tile_columns=tile_columns,
        tile_starts=tile_starts,
        slice_columns=tile_columns,
        span=last.outputs,
        window=last.window,
        row=staged_row,
    )
    return Scheme(
        cut=cut,
        dtype=problem.dtype,
        exact=problem.dtype == "object",
        halo_size=halo_size,
        packed_size=weights * problem.groups,
        sums_size=ceil((woven + sums_size) / 64) * 64,
        panel_size=ceil((passing + 2 * passing_size) / 64) * 64,
        most_copies=len(reads) * (most_runs + ceil(tile_columns / lanes)),
        shape=shape,
        patches=patches,
        halo=halo,
        halo_axes=halo_axes(problem, cut),
        halo_parts=np.array([(0,) * len(axes)]),
        axes=engine_axes(cut, tuple(axis.outputs for axis in axes)),
        sections=np.array(sections, np.int64),
        chunks=even(work, row_chunks),
        blocks=np.array(blocks, np.int64),
        segments=np.array(segments, np.int64),
        lines=np.array(lines, np.int64),
        phases=np.array(phases, np.int64).reshape(len(phases), -1),
        streams=streams,
        offsets=np.arange(depth) * tile_columns,
        reads=np.array(reads, np.int64).reshape(-1, len(axes) + 1),
        taps=np.array(taps, np.int64).reshape(-1, len(axes)),
    )


def _runs(family: Family) -> Iterator[tuple[int, int, int, int]]:
    """Phases of a family whose residues follow on each other: first stream, step, first residue, how many."""
    first = 0
    for n in range(1, family.phases + 1):
        if n == family.phases or family.residues[n] != family.residues[n - 1] + 1:
            yield family.stream + first, family.phases, family.residues[first], n - first
            first = n
