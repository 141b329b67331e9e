"""Overlap and add: the document's procedure on register tiles, for few channels out.

Each input is multiplied by all taps of all channels out at once, which fills the rows of a matrix product where the
phases by themselves would not, and reads each input once. The products are then added where they land, band by band of
the output, in sums that stay in the second-level cache.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from tconv.algorithms.cost import Cost
from tconv.algorithms.cut import lanes_of, moving, panels, reading, tiles_of, weaving
from tconv.algorithms.engine import fill, flat_bias
from tconv.algorithms.rates import RATES
from tconv.geometry import PLANNED, Problem
from tconv.kernels import overlap_add
from tconv.kernels.overlap_add import Overlap
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS, padded_rows, panel_height
from tconv.kernels.workers import UNASKED, Job, Scratch, Single
from tconv.memory import Flat, ascending, extent, flat, lent_empty
from tconv.taps import multiplications

SUMS_BYTES = 512 * 1024  # of a band; more where a band would be mostly margin
MOST_SUMS_BYTES = 2**20
SLICES = (2, 8)  # register tiles of columns to a tile: along a line, inputs are read the better the further ...
TILE_BYTES = 256 * 1024  # ... but the panel and the products stay in the second-level cache


class Scheme(NamedTuple):
    """The tables of one problem."""

    overlap: Overlap
    axes: np.ndarray
    reaches: np.ndarray
    shifts: np.ndarray
    offsets: np.ndarray
    bias_rows: np.ndarray
    rows: int
    sums_size: int
    covers: bool  # every output is reached by a product


def supports(problem: Problem) -> str | None:
    """Transposed convolutions of real numbers whose sums for one position of the first axis fit in a cache."""
    if problem.operator != "conv_transpose":
        return "is for transposed convolution"
    if problem.dtype.startswith("complex"):
        return "is for real numbers"
    if _bytes(problem, _sums(problem, 1)) > MOST_SUMS_BYTES:
        return "has more sums than a cache holds"
    return None


def _bytes(problem: Problem, size: int) -> int:
    return size * (8 if problem.dtype == "object" else np.dtype(problem.dtype).itemsize)


def _natural(problem: Problem) -> list[int]:
    """Sizes of the output before it is cropped."""
    return [(a.size_in - 1) * a.stride + (a.size_kernel - 1) * a.dilation + 1 for a in problem.axes]


def _margin(problem: Problem) -> int:
    first = problem.axes[0]
    return (first.size_kernel - 1) * first.dilation // first.stride


def _pitch(problem: Problem, band: int) -> int:
    """Positions to a row of sums, and what vectors are read beyond."""
    last = problem.axes[-1]
    reach = (last.size_kernel - 1) * last.dilation // last.stride
    positions = last.size_in + reach if len(problem.axes) > 1 else band + 2 * _margin(problem)
    lanes = lanes_of(problem.dtype)
    return ceil((positions + 1) / lanes) * lanes


def _sums(problem: Problem, band: int) -> int:
    """Size of the sums of a band."""
    lines = 1
    if len(problem.axes) > 1:
        lines = problem.axes[0].stride * (band + 2 * _margin(problem)) * prod(_natural(problem)[1:-1])
    size: int = lines * problem.channels_out * problem.axes[-1].stride * _pitch(problem, band)
    return size + lanes_of(problem.dtype)


def _band(problem: Problem) -> int:
    """Positions to a band: what fits in the cache, and at least four times what is computed twice."""
    positions = ceil(_natural(problem)[0] / problem.axes[0].stride)
    band = 1
    while band < positions:
        size = _bytes(problem, _sums(problem, 2 * band))
        if size > MOST_SUMS_BYTES or (size > SUMS_BYTES and band >= 4 * _margin(problem)):
            break
        band *= 2
    return ceil(positions / ceil(positions / band))


@lru_cache(maxsize=PLANNED)
def scheme(problem: Problem) -> Scheme:
    """The tables: the same for any number of threads, and so are the bits."""
    axes, lanes = problem.axes, lanes_of(problem.dtype)
    *outer, last = axes
    band, margin, natural = _band(problem), _margin(problem), _natural(problem)
    taps = list(product(*(range(axis.size_kernel) for axis in outer)))
    rows = len(taps) * problem.channels_out * last.size_kernel
    slice_bytes = _bytes(problem, lanes * POSITION_VECTORS * (problem.channels_in + rows))
    tile = lanes * POSITION_VECTORS * min(max(TILE_BYTES // slice_bytes, SLICES[0]), SLICES[1])
    positions = ceil(natural[0] / axes[0].stride)
    lines = [axes[0].stride * (band + 2 * margin), *natural[1:]]
    overlap = Overlap(
        lanes=lanes,
        batch=problem.batch,
        groups=problem.groups,
        channels_in=problem.channels_in,
        channels_out=problem.channels_out,
        taps=len(taps),
        kernel=last.size_kernel,
        weights=padded_rows(0, lanes, rows) * problem.channels_in,
        tile=tile,
        band=band,
        bands=ceil(positions / band),
        margin=margin,
        pitch=_pitch(problem, band),
        x_batch=0,
        x_group=0,
        x_channel=0,
        y_batch=0,
        y_group=0,
        y_channel=0,
    )
    reached = [last.dilation * j for j in range(last.size_kernel)]
    zeros = [0] * len(axes)
    return Scheme(
        overlap=overlap,
        axes=np.array([
            [axis.size_in for axis in axes], zeros, [axis.stride for axis in axes], natural,
            [axis.crop for axis in axes], [axis.size_out for axis in axes], zeros, lines,
        ]),
        reaches=np.array(
            [[axis.dilation * j for axis, j in zip(outer, tap, strict=True)] for tap in taps], np.int64
        ).reshape(len(taps), len(outer)),
        shifts=np.array([[t // last.stride for t in reached], [t % last.stride for t in reached]]),
        offsets=np.arange(problem.channels_in) * tile,
        bias_rows=np.array([[0, channel] for channel in range(problem.channels_out)], np.int64).reshape(-1, 2),
        rows=rows,
        sums_size=ceil(_sums(problem, band) / 64) * 64,
        covers=all(a.crop >= 0 and a.crop + a.size_out <= n for a, n in zip(axes, natural, strict=True)),
    )  # fmt: skip


def cost(problem: Problem, threads: int) -> Cost:
    """What it takes: gathering, products, additions and writing; inputs of the margins count twice."""
    best = scheme(problem)
    overlap, lanes = best.overlap, best.overlap.lanes
    inputs = problem.batch * problem.groups * prod(axis.size_in for axis in problem.axes)
    again = (overlap.band + overlap.margin) / overlap.band
    columns = problem.axes[-1].size_in
    if len(problem.axes) == 1:
        columns = min(columns, overlap.band + overlap.margin)
    lines = inputs * again / columns
    vectors = lines * ceil(columns / lanes)
    tiles = lines * tiles_of(columns, lanes)
    each, count = panels(False, lanes, best.rows)
    products = tiles * (each * problem.channels_in + RATES.start * count)
    outputs = problem.batch * problem.groups * problem.channels_out * prod(axis.size_out for axis in problem.axes)
    stride = problem.axes[-1].stride
    each_vector = weaving(stride, lanes)
    if problem.channels_last:
        woven = problem.groups == 1
        each_vector = weaving(stride * problem.channels_out, lanes) if woven else RATES.write_element * lanes
    writing = outputs / lanes * (each_vector + RATES.clear * again)
    writing += outputs / problem.axes[-1].size_out * RATES.write_run
    adding = best.rows * (RATES.add * vectors + RATES.add_row * lines * ceil(columns / overlap.tile))
    gathering = problem.channels_in * RATES.gather * vectors
    if problem.channels_last and problem.groups * problem.channels_in > 1:
        turned = min(problem.channels_in, columns) >= lanes
        squares = RATES.turn * lanes**2 * ceil(problem.channels_in / lanes) * vectors
        gathering = squares if turned else RATES.scatter * problem.channels_in * lines * columns
    time = products + gathering + adding + writing
    time += reading(problem, problem.groups * overlap.weights, inputs // problem.groups) + moving(problem)
    sizes = (problem.groups * overlap.weights, problem.channels_in * inputs, outputs)
    itemsize = _bytes(problem, 1)
    scratch = problem.channels_in * overlap.tile + (best.rows + POSITION_ROWS[0]) * overlap.tile + best.sums_size
    workers = min(threads, problem.batch * problem.groups * overlap.bands)
    moved, workspace = sum(sizes) * itemsize, threads * scratch * itemsize
    preparing = 1e-9 * RATES.pack_rows * problem.groups * overlap.weights
    return Cost(2 * multiplications(problem), moved, workspace, 1e-9 * time, workers, preparing)


def prepare(problem: Problem, w: np.ndarray, threads: int) -> Flat:
    """The weights as rows of channels out and taps, in panels."""
    best = scheme(problem)
    rows = w.reshape(problem.groups, problem.channels_in, best.rows)
    packed = lent_empty(problem.groups * best.overlap.weights, w.dtype)
    packed[:] = 0
    by_group = packed.reshape(problem.groups, -1)
    row = at = 0
    while row < best.rows:
        height = panel_height(0, best.overlap.lanes, best.rows - row)
        used = rows[:, :, row : row + height]
        panel = by_group[:, at : at + height * problem.channels_in].reshape(problem.groups, -1, height)
        panel[:, :, : used.shape[2]] = used
        row += height
        at += height * problem.channels_in
    return flat(packed)[0]


def packing_order(problem: Problem, threads: int) -> None:
    """Nothing but the weights says how they are packed."""


def forward(
    problem: Problem, packed: Flat, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Multiply every input by every tap, and add."""
    best = scheme(problem)
    if not best.covers:
        fill(bias, y)
    (inputs, source), (output, target) = flat(ascending(x)), flat(y)
    added = flat_bias(bias, problem.groups * problem.channels_out, problem.dtype)
    key = None if problem.dtype == "object" else problem.dtype
    overlap_add.overlap_add(_placed(problem, source, target, threads), key, inputs, packed, added, output)
    return True


