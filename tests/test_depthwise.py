"""One channel in: bands, long lines in pieces, strides of all kinds; what every algorithm has to do is elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import tconv
from tconv.algorithms import depthwise
from tconv.geometry import Axis
from tests.problems import answer, axis, expected_by_taps, of, problem, refuses, small_integers

T = "conv_transpose"
CASES = {
    "line": problem(T, axis(3001, 5, 2, crop=1), groups=2, channels_out=2),
    "line, dilated": problem(T, axis(1500, 3, 3, 2, crop=4, end=-3)),
    "line of channels": problem(T, axis(3001, 5, crop=2), groups=2, channels_out=7),
    "line from many, strided": problem(T, axis(1201, 10, 5, crop=3), channels_in=23, batch=2),
    "plane": problem(T, axis(61, 4, 2, crop=1), axis(530, 4, 2, crop=1), groups=3, batch=2),
    "stride 7": problem(T, axis(20, 3, 7), axis(70, 9, 7, crop=2), channels_out=3),
    "stride 4": problem(T, axis(20, 8, 4, crop=2), axis(150, 8, 4, crop=2), groups=2),
    "stride 3": problem(T, axis(7, 5, 3, crop=1), axis(131, 5, 3, crop=1), channels_out=2),
    "stride above kernel": problem(T, axis(9, 2, 3), axis(33, 3, 6, crop=-2, end=-4), groups=2),
    "stride 1": problem(T, axis(40, 3, crop=1), axis(57, 5, crop=2), groups=4),
    "volume": problem(T, axis(9, 3, 2, crop=1), axis(10, 4, 2, crop=1), axis(33, 4, 2, crop=1), groups=2),
    "cropped": problem(T, axis(40, 5, 3, crop=31, end=22), axis(40, 4, 2, crop=17, end=40)),
    "one input": problem(T, axis(1, 40), axis(1, 37, crop=3), groups=2),
    "few of many": problem(T, Axis(200, 4, 2, 1, 77, 9), axis(50, 3), groups=2),
    "4d": problem(T, axis(3, 3), axis(4, 2, 2), axis(3, 3, crop=1), axis(17, 3, 2), channels_out=2),
}
TAKEN = [(case, o) for case, p in CASES.items() for o in (T, "conv") if not refuses("depthwise", of(o, p, "float32"))]


@pytest.mark.parametrize("small", [False, True], ids=["as it is", "many bands"])
@pytest.mark.parametrize(("case", "operator"), TAKEN)
def test_exact_however_it_is_cut(case, operator, small, monkeypatch):
    p = of(operator, CASES[case], "float32")
    if small:
        monkeypatch.setattr(depthwise, "PLANE_BYTES", 2048)
        monkeypatch.setattr(depthwise, "SUMS", 64)
        monkeypatch.setattr(depthwise, "UNITS", 100)
    depthwise.scheme.cache_clear()
    depthwise._placed.cache_clear()
    operands = small_integers(p, 4)
    want = expected_by_taps(p, operands)
    for threads in (1, 2):
        np.testing.assert_array_equal(answer("depthwise", p, operands, threads), want)
    bands = depthwise.scheme(p, 1).shape.bands
    depthwise.scheme.cache_clear()
    depthwise._placed.cache_clear()
    assert not small or bands > 1 or p.axes[0].size_in == 1 or p.axes[0].size_out == 1


def test_which_residues_are_sorted_at_once():
    def sorted_at_once(*axes):
        best = depthwise.scheme(of("conv", problem(T, *axes), "float32"), 1)
        return depthwise._sorted_at_once(best.axes, best.parts, 16)

    for stride in (2, 3, 4):
        assert sorted_at_once(axis(9, 5, stride), axis(20, 5, stride))
        assert not sorted_at_once(axis(9, 5, stride), axis(11, 5, stride))  # of one, fewer than fill a vector
        assert not sorted_at_once(axis(200, 5, stride))  # a line that is cut into bands
    assert not sorted_at_once(axis(9, 1, 2), axis(20, 1, 2))  # one of two is read
    assert not sorted_at_once(axis(9, 5, 5), axis(20, 5, 5))


@pytest.mark.parametrize("dilation", [100, 12_000, 25_000])
def test_bands_are_longer_than_what_taps_reach(dilation):
    """Or planes would be copied again and again."""
    best = depthwise.scheme(problem(T, axis(100_000, 3, 1, dilation), dtype="float32"), 1)
    assert best.shape.band * 2 >= best.axes[3, 0] == 2 * dilation


@pytest.mark.parametrize("layout", ["N...C", "NC..."])
def test_layouts(layout):
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (2, 9, 11, 5) if layout == "N...C" else (2, 5, 9, 11)).astype("f4")
    w = rng.integers(-4, 5, (5, 1, 4, 4)).astype("f4")
    got, want = (
        tconv.conv_transpose(x, w, stride=2, groups=5, layout=layout, method=m) for m in ("depthwise", "scatter")
    )
    np.testing.assert_array_equal(got, want)


SIDE_BY_SIDE = {
    "line": ((40,), (5,), {"stride": 3, "padding": 2}),
    "plane": ((20, 9), (4, 4), {"stride": 2, "padding": 1}),
    "stride 1": ((7, 13), (3, 2), {"padding": "same"}),
    "k < s": ((5, 6), (2, 2), {"stride": 3, "output_padding": 2}),
    "dilated": ((6, 7), (3, 3), {"stride": 2, "dilation": 3, "padding": (1, 4)}),
    "volume": ((6, 5, 9), (3, 2, 3), {"stride": 2, "padding": 1}),
    "one input": ((1, 1), (16, 9), {"stride": 8}),
}


def drawn(dtype, *shapes):
    """Floats that round, or whole numbers."""
    rng = np.random.default_rng(0)
    numbers = [rng.standard_normal(shape) for shape in shapes]
    if dtype in ("i8", "object"):
        numbers = [np.rint(4 * of).astype("i8") for of in numbers]
    return [of.astype(dtype) for of in numbers]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "object"])
@pytest.mark.parametrize("groups", [3, 16, 21, 48, 70])
@pytest.mark.parametrize("case", SIDE_BY_SIDE)
def test_channels_side_by_side(case, groups, dtype, monkeypatch):
    """Vectors run over channels, in bands as well; the same bits as where they run over positions."""
    monkeypatch.setattr(depthwise, "PLANE_BYTES", 4096)
    depthwise.scheme.cache_clear()
    depthwise._placed.cache_clear()
    size, kernel, options = SIDE_BY_SIDE[case]
    x, w, bias = drawn(dtype, (2, groups, *size), (groups, 1, *kernel), groups)
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    for function in (tconv.conv_transpose, tconv.conv) if options.get("padding") == "same" else (tconv.conv_transpose,):
        want = function(x, w, bias, groups=groups, method="depthwise", **options)
        for threads in (1, 2):
            got = function(
                last, w, bias, groups=groups, method="depthwise", layout="N...C", threads=threads, **options
            )  # fmt: skip
            np.testing.assert_array_equal(np.moveaxis(got, -1, 1), want)
        room = np.full((*got.shape[:-1], groups + 3), 7).astype(dtype)  # channels with something between them
        out = room[..., :groups]
        function(last, w, bias, groups=groups, method="depthwise", layout="N...C", out=out, **options)
        np.testing.assert_array_equal(out, got)
        assert (room[..., groups:] == 7).all()
    depthwise.scheme.cache_clear()
    depthwise._placed.cache_clear()


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "object"])
@pytest.mark.parametrize("channels", [3, 16, 21, 70])
@pytest.mark.parametrize("case", SIDE_BY_SIDE)
def test_one_channel_becomes_many_side_by_side(case, channels, dtype, monkeypatch):
    """Vectors run over these; the same bits as where they run over positions."""
    monkeypatch.setattr(depthwise, "PLANE_BYTES", 4096)
    depthwise.scheme.cache_clear()
    depthwise._placed.cache_clear()
    size, kernel, options = SIDE_BY_SIDE[case]
    x, w, bias = drawn(dtype, (2, 1, *size), (1, channels, *kernel), channels)
    last = np.moveaxis(x, 1, -1)
    for function in (tconv.conv_transpose, tconv.conv) if options.get("padding") == "same" else (tconv.conv_transpose,):
        given = np.moveaxis(w, 0, 1) if function is tconv.conv else w
        want = function(x, given, bias, method="depthwise", **options)
        for threads in (1, 2):
            got = function(last, given, bias, method="depthwise", layout="N...C", threads=threads, **options)
            np.testing.assert_array_equal(np.moveaxis(got, -1, 1), want)
        room = np.full((*got.shape[:-1], channels + 3), 7).astype(dtype)
        function(last, given, bias, method="depthwise", layout="N...C", out=room[..., :channels], **options)
        np.testing.assert_array_equal(room[..., :channels], got)
        assert (room[..., channels:] == 7).all()
    depthwise.scheme.cache_clear()
    depthwise._placed.cache_clear()


def test_it_is_chosen_where_it_is_quicker():
    assert tconv.plan((1, 1, 1024, 1024), (1, 1, 5, 5), stride=2, padding=2, output_padding=1).choice == "depthwise"
    assert tconv.plan((1, 64, 64, 64), (64, 1, 4, 4), stride=2, padding=1, groups=64).choice == "depthwise"
    assert tconv.plan((1, 1, 8, 8), (1, 512, 4, 4), stride=2, padding=1).choice != "depthwise"  # lines are short
    assert "one channel in" in depthwise.supports(problem(T, axis(3, 2), channels_in=2))
    assert "real" in depthwise.supports(problem(T, axis(3, 2), dtype="complex64"))
    assert "phases or fewer" in depthwise.supports(problem(T, axis(3, 2, 20_000)))
    assert depthwise.supports(problem(T, axis(3, 2, 20_000), axis(3, 2))) is None  # of the first axis two have taps


@pytest.mark.parametrize(("case", "operator"), TAKEN)
def test_what_it_takes_is_known_before_there_are_tables(case, operator):
    p = of(operator, CASES[case], "float64")
    depthwise.cost(p, 1)
    best = depthwise.scheme(p, 1)
    assert "tables" not in vars(best)
    assert best.tables.taps.size == best.shape.taps


STRIDED = {
    "line": ((50,), (7,), {"stride": 3, "padding": 2}),
    "plane": ((21, 30), (3, 3), {"stride": 2, "padding": 1}),
    "two strides": ((17, 12), (5, 2), {"stride": (3, 2), "padding": (2, 0)}),
    "k < s": ((13, 11), (2, 1), {"stride": 4, "padding": 1}),
    "dilated": ((19, 23), (3, 4), {"stride": 2, "dilation": (2, 3), "padding": 4}),
    "volume": ((9, 8, 21), (3, 3, 3), {"stride": (1, 2, 2), "padding": 1}),
    "one output": ((5, 6), (5, 6), {"stride": 5}),
    "stride above 4": ((70,), (6,), {"stride": 6, "padding": 3}),
}


@pytest.mark.parametrize("small", [False, True], ids=["as it is", "many bands"])
@pytest.mark.parametrize("dtype", ["f4", "i8", "object"])
@pytest.mark.parametrize("groups", [2, 16, 37])
@pytest.mark.parametrize("case", STRIDED)
def test_ordinary_convolution_with_a_stride(case, groups, dtype, small, monkeypatch):
    """Inputs are sorted by residues as planes are copied."""
    if small:
        monkeypatch.setattr(depthwise, "PLANE_BYTES", 1024)
        monkeypatch.setattr(depthwise, "UNITS", 100)
    for remembered in (depthwise.scheme, depthwise._placed):
        remembered.cache_clear()
    size, kernel, options = STRIDED[case]
    rng = np.random.default_rng(0)
    shapes = (2, groups, *size), (2 * groups, 1, *kernel), 2 * groups
    x, w, bias = (rng.integers(-4, 5, shape).astype(dtype) for shape in shapes)
    want = tconv.conv(x, w, bias, groups=groups, method="sliding_window", **options)
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    for threads in (1, 2):
        got = tconv.conv(x, w, bias, groups=groups, method="depthwise", threads=threads, **options)
        np.testing.assert_array_equal(got, want)
        got = tconv.conv(last, w, bias, groups=groups, method="depthwise", layout="N...C", threads=threads, **options)
        np.testing.assert_array_equal(np.moveaxis(got, -1, 1), want)
        got = tconv.conv(
            last, w[::2], bias[::2], groups=groups, method="depthwise", layout="N...C", threads=threads, **options
        )
        np.testing.assert_array_equal(np.moveaxis(got, -1, 1), want[:, ::2])
    for remembered in (depthwise.scheme, depthwise._placed):
        remembered.cache_clear()
