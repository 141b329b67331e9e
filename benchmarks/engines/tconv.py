"""tconv itself: the layer object in its forms, and the function."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

import tconv
from benchmarks.engines import Operands, Ready
from benchmarks.layers import Layer
from tconv.algorithms import polyphase


def versions() -> dict[str, str]:
    """Of tconv and of what compiles its kernels."""
    return {"tconv": tconv.__version__, "numba": numba.__version__}


def multiply_add_peak(dtype: str, threads: int) -> float | None:
    """Operations per second of tconv's register tile alone, of real numbers; None for integers."""
    real = np.empty(0, dtype).real.dtype
    return polyphase.multiply_add_peak(real.name, threads) if real.kind == "f" else None


def build(layer: Layer, operands: Operands, form: str, threads: int) -> Ready:
    """The layer object, or the function with everything but its call settled."""
    x, layout = operands.x, "NC..."
    if form == "channels_last":
        x, layout = np.ascontiguousarray(np.moveaxis(x, 1, -1)), "N...C"
    options: dict[str, Any] = {
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
        "layout": layout,
        "threads": 1 if form == "serial" else threads,
    }
    function: Any = tconv.conv
    kind: Any = tconv.Conv
    if layer.transposed:
        function, kind = tconv.conv_transpose, tconv.ConvTranspose
        options["output_padding"] = layer.output_padding

    def look(y: NDArray[Any]) -> NDArray[Any]:
        return np.moveaxis(y, -1, 1) if form == "channels_last" else y

    if form == "function":
        return Ready(lambda: function(x, operands.w, operands.bias, **options), look)
    packed = kind(operands.w, operands.bias, **options)
    if form == "out":
        y = np.empty(layer.y, x.dtype)
        return Ready(lambda: packed(x, out=y), look, keeps_result=True)
    return Ready(lambda: packed(x), look)
