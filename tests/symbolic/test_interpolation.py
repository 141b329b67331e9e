"""Taps of interpolation, against tconv's and against interpolation written out here; and what they continue."""

from __future__ import annotations

from itertools import product
from math import ceil

import pytest
from sympy import Float, Rational, Symbol, atan, pi, simplify, sin, sqrt, symbols

import symbolic
import tconv.interpolation
from symbolic.document import CONV_TRANSPOSE
from symbolic.interpolation import (
    KERNELS,
    interpolation_function,
    interpolation_taps,
    prove_continues_polynomials,
    prove_reproduces_constants,
    prove_reproduces_ramps,
)
from symbolic.theorem import Refuted

HALF = Rational(1, 2)
A = Symbol("a")


def keys(u, a):
    u = abs(u)
    if u <= 1:
        return (a + 2) * u**3 - (a + 3) * u**2 + 1
    return a * u**3 - 5 * a * u**2 + 8 * a * u - 4 * a if u < 2 else 0


def sinc(u):
    return 1 if u == 0 else sin(pi * u) / (pi * u)


FUNCTIONS = {
    "bilinear": lambda u: max(1 - abs(u), 0),
    "bicubic": lambda u: keys(u, -HALF),
    "lanczos2": lambda u: sinc(u) * sinc(u / 2) if abs(u) < 2 else 0,
    "lanczos3": lambda u: sinc(u) * sinc(u / 3) if abs(u) < 3 else 0,
}


def position(t, scale):
    return (t + HALF) / scale - HALF


def outcome(prove, *operands, **arguments):
    """The theorem, or the counterexample."""
    try:
        return prove(*operands, **arguments)
    except Refuted as refuted:
        return refuted.counterexample


@pytest.mark.parametrize("kernel", tconv.interpolation.KERNELS)
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5, 8])
def test_they_are_what_tconv_rounds(kernel, scale):
    exact, rounded = interpolation_taps(kernel, scale), tconv.interpolation.interpolation_taps(kernel, scale)
    assert exact.padding == rounded.padding
    assert len(exact.weights) == len(rounded.weights)
    for weight, number in zip(exact.weights, rounded.weights, strict=True):
        assert abs(Rational(float(number)) - weight).evalf(30) <= 8 * 2.0**-53


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_every_output_is_interpolated(kernel, scale):
    """Output t takes input i as often as the function says, and no input that has a say is left out."""
    taps = interpolation_taps(kernel, scale, divided=False)
    x = symbolic.array("x", 7)
    y = symbolic.conv_transpose(x, taps.weights, stride=scale, padding=taps.padding)
    assert len(y) == 7 * scale
    for t, i in product(range(7 * scale), range(7)):
        assert simplify(y[t].coeff(x[i]) - FUNCTIONS[kernel](position(t, scale) - i)) == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_function(kernel):
    h = interpolation_function(kernel)
    (u,) = h.free_symbols
    for step in range(-14, 15):
        at = Rational(step, 4)
        assert simplify(h.subs(u, at) - FUNCTIONS[kernel](at)) == 0


def test_parameter_of_keys():
    h = interpolation_function("bicubic", a=A)
    (u,) = h.free_symbols - {A}
    for step in range(-10, 11):
        assert simplify(h.subs(u, Rational(step, 4)) - keys(Rational(step, 4), A)) == 0
    usual = interpolation_taps("bicubic", 3).weights
    assert interpolation_taps("bicubic", 3, a=A).weights.subs(A, -HALF) == usual
    assert interpolation_taps("bicubic", 3, a=-HALF).weights == usual != interpolation_taps("bicubic", 3, a=-1).weights


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_divided_taps_leave_constants_as_they_are(kernel, scale):
    weights = interpolation_taps(kernel, scale).weights
    assert prove_reproduces_constants(weights, stride=scale).proof
    for phase in range(scale):
        assert abs(sum(list(weights)[phase::scale]).evalf(30) - 1) < 1e-25


