"""All routes of an operator, and the definition, are the same expressions: equal, not nearly equal."""

from __future__ import annotations

import ast
import sys
import time
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from sympy import Rational, expand, flatten, sqrt
from sympy import symbols as free_symbols

import symbolic
from symbolic.agreement import prove_routes_agree
from symbolic.drawing import WIDTH
from symbolic.theorem import Refuted
from tests.symbolic import definition

OPERATORS = ("conv_transpose", "conv")


class Axis(NamedTuple):
    """One spatial axis of a transposed convolution; the ordinary one goes back from its outputs."""

    i: int
    k: int
    s: int = 1
    d: int = 1
    crop: tuple[int, int] = (0, 0)
    more: int = 0

    @property
    def reach(self):
        """From the first to the last tap."""
        return (self.k - 1) * self.d + 1 if self.k else 0

    @property
    def o(self):
        """The output's size."""
        natural = (self.i - 1) * self.s + self.reach if self.i and self.k else 0
        return natural - sum(self.crop) + self.more

    @property
    def padding_back(self):
        """The padding with which the ordinary convolution has as many windows as there are inputs here."""
        return self.crop[0], (self.i - 1) * self.s + self.reach - self.o - self.crop[0]


class Case(NamedTuple):
    """Channels are counted per group."""

    axes: tuple[Axis, ...]
    batch: int = 1
    groups: int = 1
    small: int = 1  # channels of the side with i positions: x of the transposed convolution, y of the other
    large: int = 1
    bias: bool = False

    def shape(self, side):
        """Of the "small" or the "large" side, as "NC..."."""
        sizes = (axis.i if side == "small" else axis.o for axis in self.axes)
        return (self.batch, getattr(self, side) * self.groups, *sizes)

    @property
    def w(self):
        """The kernel's shape, the same for both: one's "IO..." is the other's "OI..."."""
        return (self.small * self.groups, self.large, *(axis.k for axis in self.axes))


CHOSEN = {
    "1d_groups": Case((Axis(3, 2, s=2, crop=(1, 0), more=1),), batch=2, groups=2, small=2, large=2, bias=True),
    "1d_common_divisor": Case((Axis(4, 3, s=4, d=6, crop=(3, 1)),)),
    "1d_depthwise_multiplier": Case((Axis(3, 3),), groups=2, large=3),
    "2d": Case((Axis(3, 2, 2, 1, (1, 1)), Axis(2, 3, 1, 2, (0, -1), 1)), batch=2, small=2, large=3, bias=True),
    "2d_depthwise": Case((Axis(2, 3, 2, 1, (1, 0), 1), Axis(3, 2, 3, 1, (-1, 1))), groups=3),
    "2d_groups": Case((Axis(2, 2, 1, 2, (0, 1)), Axis(2, 2, 2, 2, (1, 0))), groups=2, small=2, bias=True),
    "2d_no_batch": Case((Axis(2, 2), Axis(2, 2)), batch=0, small=2),
    "2d_no_channels_in": Case((Axis(2, 2), Axis(2, 2)), small=0, large=2, bias=True),
    "2d_no_channels_out": Case((Axis(2, 2), Axis(2, 2)), small=2, large=0, bias=True),
    "2d_nothing_in": Case((Axis(0, 2, more=2), Axis(2, 2)), large=2, bias=True),
    "3d": Case((Axis(2, 2, 2, 1, (1, 0)), Axis(1, 3, 1, 1, (1, 1)), Axis(3, 1, 3, 1, (0, 2), 1)), large=2),
    "3d_groups": Case((Axis(2, 1, more=1), Axis(2, 2, s=2), Axis(1, 2, d=2)), groups=2, large=2),
    "4d": Case((Axis(2, 1), Axis(1, 2, 2), Axis(2, 2, 2, 1, (0, 1), 1), Axis(2, 2, 1, 2, (1, -1)))),
    "4d_channels": Case((Axis(1, 2, 2), Axis(2, 1, 2), Axis(1, 2, 2), Axis(2, 1, 2)), small=2, large=2),
    "5d": Case((Axis(2, 1), Axis(1, 2), Axis(1, 1, more=1), Axis(1, 1), Axis(2, 2, s=2)), batch=2),
}

