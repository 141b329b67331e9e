"""The definition in plain integers, made of parts, each of which can be replaced by a wrong one.

    y[n, c, t] = bias[c] + sum of x[n, ci, i] * w[ci, c, j]  over all ci, i, j with  s*i + d*j = t + p_b

Everything here is Python: lists, ints, and floats where a number is not finite. Nothing of tconv's kernels is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Exact: TypeAlias = NDArray[np.object_]
"""An array of Python's numbers."""


class Line(NamedTuple):
    """What happens along one spatial axis."""

    size_in: int
    size_kernel: int
    stride: int
    dilation: int
    begin: int
    end: int
    output_padding: int

    @property
    def extent(self) -> int:
        """From the first tap to the last: ``(k - 1)*d + 1``."""
        return (self.size_kernel - 1) * self.dilation + 1

    @property
    def natural(self) -> int:
        """How many outputs the products reach."""
        if self.size_in == 0 or self.size_kernel == 0:
            return 0
        return (self.size_in - 1) * self.stride + self.extent

    @property
    def size_out(self) -> int:
        """How many there are; below 0 there is no result."""
        return self.natural - self.begin - self.end + self.output_padding


class Placement(NamedTuple):
    """A product along the spatial axes: input ``i`` times tap ``j`` goes to output ``t``; positions in flat arrays."""

    t: int
    i: int
    j: int


class Path(NamedTuple):
    """A product along the channels: ``x[channel_in] * w[row, column]`` goes to ``y[channel_out]``."""

    channel_in: int
    row: int
    column: int
    channel_out: int


class Place(NamedTuple):
    """What there is to know of an output along the spatial axes."""

    products: int
    """How many go there."""
    appended: bool
    """Whether it is one of the last ``output_padding`` outputs of an axis."""


class Channels(NamedTuple):
    """How many groups, and how many channels each has."""

    groups: int
    inputs: int
    outputs: int


Lines: TypeAlias = tuple[Line, ...]
Placements: TypeAlias = list[Placement]
Paths: TypeAlias = list[Path]


