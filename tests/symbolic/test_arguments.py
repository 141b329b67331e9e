"""Arguments: how many axes they speak of, and how messages count."""

from __future__ import annotations

import pytest
from sympy import Array, Symbol

from symbolic import coverage, nearest_uniform_kernel_sizes
from symbolic.arguments import counted, number_of_axes, per_axis, require_callable


@pytest.mark.parametrize(
    ("arguments", "axes"),
    [
        ((), 1),
        ((3, 1), 1),
        ((3, (1, 2)), 2),
        (([3], (1, 2, 3)), 3),
        ((3, [(0, 1), (1, 0)]), 2),
        ((3, ((1, 2),)), 1),
        ((3, "same"), 1),
        (("valid", None, Symbol("s")), 1),
        ((Array([1, 2]), 3), 2),
        (((), 3), 1),
    ],
)
def test_number_of_axes(arguments, axes):
    assert number_of_axes(*arguments) == axes


def test_coverage_counts_the_axes_of_every_argument():
    for arguments in ({"stride": (2, 3)}, {"dilation": (1, 2)}, {"padding": [(0, 1), (1, 0)]}, {"output_size": (6, 7)}):
        steps = {"stride": 2} | arguments
        assert coverage(3, 3, **steps) == coverage((3, 3), (3, 3), **steps)
    assert nearest_uniform_kernel_sizes(1, stride=(2, 2)) == nearest_uniform_kernel_sizes((1, 1), stride=2)
    assert nearest_uniform_kernel_sizes(3, dilation=(1, 2)) == ((3,), (3,))


def test_what_does_not_agree_is_noticed_later():
    assert number_of_axes((1, 2), (1, 2, 3)) == 3
    with pytest.raises(ValueError, match=r"^stride: got \(1, 2\) with 2 values; must be .*, here 3$"):
        per_axis("stride", (1, 2), 3, lowest=1)
    with pytest.raises(ValueError, match=r"^stride: got \[1\] with 1 value; must be .*, here 2$"):
        per_axis("stride", [1], 2, lowest=1)


def test_counted():
    assert [counted(n, "tap") for n in (0, 1, 2)] == ["0 taps", "1 tap", "2 taps"]


def test_require_callable():
    require_callable("claim", len)
    with pytest.raises(TypeError, match=r"^claim: got None; must be callable$"):
        require_callable("claim", None)
