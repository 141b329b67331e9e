"""The document's ordinary convolution: the kernel slides over the input, element by element."""

from __future__ import annotations

from math import prod

import numpy as np

from tconv.algorithms import elementwise
from tconv.algorithms.cost import Cost
from tconv.algorithms.elementwise import coordinates, flattened
from tconv.geometry import Problem
from tconv.kernels.sliding_window import slide


def supports(problem: Problem) -> str | None:
    """Every ordinary convolution."""
    return None if problem.operator == "conv" else "it computes ordinary convolutions only"


def cost(problem: Problem, threads: int) -> Cost:
    """Time goes by the taps, whether they lie in the input or not."""
    return elementwise.cost(problem, threads, prod(a.size_out for a in problem.axes))


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
    tables = corners, reaches, np.array([a.size_in for a in axes])
    return elementwise.run(slide, threads, problem, x, packed, bias, tables, y)
