"""One channel in, as in depthwise convolution: every phase a few shifted lines of one plane.

With one channel in, a matrix product has no depth but its taps, and gathering costs as much as multiplying. Here a
plane is copied once, with zeros around it, and lines of outputs are summed straight from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from tconv.algorithms.cost import Cost, awake, operand_bytes
from tconv.algorithms.cut import lanes_of, moving, weaving
from tconv.algorithms.engine import fill, flat_bias
from tconv.algorithms.rates import RATES
from tconv.geometry import PLANNED, Problem
from tconv.kernels import depthwise
from tconv.kernels.depthwise import LONGEST, ROWS, VECTORS, Depthwise
from tconv.kernels.windows import MOST_APART
from tconv.kernels.workers import UNASKED, Job, Scratch, Single
from tconv.memory import Flat, ascending, extent, flat
from tconv.polyphase import Phase, PhasedAxis, Tap, phase
from tconv.taps import multiplications, operations

PLANE_BYTES = 128 * 1024  # of a band, in the second-level cache
SUMS = 4096  # of all streams of a tile's lines, at a time: a part of the first-level cache
MOST_PHASES = 2**14  # of all axes: the tables are as long, and so are the sums of a line
UNITS = 16  # of which no thread waits long for another, where positions of the first axis are enough


class Tables(NamedTuple):
    """What is to be summed, for each combination of the phases of the outer axes."""

    residues: np.ndarray
    segments: np.ndarray
    offsets: np.ndarray
    taps: np.ndarray  # which of the kernel's, flattened


@dataclass(frozen=True, eq=False)
class Scheme:
    """How a plane is cut and copied; the tables are made when it is."""

    problem: Problem
    phased: tuple[PhasedAxis, ...]
    shape: Depthwise
    axes: np.ndarray
    parts: np.ndarray
    plane_size: int
    covers: bool
    time: float  # nanoseconds on one core

    @cached_property
    def tables(self) -> Tables:
        """Runs of taps, by residue of the last axis and by how long they are, and where they read."""
        *outer, last = self.phased
        lows, steps = self.axes[depthwise.LOWEST].tolist(), self.axes[depthwise.STEP].tolist()
        number_of = {part: number for number, part in enumerate(product(*(axis.parts for axis in self.phased)))}
        combinations = list(product(*(axis.phases for axis in outer)))
        residues = np.array([[one.residue for one in phases] for phases in combinations], np.int64)
        sizes = [axis.size_kernel for axis in self.problem.axes]
        pitches = [prod(sizes[a + 1 :]) for a in range(len(sizes))]
        by_residue = {one.residue: one for one in last.phases}
        segments: list[tuple[int, int, int]] = []
        offsets: list[int] = []
        taps: list[int] = []
        for phases in combinations:
            for residue in range(last.stride):
                one = by_residue.get(residue)
                runs = _runs([*phases, one]) if one else []
                for length in range(1, LONGEST + 1):
                    chosen = [run for run in runs if len(run) == length]
                    segments.append((len(offsets), len(chosen), len(taps)))
                    for first, *_ in chosen:
                        inside = sum((of.offset - low) * by for of, low, by in zip(first, lows, steps, strict=True))
                        offsets.append(inside + self.shape.part * number_of[tuple(of.part for of in first)])
                    indices = [[of.index for of in tap] for run in chosen for tap in run]
                    taps += [sum(index * pitch for index, pitch in zip(of, pitches, strict=True)) for of in indices]
        return Tables(
            residues=residues.reshape(len(combinations), len(outer)),
            segments=np.array(segments, np.int64).reshape(len(combinations), last.stride, LONGEST, 3),
            offsets=np.array(offsets, np.int64),
            taps=np.array(taps, np.int64),
        )


def supports(problem: Problem) -> str | None:
    """One real channel in for each group, and tables and sums of a line that are not too long."""
    if problem.dtype.startswith("complex"):
        return "is for real numbers"
    if problem.channels_in != 1:
        return "is for one channel in"
    *outer, last = _phased(problem)
    if prod(len(axis.phases) for axis in outer) * last.stride > MOST_PHASES:
        return f"is for {MOST_PHASES} phases or fewer"
    return None


def _phased(problem: Problem) -> tuple[PhasedAxis, ...]:
    return tuple(phase(axis, problem.operator, aligned=False) for axis in problem.axes)


@lru_cache(maxsize=PLANNED)
def scheme(problem: Problem, together: int) -> Scheme | None:
    """The scheme, the same for any number of threads, and so are the bits; None if there is nothing to multiply.

    For ``together`` groups that lie side by side, one or all.
    """
    if multiplications(problem) == 0:
        return None
    axes = _phased(problem)
    lanes, itemsize = lanes_of(problem.dtype), 8 if problem.dtype == "object" else np.dtype(problem.dtype).itemsize
    *outer, last = axes
    lows, highs = zip(*(axis.ends for axis in axes), strict=True)
    reaches = tuple(high - low for low, high in zip(lows, highs, strict=True))
    slack = VECTORS[0] * lanes
    parts = list(product(*(axis.parts for axis in axes)))
    line = together * (last.count + reaches[-1])
    steps = [line * prod(axis.count + reach for axis, reach in zip(axes[a + 1 : -1], reaches[a + 1 : -1], strict=True))
             for a in range(len(outer))]  # fmt: skip
    first_step = steps[0] if outer else together
    band = max(1, PLANE_BYTES // itemsize // (first_step * len(parts)) - reaches[0])
    bands = max(ceil(axes[0].count / band), ceil(UNITS * together / (problem.batch * problem.groups)))
    band = ceil(max(ceil(axes[0].count / bands), reaches[0]) / ROWS) * ROWS  # or a band would be mostly margin
    band = min(axes[0].count, band)
    part = first_step * (band + reaches[0])
    shape = Depthwise(
        lanes=lanes,
        batch=problem.batch,
        groups=problem.groups,
        together=together,
        abreast=together,
        channels_out=problem.channels_out,
        taps=prod(sum(len(one.taps) for one in axis.phases) for axis in axes),
        columns=slack * max(1, min(8, SUMS // (ROWS * slack * last.stride))),
        band=band,
        bands=ceil(axes[0].count / band),
        part=part,
        parts_at_once=1,
        x_batch=0,
        x_group=0,
        y_batch=0,
        y_group=0,
        y_channel=0,
    )
    zeros = [0] * len(axes)
    table = np.array([
        [axis.count for axis in axes], [axis.first for axis in axes], lows, reaches,
        [axis.size_in for axis in problem.axes], [axis.split for axis in axes], [axis.stride for axis in axes],
        [axis.origin for axis in axes], [axis.size_out for axis in axes], [*steps, together], zeros, zeros,
    ])  # fmt: skip
    return Scheme(
        problem=problem,
        phased=axes,
        shape=shape,
        axes=table,
        parts=np.array(parts, np.int64),
        plane_size=part * len(parts) + 2 * slack,
        covers=all(axis.complete for axis in axes) and not any(axis.idle_count for axis in outer),
        time=_time(problem, axes, shape, reaches, len(parts)),
    )


def _runs(phases: list[Phase]) -> list[list[tuple[Tap, ...]]]:
    """All combinations of the phases' taps, as runs of those that read neighbours."""
    along = max(0, len(phases) - 2)
    others = product(*(one.taps for a, one in enumerate(phases) if a != along))
    pieces = _pieces(phases[along])
    return [[(*other[:along], tap, *other[along:]) for tap in piece] for other in others for piece in pieces]