def single(problem: Problem, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Single | None:
    """The kernel, and what it is told for an input and an output with these steps, where there is no more to do."""
    covers = scheme(problem).covers
    return Single(overlap_add.overlap_add, _placed(problem, source, target, threads)) if covers else None


@lru_cache(maxsize=PLANNED)
def _placed(problem: Problem, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Job:
    """What the kernel is told for an input and an output with these steps."""
    best = scheme(problem)
    (x_batch, x_group, x_channel, *x_steps), (y_batch, y_group, y_channel, *y_steps) = source, target
    overlap = best.overlap._replace(
        x_batch=x_batch, x_group=x_group, x_channel=x_channel, y_batch=y_batch, y_group=y_group, y_channel=y_channel
    )
    axes = best.axes.copy()
    axes[overlap_add.X_STEP], axes[overlap_add.Y_STEP] = x_steps, y_steps
    own: tuple[Scratch, ...] = (
        (np.int64, (overlap.taps,)),
        (problem.dtype, (problem.channels_in * overlap.tile,)),
        (problem.dtype, ((best.rows + POSITION_ROWS[0]) * overlap.tile,)),
        (problem.dtype, (best.sums_size,)),
    )
    workers = min(threads, problem.batch * problem.groups * overlap.bands)
    same = (overlap, axes, best.reaches, best.shifts, best.offsets, best.bias_rows)
    return Job(same, (extent(problem.x_shape, source), *[UNASKED] * 3), own, workers, threads)
