"""What is told in steps: each with a sentence, a drawing for the terminal and a formula for the notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sympy import Array

from symbolic.drawing import Grid, beside, latex_matrix, matrix
from symbolic.sizes import Axis


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
        """The sentence, and the drawing below it."""
        return "\n".join([self.title, "", *(f"  {line}".rstrip() for line in self.drawing)])

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
    return Step(
        f"{operator} of x by w, {', '.join(words)}:",
        tuple(beside("x =", matrix(inputs), "  w =", matrix(kernel))),
        rf"x = {latex_matrix(inputs)} \qquad w = {latex_matrix(kernel)}",
    )


def _for_all(values: Iterable[int]) -> str:
    """One value for all axes if they have the same, else all of them."""
    values = tuple(values)
    return str(values[0]) if len(set(values)) == 1 else str(values)


def _displayed(lines: list[str]) -> str:
    return "\n".join([r"$\displaystyle \begin{array}{l}", " \\\\[12pt]\n".join(lines), r"\end{array}$"])
