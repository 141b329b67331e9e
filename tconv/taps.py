"""Which taps exist: the pairs of a small-side index and a tap that fall on the other side."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from tconv.geometry import PLANNED, Axis, Problem


def multiplications(problem: Problem) -> int:
    """How many products ``x * w`` the definition of ``problem`` adds up, over all outputs.

    Examples
    --------
    >>> axis = Axis(size_in=2, size_kernel=2, stride=1, dilation=1, crop=0, size_out=3)
    >>> multiplications(Problem("conv_transpose", 1, 1, 1, 1, (axis, axis), "float64"))
    16
    """
    channels = problem.batch * problem.groups * problem.channels_in * problem.channels_out
    return channels * prod(pairs(problem.operator, axis) for axis in problem.axes)


def operations(problem: Problem) -> int:
    """Real multiplications and additions of those products: 2 each, 8 where numbers are complex."""
    return multiplications(problem) * (8 if problem.dtype.startswith("complex") else 2)


@lru_cache(maxsize=PLANNED)
def pairs(operator: str, axis: Axis) -> int:
    """How many pairs of an index ``i`` and a tap ``j`` have ``0 <= stride*i + dilation*j - crop < size``.

    For the transposed convolution ``i`` runs over its inputs and ``size`` is that of its output, for the
    ordinary one it is the other way round.
    """
    small, large = axis.size_in, axis.size_out
    if operator == "conv":
        small, large = large, small
    # i and j play the same part: go through the fewer of them.
    (few, by_few), (many, by_many) = sorted([(small, axis.stride), (axis.size_kernel, axis.dilation)])
    count = 0
    for n in range(few):
        shift = by_few * n - axis.crop
        first = max(0, -(shift // by_many))
        end = min(many, -((shift - large) // by_many))
        count += max(0, end - first)
    return count
