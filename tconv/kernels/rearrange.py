"""The input, copied once where tiles cannot read it as it lies: line by line, or with channels side by side."""

from __future__ import annotations

from typing import NamedTuple

from tconv.kernels.launch import called, inlined
from tconv.kernels.turn import turn
from tconv.kernels.vectors import VECTOR_BYTES, copy_vector
from tconv.kernels.windows import SPACED, copy_spaced, places
from tconv.kernels.workers import claim, worker

TURNED = max(1, 64 // VECTOR_BYTES)  # vectors of channels turned by one worker: a cache line ...
BAND = 1024  # ... of so many positions


class Order(NamedTuple):
    """Where things lie: ``x`` in its memory and in the copy, all counted in elements."""

    lanes: int
    batch: int
    groups: int
    channels: int
    parts: int  # real and imaginary parts are channels of their own
    x_batch: int
    x_group: int
    x_channel: int
    x_position: int
    image: int
    group: int
    channel: int
    unit: int  # from one position to the next
    plane: int  # positions of one channel of one image, ...
    subplane: int  # ... and of these, of one combination of input parts
    turned: int  # 1 if positions lie side by side in `x`, or channels, and in the copy the other


# Rows of the table of axes.
SIZE, SPLIT, PITCH, X_STEP = range(4)


@inlined
def copy_line(lanes, count, step, unit, x, source, copied, at):
    """``count`` inputs that lie ``step`` apart, to places that lie ``unit`` apart."""
    if unit == 1 and step == 1 and count >= lanes:
        for i in range(0, count, lanes):
            first = min(i, count - lanes)
            copy_vector(lanes, x, source + first, copied, at + first)
    elif unit == 1 and step in SPACED and count >= lanes:
        for i in range(0, count, lanes):
            first = min(i, count - lanes)
            copy_spaced(step, lanes, places(0, step * (lanes - 1) + 1), x, source + first * step, copied, at + first)
    else:
        for i in range(count):
            copied[at + i * unit] = x[source + i * step]


@called
def _copy_lines(order, part, at, axes, parts, x, from_, copied):
    """One combination of input parts of one channel, line by line, each as long as the longest."""
    last = axes.shape[1] - 1
    pitch, unit, step = axes[PITCH, last], order.unit, axes[SPLIT, last] * axes[X_STEP, last]
    held = (axes[SIZE, last] - parts[part, last] + axes[SPLIT, last] - 1) // axes[SPLIT, last]
    for number in range(order.subplane // pitch):
        rest = number
        source = from_ + parts[part, last] * axes[X_STEP, last]
        count = held
        for a in range(last - 1, -1, -1):
            above = rest // axes[PITCH, a] if a else 0
            index = (rest - above * axes[PITCH, a]) * axes[SPLIT, a] + parts[part, a]
            rest = above
            if index >= axes[SIZE, a]:
                count = 0
            source += index * axes[X_STEP, a]
        copy_line(order.lanes, count, step, unit, x, source, copied, at)
        for i in range(count, pitch):
            copied[at + i * unit] = 0
        at += pitch * unit


@called
def _copy_part(item, order, axes, parts, x, copied):
    """One combination of input parts of one channel of one image."""
    part, item = item % parts.shape[0], item // parts.shape[0]
    channels = order.channels * order.parts
    channel = item % channels
    group = item // channels % order.groups
    batch = item // channels // order.groups
    from_ = (
        batch * order.x_batch + group * order.x_group + channel // order.parts * order.x_channel + channel % order.parts
    )
    at = batch * order.image + group * order.group + channel * order.channel + part * order.subplane * order.unit
    _copy_lines(order, part, at, axes, parts, x, from_, copied)


@called
def _chunks(order):
    """How many parts the channels of a group are turned in, and their positions."""
    return (order.channels + TURNED * order.lanes - 1) // (TURNED * order.lanes), (order.plane + BAND - 1) // BAND


@called
def _turn_channels(item, order, x, copied):
    """A few channels of a band of positions of one image: squares of both, then what is left; or line by line."""
    lanes = order.lanes
    chunks, bands = _chunks(order)
    start, item = item % bands * BAND, item // bands
    stop = min(start + BAND, order.plane)
    first = item % chunks * TURNED * lanes
    end = min(first + TURNED * lanes, order.channels)
    group = item // chunks % order.groups
    batch = item // chunks // order.groups
    from_ = batch * order.x_batch + group * order.x_group
    at = batch * order.image + group * order.group
    if order.channels < lanes:
        for channel in range(first, end):
            copy_line(
                lanes, stop - start, order.x_position, order.unit,
                x, from_ + channel * order.x_channel + start * order.x_position,
                copied, at + channel * order.channel + start * order.unit,
            )  # fmt: skip
        return
    squares = stop // lanes  # the rest is in the last band
    apart_in_x = order.x_channel if order.x_position == 1 else order.x_position
    apart_in_copy = order.unit if order.channel == 1 else order.channel
    for some in range(start // lanes, squares, TURNED):  # as many positions as channels at a time: whole cache lines
        for number in range(first, end, lanes):
            channel = min(number, order.channels - lanes)  # the last begins within the one before: both write the same
            for square in range(some, min(some + TURNED, squares)):
                turn(
                    lanes, x, from_ + channel * order.x_channel + square * lanes * order.x_position, apart_in_x,
                    copied, at + square * lanes * order.unit + channel * order.channel, apart_in_copy,
                )  # fmt: skip
    for position in range(max(start, squares * lanes), stop):
        for channel in range(first, end):
            copied[at + position * order.unit + channel * order.channel] = x[
                from_ + channel * order.x_channel + position * order.x_position
            ]


@called
def items(order, parts):
    """Into how many pieces the copy is cut, as many combinations of input parts as there are."""
    chunks, bands = _chunks(order)
    return order.batch * order.groups * (chunks * bands if order.turned else order.channels * order.parts * parts)


@worker
def copy(order, axes, parts, rank, counters, x, copied):
    """Fill ``copied`` from the flat memory ``x``: items, one at a time, until there are no more.

    ``parts`` lists the combinations of input parts.
    """
    count = items(order, parts.shape[0])
    item, stop = claim(counters, rank, count, 1)
    while item < stop:
        if order.turned:
            _turn_channels(item, order, x, copied)
        else:
            _copy_part(item, order, axes, parts, x, copied)
        item, stop = claim(counters, rank, count, 1)
