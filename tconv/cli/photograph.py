"""Part 4 of the tour: a photograph enlarged, and compared with another program's result."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console

from tconv.cli.picture import Picture, PictureError, write_picture
from tconv.cli.waiting import status
from tconv.interpolation import interpolation_taps
from tconv.upscale import upscale

SCALE = 2
RESULT = Path("tconv-astronaut-2x.png")


def show(console: Console) -> bool:
    """Enlarge the astronaut, write the PNG, and say whether the result is what Pillow computes."""
    if not (find_spec("PIL") and find_spec("skimage")):
        console.print(
            "Left out: this needs Pillow and scikit-image. They come with\n  python -m pip install pillow scikit-image",
            highlight=False,
        )
        return True
    from skimage.data import astronaut

    photograph = astronaut()
    with status(console, "enlarging"):
        upscale(photograph, SCALE, "bicubic")  # compiles
        start = perf_counter()
        enlarged = upscale(photograph, SCALE, "bicubic")
        seconds = perf_counter() - start
    try:
        write_picture(RESULT, Picture(enlarged))
        written = f"The picture is in [bold]{RESULT}[/]"
    except PictureError as error:
        written = f"The picture was not written: {error}"
    expected = _enlarged_by_pillow(photograph)
    unrounded = upscale(photograph.astype(np.float32), SCALE, "bicubic")
    difference = abs(unrounded - expected).max()
    differing = np.count_nonzero(enlarged != np.rint(expected.clip(0, 255)))
    bound = _rounding()
    passed = bool(difference <= bound)
    height, width, _ = photograph.shape
    verdict = "[green]they agree[/]" if passed else "[bold red]they do not agree[/]"
    console.print(
        f"The astronaut of scikit-image, {width} x {height}, bicubic, to {SCALE * width} x {SCALE * height}: "
        f"{seconds * 1e3:.0f} ms.\n"
        f"Beside Pillow's own resampling, in levels of 0 to 255: largest difference {difference:.1e}, where "
        f"rounding allows {bound:.1e}: {verdict}.\n"
        f"Rounded to 8 bits, {differing} of {enlarged.size} values differ.\n"
        f"{written}",
        highlight=False,
    )
    return passed


def _enlarged_by_pillow(photograph: np.ndarray) -> np.ndarray:
    """Each channel resampled in floating point by Pillow, which knows nothing of convolutions."""
    from PIL import Image

    height, width, channels = photograph.shape
    size = (SCALE * width, SCALE * height)
    planes = [Image.fromarray(photograph[..., c].astype(np.float32)) for c in range(channels)]
    return np.stack([np.asarray(plane.resize(size, Image.Resampling.BICUBIC)) for plane in planes], axis=-1)


def _rounding() -> float:
    """How far two results in float32 may be apart.

    Pillow sums in float64 and stores float32 after each axis: 2 roundings. tconv rounds the taps (2), their
    product (1), 4 x 4 products and sums, and for each axis a sum of 4 weights and the division by it (5).
    The weights can enlarge a value and its error, by the largest sum of a phase's absolute weights. Where an
    edge cuts taps, what remains is divided by its sum, which is more than a half.
    """
    weights = abs(interpolation_taps("bicubic", SCALE).weights)
    growth = 2 * max(weights[phase::SCALE].sum() for phase in range(SCALE))
    return float((2 + 3 + 4 * 4 + 2 * 5) * 2**-24 * 255 * growth**2)
