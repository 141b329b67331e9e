"""Interleaving: several streams of sums become one contiguous line of outputs, bias added.

The sums of output phase ``u`` lie in stream ``u``; output ``lane * streams + u`` is lane ``lane`` of it. Where
numbers are complex, even streams are the real parts and odd ones the imaginary, each with a bias of its own; where
channels come last, each phase has a stream for each channel.
As in ``tile``, plain Python defines it and LLVM vector operations do it in compiled code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from llvmlite import ir
from numba.core import cgutils

from tconv.kernels.emission import emits
from tconv.kernels.vectors import INT, cases, load_vector, shuffled, splat, store_vector, suffix

I32 = ir.IntType(32)


WOVEN = (1, 2, 3, 4, 5, 6, 8, 16)  # streams that are woven at once; of others as many as there are lanes


def interleave(
    streams, total, first, count, lines, line, sums, at, by_line, by_stream, bias, bias_at, parts, low, high, y, to
):
    """Write outputs ``low <= e < high`` of a run, of ``count`` lines from ``line`` on.

    There are ``total`` streams, of which these are ``streams`` from ``first`` on. Line ``n`` of the table ``lines``
    goes to ``y[to + lines[n, 0] + e]``; its bias is ``bias[bias_at + lines[n, 1]]``.
    """
    for i in range(count):
        for e in range(low, high):
            u = e % total - first
            if 0 <= u < streams:
                y[to + lines[line + i, 0] + e] = (
                    bias[bias_at + lines[line + i, 1] + u % parts] + sums[at + i * by_line + u * by_stream + e // total]
                )


def interleave_channels(
    streams, total, first, channels, sums, at, by_phase, by_channel, bias, bias_at, low, high, y, to
):
    """The same for one line, where positions adjoin: each phase has as many streams as there are channels.

    Output ``e`` goes to ``y[to + e]``; channel ``c`` of phase ``u`` is stream ``u * channels + c``, whose sums begin
    ``u * by_phase + c * by_channel`` after ``at``.
    """
    for e in range(low, high):
        u = e % total - first
        if 0 <= u < streams:
            place = at + u // channels * by_phase + u % channels * by_channel + e // total
            y[to + e] = bias[bias_at + u % channels] + sums[place]


@emits(interleave)
def _interleaved(
    builder, vector, streams, total, first, count, lines, line, sums, at, by_line, by_stream, bias, bias_at, parts,
    low, high, y, to,
):  # fmt: skip
    width = builder.extract_value(lines.shape, 1)
    for at_once in _at_once(builder, streams, total):
        with cgutils.for_range(builder, count, intp=INT) as loop:
            entry = builder.gep(lines.data, [builder.mul(builder.add(line, loop.index), width)])
            shift, place = (builder.load(builder.gep(entry, [INT(n)])) for n in (0, 1))
            one = builder.gep(bias.data, [builder.add(bias_at, place)])
            other = builder.gep(one, [builder.sub(parts, INT(1))])
            both = [splat(builder, builder.load(address), vector) for address in (one, other)]
            sums_here = builder.gep(sums.data, [builder.add(at, builder.mul(loop.index, by_line))])
            y_here = builder.gep(y.data, [builder.add(to, shift)])

            def streams_from(number, both=both):
                for u in itertools.count():
                    yield builder.mul(by_stream, builder.add(number, INT(u))), both[u % 2]

            if at_once:
                _weave(builder, vector, at_once, sums_here, streams_from, low, high, y_here)
            else:
                _weave_some(builder, vector, streams, total, first, sums_here, streams_from, low, high, y_here)


@emits(interleave_channels, apart=True)
def _interleaved_channels(
    builder, vector, streams, total, first, channels, sums, at, by_phase, by_channel, bias, bias_at, low, high, y, to
):
    sums, biases, y = (builder.gep(array.data, [start]) for array, start in ((sums, at), (bias, bias_at), (y, to)))
    jump = builder.sub(by_phase, builder.mul(by_channel, builder.sub(channels, INT(1))))

    def streams_from(number):
        phase, channel = builder.sdiv(number, channels), builder.srem(number, channels)
        place = builder.add(builder.mul(phase, by_phase), builder.mul(channel, by_channel))
        while True:
            yield place, splat(builder, builder.load(builder.gep(biases, [channel])), vector)
            after = builder.add(channel, INT(1))
            last = builder.icmp_signed("==", after, channels)
            place = builder.add(place, builder.select(last, jump, by_channel))
            channel = builder.select(last, INT(0), after)

    for at_once in _at_once(builder, streams, total):
        if at_once:
            _weave(builder, vector, at_once, sums, streams_from, low, high, y)
        else:
            _weave_some(builder, vector, streams, total, first, sums, streams_from, low, high, y)


def _at_once(builder: ir.IRBuilder, streams: ir.Value, total: ir.Value) -> Iterator[int]:
    """How many streams are to be woven at once: each of `WOVEN`, and 0 for all that is left."""
    everything = builder.icmp_signed("==", streams, total)
    return cases(builder, builder.select(everything, streams, INT(0)), {n: n for n in (*WOVEN, 0)}, rest=0)


def _weave_some(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    streams: ir.Value,
    total: ir.Value,
    first: ir.Value,
    source: ir.Value,
    streams_from: Callable[[ir.Value], Iterator[tuple[ir.Value, ir.Value]]],
    low: ir.Value,
    high: ir.Value,
    target: ir.Value,
) -> None:
    """As many streams as there are lanes at a time, for as many columns: a square is turned, and each row stored."""
    lanes = INT(vector.count)
    add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
    columns = builder.sdiv(builder.add(high, builder.sub(total, INT(1))), total)
    before = builder.sub(lanes, INT(1))
    with (
        cgutils.for_range(builder, builder.sdiv(builder.add(columns, before), lanes), intp=INT) as squares,
        cgutils.for_range(builder, builder.sdiv(builder.add(streams, before), lanes), intp=INT) as loop,
    ):
        column = builder.mul(squares.index, lanes)
        stream = builder.mul(loop.index, lanes)
        left = builder.sub(streams, stream)
        rows, any_ = [], None
        for u, (place, bias) in enumerate(itertools.islice(streams_from(stream), vector.count)):
            any_ = any_ or place  # is read where there is no stream
            here = builder.select(builder.icmp_signed("<", INT(u), left), place, any_)
            rows.append(add(load_vector(builder, source, builder.add(column, here), vector), bias))
        for n, line in enumerate(woven(builder, rows)):
            e = builder.add(builder.mul(builder.add(column, INT(n)), total), builder.add(first, stream))
            last = builder.sub(high, e)
            last = builder.select(builder.icmp_signed("<", left, last), left, last)
            store_between(builder, line, builder.sub(low, e), last, builder.gep(target, [e]))


def _weave(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    streams: int,
    source: ir.Value,
    streams_from: Callable[[ir.Value], Iterator[tuple[ir.Value, ir.Value]]],
    low: ir.Value,
    high: ir.Value,
    target: ir.Value,
) -> None:
    """One vector of each stream at a time; at the ends of the run only part of what they give is stored."""
    add = builder.add if isinstance(vector.element, ir.IntType) else builder.fadd
    width = INT(streams * vector.count)
    count = builder.sdiv(builder.add(high, builder.sub(width, INT(1))), width)
    with cgutils.for_range(builder, count, intp=INT) as loop:
        lane = builder.mul(loop.index, INT(vector.count))
        line = woven(
            builder,
            [
                add(load_vector(builder, source, builder.add(lane, place), vector), bias)
                for place, bias in itertools.islice(streams_from(INT(0)), streams)
            ],
        )
        done = builder.mul(loop.index, width)
        store_line(builder, line, builder.sub(low, done), builder.sub(high, done), builder.gep(target, [done]))


def store_line(builder: ir.IRBuilder, line: list[ir.Value], low: ir.Value, high: ir.Value, target: ir.Value) -> None:
    """Store vectors side by side, of their lanes only those from ``low`` to ``high``."""
    lanes = line[0].type.count
    width = INT(len(line) * lanes)
    whole = builder.and_(builder.icmp_signed("<=", low, INT(0)), builder.icmp_signed(">=", high, width))
    with builder.if_else(whole, likely=True) as (everything, edges):
        with everything:
            for number, piece in enumerate(line):
                store_vector(builder, piece, target, INT(number * lanes))
        with edges:
            for number, piece in enumerate(line):
                before = INT(number * lanes)
                low_here, high_here = builder.sub(low, before), builder.sub(high, before)
                store_between(builder, piece, low_here, high_here, builder.gep(target, [before]))


def woven(builder: ir.IRBuilder, parts: list[ir.Value]) -> list[ir.Value]:
    """Lane 0 of every part, lane 1 of every part, and so on, in as many vectors.

    Shuffles of two registers are single instructions; of longer vectors LLVM makes moves of single elements.
    """
    count, lanes = len(parts), parts[0].type.count
    if count == 1:
        return parts
    if count % 2 == 0:
        halves = zip(woven(builder, parts[0::2]), woven(builder, parts[1::2]), strict=True)
        order = [u * lanes + lane for lane in range(lanes) for u in (0, 1)]
        return [
            shuffled(builder, even, odd, indices) for even, odd in halves for indices in (order[:lanes], order[lanes:])
        ]
    vectors = []
    for first in range(0, count * lanes, lanes):
        wanted = [divmod(e, count) for e in range(first, first + lanes)]  # lane, part
        line = parts[0]
        for u in range(1, count):  # the lanes of one more part come in
            earlier = [lane if u == 1 else at for at, (lane, _) in enumerate(wanted)]
            indices = [lanes + lane if part == u else old for (lane, part), old in zip(wanted, earlier, strict=True)]
            line = shuffled(builder, line, parts[u], indices)
        vectors.append(line)
    return vectors


def store_between(builder: ir.IRBuilder, line: ir.Value, low: ir.Value, high: ir.Value, target: ir.Value) -> None:
    """Store only the lanes ``low <= lane < high``; a masked store, which can take 20 cycles, only where it must be."""
    lanes = INT(line.type.count)
    whole = builder.and_(builder.icmp_signed("<=", low, INT(0)), builder.icmp_signed(">=", high, lanes))
    some = builder.and_(builder.icmp_signed("<", low, lanes), builder.icmp_signed(">", high, INT(0)))
    with builder.if_else(whole) as (all_lanes, else_):
        with all_lanes:
            store_vector(builder, line, target, INT(0))
        with else_, builder.if_then(some):
            numbers = ir.VectorType(I32, line.type.count)
            lane = ir.Constant(numbers, list(range(line.type.count)))
            first, last = (splat(builder, builder.trunc(bound, I32), numbers) for bound in (low, high))
            mask = builder.and_(builder.icmp_signed(">=", lane, first), builder.icmp_signed("<", lane, last))
            address = builder.bitcast(target, line.type.as_pointer())
            arguments = [line, address, I32(4), mask]
            masked = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [a.type for a in arguments]),
                f"llvm.masked.store.{suffix(line.type)}.p0",
            )
            builder.call(masked, arguments)
