"""Bounds on rounding errors: those by which numeric results are judged, kept by floats, and not too large."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from sympy import Abs, Rational, oo

import symbolic
from symbolic import cook_toom
from symbolic.error_bounds import bilinear_error_bound, error_bound, gamma, prove_error_bound
from symbolic.theorem import Refuted
from tconv.algorithms.patches import loss, patched
from tconv.cli import bounds
from tconv.cli import cases as checked
from tconv.geometry import Axis
from tests import cases, problems

CHOSEN = [
    *("document", "one_input", "kernel_below_stride", "kernel_not_multiple", "dilated", "negative_crop"),
    *("nothing_but_bias", "groups", "channels", "output_padding"),
]


def ones(a):
    return np.ones_like(a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("case", CHOSEN)
def test_it_is_the_bound_of_the_numeric_tests(case, operator, dtype):
    p = problems.of(operator, cases.SMALL[case], "int64")
    operands = problems.small_integers(p, 3)
    x, w, bias = problems.public(p, operands)
    size = problems.expected_publicly(p, abs(x), abs(w), abs(bias))
    count = problems.expected_publicly(p, ones(x), ones(w), 0 * bias)
    words = problems.public_arguments(p) | {"operator": operator, "dtype": dtype, "layout": "NC..."}
    exact = error_bound(x, w, bias, **words)
    assert exact.shape == size.shape
    at_most = problems.bound(problems.of(operator, cases.SMALL[case], dtype), operands).reshape(size.shape)
    for index in np.ndindex(size.shape):
        terms = int(count[index]) + 1 if count[index] else 0
        assert exact[index] == gamma(terms, dtype) * int(size[index])
        assert exact[index] <= Rational(float(at_most[index]))
        assert float(gamma(terms, dtype)) == pytest.approx(problems.gamma(terms, dtype), rel=1e-15)


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
def test_it_is_the_bound_of_the_command_line(operator):
    for case in checked.BOX[::5] + checked.CHOSEN[:4]:
        x, w, _ = checked.integers(operator, case)
        bound = bounds.direct(operator, case)
        exact = error_bound(x, w, operator=operator, layout="NC...", **case.keywords(operator))
        assert [Rational(entry) for entry in bound.flat] == [exact[index] for index in np.ndindex(bound.shape)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_keep_it_in_every_order(dtype):
    """Sums of rounded products in random trees. And not by far: some order comes near a quarter of the bound."""
    number, rng = np.dtype(dtype).type, random.Random(5)
    nearest = 0
    for _ in range(200):
        x, w = ([float(number(rng.uniform(0.5, 1))) for _ in range(3)] for _ in range(2))
        b = float(number(rng.uniform(-1, 1)))
        operands = ([Rational(v) for v in values] for values in (x, w, [b]))
        y = sum(Fraction(a) * Fraction(v) for a, v in zip(x, reversed(w), strict=True)) + Fraction(b)
        bound = error_bound(*operands, dtype=dtype, padding=2)[0]
        terms = [number(a) * number(v) for a, v in zip(x, reversed(w), strict=True)] + [number(b)]
        while len(terms) > 1:
            rng.shuffle(terms)
            terms.append(terms.pop() + terms.pop())
        off = abs(Fraction(float(terms[0])) - y)
        assert Rational(off) <= bound
        nearest = max(nearest, Rational(off) / bound)
    assert nearest > Rational(1, 4)


def test_symbols():
    x, w, b = symbolic.array("x", 2), symbolic.array("w", 2), symbolic.array("b", 1)
    first, middle, _ = error_bound(x, w, b)
    assert (first - gamma(2) * (Abs(x[0]) * Abs(w[0]) + Abs(b[0]))).expand() == 0
    assert (middle - gamma(3) * (Abs(x[0]) * Abs(w[1]) + Abs(x[1]) * Abs(w[0]) + Abs(b[0]))).expand() == 0
    values = {x[0]: -3, x[1]: 2, w[0]: 5, w[1]: -7, b[0]: -1}
    numbers = error_bound([-3, 2], [5, -7], [-1])
    assert error_bound(x, w, b).subs(values) == numbers
    assert numbers[1] == gamma(3) * (21 + 10 + 1)


def test_what_is_not_rounded():
    assert error_bound([1], [1], 5, stride=2, output_padding=1).tolist() == [gamma(2) * 6, 0]
    assert error_bound([], [1], 5, output_size=2).tolist() == [0, 0]


def trees(terms):
    """Every way to add up terms in pairs, as nested pairs."""
    if len(terms) == 1:
        yield terms[0]
    for chosen in range(1, 2 ** (len(terms) - 1)):  # the first term is always on the left
        right = [term for k, term in enumerate(terms[1:]) if chosen >> k & 1]
        left = [term for term in terms if term not in right]
        yield from product(trees(left), trees(right))


def worst(tree, u):
    """Each term's largest factor, by the term, if every addition errs by at most u."""
    if not isinstance(tree, tuple):
        return {tree: 1 + u if tree.startswith("p") else Rational(1)}
    both = worst(tree[0], u) | worst(tree[1], u)
    return {term: grown * (1 + u) for term, grown in both.items()}


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fewer_roundings_are_refuted_by_some_order(dtype, bias):
    u = Rational(1, 2**24 if dtype == "float32" else 2**53)
    for count in range(1, 5):
        names = [f"p{k}" for k in range(count)] + ["b"] * bias
        largest = max(max(worst(tree, u).values()) for tree in trees(names)) - 1
        n = count + bias
        assert gamma(n - 1, dtype) < largest <= gamma(n, dtype)
        assert prove_error_bound(count, bias=bias, dtype=dtype).proof
        assert prove_error_bound(count, bias=bias, dtype=dtype, roundings=n + 1).proof
        with pytest.raises(Refuted, match="off by at most") as caught:
            prove_error_bound(count, bias=bias, dtype=dtype, roundings=n - 1)
        found = caught.value.counterexample
        assert found["error"].doit() == largest
        assert found["bound"] == gamma(n - 1, dtype)
        assert found["e"] == u
        assert worked_out(found["order"], found["e"]) == 1 + found["error"].doit()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_refuted_is_said_of_the_model_only(dtype):
    """float32 adds 0 exactly: there the counterexample is none, and n*u may do."""
    for count in (2, 4999):
        with pytest.raises(Refuted) as caught:
            prove_error_bound(count, roundings=count - 1, dtype=dtype)
        assert "in the model of rounding fl(a op b) = (a op b)*(1 + e), |e| <= u = 2**-" in str(caught.value)
        assert "float" not in str(caught.value)
    assert prove_error_bound(2, dtype=dtype).statement.title.startswith("In the model of rounding, added up in any")
    assert "but for a factor 1 + e, as in " + dtype in str(prove_error_bound(2, dtype=dtype))
    assert "T = 2: 1 addition, and" in str(prove_error_bound(2, dtype=dtype))


