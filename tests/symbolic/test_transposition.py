"""The matrix of the ordinary convolution: its entries, its transpose, what it loses, and when it can be undone."""

from __future__ import annotations

import re
from itertools import product

import pytest
from sympy import Array, Matrix, Rational, Symbol, atan, expand, eye, pi, sqrt, symbols

from symbolic import array, conv, conv_transpose
from symbolic.inversion import prove_diagonal, prove_inverse
from symbolic.theorem import Refuted, Theorem
from symbolic.transposition import conv_matrix, prove_transpose

# size of x, of w, stride, padding at the beginning and at the end, dilation
BOX = list(product(range(5), range(4), (1, 2, 3), (-1, 0, 1), (0, 2), (1, 2)))
RAMP_KERNEL = [[1, 0], [0, -1]]


def words(s, begin, end, d):
    return {"stride": s, "padding": [(begin, end)], "dilation": d}


def valid_box():
    for i, k, s, begin, end, d in BOX:
        last_tap = (k - 1) * d if k else -1
        if begin + i + end - 1 - last_tap >= -s:  # 0 windows or more
            arguments = words(s, begin, end, d)
            yield i, k, arguments, conv_matrix(array("w", k), i, **arguments)


def test_entries_over_a_box():
    seen = 0
    for i, k, arguments, c in valid_box():
        w = array("w", k)
        s, d, p = arguments["stride"], arguments["dilation"], arguments["padding"][0][0]
        assert c.columns == tuple((n,) for n in range(i))
        for (t,), (a,) in product(c.rows, c.columns):
            taps = [w[j] for j in range(k) if s * t + d * j - p == a]
            assert c.matrix[c.rows.index((t,)), a] == (taps[0] if taps else 0)
            assert c.T.matrix[a, c.rows.index((t,))] == c.matrix[c.rows.index((t,)), a]
        assert c.apply(array("x", i)) == conv(array("x", i), w, **arguments)
        seen += 1
    assert seen > 500


def test_labels_say_what_stands_where_in_two_dimensions():
    w = array("w", (2, 2))
    c = conv_matrix(w, (3, 4), stride=(1, 2))
    assert c.rows == ((0, 0), (0, 1), (1, 0), (1, 1))
    assert c.columns == tuple(product(range(3), range(4)))
    assert c.entries[(1, 1)] == {(1, 2): w[0, 0], (1, 3): w[0, 1], (2, 2): w[1, 0], (2, 3): w[1, 1]}
    x = array("x", (3, 4))
    assert list(c.matrix @ Matrix(list(x.reshape(12)))) == list(conv(x, w, stride=(1, 2)).reshape(4))
    assert c == c.T.T
    assert c.T.rows == c.columns


def test_rank_and_null_space():
    for i, k, arguments, c in valid_box():
        numbers = conv_matrix([2, 3, 5][:k], i, **arguments)
        assert numbers.rank == (numbers.matrix.rank() if min(numbers.matrix.shape) else 0)
        basis = numbers.null_space()
        assert len(basis) == i - numbers.rank
        for vector in basis:
            assert vector.shape == (i,)
            assert set(conv(vector, [2, 3, 5][:k], **arguments)) <= {0}
        assert Matrix([list(v) for v in basis]).rank() == len(basis)
        assert c.rank >= numbers.rank


def test_rank_with_symbols_is_the_generic_one():
    a, b = symbols("a b")
    assert conv_matrix([a, b], 2, padding=1).rank == 2
    assert conv_matrix([a, a], 2, padding=1).rank == 2
    assert conv_matrix([a - a, a], 3).rank == 2
    assert conv_matrix([[a, b], [2 * a, 2 * b]], (2, 3), padding=[(1, 0), (0, 0)]).rank == 4
    assert conv_matrix([a, b], 3, stride=4, padding=[(4, 0)]).rank == 1  # the first window lies beyond x
    assert conv_matrix([sqrt(2), 2], 2).null_space() == (Array([-sqrt(2), 1]),)
    (vector,) = conv_matrix([a, b], 2).null_space()
    assert expand(a * vector[0] + b * vector[1]) == 0


