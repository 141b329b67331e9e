"""Weights for Winograd's algorithm: transformed along each axis, before they are packed."""

from __future__ import annotations

import numpy as np
from numba import prange
from numba.extending import register_jitable

from tconv.kernels.launch import apart, call, compiled


@register_jitable
def _along(before, matrix, taps, rows, after, source, target, to):
    """Sums of blocks: ``target[i, r, j] = sum over t of matrix[t, r] * source[i, t, j]`` for ``after`` numbers j."""
    for i in range(before):
        for r in range(rows):
            here = to + (i * rows + r) * after
            begun = False
            for t in range(taps):
                factor = matrix[t, r]
                if factor == 0:
                    continue
                from_ = (i * taps + t) * after
                if begun:
                    for j in range(after):
                        target[here + j] = target[here + j] + factor * source[from_ + j]
                else:
                    for j in range(after):
                        target[here + j] = factor * source[from_ + j]
                begun = True
            if not begun:
                for j in range(after):
                    target[here + j] = 0


@apart
def transform_channels(first, step, channels_in, channels_out, taps, rows, strides, places, matrices, w, to, scratch):
    """Every ``step``-th channel in from ``first`` on: axis after axis, channels out side by side."""
    axes = taps.shape[0]
    size = channels_out
    for count in rows:
        size *= count
    for item in range(first, to.shape[0] // max(1, size), step):
        group = item // channels_in
        source = group * strides[0] + (item - group * channels_in) * strides[1]
        for tap in range(places.shape[0]):
            for channel in range(channels_out):
                scratch[0, tap * channels_out + channel] = w[source + places[tap] + channel * strides[2]]
        before, after = 1, places.shape[0] * channels_out
        for a in range(axes):
            after //= taps[a]
            if a + 1 < axes:
                _along(before, matrices[a], taps[a], rows[a], after, scratch[a % 2], scratch[(a + 1) % 2], 0)
            else:
                _along(before, matrices[a], taps[a], rows[a], after, scratch[a % 2], to, item * size)
            before *= rows[a]


@compiled
def transform(work, channels_in, channels_out, taps, rows, strides, places, matrices, w, to, scratch):
    """Fill ``to[group, in, *rows, out]`` from the flat memory ``w``, ``matrices[axis, tap, row]`` along each axis.

    ``strides`` are those of ``w`` by group, channel in and channel out; its taps lie at ``places``. ``scratch`` has two
    rows for each worker.
    """
    workers = scratch.shape[0]
    for worker in prange(workers):
        call(
            work, np.int64(worker), workers, channels_in, channels_out, taps, rows, strides, places, matrices, w, to,
            scratch[worker],
        )  # fmt: skip
