"""Products of weights as they are given, added where they land: for calls whose weights are used once.

Each input position is multiplied by all taps of all channels out: a matrix product with the weights' own rows, which
need not be packed. The columns that come of it are then added to the image, as the definition says, and as Caffe named
it. That takes longer than the phases' sums, but where an image is small, much less than packing weights does.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import ceil, prod

import numpy as np

from tconv.algorithms.cost import SERIAL, Cost, awake, operand_bytes
from tconv.algorithms.cut import lanes_of, moving, reading_listed
from tconv.algorithms.engine import flat_bias
from tconv.algorithms.rates import RATES
from tconv.geometry import PLANNED, Problem
from tconv.kernels import col2im
from tconv.kernels.col2im import CHANNELS_AT_ONCE, SHORT, TALL, TILES_AT_ONCE, WIDE, Col2im
from tconv.kernels.workers import UNASKED, Job, Scratch, Single
from tconv.memory import Flat, ascending, flat
from tconv.taps import multiplications

BLOCK = 96  # positions at a time, at most ...
PANEL_BYTES = 512 * 1024  # ... so that what is gathered of them stays in the second-level cache
CHUNKS = 16  # of channels out, at most: each worker gathers for itself


def supports(problem: Problem) -> str | None:
    """Transposed convolutions of real numbers."""
    if problem.operator != "conv_transpose":
        return "is for transposed convolution"
    if problem.dtype.startswith("complex"):
        return "is for real numbers"
    if problem.groups * scheme(problem).chunks == 1 and _time(problem) > SERIAL:
        return "has one part only, for one thread"
    return None


@lru_cache(maxsize=PLANNED)
def scheme(problem: Problem) -> Col2im:
    """The numbers: the same for any number of threads, and so are the bits. Steps are still zeros."""
    lanes = lanes_of(problem.dtype)
    itemsize = 8 if problem.dtype == "object" else np.dtype(problem.dtype).itemsize
    taps = prod(axis.size_kernel for axis in problem.axes)
    positions = prod(axis.size_in for axis in problem.axes)
    most = max(1, min(BLOCK, PANEL_BYTES // (itemsize * problem.channels_in)) // TALL) * TALL
    blocks = ceil(problem.batch * positions / most)
    block = ceil(ceil(problem.batch * positions / blocks) / TALL) * TALL
    chunk = max(ceil(WIDE * lanes / taps), ceil(problem.channels_out / CHUNKS))
    return Col2im(
        lanes=lanes,
        batch=problem.batch,
        groups=problem.groups,
        channels_in=problem.channels_in,
        channels_out=problem.channels_out,
        taps=taps,
        pitch=max(lanes, problem.channels_out * taps),
        positions=positions,
        block=block,
        chunk=chunk,
        chunks=ceil(problem.channels_out / chunk),
        x_batch=0,
        x_group=0,
        x_channel=0,
        y_batch=0,
        y_group=0,
        y_channel=0,
    )


def _time(problem: Problem) -> float:
    """Nanoseconds on one core."""
    shape = scheme(problem)
    positions = problem.batch * shape.positions
    blocks = ceil(positions / shape.block)
    rest = positions - (blocks - 1) * shape.block
    tiles = sum(times * _tiles(used) for times, used in ((blocks - 1, shape.block), (1, rest)))
    vectors = shape.chunks * ceil(shape.chunk * shape.taps / shape.lanes / WIDE)
    products = RATES.channels[0] * tiles * vectors * shape.channels_in
    weights = problem.groups * shape.channels_in * shape.pitch
    gathering = RATES.column_gather * positions * shape.channels_in * (shape.chunks if blocks > 1 else 1)
    adding = RATES.column_add * positions * shape.channels_out * shape.taps
    outputs = problem.batch * problem.channels_out * prod(axis.size_out for axis in problem.axes)
    each = products + gathering + adding + RATES.column_fill * outputs
    return (
        problem.groups * each
        + RATES.column_weight * weights * blocks
        + reading_listed(problem, weights)
        + moving(problem)
    )


def _tiles(positions: int) -> float:
    """As many tall tiles as the tiles of so many positions take."""
    tall, rest = divmod(positions, TALL)
    return tall + (0 if rest == 0 else 1 if rest > SHORT else SHORT / TALL if rest > 1 else 0.3)


def cost(problem: Problem, threads: int) -> Cost:
    """What products, and adding them, take. Packing takes nothing."""
    shape = scheme(problem)
    itemsize = np.dtype(problem.dtype).itemsize
    width = WIDE * shape.lanes
    workspace = threads * itemsize * (shape.block * (shape.channels_in + _columns(shape)) + CHANNELS_AT_ONCE * width)
    workers = min(threads, problem.groups * shape.chunks)
    time = _time(problem)
    return Cost(2 * multiplications(problem), operand_bytes(problem), workspace, 1e-9 * time, workers)


def _columns(shape: Col2im) -> int:
    """Products of one position at a time: of all tiles, of which the last ones are narrow, and may begin early."""
    width = WIDE * shape.lanes
    return min(TILES_AT_ONCE * width, ceil(shape.chunk * shape.taps / shape.lanes) * shape.lanes) + width


def prepare(problem: Problem, w: np.ndarray, threads: int) -> Flat:
    """The weights themselves, copied only if they lie in another order, or are fewer than a vector holds.

    Infinities and nans are welcome: no weight meets a zero that the input does not have.
    """
    shape = scheme(problem)
    rows, weights = shape.groups * shape.channels_in, shape.channels_out * shape.taps
    if weights == shape.pitch:
        return Flat(np.ascontiguousarray(w), w.size)
    wide = np.zeros((rows, shape.pitch), w.dtype)
    wide[:, :weights] = w.reshape(rows, weights)
    return Flat(wide, wide.size)


def forward(
    problem: Problem, packed: Flat, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Multiply every input position by all weights, and add."""
    (inputs, source), (output, target) = flat(ascending(x)), flat(y)
    added = flat_bias(bias, problem.groups * problem.channels_out, problem.dtype)
    key = None if problem.dtype == "object" else problem.dtype
    col2im.col2im(_placed(problem, source, target, threads), key, inputs, packed, added, output)
    return True


