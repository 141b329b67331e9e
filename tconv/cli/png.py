"""PNG files with 16 bits of colour, which Pillow reduces to 8.

The format is W3C's "Portable Network Graphics Specification". A row of bytes is stored as its differences
from a prediction, one of five for each row, out of the bytes to the left, above and above left.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type; type 3, a palette, has 8 bits at most
COLOUR_TYPES = {channels: colour_type for colour_type, channels in CHANNELS.items()}
HEADER = struct.Struct(">IIBBBBB")  # width, height, bits, colour type, compression, filter, interlace
UP, PAETH = 2, 4  # predictions; the latter is the last


def is_deep_colour(path: Path) -> bool:
    """Whether the file is a PNG with 16 bits and more than one channel."""
    with path.open("rb") as file:
        start = file.read(len(SIGNATURE) + 8 + HEADER.size)
    if not start.startswith(SIGNATURE) or len(start) < len(SIGNATURE) + 8 + HEADER.size:
        return False
    _, _, bits, colour_type, *_ = HEADER.unpack_from(start, len(SIGNATURE) + 8)
    return bits == 16 and CHANNELS.get(colour_type, 1) > 1


def read_png(path: Path) -> tuple[np.ndarray, bytes | None]:
    """Pixels and colour profile of a file that ``is_deep_colour``.

    Pixels are uint16, ``(height, width, channels)``.

    Raises
    ------
    ValueError
        If the file is damaged, or interlaced.
    """
    data, profile = bytearray(), None
    header = None
    for name, content in _chunks(path.read_bytes()):
        if name == b"IHDR":
            if len(content) != HEADER.size:
                raise ValueError(f"the PNG is damaged: its header has {len(content)} bytes, not {HEADER.size}")
            header = HEADER.unpack(content)
        elif name == b"iCCP":
            profile = _decompressed(content[content.index(b"\0") + 2 :])
        elif name == b"tRNS":
            raise ValueError(
                "a PNG with 16 bits and a transparent colour cannot be read; save it with an opacity channel"
            )
        elif name == b"IDAT":
            data += content
    if header is None:
        raise ValueError("the PNG has no header")
    width, height, _, colour_type, _, _, interlaced = header
    if interlaced:
        raise ValueError("interlaced PNGs with 16 bits of colour cannot be read; save it without interlacing")
    pixel = 2 * CHANNELS[colour_type]
    rows = np.frombuffer(_decompressed(data), np.uint8)
    if rows.size != height * (1 + width * pixel):
        raise ValueError("the PNG is damaged: its size is not that of its pixels")
    rows = rows.reshape(height, -1)
    if rows[:, 0].max() > PAETH:
        raise ValueError(f"the PNG is damaged: a row has prediction {rows[:, 0].max()}, and the last is {PAETH}")
    pixels = np.empty((height, width * pixel), np.uint8)
    _undo_predictions(rows, pixel, pixels)
    return pixels.view(">u2").reshape(height, width, -1).astype(np.uint16), profile


def write_png(path: Path, image: np.ndarray, profile: bytes | None = None) -> None:
    """Write uint16 pixels ``(height, width, channels)``, each row as its difference from the one above."""
    height, width, channels = image.shape
    pixels = image.astype(">u2").view(np.uint8).reshape(height, -1)
    rows = np.empty((height, 1 + pixels.shape[1]), np.uint8)
    rows[:, 0] = UP
    rows[0, 1:] = pixels[0]
    np.subtract(pixels[1:], pixels[:-1], out=rows[1:, 1:])
    chunks = [(b"IHDR", HEADER.pack(width, height, 16, COLOUR_TYPES[channels], 0, 0, 0))]
    if profile:
        chunks.append((b"iCCP", b"profile\0\0" + zlib.compress(profile)))
    chunks += [(b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")]
    with path.open("wb") as file:
        file.write(SIGNATURE)
        for name, content in chunks:
            file.write(struct.pack(">I", len(content)) + name + content)
            file.write(struct.pack(">I", zlib.crc32(name + content)))


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(file):
        if at + 12 > len(file):
            raise ValueError("the PNG is cut short")
        (size,) = struct.unpack_from(">I", file, at)
        name, content = file[at + 4 : at + 8], file[at + 8 : at + 8 + size]
        if file[at + 8 + size : at + 12 + size] != struct.pack(">I", zlib.crc32(name + content)):
            raise ValueError(f"the PNG is damaged or cut short: the check sum of its part {name!r} is wrong")
        yield name, content
        at += 12 + size


def _decompressed(data: bytes | bytearray) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(f"the PNG is damaged: {error}") from error


@numba.njit(cache=True, nogil=True)
def _undo_predictions(rows: np.ndarray, pixel: int, pixels: np.ndarray) -> None:
    """Add the predictions back: ``rows[:, 0]`` says which, ``pixel`` is how many bytes a pixel has."""
    height, width = pixels.shape
    for row in range(height):
        prediction = rows[row, 0]
        for at in range(width):
            left = np.int64(pixels[row, at - pixel]) if at >= pixel else 0
            above = np.int64(pixels[row - 1, at]) if row > 0 else 0
            corner = np.int64(pixels[row - 1, at - pixel]) if row > 0 and at >= pixel else 0
            guess = 0
            if prediction == 1:
                guess = left
            elif prediction == UP:
                guess = above
            elif prediction == 3:
                guess = (left + above) // 2
            elif prediction == PAETH:  # the neighbour nearest to left + above - corner
                to_left, to_above = abs(above - corner), abs(left - corner)
                to_corner = abs(left + above - 2 * corner)
                if to_left <= to_above and to_left <= to_corner:
                    guess = left
                else:
                    guess = above if to_above <= to_corner else corner
            pixels[row, at] = np.uint8((np.int64(rows[row, at + 1]) + guess) & 255)