def test_document():
    c = conv_matrix(RAMP_KERNEL, 3)
    assert c.matrix.shape == (4, 9)
    assert c.rank == 4
    assert len(c.null_space()) == 5
    assert len(c.entries[(0, 0)]) == 4  # zeros of the kernel are entries
    with pytest.raises(Refuted) as refuted:
        prove_inverse(RAMP_KERNEL, 3)
    x = refuted.value.counterexample["x"]
    assert conv_transpose(conv(x, RAMP_KERNEL), RAMP_KERNEL) != x
    with pytest.raises(Refuted):
        prove_inverse(RAMP_KERNEL, 3, factor=None)


def test_printing():
    assert conv_matrix([1], 1).steps()[0].title == "Matrix C of the convolution, 1 row, 1 column:"
    assert str(conv_matrix([1, -10], 3)) == (
        "Matrix C of the convolution, 2 rows, 3 columns:\n\n"
        "         x[0]  x[1]  x[2]\n"
        "  y[0] [    1   -10     . ]\n"
        "  y[1] [    .     1   -10 ]"
    )
    assert conv_matrix([1, -10], 2)._repr_latex_().count(r"\begin{array}{c|cc}") == 1
    wide = conv_matrix(array("w", (2, 2)), (4, 4)).steps()[0]
    assert wide.drawing[0] == "y[0,0] = w[0,0]*x[0,0] + w[0,1]*x[0,1] + w[1,0]*x[1,0] + w[1,1]*x[1,1]"
    assert max(map(len, wide.drawing)) <= 76
    assert conv_matrix([1, 2], 1).steps()[0].drawing == ("[ ]",)
    assert conv_matrix([-1] + [0] * 30, 31).steps()[0].drawing[0].startswith("y[0] = -x[0] + 0*x[1]")


def test_errors():
    for arguments, start in [
        (([1, 2], -1), "input_size: got -1 for spatial axis 0"),
        (([[1, 2]], (1, 2, 3)), "input_size: got (1, 2, 3) with 3 values"),
        ((3, 3), "w: got shape ()"),
        (([1] * 5, 2), "padding: got (0, 0) for spatial axis 0"),
    ]:
        with pytest.raises(ValueError, match=f"^{re.escape(start)}"):
            conv_matrix(*arguments)
    with pytest.raises(ValueError, match=r"values: got shape \(2,\); must be \(3,\)"):
        conv_matrix([1, 2], 3).apply([1, 2])


def test_transpose_over_a_box():
    for i, k, arguments, _ in valid_box():
        assert isinstance(prove_transpose(i, k, **arguments), Theorem)
    for size_in, size_kernel in [((4, 3), (2, 3)), ((2, 3, 2), (1, 2, 2)), ((2, 2, 2, 2), (2, 1, 2, 1))]:
        prove_transpose(size_in, size_kernel, stride=2, padding=1)
    prove_transpose((5, 4), 3, stride=(2, 3), padding="same", dilation=(1, 2))


@pytest.mark.parametrize(
    "claim",
    [
        lambda y, w: conv(y, w, padding=1),  # the kernel not turned
        lambda y, w: conv_transpose(y, w, padding=[(1, -1)]),  # shifted by one
        lambda y, w: conv_transpose(y, w, stride=2)[:3],
        lambda y, w: conv_transpose(y, w, padding=1),  # another shape
        lambda y, w: [0, 0, 0],
        lambda y, w: [element + 1 for element in conv_transpose(y, w)],
    ],
)
def test_false_transposes_are_refuted(claim):
    with pytest.raises(Refuted) as refuted:
        prove_transpose(3, 2, claim=claim)
    found = refuted.value.counterexample
    if "y" in found:
        right, wrong = conv_transpose(found["y"], found["w"]), claim(found["y"], found["w"])
        (place,) = (name for name in found if name.startswith("(C^T y)"))
        t = int(place[-2])
        assert right[t] == found[place]
        assert wrong[t] == found[f"claim[{t}]"]
        assert right[t] != wrong[t]
    else:
        assert found == {"shape of (C^T y)": (3,), "shape of claim": (1,)}


