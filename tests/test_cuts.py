"""The engine may cut one problem in many ways and takes the cheapest: here every way has to be right."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tconv import calibration
from tconv.algorithms import engine, polyphase, scheme
from tconv.algorithms.cut import _segmented, best_block, cuts
from tconv.algorithms.rates import RATES
from tconv.algorithms.scheme import scheme_of
from tconv.geometry import Axis
from tconv.kernels import columns
from tconv.memory import flat
from tests.cases import LARGE, SMALL
from tests.problems import (
    Operands,
    answer,
    axis,
    expected_by_taps,
    of,
    problem,
    random_floats,
    shapes,
    small_integers,
)
from tests.strategies import small_problems


def computed(p, cut, operands, threads, y=None):
    """What the engine gives with a cut of our choice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polyphase, "scheme", lambda problem, _: scheme_of(problem, cut, threads))
        return answer("polyphase", p, operands, threads, y)


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int32", "object"])
@pytest.mark.parametrize("case", SMALL)
def test_small(case, dtype, operator):
    check(of(operator, SMALL[case], dtype), threads=(1,))


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("case", LARGE)
def test_large(case, dtype, operator):
    check(of(operator, LARGE[case], dtype), threads=(1, 2))


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("dtype", ["float32", "object"])
@pytest.mark.parametrize("case", SMALL)
def test_small_panels(case, dtype, operator, monkeypatch):
    """Panels of few channels: sums wait for the next one."""
    monkeypatch.setattr(scheme, "PANEL_VECTORS", 6)
    monkeypatch.setattr(scheme, "SECTION_ROWS", 8)
    check(replace(of(operator, SMALL[case], dtype), channels_in=3), threads=(1,))


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("dtype", ["float32", "complex64", "object"])
@pytest.mark.parametrize("case", SMALL)
def test_slices(case, dtype, operator, monkeypatch):
    """Tiles of several slices, down to the last that is not full; with panels of the whole depth and of less."""
    monkeypatch.setattr(scheme, "TILES", 1)
    p = of(operator, replace(SMALL[case], batch=2 if dtype == "object" else 5), dtype)  # its vectors are short
    for vectors in (scheme.PANEL_VECTORS, 24):
        monkeypatch.setattr(scheme, "PANEL_VECTORS", vectors)
        check(p, threads=(1,))


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("case", SMALL)
def test_phases_without_taps_are_no_rows_where_they_are_many(case, operator, monkeypatch):
    """Whoever writes the rows fills the outputs with bias before."""
    monkeypatch.setattr("tconv.algorithms.cut.MOST_IDLE", 0)
    p = of(operator, SMALL[case], "int32")
    check(p, threads=(1,))
    outer = [[one.idle_count for one in way.axes[:-1]] for way in cuts(p) if way.covers]
    assert not any(map(any, outer))


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 99), threads=st.integers(1, 2))
def test_random(operator, data, seed, threads):
    """Also those that the count of cycles would never choose."""
    p = data.draw(small_problems(operator, ["int32"]))
    check(p, threads=(threads,), operands=small_integers(p, seed))


@pytest.mark.parametrize("case", SMALL)
def test_an_infinity_stays_where_it_belongs(case, monkeypatch):
    """Rows and lanes that are computed beside the sums must not reach them, whatever the input holds."""
    monkeypatch.setattr(scheme, "PANEL_VECTORS", 6)
    p = replace(SMALL[case], dtype="float32", channels_in=3, channels_out=SMALL[case].channels_out + 2)
    for seed in range(3):
        operands = small_integers(p, seed)
        operands.x.reshape(-1)[seed * operands.x.size // 3] = np.inf
        with np.errstate(invalid="ignore"):
            check(p, threads=(1,), operands=operands)


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize(
    ("dtype", "channels_in", "channels_out"),
    [
        ("float32", 1, 1),
        ("float32", 19, 21),
        ("float32", 32, 16),
        ("float32", 5, 8),
        ("float32", 8, 25),
        ("complex64", 3, 5),
        ("object", 3, 3),
    ],
)
@pytest.mark.parametrize("last", ["xy", "x", "y"])
@pytest.mark.parametrize("case", SMALL)
def test_channels_last(case, dtype, channels_in, channels_out, operator, last):
    """Input or result with their channels side by side, as many as vectors hold and others."""
    p = replace(of(operator, SMALL[case], dtype), channels_in=channels_in, channels_out=channels_out)
    check(replace(p, channels_last=last == "xy"), threads=(1,), last=last)


def check(p, threads, operands=None, last=""):
    operands = operands or small_integers(p, 0)
    want = expected_by_taps(p, operands if p.dtype == "object" else doubled(operands)).astype(p.dtype)
    if "x" in last:
        operands = operands._replace(x=channels_last(operands.x))
    for cut in cuts(p):
        for count in threads:
            got = computed(p, cut, operands, count, channels_last(np.empty_like(want)) if "y" in last else None)
            np.testing.assert_array_equal(got, want, err_msg=f"{cut.choice}, {count} threads", strict=True)


def channels_last(a):
    """The same with groups and channels last in memory: ``[batch, group, channel, *size]`` as seen."""
    order = (0, *range(3, a.ndim), 1, 2)
    return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))


