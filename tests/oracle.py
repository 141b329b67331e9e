"""The definition, added up term by term. The judge of every numeric test.

An oracle may be slow, but must not share anything with what it judges. So this file imports NumPy only, knows
nothing of phases, tiles or layouts, and walks over all index pairs of the sum in the definition:

    conv_transpose  y[n, c, t] = bias[c] + sum of x[n, ci, i] w[ci, c, j] for stride*i + dilation*j = t + crop
    conv            y[n, c, t] = bias[c] + sum of x[n, ci, i] w[c, ci, j] for i = stride*t + dilation*j - crop

``stride``, ``dilation``, ``crop`` and ``size_out`` hold one int per spatial axis; t runs over ``size_out``.
Any number of axes, any sizes (zero too), any dtype on which + and * work: floats, complex numbers, integers
(wrapping around as NumPy's do) and object arrays of exact numbers or symbols. The dtype of the result is
NumPy's promotion of the operands; a caller who wants wider sums passes wider operands.

Terms are added in the order of the loops below. On floats another order gives other roundings: compare with
the proved bound, or use small integers, on which every order is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray


def conv_transpose(
    x: NDArray[Any],
    w: NDArray[Any],
    bias: NDArray[Any] | None,
    *,
    stride: Sequence[int],
    dilation: Sequence[int],
    crop: Sequence[int],
    size_out: Sequence[int],
    groups: int,
) -> NDArray[Any]:
    """From ``x[batch, channels, *size]`` and ``w[channels_in, channels_out/groups, *k]``.

    >>> x, w = np.array([[[1, 10, 100]]]), np.array([[[1, 2, 3]]])
    >>> conv_transpose(x, w, None, stride=[2], dilation=[1], crop=[0], size_out=[7], groups=1)
    array([[[  1,   2,  13,  20, 130, 200, 300]]])
    """
    per_group_in, per_group_out = w.shape[0] // groups, w.shape[1]
    y = _bias_alone(x, w, bias, per_group_out * groups, size_out)
    x_at, w_at, y_at = _by_position(x), _by_position(w), _by_position(y)
    for i in _positions(x.shape[2:]):
        for j in _positions(w.shape[2:]):
            t = tuple(s * a + d * b - p for s, a, d, b, p in zip(stride, i, dilation, j, crop, strict=True))
            if not _inside(t, size_out):
                continue
            for ci in range(w.shape[0]):
                group = ci // per_group_in
                out = slice(group * per_group_out, (group + 1) * per_group_out)
                y_at[t][:, out] += np.multiply.outer(x_at[i][:, ci], w_at[j][ci])
    return y


def conv(
    x: NDArray[Any],
    w: NDArray[Any],
    bias: NDArray[Any] | None,
    *,
    stride: Sequence[int],
    dilation: Sequence[int],
    crop: Sequence[int],
    size_out: Sequence[int],
    groups: int,
) -> NDArray[Any]:
    """From ``x[batch, channels, *size]`` and ``w[channels_out, channels_in/groups, *k]``.

    >>> x, w = np.array([[[1, 10, 100, 1000]]]), np.array([[[1, 2, 3]]])
    >>> conv(x, w, None, stride=[1], dilation=[1], crop=[1], size_out=[4], groups=1)
    array([[[  32,  321, 3210, 2100]]])
    """
    per_group_in, per_group_out = w.shape[1], w.shape[0] // groups
    y = _bias_alone(x, w, bias, w.shape[0], size_out)
    x_at, w_at, y_at = _by_position(x), _by_position(w), _by_position(y)
    for t in _positions(size_out):
        for j in _positions(w.shape[2:]):
            i = tuple(s * a + d * b - p for s, a, d, b, p in zip(stride, t, dilation, j, crop, strict=True))
            if not _inside(i, x.shape[2:]):
                continue
            for ci in range(per_group_in * groups):
                group = ci // per_group_in
                out = slice(group * per_group_out, (group + 1) * per_group_out)
                y_at[t][:, out] += np.multiply.outer(x_at[i][:, ci], w_at[j][out, ci % per_group_in])
    return y


def _bias_alone(
    x: NDArray[Any], w: NDArray[Any], bias: NDArray[Any] | None, channels_out: int, size_out: Sequence[int]
) -> NDArray[Any]:
    operands = (x, w) if bias is None else (x, w, bias)
    y = np.zeros((x.shape[0], channels_out, *size_out), dtype=np.result_type(*(a.dtype for a in operands)))
    if bias is not None:
        y += bias.reshape(-1, *(1 for _ in size_out))
    return y


def _by_position(a: NDArray[Any]) -> NDArray[Any]:
    """A view with the spatial axes in front, so that ``view[i]`` is the matrix at position i."""
    return np.moveaxis(a, (0, 1), (-2, -1))


def _positions(sizes: Sequence[int]) -> product[tuple[int, ...]]:
    return product(*map(range, sizes))


def _inside(position: Sequence[int], sizes: Sequence[int]) -> bool:
    return all(0 <= a < size for a, size in zip(position, sizes, strict=True))
