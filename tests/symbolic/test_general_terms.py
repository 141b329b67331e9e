"""The general terms: with numbers put in they are the operators' expansions, over exhaustive boxes."""

from __future__ import annotations

from itertools import product
from math import gcd

import pytest
from sympy import Eq, Indexed, Integer, Max, Piecewise, Rational, Sum, Symbol, ceiling, floor, sqrt

import symbolic
from symbolic.drawing import WIDTH
from symbolic.general_terms import Gcd, Inverse, general_term, phase_form

X = [symbolic.array("x", i) for i in range(5)]
W = [symbolic.array("w", k) for k in range(5)]
STEPS = [*product((1, 2, 3), repeat=2), (4, 2), (2, 4), (4, 6), (6, 4)]
TRANSPOSED = {"sum": general_term(), "phases": phase_form()}
ALL = [*TRANSPOSED.values(), general_term(2), phase_form(2), general_term(1, "conv"), general_term(2, "conv")]


def numbers(term, **values):
    """One for each symbol of the only axis."""
    return {getattr(term.axes[0], name): value for name, value in values.items()}


@pytest.mark.parametrize("form", TRANSPOSED)
def test_box(form):
    """Every output there is, and two more before and after, where there is nothing to add."""
    for i, k, (s, d) in product((0, 1, 3), range(4), STEPS):
        arguments = {"stride": s, "dilation": d, "padding": -2}
        y = TRANSPOSED[form].expand(X[i], W[k], **arguments)
        assert y == symbolic.conv_transpose(X[i], W[k], **arguments), (i, k, s, d)


def test_box_of_conv():
    term = general_term(1, "conv")
    for i, k, (s, d), begin in product(range(5), range(4), STEPS, (-1, 0, 2)):
        arguments = {"stride": s, "dilation": d, "padding": [(begin, d * k)]}
        y = term.expand(X[i], W[k], **arguments)
        assert y == symbolic.conv(X[i], W[k], **arguments), (i, k, s, d, begin)


@pytest.mark.parametrize("form", TRANSPOSED)
@pytest.mark.parametrize(
    "arguments",
    [
        {"padding": "same"},
        {"padding": [(3, -1)], "output_padding": 5},
        {"padding": [(-3, 1)], "dilation": 2},
        {"padding": [(4, 0)], "output_size": 9},
        {"output_size": 0},
    ],
    ids=str,
)
def test_every_padding(form, arguments):
    y = TRANSPOSED[form].expand(X[4], W[3], stride=2, **arguments)
    assert y == symbolic.conv_transpose(X[4], W[3], stride=2, **arguments)


@pytest.mark.parametrize("form", [general_term, phase_form])
def test_several_axes(form):
    x, w = symbolic.array("x", (2, 3)), symbolic.array("w", (3, 2))
    arguments = {"stride": (2, 1), "dilation": (1, 2), "padding": ((1, 0), -1), "output_padding": (1, 0)}
    assert form(2).expand(x, w, **arguments) == symbolic.conv_transpose(x, w, **arguments)
    x, w = symbolic.array("x", (2, 1, 2)), symbolic.array("w", (1, 2, 2))
    arguments = {"stride": (1, 3, 2), "dilation": (2, 1, 2)}
    assert form(3).expand(x, w, **arguments) == symbolic.conv_transpose(x, w, **arguments)


def test_several_axes_of_conv():
    x, w = symbolic.array("x", (4, 5)), symbolic.array("w", (2, 3))
    arguments = {"stride": (2, 1), "dilation": (1, 2), "padding": ((1, 0), 1)}
    assert general_term(2, "conv").expand(x, w, **arguments) == symbolic.conv(x, w, **arguments)


@pytest.mark.parametrize("form", TRANSPOSED)
def test_expressions(form):
    a, b = Symbol("a"), Symbol("b")
    x, w = [a + b, Rational(1, 3), sqrt(2)], [a - b, 2, -a]
    assert TRANSPOSED[form].expand(x, w, stride=2) == symbolic.conv_transpose(x, w, stride=2)


# The equation itself.


def test_equations():
    (i, k, s, d, p, t), *_ = general_term().axes
    assert [str(symbol) for symbol in (i, k, s, d, p, t)] == list("iksdpt")
    for term in ALL:
        assert isinstance(term.equation, Eq)
        assert isinstance(term.equation.lhs, Indexed)
        assert term.equation.lhs.indices == tuple(axis.t for axis in term.axes)
        assert term.equation.has(Sum)
        assert len(term.bounds) == len(term.axes)
    ((first, last),) = general_term().bounds
    assert first == Max(0, ceiling((t + p - d * (k - 1)) / s))
    assert last.has(floor((t + p) / s))
    (axis, other) = general_term(2).axes
    assert str(axis.stride) == "s_0"
    assert str(other.padding) == "p_1"


def test_the_textbook_appears():
    """With dilation 1 no condition remains, and the phase of t is t modulo s."""
    term = general_term()
    (n,) = term.at(dilation=1).variables
    (_, k, s, _, p, t), *_ = term.axes
    x, w = (next(e.base for e in term.equation.atoms(Indexed) if str(e.base) == name) for name in "xw")
    assert term.at(dilation=1).function == x[n] * w[t + p - s * n]
    assert not term.at(dilation=1).has(Piecewise)
    assert term.at(dilation=2).has(Piecewise)
    phases = phase_form().at(dilation=1, padding=0)
    (m,) = phases.variables
    assert {e.indices[0] for e in phases.function.atoms(Indexed) if e.base == w} == {t % s + m * s}
    assert not phases.has(Piecewise)
    assert phase_form().at(stride=2, dilation=2).has(Piecewise)
    ordinary = general_term(1, "conv").at(stride=1, dilation=1, padding=0)
    (j,) = ordinary.variables
    assert ordinary.function == x[t + j] * w[j]
    assert k in ordinary.free_symbols


