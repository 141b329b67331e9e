"""All routes of an operator give the same expressions: proved by subtraction, for any operands and arguments.

The routes share no arithmetic of indices, so one mistake cannot be in all of them. With symbols as operands the
differences are polynomials that expand to zero, and that holds for every value of every symbol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Array

from symbolic.arguments import counted, shown
from symbolic.arrays import filled, read
from symbolic.drawing import Grid, fits, latex_matrix, matrix, wrapped
from symbolic.equality import difference, equations, equations_latex
from symbolic.expansion import ROUTES, conv, conv_transpose
from symbolic.problem import Operator
from symbolic.steps import Step
from symbolic.theorem import Refuted, Theorem

_OPERATORS: dict[Operator, Callable[..., Array]] = {"conv_transpose": conv_transpose, "conv": conv}
_NAMES: dict[Operator, str] = {"conv_transpose": "transposed convolution", "conv": "ordinary convolution"}
_MOST = 16  # lines of a matrix of zeros that are drawn


def prove_routes_agree(operator: Operator, x: Any, w: Any, bias: Any = None, **arguments: Any) -> Theorem:
    """Prove that every route of an operator gives the same expressions.

    The expansion by each route minus that by the first must expand to zero, output by output.

    Parameters
    ----------
    operator : {"conv_transpose", "conv"}
        Whose routes.
    x, w, bias, **arguments
        As in `conv_transpose` or `conv`, without `route`.

    Returns
    -------
    symbolic.theorem.Theorem
        The expansion, and a difference of zero for each other route.

    Raises
    ------
    symbolic.theorem.Refuted
        An output differs. The counterexample holds its index, and what each of the two routes says it is.
    ValueError, TypeError
        As for `conv_transpose`, or there is no such operator, or a route was asked for.

    Examples
    --------
    >>> import symbolic
    >>> from symbolic import prove_routes_agree
    >>> print(prove_routes_agree("conv_transpose", symbolic.array("x", 2), symbolic.array("w", 3), stride=2))
    All routes of the transposed convolution give the same expressions:
    <BLANKLINE>
      scatter = zero_insertion = matrix = polynomial = polyphase
    <BLANKLINE>
    By scatter:
    <BLANKLINE>
      y[0] = w[0]*x[0]
      y[1] = w[1]*x[0]
      y[2] = w[0]*x[1] + w[2]*x[0]
      y[3] = w[1]*x[1]
      y[4] = w[2]*x[1]
    <BLANKLINE>
    By zero insertion, minus the same by scatter, expanded:
    <BLANKLINE>
      [ 0  0  0  0  0 ]
    <BLANKLINE>
    By matrix, minus the same by scatter, expanded:
    <BLANKLINE>
      [ 0  0  0  0  0 ]
    <BLANKLINE>
    By polynomial, minus the same by scatter, expanded:
    <BLANKLINE>
      [ 0  0  0  0  0 ]
    <BLANKLINE>
    By polyphase, minus the same by scatter, expanded:
    <BLANKLINE>
      [ 0  0  0  0  0 ]
    """
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise ValueError(f"operator: got {shown(operator)}; must be one of {', '.join(map(repr, _OPERATORS))}")
    if "route" in arguments:
        raise ValueError(f"route: got {shown(arguments['route'])}; must not be given, as all routes are compared")
    compute, routes = _OPERATORS[operator], list(ROUTES[operator])
    first, *others = routes
    y = compute(x, w, bias, route=first, **arguments)
    by_first = dict(read(first, y).items())
    differences = [
        _difference(operator, first, y, route, compute(x, w, bias, route=route, **arguments)) for route in others
    ]
    return Theorem(
        Step(
            f"All routes of the {_NAMES[operator]} give the same expressions:",
            wrapped([" = ".join(routes)]),
            " = ".join(_by("y", route) for route in routes),
        ),
        (
            Step(f"By {_words(first)}:", tuple(equations("y", by_first)), equations_latex("y", by_first)),
            *(_zero(first, route, zeros) for route, zeros in zip(others, differences, strict=True)),
        ),
    )


def _difference(operator: Operator, first: str, y: Array, route: str, other: Array) -> Array:
    """What is left of one route's outputs after those of the first are taken away."""
    found = {}
    for (index, expected), got in zip(read(first, y).items(), read(route, other).flat, strict=True):
        found[index] = difference(got, expected)
        if found[index] != 0:
            values = {"output": index, route: got, first: expected}
            raise Refuted(f"route {route!r} of {operator} gives what {first!r} gives", values)
    return filled(tuple(map(int, y.shape)), found)


def _zero(first: str, route: str, zeros: Array) -> Step:
    drawing = matrix(Grid.of(zeros))
    small = fits(drawing) and len(drawing) <= _MOST
    return Step(
        f"By {_words(route)}, minus the same by {_words(first)}, expanded:",
        tuple(drawing if small else [f"0 for each of the {counted(len(zeros), 'output')}"]),
        f"{_by('y', route)} - {_by('y', first)} = {latex_matrix(Grid.of(zeros)) if small else 0}",
    )


def _by(name: str, route: str) -> str:
    return rf"{name}^{{\text{{{_words(route)}}}}}"


def _words(route: str) -> str:
    return route.replace("_", " ")
