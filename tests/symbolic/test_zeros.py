"""Structural zeros: those of the phase form are those of the expansion, and false claims of them are refuted."""

from __future__ import annotations

from itertools import product
from math import gcd

import pytest

import symbolic
from symbolic import zeros as module
from symbolic.drawing import WIDTH
from symbolic.theorem import Refuted
from symbolic.zeros import prove_no_structural_zeros, structural_zeros

STEPS = [*product((1, 2, 3), repeat=2), (4, 2), (2, 4), (4, 6), (6, 4)]


def zeros(shape_x, shape_w, **arguments):
    """The index of each output that is zero for symbols, by another route than scatter."""
    x, w = symbolic.array("x", shape_x), symbolic.array("w", shape_w)
    y = symbolic.conv_transpose(x, w, route="matrix", **arguments)
    return tuple(index for index in product(*map(range, y.shape)) if y[index] == 0)


def test_box():
    for i, k, (s, d), begin in product(range(4), range(5), STEPS, (-3, 0, 1)):
        arguments = {"stride": s, "dilation": d, "padding": [(begin, -2)]}
        found = structural_zeros(i, k, **arguments)
        assert found.outputs() == zeros(i, k, **arguments), (i, k, arguments)


def test_several_axes():
    arguments = {"stride": (2, 3), "dilation": (2, 1), "padding": ((1, 0), -1), "output_padding": (1, 0)}
    found = structural_zeros((3, 2), (2, 4), **arguments)
    assert found.outputs() == zeros((3, 2), (2, 4), **arguments)
    assert len(found.zeros) == 2
    assert structural_zeros(2, (1, 3), stride=(2, 3)).zeros == ((1,), ())
    assert structural_zeros((2, 2), 1, stride=2, output_size=4).zeros == ((1, 3), (1, 3))


@pytest.mark.parametrize(
    "arguments",
    [
        {"stride": (2, 3)},
        {"dilation": (1, 3), "stride": 2},
        {"padding": (1, 0)},
        {"padding": [(1, 0), (0, -1)]},
        {"output_padding": (1, 0)},
        {"output_size": (4, 5)},
    ],
    ids=str,
)
def test_any_argument_says_how_many_axes_there_are(arguments):
    assert structural_zeros(3, 3, **arguments) == structural_zeros((3, 3), (3, 3), **arguments)
    assert len(structural_zeros(3, 3, **arguments).zeros) == 2


def test_steps_may_say_how_many_axes_there_are():
    assert prove_no_structural_zeros(3, stride=(2, 3)) == prove_no_structural_zeros((3, 3), stride=(2, 3))
    with pytest.raises(Refuted) as caught:
        prove_no_structural_zeros(3, stride=2, dilation=(1, 2))
    assert caught.value.counterexample["kernel_size"] == (3, 3)


def test_by_hand():
    assert structural_zeros(3, 3, stride=2).zeros == ((),)
    assert structural_zeros(3, 1, stride=3).zeros == ((1, 2, 4, 5),)
    assert structural_zeros(2, 2, stride=2, dilation=2).zeros == ((1, 3),)
    # One product before the last one's place: s*1 + d*1 = 5, and 1 and 4 are not sums of one of 0, 2 and one of 0, 3.
    assert structural_zeros(2, 2, stride=2, dilation=3).zeros == ((1, 4),)
    assert structural_zeros(0, 2, output_padding=2).zeros == ((0, 1),)


def test_a_wrong_condition_is_noticed(monkeypatch):
    """If the bounds forgot the divisor, scatter would say so."""
    honest = module._is_reached
    monkeypatch.setattr(module, "_is_reached", lambda axis, t: True)
    with pytest.raises(ArithmeticError, match=r"^t = \(1,\): scatter and the phase form disagree"):
        structural_zeros(3, 2, stride=2, dilation=2)
    monkeypatch.setattr(module, "_is_reached", lambda axis, t: honest(axis, t) and t > 0)
    with pytest.raises(ArithmeticError):
        structural_zeros(3, 2, stride=2, dilation=2)
    monkeypatch.setattr(module, "structural_zeros", lambda *sizes, **steps: module.StructuralZeros((), ((5,),)))
    with pytest.raises(ArithmeticError, match=r"^t = 5: not near the ends of 3 inputs, but scatter"):
        prove_no_structural_zeros(3, stride=3, dilation=2)


