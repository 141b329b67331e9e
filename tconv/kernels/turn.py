"""Turning: a square of numbers, as many to a side as one register holds, rows become columns.

As in ``tile``, plain Python defines it and LLVM vector operations do it in compiled code.
"""

from __future__ import annotations

from tconv.kernels.emission import emits
from tconv.kernels.interleave import woven
from tconv.kernels.vectors import INT, load_vector, store_vector


def turn(lanes, source, from_, pitch, target, to, target_pitch):
    """``target[to + i * target_pitch + j] = source[from_ + j * pitch + i]``, for ``lanes`` times ``lanes`` numbers."""
    for i in range(lanes):
        for j in range(lanes):
            target[to + i * target_pitch + j] = source[from_ + j * pitch + i]


@emits(turn)
def _turned(builder, vector, lanes, source, from_, pitch, target, to, target_pitch):
    places = [builder.add(from_, builder.mul(pitch, INT(j))) for j in range(vector.count)]
    rows = [load_vector(builder, source.data, place, vector) for place in places]
    for i, row in enumerate(woven(builder, rows)):
        store_vector(builder, row, target.data, builder.add(to, builder.mul(target_pitch, INT(i))))
