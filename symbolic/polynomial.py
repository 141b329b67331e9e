"""Route "polynomial": products of polynomials in one variable per axis, multiplied by SymPy.

Let X(z) be the polynomial whose coefficient of z^i is input i, and W(z) the same of the taps. In X(z^s)*W(z^d) the
product of input i and tap j has the power ``s*i + d*j``. So output t of the transposed convolution is the coefficient
of z^(t + p). With N axes, z stands for N variables, and all of this holds for each.

In X(z)*W(z^-d) the same product has the power ``i - d*j``. So output t of the ordinary convolution, whose tap j lies on
input ``s*t + d*j - p``, is the coefficient of z^(s*t - p). The factor z^(d*(k-1)) makes W(z^-d) a polynomial, that of
the turned kernel.

Coefficients may be any expressions. SymPy would look for structure in them, so placeholders take their places: u^a for
element a of x, v^b for element b of w, both counted. The coefficient of z^t in the product is then a polynomial in u
and v over the integers, and each of its monomials names one pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sympy import ZZ, Poly, symbols

from symbolic.arrays import Index
from symbolic.problem import Problem, Terms
from symbolic.sizes import Axis

_PLACEHOLDERS = ZZ[symbols("u v")]
_U, _V = _PLACEHOLDERS.gens

Powers = dict[Index, int]
"""The power of each variable, with the number of the element that is the coefficient there."""
Power = Callable[[Axis, int], int]
"""The power at which an element or output of an axis stands."""


def conv_transpose_terms(problem: Problem) -> Terms:
    """The products in the coefficients of X(z^s)*W(z^d)."""
    return _terms(
        problem,
        power_x=lambda axis, i: axis.stride * i,
        power_w=lambda axis, j: axis.dilation * j,
        power_y=lambda axis, t: t + axis.crop,
    )


def conv_terms(problem: Problem) -> Terms:
    """The products in the coefficients of X(z)*W(z^-d)*z^(d*(k-1))."""
    return _terms(
        problem,
        power_x=lambda axis, i: i,
        power_w=lambda axis, j: axis.dilation * (axis.size_kernel - 1 - j),
        power_y=lambda axis, t: axis.stride * t - axis.crop + axis.dilation * (axis.size_kernel - 1),
    )


def _terms(problem: Problem, power_x: Power, power_w: Power, power_y: Power) -> Terms:
    variables = symbols(f"z:{len(problem.axes)}")
    pairs = [(a, b, *tap, weight) for a, kernel in enumerate(problem.kernels()) for (b, *tap), weight in kernel]
    transposed = problem.operator == "conv_transpose"
    elements, weights = list(problem.x.values()), [weight for *_, weight in pairs]

    inputs: dict[Index, Powers] = {}
    for a, (n, c, *i) in enumerate(problem.x):
        inputs.setdefault((n, c), {})[_powers(power_x, problem.axes, i)] = a
    taps: dict[Index, Powers] = {}  # by (output channel, input channel)
    for b, (one, other, *j, _) in enumerate(pairs):
        channels = (other, one) if transposed else (one, other)
        taps.setdefault(channels, {})[_powers(power_w, problem.axes, j)] = b

    polynomials = {key: _polynomial(powers, _U, variables) for key, powers in inputs.items()}
    kernels = {key: _polynomial(powers, _V, variables) for key, powers in taps.items()}
    products: dict[Index, dict[Index, list[Index]]] = {}
    for (n, channel), polynomial in polynomials.items():
        for (c, channel_in), kernel in kernels.items():
            if channel_in == channel:
                found = products.setdefault((n, c), {})
                for power, monomials in (polynomial * kernel).as_dict(native=True).items():
                    found.setdefault(power, []).extend(monomials)

    result = problem.no_terms()
    for (n, c, *t), terms in result.items():
        monomials = products.get((n, c), {}).get(_powers(power_y, problem.axes, t), [])
        terms += [elements[a] * weights[b] for a, b in monomials]
    return result


def _powers(power: Power, axes: Iterable[Axis], index: Iterable[int]) -> Index:
    return tuple(map(power, axes, index))


def _polynomial(powers: Powers, placeholder: object, variables: tuple[object, ...]) -> Poly:
    coefficients = {power: placeholder**number for power, number in powers.items()}  # type: ignore[operator]
    return Poly.from_dict(coefficients, *variables, domain=_PLACEHOLDERS)
