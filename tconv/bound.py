"""Calls of which all but the addresses of arrays is known: a tiny problem takes less time than to find that out.

For problems that one thread computes in one kernel, as they were computed before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from tconv.algorithms import ALGORITHMS, SINGLE
from tconv.algorithms.cost import SERIAL
from tconv.algorithms.engine import flat_bias
from tconv.call import Packed
from tconv.dtypes import for_kernels
from tconv.geometry import PLANNED, Sizes
from tconv.kernels.workers import Single
from tconv.memory import READABLE, flat
from tconv.plans import Plan
from tconv.results import LARGE
from tconv.typing import Array

_Lies = tuple[np.dtype[Any], Sizes]  # dtype and strides of an array


def is_as_new(out: Any) -> bool:
    """Whether an array lies in memory as a new one does."""
    return type(out) is np.ndarray and out.flags.carray


class BoundLayer:
    """A call with packed weights, for inputs of one shape, strides and dtype, aligned."""

    __slots__ = ("_bias", "_dtype", "_run", "_shape", "_weights")

    def __init__(self, plan: Plan, single: Single, weights: Array, bias: Array) -> None:
        self._shape, self._dtype = plan.y.shape, plan.dtype
        self._run = single.run
        self._weights, self._bias = weights, bias

    def __call__(self, x: Array, out: Array | None) -> Array | None:
        """The result; None if the algorithm can't take the values of ``x``, or ``out`` is not as a new array is."""
        if out is None:
            out = np.empty(self._shape, self._dtype)
        elif not self._fits(x, out):
            return None
        return None if self._run(x, self._weights, self._bias, out) else out

    def _fits(self, x: Array, out: Array) -> bool:
        """Whether ``out`` is what a new array would be, and surely no part of ``x``."""
        alike = is_as_new(out) and out.shape == self._shape and out.dtype == self._dtype
        return alike and not np.may_share_memory(x, out)


class BoundFunction:
    """A call that packs its weights, for operands of one shape, strides and dtype each, aligned."""

    __slots__ = ("_plan", "_prepare", "_single", "_zeros")

    def __init__(self, plan: Plan, name: str, single: Single) -> None:
        self._plan, self._single = plan, single
        self._prepare = ALGORITHMS[name].prepare
        self._zeros = _bias(plan, None)

    def __call__(self, x: Array, w: Array, bias: Array | None, out: Array | None) -> Array | None:
        """The result; None if the algorithm can't take the values of ``x`` or ``w``, or has yet to be compiled.

        ``out`` has been checked; it is as a new array would be.
        """
        plan, single = self._plan, self._single
        if not single.job.ready:
            return None
        packed = self._prepare(plan.problem, plan.w.of(w), plan.threads)
        if packed is None:
            return None
        y = np.empty(plan.y.shape, plan.dtype) if out is None else out
        return None if single.run(x, packed.owner, self._zeros if bias is None else bias, y) else y


def bound_layer(plan: Plan, packed: Packed | None, bias: Array | None, x: Array) -> BoundLayer | None:
    """The layer's call that has just been made; None if there is more to it than one kernel on one thread."""
    if packed is None:
        return None
    single = _single(plan, packed.name, (x.dtype, x.strides))
    if single is None or not single.job.ready:
        return None
    return BoundLayer(plan, single, packed.weights.owner, _bias(plan, bias))


@lru_cache(maxsize=PLANNED)
def bound_function(plan: Plan, x: _Lies, w: _Lies, bias: _Lies | None) -> BoundFunction | None:
    """The function's call for operands of these dtypes and strides; None as above, or if some must be converted."""
    if plan.choice is None or 1e9 * plan.cost.work >= SERIAL:  # else packed weights are lent, and it is no matter
        return None
    if w[0] != plan.dtype or any(stride % plan.dtype.itemsize for stride in w[1]):
        return None
    if bias is not None and bias != (plan.dtype, (plan.dtype.itemsize,)):
        return None
    single = _single(plan, plan.choice, x)
    return None if single is None else BoundFunction(plan, plan.choice, single)


def _single(plan: Plan, name: str, x: _Lies) -> Single | None:
    """The kernel, where it is all there is to do."""
    dtype, strides = x
    itemsize = dtype.itemsize
    if name not in SINGLE or not READABLE or plan.dtype is not plan.kernel_dtype or plan.dtype != dtype:
        return None
    if plan.bytes_allocated >= LARGE:  # for which there is memory
        return None
    if any(stride < 0 or stride % itemsize for stride in strides):
        return None
    like = np.lib.stride_tricks.as_strided(np.empty(1, dtype), plan.x.shape, strides)
    (_, source), (_, target) = flat(plan.x.of(like)), flat(plan.y.of(np.empty(plan.y.shape, dtype)))
    single = SINGLE[name](plan.problem, source, target, plan.threads)
    return single if single is not None and single.job.workers == 1 else None


def _bias(plan: Plan, bias: Array | None) -> Array:
    """The bias as kernels read it, or zeros."""
    if bias is not None and plan.bias is not None:
        bias = plan.bias.of(for_kernels(bias, plan.kernel_dtype))
    p = plan.problem
    return flat_bias(bias, p.groups * p.channels_out, p.dtype).owner