def _pieces(one: Phase) -> list[list[Tap]]:
    """The taps of a phase, in runs of those that read neighbours."""
    pieces: list[list[Tap]] = []
    for tap in sorted(one.taps, key=lambda tap: (tap.part, tap.offset)):
        before = pieces[-1][-1] if pieces else None
        if before and (tap.part, tap.offset) == (before.part, before.offset + 1) and len(pieces[-1]) < LONGEST:
            pieces[-1].append(tap)
        else:
            pieces.append([tap])
    return pieces


def _time(
    problem: Problem, axes: tuple[PhasedAxis, ...], shape: Depthwise, reaches: tuple[int, ...], parts: int
) -> float:
    """On one core."""
    *outer, last = axes
    lines = prod(axis.count * len(axis.phases) for axis in outer) * shape.channels_out
    vectors = ceil(last.count / shape.lanes)
    positions = prod(axis.count for axis in outer)
    rows = min(ROWS, outer[-1].count) if outer else 1
    pieces = [len(piece) for one in axes[-2:][0].phases for piece in _pieces(one)]
    read = shape.taps // sum(pieces) * sum(rows + length - 1 for length in pieces) / rows
    if not outer and last.stride == 1:
        read /= min(ROWS, shape.channels_out)  # whose rows are channels then
    summing = (RATES.tap * shape.taps + RATES.tap_read * read) * positions * vectors * shape.channels_out
    writing = lines * (RATES.line + vectors * last.stride * (RATES.line_vector + weaving(last.stride, shape.lanes)))
    if _abreast(problem, shape.lanes):  # weights are vectors, too; one input serves those of several channels
        inputs = read if problem.groups > 1 else read / VECTORS[0]
        loaded = shape.taps / ROWS + inputs + 2 * prod(len(axis.phases) for axis in axes)  # a bias and a store each
        vectors = positions * last.count * ceil(problem.groups * shape.channels_out / shape.lanes)
        summing = (RATES.tap * shape.taps + RATES.tap_read * loaded) * vectors / problem.groups
        writing = 0.0
    copied = axes[0].count + shape.bands * reaches[0]
    copied *= parts * prod(axis.count + reach for axis, reach in zip(axes[1:], reaches[1:], strict=True))
    copying = RATES.plane if last.split <= MOST_APART else RATES.scatter
    return problem.batch * problem.groups * (summing + writing + copying * copied) + moving(problem)


def _abreast(problem: Problem, lanes: int) -> bool:
    """Whether vectors run over the channels of a position, where these lie side by side."""
    fewer, more = sorted((problem.groups, problem.channels_out))
    return problem.channels_last and fewer == 1 and more >= lanes