@pytest.mark.parametrize("kernel", ["lanczos2", "lanczos3"])
def test_lanczos_taps_alone_do_not(kernel):
    taps = interpolation_taps(kernel, 3, divided=False)
    found = outcome(prove_reproduces_constants, taps.weights, stride=3)
    y = symbolic.conv_transpose([1] * 9, taps.weights, stride=3, padding=taps.padding)
    (t,) = (t for t in range(12, 15) if (t + taps.padding) % 3 == found["phase"][0])
    assert simplify(y[t] - found["sum"]) == 0
    assert abs(y[t].evalf() - 1) > 1e-4


def test_the_document_does_not_interpolate():
    """With its kernel, equal numbers do not stay what they are, and neither does any sum of them."""
    found = outcome(prove_reproduces_constants, CONV_TRANSPOSE.w)
    assert found == {"phase": (0, 0), "sum": 0}
    y = symbolic.conv_transpose([[5] * 4] * 4, CONV_TRANSPOSE.w)
    assert all(y[t] == 0 for t in product(range(1, 4), repeat=2))
    assert outcome(prove_reproduces_ramps, CONV_TRANSPOSE.w) == found


VALUES = (0, HALF, 1)


@pytest.mark.parametrize(("size", "strides", "dilations"), [(3, (1, 2, 3), (1, 2)), (4, (2,), (1,))])
def test_constants_over_a_box(size, strides, dilations):
    """Every kernel of a few numbers: proved if and only if ones become ones, away from the ends."""
    verdicts = set()
    for s, d, w in product(strides, dilations, product(VALUES, repeat=size)):
        reach = d * (size - 1)
        y = symbolic.conv_transpose([1] * (2 * reach + 2), w, stride=s, dilation=d)
        inner = range(reach, reach + s)
        found = outcome(prove_reproduces_constants, w, stride=s, dilation=d)
        holds = not isinstance(found, dict)
        assert holds == all(y[t] == 1 for t in inner)
        if not holds:
            (t,) = (t for t in inner if t % s == found["phase"][0])
            assert y[t] == found["sum"] != 1
        verdicts.add(holds)
    assert verdicts == {True, False}


@pytest.mark.parametrize(
    ("size", "strides", "dilations", "paddings"), [(3, (1, 2), (1, 2), (0, 1)), (4, (2,), (1,), (1, (1, 0)))]
)
def test_ramps_over_a_box(size, strides, dilations, paddings):
    proved = 0
    values = (0, Rational(1, 4), HALF, Rational(3, 4), 1) if size == 4 else VALUES
    for s, d, p, w in product(strides, dilations, paddings, product(values, repeat=size)):
        reach, begin = d * (size - 1), p if isinstance(p, int) else p[0]
        inputs = 2 * reach + 3
        y = symbolic.conv_transpose(list(range(inputs)), w, stride=s, dilation=d, padding=[p], output_padding=1)
        inner = range(reach, reach + 2 * s)
        holds = all(y[t] == position(t, s) for t in inner)
        found = outcome(prove_reproduces_ramps, w, stride=s, dilation=d, padding=[p])
        assert holds != isinstance(found, dict)
        if not holds and "moment" in found:
            t = next(t for t in inner if (t + begin) % s == found["phase"][0])
            assert found["axis"] == 0
            assert y[t] == (t + begin - found["moment"]) / Rational(s) != position(t, s)
            assert found["position"] == begin + Rational(s - 1, 2)
        proved += holds
    assert proved > 0


def test_two_axes():
    down, across = interpolation_taps("bilinear", 2), interpolation_taps("bicubic", 3)
    w = [[a * b for b in across.weights] for a in down.weights]
    words = {"stride": (2, 3), "padding": (down.padding, across.padding)}
    assert len(prove_reproduces_ramps(w, **words).steps()) == 5
    for axis in range(2):
        x = [[(i, j)[axis] for j in range(5)] for i in range(4)]
        y = symbolic.conv_transpose(x, w, **words)
        assert all(y[t, u] == position((t, u)[axis], (2, 3)[axis]) for t in range(2, 6) for u in range(6, 9))
    found = outcome(prove_reproduces_ramps, w, stride=(2, 3), padding=(down.padding, across.padding + 1))
    assert (found["axis"], found["moment"], found["position"]) == (1, across.padding + 1, across.padding + 2)
    assert down.over(2).tolist() == [[a * b for b in down.weights] for a in down.weights]
    assert down.over(1) == down.weights
    assert prove_reproduces_constants(down.over(3), stride=2).proof


