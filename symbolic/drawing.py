"""Arrays drawn as matrices, in characters and in LaTeX.

Where an array has no element, a dot says so: a zero that a tap brings is not the same as a place that no tap
reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from textwrap import wrap
from typing import NamedTuple

from sympy import Array, Expr, latex

from symbolic.arguments import Sizes
from symbolic.arrays import Index, indices

WIDTH = 76  # characters of a drawing, so that an indented one fits a terminal of 80

Block = list[str]  # lines of the same length
Printer = Callable[[Expr], str]


class Grid(NamedTuple):
    """What is to be drawn: a shape, and the elements that there are, by index."""

    shape: Sizes
    elements: Mapping[Index, Expr]

    @classmethod
    def of(cls, array: Array, only: Collection[Index] | None = None) -> Grid:
        """The elements of an array; those at the indices ``only``, if these are given."""
        shape = tuple(map(int, array.shape))
        return cls(shape, {index: array[index] for index in indices(shape) if only is None or index in only})

    def part(self, start: Index) -> Grid:
        """What remains when the first axes are at the index ``start``."""
        axes = len(start)
        inside = {index[axes:]: e for index, e in self.elements.items() if index[:axes] == start}
        return Grid(self.shape[axes:], inside)

    def rows(self, printer: Printer, missing: str) -> list[list[str]]:
        """The elements of one or two axes as texts."""
        starts = [(i,) for i in range(self.shape[0])] if len(self.shape) == 2 else [()]
        rows = [[self.elements.get((*start, j)) for j in range(self.shape[-1])] for start in starts]
        return [[missing if e is None else str(printer(e)) for e in row] for row in rows]


def matrix(grid: Grid) -> Block:
    r"""The array in characters; one with more than two axes as matrices below each other.

    >>> print(*matrix(Grid((2, 2), {(0, 0): 1, (1, 1): -10})), sep="\n")
    [ 1    . ]
    [ .  -10 ]
    """
    if 0 in grid.shape:
        return ["[ ]"]
    if len(grid.shape) < 3:
        rows = grid.rows(str, ".")
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [f"[ {'  '.join(map(str.rjust, row, widths))} ]" for row in rows]
    lines = []
    for index in indices(grid.shape[:-2]):
        lines += [f"{bracketed((*index, ':', ':'))}", *matrix(grid.part(index))]
    width = max(map(len, lines))
    return [line.ljust(width) for line in lines]


def latex_matrix(grid: Grid) -> str:
    r"""The array in LaTeX; one with more than two axes as a row of arrays.

    >>> latex_matrix(Grid((2,), {(0,): 1}))
    '\\begin{bmatrix} 1 & \\cdot \\end{bmatrix}'
    """
    if len(grid.shape) < 3:
        rows = grid.rows(latex, r"\cdot")
    else:
        rows = [[latex_matrix(grid.part((first,))) for first in range(grid.shape[0])]]
    lines = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"


def whole(name: str, grid: Grid) -> Block:
    """The array as a matrix, or one line for each element if that is too wide for a terminal."""
    drawing = matrix(grid)
    if fits(drawing):
        return drawing
    return [f"{name}{bracketed(index)} = {element}" for index, element in grid.elements.items()]


def beside(*parts: Block | str) -> Block:
    r"""Blocks and words side by side, each centred.

    >>> print(*beside("2 *", ["[ 1 ]", "[ 3 ]"], "=", ["[ 2 ]", "[ 6 ]"]), sep="\n")
    2 * [ 1 ] = [ 2 ]
        [ 3 ]   [ 6 ]
    """
    blocks = [[part] if isinstance(part, str) else part for part in parts]
    height = max(map(len, blocks))
    filled = []
    for block in blocks:
        blank = " " * len(block[0])
        above = (height - len(block)) // 2
        filled.append([blank] * above + block + [blank] * (height - len(block) - above))
    return [" ".join(line) for line in zip(*filled, strict=True)]


def wrapped(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines that fit, continued further in where one is too long.

    >>> wrapped(["y[0] = " + " + ".join("abcdefghijklmnopqrstuvwxyz")])[1]
    '    + s + t + u + v + w + x + y + z'
    """
    return tuple(piece for line in lines for piece in wrap(line, WIDTH, subsequent_indent="    "))


def fits(block: Block) -> bool:
    """Whether a terminal is wide enough."""
    return max(map(len, block)) <= WIDTH


def bracketed(index: Sequence[object]) -> str:
    """An index as it is written after the name of an array.

    >>> bracketed((0, 1))
    '[0,1]'
    """
    return f"[{','.join(map(str, index))}]"


def factor(element: Expr, printer: Printer = str) -> str:
    """An element as it stands in a product: in parentheses unless it is a symbol or a number without a sign.

    >>> factor(-1)
    '(-1)'
    """
    text = str(printer(element))
    return text if text.isalnum() or getattr(element, "is_Symbol", False) else f"({text})"


def added(terms: Sequence[str]) -> str:
    """Terms joined by plus signs, and by minus signs where they begin with one.

    >>> added(["1", "0", "-5"])
    '1 + 0 - 5'
    """
    rest = (f" - {term[1:]}" if term.startswith("-") else f" + {term}" for term in terms[1:])
    return terms[0] + "".join(rest) if terms else "0"
