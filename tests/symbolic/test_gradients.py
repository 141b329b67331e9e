"""Gradients: by differentiation, by the formulas, by SymPy on all of L at once; and what is not the gradient."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Array, diff, expand

from symbolic import array, conv, conv_transpose
from symbolic.gradients import prove_bias_gradient, prove_input_gradient, prove_weight_gradient
from symbolic.theorem import Refuted, Theorem
from tests.symbolic.definition import by_index

PROVE = {"x": prove_input_gradient, "w": prove_weight_gradient, "bias": prove_bias_gradient}
NC = {"layout": "NC..."}

# size of x, of w, stride, crops, outputs appended, dilation
BOX = list(product(range(4), range(4), (1, 2, 3), (-1, 0, 1), (-1, 1), (0, 2), (1, 2)))

# x's shape, w's shape, other arguments
CHOSEN = {
    "1d_groups": ((2, 4, 3), (4, 2, 2), {**NC, "stride": 2, "padding": [(1, 0)], "output_padding": 1, "groups": 2}),
    "1d_depthwise": ((1, 3, 3), (3, 1, 3), {**NC, "groups": 3, "dilation": 2}),
    "1d_multiplier": ((1, 2, 2), (2, 3, 2), {**NC, "groups": 2, "stride": 3, "padding": -1}),
    "1d_common_divisor": ((4,), (3,), {"stride": 4, "dilation": 6, "padding": [(3, 1)]}),
    "2d_plain": ((2, 3), (3, 2), {"stride": (2, 1), "dilation": (1, 2), "padding": [(1, -1), (0, 2)]}),
    "2d": ((2, 2, 2, 3), (2, 3, 2, 2), {**NC, "stride": (1, 2), "output_padding": (0, 1), "padding": 1}),
    "2d_unbatched": ((2, 2, 2), (2, 1, 2, 2), {**NC, "padding": "same", "stride": 2}),
    "2d_channels_last": ((1, 2, 2, 2), (2, 2, 3, 2), {"layout": "N...C", "kernel_layout": "...OI"}),
    "2d_channels_only": ((2, 2, 2), (2, 2, 2, 1), {"layout": "C...", "stride": 2}),
    "2d_nothing": ((0, 2, 2, 2), (2, 1, 2, 2), NC),
    "2d_no_channels": ((1, 0, 2, 2), (0, 2, 2, 2), NC),
    "3d": ((1, 1, 2, 2, 1), (1, 2, 2, 1, 2), {**NC, "stride": 2, "padding": (1, 0, 0)}),
    "4d": ((2, 1, 2, 1), (1, 2, 2, 2), {"stride": (1, 2, 2, 1)}),
}
CHOSEN_CONV = {
    "1d_groups": ((2, 4, 5), (4, 2, 2), {**NC, "stride": 2, "padding": [(1, 0)], "groups": 2}),
    "1d_rest": ((6,), (2,), {"stride": 3, "padding": [(-1, 0)]}),
    "2d_plain": ((4, 5), (2, 3), {"stride": (2, 1), "dilation": (1, 2), "padding": [(1, -1), (0, 2)]}),
    "2d": ((2, 3, 3, 4), (2, 3, 2, 2), {**NC, "stride": (1, 2), "padding": 1}),
    "2d_same": ((2, 3, 4), (1, 2, 2, 3), {**NC, "padding": "same", "stride": 2}),
    "2d_channels_last": ((1, 3, 3, 2), (2, 2, 2, 3), {"layout": "N...C", "kernel_layout": "...IO"}),
    "3d": ((1, 1, 3, 2, 2), (2, 1, 2, 1, 2), {**NC, "stride": 2, "padding": (1, 0, 0)}),
}


def test_box():
    count = 0
    for i, k, s, begin, end, more, d in BOX:
        if ((i - 1) * s + (k - 1) * d + 1 if i and k else 0) - begin - end + more < 0:
            continue
        arguments = {"stride": s, "dilation": d, "padding": [(begin, end)], "output_padding": more}
        for prove in (prove_input_gradient, prove_weight_gradient):
            assert isinstance(prove(i, k, **arguments), Theorem)
        count += 1
    assert count > 800


def test_box_of_the_ordinary_convolution():
    count = 0
    for i, k, s, begin, end, more, d in BOX:
        last_tap = (k - 1) * d if k else -1
        if more or begin + i + end - 1 - last_tap < -s:
            continue
        arguments = {"stride": s, "dilation": d, "padding": [(begin, end)], "operator": "conv"}
        for prove in (prove_input_gradient, prove_weight_gradient):
            assert isinstance(prove(i, k, **arguments), Theorem)
        count += 1
    assert count > 300


@pytest.mark.parametrize("with_respect_to", PROVE)
@pytest.mark.parametrize("name", CHOSEN)
def test_chosen(name, with_respect_to):
    x, w, arguments = CHOSEN[name]
    PROVE[with_respect_to](x, w, **arguments)


@pytest.mark.parametrize("with_respect_to", PROVE)
@pytest.mark.parametrize("name", CHOSEN_CONV)
def test_chosen_of_the_ordinary_convolution(name, with_respect_to):
    x, w, arguments = CHOSEN_CONV[name]
    PROVE[with_respect_to](x, w, operator="conv", **arguments)


@pytest.mark.parametrize("name", ["1d_groups", "2d_plain", "2d_channels_last", "2d_unbatched"])
def test_sympy_differentiates_all_of_l_at_once_to_the_same(name):
    x_shape, w_shape, arguments = CHOSEN[name]
    x, w = array("x", x_shape), array("w", w_shape)
    y = conv_transpose(x, w, **arguments)
    g = array("g", y.shape)
    total = expand(sum(g[t] * e for t, e in by_index(y).items()))
    for operand, others, prove in ((x, (g, w), prove_input_gradient), (w, (x, g), prove_weight_gradient)):
        gradient = Array([diff(total, symbol) for symbol in by_index(operand).values()], operand.shape)

        def claim(*given, gradient=gradient, others=others):
            assert given == others
            return gradient

        prove(x_shape, w_shape, claim=claim, **arguments)


def test_what_is_written_can_be_run():
    g, w, x = array("g", 7), array("w", 3), array("x", 3)
    theorem = prove_input_gradient(3, 3, stride=2)
    call = theorem.statement.drawing[0].removeprefix("dL/dx = ")
    assert call == "conv(g, w, stride=2)"
    prove_input_gradient(3, 3, stride=2, claim=lambda g, w: eval(call, {"conv": conv, "g": g, "w": w}))
    call = prove_weight_gradient(3, 3, stride=2).steps()[-1].drawing[0].removeprefix("dL/dw = ")
    assert eval(call, {"conv": conv, "g": g, "x": x}).shape == w.shape
    call = prove_input_gradient((1, 2, 5), (2, 2, 3), stride=3, operator="conv", layout="NC...").statement.drawing[0]
    assert call == "dL/dx = conv_transpose(g, w, stride=3, layout='NC...', output_size=5)"
    call = prove_input_gradient((2, 3), (2, 2), padding=[(1, 0), (0, 1)]).statement.drawing[0]
    assert call == "dL/dx = conv(g, w, padding=[(1, 0), (0, 1)])"


X = {"stride": 2, "padding": 1}
FALSE = {
    "x: turned": (prove_input_gradient, X, lambda g, w: conv(g, w[::-1], stride=2, padding=1)),
    "x: crop at the wrong end": (prove_input_gradient, X, lambda g, w: conv(g, w, stride=2, padding=[(0, 2)])),
    "x: scaled": (prove_input_gradient, X, lambda g, w: 2 * conv(g, w, stride=2, padding=1)),
    "x: too many": (prove_input_gradient, X, lambda g, w: conv(g, w, stride=2, padding=2)),
    "w: stride and dilation not exchanged": (prove_weight_gradient, X, lambda x, g: conv(g, x, stride=2, padding=1)),
    "w: turned": (prove_weight_gradient, X, lambda x, g: conv(g, x, dilation=2, padding=1)[::-1]),
    "w: no crop": (prove_weight_gradient, X, lambda x, g: conv(g, x, dilation=2, padding=[(0, 2)])),
    "bias: mean": (prove_bias_gradient, X, lambda g: [sum(g) / len(g)]),
    "bias: not the last": (prove_bias_gradient, X, lambda g: [sum(g[:-1])]),
    "bias: one for each output": (prove_bias_gradient, X, lambda g: g),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_claims_are_refuted(name):
    prove, arguments, claim = FALSE[name]
    with pytest.raises(Refuted, match="is as claimed") as refuted:
        prove(3, 3, claim=claim, **arguments)
    found = refuted.value.counterexample
    operands = [found[operand] for operand in ("x", "g", "w") if operand in found]
    if not operands:  # it has another shape
        (_, right), (_, wrong) = found.items()
        assert right != wrong
        return
    (place, right), (_, wrong) = list(found.items())[-2:]
    assert right != wrong
    assert claim(*operands)[int(place[-2])] == wrong
    # L is linear in each element, so its derivative is how much it grows for one more.
    zero, t = Array([0, 0, 0]), int(place[-2])
    one = Array([int(j == t) for j in range(3)])
    calls = {
        "x": lambda e: conv_transpose(e, found["w"], **arguments),
        "w": lambda e: conv_transpose(found["x"], e, **arguments),
        "b": lambda e: conv_transpose(zero, zero, e[:1], **arguments),
    }
    grown = [sum(a * b for a, b in zip(found["g"], calls[place[4]](e), strict=True)) for e in (zero, one)]
    assert grown[1] - grown[0] == right


def test_swapped_channels_and_groups_are_refuted():
    arguments = {"layout": "NC...", "stride": 2}
    with pytest.raises(Refuted):
        prove_input_gradient((1, 2, 2), (2, 2, 2), claim=lambda g, w: conv(
            g, w, **arguments, kernel_layout="IO..."), **arguments)  # fmt: skip
    with pytest.raises(Refuted, match="shape of dL/dx"):
        prove_input_gradient((1, 2, 2), (2, 2, 2), claim=lambda g, w: conv(g, w[:1], **arguments), **arguments)


@pytest.mark.parametrize("prove", PROVE.values())
def test_claim_must_be_callable(prove):
    with pytest.raises(TypeError, match=r"^claim: got 3; must be callable$"):
        prove(3, 3, claim=3)


@pytest.mark.parametrize("prove", PROVE.values())
def test_one_difference(prove):
    titles = [step.title for step in prove(1, 1).steps()]
    assert "L differentiated, and the formula expanded; the only difference is zero:" in titles
    assert not any(" 1 differences" in title for title in titles)


def test_errors():
    for prove in PROVE.values():
        with pytest.raises(ValueError, match="operator: got 'deconv'; must be"):
            prove(3, 3, operator="deconv")
        with pytest.raises(ValueError, match="output_padding: got 1; must be 0 for operator 'conv'"):
            prove(3, 3, operator="conv", output_padding=1)
        with pytest.raises(ValueError, match="x_shape: got -1"):
            prove(-1, 3)
        with pytest.raises(TypeError, match="stride: got 'a'"):
            prove(3, 3, stride="a")


@pytest.mark.parametrize("prove", PROVE.values())
@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
def test_theorems_can_be_read(prove, operator):
    theorem = prove((1, 2, 3, 3), (2, 2, 2, 2), operator=operator, layout="NC...", stride=2, padding=[(0, 1), (1, 0)])
    assert isinstance(theorem, Theorem)
    assert max(map(len, str(theorem).splitlines())) <= 80
    for step in theorem.steps():
        assert step.title[-1] in ":."
        assert not set(step.title) & set("_^$#%&{}\\")
        assert max(map(len, step.drawing)) <= 76
        assert step.formula.count("{") == step.formula.count("}")
