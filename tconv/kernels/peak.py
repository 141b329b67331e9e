"""Register tiles by themselves, on operands that stay in the first-level cache: the tallest reaches the peak."""

from __future__ import annotations

from numba import prange

from tconv.kernels.launch import compiled
from tconv.kernels.tile import positions_tile

TILE_DEPTH = 64


@compiled
def repeat_tile(times, rows, vectors, lanes, x, offsets, w, sums):
    """Run a tile of so many rows and vectors ``times`` times on each row of ``sums``, one row to a worker."""
    for worker in prange(sums.shape[0]):
        for _ in range(times):
            positions_tile(
                rows, vectors, lanes, TILE_DEPTH, 0, x, lanes, offsets, 0, w, 0, sums[worker], 0, vectors * lanes,
            )  # fmt: skip
