"""Zero or not: of polynomials, of what only looks like none, and of what nobody can decide."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Array, Function, Integer, Rational, atan, cos, expand, log, pi, sin, sqrt, symbols

from symbolic.equality import difference, equations, nonzero_at, require_equal
from symbolic.theorem import Refuted

A, B, C = symbols("a b c")
DISGUISED = {  # each is the same twice
    "polynomials": ((A + B) ** 3, A**3 + 3 * A**2 * B + 3 * A * B**2 + B**3),
    "negative powers": ((A + 1) / A, 1 + 1 / A),
    "fractions": (1 / (A + 1) + A / (A + 1), Integer(1)),
    "nested roots": (sqrt(5 + 2 * sqrt(6)), sqrt(2) + sqrt(3)),
    "cube root": ((2 + sqrt(5)) ** Rational(1, 3), (1 + sqrt(5)) / 2),
    "denominators": (1 / (sqrt(3) - sqrt(2)), sqrt(3) + sqrt(2)),
    "logarithms": (log(6), log(2) + log(3)),
    "cosines": (cos(pi / 7) - cos(2 * pi / 7) + cos(3 * pi / 7), Rational(1, 2)),
    "functions": (sin(A) ** 2 + cos(A) ** 2, Integer(1)),
}


@pytest.mark.parametrize("name", DISGUISED)
def test_zero(name):
    left, right = DISGUISED[name]
    assert difference(left, right) == 0
    assert difference(B * left + 1, 1 + right * B) == 0
    assert difference(left, right + Rational(1, 10**9)) != 0
    assert difference(left, 2 * right) != 0


def test_what_nobody_can_decide():
    f = Function("f")
    for left, right in [(16 * atan(Rational(1, 5)) - 4 * atan(Rational(1, 239)), pi), (f(A), f(B)), (f(1), f(2))]:
        with pytest.raises(ValueError, match=r"^SymPy cannot decide whether .* is zero$"):
            difference(left, right)
        with pytest.raises(ValueError, match="cannot decide"):
            require_equal("they are the same", {}, {"left": [left], "right": [right]})


def test_nonzero_at():
    coefficients = (0, 1, -1, sqrt(2), sqrt(5 + 2 * sqrt(6)) - sqrt(2) - sqrt(3))
    for p, q, r in product(coefficients, repeat=3):
        polynomial = p * A**2 * B + q * (A - 1) * (A - 2) + r * C
        point = nonzero_at(polynomial)
        if not {p, q, r} & {1, -1, sqrt(2)}:
            assert not point  # zero, whatever it looks like
        else:
            assert point.keys() == polynomial.free_symbols
            assert abs(polynomial.subs(point).evalf()) > 1e-9
    assert nonzero_at(Integer(3)) == {}
    assert nonzero_at(sqrt(A)) is None
    assert nonzero_at(1 / A) is None
    # The largest monomial may be 0 in disguise, and more than one point may be needed.
    assert nonzero_at((sqrt(5 + 2 * sqrt(6)) - sqrt(2) - sqrt(3)) * A * B + C) == {A: 0, B: 0, C: 1}
    assert nonzero_at(expand(A * (A - 1) * (A - 2))) == {A: 3}
    # Of this one the chosen monomial is a*b*c, but the power of a may be higher.
    assert nonzero_at(expand(A * B * (A - 1) * (A - 2) * (A - 3) + A * B * C)) is not None


def test_require_equal():
    x = Array([A, B])
    assert require_equal("the same", {"x": x}, {"left": [A * sqrt(8), B], "right": [2 * sqrt(2) * A, B]}) is None
    with pytest.raises(Refuted) as refuted:
        require_equal("the same", {"x": x}, {"left": [A, sqrt(2) * B], "right": [A, sqrt(3) * B]})
    assert refuted.value.counterexample == {"x": Array([0, 1]), "left[1]": sqrt(2), "right[1]": sqrt(3)}


def test_equations_are_wrapped():
    lines = equations("y", {(n,): sum(symbols("a:30")) for n in range(20)})
    assert max(map(len, lines)) <= 76
    assert lines[-1] == "... and 4 more"
    assert "".join(lines[:2]).replace("    ", " ").startswith("y[0] = a0 + a1")
    assert equations("y", {}) == ["y has no elements"]
