"""Sizes, against the index sets they are read from."""

from __future__ import annotations

from enum import Enum
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tconv import errors
from tconv.geometry import (
    Axis,
    Window,
    conv_axes,
    conv_size_in,
    conv_transpose_axes,
    conv_transpose_size_in,
    extent,
    frozen,
    input_vjp_axis,
    natural_size,
    output_size,
    per_axis,
    shape_of,
    weight_vjp_axis,
)

BOX = list(product(range(5), range(5), range(1, 5), range(1, 4)))  # i, k, s, d


def touched(i, k, s, d):
    """The positions that products of the transposed convolution fall on."""
    return [s * a + d * b for a in range(i) for b in range(k)]


@pytest.mark.parametrize(("i", "k", "s", "d"), BOX)
def test_natural_size_is_the_last_position_touched_plus_one(i, k, s, d):
    assert natural_size(i, k, s, d) == max(touched(i, k, s, d), default=-1) + 1


@pytest.mark.parametrize(("i", "k", "s", "d"), BOX)
def test_output_size_crops_and_appends(i, k, s, d):
    natural = max(touched(i, k, s, d), default=-1) + 1
    for begin, end, op in product((-2, 0, 1, 3), (-1, 0, 2), (0, 1, 7)):
        wanted = natural - begin - end + op
        arguments = {"stride": s, "dilation": d, "padding": [(begin, end)], "output_padding": op}
        if wanted < 0:
            with pytest.raises(errors.ParameterError, match="padding"):
                output_size(i, k, **arguments)
        else:
            assert output_size(i, k, **arguments) == wanted


@pytest.mark.parametrize(("i", "k", "s", "d"), BOX)
def test_conv_has_an_output_wherever_the_kernel_fits(i, k, s, d):
    for begin, end in product((-1, 0, 2), (0, 3)):
        padded, span = i + begin + end, extent(k, d)
        if padded < span:  # nothing fits, and the formula goes on downwards
            continue
        fits = [t for t in range(padded + 1) if s * t + span <= padded]
        window = Window.of(1, s, d, [(begin, end)])
        (axis,) = conv_axes(window, (i,), (k,))
        assert axis == Axis(i, k, s, d, begin, len(fits))


