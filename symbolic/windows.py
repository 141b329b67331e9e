"""Ordinary convolution step by step, as one does it by hand: multiply each window by the kernel, and add up.

Plain arrays only (layout "..."), with any number of axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from sympy import Add, Array, Expr, latex

from symbolic.arguments import Padding, PerAxis
from symbolic.arrays import Index, filled, indices
from symbolic.drawing import (
    WIDTH,
    Grid,
    Printer,
    added,
    beside,
    bracketed,
    factor,
    latex_matrix,
    matrix,
    whole,
)
from symbolic.problem import read_plain_problem
from symbolic.sizes import Axis
from symbolic.steps import Step, Stepwise, operands


@dataclass(frozen=True, repr=False)
class Window(Stepwise):
    """One window of the input times the kernel, element by element: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    index : tuple of int
        Of the output.
    elements : sympy.Array
        What lies under the kernel, of the kernel's shape; zero where that is outside of x.
    kernel : sympy.Array
        The kernel.
    products : sympy.Array
        The elements times the kernel.
    sum : sympy.Expr
        The output.
    covered : frozenset of tuple of int
        The taps that lie on x.
    """

    index: Index
    elements: Array
    kernel: Array = field(repr=False)
    products: Array
    sum: Expr
    covered: frozenset[Index]

    def steps(self) -> tuple[Step, ...]:
        """One step: the products, and their sum."""
        under, kernel = Grid.of(self.elements, self.covered), Grid.of(self.kernel)
        total, formula = self._total(str, "*"), self._total(latex, r" \cdot ")
        step = Step(
            f"Window at {bracketed(self.index)}, times the kernel element by element, added up:",
            (*beside(matrix(under), "*", matrix(kernel)), "", *wrap(total, WIDTH)),
            rf"{latex_matrix(under)} \odot {latex_matrix(kernel)} \;\rightarrow\; {formula}",
        )
        return (step,)

    def _total(self, printer: Printer, times: str) -> str:
        """The products; for numbers also what they are, and their sum."""
        taps = sorted(self.covered)
        stages = [added([times.join(factor(a[j], printer) for a in (self.elements, self.kernel)) for j in taps])]
        if self.sum.is_number and len(taps) > 1:
            stages.append(added([str(printer(self.products[j])) for j in taps]))
        if self.sum.is_number and taps:
            stages.append(str(printer(self.sum)))
        return " = ".join(stages)


@dataclass(frozen=True, repr=False)
class ConvTrace(Stepwise):
    """An ordinary convolution step by step: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    x, w : sympy.Array
        The operands.
    axes : tuple of symbolic.sizes.Axis
        The sizes and steps.
    windows : tuple of Window
        One for each output.
    result : sympy.Array
        Their sums.
    """

    x: Array
    w: Array
    axes: tuple[Axis, ...]
    windows: tuple[Window, ...]
    result: Array

    def steps(self) -> tuple[Step, ...]:
        """The operands, each window, and the result."""
        first = operands("Convolution", self.x, self.w, self.axes)
        result = Grid.of(self.result)
        last = Step("The sums, each in its place:", tuple(whole("y", result)), latex_matrix(result))
        multiplied = (step for window in self.windows for step in window.steps())
        return (first, *multiplied, last)


def trace_conv(x: Any, w: Any, *, stride: PerAxis = 1, padding: Padding = 0, dilation: PerAxis = 1) -> ConvTrace:
    """Ordinary convolution of plain arrays, step by step.

    Parameters
    ----------
    x, w, stride, padding, dilation
        As in `conv` with layout "...".

    Returns
    -------
    ConvTrace
        Its ``windows`` and ``result``; ``steps()`` tells them one by one, ``print`` shows all.

    Raises
    ------
    ValueError, TypeError
        As for `conv`.

    Examples
    --------
    >>> import symbolic
    >>> trace = symbolic.trace_conv([1, 2, 3, 4], [1, -1], stride=2)
    >>> trace.result
    [-1, -1]
    >>> print(trace.steps()[1])
    Window at [0], times the kernel element by element, added up:
    <BLANKLINE>
      [ 1  2 ] * [ 1  -1 ]
    <BLANKLINE>
      1*1 + 2*(-1) = 1 - 2 = -1
    """
    problem = read_plain_problem("conv", x, w, stride=stride, padding=padding, dilation=dilation)
    axes = problem.axes
    inputs, kernel = problem.plain_x(), problem.plain_w()
    size_out = tuple(axis.size_out for axis in axes)
    w = filled(tuple(axis.size_kernel for axis in axes), kernel)
    windows = tuple(_window(axes, t, inputs, w) for t in indices(size_out))
    return ConvTrace(
        filled(tuple(axis.size_in for axis in axes), inputs),
        w,
        axes,
        windows,
        filled(size_out, {window.index: window.sum for window in windows}),
    )


def _window(axes: Sequence[Axis], t: Index, inputs: Mapping[Index, Expr], kernel: Array) -> Window:
    size_kernel = tuple(axis.size_kernel for axis in axes)
    under = {}
    for j in indices(size_kernel):
        i = tuple(a.stride * b + a.dilation * c - a.crop for a, b, c in zip(axes, t, j, strict=True))
        if i in inputs:
            under[j] = inputs[i]
    products = {j: element * kernel[j] for j, element in under.items()}
    return Window(
        t,
        filled(size_kernel, under),
        kernel,
        filled(size_kernel, products),
        Add(*products.values()),
        frozenset(under),
    )
