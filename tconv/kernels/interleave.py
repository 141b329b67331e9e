"""Interleaving: several streams of sums become one contiguous line of outputs, bias added.

The sums of output phase ``u`` lie in stream ``u``; output ``lane * streams + u`` is lane ``lane`` of it. Even
and odd streams have each their bias: they are the real and imaginary parts where numbers are complex.
As in ``tile``, plain Python defines it and LLVM vector operations do it in compiled code.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from tconv.kernels.tile import INT, data_of, load_vector, splat, store_vector, vector_type

BIT = ir.IntType(1)
I32 = ir.IntType(32)


def interleaver(streams: int) -> Callable[..., None]:
    """Write outputs ``low <= e < high`` of one vector of each of ``streams`` streams to ``y[to + e]``."""

    def interleave(lanes, sums, at, pitch, even, odd, low, high, y, to):  # type: ignore[no-untyped-def]
        for e in range(low, high):
            u = e % streams
            y[to + e] = (odd if u % 2 else even) + sums[at + u * pitch + e // streams]

    @intrinsic
    def emitted(typing, sums, at, pitch, even, odd, low, high, y, to):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, values):  # type: ignore[no-untyped-def]
            at, pitch, even, odd, low, high, to = (values[i] for i in (1, 2, 3, 4, 5, 6, 8))
            vector = vector_type(sums)
            source = data_of(context, builder, sums, values[0])
            target = builder.gep(data_of(context, builder, y, values[7]), [to])
            biases = [splat(builder, bias, vector) for bias in (even, odd)]
            add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
            parts = [
                add(load_vector(builder, source, builder.add(at, builder.mul(pitch, INT(u))), vector), biases[u % 2])
                for u in range(streams)
            ]
            line = _shuffled(builder, parts)
            whole = builder.and_(
                builder.icmp_signed("==", low, INT(0)),
                builder.icmp_signed("==", high, INT(line.type.count)),
            )
            with builder.if_else(whole, likely=True) as (everything, edges):
                with everything:
                    store_vector(builder, line, target, INT(0))
                with edges:
                    _store_between(builder, line, low, high, target)
            return context.get_dummy_value()

        n = types.int64
        return types.void(sums, n, n, sums.dtype, sums.dtype, n, n, y, n), codegen

    @overload(interleave)
    def choose(lanes, sums, at, pitch, even, odd, low, high, y, to):  # type: ignore[no-untyped-def]
        def call(lanes, sums, at, pitch, even, odd, low, high, y, to):  # type: ignore[no-untyped-def]
            emitted(sums, at, pitch, even, odd, low, high, y, to)

        return call

    return interleave


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
