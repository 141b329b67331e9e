"""Random problems and calls against the oracle: exactly on integers, within the proved bound on floats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tconv
from tconv.algorithms.patch_tables import patched
from tests import oracle
from tests.problems import (
    COMPILED_DTYPES,
    Operands,
    answer,
    bound,
    expected,
    expected_by_taps,
    for_operator,
    patched_bound,
    random_floats,
    small_integers,
    takers,
    widened,
)
from tests.strategies import calls, large_problems, small_problems

OPERATORS = ("conv_transpose", "conv")
FLOATS = ("float32", "float64", "complex64", "complex128")
operators = pytest.mark.parametrize("operator", OPERATORS)


def exactly(p, operands, want, threads):
    """Every algorithm that is for it gives these numbers."""
    for name in takers(p):
        got = answer(name, p, operands, threads)
        np.testing.assert_array_equal(got, want, err_msg=name, strict=True)


def within_bound(p, operands, exact, threads):
    """The error of every algorithm that is for it is below the proved bound."""
    direct = bound(p, operands)
    for name in takers(p):
        allowed = patched_bound(p, operands, patched(p, threads).axes) if name == "winograd" else direct
        error = answer(name, p, operands, threads) - exact
        assert (np.maximum(np.abs(error.real), np.abs(error.imag)) <= allowed).all(), name


@operators
@settings(max_examples=200)
@given(data=st.data(), seed=st.integers(0, 99), bias=st.booleans(), threads=st.integers(1, 2))
def test_integers(operator, data, seed, bias, threads):
    p = data.draw(small_problems(operator, COMPILED_DTYPES))
    operands = small_integers(p, seed, bias)
    exactly(p, operands, expected(p, operands), threads)


@operators
@settings(max_examples=100)
@given(data=st.data(), seed=st.integers(0, 99), bias=st.booleans(), threads=st.integers(1, 2))
def test_floats(operator, data, seed, bias, threads):
    p = data.draw(small_problems(operator, FLOATS))
    operands = random_floats(p, seed, bias)
    within_bound(p, operands, expected(p, widened(operands)), threads)


@operators
@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 99), threads=st.integers(1, 2))
def test_large_integers(operator, data, seed, threads):
    p = data.draw(large_problems(operator, ("float32", "int32")))
    operands = small_integers(p, seed)
    want = expected_by_taps(p, Operands(*(a.astype(np.float64) for a in operands)))
    exactly(p, operands, want.astype(p.dtype), threads)


@operators
@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 99), threads=st.integers(1, 2))
def test_large_floats(operator, data, seed, threads):
    p = data.draw(large_problems(operator, ("float32", "complex64")))
    operands = random_floats(p, seed)
    wide = np.result_type(p.dtype, np.float64)  # whose own roundings the bound counts
    within_bound(p, operands, expected_by_taps(p, Operands(*(a.astype(wide) for a in operands))), threads)


LAYOUTS = ("NC...", "N...C", "C...N", "...CN", "CN...")
KERNEL_LAYOUTS = ("IO...", "OI...", "...IO", "...OI", "I...O")


def arranged(a, letters, layout):
    """``a``, whose axes are ``letters`` and then the spatial ones, in ``layout``."""
    before, after = layout.split("...")
    spatial = range(len(letters), a.ndim)
    order = [letters.index(c) for c in before] + list(spatial) + [letters.index(c) for c in after]
    return a.transpose(order)


@operators
@settings(max_examples=250)
@given(
    data=st.data(),
    seed=st.integers(0, 99),
    bias=st.booleans(),
    threads=st.sampled_from([None, 1, 2]),
    layout=st.sampled_from(LAYOUTS),
    kernel_layout=st.sampled_from(KERNEL_LAYOUTS),
    dtype=st.sampled_from(["float16", "float32", "complex64", "int8", "uint8", "int16", "uint64", "object"]),
)
def test_calls(operator, data, seed, bias, threads, layout, kernel_layout, dtype):
    call = data.draw(calls(operator, data.draw(st.integers(0, 1), label="smallest")))
    asked = tconv.plan(call.x, call.w, dtype, operator=operator, **call.arguments).candidates
    refused = [candidate.name for candidate in asked if candidate.refusal]
    methods = [name for name in for_operator(operator) if name not in refused]
    method = data.draw(st.sampled_from(["auto", *methods]), label="method")
    rng = np.random.default_rng(seed)
    x, w, b = (rng.integers(0, 4, shape).astype(dtype) for shape in (call.x, call.w, call.y[1:2]))
    got = getattr(tconv, operator)(
        np.array(arranged(x, "NC", layout)),
        np.array(arranged(w, "IO" if operator == "conv_transpose" else "OI", kernel_layout)),
        b if bias else None,
        layout=layout,
        kernel_layout=kernel_layout,
        threads=threads,
        method=method,
        **call.arguments,
    )
    want = getattr(oracle, operator)(
        x,
        w,
        b if bias else None,
        stride=call.arguments["stride"],
        dilation=call.arguments["dilation"],
        crop=call.crops,
        size_out=call.y[2:],
        groups=call.arguments["groups"],
    )
    np.testing.assert_array_equal(got, arranged(want, "NC", layout), strict=True)


@operators
@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 99))
def test_layers(operator, data, seed):
    call = data.draw(calls(operator))
    rng = np.random.default_rng(seed)
    w, b = (rng.integers(0, 4, shape).astype(np.float32) for shape in (call.w, call.y[1:2]))
    layer = {"conv_transpose": tconv.ConvTranspose, "conv": tconv.Conv}[operator](w, b, **call.arguments)
    function = getattr(tconv, operator)
    for batch in (call.x[0], 1):
        x = rng.integers(0, 4, (batch, *call.x[1:])).astype(np.float32)
        np.testing.assert_array_equal(layer(x), function(x, w, b, **call.arguments), strict=True)
