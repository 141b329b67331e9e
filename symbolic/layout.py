"""Layouts: what each axis of an array stands for.

In a pattern, ``...`` stands for the spatial axes in order, N for batch and C for channels; for kernels I and
O are input and output channels. So "NC..." with two spatial axes has the axes N, C, 0, 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sympy import Expr

from symbolic.arguments import Sizes, shown
from symbolic.arrays import Elements, Index, indices

Label = str | int  # a letter, or the number of a spatial axis


class Layout(NamedTuple):
    """A pattern that has been read: the letters before and after the spatial axes."""

    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.before}...{self.after}"

    @property
    def letters(self) -> str:
        """Every letter of the pattern."""
        return self.before + self.after

    def labels(self, axes: int) -> list[Label]:
        """What each axis stands for, in an array with ``axes`` spatial axes.

        >>> Layout("N", "C").labels(2)
        ['N', 0, 1, 'C']
        """
        return [*self.before, *range(axes), *self.after]

    def unbatched(self) -> Layout:
        """The same without N."""
        return Layout(self.before.replace("N", ""), self.after.replace("N", ""))


def parse(name: str, pattern: Any, letters: str, *, all_needed: bool) -> Layout:
    """Read the pattern given as argument ``name``; each of ``letters`` may, or must, be in it once.

    >>> parse("layout", "N...C", "NC", all_needed=False)
    Layout(before='N', after='C')
    """
    if not isinstance(pattern, str):
        raise TypeError(f"{name}: got {shown(pattern)}; must be a string such as '{letters}...'")
    before, dots, after = pattern.partition("...")
    found = before + after
    known = set(found) <= set(letters) and len(set(found)) == len(found)
    if not dots or not known or (all_needed and len(found) != len(letters)):
        often = "exactly once" if all_needed else "at most once"
        raise ValueError(
            f"{name}: got {shown(pattern)}; must hold '...' and {' and '.join(letters)} {often} around it, "
            f"such as '{letters}...'"
        )
    return Layout(before, after)


def by_index(elements: Elements, labels: Sequence[Label], order: Sequence[Label]) -> dict[Index, Expr]:
    """The elements by their indices along the axes ``order``; 0 along an axis that the array does not have.

    >>> by_index(Elements((1, 2), ["a", "b"]), [0, "C"], ["N", "C", 0])
    {(0, 0, 0): 'a', (0, 1, 0): 'b'}
    """
    places = [labels.index(label) if label in labels else None for label in order]
    return {
        tuple(0 if place is None else index[place] for place in places): element for index, element in elements.items()
    }


def in_order(
    found: Mapping[Index, Expr], order: Sequence[Label], labels: Sequence[Label], sizes: Mapping[Label, int]
) -> Elements:
    """The way back: an array with the axes ``labels``, from its elements by indices along ``order``."""
    shape: Sizes = tuple(sizes[label] for label in labels)
    places = [labels.index(label) if label in labels else None for label in order]
    flat = [found[tuple(0 if place is None else index[place] for place in places)] for index in indices(shape)]
    return Elements(shape, flat)
