"""The engine at work: weights packed, inputs copied where they must be, products launched, all as a scheme says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from tconv.algorithms.cost import Cost
from tconv.algorithms.scheme import Scheme
from tconv.geometry import Problem
from tconv.kernels import columns, pack, polyphase, rearrange, weights
from tconv.kernels.launch import launch
from tconv.kernels.tile import CHANNEL_VECTORS, NARROW, POSITION_ROWS
from tconv.memory import ascending, flat, lent_empty, workspace
from tconv.taps import multiplications

CLOCK = 2.8e9 if NARROW else 3.8e9  # cycles per second that the model assumes; only ratios matter to a choice
PARTS = 64  # in which packed weights are looked through
SERIAL = 1.5e5  # cycles below which waking a second thread costs more than it saves


def cost(problem: Problem, scheme: Scheme, threads: int) -> Cost:
    """Cycles of the scheme, and the memory for the input's copy, if there is one, and each thread's scratch."""
    itemsize = np.dtype(scheme.dtype).itemsize
    operations = 2 * multiplications(problem) * scheme.cut.parts**2
    sizes = [
        problem.batch * problem.groups * scheme.cut.parts * channels * np.prod(sizes, dtype=object)
        for channels, sizes in (
            (problem.channels_in, [axis.size_in for axis in problem.axes]),
            (problem.channels_out, [axis.size_out for axis in problem.axes]),
        )
    ]
    copied = scheme.copy_size * itemsize if scheme.cut.copied else 0
    scratch = (scheme.sums_size + scheme.panel_size) * itemsize + scheme.most_copies * columns.COPY_FIELDS * 8
    workspace = copied + threads * scratch
    moved = int(sum(sizes)) * itemsize + 2 * copied + scheme.packed_size * itemsize
    return Cost(operations, moved, workspace, scheme.cut.cycles / CLOCK, threads)


def prepare(problem: Problem, scheme: Scheme, w: np.ndarray, threads: int) -> np.ndarray | None:
    """The weights in the order in which tiles read them; None if one is not finite.

    The zeros around the input must not meet an inf or nan, so such weights are for an algorithm without them.
    """
    w = ascending(_expanded(w) if scheme.cut.parts == 2 else w[:, :, :, None])
    memory, (by_group, by_in, by_out, by_part, *by_axis) = flat(w)
    items = problem.groups * ceil(scheme.shape.channels_in / pack.ITEM)
    packing = _packing(scheme, items, np.array([by_group, by_in, by_out, by_part]), by_axis, memory)
    work = pack.pack_item.reached(scheme.exact, w.dtype.char, 0, *packing)
    spoiled = np.zeros(PARTS, np.int64)
    launch(pack.pack, threads, scheme.exact, work, *packing, spoiled)
    return None if np.any(spoiled) else packing.packed


def prepare_transformed(
    problem: Problem, scheme: Scheme, matrices: Sequence[np.ndarray], w: np.ndarray, threads: int
) -> np.ndarray | None:
    """The same for weights of which each axis' taps are multiplied by a matrix, taps by rows, first."""
    taps, rows = (np.array(sizes) for sizes in zip(*(matrix.shape for matrix in matrices), strict=True))
    table = np.zeros((len(matrices), max(taps), max(rows)), w.dtype)
    for room, matrix in zip(table, matrices, strict=True):
        room[: matrix.shape[0], : matrix.shape[1]] = matrix
    groups, channels_in, channels_out, *_ = w.shape
    memory, (*strides, by_tap) = flat(ascending(w.reshape(groups, channels_in, channels_out, -1)))
    transforms = weights.Transforms(table, taps, rows, np.array(strides), np.arange(prod(taps)) * by_tap)
    step = pack.ITEM * channels_out
    workers = min(threads, groups * ceil(channels_in / pack.ITEM))
    between = channels_out * max(prod(rows[:a]) * prod(taps[a:]) for a in range(len(matrices)))
    scratch = (
        lent_empty(workers * 2 * between, w.dtype).reshape(workers, 2, -1),
        lent_empty(workers * prod(rows) * step, w.dtype).reshape(workers, -1),
    )
    by_axis = [prod(rows[a + 1 :]) * step for a in range(len(matrices))]
    packing = _packing(scheme, workers, np.array([0, channels_out, 1, 0]), by_axis, memory)
    each = packing._replace(places=packing.places[0])
    of_workers = [rows[0] for rows in scratch]
    work = weights.pack_items.reached(scheme.exact, w.dtype.char, 0, workers, transforms, *each, *of_workers)
    spoiled = np.zeros(PARTS, np.int64)
    launch(weights.pack_transformed, threads, scheme.exact, work, transforms, *packing, *scratch, spoiled)
    return None if np.any(spoiled) else packing.packed


