"""Pictures in files, as arrays that keep every bit."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from logging import CRITICAL, getLogger
from pathlib import Path

import numpy as np

from tconv.cli.png import is_deep_colour, read_png, write_png

TIFF = {".tif", ".tiff"}
# What each kind of file holds; others are left to Pillow.
WITHOUT_OPACITY = {".jpg", ".jpeg", ".bmp", ".ppm", ".pgm"}
WITH_16_BITS = {".png", *TIFF}


class PictureError(OSError):
    """A picture that cannot be read or written, in one line."""


@dataclass(frozen=True)
class Picture:
    """Pixels ``(height, width[, channels])``, uint8 or uint16, and the colour profile of the file."""

    pixels: np.ndarray
    profile: bytes | None = None

    def __str__(self) -> str:
        """Size and kind, such as ``512 x 512, RGB, 8 bits``."""
        height, width, *channels = self.pixels.shape
        kind = {1: "grey", 2: "grey with opacity", 3: "RGB", 4: "RGBA"}[channels[0] if channels else 1]
        return f"{width} x {height}, {kind}, {self.pixels.itemsize * 8} bits"


def check_installed() -> None:
    """Raise ``PictureError`` where the extra `image` is missing."""
    if not (find_spec("PIL") and find_spec("tifffile")):
        raise PictureError("pictures need Pillow and tifffile: python -m pip install pillow tifffile")


def read_picture(path: Path) -> Picture:
    """The picture in a file.

    Palettes, bilevel pictures and other colour spaces become grey or RGB (with opacity where they have it),
    and the picture is turned the way its camera says. Of several pictures in one file the first is taken.
    """
    if not path.is_file():
        raise PictureError(f"{path}: there is no such file")
    try:
        if is_deep_colour(path):
            return Picture(*read_png(path))
        deep = _read_deep_tiff(path) if path.suffix.lower() in TIFF else None
        return deep or _read_with_pillow(path)
    except Exception as error:  # whatever it is that readers raise of a broken file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(f"{path}: cannot be read as a picture ({reason})") from error


def check_can_hold(path: Path, picture: Picture) -> None:
    """Raise ``PictureError`` if the kind of file that `path` names would lose something of the picture."""
    from PIL import Image

    kind = path.suffix.lower()
    if kind not in Image.registered_extensions():
        raise PictureError(f"{path}: cannot tell the kind of picture from the name; end it in .png, .tif or .jpg")
    if not path.absolute().parent.is_dir():
        raise PictureError(f"{path}: the folder does not exist")
    if kind in WITHOUT_OPACITY and picture.pixels.ndim == 3 and picture.pixels.shape[2] in (2, 4):
        raise PictureError(f"{path}: {kind} files have no opacity, and this picture has; end the name in .png or .tif")
    if kind not in WITH_16_BITS and picture.pixels.dtype == np.uint16:
        raise PictureError(f"{path}: {kind} files have no 16 bits, and this picture has; end the name in .png or .tif")


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture that ``check_can_hold`` has passed."""
    try:
        if not (picture.pixels.dtype == np.uint16 and picture.pixels.ndim == 3):
            _write_with_pillow(path, picture)
        elif path.suffix.lower() in TIFF:
            _write_deep_tiff(path, picture)
        else:
            write_png(path, picture.pixels, picture.profile)
    except (OSError, ValueError) as error:
        raise PictureError(f"{path}: cannot be written ({error})") from error


def _read_with_pillow(path: Path) -> Picture:
    from PIL import Image, ImageOps

    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
        profile = image.info.get("icc_profile")
        if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I;16L"):
            if image.mode in ("I", "F"):
                raise ValueError(f"{image.mode}-type pixels of 32 bits; 8 and 16 bits can be enlarged")
            opacity = "A" if image.has_transparency_data else ""
            image = image.convert(("L" if image.mode in ("1", "La") else "RGB") + opacity)
        elif image.has_transparency_data and not image.mode.endswith("A"):
            image = image.convert(image.mode + "A")  # one colour stands for transparent
        pixels = np.asarray(image)
    return Picture(pixels.astype(pixels.dtype.newbyteorder("=")), profile)


def _write_with_pillow(path: Path, picture: Picture) -> None:
    from PIL import Image

    options = {"quality": 95, "subsampling": 0} if path.suffix.lower() in (".jpg", ".jpeg") else {}
    if picture.profile:
        options["icc_profile"] = picture.profile  # type: ignore[assignment]
    Image.fromarray(picture.pixels).save(path, **options)  # type: ignore[arg-type]


def _read_deep_tiff(path: Path) -> Picture | None:
    """A TIFF with 16 bits of colour, which Pillow cannot hold; None for any other."""
    import tifffile

    getLogger("tifffile").setLevel(CRITICAL)  # what is wrong is said once
    with tifffile.TiffFile(path) as file:
        if not file.pages:
            raise ValueError("the TIFF holds no picture")
        page = file.pages[0]
        if page.dtype != np.uint16 or page.samplesperpixel == 1:
            return None
        weighted = tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples
        if page.axes != "YXS" or page.photometric.name not in ("MINISBLACK", "RGB") or weighted:
            raise ValueError("an unusual kind of 16-bit TIFF; save it as PNG or as plain RGB")
        profile = page.tags.get("InterColorProfile")
        return Picture(page.asarray(), profile.value if profile else None)


def _write_deep_tiff(path: Path, picture: Picture) -> None:
    import tifffile

    channels = picture.pixels.shape[2]
    tifffile.imwrite(
        path,
        picture.pixels,
        photometric="rgb" if channels > 2 else "minisblack",
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        compression="zlib",
        iccprofile=picture.profile,
    )
