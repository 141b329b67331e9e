"""The polyphase form of one axis, against the definition: which tap meets which input in which output."""

from __future__ import annotations

from itertools import product

import pytest

from tconv.geometry import Axis
from tconv.polyphase import phase

BOX = [
    Axis(i, k, s, d, crop, size_out)
    for i, k, s, d, crop, size_out in product((1, 2, 3, 7), (1, 2, 4), (1, 2, 3), (1, 2, 3), (-2, 0, 1, 3), (1, 2, 5))
]


def by_definition(operator, axis):
    """All (output, input, tap) that meet."""
    small, large = (axis.size_in, axis.size_out) if operator == "conv_transpose" else (axis.size_out, axis.size_in)
    return {
        (t, i, j) if operator == "conv_transpose" else (i, t, j)
        for i, j in product(range(small), range(axis.size_kernel))
        if 0 <= (t := axis.stride * i + axis.dilation * j - axis.crop) < large
    }


def by_phases(axis, cut):
    """The same as phases have it, and by which (residue, tap)."""
    met, used = set(), set()
    for one in cut.phases:
        for tap, n in product(one.taps, range(cut.first, cut.first + cut.count)):
            t, i = cut.stride * n + one.residue - cut.origin, cut.split * (n + tap.offset) + tap.part
            if 0 <= t < axis.size_out and 0 <= i < axis.size_in:
                assert (t, i, tap.index) not in met, "twice"
                met.add((t, i, tap.index))
                used.add((one.residue, tap.index))
    return met, used


@pytest.mark.parametrize("side_by_side", [True, False])
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
def test_phases_hold_what_the_definition_says(operator, aligned, side_by_side):
    for axis in BOX:
        cut = phase(axis, operator, aligned, side_by_side)
        met, used = by_phases(axis, cut)
        assert met == by_definition(operator, axis), axis
        if operator == "conv_transpose":  # taps that could only read zeros are dropped
            assert used == {(one.residue, tap.index) for one in cut.phases for tap in one.taps}, axis


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
def test_phases_side_by_side_are(operator, aligned):
    """Each reads one part of the inputs, at offsets that follow on each other."""
    for axis in BOX:
        strided = operator == "conv" and axis.stride > 1
        for one in () if strided else phase(axis, operator, aligned, side_by_side=True).phases:
            offsets, parts = zip(*sorted(one.reads), strict=True)
            assert len(set(parts)) == 1, axis
            assert offsets == tuple(range(offsets[0], offsets[0] + len(offsets))), axis


@pytest.mark.parametrize("side_by_side", [True, False])
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
def test_outputs_are_reached(operator, aligned, side_by_side):
    """An axis says rightly whether its positions reach all of them."""
    for axis in BOX:
        cut = phase(axis, operator, aligned, side_by_side)
        outputs = {
            cut.stride * n + one.residue - cut.origin
            for one in cut.phases + cut.idle
            for n in range(cut.first, cut.first + cut.count)
        }
        if cut.complete:
            assert outputs >= set(range(axis.size_out)), axis