class _Packing(NamedTuple):
    """What packing is told."""

    shape: columns.Shape
    sections: np.ndarray
    blocks: np.ndarray
    segments: np.ndarray
    streams: np.ndarray
    taps: np.ndarray
    strides: np.ndarray
    w: np.ndarray
    packed: np.ndarray
    places: np.ndarray


def _packing(scheme: Scheme, rows: int, strides: np.ndarray, by_axis: Sequence[int], memory: np.ndarray) -> _Packing:
    """Operands, with so many rows of scratch; strides are those of weights by group, in, out and part, and by axis."""
    highest = max(POSITION_ROWS[0], CHANNEL_VECTORS[0] * scheme.shape.lanes)
    most_taps = int(scheme.segments[:, columns.DEPTH].max()) // scheme.shape.channels_in
    return _Packing(
        scheme.shape,
        scheme.sections,
        scheme.blocks,
        scheme.segments,
        scheme.streams,
        scheme.taps @ np.array(by_axis),
        strides,
        memory,
        lent_empty(scheme.packed_size, memory.dtype),
        np.empty((rows, highest * most_taps), np.int64),
    )


def _expanded(w: np.ndarray) -> np.ndarray:
    """Complex weights as the real matrices that act on (real, imaginary): ``w[group, (in, part), out, part, ...]``."""
    groups, channels_in, channels_out, *kernel = w.shape
    real = np.empty((groups, channels_in, 2, channels_out, 2, *kernel), w.real.dtype)
    real[:, :, 0, :, 0] = real[:, :, 1, :, 1] = w.real
    real[:, :, 0, :, 1] = w.imag
    real[:, :, 1, :, 0] = -w.imag
    return real.reshape(groups, 2 * channels_in, channels_out, 2, *kernel)