def test_padding_same():
    """It crops (k - s)/2, which is where the taps of an enlargement begin."""
    for scale in (1, 2, 3):
        assert prove_reproduces_ramps(interpolation_taps("bilinear", scale).weights, stride=scale, padding="same")
    assert "padding 2" in prove_reproduces_ramps([0, 0, 1, 0, 0], padding="same").statement.title


def test_symbols_must_sum_to_1_whatever_they_are():
    f = Symbol("f")
    assert prove_reproduces_constants([1 - f, f]).proof
    w = symbols("w:2")
    assert outcome(prove_reproduces_constants, w) == {"phase": (0,), "sum": w[0] + w[1]}
    assert outcome(prove_reproduces_constants, [1], stride=2) == {"phase": (1,), "sum": 0}
    assert outcome(prove_reproduces_constants, []) == {"phase": (0,), "sum": 0}


@pytest.mark.parametrize(("kernel", "highest"), [("bilinear", 1), ("bicubic", 2)])
def test_polynomials(kernel, highest):
    """Proved for every scale up to a degree, and refuted above; both as expansions say."""
    for degree in range(highest + 1):
        assert prove_continues_polynomials(kernel, degree).proof
        for scale in (1, 2, 3, 4):
            taps = interpolation_taps(kernel, scale)
            x = [(i - 2) ** degree for i in range(8)]
            y = symbolic.conv_transpose(x, taps.weights, stride=scale, padding=taps.padding)
            assert all(y[t] == (position(t, scale) - 2) ** degree for t in range(2 * scale, 5 * scale))
    found = outcome(prove_continues_polynomials, kernel, highest + 3)
    assert found["degree"] == highest + 1
    check_counterexample(kernel, found)


def check_counterexample(kernel, found, **words):
    taps = interpolation_taps(kernel, found["scale"], divided=False, **words)
    x = [(i - 4) ** found["degree"] for i in range(10)]
    y = symbolic.conv_transpose(x, taps.weights, stride=found["scale"], padding=taps.padding)
    (t,) = (t for t in range(len(y)) if position(t, found["scale"]) == 4 + found["position"])
    assert simplify(y[t] - found["y"]) == 0
    assert found["power"] == found["position"] ** found["degree"]
    assert simplify(found["y"] - found["power"]) != 0


def test_keys_cubic_continues_ramps_only_with_the_usual_parameter():
    assert prove_continues_polynomials("bicubic", 0, a=A).proof
    found = outcome(prove_continues_polynomials, "bicubic", 1, a=A)
    check_counterexample("bicubic", found, a=A)
    difference = found["y"] - found["power"]
    assert difference.subs(A, -HALF) == 0
    assert difference.diff(A) != 0
    for a in (0, -1, Rational(-3, 4)):
        check_counterexample("bicubic", outcome(prove_continues_polynomials, "bicubic", 1, a=a), a=a)


@pytest.mark.parametrize("kernel", ["lanczos2", "lanczos3"])
def test_lanczos_continues_nothing_at_every_scale(kernel):
    found = outcome(prove_continues_polynomials, kernel, 0)
    assert found["degree"] == 0
    check_counterexample(kernel, found)


def test_padding_is_the_least_that_leaves_no_tap_out():
    for kernel, scale in product(KERNELS, range(1, 7)):
        taps = interpolation_taps(kernel, scale)
        width = {"bilinear": 1, "bicubic": 2, "lanczos2": 2, "lanczos3": 3}[kernel]
        assert taps.padding == ceil(width * scale - Rational(scale - 1, 2)) - 1
        assert len(taps.weights) == 2 * taps.padding + scale