@pytest.mark.parametrize(("i", "k", "s", "d"), BOX)
def test_same_multiplies_or_divides_by_the_stride(i, k, s, d):
    window = Window.of(1, s, d, "same")
    (up,) = conv_transpose_axes(window, (i,), (k,))
    assert up.size_out == i * s
    excess = natural_size(i, k, s, d) - i * s
    assert up.crop == (excess // 2 if excess > 0 else 0)  # an odd one at the end; what is missing is appended

    (down,) = conv_axes(window, (i,), (k,))
    assert down.size_out == len(range(0, i, s))
    zeros = max((down.size_out - 1) * s + extent(k, d) - i, 0)
    assert down.crop == zeros // 2


@pytest.mark.parametrize(("i", "k", "s", "d"), [case for case in BOX if case[0] and case[1]])
def test_same_of_both_operators_is_one_padding(i, k, s, d):
    window = Window.of(1, s, d, "same")
    (up,) = conv_transpose_axes(window, (i,), (k,))
    (down,) = conv_axes(window, (up.size_out,), (k,))
    assert down == input_vjp_axis(up)


def test_same_by_hand():
    assert output_size((3, 3), (4, 1), stride=(2, 2), padding="same") == (6, 6)
    (axis,) = conv_transpose_axes(Window.of(1, 2, 1, "same"), (3,), (4,))
    assert axis.crop == 1
    (axis,) = conv_transpose_axes(Window.of(1, 2, 1, "same"), (3,), (3,))
    assert axis.crop == 0  # one too many: it goes at the end
    assert output_size(3, 4, stride=2, padding="same", output_padding=1) == 7


def test_output_size_given_leaves_the_begin_crop():
    window = Window.of(2, 2, 1, [(1, 0), (0, 1)])
    axes = conv_transpose_axes(window, (4, 4), (3, 3), (5, 0))
    assert axes == (Axis(4, 3, 2, 1, 1, 5), Axis(4, 3, 2, 1, 0, 0))


def test_an_int_stands_for_all_axes():
    assert output_size((2, 3), 3) == (4, 5)
    assert output_size(3, (2, 3)) == (4, 5)
    assert output_size([3], 3) == (5,)
    assert output_size(3, 3) == 5
    assert output_size(np.int64(3), np.array([3, 4])) == (5, 6)
    assert isinstance(output_size(np.int64(3), np.int32(3)), int)


def test_padding_in_all_its_forms():
    assert output_size((9, 9), 3, padding=1) == (9, 9)
    assert output_size((9, 9), 3, padding=(1, 0)) == (9, 11)
    assert output_size((9, 9), 3, padding=((1, 0), (2, 3))) == (10, 6)
    assert output_size((9, 9), 3, padding=(1, (2, 3))) == (9, 6)
    assert output_size((9, 9), 3, padding="valid") == (11, 11)
    assert output_size((9, 9), 3, padding=-2) == (15, 15)
    assert output_size((9, 9), 3, padding=np.array([[1, 0], [2, 3]])) == (10, 6)


def windows(axes):
    pads = st.integers(-3, 3)
    return st.builds(
        Window.of,
        st.just(axes),
        st.lists(st.integers(1, 5), min_size=axes, max_size=axes),
        st.lists(st.integers(1, 4), min_size=axes, max_size=axes),
        st.one_of(st.just("same"), st.lists(st.tuples(pads, pads), min_size=axes, max_size=axes)),
        st.lists(st.integers(0, 4), min_size=axes, max_size=axes),
    )


@given(windows(1), st.integers(1, 9), st.integers(1, 6))
def test_the_input_size_can_be_read_back(window, i, k):
    try:
        (axis,) = conv_transpose_axes(window, (i,), (k,))
    except errors.ParameterError:
        return
    assert conv_transpose_size_in(window, (axis.size_out,), (k,)) == (i,)


@given(windows(1), st.integers(1, 9), st.integers(1, 6))
def test_the_smallest_input_of_conv(window, o, k):
    (i,) = conv_size_in(window, (o,), (k,))
    (axis,) = conv_axes(window, (i,), (k,))
    if i > 0 or axis.size_out == o:
        assert axis.size_out == o
        if window.padding is not None and i > 0:
            begin, end = window.padding[0]
            if i - 1 + begin + end >= extent(k, window.dilation[0]):
                assert conv_axes(window, (i - 1,), (k,))[0].size_out < o


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(-2, 4))
def test_transposes_pair_the_same_indices(i, k, s, d, crop):
    """All three maps sum over the triples (small, tap, large) with s*i + d*j = t + crop."""
    natural = natural_size(i, k, s, d)
    up = Axis(i, k, s, d, crop, natural + 2)

    def triples_of_conv(axis):
        reads = {
            (t, j): axis.stride * t + axis.dilation * j - axis.crop
            for t in range(axis.size_out)
            for j in range(axis.size_kernel)
        }
        return {(t, j, u) for (t, j), u in reads.items() if 0 <= u < axis.size_in}

    triples = {(a, b, s * a + d * b - crop) for a in range(i) for b in range(k)}
    triples = {(a, b, t) for a, b, t in triples if 0 <= t < up.size_out}
    assert triples_of_conv(input_vjp_axis(up)) == triples
    by_tap = triples_of_conv(weight_vjp_axis("conv_transpose", up))  # output j, "tap" i, input t
    assert {(a, b, t) for b, a, t in by_tap} == triples
    down = input_vjp_axis(up)
    assert weight_vjp_axis("conv", down) == weight_vjp_axis("conv_transpose", up)


class Word(str, Enum):
    SAME = "same"


def test_frozen_does_not_confuse_what_compares_equal():
    assert frozen("stride", [np.int64(2), 3]) == (2, 3)
    assert type(frozen("stride", np.int64(2))) is int
    assert frozen("padding", [[1, 2], (3, 4)]) == ((1, 2), (3, 4))
    for word in ("same", np.str_("same"), Word.SAME):
        assert frozen("padding", word) == "same"
        assert type(frozen("padding", word)) is str
    for slip in (True, 2.0, np.float32(2), np.True_, [True, 1], 1j, object(), {2, 1}, frozenset([2]), {2: 1}):
        with pytest.raises(errors.ArgumentTypeError, match="stride"):
            frozen("stride", slip)


def test_what_does_not_fit_is_refused():
    with pytest.raises(errors.TooLargeError):
        output_size(2**40, 3, stride=2**40)
    with pytest.raises(errors.TooLargeError):
        output_size(4, 3, padding=-(2**62))
    with pytest.raises(errors.TooLargeError):
        per_axis("stride", 2**62, 1, lowest=1)
    with pytest.raises(errors.TooLargeError):
        shape_of("x_shape", (2**31, 2**31))
    assert output_size(2**31, 3, stride=2**30) == (2**31 - 1) * 2**30 + 3
