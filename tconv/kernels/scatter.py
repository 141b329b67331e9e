"""Scatter: place each input times the whole kernel, and add the overlaps."""

from __future__ import annotations

from typing import Any

from numba import prange

from tconv.kernels.launch import compiled
from tconv.kernels.positions import locate


@compiled
def place_kernels(x: Any, w: Any, bias: Any, corners: Any, reaches: Any, size_out: Any, y: Any) -> None:
    """Fill ``y`` with ``bias``, then place ``x[i] * w`` into it at ``corners[i]``, for every ``i``.

    Spatial axes are flattened into one, the last: ``x[batch, groups, channels_in, i]``,
    ``w[groups, channels_in, channels_out, j]``, ``bias[groups, channels_out]``,
    ``y[batch, groups, channels_out, t]``. ``corners[i, axis]`` says where input ``i`` puts the first tap,
    ``reaches[j, axis]`` how far from there tap ``j`` lies; what falls outside ``size_out`` is cropped.
    """
    batch, groups, channels_in, inputs = x.shape
    channels_out, taps = w.shape[2], w.shape[3]
    for plane in prange(batch * groups * channels_out):  # each plane of y has one owner: no races
        n, g, c = plane // (groups * channels_out), plane // channels_out % groups, plane % channels_out
        result = y[n, g, c]
        for t in range(len(result)):
            result[t] = bias[g, c]
        for ci in range(channels_in):
            image, kernel = x[n, g, ci], w[g, ci, c]
            for i in range(inputs):
                for j in range(taps):
                    t = locate(corners[i], reaches[j], size_out)
                    if t >= 0:
                        result[t] += image[i] * kernel[j]