def test_what_sums_to_1_in_disguise():
    """One test of zero for all proofs: of roots, of fractions, and of what cannot be decided."""
    a = Symbol("a")
    assert prove_reproduces_constants([sqrt(5 + 2 * sqrt(6)), 1 - sqrt(2) - sqrt(3)]).proof
    assert prove_reproduces_constants([1 / (a + 1), a / (a + 1)]).proof
    assert outcome(prove_reproduces_constants, [1 / (a + 1), a / (a + 2)])["phase"] == (0,)
    with pytest.raises(ValueError, match=r"^SymPy cannot decide whether .*atan.* is zero$"):
        prove_reproduces_constants([16 * atan(Rational(1, 5)) - 4 * atan(Rational(1, 239)), 1 - pi])


def test_they_can_be_read():
    bilinear = interpolation_taps("bilinear", 2)
    told = [
        *(interpolation_taps(kernel, 2) for kernel in KERNELS),
        interpolation_taps("bicubic", 2, a=A),
        prove_reproduces_constants(interpolation_taps("lanczos3", 2).weights, stride=2),
        prove_reproduces_ramps(bilinear.over(2), stride=2, padding=1),
        prove_continues_polynomials("bicubic", 2),
        prove_continues_polynomials("bicubic", 0, a=A),
        interpolation_taps("bicubic", 1, a=sum(symbols("a:20"))),
        prove_continues_polynomials("bicubic", 0, a=sum(symbols("a:20"))),
        prove_reproduces_constants([sum(symbols("a:20")), 1 - sum(symbols("a:20"))]),
    ]
    for one in told:
        text, formula = str(one), one._repr_latex_()
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 80
        assert formula[0] == formula[-1] == "$"
        assert formula.count("{") == formula.count("}")
        assert formula.count(r"\begin") == formula.count(r"\end")
    assert repr(bilinear) == "InterpolationTaps(kernel='bilinear', scale=2, padding=1, weights=[1/4, 3/4, 3/4, 1/4])"


@pytest.mark.parametrize(
    ("call", "error", "start"),
    [
        (lambda: interpolation_taps("cubic", 2), ValueError, "kernel: got 'cubic'; must be one of 'bilinear', "),
        (lambda: interpolation_function(None), ValueError, "kernel: got None; must be one of"),
        (lambda: interpolation_taps("bilinear", 0), ValueError, "scale: got 0; must be an integer >= 1"),
        (lambda: interpolation_taps("bilinear", 2.0), TypeError, "scale: got 2.0; must be an integer"),
        (lambda: interpolation_taps("bilinear", 2, a=1), ValueError, "a: got 1 for kernel 'bilinear'; must be None"),
        (lambda: interpolation_taps("bicubic", 2, a=-0.5), TypeError, "a: got -0.5, a rounded number; must be exact"),
        (lambda: interpolation_taps("bicubic", 2, a=[1]), TypeError, "a: got [1]; must be one exact number"),
        (lambda: interpolation_taps("bilinear", 2).over(0), ValueError, "axes: got 0; must be an integer >= 1"),
        (lambda: prove_reproduces_constants(1), ValueError, "w: got shape (); must have 1 or more axes"),
        (lambda: prove_reproduces_constants([Float(1)]), TypeError, "w: got 1.0"),
        (lambda: prove_reproduces_constants([1], stride=0), ValueError, "stride: got 0 for spatial axis 0; must be"),
        (lambda: prove_reproduces_ramps([1], padding="full"), ValueError, "padding: got 'full'; the words it may be"),
        (lambda: prove_continues_polynomials("bilinear", -1), ValueError, "degree: got -1; must be an integer >= 0"),
        (lambda: prove_continues_polynomials("bilinear", 0.5), TypeError, "degree: got 0.5; must be an integer"),
    ],
)
def test_errors(call, error, start):
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
