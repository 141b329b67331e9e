"""Cook-Toom (Winograd) transforms: a filter of r taps that gives m outputs with m + r - 1 products instead of m*r.

1. The product of two polynomials, x with m coefficients and g with r, has n = m + r - 1 coefficients, so n values
   determine it. Evaluate x and g at n points, multiply value by value, and interpolate (Toom, Cook). With V_k the
   n x k matrix that evaluates k coefficients at the points::

       x * g = V_n^-1 [(V_r g) o (V_m x)]

   Column f of V_n^-1 is the Lagrange polynomial of point f: 1 there and 0 at the others.
2. With g held fixed, x -> x * g is a matrix: g in each of m columns, one row further down each time. Its transpose has
   g in each of m rows: it is the filter y[i] = sum over t of g[t]*d[i+t]. To transpose a product of matrices,
   transpose each and reverse the order (the transposition principle)::

       y = V_m^T [(V_r g) o (V_n^-T d)]

3. A row of V_n^-T may be divided by a number if the same row of V_r is multiplied by it. As in the paper of Lavin and
   Gray (arXiv:1509.09308) the fractions go to the taps, which are transformed once: then V_m^T and V_n^-T hold
   integers, for any points (`symbolic.points` says how).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any, SupportsIndex

from sympy import ImmutableMatrix, Rational

from symbolic.arguments import shown
from symbolic.bilinear import Bilinear, Pairs
from symbolic.points import best_points, positive, rational, read_points, values, vanishing_elsewhere


@dataclass(frozen=True)
class CookToom(Bilinear):
    """The filter y[i] = sum over t of g[t]*x[i+t], for 0 <= i < outputs, as `cook_toom` makes it."""

    @property
    def title(self) -> str:
        """Its usual name."""
        return f"F({self.outputs},{self.taps})"

    @property
    def pairs(self) -> Pairs:
        """For output i: each tap t with input i + t."""
        return tuple(tuple((t, i + t) for t in range(self.taps)) for i in range(self.outputs))

    def transposed(self) -> PolynomialProduct:
        """The transpose with respect to the inputs: the product of two polynomials.

        Examples
        --------
        Three products for two coefficients each, as Karatsuba found:

        >>> import symbolic
        >>> print(symbolic.cook_toom(2, 2).transposed())
        Polynomial product (2,2): 3 multiplications for 4.
        <BLANKLINE>
          y[0] = g[0]*x[0]
          y[1] = g[0]*x[1] + g[1]*x[0]
          y[2] = g[1]*x[1]
        <BLANKLINE>
        Transform the taps, by evaluation at 0, 1, inf:
        <BLANKLINE>
              [ 1  0 ]
          u = [ 1  1 ] g
              [ 0  1 ]
        <BLANKLINE>
        Transform the inputs:
        <BLANKLINE>
              [ 1  0 ]
          v = [ 1  1 ] x
              [ 0  1 ]
        <BLANKLINE>
        Multiply, element by element:
        <BLANKLINE>
          p = u o v
        <BLANKLINE>
        Transform the products:
        <BLANKLINE>
              [  1  0   0 ]
          y = [ -1  1  -1 ] p
              [  0  0   1 ]
        """
        return PolynomialProduct(self.outputs, self.taps, self.points, self.input.T, self.weight, self.output.T)


@dataclass(frozen=True)
class PolynomialProduct(Bilinear):
    """The full convolution y[k] = sum over t of g[t]*x[k-t]: inputs and outputs of `CookToom` change places."""

    @property
    def title(self) -> str:
        """What it computes, and how many coefficients the two polynomials have."""
        return f"Polynomial product ({self.outputs},{self.taps})"

    @property
    def pairs(self) -> Pairs:
        """For output k: each tap t with input k - t, if there is one."""
        m, r = self.outputs, self.taps
        return tuple(tuple((t, k - t) for t in range(r) if 0 <= k - t < m) for k in range(m + r - 1))

    def transposed(self) -> CookToom:
        """The transpose with respect to the inputs: the filter."""
        return CookToom(self.outputs, self.taps, self.points, self.input.T, self.weight, self.output.T)


def cook_toom(outputs: SupportsIndex, taps: SupportsIndex, points: Iterable[Any] | None = None) -> CookToom:
    """The transform that computes some outputs of a filter at once, with few products.

    ``y = output [(weight g) o (input x)]`` is ``y[i] = sum over t of g[t]*x[i+t]``. In the literature ``output``
    is A^T, ``weight`` is G and ``input`` is B^T.

    Parameters
    ----------
    outputs : int
        How many outputs, at least 1.
    taps : int
        How many taps, at least 1.
    points : iterable of rationals and sympy.oo, optional
        ``outputs + taps - 1`` distinct ones. By default those of `best_points`: none where `outputs` or `taps` is 1,
        since the direct sum has no more products then. It is what is returned for no points.

    Returns
    -------
    CookToom
        With ``output`` and ``input`` of integers, and the fractions in ``weight``.

    Raises
    ------
    ValueError
        A size is less than 1, or there are too few or too many points, or one of them twice.
    TypeError
        A size is not an integer, or a point is not exact.

    Examples
    --------
    >>> import symbolic
    >>> transform = symbolic.cook_toom(2, 3)
    >>> print(transform)
    F(2,3): 4 multiplications for 6.
    <BLANKLINE>
      y[0] = g[0]*x[0] + g[1]*x[1] + g[2]*x[2]
      y[1] = g[0]*x[1] + g[1]*x[2] + g[2]*x[3]
    <BLANKLINE>
    Transform the taps, by evaluation at 0, 1, -1, inf:
    <BLANKLINE>
          [   1     0    0 ]
      u = [ 1/2   1/2  1/2 ] g
          [ 1/2  -1/2  1/2 ]
          [   0     0    1 ]
    <BLANKLINE>
    Transform the inputs:
    <BLANKLINE>
          [ 1   0  -1  0 ]
      v = [ 0   1   1  0 ] x
          [ 0  -1   1  0 ]
          [ 0  -1   0  1 ]
    <BLANKLINE>
    Multiply, element by element:
    <BLANKLINE>
      p = u o v
    <BLANKLINE>
    Transform the products:
    <BLANKLINE>
      y = [ 1  1   1  0 ] p
          [ 0  1  -1  1 ]
    >>> transform.verify()
    >>> transform.amplification
    8/3
    """
    outputs, taps = positive("outputs", outputs), positive("taps", taps)
    read = read_points(best_points(outputs, taps) if points is None else points, outputs, taps)
    if not read:
        return _direct(outputs, taps)
    polynomials = vanishing_elsewhere(read)
    return CookToom(
        outputs,
        taps,
        tuple(map(rational, read)),
        ImmutableMatrix([values(point, outputs) for point in read]).T,
        ImmutableMatrix(
            [
                [Rational(v, value) for v in values(point, taps)]
                for point, (_, value) in zip(read, polynomials, strict=True)
            ]
        ),
        ImmutableMatrix([coefficients for coefficients, _ in polynomials]),
    )


def nested_amplification(transforms: Iterable[Bilinear]) -> Rational:
    """The amplification of one transform per axis, nested: each acts on arrays of what the next one gives.

    The matrices of the nested transform are the Kronecker products of those of its parts. Its sums of sizes are the
    products of theirs, and so are the largest of them: the amplification is the product of the amplifications.

    Parameters
    ----------
    transforms : iterable of CookToom
        One for each axis.

    Returns
    -------
    sympy.Rational
        1 for no axis.

    Raises
    ------
    TypeError
        One of `transforms` is not a transform.

    Examples
    --------
    >>> import symbolic
    >>> symbolic.nested_amplification([symbolic.cook_toom(2, 3)] * 2)
    64/9
    """
    transforms = tuple(transforms)
    for transform in transforms:
        if not isinstance(transform, Bilinear):
            raise TypeError(f"transforms: got {shown(transform)}; must hold what cook_toom returns")
    return prod((transform.amplification for transform in transforms), start=Rational(1))


def _direct(outputs: int, taps: int) -> CookToom:
    """One output, or one tap: every product of the direct sum is needed, and there are no sums to transform."""
    count = outputs + taps - 1
    identity = ImmutableMatrix.eye(count)
    output = identity if taps == 1 else ImmutableMatrix.ones(1, count)
    weight = identity if outputs == 1 else ImmutableMatrix.ones(count, 1)
    return CookToom(outputs, taps, (), output, weight, identity)
