"""Interleaving: several streams of sums become one contiguous line of outputs, bias added.

The sums of output phase ``u`` lie in stream ``u``; output ``lane * streams + u`` is lane ``lane`` of it. Even
and odd streams have each their bias: they are the real and imaginary parts where numbers are complex.
As in ``tile``, plain Python defines it and LLVM vector operations do it in compiled code.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from tconv.kernels.tile import INT, data_of, load_vector, splat, store_vector, vector_type

BIT = ir.IntType(1)
I32 = ir.IntType(32)


STREAMS = (1, 2, 3, 4, 6, 8)  # that are woven by shuffles


def interleave(streams, lanes, sums, at, pitch, even, odd, low, high, y, to):
    """Write outputs ``low <= e < high`` of a run of ``streams`` streams to ``y[to + e]``."""
    for e in range(low, high):
        u = e % streams
        y[to + e] = (odd if u % 2 else even) + sums[at + u * pitch + e // streams]


@intrinsic
def _interleaved(typing, streams, sums, at, pitch, even, odd, low, high, y, to):
    def codegen(context, builder, signature, values):
        wanted, _, at, pitch, even, odd, low, high, _, to = values
        vector = vector_type(sums)
        source = builder.gep(data_of(context, builder, sums, values[1]), [at])
        target = builder.gep(data_of(context, builder, y, values[8]), [to])
        biases = [splat(builder, bias, vector) for bias in (even, odd)]
        for streams in STREAMS:
            with builder.if_then(builder.icmp_signed("==", wanted, INT(streams))):
                _weave(builder, streams, source, pitch, biases, low, high, target)
        return context.get_dummy_value()

    n = types.int64
    return types.void(n, sums, n, n, sums.dtype, sums.dtype, n, n, y, n), codegen


@overload(interleave)
def _interleave(streams, lanes, sums, at, pitch, even, odd, low, high, y, to):
    def call(streams, lanes, sums, at, pitch, even, odd, low, high, y, to):
        _interleaved(streams, sums, at, pitch, even, odd, low, high, y, to)

    return call


def _weave(
    builder: ir.IRBuilder,
    streams: int,
    source: ir.Value,
    pitch: ir.Value,
    biases: list[ir.Value],
    low: ir.Value,
    high: ir.Value,
    target: ir.Value,
) -> None:
    """One vector of each stream at a time; at the ends of the run only part of what they give is stored."""
    vector = biases[0].type
    add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
    width = INT(streams * vector.count)
    count = builder.sdiv(builder.add(high, builder.sub(width, INT(1))), width)
    with cgutils.for_range(builder, count, intp=INT) as loop:
        lane = builder.mul(loop.index, INT(vector.count))
        parts = [
            add(
                load_vector(builder, source, builder.add(lane, builder.mul(pitch, INT(u))), vector),
                biases[u % 2],
            )
            for u in range(streams)
        ]
        line = _shuffled(builder, parts)
        done = builder.mul(loop.index, width)
        first, last = builder.sub(low, done), builder.sub(high, done)
        here = builder.gep(target, [done])
        whole = builder.and_(builder.icmp_signed("<=", first, INT(0)), builder.icmp_signed(">=", last, width))
        with builder.if_else(whole, likely=True) as (everything, edges):
            with everything:
                store_vector(builder, line, here, INT(0))
            with edges:
                _store_between(builder, line, first, last, here)


def copy_vector(lanes, source, from_, target, to):
    """Copy the elements of one vector register."""
    for lane in range(lanes):
        target[to + lane] = source[from_ + lane]


@intrinsic
def _copied(typing, source, from_, target, to):
    def codegen(context, builder, signature, values):
        taken = load_vector(builder, data_of(context, builder, source, values[0]), values[1], vector_type(source))
        store_vector(builder, taken, data_of(context, builder, target, values[2]), values[3])
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64), codegen


@overload(copy_vector)
def _copy_vector(lanes, source, from_, target, to):
    def call(lanes, source, from_, target, to):
        _copied(source, from_, target, to)

    return call


def _indices(numbers: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(I32, len(numbers)), numbers)


def _shuffled(builder: ir.IRBuilder, parts: list[ir.Value]) -> ir.Value:
    """Lane 0 of every part, lane 1 of every part, and so on, as one long vector."""
    lanes, streams = parts[0].type.count, len(parts)
    long = parts[0]
    for part in parts[1:]:
        have = long.type.count
        widened = builder.shuffle_vector(
            part, ir.Constant(part.type, ir.Undefined), _indices([min(i, lanes - 1) for i in range(have)])
        )
        long = builder.shuffle_vector(
            long, widened, _indices([i if i < have else have + i - have for i in range(have + lanes)])
        )
    order = [u * lanes + lane for lane in range(lanes) for u in range(streams)]
    return builder.shuffle_vector(long, ir.Constant(long.type, ir.Undefined), _indices(order))


def _store_between(builder: ir.IRBuilder, line: ir.Value, low: ir.Value, high: ir.Value, target: ir.Value) -> None:
    """Store only the lanes ``low <= lane < high``."""
    numbers = ir.VectorType(I32, line.type.count)
    lane = ir.Constant(numbers, list(range(line.type.count)))
    first, last = (splat(builder, builder.trunc(bound, I32), numbers) for bound in (low, high))
    mask = builder.and_(builder.icmp_signed(">=", lane, first), builder.icmp_signed("<", lane, last))
    address = builder.bitcast(target, line.type.as_pointer())
    letter = "i" if isinstance(line.type.element, ir.IntType) else "f"
    width = {"float": 32, "double": 64}.get(str(line.type.element)) or line.type.element.width
    name = f"llvm.masked.store.v{line.type.count}{letter}{width}.p0"
    arguments = [line, address, I32(4), mask]
    masked = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [a.type for a in arguments]), name
    )
    builder.call(masked, arguments)
