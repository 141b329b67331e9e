"""PNG files with 16 bits of colour: our reader and writer against files made otherwise."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tconv.cli.png import is_deep_colour, read_png, write_png

RANDOM = np.random.default_rng(3)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def predict(kind, left, above, corner):
    """What the specification calls filter types 0 to 4, in its own words."""
    if kind == 4:
        estimate = left + above - corner
        return min(
            (abs(estimate - left), 0, left),
            (abs(estimate - above), 1, above),
            (abs(estimate - corner), 2, corner),
        )[2]
    return (0, left, above, (left + above) // 2)[kind]


def encoded(pixels, colour_type, kinds, interlace=0, extra=b""):
    """A PNG whose row `r` uses filter ``kinds[r % len(kinds)]``, byte by byte."""
    height, width, channels = pixels.shape
    step, rows = 2 * channels, pixels.astype(">u2").view(np.uint8).reshape(height, -1).astype(int)
    data = bytearray()
    for r in range(height):
        kind = kinds[r % len(kinds)]
        data.append(kind)
        for at in range(rows.shape[1]):
            left = rows[r, at - step] if at >= step else 0
            above = rows[r - 1, at] if r else 0
            corner = rows[r - 1, at - step] if r and at >= step else 0
            data.append((rows[r, at] - predict(kind, left, above, corner)) % 256)
    packed = zlib.compress(bytes(data))
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, interlace)
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", packed[:20]) + chunk(b"IDAT", packed[20:])
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")


@pytest.mark.parametrize(("channels", "colour_type"), [(2, 4), (3, 2), (4, 6)])
@pytest.mark.parametrize("kinds", [(0,), (1,), (2,), (3,), (4,), (4, 3, 2, 1, 0)])
def test_reads_every_prediction(tmp_path, kinds, channels, colour_type):
    pixels = RANDOM.integers(0, 65536, (7, 5, channels)).astype(np.uint16)
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(pixels, colour_type, kinds))
    assert is_deep_colour(path)
    read, profile = read_png(path)
    assert read.dtype == np.uint16
    assert np.array_equal(read, pixels)
    assert profile is None


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (9, 1), (8, 5)])
def test_reads_what_it_has_written(tmp_path, size, channels):
    pixels = RANDOM.integers(0, 65536, (*size, channels)).astype(np.uint16)
    write_png(tmp_path / "picture.png", pixels, b"a profile")
    read, profile = read_png(tmp_path / "picture.png")
    assert np.array_equal(read, pixels)
    assert profile == b"a profile"


def test_others_can_read_what_it_writes(tmp_path):
    """Pillow reads such files, but only the upper 8 bits."""
    pixels = RANDOM.integers(0, 65536, (8, 6, 4)).astype(np.uint16)
    write_png(tmp_path / "picture.png", pixels)
    with Image.open(tmp_path / "picture.png") as picture:
        assert np.array_equal(np.asarray(picture), pixels >> 8)


def test_other_files_are_not_deep(tmp_path):
    for mode in ("L", "RGB", "RGBA", "I;16", "P", "1"):
        Image.new(mode, (3, 4)).save(tmp_path / "picture.png")
        assert not is_deep_colour(tmp_path / "picture.png")
    for content in (b"", b"\x89PNG\r\n\x1a\n", b"words, no picture at all, but longer than a header"):
        (tmp_path / "picture.png").write_bytes(content)
        assert not is_deep_colour(tmp_path / "picture.png")


PIXELS = RANDOM.integers(0, 65536, (3, 4, 3)).astype(np.uint16)
WHOLE = encoded(PIXELS, 2, (0,))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (encoded(PIXELS, 2, (0,), interlace=1), "interlaced"),
        (encoded(PIXELS, 2, (0,), extra=chunk(b"tRNS", b"\0" * 6)), "transparent colour"),
        (WHOLE[:-20], "cut short"),
        (WHOLE[:60] + b"!" + WHOLE[61:], "damaged"),
        (WHOLE[:33] + chunk(b"IDAT", zlib.compress(b"\0" * 5)), "its size is not that of its pixels"),
        (WHOLE[:33] + chunk(b"IDAT", b"not compressed"), "damaged: .* decompressing"),
        (WHOLE[:8] + chunk(b"IHDR", WHOLE[16:29] + b"!") + WHOLE[33:], "its header has 14 bytes, not 13"),
        (WHOLE[:33] + chunk(b"IDAT", zlib.compress(b"\7" * 75)), "a row has prediction 7, and the last is 4"),
    ],
)
def test_says_what_it_cannot_read(tmp_path, content, words):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_png(path)