@pytest.mark.parametrize("term", [*TRANSPOSED.values(), general_term(1, "conv")], ids=["sum", "phases", "conv"])
def test_subs_and_doit(term):
    """The equation is right on its own, however numbers are put in."""
    for s, d, t in product((1, 2), (1, 2), range(8)):
        values = numbers(term, input_size=4, kernel_size=3, stride=s, dilation=d, padding=1, t=t)
        assert len(values) == 6
        equation = term.equation.subs(values).doit()
        assert equation.lhs == term.equation.lhs.base[t]
        assert equation.rhs == term.at(t, input_size=4, kernel_size=3, stride=s, dilation=d, padding=1)


def test_strings_are_not_the_symbols():
    """SymPy takes "i" for a symbol of which nothing is known; the docstring says what to put in instead."""
    term = general_term()
    assert term.equation.subs(dict.fromkeys("iksdpt", 1)) == term.equation
    assert term.equation.subs(dict.fromkeys(term.axes[0], 1)) != term.equation
    for told in (general_term.__doc__, type(term).__doc__):
        assert "axes" in told
        assert '"i"' in told


def test_empty_sums_are_zero():
    """SymPy's own convention for a sum from a to b < a - 1 is not that nothing is added."""
    n = Symbol("n")
    assert Sum(n, (n, 5, 2)).doit() != 0
    sizes = {"input_size": 2, "kernel_size": 2, "stride": 1, "dilation": 1, "padding": 0}
    for term in TRANSPOSED.values():
        assert [term.at(t, **sizes) for t in (3, 5, 9)] == [0, 0, 0]
        assert term.at(0, **{**sizes, "padding": -7}) == 0
        assert term.at(0, **{**sizes, "kernel_size": 0, "dilation": 9}) == 0
        assert term.at(0, **{**sizes, "input_size": 0}) == 0
    assert general_term(1, "conv").at(9, **sizes) == 0


def test_long_sums():
    y = general_term().at(149, input_size=150, kernel_size=150, stride=1, dilation=1, padding=0)
    assert len(y.args) == 150


def test_some_numbers():
    """In steps or at once, numbers come to the same."""
    term, values = phase_form(), {"input_size": 3, "kernel_size": 4, "stride": 4, "dilation": 6, "padding": 1}
    partly = term.at(stride=4, dilation=6)
    assert not partly.has(Gcd)
    assert not partly.has(Inverse)
    for t in range(12):
        rest = numbers(term, input_size=3, kernel_size=4, padding=1, t=t)
        assert partly.subs(rest).doit() == term.at(t, **values)
    r = Symbol("r", integer=True)
    assert r in term.at(r, **values).free_symbols
    assert term.at(padding=[(2, 99)]) == term.at(padding=2)


def test_gcd_and_inverse():
    for a, b in product(range(1, 13), repeat=2):
        assert Gcd(Integer(a), Integer(b)) == gcd(a, b)
        if gcd(a, b) == 1 and b > 1:
            assert Inverse(Integer(a), Integer(b)) * a % b == 1
            assert 0 <= Inverse(Integer(a), Integer(b)) < b
    s = Symbol("s", integer=True, positive=True)
    assert Gcd(s, s) == s
    assert Gcd(1, s) == Gcd(s, 1) == 1
    assert str(Gcd(s, 4)) == "gcd(s, 4)"
    assert Gcd(s, 4).subs(s, 6) == 2


# Reading it.


@pytest.mark.parametrize("term", ALL, ids=lambda term: f"{term.operator} {len(term.axes)}d")
def test_steps(term):
    steps = term.steps()
    assert str(term) == "\n\n".join(step.text for step in steps)
    assert all(len(line) <= WIDTH for step in steps for line in step.drawing)
    assert all(len(step.title) <= 80 for step in steps)
    latex = term._repr_latex_()
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\begin") == latex.count(r"\end")
    assert steps[-1].drawing[0].startswith(f"{term.equation.lhs} = sum of ")
    assert "gcd" not in latex.replace(r"\gcd", "")


def test_errors():
    for error, start, call in [
        (ValueError, "ndim: got 0; must be an integer >= 1", lambda: general_term(0)),
        (TypeError, "ndim: got 1.0; must be an integer", lambda: phase_form(1.0)),
        (ValueError, "operator: got 'fft'; must be one of 'conv_transpose', 'conv'", lambda: general_term(1, "fft")),
        (ValueError, "operator: got []; must be one of", lambda: general_term(1, [])),
        (ValueError, "stride: got 0 for spatial axis 0; must be", lambda: general_term().at(stride=0)),
        (ValueError, "t: got -1 for spatial axis 0; must be", lambda: general_term().at(-1)),
        (TypeError, "t: got 0.5; must be an integer", lambda: general_term().at(0.5)),
        (ValueError, "padding: got 'same'; must be numbers here", lambda: general_term().at(padding="same")),
        (ValueError, "input_size: got (1, 2) with 2 values", lambda: general_term().at(input_size=(1, 2))),
        (ValueError, "w: got 1 axis; must have 2", lambda: general_term(2).expand([1], [1])),
        (ValueError, "output_size: got 3; must not be given", lambda: ALL[-2].expand([1], [1], output_size=3)),
        (ValueError, "output_padding: got 1; must not be", lambda: ALL[-2].expand([1], [1], output_padding=1)),
    ]:
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value).startswith(start)
        assert "\n" not in str(caught.value)