def doubled(operands):
    """The same numbers as float64 or complex128: products of whole arrays are quick in those."""
    return Operands(*(None if a is None else a.astype(np.result_type(a, np.float64)) for a in operands))


def test_threads_change_no_bit_where_they_change_panels():
    """With more of them, phases read a panel in common, of more rows: it must not hold fewer channels."""
    along = [axis(6, 6, 2), axis(4, 5, 2, crop=2), axis(6, 5, 4, crop=2)]
    p = problem("conv_transpose", *along, channels_in=1024, dtype="float32")
    operands = random_floats(p, 0)
    changed = []
    for cut in cuts(p):
        alone, shared = ({*scheme_of(p, cut, threads).tables.sections[:, columns.READ_COUNT]} for threads in (1, 2))
        changed.append(alone != shared)
        np.testing.assert_array_equal(*(computed(p, cut, operands, threads) for threads in (1, 2)))
    assert any(changed)


def test_inputs_with_channels_last_are_read_where_they_lie():
    """Lists of positions need no copy, whatever the stride, and so such a cut is the quickest."""
    p = problem("conv", *[Axis(56, 3, 2, 1, 1, 28)] * 2, channels_in=64, channels_out=64, dtype="float32")
    last = replace(p, channels_last=True)
    for cut in cuts(last):
        assert cut.copied(channels_last=True) != cut.choice.channels_in_lanes
        found = scheme_of(last, cut, 1)
        x = channels_last(np.zeros(shapes(p)[0], "f4"))
        source = engine._source(found, flat(x)[1], 1)
        assert (source.copying is None) == cut.choice.channels_in_lanes
    assert scheme.scheme(last, 1).cut.choice.channels_in_lanes


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("x_apart", [None, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("y_apart", [None, 3, 4, 5, 6])
def test_pointwise_axes(operator, x_apart, y_apart):
    """They are one line, as far as both arrays have them so."""
    axes = [Axis(n, 3, 1, 1, 1, n) if a == 0 else Axis(n, 1, 1, 1, 0, n) for a, n in enumerate((3, 4, 1, 7))]
    p = problem(operator, *axes, batch=2, channels_in=3, channels_out=9, dtype="float32")
    operands = small_integers(p, 0)
    operands = operands._replace(x=spread_out(operands.x, x_apart))
    y = spread_out(np.zeros(shapes(p)[3], "f4"), y_apart)
    want = expected_by_taps(p, doubled(operands)).astype("f4")
    for cut, threads in product(cuts(p), (1, 2)):
        got = computed(p, cut, operands, threads, y)
        np.testing.assert_array_equal(got, want, err_msg=f"{cut.choice}")
        job = engine._placed(scheme_of(p, cut, 1), flat(operands.x)[1], flat(y)[1], 1)
        copied = cut.copied(p.channels_last) or x_apart == 6
        whole = y_apart not in (4, 5) and (copied or x_apart not in (4, 5))
        assert job.same[2][columns.COUNT, -1] == (4 * 7 if whole else 7)


def spread_out(a, axis):
    """The same with as much room after each step along an axis, if any."""
    steps = [1 + (n == axis) for n in range(a.ndim)]
    wide = np.zeros([n * step for n, step in zip(a.shape, steps, strict=True)], a.dtype)
    wide = wide[tuple(slice(None, None, step) for step in steps)]
    wide[...] = a
    return wide


@pytest.mark.parametrize("apart", ["nothing", "images", "groups", "channels", "lines", "positions"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("stride", "size"), [(4, 36), (5, 35), (5, 36), (17, 51), (32, 96)])
def test_large_strides(stride, size, groups, apart):
    """Few are gathered in strides; for others a copy sorts a line, by squares where all lines are of whole strides."""
    along = Axis(size, stride + 1, stride, 1, 2, size // stride)
    p = problem("conv", Axis(7, 3, 2, 1, 1, 4), along, batch=2, groups=groups, channels_in=3, channels_out=4)
    p = replace(p, dtype="float32")
    operands = small_integers(p, 0)
    places = ["images", "groups", "channels", "lines", "positions"]
    x = spread_out(operands.x, None if apart == "nothing" else places.index(apart))
    check(p, threads=(1, 2), operands=operands._replace(x=x))
    copying = engine._source(scheme_of(p, next(iter(cuts(p))), 1), flat(x)[1], 1).copying
    assert (copying is None) == (stride == 4 and apart != "positions")
    if stride > 4:
        whole = size % stride == 0 and apart not in ("lines", "positions", "groups" if groups > 1 else "")
        assert copying.same[0].turned == whole


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int32"])
@pytest.mark.parametrize("kernel", range(1, 7))
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_inputs_between_positions_are_read_at_once(stride, kernel, dtype):
    """All rows of a panel that they fill, where every one of them is read; whatever the ends of lines are."""
    for size in (stride * 37, stride * 48 + 1, 5):
        along = Axis(size, kernel, stride, 1, kernel // 2, size // stride)
        p = problem("conv", Axis(9, 3, 2, 1, 1, 5), along, channels_in=5, channels_out=3, dtype=dtype)
        for cut in cuts(p):
            all_read = kernel >= stride and cut.choice.rows_shared  # of one position, not all taps may meet an input
            assert cut.window == (stride if all_read else 1) or size == 5
        check(p, threads=(1, 2))


def test_lists_of_positions_are_bounded():
    """A kernel as large as the image, as in gradients of weights: a list for each tap would not fit in a cache."""
    many, few = (
        problem("conv", axis(n, n), axis(n, n), channels_in=4, channels_out=16, dtype="float32") for n in (224, 7)
    )
    assert not any(cut.choice.channels_in_lanes for cut in cuts(many))
    assert any(cut.choice.channels_in_lanes for cut in cuts(few))


def test_what_all_streams_read_is_found_without_comparing_each_with_each():
    """Of a stream alone nothing has to be found, however many taps it has; else a look at each is enough."""
    compared = 0

    class Offset(int):
        __hash__ = int.__hash__

        def __eq__(self, other):
            nonlocal compared
            compared += 1
            return int.__eq__(self, other)

    def reads(first, count):
        return tuple((Offset(first + n), 0) for n in range(count))

    assert len(list(_segmented([reads(0, 3000)], nested=True))) == 1
    assert compared == 0
    by_reads, (common, *rest) = _segmented([reads(n, 3000) for n in (0, 1, 2)], nested=True)
    assert [len(segment.reads) for segment in by_reads] == [3000] * 3
    assert (len(common.reads), [len(segment.reads) for segment in rest]) == (2998, [2, 2, 2])
    assert compared <= 30 * 3000


@pytest.fixture
def suppose():
    """Have the planner go by other rates, for one test."""
    before = RATES.values()
    yield lambda other: calibration._suppose(before | other)
    calibration._suppose(before)


@pytest.mark.parametrize(("half", "lines"), [(0.99, 24), (0.8, 2)])
def test_a_block_has_many_lines_unless_fewer_are_clearly_quicker(half, lines, suppose):
    """That a tile of half as many rows takes a percent less than half the time is no reason for a block of a few."""
    suppose({("panel", place): rate for place, rate in enumerate((6.0, 3.0 * half, 3.0 * half, 3.0 * half))})
    assert best_block(False, 16, 2048, 24, 1, ((1024, 2),))[1] == lines
