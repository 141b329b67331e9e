"""A plan: all that can be known of a call before its numbers are. Made once per shape, and printable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, prod
from typing import Any

import numpy as np

from tconv.algorithms.cost import Cost
from tconv.bilinear import Arguments, Roles, of_g_and_w, of_x_and_g, of_x_and_w
from tconv.dtypes import Promoted, can_be_written, check, computed_in, result_dtype
from tconv.errors import TooLargeError, shown
from tconv.geometry import LIMIT, PLANNED, Problem, Sizes
from tconv.layout import View
from tconv.planner import LAYER_CALLS, Candidate, candidates, rank
from tconv.taps import multiplications

_PREFIXES = (
    ("T", 1e12),
    ("G", 1e9),
    ("M", 1e6),
    ("k", 1e3),
    ("", 1.0),
    ("m", 1e-3),
    ("u", 1e-6),
    ("n", 1e-9),
)


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """How a call would be computed, and why so. ``print(plan)`` shows it as a table.

    Attributes
    ----------
    function : str
        The name of the function planned for.
    layer : bool
        Whether weights are packed once, for many calls.
    choice : str or None
        The algorithm that computes it; None if there is nothing to multiply, as an operand is empty.
    threads : int
        The threads it may use.
    dtype : numpy.dtype
        Of the result. ``problem.dtype`` names the one in which it is computed.
    problem : tconv.geometry.Problem
        The sizes in normal form, as algorithms see them.
    candidates : tuple of tconv.planner.Candidate
        Every algorithm of the registry: why it refuses, or what it would take.
    """

    function: str
    layer: bool
    choice: str | None
    threads: int
    dtype: np.dtype[Any]
    problem: Problem
    candidates: tuple[Candidate, ...]
    x: View
    w: View
    bias: View | None
    y: View
    kernel_dtype: np.dtype[Any]
    direct: bool  # kernels write into the result itself, not into an array that is converted
    bytes_allocated: int  # for the result, and for that array
    in_turn: tuple[str, ...]  # the choice, and who is asked if it declines these weights

    @property
    def x_shape(self) -> Sizes:
        """Shape of the first operand."""
        return self.x.shape

    @property
    def w_shape(self) -> Sizes:
        """Shape of the second operand."""
        return self.w.shape

    @property
    def y_shape(self) -> Sizes:
        """Shape of the result."""
        return self.y.shape

    @property
    def cost(self) -> Cost:
        """What the choice would take; all zero if there is nothing to multiply."""
        chosen = [c.cost for c in self.candidates if c.name == self.choice and c.cost is not None]
        return chosen[0] if chosen else Cost(0, 0, 0, 0.0, 1)

    def __repr__(self) -> str:
        return f"<Plan of {self.function}: {self.x.shape} by {self.w.shape} to {self.y.shape}, {self.choice}>"

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        packed = ", weights packed once" if self.layer else ""
        heading = f"{self.function}, {self.dtype} computed in {self.problem.dtype}, {threads}{packed}"
        shapes = f"{shown(self.x.shape)} by {shown(self.w.shape)} to {shown(self.y.shape)}"
        if self.choice is None:
            return f"{heading}\n{shapes}\nnothing to multiply: the result is empty, zero or bias alone"
        needed = quantity(2 * multiplications(self.problem), "FLOP")
        return "\n".join([heading, f"{shapes}, {needed} by the definition", *_table(self)])


@lru_cache(maxsize=PLANNED)
def plan_forward(
    arguments: Arguments,
    output_size: Any,
    x: Sizes,
    x_dtype: np.dtype[Any],
    w: Sizes,
    w_dtype: np.dtype[Any],
    bias: Sizes | None,
    bias_dtype: Promoted | None,
    method: str,
    threads: int,
    layer: bool = False,
) -> Plan:
    """The plan of `conv_transpose` or `conv`, or a layer of either, for operands of these shapes and dtypes."""
    dtypes: dict[str, Promoted] = {"x": x_dtype, "w": w_dtype}
    if bias_dtype is not None:
        dtypes["bias"] = bias_dtype
    dtype = _promote(dtypes)
    roles = of_x_and_w(arguments, x, w, bias, output_size).forward(computed_in(dtype).name)
    return _plan(arguments.operator, roles, dtype, method, threads, layer)


@lru_cache(maxsize=PLANNED)
def plan_input_vjp(
    arguments: Arguments,
    sizes: tuple[Any, Any],
    g: Sizes,
    g_dtype: np.dtype[Any],
    w: Sizes,
    w_dtype: np.dtype[Any],
    method: str,
    threads: int,
) -> Plan:
    """The plan of an input's gradient; ``sizes`` are ``input_size`` and ``output_size``."""
    dtype = _promote({"g": g_dtype, "w": w_dtype})
    roles = of_g_and_w(arguments, g, w, *sizes).input_vjp(computed_in(dtype).name)
    return _plan(f"{arguments.operator}_input_vjp", roles, dtype, method, threads)


