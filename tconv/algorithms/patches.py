"""Cutting positions into patches, for Winograd's algorithm: what there is to choose, what it takes, and its tables.

Phases of stride 1 with ``r`` taps side by side make ``m`` neighbouring outputs from ``m + r - 1`` inputs, and with the
transforms of ``tconv.transforms`` that takes ``m + r - 1`` products instead of ``m * r``; on several axes, the product
of these numbers. For the engine a patch is a position of an axis with ``m`` times the stride, and ``m`` inputs lie
between neighbours. What is free is ``m`` for each axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import product
from math import ceil, gcd, prod
from operator import truediv
from typing import Any

import numpy as np

from tconv.algorithms.cut import (
    NEAR,
    Choice,
    Cut,
    copying_element,
    lanes_of,
    lines_at_once,
    moving,
    panels_of_blocks,
    reading,
    spreading,
    tiles_of,
    weaving,
)
from tconv.algorithms.rates import RATES
from tconv.geometry import PLANNED, Axis, Operator, Problem
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS
from tconv.kernels.transform import SHAPES
from tconv.kernels.vectors import VECTOR_BYTES
from tconv.kernels.windows import WINDOWS
from tconv.polyphase import PhasedAxis, phase
from tconv.transforms import TRANSFORMS

# Of the sums of one block of rows, in the second-level cache. Each block reads the whole panel: where that does not
# fit in there, too, blocks are better large and few, but enough for threads to share them.
SUMS_BYTES, LARGE_SUMS_BYTES = 192 * 1024, 512 * 1024
FEW_BLOCKS = 4
ROW_CHUNKS = 8  # most
MOST_TAPS = max(taps for _, taps in SHAPES)
MOST_PARTS = 16  # of the inputs, into which dilations sort them: each has weights and sums of its own

# Part and offsets that are read, and the residues and taps of the phases that read them.
_ByReads = dict[tuple[int, tuple[int, ...]], list[tuple[int, tuple[int, ...]]]]

_CHOICE = Choice(channels_in_lanes=False, aligned_outer=True, aligned_last=True, rows_shared=False)


@dataclass(frozen=True)
class Family:
    """Phases of one axis that read the same inputs."""

    residues: tuple[int, ...]
    taps: tuple[tuple[int, ...], ...]  # of each phase, in the order of what they read
    read: int  # where in the patch's window what they read begins
    row: int  # its first among the axis' rows
    rows: int
    stream: int  # its first among the axis' streams

    @cached_property
    def phases(self) -> int:
        """How many."""
        return len(self.residues)

    @cached_property
    def size(self) -> int:
        """Taps of each phase."""
        return len(self.taps[0])

    def streams_of(self, row: int) -> range:
        """The streams of one of its rows."""
        return range(self.stream + row * self.phases, self.stream + (row + 1) * self.phases)


@dataclass(frozen=True)
class PatchedAxis:
    """One axis, its positions cut into patches."""

    outputs: int  # positions to a patch
    size_kernel: int
    stride: int  # of the phases
    axis: PhasedAxis  # with patches for positions
    width: int  # neighbouring inputs that a patch reads, of each part
    first: int  # of these, for patch 0
    families: tuple[Family, ...]

    @cached_property
    def window(self) -> int:
        """Inputs that a patch reads, part after part."""
        return self.width * len(self.axis.parts)

    @cached_property
    def rows(self) -> int:
        """Of the panel."""
        return sum(family.rows for family in self.families)

    @cached_property
    def streams(self) -> int:
        """Of sums: rows times the phases that share them."""
        return sum(family.rows * family.phases for family in self.families)

    @cached_property
    def taps(self) -> int:
        """The most that a phase has."""
        return max(family.size for family in self.families)

    @property
    def halving(self) -> bool:
        """Whether its transforms divide by powers of two at most, so that small whole numbers give exact results."""
        return all(_filter(self.outputs, family.size)[1].bit_count() == 1 for family in self.families)

    def weights(self, dtype: np.dtype) -> np.ndarray:
        """The matrix, taps by streams, that turns a kernel into the weights of products."""
        divide: Callable[[int, int], Any] = _exactly if dtype.hasobject else truediv
        matrix = np.zeros((self.size_kernel, self.streams), dtype)
        for family in self.families:
            rows, divisor = _filter(self.outputs, family.size)
            for f, row in enumerate(rows):
                for number, taps in enumerate(family.taps):
                    for tap, weight in zip(taps, row, strict=True):
                        matrix[tap, family.streams_of(f)[number]] = divide(weight, divisor)
        return matrix


def _exactly(weight: int, divisor: int) -> int | Fraction:
    """What that makes, an integer if it is one."""
    return Fraction(weight, divisor) if weight % divisor else weight // divisor


def _filter(outputs: int, taps: int) -> tuple[tuple[tuple[int, ...], ...], int]:
    """The transform of the weights, and what to divide by."""
    if (outputs, taps) == (1, 1):
        return ((1,),), 1
    transform = TRANSFORMS[outputs, taps]
    return transform.weights, transform.divisor


@lru_cache(maxsize=PLANNED)
def _by_reads(axis: Axis, operator: Operator) -> tuple[PhasedAxis, _ByReads] | None:
    """The phases of ``axis`` by what they read; None where that does not lie side by side, or there are too many."""
    if axis.dilation // gcd(axis.stride, axis.dilation) > MOST_PARTS:
        return None
    phased = phase(axis, operator, side_by_side=True)
    if phased.idle_count or phased.count == 0:
        return None
    by_reads: _ByReads = {}
    for one in phased.phases:
        if len(one.taps) > MOST_TAPS:
            return None
        offsets, taps = zip(*sorted((tap.offset, tap.index) for tap in one.taps), strict=True)
        parts = {tap.part for tap in one.taps}
        if len(parts) > 1 or offsets != tuple(range(offsets[0], offsets[0] + len(offsets))):
            return None
        by_reads.setdefault((parts.pop(), offsets), []).append((one.residue, taps))
    return phased, by_reads


@lru_cache(maxsize=PLANNED)
def patched(axis: Axis, operator: Operator, outputs: int) -> PatchedAxis | None:
    """``axis`` in patches of ``outputs`` positions; None where phases do not have the taps for it."""
    found = _by_reads(axis, operator)
    if found is None:
        return None
    phased, by_reads = found
    if any((outputs, len(offsets)) not in SHAPES for _, offsets in by_reads):
        return None
    lowest = min(offsets[0] for _, offsets in by_reads)
    width = max(offsets[-1] for _, offsets in by_reads) - lowest + outputs
    families: list[Family] = []
    row = stream = 0
    for (part, offsets), members in by_reads.items():
        residues, all_taps = zip(*members, strict=True)
        rows = outputs + len(offsets) - 1
        read = phased.parts.index(part) * width + offsets[0] - lowest
        families.append(Family(residues, all_taps, read, row, rows, stream))
        row += rows
        stream += rows * len(members)
    patches = PhasedAxis(
        stride=phased.stride * outputs,
        split=phased.split,
        parts=phased.parts,
        length=phased.length,
        size_in=phased.size_in,
        origin=phased.origin - phased.stride * phased.first,
        first=0,
        count=ceil(phased.count / outputs),
        phases=(),
        size_out=axis.size_out,
        complete=phased.complete,
    )
    first = phased.first + lowest
    return PatchedAxis(outputs, axis.size_kernel, phased.stride, patches, width, first, tuple(families))


@dataclass(frozen=True)
class Group:
    """Lines of the phases of one family on each outer axis."""

    families: tuple[Family, ...]
    lines: int
    block_lines: int

    @cached_property
    def rows(self) -> int:
        """Combinations of the families' rows."""
        return prod(family.rows for family in self.families)