def near_the_ends(example):
    return not all(
        d * (k - 1) <= t <= s * (i - 1)
        for i, k, s, d, t in zip(*(example[name] for name in example), strict=True)  # in this order
    )


def test_proved_where_true_and_refuted_where_false():
    proved = 0
    for k, s, d in product(range(1, 6), range(1, 6), range(1, 6)):
        holds = gcd(s, d) == 1 and k >= s
        try:
            prove_no_structural_zeros(k, stride=s, dilation=d)
        except Refuted as refuted:
            example = refuted.counterexample
            assert not holds, (k, s, d)
            assert list(example) == ["input_size", "kernel_size", "stride", "dilation", "t"]
            assert not near_the_ends(example)
            t = example.pop("t")
            assert t in zeros(example.pop("input_size"), example.pop("kernel_size"), **example)
        else:
            assert holds, (k, s, d)
            proved += 1
    assert proved > 20


def test_what_is_proved_holds_for_longer_inputs():
    for k, s, d in product(range(1, 5), range(1, 4), range(1, 4)):
        if gcd(s, d) == 1 and k >= s:
            for i, p in product(range(1, 8), (-1, 0, 2)):
                found = structural_zeros(i, k, stride=s, dilation=d, padding=[(p, -3)]).zeros[0]
                assert all(not d * (k - 1) <= t + p <= s * (i - 1) for t in found)


def test_refuted_on_one_of_several_axes():
    prove_no_structural_zeros((3, 2), stride=(3, 2), dilation=(2, 1))
    with pytest.raises(Refuted) as caught:
        prove_no_structural_zeros((3, 2), stride=(3, 2), dilation=(2, 2))
    example = caught.value.counterexample
    assert not near_the_ends(example)
    t = example.pop("t")
    assert t in zeros(example.pop("input_size"), example.pop("kernel_size"), **example)


@pytest.mark.parametrize(
    "told",
    [
        structural_zeros(3, 2, stride=4, dilation=6),
        structural_zeros((3, 2), (1, 3), stride=(2, 3), padding=-1),
        structural_zeros(30, 1, stride=40),
        structural_zeros(0, 0),
        prove_no_structural_zeros(3, stride=3, dilation=2),
        prove_no_structural_zeros(1),
        prove_no_structural_zeros((30, 2), stride=(30, 1)),
    ],
    ids=["1d", "2d", "many phases", "nothing", "proof", "one tap", "2d proof"],
)
def test_steps(told):
    assert all(len(line) <= WIDTH for step in told.steps() for line in step.drawing)
    assert all(len(line) <= 80 for line in str(told).splitlines())
    assert " 1 inputs" not in str(told)
    assert all(len(step.title) <= 80 for step in told.steps())
    latex = told._repr_latex_()
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\begin") == latex.count(r"\end")


def test_reasons():
    lines = structural_zeros(3, 2, stride=4, dilation=6).steps()[1].drawing
    assert lines == (
        "r = 0: tap 0",
        "r = 1: no tap, as 2 does not divide 1",
        "r = 2: tap 1",
        "r = 3: no tap, as 2 does not divide 3",
    )
    lines = structural_zeros(3, 1, stride=3, dilation=2).steps()[1].drawing
    assert lines == ("r = 0: tap 0", "r = 1: no tap, as the first would be 2", "r = 2: no tap, as the first would be 1")
    assert structural_zeros(3, 2, stride=4, dilation=6).steps()[2].drawing == ("t = 2, 12",)


def test_errors():
    with pytest.raises(ValueError, match=r"kernel_size: got 0 for spatial axis 0; must be an integer >= 1"):
        prove_no_structural_zeros(0)
    with pytest.raises(ValueError, match=r"stride: got 0 for spatial axis 0"):
        prove_no_structural_zeros(1, stride=0)
    with pytest.raises(TypeError, match=r"input_size: got 1.5; must be an integer"):
        structural_zeros(1.5, 1)
    with pytest.raises(ValueError, match=r"padding: got \(2, 2\) for spatial axis 0"):
        structural_zeros(2, 2, padding=2)
