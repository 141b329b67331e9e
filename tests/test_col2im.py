"""Columns added into images: tiles, blocks, chunks; what every algorithm has to do is elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tconv
from tconv.algorithms import col2im
from tconv.geometry import Axis
from tests.problems import answer, axis, expected_by_taps, problem, small_integers

T = "conv_transpose"
CASES = {
    "one position": problem(T, axis(1, 4), axis(1, 4), channels_in=300, channels_out=40),
    "one of many images": problem(T, axis(1, 4), batch=17, channels_in=20, channels_out=9),
    "few weights": problem(T, axis(7, 2, 2), channels_in=5, channels_out=2),
    "one weight": problem(T, axis(7, 1), channels_in=2),
    "k = s": problem(T, axis(5, 2, 2), axis(9, 2, 2), channels_in=70, channels_out=33, batch=2),
    "k < s": problem(T, axis(5, 2, 3), axis(4, 1, 2, more=1), channels_in=9, channels_out=17),
    "overlapping": problem(T, axis(8, 4, 2, crop=1), axis(6, 4, 2, crop=1), channels_in=50, channels_out=21, groups=2),
    "odd taps": problem(T, axis(9, 5, 2, crop=2, more=1), axis(7, 3, 2, crop=1), channels_in=19, channels_out=13),
    "dilated": problem(T, axis(9, 3, 2, 3, crop=2), axis(8, 3, 1, 2, crop=1), channels_in=6, channels_out=14),
    "cropped away": problem(T, axis(9, 4, 2, crop=8), axis(11, 5, 1, crop=9, end=3), channels_in=8, channels_out=8),
    "negative crop": problem(T, axis(5, 4, 2, crop=-3, end=-6), channels_in=12, channels_out=16),
    "large stride": problem(T, axis(3, 32, 16, crop=8), axis(4, 33, 16, crop=8), channels_in=7, channels_out=3),
    "many positions": problem(T, axis(23, 3, 2, crop=1), axis(17, 3, 2, crop=1), channels_in=20, channels_out=6),
    "volume": problem(T, axis(3, 4, 2, crop=1), axis(2, 2), axis(4, 4, 2, crop=1), channels_in=30, channels_out=5),
    "deep": problem(T, axis(13, 4, 2), channels_in=1030, channels_out=18),
    "few of many": problem(T, Axis(40, 4, 2, 1, 31, 9), channels_in=5, channels_out=20, groups=3),
}


@pytest.fixture(params=[False, True], ids=["as it is", "small blocks"])
def blocks(request, monkeypatch):
    """As they are, or so small that there are many of everything."""
    if request.param:
        monkeypatch.setattr(col2im, "BLOCK", col2im.TALL)
        monkeypatch.setattr(col2im, "CHUNKS", 100)
    for remembered in (col2im.scheme, col2im._placed):
        remembered.cache_clear()
    yield
    for remembered in (col2im.scheme, col2im._placed):
        remembered.cache_clear()


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("case", CASES)
def test_exact_however_it_is_cut(case, dtype):
    p = replace(CASES[case], dtype=dtype)
    operands = small_integers(p, 4)
    want = expected_by_taps(p, operands)
    for threads in (1, 2):
        np.testing.assert_array_equal(answer("col2im", p, operands, threads), want)


@pytest.mark.parametrize("case", CASES)
def test_threads_change_no_bit(case):
    p = replace(CASES[case], dtype="float32")
    rng = np.random.default_rng(0)
    operands = small_integers(p, 0)
    operands = type(operands)(*(rng.standard_normal(a.shape).astype("f4") for a in operands))
    assert answer("col2im", p, operands, 1).tobytes() == answer("col2im", p, operands, 2).tobytes()


@pytest.mark.parametrize("layout", ["NC...", "N...C"])
@pytest.mark.parametrize("kernel_layout", ["IO...", "OI...", "...OI", "...IO"])
def test_layouts(layout, kernel_layout):
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-4, 5, shape).astype("f4") for shape in ((2, 24, 5, 6), (24, 9, 4, 3)))
    want = tconv.conv_transpose(x, w, stride=2, method="scatter")
    order = {"IO...": (0, 1, 2, 3), "OI...": (1, 0, 2, 3), "...OI": (2, 3, 1, 0), "...IO": (2, 3, 0, 1)}
    w = np.ascontiguousarray(w.transpose(order[kernel_layout]))
    if layout == "N...C":
        x, want = (np.moveaxis(a, 1, -1).copy() for a in (x, want))
    got = tconv.conv_transpose(x, w, stride=2, layout=layout, kernel_layout=kernel_layout, method="col2im")
    np.testing.assert_array_equal(got, want)


def test_weights_are_not_copied():
    p = CASES["k = s"]
    w = np.ones((1, 70, 33, 2, 2), "f4")
    assert np.shares_memory(col2im.prepare(p, w, 1).array, w)


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("of_w", [False, True])
def test_what_is_not_finite_reaches_what_the_definition_says(value, of_w):
    """And nothing beside it: no zero is multiplied whose product is kept."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 20, 5, 5)), rng.standard_normal((20, 7, 4, 4))
    (w if of_w else x)[0, 0, 1, 1] = value
    got, want = (tconv.conv_transpose(x, w, stride=2, padding=1, method=m) for m in ("col2im", "scatter"))
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    assert not np.isfinite(got).all()


def test_it_is_chosen_where_packing_would_take_longer():
    """For one call with many weights and few positions; not for layers, nor for large images."""
    few, many = (1, 512, 2, 2), (1, 512, 32, 32)
    assert tconv.plan(few, (512, 512, 4, 4), stride=2, padding=1).choice == "col2im"
    assert tconv.plan(many, (512, 512, 4, 4), stride=2, padding=1).choice != "col2im"
    layer = tconv.ConvTranspose(np.ones((512, 512, 4, 4), "f4"), stride=2, padding=1)
    assert layer.plan((1, 512, 8, 8)).choice != "col2im"
