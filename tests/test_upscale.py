"""Pictures enlarged by transposed convolution, against interpolation pixel by pixel and against Pillow.

The oracle here knows nothing of taps, strides or convolutions: for each output it looks where the output lies
among the inputs and takes the weighted mean of the neighbours that exist. Its interpolation functions are
written down a second time, from the textbooks.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tconv.errors import ArgumentTypeError, DtypeError, ParameterError, ShapeError
from tconv.interpolation import KERNELS, interpolation_taps
from tconv.upscale import upscale

PHOTOGRAPHS = [("astronaut", 2), ("camera", 2), ("chelsea", 3), ("rocket", 2)]
RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}


def triangle(u):
    return np.where(abs(u) < 1, 1 - abs(u), 0)


def keys(u):
    a, u = -0.5, abs(u)
    near = (a + 2) * u**3 - (a + 3) * u**2 + 1
    far = a * u**3 - 5 * a * u**2 + 8 * a * u - 4 * a
    return np.where(u <= 1, near, np.where(u < 2, far, 0))


def windowed_sinc(u):
    return np.where(abs(u) < 3, np.sinc(u) * np.sinc(u / 3), 0)


FUNCTIONS = {"bilinear": triangle, "bicubic": keys, "lanczos3": windowed_sinc}


def weights(kernel, scale, size):
    """Row t: how much each of `size` inputs counts in output t."""
    rows = []
    for t in range(scale * size):
        # from input i to (t + 1/2)/scale - 1/2, in whole half steps so that only the division rounds
        row = FUNCTIONS[kernel]((2 * t + 1 - scale * (2 * np.arange(size) + 1)) / (2 * scale))
        rows.append(row / row.sum())
    return np.array(rows)


def interpolate(image, kernel, scale):
    """The enlarged picture in float64, unrounded."""
    down = weights(kernel, scale, image.shape[0])
    across = weights(kernel, scale, image.shape[1])
    planes = np.moveaxis(np.atleast_3d(image).astype(np.float64), -1, 0)
    result = np.moveaxis(down @ planes @ across.T, 0, -1)
    return result if image.ndim == 3 else result[..., 0]


def rounding(kernel, scale, image):
    """The most that float64 rounding can do to either side.

    A weight takes up to 8 operations, so their products 17; then come `n*n` neighbours to add up, and for
    each axis the division by a sum of `n` weights. The absolute weights of an output sum to `growth` at most.
    """
    n = 2 * KERNELS[kernel][1]
    operations = 17 + n * n + 2 * (8 + n + 1)
    growth = max(abs(weights(kernel, scale, size)).sum(axis=1).max() for size in image.shape[:2])
    largest = np.abs(image.astype(np.float64)).max()
    return 2 * operations * 2**-53 * growth**2 * largest


def assert_rounded(enlarged, exact, slack):
    """Integers must be the nearest ones to the exact values, or as near where rounding could tip a tie."""
    top = np.iinfo(enlarged.dtype).max
    assert abs(enlarged - exact.clip(0, top)).max() <= 0.5 + slack


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("photograph", "scale"), PHOTOGRAPHS)
def test_photographs_equal_interpolation_pixel_by_pixel(photograph, scale, kernel):
    image = getattr(data, photograph)()
    exact, bound = interpolate(image, kernel, scale), rounding(kernel, scale, image)
    assert abs(upscale(image.astype(np.float64), scale, kernel) - exact).max() <= bound
    # 8 bits are computed in float32, which rounds 2**29 times as coarsely
    assert_rounded(upscale(image, scale, kernel), exact, bound * 2**29)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [2, 3, 5])
def test_photograph_equals_pillow(kernel, scale):
    image = data.chelsea()[:120, :171]
    size = (scale * image.shape[1], scale * image.shape[0])
    for channel in range(3):
        plane = image[..., channel].astype(np.float32)
        by_pillow = np.asarray(Image.fromarray(plane).resize(size, RESAMPLING[kernel]))
        # Pillow keeps float32 between the axes: one rounding for each, and the same for ours
        bound = rounding(kernel, scale, plane) * 2**29
        assert abs(upscale(plane, scale, kernel) - by_pillow).max() <= bound


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (3, 4, 1), (5, 3, 2), (7, 6, 3), (2, 9, 4)])
def test_shape_dtype_and_neighbours(shape, dtype, kernel):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    has_opacity = len(shape) == 3 and shape[-1] in (2, 4)
    if has_opacity:
        image[..., -1] = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    for scale in (1, 2, 4):
        enlarged = upscale(image, scale, kernel)
        assert enlarged.dtype == dtype
        assert enlarged.shape == (scale * shape[0], scale * shape[1], *shape[2:])
        exact = interpolate(image, kernel, scale)
        # with opacity the result is a quotient of two interpolated values, which rounds once more
        bound = rounding(kernel, scale, image) * (3 if has_opacity else 1)
        if enlarged.dtype.kind == "u":
            assert_rounded(enlarged, exact, bound * (2**29 if dtype == np.uint8 else 1))
        else:
            assert abs(enlarged - exact).max() <= bound * (2**29 if dtype == np.float32 else 1)
        if scale == 1:
            assert np.array_equal(enlarged, image)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("dtype", "level"), [(np.uint8, 1), (np.uint8, 137), (np.uint8, 255), (np.uint16, 40001)])
def test_constant_stays_constant_up_to_the_edges(kernel, dtype, level):
    for shape in [(1, 1), (1, 3), (6, 5, 3), (4, 4, 4)]:
        for scale in (2, 7):
            assert (upscale(np.full(shape, level, dtype), scale, kernel) == level).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 7])
def test_taps_are_symmetric_and_fill_the_output(kernel, scale):
    taps, padding = interpolation_taps(kernel, scale)
    assert np.array_equal(taps, taps[::-1])
    # o = (i - 1)*s + k - 2*p must be i*s for every i
    assert len(taps) - 2 * padding == scale
    for phase in range(scale):
        assert abs(taps[phase::scale].sum() - 1) <= 2**-50


@pytest.mark.parametrize(("kernel", "degree"), [("bilinear", 1), ("bicubic", 2)])
@pytest.mark.parametrize("scale", [2, 4])
def test_polynomials_are_continued_exactly(kernel, degree, scale):
    """Keys' cubic was made to reproduce parabolas; powers of two leave nothing to rounding."""
    size = 12
    at = (np.arange(scale * size) + 0.5) / scale - 0.5
    enlarged = upscale(np.tile(np.arange(size) ** float(degree), (8, 1)), scale, kernel)
    inner = slice(2 * scale, -2 * scale)
    assert np.array_equal(enlarged[inner, inner], np.tile(at**degree, (8 * scale, 1))[inner, inner])


