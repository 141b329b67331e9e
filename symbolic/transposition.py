"""The matrix of the ordinary convolution, with labels, and that the transposed convolution is its transpose.

Ordinary convolution is linear in x, so it is a matrix C with a row for each output and a column for each input:
y = C x. In row t stands tap j at column ``s*t + d*j - p``. Transposed convolution is C^T. It goes back to the size of
x, but not to x: `symbolic.inversion` says when it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sympy import Add, Array, Expr, ImmutableSparseMatrix, Integer, Mul, latex, prime
from sympy.polys.matrices import DomainMatrix

from symbolic.arguments import (
    Padding,
    PerAxis,
    Sizes,
    counted,
    number_of_axes,
    per_axis,
    require_callable,
    shown,
)
from symbolic.arrays import Index, array, filled, indices, read
from symbolic.drawing import Block, bracketed, fits, wrapped
from symbolic.equality import by_place, equations, equations_latex, require_equal
from symbolic.expansion import conv, conv_transpose
from symbolic.matrix import conv_entries, transposed
from symbolic.problem import Operator, read_plain_problem
from symbolic.sizes import Axis
from symbolic.steps import Step, Stepwise
from symbolic.theorem import Claim, Theorem


@dataclass(frozen=True, repr=False)
class ConvMatrix(Stepwise):
    """The matrix of a convolution: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    operator : {"conv", "conv_transpose"}
        Whether it is C or its transpose.
    axes : tuple of symbolic.sizes.Axis
        The sizes and steps of the ordinary convolution.
    rows, columns : tuple of tuple of int
        Their labels: the indices of the operator's outputs and of its inputs, the last axis fastest.
    entries : dict
        By row label, then by column label. A tap that is zero is an entry, a place that no tap reaches is none.
    """

    operator: Operator
    axes: tuple[Axis, ...] = field(repr=False)
    rows: tuple[Index, ...] = field(repr=False)
    columns: tuple[Index, ...] = field(repr=False)
    entries: Mapping[Index, Mapping[Index, Expr]] = field(repr=False)

    @cached_property
    def matrix(self) -> ImmutableSparseMatrix:
        """The same for SymPy, without labels."""
        row_of, column_of = ({label: n for n, label in enumerate(labels)} for labels in (self.rows, self.columns))
        return ImmutableSparseMatrix(
            len(self.rows),
            len(self.columns),
            {(row_of[row], column_of[column]): entry for row, column, entry in self._items()},
        )

    @property
    def T(self) -> ConvMatrix:  # noqa: N802  # as SymPy and NumPy call it
        """The transpose: of C the matrix of the transposed convolution."""
        other: Operator = "conv" if self.operator == "conv_transpose" else "conv_transpose"
        return ConvMatrix(other, self.axes, self.columns, self.rows, transposed(self.entries))

    @cached_property
    def rank(self) -> int:
        """The rank; if there are symbols, that for all their values but some that satisfy an equation.

        Examples
        --------
        >>> import symbolic
        >>> symbolic.conv_matrix(symbolic.array("w", 2), 4).rank
        3
        """
        symbols = sorted(self.matrix.free_symbols, key=str)
        if symbols:  # with numbers for them it can only be less, and is fast
            with_numbers = self.matrix.subs({s: prime(n + 1) for n, s in enumerate(symbols)})
            if _field(with_numbers).rank() == min(self.matrix.shape):
                return int(min(self.matrix.shape))
        return int(_field(self.matrix).rank())

    def null_space(self) -> tuple[Array, ...]:
        """A basis of the inputs that it sends to zero, each as an array.

        Returns
        -------
        tuple of sympy.Array
            As many as there are columns more than `rank`. What is added up of these is lost.

        Examples
        --------
        >>> import symbolic
        >>> symbolic.conv_matrix([1, 2], 3).null_space()
        ([4, -2, 1],)
        """
        if not self.columns:
            return ()
        reduced, pivots = _field(self.matrix).rref()
        rows = reduced.to_Matrix()
        found = []
        for free in sorted(set(range(len(self.columns))) - set(pivots)):
            vector = {self.columns[free]: Integer(1)}
            vector |= {self.columns[pivot]: -rows[n, free] for n, pivot in enumerate(pivots)}
            found.append(filled(self.shape_of("in"), vector))
        return tuple(found)

    def apply(self, values: Any) -> Array:
        """The matrix times an array.

        Parameters
        ----------
        values : nested list or SymPy array
            One element for each column, in the shape of the operator's input.

        Returns
        -------
        sympy.Array
            In the shape of the operator's output.

        Raises
        ------
        ValueError
            The shape is another one.
        TypeError
            An element is not exact.

        Examples
        --------
        >>> import symbolic
        >>> c = symbolic.conv_matrix([1, -1], 3)
        >>> c.apply([1, 2, 4]), c.T.apply(c.apply([1, 2, 4]))
        ([-1, -2], [-1, -1, 2])
        """
        given, shape = read("values", values), self.shape_of("in")
        if given.shape != shape:
            raise ValueError(f"values: got shape {shown(given.shape)}; must be {shape}, one for each column")
        at = dict(given.items())
        sums: dict[Index, list[Expr]] = {}
        for row, column, entry in self._items():
            sums.setdefault(row, []).append(entry * at[column])
        return filled(self.shape_of("out"), {row: Add(*products) for row, products in sums.items()})

    def steps(self) -> tuple[Step, ...]:
        """The matrix with its labels."""
        names, title, which = "yx", "Matrix C of the convolution", "C"
        if self.operator == "conv_transpose":
            names, title, which = "xy", "Transpose of C, the matrix of the transposed convolution", r"C^{\mathsf T}"
        sizes = f"{counted(len(self.rows), 'row')}, {counted(len(self.columns), 'column')}"
        return (Step(f"{title}, {sizes}:", tuple(self._drawn(*names)), self._latex(which, *names)),)

    def _items(self) -> Iterator[tuple[Index, Index, Expr]]:
        for row, entries in self.entries.items():
            for column, entry in entries.items():
                yield row, column, entry

    def shape_of(self, side: str) -> Sizes:
        """The shape of what goes "in" or of what comes "out"."""
        is_large = (side == "in") == (self.operator == "conv")
        return tuple(axis.size_in if is_large else axis.size_out for axis in self.axes)

    def _texts(self, missing: str, printer: Callable[[Expr], str]) -> list[list[str]]:
        return [
            [printer(entries[column]) if column in entries else missing for column in self.columns]
            for entries in (self.entries.get(row, {}) for row in self.rows)
        ]

    def _drawn(self, row: str, column: str) -> Block:
        """With whole labels, or with indices only, or as equations: the first that fits a terminal."""
        if not self.rows or not self.columns:
            return ["[ ]"]
        texts = self._texts(".", str)
        for names in ((row, column), ("", "")):
            left = [f"{names[0]}{bracketed(label)}" for label in self.rows]
            top = [f"{names[1]}{bracketed(label)}" for label in self.columns]
            widths = [max(map(len, cells)) for cells in zip(top, *texts, strict=True)]
            margin = max(map(len, left))
            lines = [f"{' ' * margin}   {'  '.join(map(str.rjust, top, widths))}"]
            lines += [
                f"{label.rjust(margin)} [ {'  '.join(map(str.rjust, cells, widths))} ]"
                for label, cells in zip(left, texts, strict=True)
            ]
            if fits(lines):
                return lines
        symbols = array(column, self.shape_of("in"))
        lines = []
        for label in self.rows:
            products = [Mul(e, symbols[c], evaluate=False) for c, e in self.entries.get(label, {}).items()]
            total = " + ".join(map(str, products)).replace("+ -", "- ") or "0"
            lines.append(f"{row}{bracketed(label)} = {total}")
        return list(wrapped(lines))

    def _latex(self, which: str, row: str, column: str) -> str:
        if not self.rows or not self.columns:
            return rf"{which} = \begin{{bmatrix}} \end{{bmatrix}}"
        left, top = array(row, self.shape_of("out")), array(column, self.shape_of("in"))
        head = " & ".join(["", *(latex(top[c]) for c in self.columns)])
        lines = [
            " & ".join([latex(left[label]), *cells])
            for label, cells in zip(self.rows, self._texts(r"\cdot", latex), strict=True)
        ]
        body = r" \\ ".join(lines)
        columns = "c" * len(self.columns)
        return rf"{which} = \begin{{array}}{{c|{columns}}} {head} \\ \hline {body} \end{{array}}"


def conv_matrix(
    w: Any,
    input_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> ConvMatrix:
    """The matrix C of the ordinary convolution of plain arrays, so that ``conv(x, w)`` is C x.

    With stride s, dilation d and padding p, row t holds the tap w[j] in column ``s*t + d*j - p``, on each axis. Its
    transpose is the matrix of the transposed convolution.

    Parameters
    ----------
    w : nested list or SymPy array
        The kernel: symbols, exact numbers or expressions, with any number of axes.
    input_size : int or one per spatial axis
        Of x, >= 0.
    stride, padding, dilation
        As in `conv`.

    Returns
    -------
    ConvMatrix
        Its ``matrix`` is SymPy's, sparse and immutable; ``rows`` and ``columns`` are labels; ``T`` is the transpose,
        ``rank`` and ``null_space()`` say what it loses.

    Raises
    ------
    ValueError, TypeError
        As for `conv`, or `input_size` is wrong.

    Examples
    --------
    >>> import symbolic
    >>> c = symbolic.conv_matrix(symbolic.array("w", 3), 5, stride=2)
    >>> print(c)
    Matrix C of the convolution, 2 rows, 5 columns:
    <BLANKLINE>
             x[0]  x[1]  x[2]  x[3]  x[4]
      y[0] [ w[0]  w[1]  w[2]     .     . ]
      y[1] [    .     .  w[0]  w[1]  w[2] ]
    >>> print(c.T)
    Transpose of C, the matrix of the transposed convolution, 5 rows, 2 columns:
    <BLANKLINE>
             y[0]  y[1]
      x[0] [ w[0]     . ]
      x[1] [ w[1]     . ]
      x[2] [ w[2]  w[0] ]
      x[3] [    .  w[1] ]
      x[4] [    .  w[2] ]

    The document's convolution of a 3 x 3 ramp has 4 outputs for 9 inputs. What it cannot see is a space of
    dimension 5:

    >>> c = symbolic.conv_matrix([[1, 0], [0, -1]], 3)
    >>> print(c)
    Matrix C of the convolution, 4 rows, 9 columns:
    <BLANKLINE>
              [0,0]  [0,1]  [0,2]  [1,0]  [1,1]  [1,2]  [2,0]  [2,1]  [2,2]
      [0,0] [     1      0      .      0     -1      .      .      .      . ]
      [0,1] [     .      1      0      .      0     -1      .      .      . ]
      [1,0] [     .      .      .      1      0      .      0     -1      . ]
      [1,1] [     .      .      .      .      1      0      .      0     -1 ]
    >>> c.rank, len(c.null_space())
    (4, 5)
    """
    axes = max(len(read("w", w).shape), 1)
    size_in = per_axis("input_size", input_size, axes, lowest=0)
    problem = read_plain_problem("conv", array("x", size_in), w, stride=stride, padding=padding, dilation=dilation)
    entries = conv_entries(problem, [(axis.size_out, axis.size_in) for axis in problem.axes])
    return ConvMatrix(
        "conv",
        problem.axes,
        tuple(indices(tuple(axis.size_out for axis in problem.axes))),
        tuple(indices(size_in)),
        {row[1:]: {column[1:]: e for column, e in taps.items()} for row, taps in entries.items()},
    )


def prove_transpose(
    input_size: PerAxis,
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    claim: Claim | None = None,
) -> Theorem:
    """Transposed convolution is the transpose of the ordinary convolution's matrix: ``conv_transpose(y, w)`` = C^T y.

    Proved for the given sizes, and all x, y and w, by expansion on symbols: C from its entries, both operators by other
    routes, which do not know of matrices. In other words ``<conv(x), y> = <x, conv_transpose(y)>``.

    Parameters
    ----------
    input_size, kernel_size : int or one per spatial axis
        Of x and w. A sequence, here or below, says how many axes there are; an integer stands for all of them.
    stride, padding, dilation
        Of the ordinary convolution. The transposed one has the same, and the size of x as ``output_size``: what a
        stride leaves over at the end of x belongs to the matrix too.
    claim : callable, optional
        From y and w to what is claimed to be C^T y. By default the transposed convolution.

    Returns
    -------
    Theorem
        The statement and its proof.

    Raises
    ------
    Refuted
        The claim is false; its ``counterexample`` has y and w of small integers, and both sides.
    ValueError, TypeError
        An argument is wrong, as for `conv`, or `claim` cannot be called.

    Examples
    --------
    >>> import symbolic
    >>> print(symbolic.prove_transpose(4, 2, stride=2))
    Transposed convolution is the transpose of the matrix of the ordinary
    convolution:
    <BLANKLINE>
      conv(x, w) = C x   and   conv_transpose(y, w) = C^T y,   for all x, y and w
    <BLANKLINE>
    The ordinary convolution, window by window, is C times x:
    <BLANKLINE>
      y[0] = w[0]*x[0] + w[1]*x[1]
      y[1] = w[0]*x[2] + w[1]*x[3]
    <BLANKLINE>
    Transposed convolution, expanded, is C transposed times y:
    <BLANKLINE>
      x[0] = w[0]*y[0]
      x[1] = w[1]*y[0]
      x[2] = w[0]*y[1]
      x[3] = w[1]*y[1]

    Without the turn of the kernel that sliding needs, it is another operator:

    >>> symbolic.prove_transpose(3, 2, claim=lambda y, w: symbolic.conv(y, w, padding=1))
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: the claim is C^T y: false for y = [1, 0], w = [1, 0], (C^T y)[0] = 1, claim[0] = 0
    """
    if claim is not None:
        require_callable("claim", claim)
    axes = number_of_axes(input_size, kernel_size, stride, padding, dilation)
    x = array("x", per_axis("input_size", input_size, axes, lowest=0))
    w = array("w", per_axis("kernel_size", kernel_size, axes, lowest=0))
    c = conv_matrix(w, tuple(map(int, x.shape)), stride=stride, padding=padding, dilation=dilation)
    y = array("y", c.shape_of("out"))
    forth = conv(x, w, stride=stride, padding=padding, dilation=dilation)
    require_equal("convolution is C x", {"x": x, "w": w}, {"C x": c.apply(x), "conv": forth})
    crops = [(axis.crop, 0) for axis in c.axes]
    back = conv_transpose(y, w, stride=stride, padding=crops, dilation=dilation, output_size=tuple(map(int, x.shape)))
    names = ("(C^T y)", "conv_transpose" if claim is None else "claim")
    there = c.T.apply(y)
    require_equal(
        "conv_transpose is C^T" if claim is None else "the claim is C^T y",
        {"y": y, "w": w},
        {names[0]: there, names[1]: back if claim is None else claim(y, w)},
    )
    name, latex_name = ("conv_transpose", r"\operatorname{conv}^{\mathsf T}")
    if claim is not None:
        name, latex_name = ("claim", r"\operatorname{claim}")
    what = "Transposed convolution" if claim is None else "What is claimed"
    return Theorem(
        Step(
            f"{what} is the transpose of the matrix of the ordinary convolution:",
            ("conv(x, w) = C x   and   " + f"{name}(y, w) = C^T y,   for all x, y and w",),
            rf"\operatorname{{conv}}(x, w) = C x, \qquad {latex_name}(y, w) = C^{{\mathsf T}} y",
        ),
        (
            Step(
                "The ordinary convolution, window by window, is C times x:",
                tuple(equations("y", by_place(forth))),
                equations_latex("y", by_place(forth)),
            ),
            Step(
                f"{what}, expanded, is C transposed times y:",
                tuple(equations("x", by_place(there))),
                equations_latex("x", by_place(there)),
            ),
        ),
    )


def _field(matrix: ImmutableSparseMatrix) -> DomainMatrix:
    """The same over the field that its elements generate."""
    return DomainMatrix.from_Matrix(matrix, extension=True).to_field()
