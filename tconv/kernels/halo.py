"""The input, copied once into a buffer: with zeros around it, or with channels side by side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange
from numba.extending import register_jitable

from tconv.kernels.launch import apart, call, compiled
from tconv.kernels.turn import turn
from tconv.kernels.vectors import VECTOR_BYTES, copy_vector

TURNED = max(1, 64 // VECTOR_BYTES)  # vectors of channels turned by one worker: a cache line


class Halo(NamedTuple):
    """Where things lie: ``x`` in its memory and in the buffer, all counted in elements."""

    lanes: int
    batch: int
    groups: int
    channels: int
    parts: int  # real and imaginary parts are channels of their own
    x_batch: int
    x_group: int
    x_channel: int
    lead: int  # zeros before the first image
    image: int
    group: int
    channel: int
    unit: int  # from one position to the next
    plane: int  # positions of one channel of one image, zeros included
    subplane: int  # of these, positions of one combination of input parts
    turned: int  # 1 if positions lie side by side in `x`, and channels are to lie so in the buffer


# Rows of the table of axes.
SIZE, SPLIT, PITCH, X_STEP = range(4)


@register_jitable
def _zero(halo, at, step, count):
    for i in range(count):
        halo[at + i * step] = 0


@register_jitable
def _copy_plane(lanes, at, unit, subplane, axes, parts, x, from_, halo):
    """One channel of one image: every combination of input parts, line by line; returns the end."""
    last = axes.shape[1] - 1
    pitch = axes[PITCH, last]
    for p in range(parts.shape[0]):
        for number in range(subplane // pitch):
            rest = number
            source = from_ + parts[p, last] * axes[X_STEP, last]
            holds = True
            for a in range(last - 1, -1, -1):
                index = rest % axes[PITCH, a] * axes[SPLIT, a] + parts[p, a]
                rest //= axes[PITCH, a]
                holds = holds and index < axes[SIZE, a]
                source += index * axes[X_STEP, a]
            count = 0
            if holds:
                count = (axes[SIZE, last] - parts[p, last] + axes[SPLIT, last] - 1) // axes[SPLIT, last]
                step = axes[SPLIT, last] * axes[X_STEP, last]
                if unit == 1 and step == 1 and count >= lanes:
                    for i in range(0, count - lanes, lanes):
                        copy_vector(lanes, x, source + i, halo, at + i)
                    copy_vector(lanes, x, source + count - lanes, halo, at + count - lanes)
                else:
                    for i in range(count):
                        halo[at + i * unit] = x[source + i * step]
            _zero(halo, at + count * unit, unit, pitch - count)
            at += pitch * unit
    return at


@register_jitable
def _copy_item(item, where, axes, parts, x, halo):
    """One channel of one image, zeros to the end of its plane."""
    channels = where.channels * where.parts
    channel = item % channels
    group = item // channels % where.groups
    batch = item // channels // where.groups
    from_ = (
        batch * where.x_batch + group * where.x_group + channel // where.parts * where.x_channel + channel % where.parts
    )
    at = where.lead + batch * where.image + group * where.group + channel * where.channel
    used = parts.shape[0] * where.subplane
    _copy_plane(where.lanes, at, where.unit, where.subplane, axes, parts, x, from_, halo)
    _zero(halo, at + used * where.unit, where.unit, where.plane - used)


@register_jitable
def _chunks(where):
    """How many parts the channels of a group are turned in."""
    return (where.channels + TURNED * where.lanes - 1) // (TURNED * where.lanes)


@register_jitable
def _turn_item(item, where, x, halo):
    """A few channels of one image: squares of channels and positions, then what is left."""
    lanes = where.lanes
    chunks = _chunks(where)
    first = item % chunks * TURNED * lanes
    end = min(first + TURNED * lanes, where.channels)
    group = item // chunks % where.groups
    batch = item // chunks // where.groups
    from_ = batch * where.x_batch + group * where.x_group
    at = batch * where.image + group * where.group
    whole = first + (end - first) // lanes * lanes
    squares = where.plane // lanes
    for some in range(0, squares, TURNED):  # as many positions at a time as there are channels: whole cache lines
        for channel in range(first, whole, lanes):
            for square in range(some, min(some + TURNED, squares)):
                turn(
                    lanes, x, from_ + channel * where.x_channel + square * lanes, where.x_channel,
                    halo, at + square * lanes * where.unit + channel, where.unit,
                )  # fmt: skip
    for position in range(where.plane):
        for channel in range(whole if position < squares * lanes else first, end):
            halo[at + position * where.unit + channel] = x[from_ + channel * where.x_channel + position]


@register_jitable
def _items(where):
    """How many parts the copying falls into."""
    of_channels = _chunks(where) if where.turned else where.channels * where.parts
    return where.batch * where.groups * of_channels


@apart
def copy_item(item, where, axes, parts, x, halo):
    """One of the parts."""
    if where.turned:
        _turn_item(item, where, x, halo)
    else:
        _copy_item(item, where, axes, parts, x, halo)


@compiled
def copy(work, where, axes, parts, x, halo):
    """Fill ``halo`` from the flat memory ``x``; ``parts`` lists the combinations of input parts."""
    end = where.lead + where.batch * where.image
    _zero(halo, 0, 1, where.lead)
    _zero(halo, end, 1, halo.shape[0] - end)
    for item in prange(_items(where)):
        call(work, np.int64(item), where, axes, parts, x, halo)
