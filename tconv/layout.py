"""Layouts: where batch, channels and space stand in an array, and how an algorithm sees it.

A pattern names the axes that are not spatial and says where they are; ``...`` stands for the spatial axes in
order. For x and y the letters are N (batch) and C (channels), for w they are I (input channels) and O (output
channels), each at most once, before or after the dots: "NC...", "...C", "...", "IO...", "...OI".

Algorithms know one normal form, ``x[batch, groups, channels_in, *size]`` and so on. A `View` leads there
without a copy: split the channel axis into groups and channels, put in axes of size 1 for what the pattern
leaves out, and permute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from tconv.errors import ArgumentTypeError, LayoutError, ShapeError, shown

if TYPE_CHECKING:
    from tconv.typing import Array

Sizes = tuple[int, ...]
Label = str | int  # a letter, or the number of a spatial axis


@dataclass(frozen=True)
class Layout:
    """A pattern that has been read: the letters before and after the spatial axes."""

    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.before}...{self.after}"

    @property
    def letters(self) -> str:
        """Every letter of the pattern."""
        return self.before + self.after

    def labels(self, axes: int) -> tuple[Label, ...]:
        """What each axis of an array with ``axes`` spatial axes stands for.

        >>> Layout("N", "C").labels(2)
        ('N', 0, 1, 'C')
        """
        return (*self.before, *range(axes), *self.after)

    def shape(self, sizes: Mapping[str, int], spatial: Sizes) -> Sizes:
        """The shape of an array in this layout."""
        return (*(sizes[c] for c in self.before), *spatial, *(sizes[c] for c in self.after))

    def unbatched(self) -> Layout:
        """The same without N."""
        return replace(self, before=self.before.replace("N", ""), after=self.after.replace("N", ""))


@lru_cache(maxsize=256)
def parse(name: str, pattern: object, letters: str, needed: str = "") -> Layout:
    """Read the pattern given as argument ``name``; ``letters`` may occur in it, ``needed`` must.

    >>> parse("layout", "N...C", "NC")
    Layout(before='N', after='C')
    """
    if not isinstance(pattern, str):
        raise ArgumentTypeError(f"{name}: got {shown(pattern)}; must be a string such as '{letters}...'")
    before, dots, after = pattern.partition("...")
    found = before + after
    once = len(set(found)) == len(found)
    if not (dots and once and set(needed) <= set(found) <= set(letters)):
        often = "exactly once" if needed else "at most once"
        raise LayoutError(
            f"{name}: got {shown(pattern)}; must hold '...' for the spatial axes and {' and '.join(letters)} "
            f"{often} before or after it, such as '{letters}...'"
        )
    return Layout(before, after)


def match(name: str, shape: Sizes, layout: Layout, axes: int, says: str = "w") -> Layout:
    """The layout that ``shape`` has: ``layout``, or ``layout`` without N if the array has one axis fewer.

    The message tells who ``says`` that there are so many spatial ``axes``.
    """
    unbatched = layout.unbatched()
    if len(shape) == len(layout.letters) + axes:
        return layout
    if len(shape) == len(unbatched.letters) + axes:
        return unbatched
    allowed = str(len(layout.letters) + axes)
    if unbatched != layout:
        allowed += f", or {len(unbatched.letters) + axes} without N,"
    raise ShapeError(
        f"{name}: got shape {shown(shape)} with {len(shape)} axes; must have {allowed} for layout "
        f"'{layout}' and {axes} spatial ax{'is' if axes == 1 else 'es'}, as {says} says"
    )


def place(layout: Layout, label: Label, axes: int) -> int:
    """Which axis of an array is that of a letter, or of the spatial axis with this number."""
    return layout.labels(axes).index(label)


def spatial(layout: Layout, shape: Sizes) -> Sizes:
    """The sizes along the spatial axes."""
    return shape[len(layout.before) : len(shape) - len(layout.after)]


@dataclass(frozen=True)
class View:
    """From an array as the caller has it to the same elements as an algorithm wants them, without a copy."""

    shape: Sizes  # of the caller's array
    split: Sizes  # with channels split into groups and missing axes put in
    permutation: Sizes | None  # None where axes already stand in order

    def of(self, array: Array) -> Array:
        """The view of ``array``: only splits axes and permutes, which strides can always express."""
        split = array.reshape(self.split)
        return split if self.permutation is None else split.transpose(self.permutation)


def view(layout: Layout, sizes: Mapping[str, int], spatial: Sizes, split: str, order: str) -> View:
    """The view of an array in ``layout`` with its letters in ``order``, and the spatial axes after them.

    ``sizes`` holds one size per letter of ``order``, where that of the letter ``split`` counts one group and
    that of "G" the groups; in the array the two are one axis.

    >>> view(Layout("N", "C"), {"N": 2, "G": 3, "C": 5}, (7, 8), split="C", order="NGC")
    View(shape=(2, 7, 8, 15), split=(2, 7, 8, 3, 5), permutation=(0, 3, 4, 1, 2))
    """
    axes = len(spatial)
    whole = dict(sizes)
    whole[split] = sizes["G"] * sizes[split]
    labels: list[Label] = []
    for label in layout.labels(axes):
        labels += ["G", split] if label == split else [label]
    wanted: list[Label] = [*order, *range(axes)]
    missing = [label for label in wanted if label not in labels]
    labels = missing + labels
    lengths = tuple(spatial[a] if isinstance(a, int) else sizes[a] for a in labels)
    permutation = tuple(labels.index(label) for label in wanted)
    return View(
        shape=layout.shape(whole, spatial),
        split=lengths,
        permutation=None if permutation == tuple(range(len(permutation))) else permutation,
    )
