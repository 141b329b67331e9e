"""Route "polyphase" of the transposed convolution: ordinary convolutions with stride 1, one for each phase.

On each axis, write ``t + p = s*q + r`` with ``0 <= r < s``. Outputs with the same r form a phase. Tap j meets an input
there only if s divides ``r - d*j``; then it meets input ``q + (r - d*j)/s``. So in its phase, every tap that takes part
has a fixed distance from q, and an output is ``y_r[q] = sum over these taps of x[q + distance] * w[j]``: an ordinary
convolution with stride 1 of the whole x. With d = 1 its taps are every s-th one of w. A phase may have none: then its
outputs are bias only.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from sympy import Expr

from symbolic.arrays import Index
from symbolic.problem import Problem, Terms
from symbolic.sizes import Axis


class Phase(NamedTuple):
    """One phase of one axis.

    Attributes
    ----------
    outputs : range
        Its outputs t.
    first : int
        The q of the first of them; q grows by one from each to the next.
    distances : dict
        For each tap that takes part, how far from q the input is that it meets.
    """

    outputs: range
    first: int
    distances: dict[int, int]


def terms(problem: Problem) -> Terms:
    """The products of each phase's convolution."""
    found = problem.no_terms()
    kernels = problem.kernels()
    inputs = {(n, channel) for n, channel, *_ in problem.x}
    for phase in product(*map(_phases, problem.axes)):
        part = [_part(kernel, phase) for kernel in kernels]
        for place in product(*(enumerate(axis.outputs, axis.first) for axis in phase)):
            q, t = zip(*place, strict=True)
            for n, channel in inputs:
                for c, distances, weight in part[channel]:
                    element = problem.x.get((n, channel, *map(int.__add__, q, distances)))
                    if element is not None:  # else it lies beside x
                        output = (n, c, *t)
                        found[output].append(element * weight)
    return found


def _part(kernel: list[tuple[Index, Expr]], phase: tuple[Phase, ...]) -> list[tuple[int, Index, Expr]]:
    """The taps of a kernel that take part in a phase: their output channels, distances and weights."""
    return [
        (c, tuple(axis.distances[tap] for axis, tap in zip(phase, j, strict=True)), weight)
        for (c, *j), weight in kernel
        if all(tap in axis.distances for axis, tap in zip(phase, j, strict=True))
    ]


def _phases(axis: Axis) -> Iterator[Phase]:
    """The phases of an axis that have outputs."""
    s = axis.stride
    for t in range(min(s, axis.size_out)):  # s outputs in a row are in s different phases
        q, r = divmod(t + axis.crop, s)
        quotients = ((tap, divmod(r - axis.dilation * tap, s)) for tap in range(axis.size_kernel))
        distances = {tap: distance for tap, (distance, rest) in quotients if rest == 0}
        yield Phase(range(t, axis.size_out, s), q, distances)
