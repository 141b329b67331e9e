"""What is told in steps: each with a sentence, a drawing for the terminal and a formula for the notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import shorten, wrap

from sympy import Array

from symbolic.drawing import WIDTH, Block, Grid, beside, bracketed, fits, latex_matrix, matrix, wrapped
from symbolic.sizes import Axis

_TERMINAL = WIDTH + 4  # a title is not indented


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes
    ----------
    title : str
        What happens, in a sentence.
    drawing : tuple of str
        The same in lines of ASCII characters.
    formula : str
        The same in LaTeX, without dollar signs.
    """

    title: str
    drawing: tuple[str, ...]
    formula: str

    @property
    def text(self) -> str:
        """The sentence, and the drawing below it, in lines that fit a terminal."""
        title = wrap(self.title, _TERMINAL, break_on_hyphens=False)
        drawing = (wrapped([line]) if len(line) > WIDTH else (line,) for line in self.drawing)
        return "\n".join([*title, "", *(f"  {piece}".rstrip() for pieces in drawing for piece in pieces)])

    @property
    def latex(self) -> str:
        """The sentence, and the formula below it, as two lines of a LaTeX array."""
        return rf"\text{{{self.title}}} \\[4pt] \quad {self.formula}"

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return _displayed([self.latex])


class Stepwise(ABC):
    """Something that is told in steps."""

    @abstractmethod
    def steps(self) -> tuple[Step, ...]:
        """Its steps, in order."""

    def __repr__(self) -> str:
        title = f"{type(self).__name__}: {self.steps()[0].title.rstrip(':.')}"
        return f"<{shorten(title, _TERMINAL - 2, placeholder=' ...')}>"

    def __str__(self) -> str:
        return "\n\n".join(step.text for step in self.steps())

    def _repr_latex_(self) -> str:
        return _displayed([step.latex for step in self.steps()])


def operands(operator: str, x: Array, w: Array, axes: Sequence[Axis]) -> Step:
    """The first step: what is given."""
    words = [f"stride {_for_all(axis.stride for axis in axes)}"]
    if any(axis.dilation > 1 for axis in axes):
        words.append(f"dilation {_for_all(axis.dilation for axis in axes)}")
    inputs, kernel = Grid.of(x), Grid.of(w)
    drawing = beside("x =", matrix(inputs), "  w =", matrix(kernel))
    if not fits(drawing):
        drawing = [*_operand("x", inputs), "", *_operand("w", kernel)]
    return Step(
        f"{operator} of x by w, {', '.join(words)}:",
        tuple(drawing),
        rf"x = {latex_matrix(inputs)} \qquad w = {latex_matrix(kernel)}",
    )


def _operand(name: str, grid: Grid) -> Block:
    """One operand as a matrix, or one line for each element if that is too wide for a terminal."""
    drawing = beside(f"{name} =", matrix(grid))
    if fits(drawing):
        return drawing
    return list(wrapped(f"{name}{bracketed(index)} = {element}" for index, element in grid.elements.items()))


def _for_all(values: Iterable[int]) -> str:
    """One value for all axes if they have the same, else all of them."""
    values = tuple(values)
    return str(values[0]) if len(set(values)) == 1 else str(values)


def _displayed(lines: list[str]) -> str:
    return "\n".join([r"$\displaystyle \begin{array}{l}", " \\\\[12pt]\n".join(lines), r"\end{array}$"])
