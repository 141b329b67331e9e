"""JAX: ``lax.conv_general_dilated``, compiled for each layer; of dilated input and turned kernel if transposed.

Channels stand last: on six layers tried that took from 0.36 (johnson.2) to 1.04 (gan3d.2) of the time of
channels first.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from jax import lax
from numpy.typing import NDArray

from benchmarks.engines import Operands, Ready
from benchmarks.layers import Layer


def versions() -> dict[str, str]:
    """Of JAX and of its compiler."""
    return {"jax": jax.__version__, "jaxlib": version("jaxlib")}


def turned(w: NDArray[Any], groups: int) -> NDArray[Any]:
    """Weights "IO..." as lax wants them: turned, `(*kernel, channels_in / groups, channels_out)`."""
    w = np.flip(w, tuple(range(2, w.ndim)))
    w = w.reshape(groups, -1, *w.shape[1:])
    w = np.moveaxis(w, 0, 1).reshape(w.shape[1], -1, *w.shape[3:])
    return np.moveaxis(w, (0, 1), (-2, -1))


def build(layer: Layer, operands: Operands, form: str, threads: int) -> Ready:
    """The compiled function, its operands on JAX's side."""
    last = len(layer.x) - 1
    ones = layer.per_axis(1)
    stride, dilation = layer.per_axis(layer.stride), layer.per_axis(layer.dilation)
    if layer.transposed:
        named = (layer.kernel, layer.padding, layer.output_padding, layer.dilation)
        axes = zip(*map(layer.per_axis, named), strict=True)
        padding = [((k - 1) * d - p, (k - 1) * d - p + op) for k, p, op, d in axes]
        w, strides, dilations = turned(operands.w, layer.groups), ones, stride
    else:
        padding = [(p, p) for p in layer.per_axis(layer.padding)]
        w, strides, dilations = np.moveaxis(operands.w, (1, 0), (-2, -1)), stride, ones
    numbers = lax.ConvDimensionNumbers(
        lhs_spec=(0, last, *range(1, last)),
        rhs_spec=(last, last - 1, *range(last - 1)),
        out_spec=(0, last, *range(1, last)),
    )

    def compute(x: Any, w: Any, bias: Any) -> Any:
        y = lax.conv_general_dilated(
            x,
            w,
            strides,
            padding,
            lhs_dilation=dilations,
            rhs_dilation=dilation,
            dimension_numbers=numbers,
            feature_group_count=layer.groups,
        )
        return y if bias is None else y + bias

    arrays = (np.moveaxis(operands.x, 1, -1), w, operands.bias)
    on_device = jax.device_put(arrays)
    compiled = jax.jit(compute).lower(*on_device).compile()

    def call() -> Any:
        return compiled(*on_device).block_until_ready()

    def look(y: Any) -> NDArray[Any]:
        return np.moveaxis(np.asarray(y), -1, 1)

    return Ready(call, look)