# One axis: sizes and kernels from 0 to 3, strides and dilations from 1, crops from -1 to 2 at either end.
BOX = [
    Case((axis,))
    for axis in map(
        Axis._make,
        product(range(4), range(4), (1, 2, 3), (1, 2, 3), product(range(-1, 3), repeat=2), (0, 2)),
    )
    if axis.o >= 0
]


@lru_cache(maxsize=64)
def symbols(name, shape):
    array = symbolic.array(name, shape)
    return array, definition.by_index(array)


def check(operator, case):
    """Each route of ``operator`` against the definition."""
    near, far = ("small", "large") if operator == "conv_transpose" else ("large", "small")
    (x, x_at), (w, w_at) = symbols("x", case.shape(near)), symbols("w", case.w)
    bias, bias_at = symbols("b", case.shape(far)[1:2]) if case.bias else (None, {})
    strides, dilations, crops = zip(*((a.s, a.d, a.crop) for a in case.axes), strict=True)
    expected = getattr(definition, operator)(
        x_at,
        w_at,
        list(bias_at.values()),
        sizes=case.shape(far),
        strides=strides,
        dilations=dilations,
        crops=[begin for begin, _ in crops],
        groups=case.groups,
    )
    arguments = {"stride": strides, "dilation": dilations, "groups": case.groups, "layout": "NC..."}
    if operator == "conv_transpose":
        arguments |= {"padding": crops, "output_padding": [axis.more for axis in case.axes]}
    else:
        arguments |= {"padding": [axis.padding_back for axis in case.axes]}
    for route in symbolic.ROUTES[operator]:
        y = getattr(symbolic, operator)(x, w, bias, route=route, **arguments)
        assert y.shape == case.shape(far), (case, route)
        for index, expression in definition.by_index(y).items():
            assert expand(expression - expected[index]) == 0, (case, route, index)


@pytest.mark.parametrize("operator", OPERATORS)
def test_box(operator):
    assert len(BOX) > 3000
    for case in BOX:
        check(operator, case)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", CHOSEN)
def test_chosen(operator, name):
    check(operator, CHOSEN[name])


def test_the_routes():
    assert list(symbolic.ROUTES["conv_transpose"]) == ["scatter", "zero_insertion", "matrix", "polynomial", "polyphase"]
    assert list(symbolic.ROUTES["conv"]) == ["sliding_window", "matrix", "polynomial"]


