"""The engine: phases of the output as ordinary convolutions of stride 1, run on register tiles.

No zero is multiplied but those around the input, every output is written once. Phases that read the same inputs
(see ``tconv.polyphase``) form one matrix product: rows are channels out times phases, columns are positions, the
depth is taps times channels in. No buffer holds the columns. With positions in the vector lanes, what a few dozen of
them read is gathered into a panel that stays in the second-level cache; with channels in the lanes, each tap has a list
of the positions at which it meets an input.
What can be chosen is chosen by what it would take: see ``tconv.algorithms.cut``.
"""

from __future__ import annotations

from collections.abc import Hashable
from time import perf_counter

import numpy as np

from tconv.algorithms import engine
from tconv.algorithms.cost import Cost
from tconv.algorithms.cut import lanes_of
from tconv.algorithms.scheme import scheme
from tconv.geometry import Problem
from tconv.kernels import peak
from tconv.kernels.launch import launch
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS
from tconv.kernels.workers import Single
from tconv.memory import Flat, aligned_empty, flat


def supports(problem: Problem) -> str | None:
    """Everything."""
    return None


def cost(problem: Problem, threads: int) -> Cost:
    """That of the best scheme."""
    best = scheme(problem, threads)
    return Cost(0, 0, 0, 0.0, 1) if best is None else engine.cost(problem, best, threads)


def prepare(problem: Problem, w: np.ndarray, threads: int) -> Flat | None:
    """The weights packed; None if one is not finite."""
    best = scheme(problem, threads)
    return flat(np.empty(0, w.dtype))[0] if best is None else engine.prepare(best, w, threads)


def packing_order(problem: Problem, threads: int) -> Hashable:
    """On what it depends how weights are packed."""
    best = scheme(problem, threads)
    return None if best is None else engine.rows_of(best)


def forward(
    problem: Problem, packed: Flat, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Run the best scheme; where no output holds more than its bias there is none."""
    best = scheme(problem, threads)
    if best is not None:
        return engine.forward(best, packed, x, bias, y, threads)
    engine.fill(bias, y)
    return True


def single(problem: Problem, source: tuple[int, ...], target: tuple[int, ...], threads: int) -> Single | None:
    """The engine's one kernel, where that is all."""
    best = scheme(problem, threads)
    return None if best is None else engine.single(best, source, target, threads)


def multiply_add_peak(dtype: str, threads: int) -> float:
    """Operations per second (an addition and a multiplication are two) that the register tile reaches here."""
    rows = POSITION_ROWS[0]
    return 2 * rows * POSITION_VECTORS * lanes_of(dtype) * threads / step_time(dtype, rows, POSITION_VECTORS, threads)


def step_time(dtype: str, rows: int, vectors: int, threads: int) -> float:
    """Seconds for one step of depth of a register tile of so many rows and vectors, on so many threads at once.

    The best of many short runs on numbers that stay in the first-level cache; about 0.1 s.
    """
    lanes = lanes_of(dtype)
    columns = vectors * lanes
    real = np.empty(0, dtype).real.dtype
    x, w = aligned_empty(peak.TILE_DEPTH * columns, real), aligned_empty(peak.TILE_DEPTH * rows, real)
    x[:], w[:] = 1, 1
    sums = aligned_empty(threads * rows * columns, real).reshape(threads, -1)
    offsets = np.arange(peak.TILE_DEPTH) * columns
    times = 2_000
    best = float("inf")
    for _ in range(40):
        before = perf_counter()
        launch(peak.repeat_tile, threads, False, times, rows, vectors, lanes, x, offsets, w, sums)
        best = min(best, perf_counter() - before)
    return best / (times * peak.TILE_DEPTH)
