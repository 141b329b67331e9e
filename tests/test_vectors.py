"""Vector operations for registers of every size, against the plain Python that defines them.

This machine has registers of one size, and LLVM makes do with those for longer and shorter vectors. So what would be
wrong elsewhere shows here: shuffles and masks are made anew for each number of lanes.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numba
import numpy as np
import pytest

from tconv.kernels import interleave, spread, tile, transform, turn, vectors, windows

every_register = pytest.mark.parametrize("size", [16, 32, 64])
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])


@pytest.fixture
def lanes(size, dtype, monkeypatch):
    """How many there are in registers of ``size`` bytes, for which code is made from now on."""
    monkeypatch.setattr(vectors, "VECTOR_BYTES", size)
    return size // np.dtype(dtype).itemsize


def numbers(count, dtype):
    return np.random.default_rng(count).integers(-99, 100, count).astype(dtype)


def check(compiled, definition, target):
    """Both make the same of ``target``."""
    got, want = target.copy(), target.copy()
    compiled(got)
    definition(want)
    np.testing.assert_array_equal(got, want)


def copies(reach, size):
    """What to copy from memory of ``size``: how many times, by which steps, from where, and which places of each."""
    rng = np.random.default_rng(reach)
    for count, step in ((1, 0), (4, reach), (3, reach + 5)):
        last = size - (count - 1) * step
        for first in (-2, 0, 9, last - reach, last - reach + 1, last - 1):
            inside = [at for at in range(reach) if 0 <= first + at < last]
            low, high = (inside[0], inside[-1] + 1) if inside else (0, 0)
            some = sorted(rng.integers(low, high + 1, 2))
            for held in ((low, high), some, (low + 1, high - 1), (low, low)):
                yield count, step, first, windows.places(*held)


@every_dtype
@every_register
def test_copies_of_lanes(size, dtype, lanes):
    source, target = numbers(300, dtype), numbers(8 * lanes + 3, dtype)
    intrinsic = windows._copied_lanes

    @numba.njit
    def copy(held, count, source, first, step, target):
        intrinsic(lanes, held, count, source, first, step, target, 3, 2 * lanes)

    for count, step, first, held in copies(lanes, source.size):
        define = partial(windows.copy_lanes, lanes, held, count, source, first, step, to=3, pitch=2 * lanes)
        check(partial(copy, held, count, source, first, step), lambda y: define(target=y), target)  # noqa: B023


@every_dtype
@every_register
def test_copies_of_windows(size, dtype, lanes):
    intrinsic = windows._copied_windows
    for span, window in windows.WINDOWS + windows.PARTS + windows.SINGLE:
        row, pitch = lanes + 1, window * (lanes + 1) + 3
        source, target = numbers(500, dtype), numbers(4 * pitch + 3, dtype)

        @numba.njit
        def copy(held, count, source, first, step, target):
            intrinsic(span, window, lanes, held, count, source, first, step, target, 3, pitch, row)  # noqa: B023

        for count, step, first, held in copies(span * (lanes - 1) + window, source.size):
            place = (span, window, lanes, held, count, source, first, step)
            check(
                partial(copy, held, count, source, first, step),
                lambda y: windows.copy_windows(*place, y, 3, pitch, row),  # noqa: B023
                target,
            )


@every_dtype
@every_register
def test_spaced_copies(size, dtype, lanes):
    intrinsic = windows._copied_spaced
    source, target = numbers(500, dtype), numbers(lanes + 5, dtype)

    @numba.njit
    def copy(step, held, first, target):
        intrinsic(step, lanes, held, source, first, target, 3)

    for step in windows.SPACED:
        for _, _, first, held in copies(step * (lanes - 1) + 1, source.size):
            define = partial(windows.copy_spaced, step, lanes, held, source, first, to=3)
            check(partial(copy, step, held, first), lambda y: define(target=y), target)  # noqa: B023


@every_dtype
@every_register
def test_transforms(size, dtype, lanes):
    place = (1, 7 * lanes, 2 * lanes, 30 * lanes)  # the first, and from there to other rows
    place_to = (3, 6 * lanes, 2 * lanes, 24 * lanes)
    source, target = numbers(80 * lanes, dtype), numbers(70 * lanes, dtype)
    intrinsic = transform._transformed

    @numba.njit
    def compute(kind, width, source, target):
        return intrinsic(kind, 2, 3, width, source, *place, target, *place_to)

    for kind, matrix in enumerate(transform.MATRICES):
        for width in (1, lanes, lanes + 1):

            def define(y, kind=kind, width=width):
                transform.transform(kind, 2, 3, width, lanes, source, *place, y, *place_to)

            check(partial(compute, kind, width, source), define, target)
        if dtype.startswith("float"):
            assert not compute(kind, 1, source, target.copy())
            for value in (np.inf, np.nan):
                for row in range(len(matrix[0])):
                    spoiled = source.copy()
                    spoiled[1 + row * 7 * lanes + 2 * 2 * lanes + 30 * lanes + lanes - 1] = value  # of the last vector
                    assert compute(kind, 1, spoiled, target.copy())


@every_dtype
@every_register
def test_interleaving(size, dtype, lanes):
    by_stream, by_line = 3 * lanes, 70 * lanes
    lines, bias = np.array([[7, 1, 0], [4000, 3, 0]]), numbers(6, dtype)
    sums, target = numbers(2 * by_line, dtype), numbers(6000, dtype)
    intrinsic = interleave._interleaved
    rng = np.random.default_rng(0)

    @numba.njit
    def weave(streams, total, first, lines, sums, bias, parts, low, high, y):
        intrinsic(streams, total, first, 2, lines, 0, sums, 1, by_line, by_stream, bias, 1, parts, low, high, y, 5)

    for total in range(1, 20):
        whole = [(total, 0)] * 4
        some = [
            (min(streams, total - first), first) for streams, first in rng.integers(0, total, (4, 2)) + np.array([1, 0])
        ]
        for streams, first in whole + some:
            parts = 2 if total % 2 == first % 2 == 0 and rng.integers(2) else 1
            low, high = sorted(int(n) for n in rng.integers(-3, 2 * lanes * total, 2))

            def define(y, total=total, streams=streams, first=first, parts=parts, low=low, high=high):
                interleave.interleave(
                    streams, total, first, 2, lines, 0, sums, 1, by_line, by_stream, bias, 1, parts,
                    max(0, low), high, y, 5,
                )  # fmt: skip

            check(partial(weave, streams, total, first, lines, sums, bias, parts, max(0, low), high), define, target)


@every_dtype
@every_register
def test_interleaving_channels(size, dtype, lanes):
    by_channel, by_phase = 3 * lanes, 37 * lanes
    bias, sums, target = numbers(30, dtype), numbers(900 * lanes, dtype), numbers(3000, dtype)
    intrinsic = interleave._interleaved_channels
    rng = np.random.default_rng(0)

    @numba.njit
    def weave(streams, total, first, channels, sums, bias, low, high, y):
        intrinsic(streams, total, first, channels, sums, 1, by_phase, by_channel, bias, 1, low, high, y, 5)

    for channels, phases in product((1, 2, 3, 4, 7, 8, 16, 21), (1, 2, 3, 4)):
        total = channels * phases
        for first in (0, *rng.integers(0, phases, 2) * channels):
            streams = total if first == 0 else channels * int(rng.integers(1, phases - first // channels + 1))
            low, high = sorted(int(n) for n in rng.integers(0, 2 * lanes * total, 2))

            def define(y, channels=channels, streams=streams, total=total, first=first, low=low, high=high):
                interleave.interleave_channels(
                    streams, total, first, channels, sums, 1, by_phase, by_channel, bias, 1, low, high, y, 5
                )

            check(partial(weave, streams, total, first, channels, sums, bias, low, high), define, target)


@every_dtype
@every_register
def test_turned_squares(size, dtype, lanes):
    source, target = numbers(lanes * (lanes + 5) + 2, dtype), numbers(lanes * (lanes + 1) + 3, dtype)
    intrinsic = turn._turned

    @numba.njit
    def turned(target):
        intrinsic(lanes, source, 2, lanes + 5, target, 3, lanes + 1)

    check(turned, lambda y: turn.turn(lanes, source, 2, lanes + 5, y, 3, lanes + 1), target)


@every_dtype
@every_register
def test_spreading(size, dtype, lanes):
    by_line = 3 * lanes
    sums, bias, target = numbers(60 * by_line, dtype), numbers(60, dtype), numbers(9000, dtype)
    intrinsic = spread._spread

    @numba.njit
    def written(count, low, high, y, step):
        intrinsic(count, low, high, sums, 2, by_line, bias, 1, y, 5, step)

    for count in (1, 3, lanes - 1, lanes, lanes + 1, 2 * lanes, 2 * lanes + 5):
        for low, high in ((0, 1), (0, lanes), (1, lanes + 2), (2, 2 * lanes), (0, 2 * lanes + 3), (3, 3), (4, 2)):
            step = count + (count + high) % 3

            def define(y, count=count, low=low, high=high, step=step):
                spread.spread(count, low, high, sums, 2, by_line, bias, 1, y, 5, step)

            check(lambda y: written(count, low, high, y, step), define, target)  # noqa: B023


@every_dtype
@every_register
def test_cleared_rows(size, dtype, lanes):
    target = numbers(20 * lanes, dtype)
    intrinsic = vectors._cleared

    @numba.njit
    def cleared(vectors_, rows, target):
        intrinsic(vectors_, rows, target, 3, 3 * lanes)

    for count, rows in ((1, 1), (2, 5), (3, 4), (2, 0)):
        check(
            partial(cleared, count, rows),
            lambda y: vectors.clear_rows(lanes, count, rows, y, 3, 3 * lanes),  # noqa: B023
            target,
        )


@every_dtype
@every_register
@pytest.mark.parametrize("rows", tile.CHANNEL_ROWS)
def test_tiles_of_channels(size, dtype, lanes, rows):
    """Sums in any order; depths around what is asked for at a time."""
    intrinsic = tile._channels_tile
    depths = (1, 2, tile.ASKING - 1, tile.ASKING, 2 * tile.ASKING + 1)
    wide = max(tile.CHANNEL_VECTORS) * lanes
    x, w = numbers(900, dtype), numbers(5 + max(depths) * wide, dtype)
    sums = numbers(4 + 10 * (wide + 1), dtype)
    listed = np.array([(40 + 90 * i, (7 * i + 1) % 10, 1) for i in range(9)], np.int64)

    @numba.njit
    def multiply(count, depth, positions, number, sums):
        intrinsic(rows, count, lanes, depth, 11, 3, x, 6, positions, number, w, 5, sums, 4, wide + 1)

    for count, depth, number in product(set(tile.CHANNEL_VECTORS), depths, (0, 9 - rows)):
        operands = (rows, count, lanes, depth, 11, 3, x, 6, listed, number, w, 5)
        check(
            partial(multiply, count, depth, listed, number),
            lambda y: tile.channels_tile(*operands, y, 4, wide + 1),  # noqa: B023
            sums,
        )
