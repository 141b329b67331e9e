"""Laws that hold whatever the numbers: tested in integers, with equality.

An algorithm that refuses integers gets small ones as float64, which adds them up without rounding, and problems of a
kind that it does not refuse.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tconv
from tests.cases import LARGE
from tests.problems import (
    Operands,
    answer,
    axis,
    every_way,
    for_operator,
    of,
    problem,
    random_floats,
    refuses,
    shapes,
    small_integers,
    turned,
)
from tests.strategies import calls, overlapping_problems, small_problems

OPERATORS = ("conv_transpose", "conv")
TRANSPOSED, ORDINARY = (for_operator(operator) for operator in OPERATORS)
WHOLE = [  # those that take integers, and problems of any shape
    name for operator in OPERATORS for name in for_operator(operator, "int64") if name != "depthwise"
]
ways = pytest.mark.parametrize(
    ("operator", "name"), [(operator, name) for operator in OPERATORS for name in for_operator(operator)]
)
PAIRS = [
    (t, o)
    for t in TRANSPOSED
    for o in ORDINARY
    if {t, o} <= {*WHOLE} or {t, o} <= {"winograd", "polyphase"} or {t, o} == {"depthwise", "polyphase"}
]
pairs = pytest.mark.parametrize(("transposed", "ordinary"), PAIRS)


@st.composite
def problems_for(draw, name, operator, stride_one=False):
    """Problems that the algorithm ``name`` takes."""
    if name in WHOLE:
        return draw(small_problems(operator, ["int64"]))
    if name == "depthwise":
        p = replace(draw(small_problems(operator, ["int64"])), channels_in=1)
        ones = tuple(replace(along, stride=1) for along in p.axes)
        return replace(p, axes=ones) if stride_one else p
    p = draw(overlapping_problems("conv" if stride_one else operator, ["float64"]))
    p = p if p.operator == operator else turned(p)
    assume(not refuses(name, p))
    return p


@st.composite
def problems_for_both(draw, transposed, ordinary, stride_one=False):
    """Transposed convolutions that the one algorithm takes, and the other the ordinary one that goes back."""
    if ordinary in WHOLE:
        return draw(problems_for(transposed, "conv_transpose", stride_one))
    p = turned(draw(problems_for(ordinary, "conv")))
    assume(not refuses(transposed, p))
    return p


def integers(seed, dtype, *shapes):
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(-9, 10, shape).astype(dtype) for shape in shapes)


def inner(a, b):
    return int((a * b).sum())


def either(name, p):
    """The algorithm ``name``, or one that takes all problems if it refuses ``p``."""
    return "polyphase" if refuses(name, p) else name


# The two operators are each other's transpose: <conv_transpose(x), g> = <x, conv(g)>.


@pairs
@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 99))
def test_operators_are_transposes(transposed, ordinary, data, seed):
    back_and_forth(transposed, ordinary, data.draw(problems_for_both(transposed, ordinary)), seed)


def large_pairs():
    for case, (transposed, ordinary) in product(LARGE, PAIRS):
        p = replace(LARGE[case], dtype="int64" if {transposed, ordinary} <= {*WHOLE} else "float64")
        if not refuses(transposed, p) and not refuses(ordinary, turned(p)):
            yield pytest.param(p, transposed, ordinary, id=f"{case}-{transposed}-{ordinary}")


@pytest.mark.parametrize(("p", "transposed", "ordinary"), [*large_pairs()])
def test_operators_are_transposes_at_size(p, transposed, ordinary):
    back_and_forth(transposed, ordinary, p, 0)


def back_and_forth(transposed, ordinary, p, seed):
    x, w, g = integers(seed, p.dtype, *(shapes(p)[i] for i in (0, 1, 3)))
    y = answer(transposed, p, Operands(x, w, None))
    back = answer(ordinary, turned(p), Operands(g, w.swapaxes(1, 2), None))
    assert inner(y, g) == inner(x, back)


# Gradients: the derivative of <y, g> in a direction is <gradient, direction>, and y is bilinear.


@pytest.mark.parametrize("operator", OPERATORS)
@settings(max_examples=120)
@given(data=st.data(), seed=st.integers(0, 99))
def test_gradients(operator, data, seed):
    call = data.draw(calls(operator, data.draw(st.integers(0, 1), label="smallest")))
    x, w, g = integers(seed, "int64", call.x, call.w, call.y)
    y = getattr(tconv, operator)(x, w, **call.arguments)
    of_x = getattr(tconv, f"{operator}_input_vjp")(g, w, input_size=x.shape[2:], **call.arguments)
    of_w = getattr(tconv, f"{operator}_weight_vjp")(x, g, kernel_size=w.shape[2:], **call.arguments)
    assert of_x.shape == x.shape
    assert of_w.shape == w.shape
    assert inner(y, g) == inner(x, of_x) == inner(w, of_w)


@ways
@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 99))
def test_bilinear(operator, name, data, seed):
    p = data.draw(problems_for(name, operator))
    x_shape, w_shape, bias_shape, _ = shapes(p)
    x, x2, w, w2, bias = integers(seed, p.dtype, x_shape, x_shape, w_shape, w_shape, bias_shape)

    def f(x, w, bias=None):
        return answer(name, p, Operands(x, w, bias))

    np.testing.assert_array_equal(
        f(2 * x - 3 * x2, 5 * w + w2),
        10 * f(x, w) + 2 * f(x, w2) - 15 * f(x2, w) - 3 * f(x2, w2),
    )
    space = (1,) * len(p.axes)
    np.testing.assert_array_equal(f(x, w, bias), f(x, w) + bias.reshape(*bias.shape, *space))


@pytest.mark.parametrize("name", TRANSPOSED)
@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 99), steps=st.integers(1, 4))
def test_shift(name, data, seed, steps):
    """Moving the input by m moves the output by stride*m."""
    p = data.draw(problems_for(name, "conv_transpose"))
    operands = small_integers(p, seed)
    first, *others = p.axes
    first = replace(first, size_in=first.size_in + steps, crop=first.crop + first.stride * steps)
    longer = replace(p, axes=(first, *others))
    assume(not refuses(name, longer))
    moved = np.pad(operands.x, [(0, 0)] * 3 + [(steps, 0)] + [(0, 0)] * len(others))
    np.testing.assert_array_equal(answer(name, longer, operands._replace(x=moved)), answer(name, p, operands))


@ways
@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 99))
def test_groups_and_batch_are_blocks(operator, name, data, seed):
    p = data.draw(problems_for(name, operator))
    x, w, bias = small_integers(p, seed)
    y = answer(name, p, Operands(x, w, bias))
    alone = replace(p, batch=1, groups=1)
    for n in range(p.batch):
        for g in range(p.groups):
            block = Operands(x[n : n + 1, g : g + 1], w[g : g + 1], bias[g : g + 1])
            np.testing.assert_array_equal(answer(name, alone, block)[0, 0], y[n, g])


@ways
@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 99))
def test_separable(operator, name, data, seed):
    """A kernel that is a product of kernels for one axis each can be applied axis by axis."""
    p = replace(data.draw(problems_for(name, operator)), batch=1, groups=1, channels_in=1, channels_out=1)
    count = len(p.axes)
    x, *kernels = integers(seed, p.dtype, shapes(p)[0], *((a.size_kernel,) for a in p.axes))
    w = np.ones((1, 1, 1), p.dtype)
    for kernel in kernels:
        w = np.multiply.outer(w, kernel)
    y = x
    for number, (a, kernel) in enumerate(zip(p.axes, kernels, strict=True)):
        only = [replace(a, size_in=n, size_out=n, size_kernel=1, stride=1, dilation=1, crop=0) for n in y.shape[3:]]
        only[number] = a
        one = replace(p, axes=tuple(only))
        y = answer(either(name, one), one, Operands(y, kernel.reshape(1, 1, 1, *shapes(one)[1][3:]), None))
    assert y.ndim == 3 + count
    np.testing.assert_array_equal(answer(name, p, Operands(x, w, None)), y)


@pytest.mark.parametrize("name", TRANSPOSED)
@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 99))
def test_input_and_kernel_change_places(name, data, seed):
    """X(z^s) W(z^d) is a product of polynomials: x with stride s and w with dilation d play the same part."""
    p = replace(
        data.draw(problems_for(name, "conv_transpose")),
        batch=1,
        groups=1,
        channels_in=1,
        channels_out=1,
    )
    x, w, _ = small_integers(p, seed)
    other = replace(
        p,
        axes=tuple(
            replace(a, size_in=a.size_kernel, size_kernel=a.size_in, stride=a.dilation, dilation=a.stride)
            for a in p.axes
        ),
    )
    changed = answer(either(name, other), other, Operands(w, x, None))
    np.testing.assert_array_equal(answer(name, p, Operands(x, w, None)), changed)


@pairs
@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 99))
def test_stride_one_is_convolution_with_the_turned_kernel(transposed, ordinary, data, seed):
    p = data.draw(problems_for_both(transposed, ordinary, stride_one=True))
    p = replace(p, axes=tuple(replace(a, stride=1) for a in p.axes))
    if "depthwise" in (transposed, ordinary):
        p = replace(p, channels_in=1)
    operands = small_integers(p, seed)
    full = replace(
        p,
        operator="conv",
        axes=tuple(replace(a, crop=a.dilation * (a.size_kernel - 1) - a.crop) for a in p.axes),
    )
    turned_kernel = np.flip(operands.w, tuple(range(3, operands.w.ndim)))
    np.testing.assert_array_equal(
        answer(transposed, p, operands), answer(ordinary, full, operands._replace(w=turned_kernel))
    )


@pytest.mark.parametrize("name", TRANSPOSED)
def test_an_impulse_places_the_kernel(name):
    dtype = "int64" if name in WHOLE else "float64"
    p = problem("conv_transpose", axis(3, 4, 3), axis(4, 3, 2), dtype=dtype)
    w = np.arange(1, 13).reshape(1, 1, 1, 4, 3).astype(dtype)
    x = np.zeros(shapes(p)[0], dtype)
    x[..., 1, 2] = 1
    want = np.zeros(shapes(p)[3], dtype)
    want[..., 3:7, 4:7] = w
    np.testing.assert_array_equal(answer(name, p, Operands(x, w, None)), want)


# The number of threads changes nothing, not even the last bit.


@pytest.mark.parametrize(("case", "dtype", "operator", "name"), every_way(LARGE, "float32", "complex64"))
def test_threads(case, dtype, operator, name):
    p = of(operator, LARGE[case], dtype)
    operands = random_floats(p, 0)
    one, two = (answer(name, p, operands, threads) for threads in (1, 2))
    assert one.tobytes() == two.tobytes()
