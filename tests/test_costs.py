"""What algorithms say of a problem before they compute it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tconv.algorithms import ALGORITHMS, zero_insertion
from tconv.geometry import Axis
from tconv.taps import multiplications, operations
from tests.cases import LARGE, SMALL
from tests.problems import Operands, axis, every_way, expected, of, problem, shapes, turned
from tests.strategies import small_problems

OPERATORS = ("conv_transpose", "conv")


@pytest.mark.parametrize("operator", OPERATORS)
@given(data=st.data())
def test_products_are_those_of_the_definition(operator, data):
    """With ones for numbers, the outputs count the products in them."""
    p = data.draw(small_problems(operator, ["int64"]))
    x, w, *_ = shapes(p)
    assert multiplications(p) == expected(p, Operands(np.ones(x, int), np.ones(w, int), None)).sum()


@pytest.mark.parametrize(
    ("case", "dtype", "operator", "name"),
    every_way(SMALL, "float32", "complex64") + every_way(LARGE, "float32", "object"),
)
def test_costs(case, dtype, operator, name):
    p = of(operator, (SMALL | LARGE)[case], dtype)
    one, two = (ALGORITHMS[name].cost(p, threads) for threads in (1, 2))
    for cost in (one, two):
        assert cost.operations == operations(p)
        assert cost.bytes_moved >= 0
        assert cost.workspace >= 0
        assert cost.seconds >= 0
    assert two.seconds <= one.seconds


def test_every_operator_has_algorithms_and_each_refusal_a_reason():
    tiny = problem("conv_transpose", axis(2, 2))
    for p in (tiny, turned(tiny)):
        refusals = {name: algorithm.supports(p) for name, algorithm in ALGORITHMS.items()}
        assert None in refusals.values()
        for refusal in refusals.values():
            assert refusal is None or (refusal and "\n" not in refusal)


def test_zero_insertion_has_a_limit():
    wide = Axis(size_in=30_000, size_kernel=2, stride=2, dilation=1, crop=0, size_out=60_000)
    assert zero_insertion.supports(problem("conv_transpose", wide)) is None
    refusal = zero_insertion.supports(problem("conv_transpose", wide, wide))
    assert refusal == "the input with zeros inserted would take 30.2 GiB, more than 1"
