"""Cook-Toom transforms: proved by expansion against sums written out here, and the table that tconv has of them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import numpy
import pytest
from sympy import Float, ImmutableMatrix, Matrix, Poly, Rational, Symbol, diag, expand, eye, ones, oo, symbols, zoo

import symbolic
import tconv.transforms
from symbolic import cook_toom, emit
from symbolic.points import CANDIDATES, INFINITY, rational
from tconv.transforms import TRANSFORMS

HALF, THIRD = Rational(1, 2), Rational(1, 3)
POINTS = [
    (2, 2, (0, 1, oo)),
    (2, 2, (0, -1, oo)),
    (2, 2, (oo, HALF, -3)),  # in any order
    (2, 2, (1, 2, 3)),  # infinity is a point like any other: it may be left out
    (3, 2, (0, 1, -1, oo)),
    (2, 3, (0, 1, -1, oo)),
    (2, 3, (Fraction(2, 5), Fraction(-7, 3), 4, oo)),
    (3, 3, (0, 1, -1, 2, oo)),
    (4, 2, (THIRD, -THIRD, 3 * HALF, -3 * HALF, oo)),
    (4, 3, (0, 1, -1, 2, -2, oo)),
    (4, 3, (0, 1, -1, 2, -HALF, oo)),
    (6, 3, (0, 1, -1, 2, -2, HALF, -HALF, oo)),
    (3, 1, (0, 1, oo)),  # of no use, but right
    (1, 2, (5, oo)),
    (1, 1, (7,)),
]
CHOSEN = [(m, r, None) for m, r in (*emit.SIZES, (1, 1), (1, 4), (4, 4))]
SMALL = [(2, 2, None), (2, 3, None), (3, 2, None), (2, 2, (oo, HALF, -3)), (3, 1, None), (1, 3, None)]


def operands(*sizes):
    return [Matrix(symbols(f"{name}:{size}")) for name, size in zip("gx", sizes, strict=True)]


def result(transform, g, x):
    """What the three matrices make of the operands."""
    return transform.output * (transform.weight * g).multiply_elementwise(transform.input * x)


def row_sums(matrix):
    return [sum(abs(entry) for entry in matrix.row(f)) for f in range(matrix.rows)]


@pytest.mark.parametrize(("m", "r", "points"), CHOSEN + POINTS)
def test_it_is_the_filter(m, r, points):
    transform = cook_toom(m, r, points)
    g, x = operands(r, m + r - 1)
    y = result(transform, g, x)
    assert [expand(y[i] - sum(g[t] * x[i + t] for t in range(r))) for i in range(m)] == [0] * m
    assert transform.differences() == (0,) * m
    transform.verify()
    assert (transform.outputs, transform.taps) == (m, r)
    assert (transform.multiplications, transform.direct_multiplications) == (m + r - 1, m * r)
    assert transform.points == (symbolic.best_points(m, r) if points is None else points)


@pytest.mark.parametrize(("m", "r", "points"), CHOSEN + POINTS)
def test_its_transpose_is_the_product_of_polynomials(m, r, points):
    transform = cook_toom(m, r, points)
    transposed = transform.transposed()
    g, x = operands(r, m)
    z = Symbol("z")
    y = Poly(list(reversed(result(transposed, g, x))), z)
    assert (y - Poly(list(reversed(g)), z) * Poly(list(reversed(x)), z)).is_zero
    assert transposed.differences() == (0,) * (m + r - 1)
    transposed.verify()
    assert transposed.direct_multiplications == m * r
    assert transposed.transposed() == transform


@pytest.mark.parametrize(("m", "r", "points"), CHOSEN + POINTS)
def test_only_the_taps_meet_fractions(m, r, points):
    transform = cook_toom(m, r, points)
    for matrix in (transform.output, transform.input):
        assert all(entry.is_Integer for entry in matrix)
    assert all(entry.is_Rational for entry in transform.weight)
    assert transform.output.shape == (m, m + r - 1)
    assert transform.weight.shape == (m + r - 1, r)
    assert transform.input.shape == (m + r - 1, m + r - 1)


@pytest.mark.parametrize("name", ["output", "weight", "input"])
@pytest.mark.parametrize("form", [cook_toom(2, 3), cook_toom(2, 3).transposed()], ids=["filter", "product"])
def test_every_wrong_entry_is_refuted(form, name):
    right = getattr(form, name)
    for place in product(*map(range, right.shape)):
        wrong = right.as_mutable()
        wrong[place] = -wrong[place] or 1  # the other sign; something where nothing is
        spoiled = replace(form, **{name: wrong.as_immutable()})
        assert any(spoiled.differences())
        with pytest.raises(ArithmeticError, match=r"y\[\d\] minus the direct sum is .*; must be 0"):
            spoiled.verify()


def test_lavin_and_gray_f23():
    """Theirs has the other sign in the last row of B^T and in the last column of A^T."""
    transform = cook_toom(2, 3)
    sign = diag(1, 1, 1, -1)
    assert transform.points == (0, 1, -1, oo)
    assert transform.output == Matrix([[1, 1, 1, 0], [0, 1, -1, -1]]) * sign
    assert transform.weight == Matrix([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
    assert transform.input == sign * Matrix([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])


def test_lavin_and_gray_f43():
    """Theirs has other signs in two rows of B^T and of G."""
    transform = cook_toom(4, 3, (0, 1, -1, 2, -2, oo))
    sign = diag(1, -1, -1, 1, 1, 1)
    assert transform.output == Matrix(
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    )
    taps = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
    assert transform.weight == sign * Matrix(taps) / 24
    assert transform.input == sign * Matrix(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
    )


@pytest.mark.parametrize("points", [(0, 1, oo), (0, -1, oo)])
def test_two_by_two_only_adds(points):
    transform = cook_toom(2, 2, points)
    for matrix in (transform.output, transform.weight, transform.input):
        assert set(matrix) <= {-1, 0, 1}


def test_one_tap_or_one_output_is_the_direct_sum():
    one_tap, one_output = cook_toom(3, 1), cook_toom(1, 3)
    assert (one_tap.output, one_tap.weight, one_tap.input) == (eye(3), ones(3, 1), eye(3))
    assert (one_output.output, one_output.weight, one_output.input) == (ones(1, 3), eye(3), eye(3))
    assert one_tap.points == one_output.points == ()
    assert one_tap.amplification == one_output.amplification == 1
    assert cook_toom(3, 1, ()) == one_tap


@pytest.mark.parametrize(("m", "r", "points"), SMALL)
def test_amplification_is_reached(m, r, points):
    """By trying every sign of taps and inputs: more is not possible, since it is linear in each of them."""
    transform = cook_toom(m, r, points)
    for form in (transform, transform.transposed()):
        largest = [
            [
                max(abs(sum(s * entry for s, entry in zip(signs, matrix.row(f), strict=True))) for signs in all_signs)
                for f in range(matrix.rows)
            ]
            for matrix in (form.weight, form.input)
            for all_signs in [list(product((1, -1), repeat=matrix.cols))]
        ]
        totals = [
            sum(abs(entry) * u * v for entry, u, v in zip(form.output.row(i), *largest, strict=True))
            for i in range(form.output.rows)
        ]
        products = [r] * m if form is transform else [min(k + 1, m, r, m + r - 1 - k) for k in range(m + r - 1)]
        assert form.amplification == max(Rational(a) / b for a, b in zip(totals, products, strict=True))


def test_amplification_belongs_to_the_points():
    transform = cook_toom(2, 3)
    a, b = diag(2, 3, 5, 7), diag(-1, THIRD, 1, 4)
    scaled = replace(
        transform,
        output=ImmutableMatrix(transform.output * (a * b).inv()),
        weight=ImmutableMatrix(a * transform.weight),
        input=ImmutableMatrix(b * transform.input),
    )
    scaled.verify()
    assert scaled.amplification == transform.amplification == Rational(8, 3)
    one, turned = (cook_toom(4, 3, (0, 1, -1, 2 * sign, -HALF * sign, oo)) for sign in (1, -1))
    assert one.amplification == turned.amplification == Rational(148, 15)


@pytest.mark.parametrize("sizes", [[(2, 2), (2, 3)], [(3, 1), (2, 3)], [(2, 2), (2, 2), (1, 2)]])
def test_nested_is_the_kronecker_product(sizes):
    transforms = [cook_toom(*size) for size in sizes]
    output, weight, input_ = (eye(1) for _ in range(3))
    for transform in transforms:
        output = kronecker(output, transform.output)
        weight = kronecker(weight, transform.weight)
        input_ = kronecker(input_, transform.input)
    taps = weight.cols
    sums = [u * v for u, v in zip(row_sums(weight), row_sums(input_), strict=True)]
    worst = max(sum(abs(e) * s for e, s in zip(output.row(i), sums, strict=True)) for i in range(output.rows))
    assert symbolic.nested_amplification(transforms) == worst / taps


def kronecker(a, b):
    return Matrix(
        a.rows * b.rows, a.cols * b.cols, lambda i, j: a[i // b.rows, j // b.cols] * b[i % b.rows, j % b.cols]
    )


def test_nested_over_no_axis():
    assert symbolic.nested_amplification([]) == 1


CLASSICAL = {
    3: [(0, 1, oo), (0, -1, oo)],
    4: [(0, 1, -1, oo)],
    5: [(0, 1, -1, 2, oo), (0, 1, -1, -2, oo), (0, 1, -1, HALF, oo), (0, 1, -1, -HALF, oo)],
    6: [(0, 1, -1, 2, -2, oo), (0, 1, -1, 2, -HALF, oo), (0, 1, -1, HALF, -2, oo), (0, 1, -1, HALF, -HALF, oo)],
    7: [(0, 1, -1, 2, -2, HALF, oo), (0, 1, -1, 2, -2, -HALF, oo)],
}


@pytest.mark.parametrize(("m", "r"), [(m, r) for m, r, _ in CHOSEN if min(m, r) > 1])
def test_best_points_are_no_worse_than_the_classical(m, r):
    chosen = cook_toom(m, r)
    classical = [cook_toom(m, r, points) for points in CLASSICAL[m + r - 1]]
    assert chosen.amplification <= min(transform.amplification for transform in classical)
    if m + r - 1 <= 4:  # these are the best
        assert chosen.points in CLASSICAL[m + r - 1]


@pytest.mark.parametrize(("m", "r"), [(2, 2), (3, 2), (2, 3)])
def test_best_points_are_the_best_of_all_sets(m, r):
    def rank(transform):
        matrices = (transform.output, transform.weight, transform.input)
        return transform.amplification, sum(entry != 0 for matrix in matrices for entry in matrix)

    sets = (tuple(map(rational, (*finite, INFINITY))) for finite in combinations(CANDIDATES, m + r - 2))
    ranks = {points: rank(cook_toom(m, r, points)) for points in sets}
    best = min(ranks.values())
    assert symbolic.best_points(m, r) == next(points for points, found in ranks.items() if found == best)


def test_it_cannot_be_changed_and_can_be_a_key():
    transform = cook_toom(2, 3)
    assert {transform: 1}[cook_toom(2, 3, (0, 1, -1, oo))] == 1
    with pytest.raises(FrozenInstanceError):
        transform.outputs = 3
    with pytest.raises(TypeError):
        transform.weight[0, 0] = 2
    assert repr(transform) == "CookToom(outputs=2, taps=3, points=(0, 1, -1, oo))"
    assert transform != transform.transposed()


def test_it_can_be_read():
    for transform in (cook_toom(4, 3), cook_toom(4, 3).transposed(), cook_toom(3, 1), cook_toom(2, 7)):
        text, formula = str(transform), transform._repr_latex_()
        assert all(line.isascii() and len(line) < 80 and line == line.rstrip() for line in text.split("\n"))
        assert formula[0] == formula[-1] == "$"
        assert formula.count("{") == formula.count("}")
        assert len(transform.steps()) == 5
    assert str(cook_toom(3, 1)).startswith("F(3,1): 3 multiplications for 3.\n")
    assert r"u_{0} \\ u_{1}" in cook_toom(2, 3)._repr_latex_()


VALUE_ERRORS = [
    ((0, 3), "outputs: got 0; must be an integer >= 1"),
    ((2, -1), "taps: got -1; must be an integer >= 1"),
    ((2, 3, (0, 1, oo)), "points: got 3; must be outputs + taps - 1 = 4"),
    ((2, 3, ()), "points: got 0; must be outputs + taps - 1 = 4"),
    ((2, 2, (0, 1, 1)), "points: got 1 more than once; must be distinct"),
    ((2, 2, (HALF, Fraction(1, 2), oo)), "points: got 1/2 more than once"),
    ((2, 2, (oo, 1, oo)), "points: got oo more than once"),
    ((8, 8), "points: got None for 8 outputs and 8 taps; must be given where more than 12 are needed, here 15"),
]
TYPE_ERRORS = [
    ((2.0, 3), "outputs: got 2.0; must be an integer"),
    ((2, True), "taps: got True; must be an integer"),
    ((Symbol("m"), 3), "outputs: got m; must be an integer"),
    ((2, 2, 3), "points: got 3; must be a sequence of rationals"),
    ((2, 2, "01i"), "points: got '01i'; must be a sequence of rationals"),
    ((2, 2, (0, 0.5, oo)), "points: got 0.5; must hold integers, exact fractions, or sympy.oo"),
    ((2, 2, (0, Float(0.5), oo)), "points: got 0.5"),
    ((2, 2, (0, True, oo)), "points: got True"),
    ((2, 2, (0, "1/2", oo)), "points: got '1/2'"),
    ((2, 2, (0, 1, -oo)), "points: got -oo"),
    ((2, 2, (0, 1, zoo)), "points: got zoo"),
    ((2, 2, (0, Symbol("a"), oo)), "points: got a;"),
]


@pytest.mark.parametrize(
    ("arguments", "start", "error"),
    [(*row, ValueError) for row in VALUE_ERRORS] + [(*row, TypeError) for row in TYPE_ERRORS],
)
def test_errors(arguments, start, error):
    with pytest.raises(error) as caught:
        cook_toom(*arguments)
    assert type(caught.value) is error
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_errors_of_the_others():
    with pytest.raises(ValueError, match=r"^outputs: got 0; must be an integer >= 1$"):
        symbolic.best_points(0, 3)
    with pytest.raises(TypeError, match=r"^taps: got 1\.5; must be an integer$"):
        symbolic.best_points(2, 1.5)
    symbolic.best_points(2, 3)
    with pytest.raises(TypeError, match=r"^outputs: got 2\.0; must be an integer$"):
        symbolic.best_points(2.0, 3)  # equal to 2, which has been answered
    with pytest.raises(TypeError, match=r"^transforms: got \(2, 3\); must hold what cook_toom returns$"):
        symbolic.nested_amplification([(2, 3)])


def test_integers_of_others_will_do():
    assert cook_toom(numpy.int64(2), numpy.int32(2), numpy.array([0, 1, -1])) == cook_toom(2, 2, [0, 1, -1])


def test_the_table_is_what_emit_writes(capsys, tmp_path):
    table = Path(tconv.transforms.__file__).read_bytes().replace(b"\r\n", b"\n")
    assert emit.text().encode() == table, "run: python -m symbolic.emit tconv/transforms.py"
    emit.main([])
    assert capsys.readouterr().out.encode() == table
    emit.main([str(tmp_path / "table.py")])
    assert (tmp_path / "table.py").read_bytes() == table
    with pytest.raises(SystemExit, match="usage"):
        emit.main(["a", "b"])


def test_the_table_is_right():
    """The numbers themselves: output i takes tap t times input k once if k = i + t, and else not at all."""
    assert tuple(TRANSFORMS) == emit.SIZES
    for (m, r), entry in TRANSFORMS.items():
        assert (len(entry.outputs), len(entry.inputs), len(entry.weights)) == (m, m + r - 1, m + r - 1)
        for i, t, k in product(range(m), range(r), range(m + r - 1)):
            products = zip(entry.outputs[i], entry.weights, entry.inputs, strict=True)
            assert sum(a * u[t] * v[k] for a, u, v in products) == entry.divisor * (k == i + t)
        sums = [sum(map(abs, u)) * sum(map(abs, v)) for u, v in zip(entry.weights, entry.inputs, strict=True)]
        worst = max(sum(abs(a) * s for a, s in zip(row, sums, strict=True)) for row in entry.outputs)
        assert entry.amplification == worst / (entry.divisor * r)


def test_nothing_wrong_is_emitted(monkeypatch):
    right = cook_toom(2, 3)
    spoiled = replace(right, weight=-right.weight)
    monkeypatch.setattr(emit, "cook_toom", lambda *_: spoiled)
    with pytest.raises(ArithmeticError, match="minus the direct sum"):
        emit.text()
    halved = replace(right, input=right.input / 2, weight=2 * right.weight)
    monkeypatch.setattr(emit, "cook_toom", lambda *_: halved)
    with pytest.raises(ArithmeticError, match=r"^inputs: got .*; must hold integers$"):
        emit.text()