@lru_cache(maxsize=PLANNED)
def plan_weight_vjp(
    arguments: Arguments,
    sizes: tuple[Any, Any],
    x: Sizes,
    x_dtype: np.dtype[Any],
    g: Sizes,
    g_dtype: np.dtype[Any],
    method: str,
    threads: int,
) -> Plan:
    """The plan of the weights' gradient; ``sizes`` are ``kernel_size`` and ``output_size``."""
    dtype = _promote({"x": x_dtype, "g": g_dtype})
    roles = of_x_and_g(arguments, x, g, *sizes).weight_vjp(computed_in(dtype).name)
    return _plan(f"{arguments.operator}_weight_vjp", roles, dtype, method, threads)


def quantity(value: float, unit: str) -> str:
    """A number with the prefix that brings it between 1 and 1000.

    >>> quantity(2_147_483_648, "FLOP")
    '2.15 GFLOP'
    >>> quantity(0.0123, "s")
    '12.3 ms'
    """
    for prefix, scale in _PREFIXES:
        if value >= scale:
            return f"{value / scale:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def _promote(dtypes: Mapping[str, Promoted]) -> np.dtype[Any]:
    for name, dtype in dtypes.items():
        if isinstance(dtype, np.dtype):
            check(name, dtype)
    return result_dtype(dtypes.values())


def _plan(function: str, roles: Roles, dtype: np.dtype[Any], method: str, threads: int, layer: bool = False) -> Plan:
    """Ask all algorithms, choose one, and write down how operands become what it sees."""
    if prod(roles.y.shape) >= LIMIT:
        raise TooLargeError(f"x, w: got shapes whose result is {roles.y.shape}; must have < 2**62 elements")
    empty = 0 in roles.x.split or 0 in roles.w.split or 0 in roles.y.split
    asked = () if empty else candidates(roles.problem, threads)
    in_turn = () if empty else rank(method, asked, LAYER_CALLS if layer else 1)
    kernel_dtype = computed_in(dtype)
    direct = can_be_written(dtype, kernel_dtype)
    itemsize = dtype.itemsize if direct else dtype.itemsize + kernel_dtype.itemsize
    return Plan(
        function=function,
        layer=layer,
        choice=in_turn[0] if in_turn else None,
        threads=threads,
        dtype=dtype,
        problem=roles.problem,
        candidates=asked,
        x=roles.x,
        w=roles.w,
        bias=roles.bias,
        y=roles.y,
        kernel_dtype=kernel_dtype,
        direct=direct,
        bytes_allocated=prod(roles.y.shape) * itemsize,
        in_turn=in_turn,
    )


def _table(plan: Plan) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("", "algorithm", "operations", "moved", "workspace", "error bound", "packing", "predicted")
    ]
    if any(candidate.measured for candidate in plan.candidates):
        rows[0] = (*rows[0], "measured")
    rounds = plan.kernel_dtype.kind in "fc"
    for candidate in plan.candidates:
        if candidate.cost is not None:
            mark = "->" if candidate.name == plan.choice else ""
            rows.append((mark, candidate.name, *_figures(candidate, candidate.cost, rounds))[: len(rows[0])])
    refused = [candidate for candidate in plan.candidates if candidate.cost is None]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[1] = max([widths[1], *(len(candidate.name) for candidate in refused)])
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += [f"    {c.name.ljust(widths[1])}  refused: {c.refusal}" for c in refused]
    return [line.rstrip() for line in lines]


def _figures(candidate: Candidate, cost: Cost, rounds: bool) -> tuple[str, ...]:
    return (
        quantity(cost.operations, "FLOP"),
        quantity(cost.bytes_moved, "B"),
        quantity(cost.workspace, "B"),
        f"{cost.loss:.2g} x direct" if rounds else "exact",
        quantity(cost.preparing / cost.workers, "s"),
        quantity(cost.seconds, "s") if isfinite(cost.seconds) else "only if asked for by name",
        "" if candidate.measured is None else quantity(candidate.measured, "s"),
    )