def cost(problem: Problem, threads: int) -> Cost:
    """What taps, writing, and the planes' copies take."""
    best = scheme(problem, 1)
    if best is None:
        return Cost(0, 0, 0, 0.0, 1)
    itemsize = np.dtype(problem.dtype).itemsize
    workspace = threads * (best.plane_size + ROWS * best.phased[-1].stride * best.shape.columns) * itemsize
    workers = min(threads, problem.batch * problem.groups * best.shape.bands)
    return Cost(operations(problem), operand_bytes(problem), workspace, 1e-9 * best.time, workers)


def prepare(problem: Problem, w: np.ndarray, threads: int) -> Flat | None:
    """The taps in the order of the phases; None if one is not finite, as zeros around the input must not meet it."""
    best = scheme(problem, 1)
    if best is None:
        return flat(np.empty(0, w.dtype))[0]
    packed = w.reshape(problem.groups, problem.channels_out, -1).take(best.tables.taps, axis=2)
    return Flat(packed, packed.size) if _finite(packed) else None


def _finite(w: np.ndarray) -> bool:
    if w.dtype.kind != "O":
        return bool(np.isfinite(w).all())
    with np.errstate(invalid="ignore"):
        return not np.any(w - w != 0)  # inf - inf and nan - nan are nan


def forward(
    problem: Problem, packed: Flat, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Line by line, or all channels of a position."""
    best = scheme(problem, 1)
    if best is None:
        fill(bias, y)
        return True
    if not best.covers:
        fill(bias, y)
    threads = awake(best.time, threads)
    (inputs, source), (output, target) = flat(ascending(x)), flat(y)
    added = flat_bias(bias, problem.groups * problem.channels_out, problem.dtype)
    key = None if problem.dtype == "object" else problem.dtype
    depthwise.depthwise(_placed(problem, source, target, threads), key, inputs, packed, added, output)
    return True


def single(problem: Problem, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Single | None:
    """The kernel, and what it is told for an input and an output with these steps, where there is no more to do."""
    best = scheme(problem, 1)
    if best is None or not best.covers:
        return None
    threads = awake(best.time, threads)
    return Single(depthwise.depthwise, _placed(problem, source, target, threads))


def _sorted_at_once(axes: np.ndarray, parts: np.ndarray, lanes: int) -> bool:
    """Whether all residues of the last axis are read, in lines that fill a vector and are not cut into bands."""
    split = int(axes[depthwise.SPLIT, -1])
    start = axes[depthwise.FIRST, -1] + axes[depthwise.LOWEST, -1]
    cells = axes[depthwise.COUNT, -1] + axes[depthwise.REACH, -1]
    inputs = min(cells, ceil(axes[depthwise.SIZE, -1] / split) - start) - min(max(0, -start), cells)
    all_read = 1 < split == np.unique(parts[:, -1]).size
    return all_read and split <= MOST_APART and axes.shape[1] > 1 and bool(inputs >= lanes)


@lru_cache(maxsize=PLANNED)
def _placed(problem: Problem, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Job:
    """What the kernel is told for an input and an output with these steps."""
    (x_batch, x_group, _, *x_steps), (y_batch, y_group, y_channel, *y_steps) = source, target
    groups, lanes = problem.groups, lanes_of(problem.dtype)
    side_by_side = x_group == y_group == 1 and x_steps[-1] == y_steps[-1] == groups and problem.channels_out == 1
    together = groups if side_by_side and groups >= lanes and groups > 1 else 1
    best = scheme(problem, together)
    assert best is not None
    shape = best.shape._replace(x_batch=x_batch, x_group=x_group, y_batch=y_batch, y_group=y_group, y_channel=y_channel)
    if groups == y_channel == 1 and problem.channels_out >= lanes:
        shape = shape._replace(abreast=problem.channels_out)
    axes = best.axes.copy()
    if together == 1 == x_steps[-1] and _sorted_at_once(axes, best.parts, lanes):
        shape = shape._replace(parts_at_once=int(axes[depthwise.SPLIT, -1]))
    axes[depthwise.X_STEP], axes[depthwise.Y_STEP] = x_steps, y_steps
    n_axes = axes.shape[1]
    own: tuple[Scratch, ...] = (
        *[(np.int64, (n_axes,))] * 3,
        (problem.dtype, (best.plane_size,)),
        (problem.dtype, (ROWS * best.phased[-1].stride * shape.columns + 1,)),
        (problem.dtype, ((shape.taps + 1) * shape.abreast,)),
    )
    workers = min(threads, shape.batch * groups // together * shape.bands)
    apart = axes[depthwise.STRIDE, -2] * axes[depthwise.Y_STEP, -2] if n_axes > 1 else 0
    lines = np.array([[row * apart, 0] for row in range(ROWS)], np.int64)
    residues, segments, offsets, _ = best.tables
    same = (shape, axes, best.parts, residues, segments, offsets, lines)
    return Job(same, (extent(problem.x_shape, source), *[UNASKED] * 3), own, workers, threads)
