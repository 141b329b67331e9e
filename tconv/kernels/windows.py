"""Copying inputs to lanes: neighbours as they are, or windows that overlap.

As in ``tile``, plain Python defines it and LLVM vector operations do it in compiled code.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

from tconv.kernels.emission import emits
from tconv.kernels.launch import called, inlined
from tconv.kernels.vectors import INT, cases, load_lanes, load_vector, shuffled, store_vector

AT_ONCE = 4  # vectors that one call of `copy_lanes` copies best


HIGH = 256  # more than there are places in any window


@called
def places(low, high):
    """What says that the places from ``low`` to before ``high`` hold inputs; 0 if none do."""
    return low + HIGH * high if low < high else 0


def copy_lanes(lanes, held, count, source, from_, step, target, to, pitch):
    """Copy the lanes that are ``held``, of ``count`` vectors; zeros for the others, whatever lies there.

    The vectors lie ``step`` apart in ``source`` and ``pitch`` in ``target``. No memory outside of ``source`` is read.
    """
    for i in range(count):
        for lane in range(lanes):
            inside = held % HIGH <= lane < held // HIGH
            target[to + i * pitch + lane] = source[from_ + i * step + lane] if inside else 0


WINDOWS = ((2, 4), (3, 4), (3, 5), (4, 5), (4, 6))  # span and size, as compiled
PARTS = ((2, 2), (3, 3), (4, 4))  # the same, for all of a few neighbours ...
SINGLE = ((2, 1), (3, 1), (4, 1))  # ... and for one of them
MOST_APART = SINGLE[-1][0]  # inputs gathered by vectors
SPACED = (2, 3, 4, 5, 6, 7, 8)  # from an input to the next, where lines are copied by vectors


def copy_windows(span, window, lanes, held, count, source, from_, step, target, to, pitch, row):
    """Copy windows of ``window`` neighbours, each ``span`` after the one before, to lanes of as many rows.

    Place ``span * lane + j`` goes to ``lane`` of row ``j``, if it is ``held``; else a zero, whatever lies there. This
    ``count`` times, as for `copy_lanes`; rows lie ``row`` apart in ``target``.
    """
    for i in range(count):
        for j in range(window):
            for lane in range(lanes):
                place = span * lane + j
                inside = held % HIGH <= place < held // HIGH
                target[to + i * pitch + j * row + lane] = source[from_ + i * step + place] if inside else 0


@inlined
def copy_apart(span, window, lanes, count, held, source, from_, target, to, row):
    """The same for ``count`` windows side by side, at least as many as there are lanes; ``held`` inputs are there."""
    for i in range(0, count, lanes):
        first = min(i, count - lanes)
        inside = places(0, min(span * (lanes - 1) + window, held - first * span))
        copy_windows(span, window, lanes, inside, 1, source, from_ + first * span, 0, target, to + first, 0, row)


def copy_spaced(step, lanes, held, source, from_, target, to):
    """Copy inputs that lie ``step`` apart, one of `SPACED`, to lanes; zeros where places are not ``held``."""
    for lane in range(lanes):
        inside = held % HIGH <= step * lane < held // HIGH
        target[to + lane] = source[from_ + step * lane] if inside else 0


@emits(copy_lanes)
def _copied_lanes(builder, vector, lanes, held, count, source, from_, step, target, to, pitch):
    _copy(builder, vector, (1, 1), held, count, source, from_, step, target, to, pitch, INT(0))


@emits(copy_windows)
def _copied_windows(builder, vector, span, window, lanes, held, count, source, from_, step, target, to, pitch, row):
    numbers = {shape: 8 * shape[0] + shape[1] for shape in WINDOWS + PARTS + SINGLE}
    for shape in cases(builder, builder.add(builder.mul(span, INT(8)), window), numbers):
        _copy(builder, vector, shape, held, count, source, from_, step, target, to, pitch, row)


@emits(copy_spaced)
def _copied_spaced(builder, vector, step, lanes, held, source, from_, target, to):
    for span in cases(builder, step, {span: span for span in SPACED}):
        _copy(builder, vector, (span, 1), held, INT(1), source, from_, INT(0), target, to, INT(0), INT(0))


def _copy(builder, vector, shape, held, count, source, from_, step, target, to, pitch, row):
    """Windows of one span and size: with plain loads where all that is loaded lies in the source."""
    span, window = shape
    reach = span * (vector.count - 1) + window
    vectors = -(-reach // vector.count)
    zeros = ir.Constant(vector, None)
    whole = ir.IntType(64 if reach < 64 else 128)
    low, high = builder.and_(held, INT(HIGH - 1)), builder.lshr(held, INT(HIGH.bit_length() - 1))
    from_low, from_high = (
        builder.shl(whole(-1), builder.zext(n, whole) if whole.width > 64 else n) for n in (low, high)
    )
    bits = builder.and_(from_low, builder.not_(from_high))

    def mask(v):
        of_vector = builder.trunc(builder.lshr(bits, whole(v * vector.count)), ir.IntType(vector.count))
        return builder.bitcast(of_vector, ir.VectorType(ir.IntType(1), vector.count))

    masks = [mask(v) for v in range(vectors)]

    def plain(address, v):
        return load_vector(builder, address, INT(0), vector)

    def selected(address, v):
        return builder.select(masks[v], load_vector(builder, address, INT(0), vector), zeros)

    def careful(address, v):
        return load_lanes(builder, address, masks[v], vector)

    def copy(number, load):
        address = builder.gep(source.data, [builder.add(from_, builder.mul(step, number))])
        loaded = [load(builder.gep(address, [INT(v * vector.count)]), v) for v in range(vectors)]
        first = builder.add(to, builder.mul(pitch, number))
        for j in range(window):
            store_vector(
                builder, _every(builder, loaded, span, j), target.data, builder.add(first, builder.mul(row, INT(j)))
            )

    def copy_all(load):
        if load is careful or span > 1:
            with cgutils.for_range(builder, count, intp=INT) as loop:
                copy(loop.index, load)
            return
        with builder.if_else(builder.icmp_signed("==", count, INT(AT_ONCE))) as (full, rest):
            with full:
                for number in range(AT_ONCE):
                    copy(INT(number), load)
            with rest, cgutils.for_range(builder, count, intp=INT) as loop:
                copy(loop.index, load)

    # Masked loads take 20 cycles on some processors, so they are kept for the ends of the memory.
    last = builder.add(from_, builder.mul(step, builder.sub(count, INT(1))))
    end = builder.add(last, INT(vectors * vector.count))
    inside = builder.and_(builder.icmp_signed(">=", from_, INT(0)), builder.icmp_signed("<=", end, source.nitems))
    everything = builder.icmp_signed("==", held, INT(HIGH * reach))
    with builder.if_else(inside, likely=True) as (in_memory, at_ends):
        with in_memory, builder.if_else(everything) as (all_, some):
            with all_:
                copy_all(plain)
            with some:
                copy_all(selected)
        with at_ends:
            copy_all(careful)


def _every(builder: ir.IRBuilder, loaded: list[ir.Value], span: int, first: int) -> ir.Value:
    """Of vectors that follow on each other, every ``span``-th lane from lane ``first`` on, as many as one has."""
    lanes = loaded[0].type.count
    places = [divmod(span * lane + first, lanes) for lane in range(lanes)]  # vector, lane of it
    found = loaded[0]
    for v in range(1, len(loaded)) if span > 1 or first else ():
        if v > 1 and all(vector != v for vector, _ in places):
            continue
        indices = [
            lanes + at if vector == v else at if v == 1 and vector == 0 else lane
            for lane, (vector, at) in enumerate(places)
        ]
        found = shuffled(builder, found, loaded[v], indices)
    return found