@pytest.mark.parametrize(
    "arguments",
    [{"stride": (2, 1)}, {"dilation": (1, 2)}, {"padding": (1, 0)}, {"padding": [(1, 0), (0, 1)]}],
    ids=str,
)
def test_any_argument_says_how_many_axes_there_are(arguments):
    assert prove_transpose(3, 2, **arguments) == prove_transpose((3, 3), (2, 2), **arguments)
    assert prove_diagonal(4, 1, **arguments) == prove_diagonal((4, 4), (1, 1), **arguments)
    assert conv_matrix([[1, 2]], 3, **arguments) == conv_matrix([[1, 2]], (3, 3), **arguments)


def test_claim_must_be_callable():
    with pytest.raises(TypeError, match=r"^claim: got 3; must be callable$"):
        prove_transpose(3, 2, claim=3)


def test_a_true_claim_is_proved():
    theorem = prove_transpose(3, 2, claim=lambda y, w: conv(y, w[::-1], padding=1))
    assert theorem.statement.title.startswith("What is claimed")


@pytest.mark.parametrize("of", ["C C^T", "C^T C"])
def test_diagonal_over_a_box(of):
    told = {True: 0, False: 0}
    for i, k, arguments, c in valid_box():
        gram = c.matrix @ c.matrix.T if of == "C C^T" else c.matrix.T @ c.matrix
        diagonal = all(gram[a, b] == 0 for a, b in product(range(gram.rows), repeat=2) if a != b)
        told[diagonal] += 1
        if diagonal:
            prove_diagonal(i, k, of=of, **arguments)
            continue
        with pytest.raises(Refuted) as refuted:
            prove_diagonal(i, k, of=of, **arguments)
        one, other, common, w, entry = refuted.value.counterexample.values()
        numbers = conv_matrix(w, i, **arguments)
        rows = numbers.T if of == "C^T C" else numbers
        a, b = (rows.matrix.row(rows.rows.index(label)) for label in (one, other))
        assert one != other
        assert entry == a.dot(b) != 0
        assert {one, other} <= {row for row, taps in rows.entries.items() if common in taps}
    assert min(told.values()) >= 50


def test_windows_of_no_more_than_s_over_gcd_taps_never_meet():
    for k, s, d in product(range(1, 7), range(1, 7), range(1, 7)):
        i = 70
        apart = all(d * n % s for n in range(1, k))
        try:
            prove_diagonal(i, k, stride=s, dilation=d)
        except Refuted:
            assert not apart
        else:
            assert apart


def test_diagonal_in_two_dimensions():
    prove_diagonal((4, 6), (2, 3), stride=(2, 3))
    with pytest.raises(Refuted):
        prove_diagonal((4, 6), (2, 3), stride=(2, 2))
    prove_diagonal((2, 2), 2, of="C^T C", stride=2, padding=[(1, 1), (1, 1)])
    with pytest.raises(ValueError, match="of: got 'C'; must be"):
        prove_diagonal(3, 3, of="C")


def test_stride_k_inverts_up_to_a_factor():
    for size, k in [((6,), (3,)), ((4, 6), (2, 3)), ((2, 2, 2), (2, 1, 2))]:
        w = array("w", k)
        squares = sum(e**2 for e in w.reshape(len(w)))
        prove_inverse(w, size, of="C C^T", factor=squares, stride=k)
        theorem = prove_inverse(w, size, of="C C^T", factor=None, stride=k)
        assert str(squares).split(" + ")[0] in str(theorem.statement)
    c = conv_matrix([1, 2], 6, stride=2)
    assert c.matrix @ c.matrix.T == 5 * eye(3)


def test_the_other_way_round_needs_kernels_of_one_tap():
    prove_inverse([1], 4)
    prove_inverse([[Rational(1, 2)]], (2, 2), factor=Rational(1, 4))
    prove_inverse([Symbol("a")], 3, factor=None)
    with pytest.raises(Refuted):
        prove_inverse(array("w", 2), 4, factor=None, stride=2)