def ways(problem: Problem) -> Iterator[Way]:
    """Every way, with what it takes."""
    for axes in patchings(problem):
        yield way_of(problem, axes)


def patchings(problem: Problem) -> Iterator[tuple[PatchedAxis, ...]]:
    """Every way to cut the axes of ``problem`` into patches, but the one that does not.

    Thirds and fifths are for accuracy "fast" only, however small the bound: of small whole numbers the direct sum is
    exact, and who asks for nothing else may count on that.
    """
    ways = []
    for axis in problem.axes:
        sizes = {outputs for outputs, _ in SHAPES}
        found = [one for one in (patched(axis, problem.operator, outputs) for outputs in sorted(sizes)) if one]
        fast = problem.accuracy == "fast"
        ways.append([one for one in found if (one.outputs > 1) == (one.taps > 1) and (fast or one.halving)])
    for axes in product(*ways):
        if prod(axis.axis.split for axis in axes) > MOST_PARTS:
            return
        if any(axis.outputs > 1 for axis in axes) and (axes[-1].outputs, axes[-1].width) in WINDOWS:
            yield axes


@dataclass(frozen=True)
class Way:
    """One way to cut a problem, and which part of its time every chunk of rows would take again."""

    cut: Cut
    axes: tuple[PatchedAxis, ...]
    gathering: float
    loss: float  # how many times the bound on its errors is that of the direct sum


