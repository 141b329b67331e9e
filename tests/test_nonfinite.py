"""Only taps that exist contribute: infinities and nans go exactly where the definition sends them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

import tconv
from tests.cases import SMALL
from tests.problems import (
    axis,
    every_way,
    expected_publicly,
    of,
    problem,
    public_arguments,
    public_shapes,
    takers,
)


@lru_cache
def spoiled(case, operator, where, dtype):
    """A problem, operands with +inf, -inf and nan somewhere in them, and the oracle's answer."""
    p = of(operator, SMALL[case], dtype)
    rng = np.random.default_rng(len(case))
    operands = [rng.integers(-3, 4, shape).astype(dtype) for shape in public_shapes(p)]
    for value in (np.inf, -np.inf, np.nan):
        for a in operands if where == "everywhere" else [operands[("x", "w").index(where)]]:
            a[tuple(rng.integers(0, a.shape))] = value
    with np.errstate(invalid="ignore"):
        return p, operands, expected_publicly(p, *operands)


@pytest.mark.parametrize(("case", "dtype", "operator", "name"), every_way(SMALL, "float32", "complex64"))
@pytest.mark.parametrize("where", ["x", "w", "everywhere"])
def test_reach(case, where, dtype, operator, name):
    p, operands, want = spoiled(case, operator, where, dtype)
    # Through the public function: an algorithm may decline such numbers, and then another one is taken.
    got = getattr(tconv, operator)(*operands, method=name, **public_arguments(p))
    for part in ("real", "imag"):
        np.testing.assert_array_equal(getattr(got, part), getattr(want, part), strict=True)


@pytest.mark.parametrize("name", takers(problem("conv_transpose", axis(3, 3, 3, crop=1))))
def test_probe_of_the_conventions_table(name):
    """x = [inf, 1], w = [1, 0, 2], stride 2: 0 * inf is nan where that tap exists, and nowhere else."""
    y = tconv.conv_transpose([[[np.inf, 1]]], [[[1.0, 0, 2]]], stride=2, method=name)
    np.testing.assert_array_equal(y, [[[np.inf, np.nan, np.inf, 0, 2]]])
    y = tconv.conv_transpose([[[1.0, 2, 3]]], [[[1.0, np.inf, 2]]], stride=3, padding=1, method=name)
    np.testing.assert_array_equal(y, [[[np.inf, 2, 2, np.inf, 4, 3, np.inf]]])


@pytest.mark.parametrize("name", takers(problem("conv_transpose", axis(2, 3, 2, crop=0))))
def test_objects(name):
    """The same for numbers of any kind."""
    w = np.array([7, -11, np.inf], object)
    y = tconv.conv_transpose(np.array([2, 3], object), w, stride=2, layout="...", method=name)
    assert y.tolist() == [14, -22, np.inf, -33, np.inf]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", takers(problem("conv_transpose", axis(9, 4, 2), dtype="object")))
def test_objects_in_the_input(name, value):
    """Beside it nothing is spoiled: what transforms whole patches must notice it."""
    x = np.arange(9).astype(object)
    x[4] = value
    y = tconv.conv_transpose(x, np.array([1, 2, 3, 4], object), stride=2, layout="...", method=name)
    want = tconv.conv_transpose(np.arange(9), np.array([1, 2, 3, 4]), stride=2, layout="...").astype(object)
    np.testing.assert_array_equal(np.delete(y, range(8, 12)), np.delete(want, range(8, 12)))
    np.testing.assert_array_equal(y[8:12].astype(float), [value] * 4)
