"""Spreading: the sums of several lines become the channels of each position, side by side, bias added.

For results whose channels come last. As in ``tile``, plain Python defines it and LLVM vector operations do it in
compiled code: squares of lines and columns are turned in registers.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from tconv.kernels.interleave import store_between, woven
from tconv.kernels.launch import CALLED
from tconv.kernels.vectors import INT, data_of, load_vector, shuffled, splat, store_vector, vector_type


def spread(lanes, count, low, high, sums, at, by_line, bias, bias_at, y, to, step):
    """``y[to + n * step + c] = bias[bias_at + c] + sums[at + c * by_line + n]`` for c < count and low <= n < high."""
    for n in range(low, high):
        for c in range(count):
            y[to + n * step + c] = bias[bias_at + c] + sums[at + c * by_line + n]


@intrinsic
def _spread(typing, count, low, high, sums, at, by_line, bias, bias_at, y, to, step):
    def codegen(context, builder, signature, values):
        count, low, high, _, at, by_line, _, bias_at, _, to, step = values
        source, biases, target = (data_of(context, builder, signature.args[i], values[i]) for i in (3, 6, 8))
        vector = vector_type(sums)
        lanes = INT(vector.count)
        add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
        with (
            cgutils.for_range_slice(builder, INT(0), count, lanes, INT) as (first, _),
            cgutils.for_range_slice(builder, low, high, lanes, INT) as (column, _),
        ):
            left = builder.sub(count, first)
            rows = []
            for c in range(vector.count):
                exists = builder.icmp_signed("<", INT(c), left)  # else any that does
                line = builder.select(exists, builder.add(first, INT(c)), first)
                row = builder.add(builder.add(at, column), builder.mul(line, by_line))
                value = builder.load(builder.gep(biases, [builder.add(bias_at, line)]))
                rows.append(add(load_vector(builder, source, row, vector), splat(builder, value, vector)))
            for n, channels in enumerate(woven(builder, rows)):
                here = builder.add(column, INT(n))
                place = builder.add(builder.add(to, first), builder.mul(here, step))
                address = builder.gep(target, [place])
                with builder.if_then(builder.icmp_signed("<", here, high)):
                    half = vector.count // 2  # of a register: no masked store, which can take 20 cycles
                    with builder.if_else(builder.icmp_signed("==", left, INT(half))) as (first_half, more_or_less):
                        with first_half:
                            store_vector(
                                builder, shuffled(builder, channels, channels, list(range(half))), address, INT(0)
                            )
                        with more_or_less:
                            store_between(builder, channels, INT(0), left, address)
        return context.get_dummy_value()

    n = types.int64
    return types.void(n, n, n, sums, n, n, bias, n, y, n, n), codegen


@overload(spread, jit_options=CALLED)
def _choose(lanes, count, low, high, sums, at, by_line, bias, bias_at, y, to, step):
    def call(lanes, count, low, high, sums, at, by_line, bias, bias_at, y, to, step):
        _spread(count, low, high, sums, at, by_line, bias, bias_at, y, to, step)

    return call
