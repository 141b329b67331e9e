"""Fourier transforms: right to a proved bound in every way of cutting, and never where they are not for it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import ceil, log2, prod

import numpy as np
import pytest

import tconv
from tconv.algorithms import fft
from tconv.algorithms.fft import LEVEL_ROUNDINGS, fast_length, scheme
from tconv.geometry import Problem
from tconv.taps import operations
from tests.problems import (
    answer,
    axis,
    expected_by_taps,
    gamma,
    odd_views,
    of,
    problem,
    public,
    public_arguments,
    random_floats,
    refuses,
    widened,
)

T = "conv_transpose"
OPERATORS = (T, "conv")
CASES = {
    "line": problem(T, axis(70, 31, crop=15), channels_in=2, channels_out=3, batch=2),
    "64 taps of stride 2": problem(T, axis(90, 64, 2, crop=31), channels_in=3, channels_out=2),
    "stride 3, dilation 2": problem(T, axis(40, 90, 3, 2, crop=50, end=33), channels_in=2, channels_out=2),
    "dilation is stride": problem(T, axis(33, 25, 2, 2, crop=7), channels_in=2),
    "longer than the input": problem(T, axis(5, 80, crop=20), channels_in=2, channels_out=2),
    "crops outside": problem(T, axis(30, 40, crop=-9, end=-14), channels_out=2, groups=2),
    "few outputs": problem(T, axis(50, 30, crop=33, end=38), channels_in=2),
    "square": problem(T, axis(20, 7, crop=3), axis(25, 9, crop=4), channels_in=3, channels_out=2, groups=2),
    "strides": problem(T, axis(11, 12, 2, crop=5), axis(9, 15, 3, crop=6), channels_in=2, channels_out=3),
    "dilations": problem(T, axis(18, 5, 1, 3, crop=6), axis(19, 6, 1, 2, crop=5), channels_in=2, batch=2),
    "cube": problem(T, axis(6, 3, crop=1), axis(7, 4, crop=1), axis(8, 5, crop=2), channels_in=2, channels_out=2),
    "one long axis": problem(T, axis(3, 1), axis(40, 33, crop=16), channels_in=2, channels_out=2),
}
every_case = pytest.mark.parametrize("case", CASES)
every_operator = pytest.mark.parametrize("operator", OPERATORS)


def spectral_bound(p: Problem, operands, one):
    """How far any output may be off.

    A transform of P numbers is off by at most ``log2(P) * (4*sqrt(2) + 1)`` roundings of their root mean square
    (Higham, Accuracy and Stability of Numerical Algorithms, theorem 24.2); there are three, one after another. What
    lies in a block is at most what lies in the input, and the product of both operands' sizes bounds that of a sum.
    """
    roundings = LEVEL_ROUNDINGS * log2(prod(along.length for along in one.axes)) + p.channels_in + 3
    space = tuple(range(3, 3 + len(p.axes)))
    x, w = (np.sqrt((np.abs(a.astype(np.complex128)) ** 2).sum(space)) for a in operands[:2])
    size = np.einsum("ngc,gco->ngo", x, w)
    if operands.bias is not None:
        size += np.abs(operands.bias)
    return 2 * gamma(int(roundings), p.dtype) * size.reshape(*size.shape, *(1 for _ in p.axes))


def check(p, one, seed=0, threads=1):
    operands = random_floats(p, seed)
    got = answer("fft", p, operands, threads)
    off = np.abs(got - expected_by_taps(p, widened(operands)))
    assert (off <= spectral_bound(p, operands, one)).all()
    return got


@every_operator
@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_errors_obey_the_bound(dtype, case, operator):
    p = of(operator, CASES[case], dtype)
    assert not refuses("fft", p)
    check(p, scheme(p))


@every_operator
@every_case
def test_every_way_to_cut_it_into_blocks(case, operator, monkeypatch):
    p = of(operator, CASES[case], "float64")
    whole = scheme(p)
    ways = []
    for along in whole.axes:
        lengths = {along.taps, along.taps + 1, along.taps + 4, along.taps - 1 + along.axis.count}
        ways.append([replace(along, length=n, count=ceil(along.axis.count / (n - along.taps + 1))) for n in lengths])
    blocks = []
    for axes in product(*ways):
        one = fft._scheme(p, axes, whole.parts, whole.phases, whole.pairs)
        monkeypatch.setattr(fft, "scheme", lambda problem, one=one: one)
        check(p, one)
        blocks.append(prod(along.count for along in one.axes))
    assert min(blocks) == 1 < max(blocks)


@every_case
def test_threads_views_and_layers_change_no_bit(case):
    p = CASES[case]
    p = of(T, p, "float32")
    operands = random_floats(p, 1)
    got = answer("fft", p, operands)
    np.testing.assert_array_equal(answer("fft", p, operands, threads=2), got)
    for kind in ("transposed", "backwards", "gaps", "read_only"):
        odd = type(operands)(*(odd_views(a, kind) for a in operands))
        np.testing.assert_array_equal(answer("fft", p, odd), got)
    x, w, bias = public(p, operands)
    arguments = public_arguments(p)
    direct = tconv.conv_transpose(x, w, bias, **arguments, method="fft")
    layer = tconv.ConvTranspose(w, bias, **arguments, method="fft")
    np.testing.assert_array_equal(layer(x), direct)
    np.testing.assert_array_equal(direct.reshape(got.shape), got)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", ["x", "w"])
def test_not_finite_is_for_others(where, value):
    p = of(T, CASES["square"], "float32")
    x, w, bias = public(p, random_floats(p, 2))
    (x if where == "x" else w)[0, 0, 3, 3] = value
    arguments = public_arguments(p)
    want = tconv.conv_transpose(x, w, bias, **arguments, method="scatter")
    got = tconv.conv_transpose(x, w, bias, **arguments, method="fft")
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    assert 0 < np.isfinite(want).sum() < want.size


def test_overflow_is_for_others():
    p = of(T, CASES["square"], "float32")
    x, w, bias = public(p, random_floats(p, 3))
    x[0, 0, 0, 0], x[0, 0, -1, -1] = np.float32(3e38), np.float32(3e38)
    arguments = public_arguments(p)
    want = tconv.conv_transpose(x, w, bias, **arguments, method="scatter")
    got = tconv.conv_transpose(x, w, bias, **arguments, method="fft")
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))


def test_what_it_refuses(monkeypatch):
    p = CASES["line"]
    assert "int32" in fft.supports(of(T, p, "int32"))
    assert "object" in fft.supports(of(T, p, "object"))
    assert "24 taps" in fft.supports(problem(T, axis(9, 23), dtype="float32"))
    assert "24 taps" in fft.supports(problem(T, axis(9, 46, 2), dtype="float32"))
    assert fft.supports(problem(T, axis(9, 48, 2), dtype="float32")) is None
    many = problem(T, axis(90, 64), axis(90, 64), channels_in=512, channels_out=512, dtype="float32")
    assert "GiB" in fft.supports(many)
    monkeypatch.setattr(fft, "_scipy", lambda: False)
    assert fft.supports(of(T, p, "float32")) == "needs SciPy: python -m pip install scipy"


def test_it_is_chosen_where_it_is_quicker():
    large = ((1, 16, 128, 128), (16, 16, 31, 31))
    assert tconv.plan(*large, padding=15).choice == "fft"
    assert tconv.plan((1, 16, 128, 128), (16, 16, 5, 5), padding=2).choice != "fft"
    assert tconv.plan((1, 1026, 400), (1026, 1, 1024), stride=256).choice != "fft"  # four taps a phase


def test_it_is_not_chosen_where_it_is_less_accurate():
    """One channel, a line: a few taps in a long transform."""
    plan = tconv.plan((1, 1, 100_000), (1, 1, 24))
    assert plan.choice != "fft"
    (line,) = (line for line in str(plan).splitlines() if line.split()[0] == "fft")
    assert line.endswith("only if asked for by name")


def test_fast_lengths_are_the_smallest():
    products = sorted(2**a * 3**b * 5**c for a, b, c in product(range(13), range(8), range(6)))
    for least in range(1, 3000):
        assert fast_length(least) == next(n for n in products if n >= least)


@every_operator
@every_case
def test_costs(case, operator):
    p = of(operator, CASES[case], "complex64")
    one, two = (fft.cost(p, threads) for threads in (1, 2))
    assert one.operations == two.operations == operations(p)
    assert 0 < two.seconds <= one.seconds
    assert one.bytes_moved > 0
    assert one.workspace > 0


def test_memory_is_bounded_by_blocks():
    """A long signal is cut, so that a transform is a small part of it."""
    p = problem(T, axis(2_000_000, 64), channels_in=4, channels_out=4, dtype="float32")
    assert scheme(p).axes[0].length < 50_000
    assert fft.cost(p, 2).workspace < 2_000_000 * 4 * 4
