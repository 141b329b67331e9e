"""The engine at work: weights packed, inputs copied where they must be, products launched, all as a scheme says."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from tconv.algorithms.cost import Cost, awake
from tconv.algorithms.cut import Cut
from tconv.algorithms.packing import ITEMS, Rows, pack
from tconv.algorithms.rates import RATES
from tconv.algorithms.scheme import Scheme
from tconv.geometry import PLANNED, Problem
from tconv.kernels import columns, polyphase, rearrange
from tconv.kernels.workers import UNASKED, Job, Scratch, Single
from tconv.memory import Flat, ascending, extent, flat, give_back, workspace
from tconv.taps import multiplications

FEW_OUT, FEW_IN = 12, 4  # channels with which packing transformed weights takes twice what it does with many


def cost(problem: Problem, scheme: Scheme, threads: int) -> Cost:
    """What the scheme takes, and the memory for the input's copy, if there is one, and each thread's scratch."""
    itemsize = np.dtype(scheme.dtype).itemsize
    operations = 2 * multiplications(problem) * scheme.cut.parts**2
    sizes = [
        problem.batch * problem.groups * scheme.cut.parts * channels * places
        for channels, places in (
            (problem.channels_in, prod(axis.size_in for axis in problem.axes)),
            (problem.channels_out, prod(axis.size_out for axis in problem.axes)),
        )
    ]
    copied = scheme.copy_size * itemsize if scheme.cut.copied(problem.channels_last) else 0
    scratch = (scheme.sums_size + scheme.panel_size) * itemsize + scheme.most_copies * columns.COPY_FIELDS * 8
    workspace = copied + threads * scratch
    moved = sum(sizes) * itemsize + 2 * copied + scheme.packed_size * itemsize
    packing = RATES.start_pack + (_transforming(problem) if scheme.transformed else RATES.pack) * scheme.packed_size
    return Cost(operations, moved, workspace, 1e-9 * scheme.cut.time, threads, 1e-9 * packing)


def _transforming(problem: Problem) -> float:
    """What a weight takes to be transformed and packed: the less, the more channels its rows and its item have."""
    return RATES.pack_transformed * (1 + FEW_OUT / problem.channels_out + FEW_IN / min(ITEMS[0], problem.channels_in))


def prepare(scheme: Scheme, w: np.ndarray, threads: int) -> Flat | None:
    """The weights in the order in which tiles read them; None if one is not finite."""
    return pack(rows_of(scheme), _expanded(w) if scheme.cut.parts == 2 else w[:, :, :, None], threads)


@lru_cache(maxsize=PLANNED)
def rows_of(scheme: Scheme) -> Rows:
    """What says that order: for many sizes of inputs it is the same."""
    tables = scheme.tables
    return Rows(
        channels_in_lanes=tables.shape.channels_in_lanes,
        lanes=tables.shape.lanes,
        dtype=scheme.dtype,
        weights=tables.shape.weights,
        sections=tables.sections,
        blocks=tables.blocks,
        segments=tables.segments,
        streams=tables.streams,
        taps=tables.taps,
        matrices=tables.matrices,
    )


def _key(scheme: Scheme) -> str | None:
    """What stands for the types of a kernel's operands."""
    return None if scheme.exact else scheme.dtype


def _expanded(w: np.ndarray) -> np.ndarray:
    """Complex weights as the real matrices that act on (real, imaginary): ``w[group, (in, part), out, part, ...]``."""
    groups, channels_in, channels_out, *kernel = w.shape
    real = np.empty((groups, channels_in, 2, channels_out, 2, *kernel), w.real.dtype)
    real[:, :, 0, :, 0] = real[:, :, 1, :, 1] = w.real
    real[:, :, 0, :, 1] = w.imag
    real[:, :, 1, :, 0] = -w.imag
    return real.reshape(groups, 2 * channels_in, channels_out, 2, *kernel)


