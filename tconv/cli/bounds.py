"""How far float32 may be off, by roundings alone, on the integers of a case."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import ceil, isqrt, prod

import numpy as np

from tconv.algorithms import ALGORITHMS
from tconv.cli import cases
from tconv.cli.cases import Case
from tconv.geometry import Operator
from tconv.polyphase import phase


def _gamma(roundings: int) -> Fraction:
    """Of so many roundings to float32: ``n*u / (1 - n*u)``, ``u = 2**-24``."""
    return Fraction(roundings, 2**24 - roundings)


@cache
def direct(operator: Operator, case: Case) -> np.ndarray:
    """How far float32 may be off in a direct sum: ``gamma(n) * sum |x||w|``.

    `n` is the number of products in an output (Higham, Accuracy and Stability of Numerical Algorithms, 2002,
    section 3.1).
    """
    x, w, _ = cases.integers(operator, case)
    terms = cases.expand(operator, case, np.ones_like(x), np.ones_like(w))
    size = cases.expand(operator, case, abs(x), abs(w))
    gamma = np.array([_gamma(int(n)) for n in terms.flat], object).reshape(terms.shape)
    bound: np.ndarray = gamma * size
    return bound


@cache
def patched(operator: Operator, case: Case) -> Fraction:
    """The same for Winograd's algorithm, in which an output is off by roundings of its whole patch.

    So it goes by the largest of x and w. A direct sum of n products and a bias is off by ``gamma(n + 1)`` times
    ``n * max |x| * max |w|`` at most, and this by as many more roundings as the cost says.
    """
    x, w, _ = cases.integers(operator, case)
    problem = case.problem(operator, "float32")
    taps = [max(len(one.taps) for one in phase(axis, operator).phases) for axis in problem.axes]
    products = problem.channels_in * prod(taps)
    loss = ALGORITHMS["winograd"].cost(problem, 1).loss
    return _gamma(ceil(loss * (products + 1))) * products * int(abs(x).max()) * int(abs(w).max())


@cache
def spectral(operator: Operator, case: Case) -> Fraction:
    """The same for Fourier transforms, in which an output is off by roundings of its whole block.

    By at most 20 for each of its levels, and one for each channel, of the product of what both operands hold in all
    (see ``tconv.algorithms.fft``); twice, for the products of these.
    """
    x, w, _ = cases.integers(operator, case)
    channels_in = case.problem(operator, "float32").channels_in
    levels = (x[0, 0].size + 2 * w[0, 0].size * case.dilation * case.stride).bit_length() + len(x.shape)
    size = (
        channels_in * (isqrt(int(x.size * abs(x).max() ** 2)) + 1) * (isqrt(int(w[0, 0].size * abs(w).max() ** 2)) + 1)
    )
    return 2 * _gamma(20 * levels + channels_in) * size