class TestOpacity:
    rng = np.random.default_rng(7)

    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_opaque_picture_is_enlarged_as_if_it_had_no_opacity(self, kernel, dtype):
        top = np.iinfo(dtype).max
        colours = self.rng.integers(0, top + 1, (9, 8, 3)).astype(dtype)
        opaque = np.dstack([colours, np.full((9, 8), top, dtype)])
        enlarged = upscale(opaque, 3, kernel)
        assert (enlarged[..., 3] == top).all()
        off = abs(enlarged[..., :3].astype(int) - upscale(colours, 3, kernel))
        assert off.max() <= 1  # a tie may fall the other way

    @pytest.mark.parametrize("kernel", KERNELS)
    def test_colour_under_full_transparency_has_no_say(self, kernel):
        image = self.rng.integers(1, 256, (9, 8, 4)).astype(np.uint8)
        image[2:5, 3:6, 3] = 0
        other = image.copy()
        other[2:5, 3:6, :3] = 255 - other[2:5, 3:6, :3]
        assert np.array_equal(upscale(image, 2, kernel), upscale(other, 2, kernel))

    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize("channels", [2, 4])
    def test_one_colour_stays_that_colour_wherever_it_is_seen(self, kernel, channels):
        image = np.full((12, 10, channels), 90, np.uint8)
        image[..., -1] = self.rng.integers(0, 256, (12, 10))
        image[:4, :4, -1] = 0
        enlarged = upscale(image, 2, kernel)
        seen = enlarged[..., -1] > 0
        assert seen.any()
        assert (~seen).any()
        assert (enlarged[seen, :-1] == 90).all()
        assert (enlarged[~seen, :-1] == 0).all()

    def test_opacity_itself_is_interpolated(self):
        image = self.rng.integers(0, 256, (12, 10, 4)).astype(np.uint8)
        assert np.array_equal(upscale(image, 2, "bicubic")[..., 3], upscale(image[..., 3], 2, "bicubic"))


def test_number_of_threads_changes_nothing():
    image = data.astronaut()[:200, :150]
    assert np.array_equal(upscale(image, 2, threads=1), upscale(image, 2, threads=2))


def test_picture_may_lie_anyhow_in_memory():
    image = data.astronaut()[:60, :50]
    expected = upscale(image, 2)
    assert np.array_equal(upscale(np.asfortranarray(image), 2), expected)
    assert np.array_equal(upscale(image[::-1, ::-1], 2), expected[::-1, ::-1])
    assert np.array_equal(upscale(np.broadcast_to(image[..., :1], image.shape), 2)[..., 2], expected[..., 0])


@pytest.mark.parametrize(
    ("image", "arguments", "error", "words"),
    [
        (
            np.zeros((3, 3)),
            {"kernel": "cubic"},
            ParameterError,
            "kernel: got 'cubic'; must be one of 'bilinear'",
        ),
        (np.zeros((3, 3)), {"kernel": ["bicubic"]}, ParameterError, r"kernel: got \['bicubic'\]; must be one of"),
        (np.zeros((3, 3)), {"scale": 2.0}, ArgumentTypeError, r"scale: got 2\.0; must be an integer >= 1"),
        (np.zeros((3, 3)), {"scale": "2"}, ArgumentTypeError, "scale: got '2'; must be an integer >= 1"),
        ([[1, 2]], {}, DtypeError, "image: got dtype int64; must be uint8, uint16"),
        (None, {}, ArgumentTypeError, "image: got None; must be an array"),
        (np.zeros((3, 3)), {"scale": 0}, ParameterError, "scale: got 0; must be an integer >= 1"),
        (np.zeros((3, 3), int), {}, DtypeError, "image: got dtype int64; must be uint8, uint16"),
        (np.zeros((3, 3), bool), {}, DtypeError, "image: got dtype bool"),
        (np.zeros(3), {}, ShapeError, r"image: got shape \(3,\); must be \(height, width\)"),
        (np.zeros((3, 3, 5)), {}, ShapeError, "with 1 to 4 channels"),
        (np.zeros((0, 3)), {}, ShapeError, "and not empty"),
        (np.zeros((2, 3, 0)), {}, ShapeError, "and not empty"),
    ],
)
def test_wrong_arguments(image, arguments, error, words):
    with pytest.raises(error, match=words):
        upscale(image, **arguments)
