"""All routes of an operator, and the definition, are the same expressions: equal, not nearly equal."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import pytest
from sympy import Rational, expand, sqrt
from sympy import symbols as free_symbols

import symbolic
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


@pytest.mark.parametrize("operator", OPERATORS)
def test_there_are_two_routes_at_least(operator):
    assert len(symbolic.ROUTES[operator]) >= 2


def test_expressions_and_fractions():
    a, b = free_symbols("a b")
    x, w = [a + b, Rational(1, 3), sqrt(2)], [a - b, 2, -a]
    results = [symbolic.conv_transpose(x, w, stride=2, route=route) for route in ("scatter", "matrix")]
    assert results[0] == results[1]
    assert expand(results[0][0]) == a**2 - b**2
    assert expand(results[0][2] - (-a * (a + b) + (a - b) / 3)) == 0
