"""Calls of which all but the addresses of arrays is known: a tiny problem takes less time than to find that out.

For problems that one thread computes in one kernel, as they were computed before.
"""

from __future__ import annotations

import numpy as np

from tconv.algorithms import SINGLE
from tconv.algorithms.engine import flat_bias
from tconv.call import Packed
from tconv.dtypes import for_kernels, is_regular
from tconv.kernels.workers import Single
from tconv.memory import READABLE, flat
from tconv.plans import Plan
from tconv.typing import Array


class Bound:
    """A call for inputs of one shape, strides and dtype, aligned."""

    __slots__ = ("_bias", "_dtype", "_run", "_shape", "_weights")

    def __init__(self, plan: Plan, single: Single, weights: Array, bias: Array) -> None:
        self._shape, self._dtype = plan.y.shape, plan.dtype
        self._run = single.run
        self._weights, self._bias = weights, bias

    def __call__(self, x: Array) -> Array | None:
        """The result; None if the algorithm can't take the values of ``x``."""
        y = np.empty(self._shape, self._dtype)
        return None if self._run(x, self._weights, self._bias, y) else y


def bind(plan: Plan, packed: Packed | None, bias: Array | None, x: Array) -> Bound | None:
    """The call that has just been made; None if there is more to it than one kernel on one thread."""
    if packed is None or packed.name not in SINGLE or not READABLE:
        return None
    if plan.dtype is not plan.kernel_dtype or x.dtype != plan.dtype or not is_regular(x) or min(x.strides) < 0:
        return None
    (_, source), (_, target) = flat(plan.x.of(x)), flat(plan.y.of(np.empty(plan.y.shape, plan.dtype)))
    single = SINGLE[packed.name](plan.problem, source, target, plan.threads)
    if single is None or single.job.workers > 1 or not single.job.ready:
        return None
    if bias is not None and plan.bias is not None:
        bias = plan.bias.of(for_kernels(bias, plan.kernel_dtype))
    p = plan.problem
    return Bound(plan, single, packed.weights.array, flat_bias(bias, p.groups * p.channels_out, p.dtype).array)
