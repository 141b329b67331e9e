"""The engine: phases of the output as ordinary convolutions of stride 1, run on register tiles.

No zero is multiplied but those around the input, every output is written once. Phases that read the same inputs
(see ``tconv.polyphase``) form one matrix product: rows are channels out times phases, columns are positions, the
depth is taps times channels in. No buffer holds the columns: of a few dozen positions at a time, what they read is
gathered into a panel that stays in the second-level cache, or read where it lies in a copy of the input with a halo of
zeros. What can be chosen is chosen by a count of cycles: see ``tconv.algorithms.cut``.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from time import perf_counter
from typing import NamedTuple

import numpy as np

from tconv.algorithms.cost import Cost
from tconv.algorithms.cut import lanes_of
from tconv.algorithms.scheme import Scheme, scheme
from tconv.geometry import Problem
from tconv.kernels import halo, pack, peak, polyphase
from tconv.kernels.launch import launch
from tconv.kernels.tile import CHANNEL_VECTORS, POSITION_ROWS, POSITION_VECTORS
from tconv.memory import aligned_empty, ascending, flat, workspace
from tconv.taps import multiplications

CLOCK = 2.8e9  # cycles per second that the model assumes; only ratios matter to a choice
SERIAL = 1.5e5  # cycles below which waking a second thread costs more than it saves


def supports(problem: Problem) -> str | None:
    """Everything."""
    return None


def cost(problem: Problem, threads: int) -> Cost:
    """Cycles of the best scheme, and the memory for the input's copy, if there is one, and each thread's scratch."""
    best = scheme(problem, threads)
    if best is None:
        return Cost(0, 0, 0, 0.0)
    itemsize = np.dtype(best.dtype).itemsize
    operations = 2 * multiplications(problem) * best.cut.parts**2
    sizes = [
        problem.batch * problem.groups * best.cut.parts * channels * np.prod(sizes, dtype=object)
        for channels, sizes in (
            (problem.channels_in, [axis.size_in for axis in problem.axes]),
            (problem.channels_out, [axis.size_out for axis in problem.axes]),
        )
    ]
    copied = best.halo_size * itemsize if best.cut.copied else 0
    workspace = copied + threads * (best.sums_size + best.panel_size) * itemsize
    moved = int(sum(sizes)) * itemsize + 2 * copied + best.packed_size * itemsize
    return Cost(operations, moved, workspace, best.cut.cycles / threads / CLOCK)


def multiply_add_peak(dtype: str, threads: int) -> float:
    """Operations per second (an addition and a multiplication are two) that the register tile reaches here.

    The best of many short runs on numbers that stay in the first-level cache; about 0.1 s.
    """
    lanes = lanes_of(dtype)
    columns = POSITION_VECTORS * lanes
    real = np.empty(0, dtype).real.dtype
    x, w = aligned_empty(peak.DEPTH * columns, real), aligned_empty(peak.DEPTH * peak.ROWS, real)
    x[:], w[:] = 1, 1
    sums = aligned_empty(threads * peak.ROWS * columns, real).reshape(threads, -1)
    starts, offsets = np.arange(POSITION_VECTORS) * lanes, np.arange(peak.DEPTH) * columns
    times = 2_000
    best = float("inf")
    for _ in range(40):
        before = perf_counter()
        launch(peak.repeat_tile, threads, False, times, lanes, x, starts, offsets, w, sums)
        best = min(best, perf_counter() - before)
    return 2 * peak.ROWS * columns * peak.DEPTH * times * threads / best


def prepare(problem: Problem, w: np.ndarray, threads: int) -> np.ndarray | None:
    """The weights in the order in which tiles read them; None if one is not finite.

    The halo's zeros must not meet an inf or nan, so such weights are for an algorithm without a halo.
    """
    best = scheme(problem, threads)
    if best is None:
        return np.empty(0, w.dtype)
    w = ascending(_expanded(w) if best.cut.parts == 2 else w[:, :, :, None])
    memory, (by_group, by_in, by_out, by_part, *by_axis) = flat(w)
    packed = aligned_empty(best.packed_size, w.dtype)
    items = problem.groups * ceil(best.shape.channels_in / pack.ITEM)
    spoiled = np.zeros(items, np.int64)
    highest = max(POSITION_ROWS[0], CHANNEL_VECTORS[0] * best.shape.lanes)
    most_taps = int(best.segments[:, polyphase.DEPTH].max()) // best.shape.channels_in
    launch(
        pack.pack,
        threads,
        best.exact,
        best.shape,
        best.sections,
        best.blocks,
        best.segments,
        best.streams,
        best.taps @ np.array(by_axis),
        np.array([by_group, by_in, by_out, by_part]),
        memory,
        packed,
        spoiled,
        np.empty((items, highest * most_taps), np.int64),
    )
    return packed if best.exact or not np.any(spoiled) else None


def _expanded(w: np.ndarray) -> np.ndarray:
    """Complex weights as the real matrices that act on (real, imaginary): ``w[group, (in, part), out, part, ...]``."""
    groups, channels_in, channels_out, *kernel = w.shape
    real = np.empty((groups, channels_in, 2, channels_out, 2, *kernel), w.real.dtype)
    real[:, :, 0, :, 0] = real[:, :, 1, :, 1] = w.real
    real[:, :, 0, :, 1] = w.imag
    real[:, :, 1, :, 0] = -w.imag
    return real.reshape(groups, 2 * channels_in, channels_out, 2, *kernel)


def forward(
    problem: Problem, packed: np.ndarray, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> None:
    """Copy ``x`` with its halo, multiply, and write ``y``."""
    best = scheme(problem, threads)
    if min(y.strides) < 0 or not y.flags.aligned:
        whole = np.empty(y.shape, y.dtype)
        forward(problem, packed, x, bias, whole, threads)
        y[...] = whole
        return
    if best is None or not best.cut.covers:
        y[...] = 0 if bias is None else bias.reshape(bias.shape + (1,) * len(problem.axes))
    if best is None:
        return
    if best.cut.cycles < SERIAL:
        threads = 1
    if bias is None:
        flat_bias = np.zeros(problem.groups * problem.channels_out * best.cut.parts, best.dtype)
    else:  # a read-only one would compile the kernel anew
        flat_bias = np.require(bias, requirements=["C", "A", "W"]).reshape(-1).view(best.dtype)
    _multiply(best, packed, ascending(x), flat_bias, y, threads)


class _Source(NamedTuple):
    """Where tiles find the input: in its own memory, or in a copy in the order they need."""

    copy: halo.Halo | None
    copy_axes: np.ndarray
    strides: dict[str, int]  # of images, groups, channels
    steps: np.ndarray  # along the axes
    reads: np.ndarray


@lru_cache(maxsize=128)
def _source(best: Scheme, steps: tuple[int, ...]) -> _Source:
    """The source for an input with these steps."""
    parts = best.cut.parts
    batch, group, channel, *by_axis = (step * parts for step in steps)
    copy, copy_axes, strides = None, best.halo_axes, {}
    at = np.array(by_axis)
    if best.cut.copied or by_axis[-1] != 1:
        copy = best.halo._replace(x_batch=batch, x_group=group, x_channel=channel)
        copy_axes = best.halo_axes.copy()
        copy_axes[halo.X_STEP] = by_axis
        at = best.axes[polyphase.STEP]
    else:
        strides = {"image": batch, "group": group, "channel": channel}
    reads = best.reads.copy()
    reads[:, -1] *= best.halo.subplane
    reads[:, -1] += (best.reads[:, :-1] + best.axes[polyphase.FIRST]) @ at
    return _Source(copy, copy_axes, strides, at, reads)


@lru_cache(maxsize=128)
def _placed(
    best: Scheme, source: tuple[int, ...], target: tuple[int, ...]
) -> tuple[polyphase.Shape, np.ndarray, np.ndarray]:
    """Numbers, axes and lines for an input and an output with these steps."""
    batch, group, channel, *by_axis = (step * best.cut.parts for step in target)
    axes = best.axes.copy()
    axes[polyphase.STEP] = _source(best, source).steps
    axes[polyphase.Y_STEP] = by_axis
    lines = best.lines.copy()
    lines[:, polyphase.TO] *= channel
    lines[:, polyphase.TO] += (best.phases @ np.array(by_axis[:-1], np.int64))[lines[:, polyphase.PHASE]]
    shape = best.shape._replace(
        **_source(best, source).strides,
        y_batch=batch,
        y_group=group,
        interleaved=int(best.cut.dense and by_axis[-1] == best.cut.parts),
    )
    return shape, axes, lines


def _multiply(best: Scheme, packed: np.ndarray, x: np.ndarray, bias: np.ndarray, y: np.ndarray, threads: int) -> None:
    dtype = np.dtype(best.dtype)
    (input_, source_steps), (output, target_steps) = flat(x), flat(y)
    input_ = input_.view(dtype)
    source = _source(best, source_steps)
    shape, axes, lines = _placed(best, source_steps, target_steps)
    workers = min(threads, ceil(shape.groups / shape.groups_at_once) * shape.tiles * shape.row_chunks)
    of_sums, of_panels = workers * best.sums_size, workers * best.panel_size
    scratch = workspace(of_sums + of_panels + (best.halo_size if source.copy else 0), dtype)
    sums, panels, copied = scratch[:of_sums], scratch[of_sums : of_sums + of_panels], scratch[of_sums + of_panels :]
    if source.copy:
        launch(halo.copy, threads, best.exact, source.copy, source.copy_axes, best.halo_parts, input_, copied)
        input_ = copied
    launch(
        polyphase.forward,
        threads,
        best.exact,
        np.zeros(1, np.int64),
        shape,
        axes,
        best.sections,
        best.chunks,
        best.blocks,
        best.segments,
        lines,
        best.phases,
        best.streams,
        best.offsets,
        source.reads,
        input_,
        packed,
        bias,
        output.view(dtype),
        sums.reshape(workers, -1),
        np.empty((workers, shape.tile_starts + axes.shape[1]), np.int64),
        np.empty((workers, shape.tile_columns, 2 * axes.shape[1] + polyphase.OUTER), np.int64),
        np.empty((workers, best.most_copies, 3), np.int64),
        panels.reshape(workers, -1),
    )