def test_routes_do_not_import_each_other():
    modules = {route.__module__ for routes in symbolic.ROUTES.values() for route in routes.values()}
    assert len(modules) == 6
    for module in modules:
        tree = ast.parse(Path(sys.modules[module].__file__).read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not imported & modules
        assert "symbolic" not in imported  # nor by "from symbolic import scatter"


@pytest.mark.parametrize("operator", OPERATORS)
def test_expressions_and_fractions(operator):
    a, b = free_symbols("a b")
    # What placeholders could be taken for, too: the symbols u, v and z0 are the operands' here.
    u, v, z = free_symbols("u v z0")
    x, w = [a + b, Rational(1, 3), sqrt(2), u * v, z**2], [a - b, 2, -a * u]
    compute = getattr(symbolic, operator)
    results = [compute(x, w, stride=2, route=route) for route in symbolic.ROUTES[operator]]
    assert all(result == results[0] for result in results)
    if operator == "conv_transpose":
        assert expand(results[0][0]) == a**2 - b**2
        assert expand(results[0][2] - (-a * u * (a + b) + (a - b) / 3)) == 0
    else:
        assert expand(results[0][0]) == expand((a + b) * (a - b) + Rational(2, 3) - sqrt(2) * a * u)


# x's and w's shapes and the arguments of a call with everything in it, for each operator.
EVERYTHING = {
    "conv_transpose": ((2, 4, 3, 2), (4, 1, 2, 3), {"output_padding": (1, 0)}),
    "conv": ((2, 2, 4, 5), (4, 1, 2, 3), {}),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_agreement_is_proved(operator):
    x, w, more = EVERYTHING[operator]
    channels = 2 if operator == "conv_transpose" else 4
    arguments = {"stride": (2, 3), "dilation": (3, 2), "padding": ((1, -1), 0), "groups": 2, "layout": "NC..."} | more
    theorem = prove_routes_agree(
        operator, symbolic.array("x", x), symbolic.array("w", w), symbolic.array("b", channels), **arguments
    )
    names = list(symbolic.ROUTES[operator])
    assert theorem.statement.drawing == (" = ".join(names),)
    assert len(theorem.proof) == len(names)  # the first one's expansion, then a difference for each other one
    for name, step in zip(names, theorem.proof, strict=True):
        assert step.title.startswith(f"By {name.replace('_', ' ')}")
    assert all(len(line) <= WIDTH for step in theorem.steps() for line in step.drawing)


@pytest.mark.parametrize(
    ("output_size", "arguments"),
    [(9, {"padding": "same"}), (3, {"padding": [(5, 0)]}), (0, {}), (12, {"padding": [(-2, 1)], "dilation": 3})],
)
def test_agreement_with_an_output_size(output_size, arguments):
    x, w = symbolic.array("x", 3), symbolic.array("w", 4)
    prove_routes_agree("conv_transpose", x, w, stride=2, output_size=output_size, **arguments)


def mistaken(**changes):
    """A route that takes a problem for another one."""

    def terms(problem):
        axes = tuple(axis._replace(**{n: change(axis) for n, change in changes.items()}) for axis in problem.axes)
        return symbolic.ROUTES[problem.operator]["matrix"](replace(problem, axes=axes))

    return terms


def not_turned(problem):
    """Zero insertion as it is often told: the kernel slides as it is."""
    w = {index: problem.w[(*index[:2], *last)] for index, last in turned_taps(problem)}
    return symbolic.ROUTES[problem.operator]["zero_insertion"](replace(problem, w=w))


def turned_taps(problem):
    for index in problem.w:
        yield index, [axis.size_kernel - 1 - j for axis, j in zip(problem.axes, index[2:], strict=True)]


def one_term_twice(problem):
    found = symbolic.ROUTES[problem.operator]["matrix"](problem)
    last = [products for products in found.values() if products][-1]
    last.append(last[0])
    return found


WRONG = {
    "kernel not turned": not_turned,
    "cropped at the wrong end": mistaken(crop=lambda a: a.crop + 1),
    "dilation ignored": mistaken(dilation=lambda a: 1),
    "stride off by one": mistaken(stride=lambda a: a.stride + 1),
    "a term twice": one_term_twice,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_route_is_refuted(monkeypatch, name):
    monkeypatch.setitem(symbolic.ROUTES["conv_transpose"], "wrong", WRONG[name])
    x, w = symbolic.array("x", (2, 3)), symbolic.array("w", (2, 3))
    arguments = {"stride": 2, "dilation": 2, "padding": 1}
    with pytest.raises(Refuted) as caught:
        prove_routes_agree("conv_transpose", x, w, **arguments)
    found = caught.value.counterexample
    index = found["output"]
    assert found["scatter"] == symbolic.conv_transpose(x, w, **arguments)[index]
    assert found["wrong"] == symbolic.conv_transpose(x, w, route="wrong", **arguments)[index]
    numbers = {symbol: n for n, symbol in enumerate([*flatten(x), *flatten(w)], 2)}
    assert found["wrong"].subs(numbers) != found["scatter"].subs(numbers)
    assert "wrong" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_agreement_needs_an_operator_and_no_route():
    with pytest.raises(ValueError, match=r"operator: got 'convolve'; must be one of 'conv_transpose', 'conv'"):
        prove_routes_agree("convolve", [1], [1])
    with pytest.raises(ValueError, match=r"route: got 'matrix'; must not be given"):
        prove_routes_agree("conv", [1], [1], route="matrix")
    with pytest.raises(ValueError, match=r"stride: got 0 for spatial axis 0"):
        prove_routes_agree("conv", [1], [1], stride=0)


@pytest.mark.parametrize("route", symbolic.ROUTES["conv_transpose"])
def test_8_by_8_with_4_channels_takes_less_than_5_seconds(route):
    x, w = symbolic.array("x", (4, 8, 8)), symbolic.array("w", (4, 4, 4, 4))
    start = time.perf_counter()
    y = symbolic.conv_transpose(x, w, stride=2, layout="C...", route=route)
    assert time.perf_counter() - start < 5
    assert y.shape == (4, 18, 18)
    assert len(y[0, 8, 8].args) == 4 * 4


@pytest.mark.parametrize("route", symbolic.ROUTES["conv_transpose"])
def test_the_documents_example_takes_less_than_50_ms(route):
    x, w = symbolic.array("x", (2, 2)), symbolic.array("w", (2, 2))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        symbolic.conv_transpose(x, w, route=route)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05
