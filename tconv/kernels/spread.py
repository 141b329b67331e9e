"""Spreading: the sums of several lines become the channels of each position, side by side, bias added.

For results whose channels come last. As in ``tile``, plain Python defines it and LLVM vector operations do it in
compiled code: squares of lines and columns are turned in registers.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

from tconv.kernels.emission import emits
from tconv.kernels.interleave import store_between, woven
from tconv.kernels.vectors import INT, load_vector, shuffled, splat, store_vector


def spread(count, low, high, sums, at, by_line, bias, bias_at, y, to, step):
    """``y[to + n * step + c] = bias[bias_at + c] + sums[at + c * by_line + n]`` for c < count and low <= n < high."""
    for n in range(low, high):
        for c in range(count):
            y[to + n * step + c] = bias[bias_at + c] + sums[at + c * by_line + n]


def put_rows(count, low, high, sums, at, by_column, bias, bias_at, y, to, step):
    """``y[to + n * step + c] = bias[bias_at + c] + sums[at + n * by_column + c]``: sums lie side by side, too."""
    for n in range(low, high):
        for c in range(count):
            y[to + n * step + c] = bias[bias_at + c] + sums[at + n * by_column + c]


def _early(builder: ir.IRBuilder, first: ir.Value, count: ir.Value, lanes: ir.Value) -> ir.Value:
    """Where a vector begins: the last one earlier if it is not full, as a masked store can take 20 cycles."""
    latest = builder.sub(count, lanes)
    late = builder.and_(builder.icmp_signed(">", first, latest), builder.icmp_signed(">=", latest, INT(0)))
    return builder.select(late, latest, first)


@emits(spread, apart=True)
def _spread(builder, vector, count, low, high, sums, at, by_line, bias, bias_at, y, to, step):
    lanes = INT(vector.count)
    add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
    with (
        cgutils.for_range_slice(builder, INT(0), count, lanes, INT) as (number, _),
        cgutils.for_range_slice(builder, low, high, lanes, INT) as (column, _),
    ):
        first = _early(builder, number, count, lanes)
        left = builder.sub(count, first)

        def turn(lines, first=first, left=left, column=column):
            rows = []
            for c in range(lines):
                exists = builder.icmp_signed("<", INT(c), left)  # else any that does
                line = builder.select(exists, builder.add(first, INT(c)), first)
                row = builder.add(builder.add(at, column), builder.mul(line, by_line))
                value = builder.load(builder.gep(bias.data, [builder.add(bias_at, line)]))
                rows.append(add(load_vector(builder, sums.data, row, vector), splat(builder, value, vector)))
            pieces = (
                shuffled(builder, channels, channels, list(range(start, start + lines)))
                for channels in woven(builder, rows)
                for start in range(0, vector.count, lines)
            )
            for n, channels in enumerate(pieces):
                here = builder.add(column, INT(n))
                place = builder.add(builder.add(to, first), builder.mul(here, step))
                with builder.if_then(builder.icmp_signed("<", here, high)):
                    store_between(builder, channels, INT(0), left, builder.gep(y.data, [place]))

        half = vector.count // 2
        with builder.if_else(builder.icmp_signed("<=", left, INT(half))) as (few, many):
            with few:
                turn(half)
            with many:
                turn(vector.count)


@emits(put_rows, apart=True)
def _put_rows(builder, vector, count, low, high, sums, at, by_column, bias, bias_at, y, to, step):
    source, biases, target = (
        builder.gep(array.data, [start]) for array, start in ((sums, at), (bias, bias_at), (y, to))
    )
    lanes = INT(vector.count)
    add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
    many = builder.icmp_signed(">=", count, lanes)
    with cgutils.for_range_slice(builder, low, high, INT(1), INT) as (n, _):
        here, there = builder.mul(n, by_column), builder.mul(n, step)
        from_, into = builder.gep(source, [here]), builder.gep(target, [there])
        with builder.if_else(many) as (vectors, elements):
            with vectors, cgutils.for_range_slice(builder, INT(0), count, lanes, INT) as (first, _):
                c = _early(builder, first, count, lanes)
                total = add(load_vector(builder, biases, c, vector), load_vector(builder, from_, c, vector))
                store_vector(builder, total, into, c)
            with elements, cgutils.for_range_slice(builder, INT(0), count, INT(1), INT) as (c, _):
                total = add(builder.load(builder.gep(biases, [c])), builder.load(builder.gep(from_, [c])))
                builder.store(total, builder.gep(into, [c]))
