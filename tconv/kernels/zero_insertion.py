"""Zero insertion: slide the turned kernel over the input with zeros inserted."""

from __future__ import annotations

from typing import Any

from numba import prange

from tconv.kernels.launch import compiled


@compiled
def slide_turned(spread: Any, turned: Any, bias: Any, held: Any, starts: Any, offsets: Any, y: Any) -> None:
    """Each output is ``bias`` plus the sum over its window of ``spread`` times the ``turned`` kernel.

    Spatial axes are flattened into one, the last: ``spread[batch, groups, channels_in, cell]``,
    ``turned[groups, channels_in, channels_out, j]``, ``bias[groups, channels_out]``,
    ``y[batch, groups, channels_out, t]``. Tap ``j`` of output ``t`` is the cell ``starts[t] + offsets[j]``.
    ``held[cell]`` says whether an input lies there. A zero that was put in is not an input, so it is not
    multiplied: with an infinite weight it would make a nan.
    """
    batch, groups, channels_in, _ = spread.shape
    channels_out, taps = turned.shape[2], turned.shape[3]
    for plane in prange(batch * groups * channels_out):
        n, g, c = plane // (groups * channels_out), plane // channels_out % groups, plane % channels_out
        result = y[n, g, c]
        for t in range(len(result)):
            total = bias[g, c]
            for ci in range(channels_in):
                for j in range(taps):
                    cell = starts[t] + offsets[j]
                    if held[cell]:
                        total += spread[n, g, ci, cell] * turned[g, ci, c, j]
            result[t] = total
