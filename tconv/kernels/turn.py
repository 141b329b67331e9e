"""Turning: a square of numbers, as many to a side as one register holds, rows become columns.

As in ``tile``, plain Python defines it and LLVM vector operations do it in compiled code.
"""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic, overload

from tconv.kernels.interleave import woven
from tconv.kernels.launch import CALLED
from tconv.kernels.vectors import INT, data_of, load_vector, store_vector, vector_type


def turn(lanes, source, from_, pitch, target, to, target_pitch):
    """``target[to + i * target_pitch + j] = source[from_ + j * pitch + i]``, for ``lanes`` times ``lanes`` numbers."""
    for i in range(lanes):
        for j in range(lanes):
            target[to + i * target_pitch + j] = source[from_ + j * pitch + i]


@intrinsic
def _turned(typing, source, from_, pitch, target, to, target_pitch):
    def codegen(context, builder, signature, values):
        _, from_, pitch, _, to, target_pitch = values
        read, written = (data_of(context, builder, signature.args[i], values[i]) for i in (0, 3))
        vector = vector_type(source)
        rows = [
            load_vector(builder, read, builder.add(from_, builder.mul(pitch, INT(j))), vector)
            for j in range(vector.count)
        ]
        for i, row in enumerate(woven(builder, rows)):
            store_vector(builder, row, written, builder.add(to, builder.mul(target_pitch, INT(i))))
        return context.get_dummy_value()

    n = types.int64
    return types.void(source, n, n, target, n, n), codegen


@overload(turn, jit_options=CALLED)
def _turn(lanes, source, from_, pitch, target, to, target_pitch):
    def call(lanes, source, from_, pitch, target, to, target_pitch):
        _turned(source, from_, pitch, target, to, target_pitch)

    return call
