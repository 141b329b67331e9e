"""Layouts: every placement of the letters is read, and leads to views of the same elements."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tconv import errors
from tconv.layout import Layout, match, parse, place, spatial, view


def placements(letters):
    """Every pattern that holds all of ``letters``."""
    for order in permutations(letters):
        for cut in range(len(order) + 1):
            yield "".join(order[:cut]) + "..." + "".join(order[cut:])


LAYOUTS = sorted({p for letters in ("NC", "N", "C", "") for p in placements(letters)})
KERNEL_LAYOUTS = sorted(placements("IO"))


def test_there_are_all_placements():
    assert len(LAYOUTS) == 6 + 2 + 2 + 1
    assert len(KERNEL_LAYOUTS) == 6


@pytest.mark.parametrize("pattern", LAYOUTS)
def test_a_layout_is_read_and_written_alike(pattern):
    assert str(parse("layout", pattern, "NC")) == pattern


@pytest.mark.parametrize("pattern", KERNEL_LAYOUTS)
def test_a_kernel_layout_is_read_and_written_alike(pattern):
    assert str(parse("kernel_layout", pattern, "IO", needed="IO")) == pattern


@pytest.mark.parametrize("pattern", ["NC", "NC..", "N...N", "NHWC", "...X", "nc...", "N......C", "NC....", "", "C...C"])
def test_what_is_no_layout(pattern):
    with pytest.raises(errors.LayoutError, match=r"^layout: got .*must hold"):
        parse("layout", pattern, "NC")


@pytest.mark.parametrize("pattern", ["I...", "...", "IOO...", "NC...", "O..."])
def test_a_kernel_needs_both_letters(pattern):
    with pytest.raises(errors.LayoutError, match=r"^kernel_layout: got .*exactly once"):
        parse("kernel_layout", pattern, "IO", needed="IO")


@pytest.mark.parametrize("pattern", LAYOUTS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_one_axis_fewer_is_unbatched(pattern, axes):
    layout = parse("layout", pattern, "NC")
    whole = (2,) * (len(layout.letters) + axes)
    assert match("x", whole, layout, axes) == layout
    if "N" in pattern:
        found = match("x", whole[1:], layout, axes)
        assert str(found) == pattern.replace("N", "")
        assert spatial(found, tuple(range(len(whole) - 1)))[0] == len(found.before)
    else:
        with pytest.raises(errors.ShapeError, match="x: got shape"):
            match("x", whole[1:], layout, axes)
    with pytest.raises(errors.ShapeError, match="x: got shape"):
        match("x", (2, *whole), layout, axes)


def test_place_counts_axes():
    layout = Layout("N", "C")
    assert [place(layout, label, 2) for label in ("N", 0, 1, "C")] == [0, 1, 2, 3]


@given(
    st.sampled_from(LAYOUTS),
    st.fixed_dictionaries({"N": st.integers(1, 3), "G": st.integers(1, 3), "C": st.integers(1, 3)}),
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
    st.permutations("NGC"),
)
def test_a_view_names_the_same_elements(pattern, sizes, space, order):
    layout = parse("layout", pattern, "NC")
    sizes |= {letter: 1 for letter in "NC" if letter not in pattern}
    if "C" not in pattern:
        sizes["G"] = 1
    found = view(layout, sizes, tuple(space), split="C", order="".join(order))
    array = np.arange(np.prod(found.shape)).reshape(found.shape)
    seen = found.of(array)
    assert seen.shape == (*(sizes[letter] for letter in order), *space)
    assert np.shares_memory(seen, array)
    for index in np.ndindex(*seen.shape):
        at = dict(zip(order, index, strict=False))
        labels = {"N": at["N"], "C": at["G"] * sizes["C"] + at["C"], **dict(enumerate(index[3:]))}
        assert seen[index] == array[tuple(labels[label] for label in layout.labels(len(space)))]


@given(
    st.sampled_from(LAYOUTS),
    st.integers(1, 3),
    st.integers(1, 3),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.data(),
)
def test_a_view_never_copies_however_the_array_lies(pattern, groups, channels, space, data):
    layout = parse("layout", pattern, "NC")
    sizes = {"N": 2, "G": groups, "C": channels}
    if "C" not in pattern:
        sizes |= {"G": 1, "C": 1}
    if "N" not in pattern:
        sizes["N"] = 1
    found = view(layout, sizes, tuple(space), split="C", order="NGC")
    steps = [data.draw(st.sampled_from([1, 2, -1, -3])) for _ in found.shape]
    room = np.zeros([size * abs(step) + 1 for size, step in zip(found.shape, steps, strict=True)])
    axes = data.draw(st.permutations(range(room.ndim)))
    room = np.ascontiguousarray(room.transpose(axes)).transpose(np.argsort(axes))  # any order in memory
    array = room[tuple(slice(None, None, step) for step in steps)]
    array = array[tuple(slice(0, size) for size in found.shape)]
    seen = found.of(array)
    seen[...] = 1
    assert array.all()
