"""``tconv upscale``: enlarge a picture."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console

from tconv.cli.arguments import Parser
from tconv.cli.picture import (
    Picture,
    PictureError,
    check_can_hold,
    check_installed,
    read_picture,
    write_picture,
)
from tconv.cli.waiting import status
from tconv.interpolation import KERNELS
from tconv.upscale import upscale

DESCRIPTION = """\
Enlarge a picture by transposed convolution with an interpolation kernel.

8 and 16 bits, grey or colour, with or without opacity; the result has the same
bits, channels and colour profile. A constant picture stays constant up to its
edges, and transparent pixels do not bleed into their neighbours.

kernels:
  bilinear  2 x 2 neighbours, smooth
  bicubic   4 x 4 neighbours, sharper (Keys, a = -1/2); the default
  lanczos3  6 x 6 neighbours, sharpest, faint rings beside hard edges

examples:
  tconv upscale photo.png -o big.png --scale 2 --kernel lanczos3
  tconv upscale scan.tif                  (writes scan-2x.tif)
"""


def _parser() -> Parser:
    parser = Parser(prog="tconv upscale", description=DESCRIPTION)
    add = parser.add_argument
    add("picture", type=Path, metavar="PICTURE", help="PNG, TIFF, JPEG or whatever Pillow reads")
    add("-o", "--output", type=Path, metavar="FILE", help="where to write (default PICTURE-2x.png)")
    add("--scale", type=_scale, default=2, metavar="N", help="how many times wider and taller (default 2)")
    add("--kernel", choices=KERNELS, default="bicubic", help="what lies between pixels")
    add("--threads", type=int, metavar="N", help="threads to use (default: all)")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Read a picture, enlarge it and write it."""
    options = _parser().parse_args(arguments)
    check_installed()
    picture = read_picture(options.picture)
    output = options.output or _default_output(options)
    if output.exists() and output.samefile(options.picture):
        raise PictureError(f"{output}: is the picture itself; choose another name with -o")
    check_can_hold(output, picture)
    start = perf_counter()
    with status(Console(stderr=True), "enlarging (the first time, Numba compiles the kernels)"):
        pixels = upscale(picture.pixels, options.scale, options.kernel, threads=options.threads)
    seconds = perf_counter() - start
    enlarged = Picture(pixels, picture.profile)
    write_picture(output, enlarged)
    print(f"{options.picture}: {picture}\n{output}: {enlarged}, {options.kernel}, in {seconds:.2f} s")
    return 0


def _default_output(options: Namespace) -> Path:
    """``photo-2x.png`` beside ``photo.png``."""
    picture: Path = options.picture
    return picture.with_name(f"{picture.stem}-{options.scale}x{picture.suffix}")


def _scale(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to 64")
    return int(text)