def row_chunks(problem: Problem, way: Way, threads: int) -> int:
    """Chunks of rows with which threads are done first: more gather again, fewer leave one waiting for the last."""
    columns = problem.batch * way.cut.columns
    whole = problem.groups * (columns // (POSITION_VECTORS * way.cut.lanes))
    tiles = problem.groups * tiles_of(columns, way.cut.lanes)

    def time(chunks: int) -> float:
        each, more = divmod(whole * chunks, threads)
        loads = [each + 1.0] * more + [float(each)] * (threads - more)
        for _ in range(problem.groups * chunks if tiles > whole else 0):  # the last tiles, perhaps narrow ones
            loads[loads.index(min(loads))] += (tiles - whole) / problem.groups
        return (way.cut.time + way.gathering * (chunks - 1)) / (tiles * chunks) * max(loads)

    return min(range(1, ROW_CHUNKS + 1), key=time)


def groups_of(problem: Problem, axes: tuple[PatchedAxis, ...]) -> list[Group]:
    """The lines, by families of the outer axes, each with as many lines to a block as the cache holds."""
    *outer, last = axes
    found = []
    tile_bytes = POSITION_VECTORS * VECTOR_BYTES
    panel_bytes = prod(axis.rows for axis in axes) * problem.channels_in * tile_bytes
    sums_bytes, blocks = (SUMS_BYTES, 1) if panel_bytes <= NEAR else (LARGE_SUMS_BYTES, FEW_BLOCKS)
    unit = POSITION_ROWS[0] // gcd(POSITION_ROWS[0], *(family.phases for family in last.families))
    for families in product(*(axis.families for axis in outer)):
        lines = problem.channels_out * prod(family.phases for family in families)
        sums = prod(family.rows for family in families) * last.streams + prod(a.outputs for a in axes) * last.stride
        most = max(unit, sums_bytes // (tile_bytes * sums) // unit * unit)
        even_lines = ceil(lines / max(blocks, ceil(lines / most)))
        block_lines = min(lines, ceil(even_lines / unit) * unit)
        if problem.channels_last:
            at_once = lines_at_once(problem.channels_out, lanes_of(problem.dtype), block_lines)
            block_lines -= block_lines % at_once
        found.append(Group(families, lines, block_lines))
    return found


def way_of(problem: Problem, axes: tuple[PatchedAxis, ...]) -> Way:
    """What it takes to cut ``problem`` so."""
    last = axes[-1]
    streams = last.stride * last.outputs
    cut = Cut(
        choice=_CHOICE,
        axes=tuple(axis.axis for axis in axes),
        splits=tuple(axis.axis.split for axis in axes),
        lanes=lanes_of(problem.dtype),
        parts=1,
        streams=tuple((residue, 0) for residue in range(streams)),
        dense=True,
        groups=(),
        covers=all(axis.axis.complete for axis in axes),
        time=0.0,
    )
    gathering, rest = predicted(problem, cut, axes)
    return Way(replace(cut, time=gathering + rest), axes, gathering, loss(problem, axes))


def loss(problem: Problem, axes: tuple[PatchedAxis, ...]) -> float:
    """How many times larger the bound on errors is than that of the direct sum, for inputs and weights of one size.

    A sum of n products, each met by at most n roundings, is off by about ``n*u`` times the sum of their sizes. The
    transforms make the products larger, by their amplification, but fewer numbers are added, as those of a patch
    are one. Where phases differ, the worst.
    """

    def of(families: tuple[Family, ...]) -> float:
        taps = prod(family.size for family in families)
        larger, roundings = 1.0, problem.channels_in + 1
        for axis, family in zip(axes, families, strict=True):
            if axis.outputs > 1:
                transform = TRANSFORMS[axis.outputs, family.size]
                larger *= transform.amplification
                roundings += transform.roundings
        return larger * roundings / (taps * problem.channels_in + 1)

    return max(map(of, product(*(axis.families for axis in axes))))


def predicted(problem: Problem, cut: Cut, axes: tuple[PatchedAxis, ...]) -> tuple[float, float]:
    """Nanoseconds on one core: gathering and transforming inputs; products, transforming them, writing."""
    lanes, depth = cut.lanes, problem.channels_in
    columns = problem.batch * cut.columns
    counts = [axis.axis.count for axis in axes]
    runs = columns // counts[-1] * (counts[-1] // lanes + 1)
    tiles = tiles_of(columns, lanes)
    vectors = ceil(columns / lanes)
    last = axes[-1]
    windows = [axis.window for axis in axes]
    moved, done = 0.0, 1
    for a, axis in enumerate(axes):
        each = RATES.transform_read * axis.window + RATES.transform_written * axis.rows
        moved += done * each * prod(windows[a + 1 :])
        done *= axis.rows
    gathering = RATES.window * runs * depth * prod(windows) + vectors * depth * moved
    products = writing = 0.0
    groups = groups_of(problem, axes)
    for group in groups:
        for family in last.families:
            each, count = panels_of_blocks(False, lanes, family.phases, group.lines, group.block_lines)
            products += group.rows * family.rows * (depth * each + RATES.start * count)
        moved, done = 0, group.rows * last.streams
        for family, axis in zip(group.families, axes[:-1], strict=True):
            after = done // family.rows * axis.outputs
            moved, done = moved + done + after, after
        positions = prod(axis.outputs for axis in axes)
        written = positions * last.stride
        moved += done + written
        writing += group.lines * (RATES.transform * vectors * moved)
        if problem.channels_last:
            writing += spreading(problem, cut, columns, runs, group.lines * written, group.block_lines)
        else:
            of_lines = RATES.write_run * positions / last.outputs + weaving(len(cut.streams), lanes) * written
            writing += group.lines * runs * of_lines
    weights = problem.groups * depth * sum(group.lines * group.rows for group in groups)
    weights *= sum(family.rows * family.phases for family in last.families)
    copying = 0.0
    if cut.copied(problem.channels_last):
        inputs = problem.batch * problem.groups * depth * prod(cut.pitches) * len(cut.part_combinations)
        copying = RATES.start_copy + copying_element(problem, cut) * inputs
    elsewhere = problem.groups * (tiles * products + writing) + reading(problem, weights, columns)
    return problem.groups * gathering, copying + elsewhere + moving(problem)
