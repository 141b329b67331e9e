"""Arrays of symbols, and what is taken for an array."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest
from sympy import Array, Float, Integer, Matrix, Rational, Symbol, latex, oo, pi, symbols

import symbolic


def test_names():
    x = symbolic.array("x", (2, 1))
    assert x.shape == (2, 1)
    assert str(x) == "[[x[0,0]], [x[1,0]]]"
    assert str(symbolic.array("weights", 12)[11]) == "weights[11]"
    assert symbolic.array("x", (2, 1)) == x
    assert symbolic.array("bias", ())[()] == Symbol("bias")
    assert symbolic.array("x", (2, 0, 3)).shape == (2, 0, 3)


def test_latex():
    assert latex(symbolic.array("x", (2, 11))[1, 10]) == "x_{1,10}"
    assert latex(symbolic.array("alpha", 2)[1]) == r"\alpha_{1}"
    assert latex(symbolic.array("x_1", 2)[0]) == "{x_{1}}_{0}"
    assert latex(3 * symbolic.array("x", 2)[0] ** 2) == "3 x_{0}^{2}"


def test_elements_are_symbols():
    x = symbolic.array("x", 2, real=True)
    assert isinstance(x[0], Symbol)
    assert x[0].is_real
    assert x[0] != symbolic.array("x", 2)[0]
    assert pickle.loads(pickle.dumps(x)) == x
    assert (x[0] ** 2 * x[1]).diff(x[0]) == 2 * x[0] * x[1]
    assert (x[0] + x[1]).subs({x[0]: 1, x[1]: 2}) == 3


def test_operands_of_every_kind():
    expected = symbolic.conv_transpose([[1, 2]], [[3, 4]])
    for kind in (Array, Matrix, tuple, lambda rows: Array(rows).as_mutable(), lambda rows: [tuple(rows[0])]):
        assert symbolic.conv_transpose(kind([[1, 2]]), kind([[3, 4]])) == expected
    assert symbolic.conv_transpose([Fraction(1, 3)], [Rational(3, 2), Integer(2)]).tolist() == [
        Rational(1, 2),
        Rational(2, 3),
    ]


def test_numpy_arrays_of_integers_and_objects():
    numpy = pytest.importorskip("numpy")
    x = numpy.array([[1, 2], [3, 4]])
    assert symbolic.conv_transpose(x, x.astype(object)) == symbolic.conv_transpose(x.tolist(), x.tolist())
    assert symbolic.conv_transpose([numpy.int64(3)], [2], stride=numpy.int64(2)).tolist() == [6]
    assert symbolic.conv_transpose(numpy.zeros((0, 3), int), [[1]]).shape == (0, 3)


def test_expressions_are_left_as_they_are():
    a, b = symbols("a b")
    assert symbolic.conv_transpose([a + b], [a - b]).tolist() == [(a + b) * (a - b)]
    assert symbolic.conv_transpose([pi], [Rational(1, 2)]).tolist() == [pi / 2]
    assert symbolic.conv_transpose([float("inf")], [2]).tolist() == [oo]


@pytest.mark.parametrize("value", [0.5, 1.0, 1j, Float(2), Float(2) * Symbol("a") + 1])
def test_rounded_numbers_are_refused(value):
    with pytest.raises(TypeError, match=r"^x: got .*rounded.*must be exact, such as fractions\.Fraction"):
        symbolic.conv_transpose([value], [1])


@pytest.mark.parametrize("value", ["1", True, None, object(), {1}, Symbol("a") > 1])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match=r"^w: got .*; must hold exact numbers, symbols or expressions$"):
        symbolic.conv_transpose([1], [value])


@pytest.mark.parametrize("rows", [[[1, 2], [3]], [[1], 2], [1, [2]], [[1, 2], [3, [4]]], [[], [1]]])
def test_ragged_lists_are_refused(rows):
    with pytest.raises(ValueError, match=r"^x: got .*; must not be ragged$"):
        symbolic.conv_transpose(rows, [[1]])


@pytest.mark.parametrize(
    ("name", "shape", "error", "message"),
    [
        (3, 2, TypeError, "name: got 3; must be a string such as 'x'"),
        ("", 2, ValueError, "name: got ''; must not be empty"),
        ("x", -1, ValueError, "shape: got -1; must be an integer >= 0"),
        ("x", (2, 1.5), TypeError, "shape: got 1.5; must be an integer"),
        ("x", "23", TypeError, "shape: got '23'; must be an integer or several"),
        ("x", True, TypeError, "shape: got True; must be an integer"),
    ],
)
def test_names_and_shapes_that_are_refused(name, shape, error, message):
    with pytest.raises(error) as caught:
        symbolic.array(name, shape)
    assert str(caught.value) == message
