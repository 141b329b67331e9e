"""The document's other procedure: insert zeros between the inputs, pad, and slide the turned kernel."""

from __future__ import annotations

from math import prod

import numpy as np

from tconv.algorithms import elementwise
from tconv.algorithms.cost import Cost, operand_bytes
from tconv.algorithms.elementwise import coordinates, flattened
from tconv.geometry import Axis, Problem
from tconv.kernels.zero_insertion import slide_turned
from tconv.taps import operations

MOST_BYTES = 1 << 30  # bytes of the input with zeros inserted; a picture of a gigabyte is no use to anyone
SECONDS_PER_CALL = 75e-6  # in Python, before the loops start
# Of one thread, those that meet an inserted zero too. Measured as in ``elementwise``: 3.2e8 to 1.2e9, integers 2e8.
TAPS_PER_SECOND = 4e8


def supports(problem: Problem) -> str | None:
    """Transposed convolutions whose input, with zeros inserted, takes at most ``MOST_BYTES``."""
    if problem.operator != "conv_transpose":
        return "it computes transposed convolutions only"
    needed = spread_bytes(problem)
    if needed > MOST_BYTES:
        return f"the input with zeros inserted would take {needed / 2**30:.1f} GiB, more than {MOST_BYTES >> 30}"
    return None


def cost(problem: Problem, threads: int) -> Cost:
    """Time goes by the cells under the kernel, whether they hold an input or not."""
    positions = prod(a.size_out for a in problem.axes)
    kernel = prod(a.size_kernel for a in problem.axes)
    channels = problem.batch * problem.groups * problem.channels_in * problem.channels_out
    taps = channels * positions * kernel
    workspace = spread_bytes(problem) + 8 * (positions + kernel)  # and the tables of starts and offsets
    workers = min(threads, problem.batch * problem.groups * problem.channels_out)
    return Cost(
        operations=operations(problem),
        bytes_moved=operand_bytes(problem) + 2 * spread_bytes(problem),
        workspace=workspace,
        work=SECONDS_PER_CALL + taps / TAPS_PER_SECOND,
        workers=workers,
    )


def prepare(problem: Problem, w: np.ndarray, threads: int) -> np.ndarray:
    """The kernel turned by 180 degrees, its spatial axes flattened."""
    return flattened(np.flip(w, axis=tuple(range(3, w.ndim))).copy())


def forward(
    problem: Problem, packed: np.ndarray, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Insert zeros, pad by ``dilation*(size_kernel - 1) - crop``, slide the turned kernel by steps of one."""
    axes = problem.axes
    sizes = spread_sizes(problem)
    spread, held = insert_zeros(problem, x)
    pitches = [prod(sizes[axis + 1 :]) for axis in range(len(axes))]
    starts = coordinates([a.size_out for a in axes]) @ pitches
    offsets = coordinates([a.size_kernel for a in axes]) * [a.dilation for a in axes] @ pitches
    tables = held.reshape(-1), starts, offsets
    return elementwise.run(slide_turned, threads, problem, spread, packed, bias, tables, y)


def spread_sizes(problem: Problem) -> tuple[int, ...]:
    """Per axis, how long the padded input is: every output has its whole window in it."""
    return tuple(a.size_out + a.dilation * (a.size_kernel - 1) for a in problem.axes)


def spread_bytes(problem: Problem) -> int:
    """Bytes of the padded input, and one for each of its cells that says whether an input lies there."""
    cells = prod(spread_sizes(problem))
    planes = problem.batch * problem.groups * problem.channels_in
    return cells * (planes * np.dtype(problem.dtype).itemsize + 1)


def insert_zeros(problem: Problem, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``x`` with zeros inserted and padded (a negative pad crops), and which cells hold an input."""
    sizes = spread_sizes(problem)
    spread = np.zeros((*x.shape[:3], *sizes), x.dtype)
    held = np.zeros(sizes, bool)
    inputs, cells = zip(*(_kept(axis) for axis in problem.axes), strict=True)
    planes = (slice(None),) * 3
    spread[planes + cells] = x[planes + inputs]
    held[cells] = True
    return spread, held


def _kept(axis: Axis) -> tuple[slice, slice]:
    """Which inputs of one axis remain after padding or cropping, and in which cells they come to lie."""
    begin = axis.dilation * (axis.size_kernel - 1) - axis.crop
    end = axis.size_out + axis.dilation * (axis.size_kernel - 1)
    first = max(0, -(begin // axis.stride))
    last = max(first, min(axis.size_in, -((begin - end) // axis.stride)))
    return slice(first, last), slice(begin + axis.stride * first, begin + axis.stride * last, axis.stride)