def worked_out(order, e):
    """What the first product becomes, where it is 1 and the other terms are 0."""

    class Term:
        def __init__(self, value):
            self.value = value

        def __add__(self, other):
            return Term((self.value + other.value) * (1 + e))

    p = [Term(1 + e), *(Term(Rational(0)) for _ in range(order.count("p[") - 1))]
    return eval(order, {"p": p, "b": Term(Rational(0))}).value


def test_one_rounding_fewer_may_do_where_there_are_very_many():
    """The bound grows a little faster than what it bounds."""
    for count, holds in ((1000, False), (6000, True)):
        if holds:
            assert "by computation" in str(prove_error_bound(count, roundings=count - 1))
        else:
            with pytest.raises(Refuted):
                prove_error_bound(count, roundings=count - 1)


def transformed(problem_axis, outputs, channels_in):
    axis = patched(problem_axis, "conv_transpose", outputs)
    return loss(problems.problem("conv_transpose", problem_axis, channels_in=channels_in), (axis,))


@pytest.mark.parametrize("channels_in", [1, 7, 64])
@pytest.mark.parametrize(("m", "r"), [(2, 2), (2, 3), (3, 2)])
def test_it_is_the_loss_that_plans_go_by(m, r, channels_in):
    """They go by the ratio of n*u, and take coefficients for powers of two."""
    found = bilinear_error_bound(cook_toom(m, r), channels_in=channels_in, bias=True)
    u, direct = Rational(1, 2**24), channels_in * r + 1
    factor = found.factor * (1 - found.roundings * u) / (1 - direct * u)
    planned = transformed(Axis(9, r, 1, 1, r - 1, 9 - r + 1), m, channels_in)
    assert float(factor) == pytest.approx(planned, rel=1e-12)


@pytest.mark.parametrize("transform", [cook_toom(2, 3), cook_toom(4, 3), cook_toom(2, 3).transposed()])
def test_floats_keep_the_bound_of_a_transform(transform):
    rng, channels = np.random.default_rng(1), 3
    bound = bilinear_error_bound(transform, channels_in=channels)
    matrices = [
        [[np.float32(int(e.p)) / np.float32(int(e.q)) for e in row] for row in matrix.tolist()]
        for matrix in (transform.output, transform.weight, transform.input)
    ]
    for _ in range(20):
        g = rng.uniform(-1, 1, (channels, transform.taps)).astype(np.float32)
        x = rng.uniform(-1, 1, (channels, transform.input.cols)).astype(np.float32)
        u, v = (multiplied(matrix, a) for matrix, a in zip(matrices[1:], (g, x), strict=True))
        p = np.zeros(transform.multiplications, np.float32)
        for c in range(channels):
            p = p + u[c] * v[c] if c else u[c] * v[c]
        y = multiplied(matrices[0], p[None])[0]
        for i, pairs in enumerate(transform.pairs):
            exact = sum(Fraction(float(g[c, t])) * Fraction(float(x[c, k])) for c in range(channels) for t, k in pairs)
            assert Rational(abs(Fraction(float(y[i])) - exact)) <= bound.bound