def forward(
    scheme: Scheme, packed: np.ndarray, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Copy ``x`` if it must be, multiply, and write ``y``; False if transforms met an inf or nan, and ``y`` is void."""
    if min(y.strides) < 0 or not y.flags.aligned:
        whole = np.empty(y.shape, y.dtype)
        done = forward(scheme, packed, x, bias, whole, threads)
        y[...] = whole
        return done
    if not scheme.cut.covers:
        fill(bias, y)
    if scheme.cut.cycles < SERIAL:
        threads = 1
    if bias is None:
        flat_bias = np.zeros(y.shape[1] * y.shape[2] * scheme.cut.parts, scheme.dtype)
    else:  # a read-only one would compile the kernel anew
        flat_bias = np.require(bias, requirements=["C", "A", "W"]).reshape(-1).view(scheme.dtype)
    return _multiply(scheme, packed, ascending(x), flat_bias, y, threads)


def fill(bias: np.ndarray | None, y: np.ndarray) -> None:
    """The bias, or zero, in every element of ``y``."""
    y[...] = 0 if bias is None else bias.reshape(bias.shape + (1,) * (y.ndim - bias.ndim - 1))


class _Source(NamedTuple):
    """Where tiles find the input: in its own memory, or in a copy in the order they need."""

    copy: rearrange.Order | None
    copy_axes: np.ndarray
    strides: dict[str, int]  # of images, groups, channels
    steps: np.ndarray  # along the axes
    reads: np.ndarray


@lru_cache(maxsize=128)
def _source(scheme: Scheme, steps: tuple[int, ...]) -> _Source:
    """The source for an input with these steps."""
    parts = scheme.cut.parts
    batch, group, channel, *by_axis = (step * parts for step in steps)
    sizes = [axis.length for axis in scheme.cut.axes]
    copy, copy_axes, strides = None, scheme.copy_axes, {}
    at = np.array(by_axis)
    channels_in_lanes = scheme.cut.choice.channels_in_lanes
    if scheme.cut.rearranged or (channel if channels_in_lanes else by_axis[-1]) != 1:
        position = by_axis[-1]
        in_a_row = all(n == 1 or by_axis[a] == position * prod(sizes[a + 1 :]) for a, n in enumerate(sizes))
        side_by_side = position if channels_in_lanes else channel
        copy = scheme.order._replace(
            x_batch=batch,
            x_group=group,
            x_channel=channel,
            x_position=position,
            turned=int(in_a_row and side_by_side == 1 and not scheme.cut.rearranged),
        )
        copy_axes = scheme.copy_axes.copy()
        copy_axes[rearrange.X_STEP] = by_axis
        at = np.array(scheme.cut.steps) * scheme.order.unit
    else:
        strides = {"image": batch, "group": group, "channel": channel}
    reads = scheme.reads.copy()
    reads[:, -1] *= scheme.order.subplane * scheme.order.unit
    reads[:, -1] += (scheme.reads[:, :-1] + scheme.axes[columns.FIRST]) @ at
    return _Source(copy, copy_axes, strides, at, reads)


@lru_cache(maxsize=128)
def _placed(
    scheme: Scheme, source: tuple[int, ...], target: tuple[int, ...]
) -> tuple[columns.Shape, np.ndarray, np.ndarray]:
    """Numbers, axes and lines for an input and an output with these steps."""
    batch, group, channel, *by_axis = (step * scheme.cut.parts for step in target)
    axes = scheme.axes.copy()
    axes[columns.STEP] = _source(scheme, source).steps * axes[columns.SPAN]
    axes[columns.Y_STEP] = by_axis
    lines = scheme.lines.copy()
    lines[:, columns.TO] *= channel
    lines[:, columns.TO] += (scheme.phases @ np.array(by_axis[:-1], np.int64))[lines[:, columns.PHASE]]
    interleaved = scheme.cut.dense and by_axis[-1] == scheme.cut.parts
    shape = scheme.shape._replace(
        **_source(scheme, source).strides,
        y_batch=batch,
        y_group=group,
        interleaved=int(interleaved),
        spread=int(not interleaved and channel == scheme.cut.parts == 1),
    )
    return shape, axes, lines


def _multiply(scheme: Scheme, packed: np.ndarray, x: np.ndarray, bias: np.ndarray, y: np.ndarray, threads: int) -> bool:
    dtype = np.dtype(scheme.dtype)
    (input_, source_steps), (output, target_steps) = flat(x), flat(y)
    input_ = input_.view(dtype)
    source = _source(scheme, source_steps)
    shape, axes, lines = _placed(scheme, source_steps, target_steps)
    workers = min(threads, ceil(shape.groups / shape.groups_at_once) * shape.tiles * shape.row_chunks)
    of_sums, of_panels = workers * scheme.sums_size, workers * scheme.panel_size
    memory = workspace(of_sums + of_panels + (scheme.copy_size if source.copy else 0), dtype)
    sums, panels, copied = memory[:of_sums], memory[of_sums : of_sums + of_panels], memory[of_sums + of_panels :]
    if source.copy:
        to_copy = (source.copy, source.copy_axes, scheme.copy_parts, input_, copied)
        work = rearrange.copy_item.reached(scheme.exact, dtype.char, 0, *to_copy)
        launch(rearrange.copy, threads, scheme.exact, work, *to_copy)
        input_ = copied
    counter = np.zeros(2, np.int64)
    operands = (
        counter,
        shape,
        scheme.patches,
        axes,
        scheme.sections,
        scheme.chunks,
        scheme.blocks,
        scheme.segments,
        lines,
        scheme.phases,
        scheme.streams,
        scheme.offsets,
        source.reads,
        input_,
        packed,
        bias,
        output.view(dtype),
    )
    scratch = (
        sums.reshape(workers, -1),
        np.empty((workers, axes.shape[1]), np.int64),
        np.empty((workers, shape.tile_columns, 2 * axes.shape[1] + columns.OUTER), np.int64),
        np.empty((workers, scheme.most_copies, columns.COPY_FIELDS), np.int64),
        panels.reshape(workers, -1),
    )
    work = polyphase.work.reached(scheme.exact, dtype.char, *operands, *(of_workers[0] for of_workers in scratch))
    launch(polyphase.forward, threads, scheme.exact, work, *operands, *scratch)
    return not counter[1]
