"""Interpolation kernels as taps: the weights with which a transposed convolution enlarges a picture.

A sample of the enlarged signal is a weighted mean of its neighbours in the small one. Output `t` lies at
``(t + 1/2)/scale - 1/2`` on the axis of the inputs (pixels have areas; both signals cover the same), so

    y[t] = sum over i of  x[i] * h((t + 1/2)/scale - 1/2 - i)

for an interpolation function `h`. The factor of ``x[i]`` depends on ``t - scale*i`` alone. That is a
transposed convolution with stride `scale` and taps ``w[j] = h((j - centre)/scale)``: `h`, sampled `scale`
times as densely as the pixels lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from tconv.errors import ParameterError, shown
from tconv.geometry import count

Kernel = Literal["bilinear", "bicubic", "lanczos3"]


class Taps(NamedTuple):
    """The taps of one axis and the padding that makes `size` inputs into ``scale*size`` outputs."""

    weights: np.ndarray
    padding: int


def _bilinear(u: float) -> float:
    """Triangle of half-width 1."""
    return max(1 - abs(u), 0.0)


def _bicubic(u: float) -> float:
    """Keys' cubic with a = -1/2, the one that reproduces parabolas (doi:10.1109/TASSP.1981.1163711)."""
    u = abs(u)
    if u < 1:
        return (1.5 * u - 2.5) * u * u + 1
    if u < 2:
        return ((-0.5 * u + 2.5) * u - 4) * u + 2
    return 0.0


def _lanczos3(u: float) -> float:
    """``sinc(u) * sinc(u/3)`` within ``|u| < 3`` (Duchon 1979, Lanczos filtering in 1 and 2 dimensions)."""
    if abs(u) >= 3 or u == round(u):  # sin(pi*u) is not quite 0 in floating point
        return float(u == 0)
    v = math.pi * u
    return 3 * math.sin(v) * math.sin(v / 3) / (v * v)


# name: (function, half-width in pixels of the small picture)
KERNELS: dict[str, tuple[Callable[[float], float], int]] = {
    "bilinear": (_bilinear, 1),
    "bicubic": (_bicubic, 2),
    "lanczos3": (_lanczos3, 3),
}


def interpolation_taps(kernel: Kernel, scale: int) -> Taps:
    """Taps that enlarge one axis `scale` times when they are used with stride `scale`.

    Each phase (the taps that meet in one output) sums to 1, so that a constant stays constant. Bilinear and
    bicubic have that by themselves; Lanczos has it nearly, and is divided by the sum.

    Parameters
    ----------
    kernel : {"bilinear", "bicubic", "lanczos3"}
        The interpolation function, of half-width 1, 2 and 3 pixels.
    scale : int
        How many outputs there are for each input, at least 1.

    Returns
    -------
    Taps
        ``weights``, float64 of shape ``(size_kernel,)``, symmetric; ``padding``, to be cropped at both ends.

    Raises
    ------
    tconv.errors.ParameterError
        There is no kernel of that name, or `scale` is less than 1.

    Examples
    --------
    The classic filter of fully convolutional networks is the bilinear one, kernel 4, stride 2, padding 1:

    >>> interpolation_taps("bilinear", 2)
    Taps(weights=array([0.25, 0.75, 0.75, 0.25]), padding=1)
    """
    if not isinstance(kernel, str) or kernel not in KERNELS:
        raise ParameterError(f"kernel: got {shown(kernel)}; must be one of {', '.join(map(repr, KERNELS))}")
    scale = count("scale", scale)
    function, half_width = KERNELS[kernel]
    # The middle of an input's outputs, counted from its first one: a half for an even scale.
    middle = (scale - 1) / 2
    padding = math.ceil(half_width * scale - middle) - 1
    weights = np.array([function((j - padding - middle) / scale) for j in range(2 * padding + scale)])
    for phase in range(scale):
        weights[phase::scale] /= math.fsum(weights[phase::scale])  # in any order the same
    return Taps(weights, padding)