def multiplied(matrix, rows):
    """Row by row in float32, and zeros left out."""
    result = []
    for row in rows:
        sums = []
        for entries in matrix:
            products = [entry * a for entry, a in zip(entries, row, strict=True) if entry]
            total = products[0]
            for term in products[1:]:
                total = total + term
            sums.append(total)
        result.append(sums)
    return np.array(result, np.float32)


def test_roundings_are_counted():
    one = cook_toom(1, 1)
    assert bilinear_error_bound(one).roundings == 1
    assert bilinear_error_bound(one).factor == 1
    assert bilinear_error_bound(one, channels_in=5, bias=True).roundings == 6
    assert "A product meets 1 rounding at most:" in str(bilinear_error_bound(one))
    direct = bilinear_error_bound(cook_toom(1, 3), channels_in=2)
    assert (direct.roundings, direct.size, direct.factor) == (2 + 2, 6, gamma(4) / gamma(6))
    two = cook_toom(2, 2, (0, 1, oo))  # rows of one or two entries 1 or -1
    assert bilinear_error_bound(two).roundings == 1 + 1 + 1 + 1
    assert bilinear_error_bound([two, two], channels_in=3, bias=True).roundings == 6 + 3 + 1
    thirds = bilinear_error_bound(cook_toom(2, 2, (0, 3, oo)))  # 1/3 in a row of two, and 3
    assert thirds.roundings == (1 + 2) + (1 + 1) + (1 + 1) + 1
    found = bilinear_error_bound([cook_toom(2, 3)] * 2, channels_in=4, dtype="float64")
    assert found.size == 4 * 64
    assert found.bound == gamma(found.roundings, "float64") * 256
    assert found.factor == gamma(found.roundings, "float64") * 64 / (gamma(36, "float64") * 9)


def test_they_can_be_read():
    told = [
        prove_error_bound(1),
        prove_error_bound(300, bias=True),
        prove_error_bound(9000, roundings=8999, dtype="float32"),
        bilinear_error_bound([cook_toom(4, 3), cook_toom(2, 3)], channels_in=512, bias=True),
    ]
    for one in told:
        text, formula = str(one), one._repr_latex_()
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 80
        assert formula[0] == formula[-1] == "$"
        assert formula.count("{") == formula.count("}")


@pytest.mark.parametrize(
    ("call", "error", "start"),
    [
        (lambda: gamma(-1), ValueError, "roundings: got -1; must be an integer >= 0, and < 16777216 for float32"),
        (lambda: gamma(2**24), ValueError, "roundings: got 16777216; must be"),
        (lambda: gamma(1.0), TypeError, "roundings: got 1.0; must be an integer"),
        (lambda: gamma(1, "float16"), ValueError, "dtype: got 'float16'; must be 'float32' or 'float64'"),
        (lambda: error_bound([1], [1], dtype=None), ValueError, "dtype: got None; must be"),
        (lambda: error_bound([1], [1], operator="fft"), ValueError, "operator: got 'fft'; must be 'conv_transpose'"),
        (lambda: error_bound([0.5], [1]), TypeError, "x: got 0.5, a rounded number; must be exact"),
        (lambda: error_bound([1], [1], stride=0), ValueError, "stride: got 0 for spatial axis 0"),
        (
            lambda: error_bound([1], [1], operator="conv", output_padding=1),
            ValueError,
            "output_padding: got 1 for operator 'conv'; must not be given there",
        ),
        (
            lambda: error_bound([1], [1], operator="conv", output_size=1),
            ValueError,
            "output_size: got 1 for operator 'conv'; must not be given there",
        ),
        (lambda: prove_error_bound(0), ValueError, "products: got 0; must be an integer >= 1"),
        (lambda: prove_error_bound(2, roundings=-1), ValueError, "roundings: got -1; must be an integer >= 0"),
        (lambda: bilinear_error_bound([(2, 3)]), TypeError, "transforms: got (2, 3); must hold what cook_toom returns"),
        (lambda: bilinear_error_bound(3), TypeError, "transforms: got 3; must be what cook_toom returns, or several"),
        (lambda: bilinear_error_bound([]), ValueError, "transforms: got none; must be one for each axis"),
        (
            lambda: bilinear_error_bound(cook_toom(1, 1), channels_in=0),
            ValueError,
            "channels_in: got 0; must be an integer >= 1",
        ),
    ],
)
def test_errors(call, error, start):
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
