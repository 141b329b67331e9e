"""The command line: what it prints, what it writes, how it says no."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

import tconv
from tconv import cli
from tconv.cli.picture import Picture, read_picture, write_picture
from tconv.cli.png import COLOUR_TYPES, HEADER, SIGNATURE
from tconv.upscale import upscale
from tests.test_png import chunk


@pytest.fixture
def run(capsys):
    """Run a command line; gives the exit status, what was printed, and what was said on stderr."""

    def run(*words):
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return run


def test_module_is_the_command():
    said = subprocess.run([sys.executable, "-m", "tconv", "--version"], capture_output=True, text=True)
    assert said.stdout == f"tconv {tconv.__version__}\n"


def test_a_reader_that_has_enough_is_no_error():
    command = [sys.executable, "-m", "tconv", "size", "3", "--kernel", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait() == 141
        assert process.stderr.read() == b""


def test_help_imports_neither_numba_nor_sympy():
    code = """if True:
        import sys, tconv.cli
        try:
            tconv.cli.main(["--help"])
        except SystemExit:
            print(sorted(sys.modules))
        """
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "'tconv.cli'" in printed
    assert "'numba'" not in printed
    assert "'sympy'" not in printed


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help_fits_a_terminal(run, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, printed, _ = run(*command.split(), "--help")
    assert status == 0
    assert all(len(line) <= 80 for line in printed.splitlines())
    for name in cli.COMMANDS if not command else ():
        assert name in printed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "size 32x32 --kernel 4 --stride 2 --padding 1",
            ["32 x 32 becomes 64 x 64", "each axis:", "66 - 1 - 1 = 64"],
        ),
        ("size 10,20 --kernel 3,5 --stride 2,1 --padding 0:1,2 --output-padding 1,0", ["becomes 21 x 20"]),
        (
            "size 7 --kernel 2 --stride 3 --padding same",
            ["7 becomes 21", "adds 1 at the end", "20 - 0 + 1 = 21"],
        ),
        ("size 3 --kernel 2 --padding -1", ["3 becomes 6", "padding adds 1 at the beginning"]),
        ("size 0 --kernel 2", ["0 becomes 0", "there is nothing to add up"]),
        ("plan 16x128x16x16 128x64x4x4 --stride 2 --padding 1", ["(16, 64, 32, 32)", "refused"]),
        ("plan 1x8x8x3 2x2x4x3 --layout N...C --kernel-layout ...OI --dtype float64", ["(1, 9, 9, 4)"]),
        ("plan 1x3x9x9 4x3x3x3 --operator conv", ["(1, 4, 7, 7)", "sliding_window"]),
        ("plan 1x4x8x8 4x3x4x4 --measure", ["measured", "scatter"]),
        ("info", ["numba", "numpy", "those of a machine like this"]),
    ],
)
def test_prints(run, words, expected):
    status, printed, said = run(*words.split())
    assert (status, said) == (0, "")
    for text in expected:
        assert text in printed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("resize", "tconv: argument command: invalid choice: 'resize'"),
        ("--fast", "tconv: unrecognized arguments: --fast"),
        ("size", "tconv size: the following arguments are required: SIZE, --kernel"),
        ("size 3", "tconv size: the following arguments are required: --kernel"),
        ("size three --kernel 2", "argument SIZE: 'three' is not an integer, nor integers joined by"),
        ("size 3 --kernel 2 --padding 1:a", "argument --padding: '1:a' is not"),
        ("size 3 --kernel 2 --stride 0", "tconv size: stride: got 0 for spatial axis 0; must be"),
        ("size 3 --kernel 2,2", "tconv size: kernel: got"),
        ("size 3 --kernel 2 --padding 9", "tconv size: padding: got (9, 9)"),
        ("plan 1x3x4 2x5x3", "tconv plan: x: axis 1 (C) has size 3; must be 2"),
        ("plan 1x3x4 3x5x3 --method im2col", "tconv plan: method: got 'im2col'"),
        ("plan 1x3x4 3x5x3 --dtype text", "tconv plan: dtype"),
        ("plan 1x3x4 3x5x3 --layout NZ", "tconv plan: layout: got 'NZ'"),
        ("upscale", "tconv upscale: the following arguments are required: PICTURE"),
        ("upscale no.png", "tconv upscale: no.png: there is no such file"),
        ("upscale no.png --scale 1.5", "argument --scale: '1.5' is not a whole number from 1 to 64"),
        ("upscale no.png --scale 0", "argument --scale: '0' is not a whole number from 1 to 64"),
        ("upscale no.png --kernel cubic", "argument --kernel: invalid choice: 'cubic'"),
        ("calibrate --problems 0", "tconv calibrate: problems: got 0; must be 1 or more"),
        ("info now", "tconv info: unrecognized arguments: now"),
    ],
)
def test_wrong_arguments_get_one_line_and_status_2(run, words, expected):
    status, printed, said = run(*words.split())
    assert (status, printed) == (2, "")
    assert expected in said
    assert said.count("\n") == 1


# Every kind of picture: what makes one, and the end of a name that can hold it.
RGB, RGBA = data.astronaut()[40:90, 200:240], data.logo()[200:240, 150:200]
DEEP = (RGB.astype(np.uint16) * 257) ^ np.random.default_rng(0).integers(0, 256, RGB.shape, np.uint16)
KINDS = {
    "grey": (RGB[..., 1], ".png"),
    "grey in a JPEG": (RGB[..., 1], ".jpg"),
    "grey with opacity": (RGBA[..., 2:], ".png"),
    "RGB": (RGB, ".png"),
    "RGB in a TIFF": (RGB, ".tif"),
    "RGB in a JPEG": (RGB, ".jpg"),
    "RGBA": (RGBA, ".png"),
    "RGBA in a TIFF": (RGBA, ".tiff"),
    "deep grey": (DEEP[..., 0], ".png"),
    "deep grey in a TIFF": (DEEP[..., 0], ".tif"),
    "deep grey with opacity": (DEEP[..., :2], ".png"),
    "deep RGB": (DEEP, ".png"),
    "deep RGB in a TIFF": (DEEP, ".tif"),
    "deep RGBA": (np.dstack([DEEP, DEEP[..., 0]]), ".png"),
    "deep RGBA in a TIFF": (np.dstack([DEEP, DEEP[..., 0]]), ".tif"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_upscale_keeps_every_kind_of_picture(run, tmp_path, kind):
    pixels, end = KINDS[kind]
    small, large = tmp_path / f"small{end}", tmp_path / f"large{end}"
    write_picture(small, Picture(pixels))
    status, printed, said = run("upscale", small, "-o", large, "--scale", 3, "--kernel", "lanczos3")
    assert (status, said) == (0, "")
    height, width = pixels.shape[:2]
    assert f"{width} x {height}, " in printed
    assert f"{3 * width} x {3 * height}, " in printed
    enlarged = read_picture(large).pixels
    if end != ".jpg":  # a JPEG is not what went in
        assert np.array_equal(read_picture(small).pixels, pixels)
        assert np.array_equal(enlarged, upscale(pixels, 3, "lanczos3"))
    assert enlarged.dtype == pixels.dtype
    assert enlarged.shape == (3 * height, 3 * width, *pixels.shape[2:])


def test_other_kinds_become_grey_or_rgb(tmp_path):
    """Palettes, one bit, other colour spaces, a transparent colour."""
    colours = Image.fromarray(RGB)
    palette = colours.convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "transparent.png", transparency=3)
    palette.save(tmp_path / "palette.png")
    colours.convert("1").save(tmp_path / "bilevel.png")
    colours.convert("CMYK").save(tmp_path / "cmyk.tif")
    Image.fromarray(RGB[..., 0]).save(tmp_path / "key.png", transparency=int(RGB[0, 0, 0]))
    assert np.array_equal(read_picture(tmp_path / "palette.png").pixels, np.asarray(palette.convert("RGB")))
    transparent = read_picture(tmp_path / "transparent.png").pixels
    assert np.array_equal(transparent[..., 3] == 0, np.asarray(palette) == 3)
    assert set(np.unique(read_picture(tmp_path / "bilevel.png").pixels)) == {0, 255}
    assert read_picture(tmp_path / "cmyk.tif").pixels.shape == RGB.shape
    key = read_picture(tmp_path / "key.png").pixels
    assert np.array_equal(key[..., 1] == 0, RGB[..., 0] == RGB[0, 0, 0])


def test_pictures_are_turned_as_the_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the picture is at the right
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "turned.png").pixels, np.rot90(RGB, -1))


@pytest.mark.parametrize("words", ["size 3 --kernel 2", "plan 1x4x8x8 4x3x4x4", "info", "upscale photo-\xe9.png"])
def test_prints_where_only_ascii_can_be_shown(tmp_path, words):
    Image.fromarray(RGB).save(tmp_path / "photo-\xe9.png")
    done = subprocess.run(
        [sys.executable, "-m", "tconv", *words.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    if "upscale" in words:
        assert rb"photo-\xe9-2x.png: 80 x 100, RGB, 8 bits" in done.stdout


def test_upscale_names_its_result_after_the_picture(run, tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    assert run("upscale", tmp_path / "photo.png")[0] == 0
    with Image.open(tmp_path / "photo-2x.png") as large:
        assert large.size == (80, 100)


def test_upscale_keeps_the_colour_profile(run, tmp_path):
    for pixels in (RGB, DEEP):
        for end in (".png", ".tif"):
            small, large = tmp_path / f"small{end}", tmp_path / f"large{end}"
            write_picture(small, Picture(pixels, b"not really a profile"))
            assert run("upscale", small, "-o", large)[0] == 0
            assert read_picture(large).profile == b"not really a profile"


def test_upscale_refuses_what_would_lose_something(run, tmp_path):
    shallow, deep, no_picture = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"
    write_picture(shallow, Picture(RGBA))
    write_picture(deep, Picture(DEEP))
    no_picture.write_text("words")
    for words, expected in {
        (shallow, "-o", tmp_path / "a.jpg"): ".jpg files have no opacity",
        (deep, "-o", tmp_path / "b.jpg"): ".jpg files have no 16 bits",
        (shallow, "-o", tmp_path / "a"): "cannot tell the kind of picture",
        (shallow, "-o", tmp_path / "none" / "a.png"): "the folder does not exist",
        (shallow, "-o", shallow): "is the picture itself",
        (no_picture,): "cannot be read as a picture",
    }.items():
        status, printed, said = run("upscale", *words)
        assert (status, printed) == (2, "")
        assert expected in said
        assert said.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png", "c.png"}


def test_broken_pictures_get_one_line(run, tmp_path):
    """Readers raise errors of their own, and of every kind."""
    empty, huge, floats = (tmp_path / name for name in ("empty.tif", "huge.png", "floats.tif"))
    empty.write_bytes(b"II*\0garbage garbage")
    header = HEADER.pack(30000, 30000, 8, COLOUR_TYPES[3], 0, 0, 0)
    huge.write_bytes(SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    Image.fromarray(RGB[..., 0].astype("f4")).save(floats)
    for path, reason in {
        empty: "the TIFF holds no picture",
        huge: "Image size (900000000 pixels) exceeds limit",
        floats: "F-type pixels of 32 bits",
    }.items():
        status, printed, said = run("upscale", path)
        assert (status, printed) == (2, "")
        assert said.startswith(f"tconv upscale: {path}: cannot be read as a picture ({reason}")
        assert said.count("\n") == 1
