"""Bilinear algorithms: few products of sums of taps and sums of inputs, and sums of those products.

Each is three exact matrices, ``y = output [(weight g) o (input x)]`` with ``o`` element by element: it has as many
multiplications as ``weight`` and ``input`` have rows, where the direct sum has one for each product that y holds.
That it computes what it should is verified by expansion: of y minus the direct sum nothing may remain.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from sympy import Add, Expr, ImmutableMatrix, Rational, expand, oo

from symbolic.arguments import shown
from symbolic.arrays import array
from symbolic.drawing import WIDTH, Block, Grid, added, beside, latex_matrix, matrix
from symbolic.steps import Step, Stepwise

Pairs = tuple[tuple[tuple[int, int], ...], ...]
"""For each output, the (tap, input) whose products it is the sum of."""


@dataclass(frozen=True, repr=False)
class Bilinear(Stepwise):
    """A bilinear algorithm: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    outputs, taps : int
        Of the filter y[i] = sum over t of g[t]*d[i+t] that it, or its transpose, computes.
    points : tuple of sympy.Rational, or sympy.oo for infinity
        Where it evaluates.
    output, weight, input : sympy.ImmutableMatrix
        The three matrices, of rationals.
    """

    outputs: int
    taps: int
    points: tuple[Expr, ...]
    output: ImmutableMatrix = field(repr=False)
    weight: ImmutableMatrix = field(repr=False)
    input: ImmutableMatrix = field(repr=False)

    @property
    @abstractmethod
    def title(self) -> str:
        """What it computes, in a few words."""

    @property
    @abstractmethod
    def pairs(self) -> Pairs:
        """The direct sum: for each output, the (tap, input) whose products it adds up."""

    @property
    def multiplications(self) -> int:
        """How many products it has."""
        return int(self.weight.rows)

    @property
    def direct_multiplications(self) -> int:
        """How many products the direct sum has: ``outputs*taps``."""
        return sum(map(len, self.pairs))

    @property
    def sizes(self) -> tuple[Rational, ...]:
        """For each output, what the sizes of its products add up to at most, for taps and inputs of at most 1.

        Examples
        --------
        >>> import symbolic
        >>> symbolic.cook_toom(2, 3).sizes
        (8, 8)
        """
        weight, input_ = _absolute_row_sums(self.weight), _absolute_row_sums(self.input)
        return tuple(
            Add(*(abs(self.output[i, f]) * weight[f] * input_[f] for f in range(self.multiplications)))
            for i in range(self.output.rows)
        )

    @property
    def amplification(self) -> Rational:
        """How much larger than in the direct sum the products get, in the worst case.

        For taps and inputs that are at most 1 in size, output i of the direct sum adds up products whose sizes
        make as many as there are; here their sizes make at most::

            sum over f of  |output[i,f]| * (sum over t of |weight[f,t]|) * (sum over k of |input[f,k]|)

        The amplification is the largest ratio of the two. The bound on the rounding error of y is by this factor
        larger than that of the direct sum, but for the number of roundings; `symbolic.error_bounds` counts these
        too. It is the same for every scaling of the matrices, so it belongs to the points.

        Examples
        --------
        >>> import symbolic
        >>> from sympy import oo
        >>> symbolic.cook_toom(4, 3, (0, 1, -1, 2, -2, oo)).amplification
        16
        >>> symbolic.cook_toom(4, 3, (0, 2, -2, Rational(1, 2), -Rational(1, 2), oo)).amplification
        22/3
        """
        return max(size / len(pairs) for size, pairs in zip(self.sizes, self.pairs, strict=True))

    def differences(self) -> tuple[Expr, ...]:
        """Each output minus the direct sum, expanded, with symbols for taps and inputs: zeros if it is right.

        Examples
        --------
        >>> import symbolic
        >>> from dataclasses import replace
        >>> transform = symbolic.cook_toom(2, 2)
        >>> transform.differences()
        (0, 0)
        >>> replace(transform, weight=-transform.weight).differences()
        (-2*g[0]*x[0] - 2*g[1]*x[1], -2*g[0]*x[1] - 2*g[1]*x[2])
        """
        g, x = array("g", self.weight.cols), array("x", self.input.cols)
        products = [self._row(self.weight, f, g) * self._row(self.input, f, x) for f in range(self.multiplications)]
        return tuple(
            expand(self._row(self.output, i, products) - Add(*(g[t] * x[k] for t, k in pairs)))
            for i, pairs in enumerate(self.pairs)
        )

    def verify(self) -> None:
        """Prove it by expansion.

        Raises
        ------
        ArithmeticError
            Of an output minus the direct sum something remains; the message says what.
        """
        for i, difference in enumerate(self.differences()):
            if difference != 0:
                raise ArithmeticError(f"{self.title}: y[{i}] minus the direct sum is {shown(difference)}; must be 0")

    def steps(self) -> tuple[Step, ...]:
        """What it computes, the two transforms, the products, and the sums of products."""
        where = f", by evaluation at {', '.join(map(point_name, self.points))}" if self.points else ""
        sums = [added([f"g[{t}]*x[{k}]" for t, k in pairs]) for pairs in self.pairs]
        formulas = r" \\ ".join(_sum_latex(i, pairs) for i, pairs in enumerate(self.pairs))
        return (
            Step(
                f"{self.title}: {self.multiplications} multiplications for {self.direct_multiplications}.",
                tuple(line for i, total in enumerate(sums) for line in _wrapped(f"y[{i}] = {total}")),
                rf"\begin{{aligned}} {formulas} \end{{aligned}}",
            ),
            _transform(f"Transform the taps{where}:", "u", self.weight, "g"),
            _transform("Transform the inputs:", "v", self.input, "x"),
            Step("Multiply, element by element:", ("p = u o v",), r"p = u \odot v"),
            _transform("Transform the products:", "y", self.output, "p"),
        )

    @staticmethod
    def _row(transform: ImmutableMatrix, row: int, values: Sequence[Expr]) -> Expr:
        return Add(*(transform[row, j] * values[j] for j in range(transform.cols)))


def _wrapped(line: str) -> Block:
    return wrap(line, WIDTH, subsequent_indent="  ")


def point_name(point: Expr) -> str:
    """A point as it is written in a table.

    >>> point_name(Rational(-1, 2)), point_name(oo)
    ('-1/2', 'inf')
    """
    return "inf" if point is oo else str(point)


def _absolute_row_sums(transform: ImmutableMatrix) -> list[Rational]:
    return [Add(*map(abs, transform.row(f))) for f in range(transform.rows)]


def _transform(title: str, name: str, transform: ImmutableMatrix, operand: str) -> Step:
    rows, columns = transform.shape
    grid = Grid((rows, columns), {(i, j): transform[i, j] for i in range(rows) for j in range(columns)})
    result, values = (Grid.of(array(letter, size)) for letter, size in ((name, rows), (operand, columns)))
    drawing: Block = beside(f"{name} =", matrix(grid), operand)
    formula = rf"{_column_latex(result)} = {latex_matrix(grid)} {_column_latex(values)}"
    return Step(title, tuple(drawing), formula)


def _column_latex(grid: Grid) -> str:
    return latex_matrix(Grid((*grid.shape, 1), {(*index, 0): e for index, e in grid.elements.items()}))


def _sum_latex(i: int, pairs: Sequence[tuple[int, int]]) -> str:
    return rf"y_{{{i}}} &= {' + '.join(rf'g_{{{t}}} x_{{{k}}}' for t, k in pairs)}"
