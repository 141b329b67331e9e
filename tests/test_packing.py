"""Packed weights: the same however the given ones lie in memory, for every type, on any number of threads."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tconv.algorithms import ALGORITHMS, PACKING_ORDER
from tconv.geometry import Axis, Problem
from tconv.kernels import pack as kernel
from tests.problems import axis, problem, refuses, small_integers, turned

PACKED = ("polyphase", "winograd", "overlap_add")
CHANNELS = {"one": (1, 3), "few": (5, 3), "vectors": (33, 64), "pieces": (20, 21), "long": (130, 48)}
KERNELS = {
    "k1": [axis(4, 1, 1)],
    "k3": [axis(5, 3, 1, crop=1)],
    "k3x3": [axis(5, 3, 1, crop=1)] * 2,
    "k4x4 s2": [axis(3, 4, 2, crop=1)] * 2,
    "k16 s8": [axis(3, 16, 8, crop=4)],
    "k2x2x2 s2": [axis(2, 2, 2)] * 3,
}
# Where group, in, out, and the axes of the kernel come in memory, the one whose steps are longest first.
ORDERS = {
    "in, out, kernel": lambda kernel: (0, 1, 2, *kernel),
    "out, in, kernel": lambda kernel: (0, 2, 1, *kernel),
    "kernel, out, in": lambda kernel: (0, *kernel, 2, 1),
    "kernel, in, out": lambda kernel: (0, *kernel, 1, 2),
    "kernel backwards": lambda kernel: (0, 1, 2, *reversed(kernel)),
}


@pytest.fixture(params=[(c, k) for c in CHANNELS for k in KERNELS], ids=" ".join)
def kinds(request):
    """A transposed convolution and an ordinary one."""
    (channels_in, channels_out), axes = CHANNELS[request.param[0]], KERNELS[request.param[1]]

    def made(dtype):
        one = problem("conv_transpose", *axes, channels_in=channels_in, channels_out=channels_out, dtype=dtype)
        return one, turned(one)

    return made


def in_order(w: np.ndarray, order, gaps: bool) -> np.ndarray:
    """The same weights in other memory."""
    axes = order(range(3, w.ndim))
    sizes = [w.shape[a] for a in axes]
    memory = np.empty([2 * n if gaps else n for n in sizes], w.dtype)
    view: np.ndarray = memory[tuple(slice(0, n) for n in sizes)].transpose(np.argsort(axes))
    view[...] = w
    return view


def resized(p: Problem, more: int) -> Problem:
    """The problem with so many more positions along its axes."""

    def longer(axis: Axis) -> Axis:
        small, large = more, more * axis.stride
        more_in, more_out = (small, large) if p.operator == "conv_transpose" else (large, small)
        return replace(axis, size_in=axis.size_in + more_in, size_out=axis.size_out + more_out)

    return replace(p, axes=tuple(map(longer, p.axes)))


def packed(name, p, w, threads=1):
    found = ALGORITHMS[name].prepare(p, w, threads)
    return None if found is None else found.array


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int8"])
def test_how_weights_lie_in_memory_makes_no_difference(kinds, dtype):
    for p in kinds(dtype):
        w = small_integers(p, 1).w
        for name in (name for name in PACKED if not refuses(name, p)):
            expected = packed(name, p, w)
            for order, gaps, threads in product(ORDERS.values(), (False, True), (1, 2)):
                assert np.array_equal(packed(name, p, in_order(w, order, gaps), threads), expected)


def test_compiled_packing_is_what_the_python_body_does(kinds, monkeypatch):
    compiled = kernel.pack
    for p in kinds("float32"):
        w = small_integers(p, 2).w
        for name in (name for name in ("polyphase", "winograd") if not refuses(name, p)):
            expected = packed(name, p, w)
            with monkeypatch.context() as context:
                context.setattr(kernel, "pack", lambda job, key, *given: compiled._interpret(job, given))
                assert np.array_equal(packed(name, p, w), expected)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_equal_orders_give_equal_weights(kinds, dtype):
    """Whatever the sizes of inputs: a layer packs its weights no more than the orders differ."""
    seen, found = {}, 0
    for p in kinds(dtype):
        w = small_integers(p, 1).w
        for larger in (resized(p, more) for more in range(0, 60, 4)):
            for name in (name for name in PACKING_ORDER if not refuses(name, larger)):
                order = name, p.operator, PACKING_ORDER[name](larger, 2)
                given = ALGORITHMS[name].prepare(larger, w, 2)
                given = given if isinstance(given, np.ndarray) else given.array
                found += order in seen
                assert np.array_equal(seen.setdefault(order, given), given)
    assert found


@pytest.mark.parametrize("order", ORDERS)
def test_no_weight_that_is_not_finite_goes_unnoticed(kinds, order):
    random = np.random.default_rng(3)
    for p in kinds("float32"):
        w = small_integers(p, 3).w
        for place in {0, w.size - 1, *random.integers(w.size, size=4)}:
            spoiled = w.copy()
            spoiled.reshape(-1)[place] = random.choice([np.nan, np.inf, -np.inf])
            for name in (name for name in ("polyphase", "winograd") if not refuses(name, p)):
                assert packed(name, p, in_order(spoiled, ORDERS[order], gaps=False)) is None
