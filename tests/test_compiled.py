"""Compiled kernels on small integers, in every dtype: exactly the oracle's numbers."""

from __future__ import annotations

import sys
from functools import lru_cache

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from numba.types import Array

import tconv
from tconv.dtypes import COMPUTED_IN
from tests.cases import LARGE, SMALL
from tests.problems import (
    COMPILED_DTYPES,
    Operands,
    answer,
    every_way,
    expected,
    expected_by_taps,
    expected_publicly,
    for_operator,
    odd_views,
    of,
    public,
    public_arguments,
    public_shapes,
    refuses,
    shapes,
    small_integers,
)

WAYS = ("case", "dtype", "operator", "name")
OPERATORS = ("conv_transpose", "conv")
ways = pytest.mark.parametrize(("operator", "name"), [(T, name) for T in OPERATORS for name in for_operator(T)])


def same(got, want):
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("operator", OPERATORS)
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


@pytest.mark.parametrize(WAYS, every_way(SMALL, *COMPILED_DTYPES))
def test_small(case, dtype, operator, name):
    for bias in (True, False):
        p, operands, want = small(case, operator, dtype, bias)
        same(answer(name, p, operands, threads=1 + bias), want)


@pytest.mark.parametrize(WAYS, every_way(SMALL, "object"))
def test_small_interpreted(case, dtype, operator, name):
    p, operands, want = small(case, operator, dtype, True)
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


@pytest.mark.parametrize(WAYS, every_way(LARGE, "float32", "float64", "complex64", "int32"))
def test_large(case, dtype, operator, name):
    p, operands, want = large(case, operator, dtype)
    same(answer(name, p, operands, threads=2), want)


@pytest.mark.parametrize(WAYS, every_way({"groups": SMALL["groups"]}, "int32", "int64"))
def test_integers_wrap_around(case, dtype, operator, name):
    p = of(operator, SMALL[case], dtype)
    rng = np.random.default_rng(4)
    info = np.iinfo(dtype)
    operands = Operands(*(rng.integers(info.min, info.max, shape, dtype, endpoint=True) for shape in shapes(p)[:3]))
    same(answer(name, p, operands), expected(p, operands))


VIEWED = ("groups", "kernel_twice_stride", "3d", "lines_of_33", "negative_crop", "depthwise")


@pytest.mark.parametrize(
    WAYS, every_way({case: SMALL[case] for case in VIEWED}, "float32", "complex64", "int64", "object")
)
@pytest.mark.parametrize("kind", ["transposed", "channels_last", "backwards", "gaps", "read_only"])
def test_strides(case, kind, dtype, operator, name):
    p = of(operator, SMALL[case], dtype)
    operands = small_integers(p, 5)
    y = np.empty(shapes(p)[3], dtype)
    y = odd_views(y, kind) if kind not in ("read_only", "backwards") else y  # the latter is for calls: see below
    got = answer(name, p, Operands(*(odd_views(a, kind) for a in operands)), threads=2, y=y)
    assert got is y
    assert (y == expected(p, operands)).all()


@pytest.mark.parametrize(
    WAYS, every_way({case: SMALL[case] for case in VIEWED}, "float32", "complex64", "int64", "object")
)
def test_a_result_that_runs_backwards(case, dtype, operator, name):
    p = of(operator, SMALL[case], dtype)
    operands = small_integers(p, 5)
    want = expected(p, operands)
    out = odd_views(np.empty((p.batch, p.groups * p.channels_out, *want.shape[3:]), dtype), "backwards")
    out[...] = 99  # so that a gap would show
    given = public(p, Operands(*(odd_views(a, "backwards") for a in operands)))
    assert getattr(tconv, operator)(*given, **public_arguments(p), method=name, threads=2, out=out) is out
    assert (out.reshape(want.shape) == want).all()


@pytest.mark.parametrize(WAYS, every_way({"groups": SMALL["groups"], "document": SMALL["document"]}, "float32"))
def test_what_lies_between_outputs_is_left_alone(case, dtype, operator, name):
    p = of(operator, SMALL[case], dtype)
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


PUBLIC = {case: SMALL[case] for case in ("document", "groups", "kernel_twice_stride", "3d", "much_output_padding")}


@pytest.mark.parametrize(
    WAYS,
    [
        (case, dtype, operator, name)
        for dtype in PUBLIC_DTYPES
        for case, _, operator, name in every_way(PUBLIC, COMPUTED_IN[dtype])
    ],
)
def test_public_dtypes(case, dtype, operator, name):
    """Integers from all of their range, since they wrap around; other numbers small."""
    p = of(operator, PUBLIC[case], dtype)
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
    """Of all kernels, and of what they call by its address: their names and the types for which they were compiled."""
    members = [
        getattr(member, "_dispatcher", member)
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("tconv.kernels.")
        for member in vars(module).values()
    ]
    return {
        (member.__name__, types) for member in members if isinstance(member, Dispatcher) for types in member.signatures
    }


@ways
def test_a_new_shape_compiles_nothing(operator, name):
    p = of(operator, SMALL["document"], "float32")
    answer(name, p, small_integers(p, 0))
    before = variants()
    assert before
    others = [of(operator, case, "float32") for case in SMALL.values()]
    others = [p for p in others if not refuses(name, p)]
    assert len(others) >= (2 if name == "depthwise" else 4)
    for p in others:
        answer(name, p, small_integers(p, 8), threads=2)
    assert variants() == before


def test_no_layout_or_flag_compiles_anything():
    """Numba compiles anew for arrays that are read-only, unaligned or not contiguous: it gets to see none."""
    for _, dtype, operator, name in every_way({"groups": SMALL["groups"]}, "float32"):
        p = of(operator, SMALL["groups"], dtype)
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
