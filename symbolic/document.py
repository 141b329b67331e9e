"""The document's two worked examples, as data, and each step by step.

The document computes an ordinary convolution of a 3 x 3 ramp, and a transposed convolution of a 2 x 2 matrix
with the same kernel. Both results are right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sympy import Array

from symbolic.arrays import array
from symbolic.placements import ConvTransposeTrace, trace_conv_transpose
from symbolic.problem import Operator
from symbolic.steps import Step, Stepwise
from symbolic.windows import ConvTrace, trace_conv

Trace: TypeAlias = ConvTransposeTrace | ConvTrace


@dataclass(frozen=True, repr=False)
class Example(Stepwise):
    """A worked example, with stride 1 and no padding: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    operator : {"conv_transpose", "conv"}
        Which of the two it is.
    x, w : sympy.Array
        The operands.
    y : sympy.Array
        The result that the document prints.
    tracer : callable
        `trace_conv_transpose` or `trace_conv`.
    """

    operator: Operator
    x: Array
    w: Array
    y: Array
    tracer: Callable[[Any, Any], Trace]

    def steps(self) -> tuple[Step, ...]:
        """Those of `trace`.

        Examples
        --------
        >>> import symbolic
        >>> str(symbolic.document.CONV) == str(symbolic.document.CONV.trace())
        True
        """
        return self.trace().steps()

    def trace(self) -> Trace:
        """Step by step, with the document's numbers.

        Examples
        --------
        >>> import symbolic
        >>> print(symbolic.document.CONV_TRANSPOSE.trace())
        Transposed convolution of x by w, stride 1:
        <BLANKLINE>
          x = [ 1  2 ]   w = [ 1   0 ]
              [ 3  4 ]       [ 0  -1 ]
        <BLANKLINE>
        x[0,0] = 1 times the kernel, its first tap at [0,0]:
        <BLANKLINE>
              [ 1   0 ]    [ 1   0  . ]
          1 * [ 0  -1 ] -> [ 0  -1  . ]
                           [ .   .  . ]
        <BLANKLINE>
        x[0,1] = 2 times the kernel, its first tap at [0,1]:
        <BLANKLINE>
              [ 1   0 ]    [ .  2   0 ]
          2 * [ 0  -1 ] -> [ .  0  -2 ]
                           [ .  .   . ]
        <BLANKLINE>
        x[1,0] = 3 times the kernel, its first tap at [1,0]:
        <BLANKLINE>
              [ 1   0 ]    [ .   .  . ]
          3 * [ 0  -1 ] -> [ 3   0  . ]
                           [ 0  -3  . ]
        <BLANKLINE>
        x[1,1] = 4 times the kernel, its first tap at [1,1]:
        <BLANKLINE>
              [ 1   0 ]    [ .  .   . ]
          4 * [ 0  -1 ] -> [ .  4   0 ]
                           [ .  0  -4 ]
        <BLANKLINE>
        Add up what overlaps:
        <BLANKLINE>
          [ 1   0  . ]   [ .  2   0 ]   [ .   .  . ]   [ .  .   . ]   [ 1   2   0 ]
          [ 0  -1  . ] + [ .  0  -2 ] + [ 3   0  . ] + [ .  4   0 ] = [ 3   3  -2 ]
          [ .   .  . ]   [ .  .   . ]   [ 0  -3  . ]   [ .  0  -4 ]   [ 0  -3  -4 ]
        >>> print(symbolic.document.CONV.trace())
        Convolution of x by w, stride 1:
        <BLANKLINE>
              [ 1  2  3 ]       [ 1   0 ]
          x = [ 4  5  6 ]   w = [ 0  -1 ]
              [ 7  8  9 ]
        <BLANKLINE>
        Window at [0,0], times the kernel element by element, added up:
        <BLANKLINE>
          [ 1  2 ] * [ 1   0 ]
          [ 4  5 ]   [ 0  -1 ]
        <BLANKLINE>
          1*1 + 2*0 + 4*0 + 5*(-1) = 1 + 0 + 0 - 5 = -4
        <BLANKLINE>
        Window at [0,1], times the kernel element by element, added up:
        <BLANKLINE>
          [ 2  3 ] * [ 1   0 ]
          [ 5  6 ]   [ 0  -1 ]
        <BLANKLINE>
          2*1 + 3*0 + 5*0 + 6*(-1) = 2 + 0 + 0 - 6 = -4
        <BLANKLINE>
        Window at [1,0], times the kernel element by element, added up:
        <BLANKLINE>
          [ 4  5 ] * [ 1   0 ]
          [ 7  8 ]   [ 0  -1 ]
        <BLANKLINE>
          4*1 + 5*0 + 7*0 + 8*(-1) = 4 + 0 + 0 - 8 = -4
        <BLANKLINE>
        Window at [1,1], times the kernel element by element, added up:
        <BLANKLINE>
          [ 5  6 ] * [ 1   0 ]
          [ 8  9 ]   [ 0  -1 ]
        <BLANKLINE>
          5*1 + 6*0 + 8*0 + 9*(-1) = 5 + 0 + 0 - 9 = -4
        <BLANKLINE>
        The sums, each in its place:
        <BLANKLINE>
          [ -4  -4 ]
          [ -4  -4 ]
        """
        return self.tracer(self.x, self.w)

    def symbols(self, *, kernel: bool = True) -> Trace:
        """Step by step, with symbols in place of the numbers.

        Parameters
        ----------
        kernel : bool
            Whether the kernel becomes symbols too; else it keeps its numbers.

        Examples
        --------
        >>> import symbolic
        >>> print(symbolic.document.CONV_TRANSPOSE.symbols().steps()[-1])
        Add up what overlaps:
        <BLANKLINE>
          y[0,0] = w[0,0]*x[0,0]
          y[0,1] = w[0,0]*x[0,1] + w[0,1]*x[0,0]
          y[0,2] = w[0,1]*x[0,1]
          y[1,0] = w[0,0]*x[1,0] + w[1,0]*x[0,0]
          y[1,1] = w[0,0]*x[1,1] + w[0,1]*x[1,0] + w[1,0]*x[0,1] + w[1,1]*x[0,0]
          y[1,2] = w[0,1]*x[1,1] + w[1,1]*x[0,1]
          y[2,0] = w[1,0]*x[1,0]
          y[2,1] = w[1,0]*x[1,1] + w[1,1]*x[1,0]
          y[2,2] = w[1,1]*x[1,1]
        >>> print(symbolic.document.CONV_TRANSPOSE.symbols(kernel=False).steps()[-1])
        Add up what overlaps:
        <BLANKLINE>
          [ x[0,0]            x[0,1]        0 ]
          [ x[1,0]  -x[0,0] + x[1,1]  -x[0,1] ]
          [      0           -x[1,0]  -x[1,1] ]
        """
        return self.tracer(array("x", self.x.shape), array("w", self.w.shape) if kernel else self.w)


CONV = Example(
    operator="conv",
    x=Array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
    w=Array([[1, 0], [0, -1]]),
    y=Array([[-4, -4], [-4, -4]]),
    tracer=trace_conv,
)
"""The ordinary convolution of the 3 x 3 ramp."""

CONV_TRANSPOSE = Example(
    operator="conv_transpose",
    x=Array([[1, 2], [3, 4]]),
    w=Array([[1, 0], [0, -1]]),
    y=Array([[1, 2, 0], [3, 3, -2], [0, -3, -4]]),
    tracer=trace_conv_transpose,
)
"""The transposed convolution of the 2 x 2 matrix, with the same kernel."""
