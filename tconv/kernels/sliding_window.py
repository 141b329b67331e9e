"""Sliding window: the ordinary convolution, output by output."""

from __future__ import annotations

from typing import Any

from numba import prange

from tconv.kernels.launch import compiled
from tconv.kernels.positions import locate


@compiled
def slide(x: Any, w: Any, bias: Any, corners: Any, reaches: Any, size_in: Any, y: Any) -> None:
    """Each output is ``bias`` plus the sum of its window's inputs times the kernel, element by element.

    Spatial axes are flattened into one, the last: ``x[batch, groups, channels_in, i]``,
    ``w[groups, channels_in, channels_out, j]``, ``bias[groups, channels_out]``,
    ``y[batch, groups, channels_out, t]``. ``corners[t, axis]`` says where the window of output ``t`` begins,
    ``reaches[j, axis]`` how far from there tap ``j`` lies; taps outside ``size_in`` add nothing.
    """
    batch, groups, channels_in, _ = x.shape
    channels_out, taps = w.shape[2], w.shape[3]
    for plane in prange(batch * groups * channels_out):
        n, g, c = plane // (groups * channels_out), plane // channels_out % groups, plane % channels_out
        result = y[n, g, c]
        for t in range(len(result)):
            total = bias[g, c]
            for ci in range(channels_in):
                for j in range(taps):
                    i = locate(corners[t], reaches[j], size_in)
                    if i >= 0:
                        total += x[n, g, ci, i] * w[g, ci, c, j]
            result[t] = total