def test_windows_may_overlap_for_a_kernel_that_is_right():
    prove_inverse([1, 1, 1, -1], 8, of="C C^T", factor=4, stride=2)
    with pytest.raises(Refuted) as refuted:
        prove_inverse([1, 1, 1, 1], 8, of="C C^T", factor=4, stride=2)
    y = refuted.value.counterexample["y"]
    back = {"stride": 2, "output_size": 8}
    assert conv(conv_transpose(y, [1] * 4, **back), [1] * 4, stride=2) != 4 * y


@pytest.mark.parametrize(
    ("one", "same"),
    [(sqrt(5 + 2 * sqrt(6)), sqrt(2) + sqrt(3)), ((2 + sqrt(5)) ** Rational(1, 3), (1 + sqrt(5)) / 2)],
    ids=["square roots", "cube root"],
)
def test_roots_that_only_look_different(one, same):
    """Windows share ``same - one``, of which no expansion shows that it is 0."""
    assert str(prove_inverse([one, same, -1, 1], 6, of="C C^T", factor=None, stride=2)).endswith(" = 0")
    with pytest.raises(Refuted) as refuted:
        prove_inverse([one, same, -1, 2], 6, of="C C^T", factor=None, stride=2)
    *_, got, claimed = refuted.value.counterexample.values()
    assert abs((got - claimed).evalf()) > 1


def test_what_cannot_be_decided_is_an_error():
    machin = 16 * atan(Rational(1, 5)) - 4 * atan(Rational(1, 239))  # it is pi
    with pytest.raises(ValueError, match=r"^SymPy cannot decide whether .*atan.* is zero$"):
        prove_inverse([machin, pi, -1, 1], 6, of="C C^T", factor=None, stride=2)


def test_false_inverses_are_refuted():
    w = array("w", 2)
    for of, arguments in product(("C C^T", "C^T C"), [{}, {"stride": 2, "padding": 1}, {"stride": 2, "factor": 2}]):
        with pytest.raises(Refuted) as refuted:
            prove_inverse(w, 4, of=of, **{"factor": None} | arguments)
        found = refuted.value.counterexample
        assert ("x" if of == "C^T C" else "y") in found
        *_, got, claimed = found.values()
        assert got != claimed
    with pytest.raises(Refuted, match="a factor that is not 0"):
        prove_inverse([0, 0], 4, of="C C^T", factor=None)


def test_inverse_errors():
    with pytest.raises(ValueError, match="factor: got 0; must be"):
        prove_inverse([1], 3, factor=0)
    with pytest.raises(ValueError, match=r"w: got .* which holds symbols of x"):
        prove_inverse(array("x", 2), 3)
    with pytest.raises(TypeError, match=r"factor: got 0\.5, a rounded number"):
        prove_inverse([1], 3, factor=0.5)


@pytest.mark.parametrize(
    "theorem",
    [
        prove_transpose(4, 2),
        prove_diagonal(4, 2, stride=2),
        prove_diagonal(3, 1, of="C^T C"),
        prove_inverse([1, 1, 1, -1], 40, of="C C^T", factor=None, stride=2),
        prove_inverse([1], 30),
        prove_diagonal(1, 1),
        prove_diagonal(1, 1, of="C^T C"),
        prove_inverse([sum(array("a", 20)), 1], 4, of="C C^T", factor=None, stride=2),
        prove_inverse(
            [sqrt(sum(array("a", 20))), 1, 1, -sqrt(sum(array("a", 20)))], 6, of="C C^T", factor=None, stride=2
        ),
    ],
)
def test_theorems_can_be_read(theorem):
    assert max(len(line) for line in str(theorem).splitlines()) <= 80
    assert " 1 taps" not in str(theorem)
    assert " 1 inputs" not in str(theorem)
    assert " 1 windows" not in str(theorem)
    for step in theorem.steps():
        assert step.title[-1] in ":."
        assert not set(step.title) & set("_^$#%&{}\\")
        assert max(map(len, step.drawing)) <= 76
        assert step.formula.count("{") == step.formula.count("}")
        assert step.formula.count(r"\begin") == step.formula.count(r"\end")
