"""Wrong calls: the type of the error, and one line that names the argument and says what it must be."""

from __future__ import annotations

import pytest
from sympy import Symbol

import symbolic

X, W = [1, 2, 3], [1, 2]
X2, W2 = [[[1, 2], [3, 4]]], [[[1, 2]], [[3, 4]]]  # (1, 2, 2) and (2, 1, 2)
NC = {"layout": "NC..."}

# x, w, other arguments, and how the message begins.
VALUE_ERRORS = [
    (X, W, {"stride": 0}, "stride: got 0 for spatial axis 0; must be an integer >= 1"),
    (X, W, {"stride": -2}, "stride: got -2 for spatial axis 0"),
    (
        X,
        W,
        {"stride": (1, 2)},
        "stride: got (1, 2) with 2 values; must be an integer, or one per",
    ),
    (X, W, {"dilation": 0}, "dilation: got 0 for spatial axis 0"),
    (X, W, {"output_padding": -1}, "output_padding: got -1 for spatial axis 0; must be an integer >= 0"),
    (X, W, {"padding": "full"}, "padding: got 'full'; the words it may be are 'same' and 'valid'"),
    (X, W, {"padding": [(1,)]}, "padding: got (1,) with 1 value; must be an integer or a (begin, end) pair"),
    (X, W, {"padding": (1, 1)}, "padding: got (1, 1) with 2 values; must be an integer, or one or a"),
    (X, W, {"padding": 3}, "padding: got (3, 3) for spatial axis 0, where 4 outputs are to be cropped"),
    (X, W, {"output_size": -1}, "output_size: got -1 for spatial axis 0; must be an integer >= 0"),
    (X, W, {"output_size": (1, 2)}, "output_size: got (1, 2) with 2 values"),
    (X, W, {"output_size": 3, "output_padding": 1}, "output_padding: got 1 beside output_size; must be 0"),
    (X, W, {"groups": 2}, "groups: got 2; must be 1 for layout '...', which has no C"),
    (X, W, {"groups": 0}, "groups: got 0; must be an integer >= 1"),
    (X, W, {"layout": "NCHW"}, "layout: got 'NCHW'; must hold '...'"),
    (X, W, {"layout": "NN..."}, "layout: got 'NN...'; must hold '...' and N and C at most once"),
    (X, W, {"layout": "nc..."}, "layout: got 'nc...'"),
    (
        X2,
        W2,
        {**NC, "kernel_layout": "I..."},
        "kernel_layout: got 'I...'; must hold '...' and I and O",
    ),
    (X, W, {"route": "fft"}, "route: got 'fft'; must be one of 'scatter', 'zero_insertion', 'matrix', "),
    (X, W, {"route": "sliding_window"}, "route: got 'sliding_window'"),
    (X, W, {"route": None}, "route: got None; must be one of"),
    (X, 3, {}, "w: got shape (); must have 1 or more axes for layout '...'"),
    (X, [[1]], {}, "x: got shape (3,); must have 2 axes for layout '...', as w has 2 spatial ones"),
    ([[X]], W, {}, "x: got shape (1, 1, 3); must have 1 axes for layout '...', as w has 1 spatial one"),
    (X2, W, NC, "w: got shape (2,); must have 3 or more axes for layout 'NC...' and kernel_layout 'IO...'"),
    (X, W2, NC, "x: got shape (3,); must have 3, or 2 without N, axes for layout 'NC...'"),
    ([[[1]]], W2, NC, "x: axis 1 (C) has size 1; must be 2, as axis 0 (I) of w and groups = 1 say"),
    ([[[1]]], W2, {"layout": "N...C"}, "x: axis 2 (C) has size 1; must be 2"),
    (X2, W2, {**NC, "groups": 3}, "w: axis 0 (I) has size 2; must be a multiple of groups = 3"),
    (X, W, {"bias": [1, 2]}, "bias: got shape (2,); must be one number, as the layout has no channels"),
    (X2, W2, {**NC, "bias": 1}, "bias: got shape (); must be (1,), one per output channel"),
    (X2, W2, {**NC, "bias": [1, 2]}, "bias: got shape (2,); must be (1,), one per output channel"),
]
TYPE_ERRORS = [
    (X, W, {"stride": 1.0}, "stride: got 1.0; must be an integer"),
    (X, W, {"stride": True}, "stride: got True; must be an integer"),
    (X, W, {"stride": None}, "stride: got None; must be an integer"),
    (X, W, {"stride": Symbol("s")}, "stride: got s; must be an integer"),
    (X, W, {"stride": "2"}, "stride: got '2'; must be an integer"),
    (X, W, {"stride": [1.5]}, "stride: got 1.5; must be an integer"),
    (
        X,
        W,
        {"padding": 1.5},
        "padding: got 1.5; must be an integer, or one or a (begin, end) pair",
    ),
    (X, W, {"padding": [(1, "a")]}, "padding: got 'a'; must be an integer"),
    (X, W, {"groups": "1"}, "groups: got '1'; must be an integer"),
    (X, W, {"layout": None}, "layout: got None; must be a string such as 'NC...'"),
    (X2, W2, {**NC, "kernel_layout": 1}, "kernel_layout: got 1; must be a string such as 'IO...'"),
    (X, W, {"bias": 0.5}, "bias: got 0.5, a rounded number; must be exact"),
]
ORDINARY_VALUE_ERRORS = [
    (X, [1] * 9, {}, "padding: got (0, 0) for spatial axis 0, where a kernel that spans 9 meets 3 inputs"),
    (X, W, {"padding": -9}, "padding: got (-9, -9) for spatial axis 0, where a kernel that spans 2 meets 3"),
    (X, W, {"stride": 0}, "stride: got 0 for spatial axis 0"),
    (X, W, {"route": "scatter"}, "route: got 'scatter'; must be one of 'sliding_window', 'matrix'"),
    (X2, W2, {**NC, "groups": 3}, "w: axis 0 (O) has size 2; must be a multiple of groups = 3"),
    (X2, W2, NC, "x: axis 1 (C) has size 2; must be 1, as axis 1 (I) of w and groups = 1 say"),
]


def check(compute, x, w, arguments, error, start):
    with pytest.raises(error) as caught:
        compute(x, w, **arguments)
    assert type(caught.value) is error
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("x", "w", "arguments", "start"), VALUE_ERRORS)
def test_value_errors(x, w, arguments, start):
    check(symbolic.conv_transpose, x, w, arguments, ValueError, start)


@pytest.mark.parametrize(("x", "w", "arguments", "start"), TYPE_ERRORS)
def test_type_errors(x, w, arguments, start):
    check(symbolic.conv_transpose, x, w, arguments, TypeError, start)


@pytest.mark.parametrize(("x", "w", "arguments", "start"), ORDINARY_VALUE_ERRORS)
def test_value_errors_of_conv(x, w, arguments, start):
    check(symbolic.conv, x, w, arguments, ValueError, start)


@pytest.mark.parametrize("trace", [symbolic.trace_conv, symbolic.trace_conv_transpose])
def test_traces_say_the_same(trace):
    check(trace, X, W, {"stride": 0}, ValueError, "stride: got 0 for spatial axis 0; must be an integer >= 1")
    check(trace, X, [[1]], {}, ValueError, "x: got shape (3,); must have 2 axes")
