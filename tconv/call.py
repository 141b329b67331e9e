"""One call: a plan and arrays in, the result out. Only how arrays lie in memory matters here, no values."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tconv.algorithms import ALGORITHMS, PACKING_ORDER, Algorithm
from tconv.dtypes import for_kernels, is_regular
from tconv.errors import (
    ArgumentTypeError,
    DtypeError,
    MethodError,
    OutError,
    ParameterError,
    ShapeError,
    TooLargeError,
    shown,
)
from tconv.geometry import Sizes
from tconv.memory import Recycling
from tconv.planner import MEMORY
from tconv.plans import Plan, quantity
from tconv.results import empty_result
from tconv.typing import Array


class Packed(NamedTuple):
    """Weights as an algorithm wants them, the algorithm's name, and what says in which order they are."""

    name: str
    weights: Any
    order: Hashable = None

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm."""
        return ALGORITHMS[self.name]


def prepare(plan: Plan, w: Array, after: str | None = None, kept: Sequence[Packed] = ()) -> Packed | None:
    """Pack the weights as the plan's algorithm wants them; None if there is nothing to multiply.

    An algorithm may decline weights for what they hold: one that multiplies zeros around the input must not be
    given an infinity. Then the next one takes them. With ``after``, the one that follows it in the plan. If one of
    ``kept`` is what packing would give, it is taken.
    """
    if plan.choice is None:
        return None
    weights = plan.w.of(for_kernels(w, plan.kernel_dtype))
    for name in plan.in_turn[0 if after is None else plan.in_turn.index(after) + 1 :]:
        order = _order(plan, name) if plan.layer else None
        for packed in kept:
            if (packed.name, packed.order) == (name, order):
                return packed
        found = ALGORITHMS[name].prepare(plan.problem, weights, plan.threads)
        if found is not None:
            return Packed(name, found, order)
    raise MethodError(f"x, w: got infinities or nans, with which none of {', '.join(plan.in_turn)} computes this")


def _order(plan: Plan, name: str) -> Hashable:
    order = PACKING_ORDER[name](plan.problem, plan.threads) if name in PACKING_ORDER else plan.problem
    return plan.kernel_dtype, order


def compute(plan: Plan, x: Array, w: Array, bias: Array | None, out: Array | None) -> Array:
    """Pack the weights for this one call, and compute; `check_result` has been called."""
    with Recycling():
        return run(plan, x, w, prepare(plan, w), bias, out)


def run(plan: Plan, x: Array, w: Array, packed: Packed | None, bias: Array | None, out: Array | None) -> Array:
    """Compute, into ``out`` if it is given; `check_result` has been called.

    ``packed`` are the weights ``w``, which are packed anew only if the algorithm declines what ``x`` holds.
    """
    result = empty_result(plan.y.shape, plan.dtype) if out is None else np.asarray(out)  # no subclass's own ways
    if bias is not None and plan.bias is not None:
        bias = plan.bias.of(for_kernels(bias, plan.kernel_dtype))
    if packed is None:
        _fill(plan, bias, result)
        return result if out is None else out
    direct = plan.direct and (out is None or (is_regular(result) and min(result.strides) >= 0))
    if not direct:
        written = np.empty(plan.y.shape, plan.kernel_dtype)
    else:
        written = result if plan.dtype is plan.kernel_dtype else result.view(plan.kernel_dtype)
    inputs, outputs = plan.x.of(for_kernels(x, plan.kernel_dtype)), plan.y.of(written)
    while packed and not packed.algorithm.forward(plan.problem, packed.weights, inputs, bias, outputs, plan.threads):
        packed = prepare(plan, w, after=packed.name)
    if not direct:
        _store(result, written)
    return result if out is None else out


def check_result(plan: Plan, out: Any, **operands: Array | None) -> None:
    """Raise unless the result has a place: memory for a new array, or an ``out`` that can take it.

    Nor may a bias that is a Python number, and so makes the result no wider, be beyond what it holds.
    """
    bias = operands.get("bias")
    if bias is not None and plan.dtype.kind in "iu" and not np.can_cast(bias.dtype, plan.dtype):
        limits = np.iinfo(plan.dtype)
        if not limits.min <= int(bias.item()) <= limits.max:
            raise ParameterError(
                f"bias: got {bias}; must be from {limits.min} to {limits.max}, as x and w are {plan.dtype}"
            )
    if out is not None:
        _check_out(plan, out, operands)
    elif plan.bytes_allocated > MEMORY:
        raise TooLargeError(
            f"x, w: got shapes whose result {plan.y.shape} needs {quantity(plan.bytes_allocated, 'B')}; "
            f"must fit in the {quantity(MEMORY, 'B')} of this machine"
        )


def _check_out(plan: Plan, out: Any, operands: dict[str, Array | None]) -> None:
    """Shape, dtype, writeable, and its memory its own."""
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise ArgumentTypeError(f"out: got {type(out).__name__}; must be a NumPy array")
    if out.shape != plan.y.shape:
        hint = _first_difference(out, plan.y.shape)
        raise ShapeError(f"out: got shape {shown(out.shape)}; must be {plan.y.shape}, {hint}")
    if out.dtype != plan.dtype:
        raise DtypeError(f"out: got dtype {out.dtype}; must be {plan.dtype}, in native byte order")
    if not out.flags.writeable:
        raise OutError("out: got a read-only array; must be writeable")
    if _overlaps_itself(out):
        raise OutError(
            f"out: got strides {out.strides}, by which several elements share memory; each must have its own"
        )
    for name, operand in operands.items():
        if operand is not None and _share_memory(out, operand):
            raise OutError(f"out: got memory that {name} lies in; must not overlap any operand")


def _first_difference(out: Array, shape: Sizes) -> str:
    if out.ndim != len(shape):
        return f"with {len(shape)} axes"
    axis = next(a for a, (given, wanted) in enumerate(zip(out.shape, shape, strict=True)) if given != wanted)
    return f"with {shape[axis]} along axis {axis}"


def _share_memory(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=10**6)  # type: ignore[arg-type]  # any int is allowed
    except RuntimeError:  # too hard to tell how the two are interleaved, so be careful
        return True


def _overlaps_itself(a: Array) -> bool:
    """Whether elements may share memory: each step must lead beyond all that smaller steps reach."""
    if a.flags.c_contiguous:
        return False
    reach = a.itemsize
    for step, size in sorted((abs(step), size) for step, size in zip(a.strides, a.shape, strict=True)):
        if size > 1 and step < reach:
            return True
        reach += step * (size - 1)
    return False


def _fill(plan: Plan, bias: Array | None, out: Array) -> None:
    """The result where there are no products: bias, or zero."""
    if bias is None:
        out[...] = 0
        return
    y = plan.y.of(out)
    _store(y, np.broadcast_to(bias.reshape(bias.shape + (1,) * (y.ndim - 3)), y.shape))


def _store(out: Array, computed: Array) -> None:
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float16's range is inf, as in any float sum
        np.copyto(out, computed, casting="unsafe")
