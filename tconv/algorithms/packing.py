"""Packing: weights put in the order in which tiles read them, as tables of rows say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, prod

import numpy as np

from tconv.geometry import PLANNED
from tconv.kernels import pack as kernel
from tconv.kernels import weights
from tconv.kernels.weights import Packing, Transforms
from tconv.kernels.workers import UNASKED, Job, Scratch
from tconv.memory import Flat, ascending, flat, lent_empty

ITEM_BYTES = 256 * 1024  # of what is turned or transformed at a time: it stays in the second-level cache
# Fewest and most channels in that are packed at a time, but for small weights, of which each thread is to have some:
# fewer make short runs of packed weights.
ITEMS = (16, 64)
ITEMS_PER_THREAD = 4


@dataclass(frozen=True, eq=False)
class Rows:
    """The tables that say which weights each row of tiles holds; see ``kernels.columns``.

    Equal if what they hold is: then weights that are packed for one problem serve another.
    """

    channels_in_lanes: int
    lanes: int
    dtype: str
    weights: int  # packed, of one group of channels
    sections: np.ndarray
    blocks: np.ndarray
    segments: np.ndarray
    streams: np.ndarray
    taps: np.ndarray  # by axis, the index of the tap, or of the row that transforms make of taps
    matrices: tuple[np.ndarray, ...] = ()  # taps by rows, by which weights are transformed along each axis first

    @cached_property
    def _held(self) -> tuple[object, ...]:
        read = self.sections[:, kernel.OF_SECTION], self.blocks[:, kernel.OF_BLOCK], self.segments[:, kernel.OF_SEGMENT]
        tables = *read, self.streams, self.taps, *self.matrices
        numbers = self.channels_in_lanes, self.lanes, self.dtype, self.weights
        return (*numbers, *((table.shape, table.tobytes()) for table in tables))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self._held == other._held

    def __hash__(self) -> int:
        return hash(self._held)


def pack(rows: Rows, w: np.ndarray, threads: int) -> Flat | None:
    """``w[group, in, out, part, *kernel]`` as ``rows`` have it; None if a weight is not finite.

    The zeros around the input must not meet an inf or nan, so such weights are for an algorithm without them.
    """
    memory, steps = flat(ascending(w))
    packed, _ = flat(lent_empty(w.shape[0] * rows.weights, w.dtype))
    job = _job(rows, w.shape, steps, threads)
    return None if kernel.pack(job, None if w.dtype.hasobject else w.dtype.name, memory, packed) else packed


@lru_cache(maxsize=PLANNED)
def _job(rows: Rows, shape: tuple[int, ...], steps: tuple[int, ...], threads: int) -> Job:
    """What the kernel is told for weights of this shape, with these steps."""
    groups, channels_in, channels_out, parts, *sizes = shape
    group, step_in, step_out, step_part, *by_axis = steps
    dtype = np.dtype(rows.dtype)
    n_taps, out = prod(sizes), channels_out * parts
    places = _places(sizes, by_axis)
    order = _order(rows, places, channels_out, step_in, step_out)
    made = [matrix.shape[1] for matrix in rows.matrices] or sizes
    fitting = ITEM_BYTES // (dtype.itemsize * out * prod(made))
    even = ceil(groups * channels_in / (ITEMS_PER_THREAD * threads))
    fewest = max(1, min(ITEMS[0], groups * channels_in // threads))
    item = min(channels_in, max(fewest, min(fitting, even, ITEMS[1])))
    short = not rows.channels_in_lanes and not rows.matrices and out >= rows.lanes
    pitch = out + rows.lanes if short else out  # what short runs read must not lie in the same sets of a cache
    packing = Packing(
        lanes=rows.lanes,
        channels_in_lanes=rows.channels_in_lanes,
        groups=groups,
        channels_in=channels_in,
        channels_out=channels_out,
        parts=parts,
        weights=rows.weights,
        item=item,
        order=order,
        pitch=pitch,
        size=1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True)),
        group=group,
        step_in=step_in,
        step_out=step_out,
        step_part=step_part,
    )
    if order == weights.OUT:
        strides, by_axis, staged = steps[:4], list(by_axis), 0
    else:  # nor must the transformed weights of channels in
        strides = (0, prod(made) * pitch + (rows.lanes if rows.matrices else 0), 1, channels_out)
        by_axis = [prod(made[a + 1 :]) * pitch for a in range(len(made))]
        staged = (max(item, rows.lanes) * n_taps + rows.lanes) * pitch
    between = max((prod(made[:a]) * prod(sizes[a:]) for a in range(1, len(rows.matrices))), default=0) * out
    own: tuple[Scratch, ...] = (
        (dtype, (staged,)),
        (dtype, (2, between)),
        (dtype, (item * strides[1] if rows.matrices else 0,)),
    )
    tables = (rows.sections, rows.blocks, rows.segments, rows.streams, rows.taps @ np.array(by_axis, np.int64))
    workers = min(threads, groups * ceil(channels_in / item))
    same = (packing, *tables, np.array(strides), places, _transforms(rows.matrices, dtype))
    return Job(same, (UNASKED,) * 2, own, workers, workers)


def _places(sizes: list[int], steps: list[int]) -> np.ndarray:
    """Where the taps lie."""
    places = np.zeros(1, np.int64)
    for size, step in zip(sizes, steps, strict=True):
        places = np.add.outer(places, step * np.arange(size)).reshape(-1)
    return places


def _order(rows: Rows, places: np.ndarray, channels_out: int, step_in: int, step_out: int) -> int:
    """What lies side by side."""
    if not rows.matrices and (step_out == 1 or channels_out < rows.lanes):
        return weights.OUT
    if np.array_equal(places, np.arange(places.size)) and (places.size > 1 or step_in == 1):
        return weights.ALL if step_in == places.size else weights.TAPS
    return weights.IN if step_in == 1 else weights.NOTHING


def _transforms(matrices: tuple[np.ndarray, ...], dtype: np.dtype) -> Transforms:
    taps, rows = (np.array([matrix.shape[a] for matrix in matrices], np.int64) for a in (0, 1))
    table = np.zeros((len(matrices), max(taps, default=0), max(rows, default=0)), dtype)
    for room, matrix in zip(table, matrices, strict=True):
        room[: matrix.shape[0], : matrix.shape[1]] = matrix
    return Transforms(table, taps, rows)
