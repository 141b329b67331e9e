"""What the result must be, computed tap by tap in double precision, and how far from it rounding may lead.

    y[n, c, s*i + d*j - p] += sum over ci of  x[n, ci, i] * w[ci, c, j]

is one matrix product for each tap j. NumPy only: nothing is shared with tconv or with any peer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines import Operands
from benchmarks.layers import Layer


def transposed(layer: Layer, x: NDArray[Any], w: NDArray[Any], bias: NDArray[Any] | None) -> NDArray[Any]:
    """The layer's result in the dtype of the operands."""
    named = (layer.stride, layer.padding, layer.dilation)
    stride, padding, dilation = map(layer.per_axis, named)
    batch, groups, space = layer.x[0], layer.groups, range(len(layer.size_in))
    x = x.reshape(batch, groups, x.shape[1] // groups, -1)
    w = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    # Natural output, and whatever output_padding takes beyond it.
    sizes = [layer.y[2 + axis] + 2 * padding[axis] for axis in space]
    y = np.zeros((batch, groups, w.shape[2], *sizes), np.result_type(x, w))
    for tap in np.ndindex(*w.shape[3:]):
        one: Any = (..., *tap)
        product = np.ascontiguousarray(w[one].swapaxes(1, 2)) @ x
        axes = zip(tap, dilation, layer.size_in, stride, strict=True)
        where: Any = (..., *(slice(d * j, d * j + (i - 1) * s + 1, s) for j, d, i, s in axes))
        y[where] += product.reshape(*product.shape[:3], *layer.size_in)
    kept: Any = (..., *(slice(p, p + o) for p, o in zip(padding, layer.y[2:], strict=True)))
    y = np.reshape(y[kept], layer.y)
    if bias is not None:
        y += bias.reshape(-1, *(1 for _ in space))
    return y


@dataclass(frozen=True)
class Truth:
    """The right result, and for each output the largest error that any order of summation can cause."""

    y: NDArray[Any]
    bound: NDArray[Any] | None  # None for integers: they are exact

    def judge(self, y: NDArray[Any]) -> dict[str, float]:
        """The largest error, as a part of the largest output and as a part of the proved bound.

        A result is wrong if ``of_bound`` is above 1; nan counts as infinitely wrong.
        """
        if y.shape != self.y.shape:
            return {"error": float("inf"), "of_bound": float("inf")}
        difference = np.abs(y - self.y)
        error = float(np.max(difference)) / (float(np.max(np.abs(self.y))) or 1.0)
        if self.bound is None:
            of_bound = 0.0 if np.array_equal(y, self.y) else float("inf")
        else:
            of_bound = float(np.max(difference / np.maximum(self.bound, np.finfo(float).tiny)))
        if not (np.isfinite(error) and np.isfinite(of_bound)):
            error = of_bound = float("inf")
        return {"error": error, "of_bound": of_bound}


def truth(layer: Layer, operands: Operands) -> Truth:
    """The result in double precision with the bound of Higham's *Accuracy and Stability*, section 3.1.

    ``(gamma(n, u) + gamma(n, v)) * (|bias| + sum |x| |w|)`` with ``gamma(n, u) = n*u / (1 - n*u)``, n the
    number of terms, u the unit roundoff of the engine's dtype, v that of this computation. Complex products
    add two roundings and a factor of the square root of 2.
    """
    dtype = operands.x.dtype
    wide = np.dtype({"i": np.int64, "f": np.float64, "c": np.complex128}[dtype.kind])
    x, w = operands.x.astype(wide), operands.w.astype(wide)
    bias = None if operands.bias is None else operands.bias.astype(wide)
    y = transposed(layer, x, w, bias)
    if dtype.kind == "i":
        return Truth(y.astype(dtype), None)
    size = transposed(layer, np.abs(x), np.abs(w), None if bias is None else np.abs(bias))
    terms = layer.terms + (2 if dtype.kind == "c" else 0)
    factor = 2**0.5 if dtype.kind == "c" else 1.0
    roundings = (np.finfo(dtype).eps / 2, np.finfo(np.float64).eps / 2)
    return Truth(y, factor * sum(terms * u / (1 - terms * u) for u in roundings) * size)
