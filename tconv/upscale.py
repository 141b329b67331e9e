"""Pictures enlarged by transposed convolution."""

from __future__ import annotations

import numpy as np

from tconv.api import conv_transpose
from tconv.dtypes import as_array
from tconv.errors import DtypeError, ShapeError
from tconv.geometry import count
from tconv.interpolation import Kernel, Taps, interpolation_taps


def upscale(image: np.ndarray, scale: int = 2, kernel: Kernel = "bicubic", *, threads: int | None = None) -> np.ndarray:
    """A picture enlarged `scale` times.

    Each channel goes through ``conv_transpose`` with the separable kernel ``h(v) * h(u)``. Near an edge some
    neighbours do not exist; the result is divided by what the same transposed convolution makes of ones, so
    that the weights of the rest sum to 1 and a constant picture stays constant.

    If there are two or four channels, the last one is opacity. Colours are then weighted by it: a transparent
    pixel has no say in the colour of its neighbours, and colour is 0 where the result is fully transparent.

    Parameters
    ----------
    image : numpy.ndarray
        ``(height, width)`` grey, or ``(height, width, channels)`` with 1 to 4 channels: grey, grey and
        opacity, red-green-blue, red-green-blue and opacity. uint8 and uint16 use their whole range; float32
        and float64 have no range, except that opacity lies in 0 to 1.
    scale : int
        How many times taller and wider, at least 1.
    kernel : {"bilinear", "bicubic", "lanczos3"}
        What lies between the pixels. Bilinear is smooth, bicubic sharper, Lanczos sharpest, with faint rings
        beside hard edges.
    threads : int, optional
        Threads to use; all by default.

    Returns
    -------
    numpy.ndarray
        ``(scale*height, scale*width[, channels])`` of the same dtype. Integers are rounded to the nearest
        (ties to even) and kept within their range.

    Raises
    ------
    tconv.errors.ArgumentTypeError
        `image` is not an array, `scale` not an integer.
    tconv.errors.DtypeError
        The dtype is not one of uint8, uint16, float32, float64.
    tconv.errors.ShapeError
        The shape is not that of a picture, or the picture is empty.
    tconv.errors.ParameterError
        `scale` is less than 1, or there is no such kernel.

    Examples
    --------
    >>> import numpy as np
    >>> upscale(np.array([[0, 100]], dtype=np.uint8), 2, "bilinear")
    array([[  0,  25,  75, 100],
           [  0,  25,  75, 100]], dtype=uint8)
    """
    image, scale = as_array("image", image), count("scale", scale)
    _check(image)
    planes = _planes(image)
    has_opacity = len(planes) in (2, 4)
    if has_opacity:
        planes[:-1] *= planes[-1]
    planes = _enlarge(planes, scale, kernel, threads)
    if has_opacity:
        planes = _unweighted(planes, image.dtype)
    enlarged = _levels(planes, image.dtype)
    return enlarged[0] if image.ndim == 2 else np.ascontiguousarray(np.moveaxis(enlarged, 0, -1))


def _enlarge(planes: np.ndarray, scale: int, kernel: Kernel, threads: int | None) -> np.ndarray:
    """Interpolate the last two axes of ``planes``, ``(channels, height, width)``, float32 or float64.

    One convolution with the product of both kernels is quicker than one for each axis: it moves less memory.
    """
    taps = interpolation_taps(kernel, scale)
    weights = taps.weights.astype(planes.dtype)
    result: np.ndarray = conv_transpose(
        planes[:, None],
        np.multiply.outer(weights, weights)[None, None],
        stride=scale,
        padding=taps.padding,
        threads=threads,
    )[:, 0]
    height, width = planes.shape[1:]
    result /= _sum_of_weights(height, scale, taps, planes.dtype)[:, None]
    result /= _sum_of_weights(width, scale, taps, planes.dtype)
    return result


def _sum_of_weights(size: int, scale: int, taps: Taps, dtype: np.dtype) -> np.ndarray:
    """What becomes of ones along one axis: 1, and something else near the ends."""
    ones = np.ones(size, dtype)
    sums: np.ndarray = conv_transpose(
        ones, taps.weights.astype(dtype), stride=scale, padding=taps.padding, layout="..."
    )
    return sums


def _check(image: np.ndarray) -> None:
    if image.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise DtypeError(f"image: got dtype {image.dtype}; must be uint8, uint16, float32 or float64")
    if image.ndim not in (2, 3) or image.size == 0 or (image.ndim == 3 and image.shape[2] > 4):
        raise ShapeError(
            f"image: got shape {image.shape}; must be (height, width) or (height, width, channels) "
            "with 1 to 4 channels, and not empty"
        )


def _planes(image: np.ndarray) -> np.ndarray:
    """``(channels, height, width)`` in floating point; float32 resolves levels of 8 bits, but not of 16."""
    planes = np.moveaxis(image.reshape(*image.shape[:2], -1), -1, 0)
    dtype = np.float64 if image.dtype in (np.uint16, np.float64) else np.float32
    return np.array(planes, dtype, order="C")


def _full(dtype: np.dtype) -> int:
    """The value of full opacity."""
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _unweighted(planes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    opacity = planes[-1]
    # Less than half a level (of 16 bits, for floats) is as good as none, and would blow up rounding errors.
    least = 2**-17 if dtype.kind == "f" else 0.5
    colours = np.divide(planes[:-1], opacity, out=np.zeros_like(planes[:-1]), where=opacity > least)
    return np.concatenate([colours, opacity[None].clip(0, _full(dtype))])


def _levels(planes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return planes
    levels: np.ndarray = np.rint(planes.clip(0, _full(dtype))).astype(dtype)
    return levels
