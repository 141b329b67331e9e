"""What the result must be, computed tap by tap in double precision, and how far from it rounding may lead.

    transposed:  y[n, c, s*i + d*j - p] += sum over ci of  x[n, ci, i] * w[ci, c, j]
    ordinary:    y[n, c, i] += sum over ci of  x[n, ci, s*i + d*j - p] * w[c, ci, j]

are one matrix product for each tap j. NumPy only: nothing is shared with tconv or with any peer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines import Operands
from benchmarks.layers import Layer


def compute(layer: Layer, x: NDArray[Any], w: NDArray[Any], bias: NDArray[Any] | None) -> NDArray[Any]:
    """The layer's result in the dtype of the operands."""
    batch, groups, space = layer.x[0], layer.groups, range(len(layer.size_in))
    padding = layer.per_axis(layer.padding)
    w = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    if layer.transposed:
        x = x.reshape(batch, groups, x.shape[1] // groups, -1)
        # Natural output, and whatever output_padding takes beyond it.
        sizes = [layer.y[2 + axis] + 2 * padding[axis] for axis in space]
        y = np.zeros((batch, groups, w.shape[2], *sizes), np.result_type(x, w))
        for tap, where in _taps(layer, layer.size_in):
            product = np.ascontiguousarray(w[tap].swapaxes(1, 2)) @ x
            y[where] += product.reshape(*product.shape[:3], *layer.size_in)
        kept: Any = (..., *(slice(p, p + o) for p, o in zip(padding, layer.y[2:], strict=True)))
        y = y[kept]
    else:
        x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
        x = x.reshape(batch, groups, x.shape[1] // groups, *x.shape[2:])
        y = np.zeros((batch, groups, w.shape[1], prod(layer.y[2:])), np.result_type(x, w))
        for tap, where in _taps(layer, layer.y[2:]):
            y += np.ascontiguousarray(w[tap]) @ x[where].reshape(*x.shape[:3], -1)
    y = y.reshape(layer.y)
    if bias is not None:
        y += bias.reshape(-1, *(1 for _ in space))
    return y


def _taps(layer: Layer, positions: Sequence[int]) -> Iterator[tuple[Any, Any]]:
    """Each tap j, and where on the longer side, padding included, the positions i of the shorter meet it: s*i + d*j."""
    stride, dilation = layer.per_axis(layer.stride), layer.per_axis(layer.dilation)
    for tap in np.ndindex(*layer.per_axis(layer.kernel)):
        axes = zip(tap, dilation, positions, stride, strict=True)
        yield (..., *tap), (..., *(slice(d * j, d * j + (i - 1) * s + 1, s) for j, d, i, s in axes))


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
    y = compute(layer, x, w, bias)
    if dtype.kind == "i":
        return Truth(y.astype(dtype), None)
    size = compute(layer, np.abs(x), np.abs(w), None if bias is None else np.abs(bias))
    terms = layer.terms + (2 if dtype.kind == "c" else 0)
    factor = 2**0.5 if dtype.kind == "c" else 1.0
    roundings = (np.finfo(dtype).eps / 2, np.finfo(np.float64).eps / 2)
    return Truth(y, factor * sum(terms * u / (1 - terms * u) for u in roundings) * size)


def end(layer: Layer, operands: Operands, rows: int) -> Truth:
    """The same for the last ``rows`` places of the first spatial axis: from the last inputs of a transposed layer."""
    inputs = min(rows + layer.per_axis(layer.padding)[0], layer.x[2])
    cut = replace(layer, x=(*layer.x[:2], inputs, *layer.x[3:]))
    whole = truth(cut, Operands(operands.x[:, :, -inputs:], operands.w, operands.bias))
    return Truth(whole.y[:, :, -rows:], None if whole.bound is None else whole.bound[:, :, -rows:])
