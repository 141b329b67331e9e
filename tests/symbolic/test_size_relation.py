"""What is proved of the two sizes is true when counted, and false variants are refuted by true counterexamples."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Integer, Mod, Symbol, floor, simplify
from sympy.abc import d, k, o, s, x

from symbolic import size_relation
from symbolic.size_relation import (
    prove_output_padding_restores,
    prove_size_returns,
    prove_sizes_with_same_result,
    sizes_with_same_result,
)
from symbolic.sizes import conv_axes, output_size
from symbolic.theorem import Refuted

P_B, P_E = Symbol("p_b"), Symbol("p_e")
THEOREMS = [prove_size_returns, prove_sizes_with_same_result, prove_output_padding_restores]


def conv_size(size, kernel, **words):
    try:
        return conv_axes((int(size),), (kernel,), **words)[0].size_out
    except ValueError:
        return None


def round_trip(case):
    """The size that convolution gives of that of the transposed convolution, as a counterexample says."""
    words = {name: case[name] for name in ("stride", "dilation")} | {"padding": [case["padding"]]}
    size = output_size(case["input_size"], case["kernel_size"], **words) + case["output_padding"]
    return conv_size(size, case["kernel_size"], **words)


def test_the_size_returns_just_below_the_stride():
    theorem = prove_size_returns()
    assert theorem.statement.drawing == ("0 <= a < s",)
    for n, kernel, stride, dilation, begin, end in product((1, 2, 5), (1, 4), (1, 2, 3, 7), (1, 2), (0, 1), (-2, 0)):
        words = {"stride": stride, "dilation": dilation, "padding": [(begin, end)]}
        for more in range(2 * stride + 2):
            size = output_size(n, kernel, output_padding=more, **words)
            assert (conv_size(size, kernel, **words) == n) == (more < stride)


@pytest.mark.parametrize("claim", [0, s - 1, floor(s / 2) * 0, Mod(s, 1)])
def test_the_size_returns_with_these(claim):
    theorem = prove_size_returns(output_padding=claim)
    assert "with output padding" in theorem.statement.title
    assert prove_size_returns(stride=5, output_padding=claim).statement != theorem.statement


@pytest.mark.parametrize(
    ("stride", "claim"),
    [(None, s), (None, 1), (None, s - 2), (None, s + 1), (None, 3 * s), (2, 2), (3, 7), (1, 1), (4, s), (70, s)],
)
def test_the_size_does_not_return_with_these(stride, claim):
    with pytest.raises(Refuted, match="the size returns: false for input_size = ") as refuted:
        prove_size_returns(stride=stride, output_padding=claim)
    case = refuted.value.counterexample
    assert case["stride"] == stride or stride is None
    assert case["output_padding"] == Integer(0) + (claim if isinstance(claim, int) else claim.subs(s, case["stride"]))
    assert round_trip(case) == case["returned"] != case["input_size"]


def test_a_claim_that_fails_late_is_refuted():
    with pytest.raises(Refuted) as refuted:
        prove_size_returns(output_padding=s - 1 + floor(s / 50))
    assert refuted.value.counterexample["stride"] == 50


def test_what_cannot_be_decided_is_not_claimed():
    with pytest.raises(ValueError, match="output_padding: got floor") as caught:
        prove_size_returns(output_padding=floor(s / 2))
    assert not isinstance(caught.value, Refuted)


def test_sizes_with_the_same_result():
    for n, kernel, stride, dilation, pair in product((1, 3), (1, 2, 4), (1, 2, 5), (1, 2), [(0, 0), (2, 1), (-1, 0)]):
        words = {"stride": stride, "dilation": dilation, "padding": [pair]}
        expected = [size for size in range(40) if conv_size(size, kernel, **words) == n]
        if not expected:
            with pytest.raises(ValueError, match="which leaves sizes of"):
                sizes_with_same_result(n, kernel, **words)
            continue
        same = sizes_with_same_result(n, kernel, **words)
        assert list(same.sizes) == expected
        rows = same.steps()[-1].drawing
        assert len(rows) == len(expected)
        natural = output_size(n, kernel, stride=stride, dilation=dilation) - sum(pair)
        for row, size in zip(rows, expected, strict=True):
            assert row == f"a = {size - natural}:  o = {size}"
        if len(expected) < stride:
            assert expected[0] == 0


def test_sizes_with_the_same_result_in_symbols():
    same = sizes_with_same_result()
    assert same.sizes == ()
    assert simplify(same.largest - same.smallest - same.stride + 1) == 0
    symbols = (size_relation.INPUT_SIZE, size_relation.KERNEL_SIZE, size_relation.STRIDE, size_relation.DILATION)
    values = dict(zip(symbols, (4, 3, 2, 1), strict=True))
    values |= {size_relation.BEGIN: 1, size_relation.END: 1}
    assert same.smallest.subs(values) == 7
    assert same.convolution.subs(values).subs(size_relation.OUTPUT_SIZE, 8) == 4
    partly = sizes_with_same_result(x, 3, stride=2, dilation=1, padding=1)
    assert partly.sizes == (2 * x - 1, 2 * x)
    assert len(sizes_with_same_result(1, 1, stride=100, dilation=1, padding=0).steps()[-1].drawing) == 3


def test_one_size_with_the_same_result():
    _, solved, last = sizes_with_same_result(4, 3, stride=1, dilation=1, padding=0).steps()
    assert (solved.title, solved.drawing) == ("Solved for o, it is one:", ("o = 6",))
    assert (last.title, last.drawing) == ("The transposed convolution of 4 gives it:", ("a = 0:  o = 6",))


def test_a_pair_of_padding_is_in_a_list():
    assert sizes_with_same_result(4, 3, stride=2, dilation=1, padding=[(1, 2)]).sizes == (6, 7)
    with pytest.raises(ValueError, match="padding: got"):
        sizes_with_same_result(4, 3, stride=2, dilation=1, padding=(1, 2))


def test_as_many_as_the_stride():
    assert prove_sizes_with_same_result(stride=3).statement.title.endswith("which are 3 in a row:")
    alone = prove_sizes_with_same_result(stride=1).statement
    assert alone.title.endswith("for this o alone:")
    assert alone.drawing == ("o = d*(k - 1) + n - p_b - p_e",)
    prove_sizes_with_same_result(count=s)
    prove_sizes_with_same_result(stride=4, count=4)
    prove_sizes_with_same_result(count=2 * s - s)


@pytest.mark.parametrize(("stride", "claim"), [(None, 1), (None, s + 1), (None, 2 * s - 1), (3, 2), (2, s + 2)])
def test_not_another_number(stride, claim):
    with pytest.raises(Refuted, match="so many sizes") as refuted:
        prove_sizes_with_same_result(stride=stride, count=claim)
    case = refuted.value.counterexample
    words = {"stride": case["stride"], "dilation": case["dilation"], "padding": [case["padding"]]}
    found = [size for size in range(300) if conv_size(size, case["kernel_size"], **words) == case["input_size"]]
    assert found == case["sizes"]
    assert len(found) != case["count"]


def test_output_padding_restores():
    prove_output_padding_restores()
    prove_output_padding_restores((o + P_B + P_E - d * (k - 1) - 1) % s)


@pytest.mark.parametrize(
    "claim",
    [0, s - 1, (o - k) % s, (o + P_B + P_E - k) % s, (o + 2 * P_B - d * (k - 1) - 1) % s, (o + P_B + P_E) % s, o],
)
def test_other_output_paddings_do_not_restore(claim):
    with pytest.raises(Refuted, match="the size is restored: false for output_size = ") as refuted:
        prove_output_padding_restores(claim)
    case = refuted.value.counterexample
    words = {"stride": case["stride"], "dilation": case["dilation"], "padding": [case["padding"]]}
    assert conv_size(case["output_size"], case["kernel_size"], **words) == case["input_size"]
    restored = output_size(case["input_size"], case["kernel_size"], **words) + case["output_padding"]
    assert restored == case["restored"] != case["output_size"]


@pytest.mark.parametrize("prove", THEOREMS)
def test_it_can_be_read(prove):
    theorem = prove()
    text, latex = str(theorem), theorem._repr_latex_()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
    assert all(len(line) <= 76 for step in theorem.steps() for line in step.drawing)
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\begin") == latex.count(r"\end")
    assert not any("_" in step.title for step in theorem.steps())
    assert "no exception" in theorem.proof[-1].title
    assert repr(theorem).startswith("<Theorem: ")
    assert len(repr(theorem)) <= 80


def test_a_wrong_formula_would_not_be_proved(monkeypatch):
    right = size_relation.window_count
    monkeypatch.setattr(size_relation, "window_count", lambda *arguments: right(*arguments) + 1)
    for prove in (prove_size_returns, prove_sizes_with_same_result):
        with pytest.raises(AssertionError, match="a step of the proof does not hold"):
            prove()


def test_a_wrong_count_would_not_be_proved(monkeypatch):
    right = size_relation._Case.convolved
    monkeypatch.setattr(size_relation._Case, "convolved", lambda case, size: right(case, size) + (size == 7))
    with pytest.raises(AssertionError, match="a step of the proof does not hold"):
        prove_size_returns()


@pytest.mark.parametrize(
    ("call", "arguments", "error", "start"),
    [
        (prove_size_returns, {"stride": 0}, ValueError, "stride: got 0 for spatial axis 0; must be an integer >= 1"),
        (prove_size_returns, {"stride": 1.5}, TypeError, "stride: got 1.5; must be an integer"),
        (prove_size_returns, {"output_padding": -1}, ValueError, "output_padding: got -1 for spatial axis 0; must be"),
        (prove_size_returns, {"output_padding": k}, ValueError, "output_padding: got k with k; may hold s"),
        (prove_output_padding_restores, {"output_padding": x}, ValueError, "output_padding: got x with x; may hold"),
        (sizes_with_same_result, {"input_size": 0}, ValueError, "input_size: got 0 for spatial axis 0; must be"),
        (sizes_with_same_result, {"padding": "same"}, ValueError, "padding: got 'same'; must be numbers"),
    ],
)
def test_errors(call, arguments, error, start):
    with pytest.raises(error) as caught:
        call(**arguments)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