def forward(scheme: Scheme, packed: Flat, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int) -> bool:
    """Copy ``x`` if it must be, multiply, and write ``y``; False if transforms met an inf or nan, and ``y`` is void."""
    if not scheme.cut.covers:
        fill(bias, y)
    threads = awake(scheme.cut.time, threads)
    added = flat_bias(bias, y.shape[1] * y.shape[2] * scheme.cut.parts, scheme.dtype)
    (input_, source), (output, target) = flat(ascending(x)), flat(y)
    job, copying = _placed(scheme, source, target, threads), _source(scheme, source, threads).copying
    if copying is None:
        return not polyphase.forward(job, _key(scheme), input_, packed, added, output)
    memory = workspace("copy", scheme.copy_size * input_.dtype.itemsize)
    room = np.zeros(scheme.copy_size, object) if scheme.exact else memory.array(scheme.copy_size, input_.dtype)
    copied, _ = flat(room)
    rearrange.copy(copying, _key(scheme), input_, copied)
    done = not polyphase.forward(job, _key(scheme), copied, packed, added, output)
    give_back("copy", memory)
    return done


def single(scheme: Scheme, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Single | None:
    """The kernel, and what it is told for an input and an output with these steps, where there is no more to do."""
    threads = awake(scheme.cut.time, threads)
    if not scheme.cut.covers or _source(scheme, source, threads).copying is not None:
        return None
    return Single(polyphase.forward, _placed(scheme, source, target, threads))


def flat_bias(bias: np.ndarray | None, size: int, dtype: str) -> Flat:
    """The bias, or so many zeros."""
    return _zeros(size, dtype) if bias is None else flat(np.ascontiguousarray(bias))[0]


@lru_cache(maxsize=PLANNED)
def _zeros(size: int, dtype: str) -> Flat:
    return flat(np.zeros(size, dtype))[0]


def fill(bias: np.ndarray | None, y: np.ndarray) -> None:
    """The bias, or zero, in every element of ``y``."""
    y[...] = 0 if bias is None else bias.reshape(bias.shape + (1,) * (y.ndim - bias.ndim - 1))


class _Source(NamedTuple):
    """Where tiles find the input: in its own memory, or in a copy in the order they need."""

    copying: Job | None
    size: int  # of that memory
    strides: dict[str, int]  # of images, groups, channels
    steps: np.ndarray  # along the axes
    reads: np.ndarray


@lru_cache(maxsize=PLANNED)
def _source(scheme: Scheme, steps: tuple[int, ...], threads: int) -> _Source:
    """The source for an input with these steps."""
    tables, parts = scheme.tables, scheme.cut.parts
    batch, group, channel, *by_axis = (step * parts for step in steps)
    sizes = [axis.size_in for axis in scheme.cut.axes]
    size = parts * extent((tables.order.batch, tables.order.groups, tables.order.channels, *sizes), steps)
    copying, strides = None, {}
    at = np.array(by_axis)
    channels_in_lanes = scheme.cut.choice.channels_in_lanes
    if scheme.cut.rearranged or (channel if channels_in_lanes else by_axis[-1]) != 1:
        order = _copy_order(scheme, sizes, batch, group, channel, by_axis)
        copy_axes = tables.copy_axes.copy()
        copy_axes[rearrange.X_STEP] = by_axis
        workers = min(threads, rearrange.items(order, len(tables.copy_parts)))
        copying = Job((order, copy_axes, tables.copy_parts), (size, UNASKED), (), workers, workers)
        size = scheme.copy_size
        at = np.array(scheme.cut.steps) * tables.order.unit
    else:
        strides = {"image": batch, "group": group, "channel": channel}
    reads = tables.reads.copy()
    reads[:, -1] *= tables.order.subplane * tables.order.unit
    reads[:, -1] += (tables.reads[:, :-1] + tables.axes[columns.FIRST]) @ at
    return _Source(copying, size, strides, at, reads)


def _copy_order(
    scheme: Scheme, sizes: list[int], batch: int, group: int, channel: int, by_axis: list[int]
) -> rearrange.Order:
    """What the copy is told for an input with these steps: squares are turned where two things change places."""
    order, cut, position = scheme.tables.order, scheme.cut, by_axis[-1]
    order = order._replace(x_batch=batch, x_group=group, x_channel=channel, x_position=position)
    if any(n > 1 and by_axis[a] != position * prod(sizes[a + 1 :]) for a, n in enumerate(sizes)):
        return order
    side_by_side = group == channel * order.channels or order.groups == 1  # the channels of all groups
    if not cut.rearranged:
        if (position if cut.choice.channels_in_lanes else channel) != 1:
            return order
        order = order._replace(turned=1)
        if side_by_side:  # more of them fill a square
            order = order._replace(groups=1, channels=order.groups * order.channels)
        return order
    split, axis = cut.splits[-1], cut.axes[-1]
    lines_of_parts = max(cut.splits[:-1], default=1) == 1 and axis.size_in % split == 0 and len(axis.parts) == split
    if cut.parts == 1 == position and lines_of_parts and side_by_side:  # positions and parts change places
        return order._replace(
            groups=order.groups * order.channels,
            channels=split,
            x_group=channel,
            x_channel=1,
            x_position=split,
            group=order.plane,
            channel=order.subplane,
            plane=order.subplane,
            turned=1,
        )
    return order


def _join(cut: Cut, axes: np.ndarray) -> None:
    """Make one long line of pointwise axes that follow on each other in both arrays: it has no ends on the way."""
    last = axes.shape[1] - 1
    for a in range(last - 1, last - cut.pointwise, -1):
        length = axes[columns.COUNT, last]
        steps = axes[[columns.STEP, columns.Y_STEP]]
        if axes[columns.COUNT, a] > 1 and (steps[:, a] != length * steps[:, last]).any():
            return
        for field in (columns.COUNT, columns.SIZE, columns.LIMIT):
            axes[field, last] *= axes[field, a]
            axes[field, a] = 1


@lru_cache(maxsize=PLANNED)
def _placed(scheme: Scheme, source_steps: tuple[int, ...], target_steps: tuple[int, ...], threads: int) -> Job:
    """What the engine is told for an input and an output with these steps."""
    tables = scheme.tables
    source = _source(scheme, source_steps, threads)
    batch, group, channel, *by_axis = (step * scheme.cut.parts for step in target_steps)
    axes = tables.axes.copy()
    axes[columns.STEP] = source.steps * axes[columns.SPAN]
    axes[columns.Y_STEP] = by_axis
    _join(scheme.cut, axes)
    lines = tables.lines.copy()
    lines[:, columns.TO] *= channel
    lines[:, columns.TO] += (tables.phases @ np.array(by_axis[:-1], np.int64))[lines[:, columns.PHASE]]
    interleaved = scheme.cut.dense and by_axis[-1] == scheme.cut.parts
    shape = tables.shape._replace(
        **source.strides,
        y_batch=batch,
        y_group=group,
        line=tables.shape.line + int(axes[columns.COUNT, -1]) - scheme.cut.axes[-1].count,  # more only if joined
        interleaved=int(interleaved),
        spread=int(not interleaved and channel == scheme.cut.parts == 1),
        adjoining=int(scheme.cut.dense and by_axis[-1] == tables.shape.channels_out),
    )
    rows = (tables.sections, tables.chunks, tables.blocks, tables.segments, lines, tables.phases, tables.streams)
    same = (shape, tables.patches, axes, *rows, tables.offsets, source.reads)
    own: tuple[Scratch, ...] = (
        (scheme.dtype, (scheme.sums_size,)),
        (np.int64, (axes.shape[1],)),
        (np.int64, (shape.tile_columns, 2 * axes.shape[1] + columns.OUTER)),
        (np.int64, (scheme.most_copies, columns.COPY_FIELDS)),
        (scheme.dtype, (scheme.panel_size,)),
    )
    workers = min(threads, ceil(shape.groups / shape.groups_at_once) * shape.tiles * shape.row_chunks)
    return Job(same, (source.size, *[UNASKED] * 3), own, workers, threads)