def single(problem: Problem, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Single:
    """The kernel, and what it is told for an input and an output with these steps."""
    return Single(col2im.col2im, _placed(problem, source, target, threads))


@lru_cache(maxsize=PLANNED)
def _placed(problem: Problem, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Job:
    """What the kernel is told for an input and an output with these steps."""
    (x_batch, x_group, x_channel, *x_steps), (y_batch, y_group, y_channel, *y_steps) = source, target
    shape = scheme(problem)._replace(
        x_batch=x_batch, x_group=x_group, x_channel=x_channel, y_batch=y_batch, y_group=y_group, y_channel=y_channel
    )
    axes = problem.axes
    table = np.array([
        [axis.size_in for axis in axes], x_steps, [axis.stride for axis in axes], [axis.crop for axis in axes],
        [axis.dilation * (axis.size_kernel - 1) for axis in axes], [axis.size_out for axis in axes], y_steps,
    ])  # fmt: skip
    taps = product(*(range(axis.size_kernel) for axis in axes))
    reaches = np.array([[axis.dilation * j for axis, j in zip(axes, tap, strict=True)] for tap in taps], np.int64)
    width = WIDE * shape.lanes
    own: tuple[Scratch, ...] = (
        *[(np.int64, (shape.block,))] * 2,
        (np.int64, (shape.block, len(axes) + 1)),
        (problem.dtype, (shape.block * shape.channels_in,)),
        (problem.dtype, (CHANNELS_AT_ONCE * width,)),
        (problem.dtype, (shape.block * _columns(shape),)),
    )
    threads = awake(_time(problem), threads)
    workers = min(threads, shape.groups * shape.chunks)
    return Job((shape, table, reaches, reaches @ np.array(y_steps)), (UNASKED,) * 4, own, workers, threads)
