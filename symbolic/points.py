"""Points to evaluate polynomials at, and the choice of those that amplify least.

A point is a pair of integers without a common factor: ``(p, q)`` with q > 0 is p/q, and ``(1, 0)`` is infinity. A
polynomial with k coefficients is taken to have degree k-1 whatever its last coefficient is, and its value at
(p, q) is ``sum over i of c[i] * p**i * q**(k-1-i)``: q**(k-1) times its value at p/q, and its last coefficient at
infinity. So every value is a sum of integer multiples, and infinity is a point like any other.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import prod
from typing import Any

from sympy import Expr, Rational, Tuple, oo

from symbolic.arguments import integer, shown

Point = tuple[int, int]

INFINITY: Point = (1, 0)
CANDIDATES: tuple[Point, ...] = (
    (0, 1),
    *((1, 1), (-1, 1)),
    *((2, 1), (-2, 1), (1, 2), (-1, 2)),
    *((4, 1), (-4, 1), (1, 4), (-1, 4)),
)
"""Where `best_points` looks, beside infinity.

To multiply by a power of two rounds nothing in floating point. With thirds there are sets of five points that amplify
less (1/3, -1/3, 3/2, -3/2 and infinity: 4.6 instead of 5.3 for three outputs of three taps), but their matrices
have no zeros to speak of and larger entries.
"""


def values(point: Point, count: int) -> list[int]:
    """What each of ``count`` coefficients is multiplied by in the value at a point.

    >>> values((2, 1), 3), values((1, 2), 3), values(INFINITY, 3)
    ([1, 2, 4], [4, 2, 1], [0, 0, 1])
    """
    p, q = point
    return [p**i * q ** (count - 1 - i) for i in range(count)]


def vanishing_elsewhere(points: Sequence[Point]) -> list[tuple[list[int], int]]:
    """For each point a polynomial that is 0 at all the others: its coefficients, and its value there, made positive.

    It is the product of ``q*z - p`` over the other points (p, q). Divided by its value it is the Lagrange
    polynomial of its point. No integer but 1 divides all its coefficients, as none does those of a factor.

    >>> vanishing_elsewhere([(0, 1), (1, 1), INFINITY])
    [([1, -1, 0], 1), ([0, 1, 0], 1), ([0, -1, 1], 1)]
    """
    found = []
    for point in points:
        coefficients = [1]
        for p, q in points:
            if (p, q) != point:
                coefficients = [q * a - p * b for a, b in zip([0, *coefficients], [*coefficients, 0], strict=True)]
        value = sum(c * v for c, v in zip(coefficients, values(point, len(points)), strict=True))
        sign = 1 if value > 0 else -1
        found.append(([sign * c for c in coefficients], abs(value)))
    return found


def best_points(outputs: int, taps: int) -> Tuple:
    """The points at which the Cook-Toom transform of a filter amplifies least.

    All sets of infinity and ``outputs + taps - 2`` of 0, 1, -1, 2, -2, 1/2, -1/2, 4, -4, 1/4, -1/4 are looked at.
    Of those with the least amplification, the one whose three matrices have the most zeros is taken, and of
    these the first in the order of the list.

    Parameters
    ----------
    outputs, taps : int
        As in `cook_toom`.

    Returns
    -------
    sympy.Tuple of sympy.Rational and sympy.oo
        Infinity last. Empty if `outputs` or `taps` is 1: then there is nothing to save, and no point needed.

    Raises
    ------
    ValueError
        A size is less than 1, or more points are needed than there are in the list.
    TypeError
        A size is not an integer.

    Examples
    --------
    >>> import symbolic
    >>> symbolic.best_points(2, 3)
    (0, 1, -1, oo)
    """
    outputs, taps = positive("outputs", outputs), positive("taps", taps)
    if outputs == 1 or taps == 1:
        return Tuple()
    count = outputs + taps - 2
    if count > len(CANDIDATES):
        raise ValueError(
            f"points: got None for {outputs} outputs and {taps} taps; must be given where more than "
            f"{len(CANDIDATES) + 1} are needed, here {count + 1}"
        )
    return Tuple(*_search(outputs, taps))


def rational(point: Point) -> Expr:
    """The point as SymPy has it.

    >>> rational((-1, 2)), rational(INFINITY)
    (-1/2, oo)
    """
    return oo if point == INFINITY else Rational(*point)


def positive(name: str, value: Any) -> int:
    """``value`` as an int that is at least 1."""
    if integer(name, value) < 1:
        raise ValueError(f"{name}: got {shown(value)}; must be an integer >= 1")
    return int(value)


def read_points(value: Any, outputs: int, taps: int) -> tuple[Point, ...]:
    """The argument ``points``: ``outputs + taps - 1`` distinct ones; none will do where one of the two is 1."""
    if isinstance(value, (str, Expr)) or not isinstance(value, Iterable):
        raise TypeError(f"points: got {shown(value)}; must be a sequence of rationals, and infinity as sympy.oo")
    points = tuple(map(_read, value))
    if len(points) != outputs + taps - 1 and (points or 1 not in (outputs, taps)):
        raise ValueError(f"points: got {len(points)}; must be outputs + taps - 1 = {outputs + taps - 1}")
    twice = [point for point in points if points.count(point) > 1]
    if twice:
        raise ValueError(f"points: got {rational(twice[0])} more than once; must be distinct")
    return points


def _read(value: Any) -> Point:
    if value is oo:
        return INFINITY
    if isinstance(value, bool) or not isinstance(value, numbers.Rational):  # SymPy's are registered there
        raise TypeError(f"points: got {shown(value)}; must hold integers, exact fractions, or sympy.oo")
    return int(value.numerator), int(value.denominator)


@cache
def _search(outputs: int, taps: int) -> tuple[Expr, ...]:
    sets = ((*finite, INFINITY) for finite in combinations(CANDIDATES, outputs + taps - 2))
    best = min(sets, key=lambda points: _cost(points, outputs, taps))  # the first of equals
    return tuple(map(rational, best))


def _cost(points: Sequence[Point], outputs: int, taps: int) -> tuple[Fraction, int]:
    """The amplification, and how many entries of the three matrices are not zero."""
    polynomials = vanishing_elsewhere(points)
    common = prod(value for _, value in polynomials)
    sums, entries = [0] * outputs, 0
    for point, (coefficients, value) in zip(points, polynomials, strict=True):
        output, weight = values(point, outputs), values(point, taps)
        size = sum(map(abs, weight)) * sum(map(abs, coefficients)) * (common // value)
        sums = [total + abs(v) * size for total, v in zip(sums, output, strict=True)]
        entries += sum(entry != 0 for entry in (*coefficients, *output, *weight))
    return Fraction(max(sums), common * taps), entries