@dataclass(frozen=True)
class Definition:
    """A rule for what comes out. As it stands, each part is right.

    Attributes
    ----------
    weights : callable
        How the weights are read: ``(w, channels)`` to w.
    lines : callable
        How the arguments are read: one `Line` per axis, to the same.
    placements : callable
        Which of the products along the spatial axes are added up: ``(placements, lines)`` to placements.
    paths : callable
        Which of those along the channels: ``(paths, channels)`` to paths.
    images : callable
        Which images of the input each image of the result holds: pairs ``(n_out, n_in)``.
    biases : callable
        How often the bias is added: ``(times, place, channels)`` to times.
    skips_zeros : bool
        Products with an input that is 0 are left out, also those with an infinity.
    strays : bool
        Zeros that the input does not have are multiplied as well, so that any output may be nan.
    """

    weights: Callable[[Exact, Channels], Exact] = lambda w, channels: w
    lines: Callable[[Lines], Lines] = lambda lines: lines
    placements: Callable[[Placements, Lines], Placements] = lambda placements, lines: placements
    paths: Callable[[Paths, Channels], Paths] = lambda paths, channels: paths
    images: Callable[[list[tuple[int, int]]], list[tuple[int, int]]] = lambda images: images
    biases: Callable[[int, Place, Channels], int] = lambda times, place, channels: times
    skips_zeros: bool = False
    strays: bool = False

    def then(self, other: Definition) -> Definition:
        """The definition that goes wrong as this one does, and then as ``other`` does."""
        parts = {f.name: _chained(getattr(self, f.name), getattr(other, f.name), f.default) for f in fields(self)}
        return Definition(**parts)

    def __call__(self, x: Exact, w: Exact, bias: Exact | None, lines: Lines, groups: int) -> Exact | None:
        """What comes out by this definition; None if nothing can.

        ``x`` is ``[batch, channels_in, *size_in]``, ``w`` is ``[channels_in, channels_out/groups, *size_kernel]``.

        >>> x, w = (np.array([[row]], object) for row in ([1, 10, 100], [1, 2, 3]))
        >>> Definition()(x, w, None, (Line(3, 3, 2, 1, 0, 0, 0),), 1).tolist()
        [[[1, 2, 13, 20, 130, 200, 300]]]
        """
        channels = Channels(groups, x.shape[1] // groups, w.shape[1])
        w = self.weights(w, channels)
        if any(a.size_kernel != k for a, k in zip(lines, w.shape[2:], strict=True)):
            lines = tuple(a._replace(size_kernel=k) for a, k in zip(lines, w.shape[2:], strict=True))
        lines = self.lines(lines)
        sizes = tuple(a.size_out for a in lines)
        if min(sizes) < 0 or w.shape[:2] != (groups * channels.inputs, channels.outputs):
            return None
        placements = self.placements(list(_placements(lines)), lines)
        paths = self.paths(_paths(channels), channels)
        count = max((p.channel_out + 1 for p in paths), default=groups * channels.outputs)
        if bias is not None and len(bias) != count:
            return None
        taps = w.reshape(*w.shape[:2], prod(w.shape[2:])).tolist()
        inputs = x.reshape(*x.shape[:2], prod(x.shape[2:])).tolist()
        y = [[[0] * prod(sizes) for _ in range(count)] for _ in x]
        for n, source in self.images([(n, n) for n in range(len(x))]):
            for path in paths:
                line, row, column = y[n][path.channel_out], inputs[source][path.channel_in], taps[path.row][path.column]
                kept = [p for p in placements if row[p.i] != 0] if self.skips_zeros else placements
                for t, i, j in kept:
                    line[t] += row[i] * column[j]
        if bias is not None:
            products, late = Counter(p.t for p in placements), appended(lines)
            times = [self.biases(1, Place(products[t], t in late), channels) for t in range(prod(sizes))]
            for image in y:
                for line, number in zip(image, bias.tolist(), strict=True):
                    line[:] = [value + often * number for value, often in zip(line, times, strict=True)]
        result = np.empty((len(x), count, prod(sizes)), object)
        if result.size:
            result[...] = y
        return result.reshape(len(x), count, *sizes)


def _chained(first: Any, second: Any, neutral: Any) -> Any:
    if isinstance(neutral, bool):
        return first or second
    if neutral in (first, second):
        return second if first is neutral else first
    # Each takes what it changes first, and then the same facts as the other.
    return lambda value, *facts: second(first(value, *facts), *facts)


@lru_cache(maxsize=2**14)
def appended(lines: Lines) -> frozenset[int]:
    """The outputs, in the flat array, that are among the last ``output_padding`` of some axis.

    >>> sorted(appended((Line(2, 2, 1, 1, 0, 0, 1),)))
    [3]
    """
    sizes = [a.size_out for a in lines]
    late = [a.size_out - a.output_padding for a in lines]
    places = enumerate(product(*map(range, sizes)))
    return frozenset(t for t, at in places if any(p >= n for p, n in zip(at, late, strict=True)))


@lru_cache(maxsize=2**14)
def _placements(lines: Lines) -> tuple[Placement, ...]:
    """Every product along the spatial axes, in the order of the inputs, then of the taps."""
    reached = []
    for a in lines:
        pairs = product(range(a.size_in), range(a.size_kernel))
        triples = ((a.stride * i + a.dilation * j - a.begin, i, j) for i, j in pairs)
        reached.append([(t, i, j) for t, i, j in triples if 0 <= t < a.size_out])
    sizes = [(a.size_out, a.size_in, a.size_kernel) for a in lines]
    placements = []
    for along in product(*reached):
        t = i = j = 0
        for index, size in zip(along, sizes, strict=True):
            t, i, j = (position * n + at for position, n, at in zip((t, i, j), size, index, strict=True))
        placements.append(Placement(t, i, j))
    return tuple(sorted(placements, key=lambda p: (p.i, p.j)))


def _paths(channels: Channels) -> Paths:
    groups, inputs, outputs = channels
    return [
        Path(g * inputs + ci, g * inputs + ci, c, g * outputs + c)
        for g in range(groups)
        for ci in range(inputs)
        for c in range(outputs)
    ]
