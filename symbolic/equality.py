"""Arrays told element by element, and compared: equal as polynomials, or numbers for which they are not.

Two expressions are equal if their difference is zero. It is expanded. A polynomial is zero if all its coefficients
are, and a rational one only if nothing is there; of roots and the like SymPy must find out, and if it cannot, that is
an error. If a polynomial remains that is not zero, small integers are found at which it is not: they are a
counterexample that anyone can check by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, TypeAlias

from sympy import Add, Array, Expr, Integer, Mul, Symbol, default_sort_key, expand, latex, simplify, together

from symbolic.arguments import shown
from symbolic.arrays import Elements, Index, filled, read
from symbolic.drawing import Block, bracketed, wrapped
from symbolic.theorem import Refuted

_MOST = 16  # elements that are written out; of more than these the first ones

_Monomial: TypeAlias = frozenset[tuple[Symbol, int]]
"""The powers of symbols whose product it is; none of them is 0."""


def difference(left: Expr, right: Expr) -> Expr:
    """Zero if the two are equal, and else what remains; ``ValueError`` if SymPy cannot decide.

    >>> from sympy import sqrt
    >>> a = Symbol("a")
    >>> difference((a + 1) ** 2, a**2 + 1)
    2*a
    >>> difference(a * sqrt(5 + 2 * sqrt(6)), a * (sqrt(2) + sqrt(3)))
    0
    """
    if left == right:
        return Integer(0)
    remains = expand(left - right)
    if _is_rational(remains):
        return remains
    return Integer(0) if together(left - right) == 0 or _vanishes(remains) else remains


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
    """Small integers for its symbols at which a polynomial is not zero; None if it is no polynomial, or zero.

    Take one of its monomials, the one of highest degree with the fewest symbols, and set the other symbols to 0. What
    is left is not the zero polynomial, so it cannot vanish on a grid that has more values along each axis than its
    degree.

    >>> a, b, c = Symbol("a"), Symbol("b"), Symbol("c")
    >>> nonzero_at(a * b - a * b**2 + c * a)
    {c: 0, a: 1, b: 2}
    """
    symbols = sorted(polynomial.free_symbols, key=default_sort_key)
    coefficients = _coefficients(expand(polynomial))
    if coefficients is None or any(power < 0 for monomial in coefficients for _, power in monomial):
        return None
    there = [dict(monomial) for monomial, coefficient in coefficients.items() if not _is_zero(coefficient)]
    if not there:
        return None
    chosen = max(there, key=lambda powers: (sum(powers.values()), -len(powers), [powers.get(s, 0) for s in symbols]))
    zeros = {s: Integer(0) for s in symbols if s not in chosen}
    others = [s for s in symbols if s in chosen]
    highest = max((power for powers in there for power in powers.values()), default=0)
    grid = product(range(1, highest + 2), repeat=len(others))
    points = (zeros | dict(zip(others, map(Integer, values), strict=True)) for values in grid)
    return next((point for point in points if difference(polynomial.subs(point), Integer(0)) != 0), None)


def equations(name: str, elements: Mapping[Index, Expr]) -> Block:
    r"""A line for each element, and how many more there are if these are many.

    >>> print(*equations("y", {(0,): Symbol("a"), (1,): 0}), sep="\n")
    y[0] = a
    y[1] = 0
    """
    lines = wrapped(f"{name}{_place(index)} = {element}" for index, element in list(elements.items())[:_MOST])
    left = len(elements) - _MOST
    return [*lines, f"... and {left} more"] if left > 0 else list(lines) or [f"{name} has no elements"]


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


def differences_are_zero(count: int) -> str:
    """What is left of so many elements, each of one side minus that of the other, in words.

    >>> differences_are_zero(1), differences_are_zero(2)
    ('the only difference is zero', 'all 2 differences are zero')
    """
    return "the only difference is zero" if count == 1 else f"all {count} differences are zero"


def by_place(array: Array) -> dict[Index, Expr]:
    """The elements of an array by their indices.

    >>> by_place(Array([7, 8]))
    {(0,): 7, (1,): 8}
    """
    return dict(read("array", array).items())


def _place(index: Index) -> str:
    return bracketed(index) if index else ""


def _vanishes(expanded: Expr) -> bool:
    """Whether an expanded expression is zero: of a polynomial, whether all its coefficients are."""
    coefficients = _coefficients(expanded)
    return all(map(_is_zero, [expanded] if coefficients is None else coefficients.values()))


def _is_zero(expression: Expr) -> bool:
    """Whether something is zero that is not a polynomial: that can be hard, or too hard for SymPy."""
    if expression.is_Rational:
        return bool(expression == 0)
    digits = expression.evalf() if expression.is_number else Integer(0)
    if digits != 0 and digits.is_comparable:  # it is certain that some are not 0
        return False
    zero = True if simplify(expression) == 0 else expression.equals(0)
    if zero is None:
        raise ValueError(f"SymPy cannot decide whether {shown(expression)} is zero")
    return bool(zero)


def _coefficients(expanded: Expr) -> dict[_Monomial, Expr] | None:
    """By its monomials; None if it is not a polynomial, where powers may be negative too."""
    found: dict[_Monomial, list[Expr]] = {}
    for term in Add.make_args(expanded):
        factors = Mul.make_args(term)
        numbers = [factor for factor in factors if factor.is_number]
        powers = [factor.as_base_exp() for factor in factors if not factor.is_number]
        if not all(base.is_Symbol and power.is_Integer for base, power in powers):
            return None
        found.setdefault(frozenset((base, int(power)) for base, power in powers), []).append(Mul(*numbers))
    return {monomial: Add(*numbers) for monomial, numbers in found.items()}


def _is_rational(expanded: Expr) -> bool:
    """Whether it is a polynomial with rational coefficients, which is zero only where nothing is left of it."""
    return all(
        factor.is_Rational or factor.is_Symbol or (factor.is_Pow and factor.base.is_Symbol and factor.exp.is_Integer)
        for term in Add.make_args(expanded)
        for factor in Mul.make_args(term)
    )


def _at(elements: Elements, point: Mapping[Symbol, Integer]) -> Array:
    return filled(elements.shape, {index: expand(element.subs(point)) for index, element in elements.items()})
