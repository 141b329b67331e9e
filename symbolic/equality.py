"""Arrays told element by element, and compared: equal as polynomials, or numbers for which they are not.

Two expressions are equal if their difference expands to zero. If something remains, it is a polynomial that is not
zero, and small integers are found at which it is not: they are a counterexample that anyone can check by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from textwrap import wrap
from typing import Any

from sympy import Array, Expr, Integer, Poly, PolynomialError, Symbol, default_sort_key, expand, latex, simplify

from symbolic.arrays import Elements, Index, filled, read
from symbolic.drawing import WIDTH, Block, bracketed
from symbolic.theorem import Refuted

_MOST = 16  # elements that are written out; of more than these the first ones


def difference(left: Expr, right: Expr) -> Expr:
    """Zero if the two are equal, and else what remains.

    >>> a = Symbol("a")
    >>> difference((a + 1) ** 2, a**2 + 1)
    2*a
    """
    if left == right:
        return Integer(0)
    remains = expand(left - right)
    return remains if remains == 0 or _is_rational(remains) else simplify(remains)


def require_equal(claim: str, operands: Mapping[str, Array], sides: Mapping[str, Any]) -> None:
    """Nothing if the two ``sides`` are equal arrays; ``Refuted``, with numbers for the ``operands``, if they are not.

    >>> a, b = Symbol("a"), Symbol("b")
    >>> require_equal("squares add up", {"x": Array([a, b])}, {"left": [(a + b) ** 2], "right": [a**2 + b**2]})
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: squares add up: false for x = [1, 1], left[0] = 4, right[0] = 2
    """
    values = {name: read(name, operand) for name, operand in operands.items()}
    (left_name, left), (right_name, right) = ((name, read(name, side)) for name, side in sides.items())
    if left.shape != right.shape:
        raise Refuted(claim, {f"shape of {left_name}": left.shape, f"shape of {right_name}": right.shape})
    for (index, a), b in zip(left.items(), right.flat, strict=True):
        remains = difference(a, b)
        if remains != 0:
            point = nonzero_at(remains)
            if point is not None:  # symbols that do not matter are 0
                others = {s for elements in values.values() for e in elements.flat for s in e.free_symbols}
                point = {s: Integer(0) for s in others} | point
            places = {f"{left_name}{_place(index)}": a, f"{right_name}{_place(index)}": b}
            raise Refuted(
                claim,
                {name: _at(elements, point or {}) for name, elements in values.items()}
                | {name: expand(value.subs(point or {})) for name, value in places.items()},
            )


def nonzero_at(polynomial: Expr) -> dict[Symbol, Integer] | None:
    """Small integers for its symbols at which a polynomial is not zero; None if it is not a polynomial.

    Take one of its monomials, the one of highest degree with the fewest symbols, and set the other symbols to 0. What
    is left is not the zero polynomial, so it cannot vanish on a grid that has more values along each axis than its
    degree.

    >>> a, b, c = Symbol("a"), Symbol("b"), Symbol("c")
    >>> nonzero_at(a * b - a * b**2 + c * a)
    {c: 0, a: 1, b: 2}
    """
    symbols = sorted(polynomial.free_symbols, key=default_sort_key)
    if not symbols:
        return {}
    try:
        monomials = Poly(polynomial, *symbols).monoms()
    except PolynomialError:
        return None
    chosen = max(monomials, key=lambda powers: (sum(powers), -sum(map(bool, powers))))
    zeros = {s: Integer(0) for s, power in zip(symbols, chosen, strict=True) if not power}
    others = [s for s in symbols if s not in zeros]
    grid = product(range(1, max(map(max, monomials)) + 2), repeat=len(others))
    points = (zeros | dict(zip(others, map(Integer, values), strict=True)) for values in grid)
    return next(point for point in points if difference(polynomial.subs(point), Integer(0)) != 0)


def equations(name: str, elements: Mapping[Index, Expr]) -> Block:
    r"""A line for each element, and how many more there are if these are many.

    >>> print(*equations("y", {(0,): Symbol("a"), (1,): 0}), sep="\n")
    y[0] = a
    y[1] = 0
    """
    lines = [
        line
        for index, element in list(elements.items())[:_MOST]
        for line in wrap(f"{name}{_place(index)} = {element}", WIDTH, subsequent_indent="    ")
    ]
    left = len(elements) - _MOST
    return [*lines, f"... and {left} more"] if left > 0 else lines or [f"{name} has no elements"]


def equations_latex(name: str, elements: Mapping[Index, Expr]) -> str:
    r"""The same in LaTeX; ``name`` is a LaTeX formula.

    >>> equations_latex("y", {(0,): Symbol("a")})
    '\\begin{aligned} y_{0} &= a \\end{aligned}'
    """
    lines = [
        rf"{name}_{{{','.join(map(str, index))}}} &= {latex(element)}"
        for index, element in list(elements.items())[:_MOST]
    ]
    more = [r"&\;\;\vdots"] if len(elements) > _MOST else []
    body = r" \\ ".join([*lines, *more])
    return rf"\begin{{aligned}} {body} \end{{aligned}}"


def by_place(array: Array) -> dict[Index, Expr]:
    """The elements of an array by their indices.

    >>> by_place(Array([7, 8]))
    {(0,): 7, (1,): 8}
    """
    return dict(read("array", array).items())


def _place(index: Index) -> str:
    return bracketed(index) if index else ""


def _is_rational(expression: Expr) -> bool:
    """Whether it is a polynomial with rational coefficients, which is zero only where nothing is left of it."""
    return bool(expression.is_rational_function() and all(n.is_Rational for n in expression.atoms() if n.is_number))


def _at(elements: Elements, point: Mapping[Symbol, Integer]) -> Array:
    return filled(elements.shape, {index: expand(element.subs(point)) for index, element in elements.items()})
