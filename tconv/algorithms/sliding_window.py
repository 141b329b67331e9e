"""The document's ordinary convolution: the kernel slides over the input, element by element."""

from __future__ import annotations

from math import prod

import numpy as np

from tconv.algorithms.cost import Cost
from tconv.algorithms.flat import bias_or_zero, coordinates, flat_result, flattened, operand_bytes
from tconv.geometry import Problem
from tconv.kernels.launch import launch
from tconv.kernels.sliding_window import slide
from tconv.taps import operations

SECONDS_PER_CALL = 50e-6  # in Python, before the loops start
# Of one thread, those outside the input too. Measured on a Zen 4 core, as for scatter: 1.4e8 to 4.7e8.
TAPS_PER_SECOND = 2.5e8


def supports(problem: Problem) -> str | None:
    """Every ordinary convolution."""
    return None if problem.operator == "conv" else "it computes ordinary convolutions only"


def cost(problem: Problem, threads: int) -> Cost:
    """Time goes by the taps, whether they lie in the input or not."""
    positions = prod(a.size_out for a in problem.axes)
    kernel = prod(a.size_kernel for a in problem.axes)
    channels = problem.batch * problem.groups * problem.channels_in * problem.channels_out
    taps = channels * positions * kernel
    workspace = 8 * len(problem.axes) * (positions + kernel)  # the tables of coordinates
    workers = min(threads, problem.batch * problem.groups * problem.channels_out)
    return Cost(
        operations=operations(problem),
        bytes_moved=operand_bytes(problem),
        workspace=workspace,
        work=SECONDS_PER_CALL + taps / TAPS_PER_SECOND,
        workers=workers,
    )


def prepare(problem: Problem, w: np.ndarray, threads: int) -> np.ndarray:
    """The weights with their spatial axes flattened: ``w[groups, channels_in, channels_out, tap]``."""
    return flattened(w.copy())


def forward(
    problem: Problem, packed: np.ndarray, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Tap ``j`` of output ``t`` meets input ``stride*t + dilation*j - crop`` of each axis."""
    axes = problem.axes
    corners = coordinates([a.size_out for a in axes]) * [a.stride for a in axes] - [a.crop for a in axes]
    reaches = coordinates([a.size_kernel for a in axes]) * [a.dilation for a in axes]
    size_in = np.array([a.size_in for a in axes])
    exact = problem.dtype == "object"
    with flat_result(y) as flat:
        launch(
            slide,
            threads,
            exact,
            flattened(x),
            packed,
            bias_or_zero(bias, problem),
            corners,
            reaches,
            size_in,
            flat,
        )
    return True
