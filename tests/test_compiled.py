"""Compiled kernels on small integers, in every dtype: exactly the oracle's numbers."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from numba.types import Array

import tconv
from tests.cases import LARGE, SMALL
from tests.problems import (
    COMPILED_DTYPES,
    Operands,
    answer,
    expected,
    expected_by_taps,
    expected_publicly,
    for_operator,
    public_arguments,
    public_shapes,
    shapes,
    small_integers,
    turned,
)

WAYS = [(T, name) for T in ("conv_transpose", "conv") for name in for_operator(T)]
ways = pytest.mark.parametrize(("operator", "name"), WAYS, ids=[f"{T}-{name}" for T, name in WAYS])


def of(operator, case, dtype):
    p = replace(case, dtype=dtype)
    return p if operator == "conv_transpose" else turned(p)


def same(got, want):
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
@pytest.mark.parametrize("case", SMALL)
def test_two_expectations_agree(case, operator):
    p = of(operator, SMALL[case], "int64")
    operands = small_integers(p, 0)
    same(expected_by_taps(p, operands), expected(p, operands))


@lru_cache
def small(case, operator, dtype, bias):
    """A problem, operands, and the oracle's answer."""
    p = of(operator, SMALL[case], dtype)
    operands = small_integers(p, int(bias), bias)
    return p, operands, expected(p, operands)


@ways
@pytest.mark.parametrize("dtype", COMPILED_DTYPES)
@pytest.mark.parametrize("case", SMALL)
def test_small(case, dtype, operator, name):
    for bias in (True, False):
        p, operands, want = small(case, operator, dtype, bias)
        same(answer(name, p, operands, threads=1 + bias), want)


@ways
@pytest.mark.parametrize("case", SMALL)
def test_small_interpreted(case, operator, name):
    p, operands, want = small(case, operator, "object", True)
    assert (answer(name, p, operands) == want).all()


@lru_cache
def large(case, operator, dtype):
    """The same for a large problem, summed in float64 or complex128."""
    p = of(operator, LARGE[case], dtype)
    operands = small_integers(p, 3)
    want = expected_by_taps(p, Operands(*(a.astype(np.result_type(dtype, np.float64)) for a in operands)))
    terms = p.channels_in * np.prod([a.size_kernel for a in p.axes])
    assert terms * 32 + 4 < 2**24  # so that no sum on the way is rounded, not even in float32
    return p, operands, want.astype(dtype)


@ways
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int32"])
@pytest.mark.parametrize("case", LARGE)
def test_large(case, dtype, operator, name):
    p, operands, want = large(case, operator, dtype)
    same(answer(name, p, operands, threads=2), want)


@ways
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers_wrap_around(dtype, operator, name):
    p = of(operator, SMALL["groups"], dtype)
    rng = np.random.default_rng(4)
    info = np.iinfo(dtype)
    operands = Operands(*(rng.integers(info.min, info.max, shape, dtype, endpoint=True) for shape in shapes(p)[:3]))
    same(answer(name, p, operands), expected(p, operands))


def odd_views(a, kind):
    """The numbers of ``a`` in memory that is laid out oddly."""
    if kind == "transposed":
        return a.T.copy().T
    if kind == "channels_last":
        return np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1)
    if kind == "backwards":
        whole = (slice(None, None, -1),) * a.ndim
        return a[whole].copy()[whole]
    if kind == "gaps":
        wide = np.full([2 * n + 1 for n in a.shape], 55, a.dtype)
        hole = wide[tuple(slice(1, None, 2) for _ in a.shape)]
        hole[...] = a
        return hole
    if kind == "read_only":
        a = a.copy()
        a.flags.writeable = False
        return a
    raise ValueError(kind)


@ways
@pytest.mark.parametrize("dtype", ["float32", "complex64", "int64", "object"])
@pytest.mark.parametrize("kind", ["transposed", "channels_last", "backwards", "gaps", "read_only"])
@pytest.mark.parametrize("case", ["groups", "kernel_twice_stride", "3d", "lines_of_33", "negative_crop", "depthwise"])
def test_strides(case, kind, dtype, operator, name):
    p = of(operator, SMALL[case], dtype)
    operands = small_integers(p, 5)
    y = np.empty(shapes(p)[3], dtype)
    y = odd_views(y, kind) if kind != "read_only" else y
    got = answer(name, p, Operands(*(odd_views(a, kind) for a in operands)), threads=2, y=y)
    assert got is y
    assert (y == expected(p, operands)).all()


@ways
def test_what_lies_between_outputs_is_left_alone(operator, name):
    p = of(operator, SMALL["kernel_twice_stride"], "float32")
    operands = small_integers(p, 6)
    memory = np.full([2 * n + 1 for n in shapes(p)[3]], 55, p.dtype)
    inside = tuple(slice(1, None, 2) for _ in memory.shape)
    answer(name, p, operands, y=memory[inside])
    same(memory[inside], expected(p, operands))
    memory[inside] = 55
    assert (memory == 55).all()


PUBLIC_DTYPES = (
    "float16", "float32", "float64", "complex64", "complex128", "object",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
)  # fmt: skip


@ways
@pytest.mark.parametrize("dtype", PUBLIC_DTYPES)
@pytest.mark.parametrize("case", ["document", "groups", "kernel_twice_stride", "3d", "much_output_padding"])
def test_public_dtypes(case, dtype, operator, name):
    """Integers from all of their range, since they wrap around; other numbers small."""
    p = SMALL[case] if operator == "conv_transpose" else turned(SMALL[case])
    rng = np.random.default_rng(7)
    range_ = (np.iinfo(dtype).min, np.iinfo(dtype).max) if np.dtype(dtype).kind in "iu" else (-4, 4)

    def draw(shape):
        kind = dtype if np.dtype(dtype).kind in "iu" else "int64"
        return rng.integers(*range_, shape, kind, endpoint=True).astype(dtype)

    operands = [draw(shape) for shape in public_shapes(p)]
    # float16 sums in float32, where such numbers are exact, and rounds once.
    wide = [a.astype("float32" if dtype == "float16" else dtype) for a in operands]
    got = getattr(tconv, operator)(*operands, method=name, **public_arguments(p))
    same(got, expected_publicly(p, *wide).astype(dtype))


def variants():
    """Of all kernels: their names and the types for which they were compiled."""
    return {
        (member.__name__, types)
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("tconv.kernels.")
        for member in vars(module).values()
        if isinstance(member, Dispatcher)
        for types in member.signatures
    }


@ways
def test_a_new_shape_compiles_nothing(operator, name):
    p = of(operator, SMALL["document"], "float32")
    answer(name, p, small_integers(p, 0))
    before = variants()
    assert before
    for case in SMALL.values():
        p = of(operator, case, "float32")
        answer(name, p, small_integers(p, 8), threads=2)
    assert variants() == before


def test_no_layout_or_flag_compiles_anything():
    """Numba compiles anew for arrays that are read-only, unaligned or not contiguous: it gets to see none."""
    for operator, name in WAYS:
        p = of(operator, SMALL["groups"], "float32")
        operands = small_integers(p, 8)
        for kind in ("transposed", "backwards", "gaps", "read_only"):
            answer(name, p, Operands(*(odd_views(a, kind) for a in operands)))
    odd = {
        f"{kernel}: argument {position} is {argument}"
        for kernel, types in variants()
        for position, argument in enumerate(types)
        if isinstance(argument, Array) and not (argument.layout == "C" and argument.mutable and argument.aligned)
    }
    assert not odd
