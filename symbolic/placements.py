"""Transposed convolution step by step, as one does it by hand: place each input times the kernel, and add up.

Plain arrays only (layout "..."), with any number of axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import Add, Array, Expr, latex

from symbolic.arguments import Padding, PerAxis, Sizes
from symbolic.arrays import Index, filled, indices
from symbolic.drawing import Block, Grid, beside, bracketed, factor, fits, latex_matrix, matrix, whole
from symbolic.problem import read_plain_problem
from symbolic.sizes import Axis, IndexSet
from symbolic.steps import Step, Stepwise, operands


@dataclass(frozen=True, repr=False)
class Placement(Stepwise):
    """One input times the kernel, placed in the natural output: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    index : tuple of int
        Of the input in x.
    element : sympy.Expr
        The input.
    offset : tuple of int
        Where the kernel's first tap lands.
    kernel : sympy.Array
        The kernel.
    product : sympy.Array
        The input times the kernel, of the kernel's shape.
    placed : sympy.Array
        The same where it lands, of the natural output's shape; zero elsewhere.
    covered : frozenset of tuple of int
        The places where taps land.
    """

    index: Index
    element: Expr
    offset: Index
    kernel: Array = field(repr=False)
    product: Array
    placed: Array
    covered: frozenset[Index]

    def steps(self) -> tuple[Step, ...]:
        """One step: the product, and where it lands."""
        name = f"x{bracketed(self.index)}"
        kernel, placed = Grid.of(self.kernel), Grid.of(self.placed, self.covered)
        drawing = beside(f"{factor(self.element)} *", matrix(kernel), "->", matrix(placed))
        value = "" if str(self.element) == name else f" = {self.element}"
        step = Step(
            f"{name}{value} times the kernel, its first tap at {bracketed(self.offset)}:",
            tuple(drawing if fits(drawing) else whole("placed", placed)),
            rf"{factor(self.element, latex)} \cdot {latex_matrix(kernel)} \;\rightarrow\; {latex_matrix(placed)}",
        )
        return (step,)


@dataclass(frozen=True, repr=False)
class ConvTransposeTrace(Stepwise):
    """A transposed convolution step by step: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    x, w : sympy.Array
        The operands.
    axes : tuple of symbolic.sizes.Axis
        The sizes and steps.
    placements : tuple of Placement
        One for each input.
    sum : sympy.Array
        All of them added up: the natural output.
    result : sympy.Array
        The sum after cropping, or with zeros appended.
    """

    x: Array
    w: Array
    axes: tuple[Axis, ...]
    placements: tuple[Placement, ...]
    sum: Array
    result: Array

    def steps(self) -> tuple[Step, ...]:
        """The operands, each placement, the sum, and what padding does if there is any."""
        first = operands("Transposed convolution", self.x, self.w, self.axes)
        last = [self._cropped()] if self._changes() else []
        placed = (step for placement in self.placements for step in placement.steps())
        return (first, *placed, self._added(), *last)

    def _added(self) -> Step:
        total = Grid.of(self.sum)
        parts = [Grid.of(placement.placed, placement.covered) for placement in self.placements]
        drawing = beside(*_joined(map(matrix, parts)), "=", matrix(total))
        formula = latex_matrix(total)
        if parts and fits(drawing):
            formula = f"{' + '.join(map(latex_matrix, parts))} = {formula}"
        else:
            drawing = whole("sum" if self._changes() else "y", total)
        return Step("Add up what overlaps:", tuple(drawing), formula)

    def _changes(self) -> str:
        """What padding and output padding do, in words; empty if nothing."""
        words = []
        for a, (axis, natural) in enumerate(zip(self.axes, map(int, self.sum.shape), strict=True)):
            ends = {"beginning": axis.crop, "end": natural - axis.crop - axis.size_out}
            changes = [
                f"{'loses' if crop > 0 else 'gains'} {abs(crop)} at the {end}" for end, crop in ends.items() if crop
            ]
            if changes:
                words.append(f"axis {a} {' and '.join(changes)}")
        return "; ".join(words)

    def _cropped(self) -> Step:
        total, result = Grid.of(self.sum), Grid.of(self.result)
        drawing = beside(matrix(total), "->", matrix(result))
        return Step(
            f"Padding, {self._changes()}:",
            tuple(drawing if fits(drawing) else whole("y", result)),
            rf"{latex_matrix(total)} \;\rightarrow\; {latex_matrix(result)}",
        )


def trace_conv_transpose(
    x: Any,
    w: Any,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
) -> ConvTransposeTrace:
    """Transposed convolution of plain arrays, step by step.

    Parameters
    ----------
    x, w, stride, padding, output_padding, output_size, dilation
        As in `conv_transpose` with layout "...".

    Returns
    -------
    ConvTransposeTrace
        Its ``placements``, ``sum`` and ``result``; ``steps()`` tells them one by one, ``print`` shows all.

    Raises
    ------
    ValueError, TypeError
        As for `conv_transpose`.

    Examples
    --------
    >>> import symbolic
    >>> trace = symbolic.trace_conv_transpose([1, 10], [1, 2, 3], stride=2)
    >>> trace.result
    [1, 2, 13, 20, 30]
    >>> print(trace)
    Transposed convolution of x by w, stride 2:
    <BLANKLINE>
      x = [ 1  10 ]   w = [ 1  2  3 ]
    <BLANKLINE>
    x[0] = 1 times the kernel, its first tap at [0]:
    <BLANKLINE>
      1 * [ 1  2  3 ] -> [ 1  2  3  .  . ]
    <BLANKLINE>
    x[1] = 10 times the kernel, its first tap at [2]:
    <BLANKLINE>
      10 * [ 1  2  3 ] -> [ .  .  10  20  30 ]
    <BLANKLINE>
    Add up what overlaps:
    <BLANKLINE>
      [ 1  2  3  .  . ] + [ .  .  10  20  30 ] = [ 1  2  13  20  30 ]
    """
    problem = read_plain_problem(
        "conv_transpose",
        x,
        w,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        output_size=output_size,
        dilation=dilation,
    )
    axes = problem.axes
    inputs, kernel = problem.plain_x(), problem.plain_w()
    size_kernel = tuple(axis.size_kernel for axis in axes)
    natural = tuple(int(IndexSet(*axis[:4]).size()) for axis in axes)
    w = filled(size_kernel, kernel)
    placements = tuple(_placement(axes, i, element, w, natural) for i, element in inputs.items())
    met: dict[Index, list[Expr]] = {t: [] for t in indices(natural)}
    for placement in placements:
        for t in placement.covered:
            met[t].append(placement.placed[t])
    total = {t: Add(*products) for t, products in met.items()}
    shifted = {tuple(a - axis.crop for axis, a in zip(axes, t, strict=True)): e for t, e in total.items()}
    return ConvTransposeTrace(
        filled(tuple(axis.size_in for axis in axes), inputs),
        w,
        axes,
        placements,
        filled(natural, total),
        filled(tuple(axis.size_out for axis in axes), shifted),
    )


def _placement(axes: Sequence[Axis], i: Index, element: Expr, kernel: Array, natural: Sizes) -> Placement:
    offset = tuple(axis.stride * a for axis, a in zip(axes, i, strict=True))
    size_kernel = tuple(axis.size_kernel for axis in axes)
    products = {j: element * kernel[j] for j in indices(size_kernel)}
    landed = {
        tuple(o + axis.dilation * b for axis, o, b in zip(axes, offset, j, strict=True)): product
        for j, product in products.items()
    }
    return Placement(
        i, element, offset, kernel, filled(size_kernel, products), filled(natural, landed), frozenset(landed)
    )


def _joined(blocks: Iterable[Block]) -> list[Block | str]:
    """The blocks with a plus sign between each two."""
    result: list[Block | str] = []
    for block in blocks:
        result += ["+", block] if result else [block]
    return result
