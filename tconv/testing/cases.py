"""The cases that a kernel is given, in grades, and the integers in them.

Operands are of these kinds; all are exact in float32, which holds every integer up to 2**24, and so are all sums.

* powers: products are distinct powers of 4, so the digits of an output in base 4 say which products were added to
  it, and how often. For short lines.
* primes: all numbers are distinct primes, those of w with either sign. A product has one origin.
* small: numbers up to 3, for the cases that are large enough to go through an engine's tiles.
* the document's, and primes with an infinity, a nan or a zero among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from math import gcd, inf, nan, prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tconv.testing.definition import Definition, Exact, Line

Sizes: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]

BASE = 4
"""Of the digits that powers are made of."""

FEATURES = {
    "several axes": "more than one spatial axis",
    "batch": "more than one image",
    "channels": "more than one channel",
    "groups": "more than one group",
    "bias": "a bias",
    "stride": "a stride above 1",
    "dilation": "a dilation above 1",
    "common factor of stride and dilation": "a common factor of stride and dilation",
    "padding": "padding",
    "asymmetric padding": "padding that differs at the two ends of an axis",
    "negative padding": "padding below 0 (it appends)",
    "padding beyond the kernel": "padding that crops more than (k - 1)*d",
    "output_padding": "an output_padding",
    "large output_padding": "an output_padding of the stride or more",
    "kernel shorter than stride": "a kernel that is shorter than the stride",
    "kernel longer than input": "a kernel that is longer than the input",
    "zero sizes": "an axis without elements",
    "non-finite": "an infinity or a nan in an operand",
    "memory layout": "operands that are not contiguous in memory",
    "negative memory steps": "operands that lie backwards in memory",
    "large sizes": "tens of positions and channels",
}
"""What a case may need of a kernel, and what each word means."""

OPTIONAL = (
    "asymmetric padding",
    "negative padding",
    "padding beyond the kernel",
    "large output_padding",
    "zero sizes",
    "negative memory steps",
)
"""Features that a kernel may refuse with an error, without having said so before."""

GRADES = (
    "the document's example",
    "every small line",
    "several axes",
    "batch, channels, groups, bias",
    "kernel against stride and input",
    "stride against dilation",
    "crops and output_padding",
    "infinities and nans",
    "memory layout",
    "tens of positions and channels",
    "zero sizes",
)
"""The groups of cases, in the order of the report."""


@dataclass(frozen=True)
class Case:
    """One call. Sizes and arguments along the spatial axes have one entry per axis.

    Attributes
    ----------
    grade : str
        The group that it belongs to, one of `GRADES`.
    batch, channels_in, channels_out, groups : int
        Channels are counted over all groups.
    size_in, size_kernel, stride, dilation, output_padding : tuple of int
    padding : tuple of (int, int)
        Cropped at the beginning and at the end of each axis.
    bias : bool
        Whether there is one.
    numbers : str
        What the operands hold; see the module.
    memory : str
        How the operands lie in memory.

    Examples
    --------
    >>> case = graded_cases((1,))[-3]
    >>> print(case)
    x of shape (1, 1, 0), w of shape (1, 2, 3), padding -1, output_padding 1, bias
    >>> case.shapes
    ((1, 1, 0), (1, 2, 3))
    >>> case.arguments
    {'stride': (1,), 'padding': (-1,), 'output_padding': (1,), 'dilation': (1,), 'groups': 1}
    >>> "zero sizes" in case.features
    True
    """

    grade: str
    size_in: Sizes
    size_kernel: Sizes
    stride: Sizes
    dilation: Sizes
    padding: tuple[Pair, ...]
    output_padding: Sizes
    batch: int = 1
    channels_in: int = 1
    channels_out: int = 1
    groups: int = 1
    bias: bool = False
    numbers: str = "primes"
    memory: str = "contiguous"

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The same, axis by axis."""
        each = zip(
            self.size_in, self.size_kernel, self.stride, self.dilation, self.padding, self.output_padding, strict=True
        )
        return tuple(Line(i, k, s, d, begin, end, more) for i, k, s, d, (begin, end), more in each)

    @property
    def shapes(self) -> tuple[Sizes, Sizes]:
        """Of x and w."""
        return (
            (self.batch, self.channels_in, *self.size_in),
            (self.channels_in, self.channels_out // self.groups, *self.size_kernel),
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The keywords of the call: padding is one int per axis, or one pair per axis if a pair is uneven."""
        even = all(begin == end for begin, end in self.padding)
        return {
            "stride": self.stride,
            "padding": tuple(begin for begin, _ in self.padding) if even else self.padding,
            "output_padding": self.output_padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    @property
    def features(self) -> frozenset[str]:
        """What it needs of a kernel: words of `FEATURES`."""
        return _features(self)

    @property
    def order(self) -> tuple[int, ...]:
        """Plain cases first, then smaller ones."""
        odd = self.memory != "contiguous" or not self.features.isdisjoint((*OPTIONAL, "non-finite"))
        arguments = sum(self.stride) + sum(self.dilation) + sum(self.output_padding)
        padding = sum(abs(n) for pair in self.padding for n in pair)
        elements = sum(prod(shape) for shape in self.shapes)
        return (odd, len(self.size_in), elements, self.groups, padding, arguments)

    def __str__(self) -> str:
        x, w = self.shapes
        said = {name: _short(value) for name, value in self.arguments.items() if name != "groups"}
        words = [f"{name} {value}" for name, value in said.items() if value not in _USUAL[name]]
        words += [f"groups {self.groups}"] * (self.groups > 1) + ["bias"] * self.bias
        words += [self.memory] * (self.memory != "contiguous")
        words += [self.numbers] * (self.numbers not in ("powers", "primes", "small", "document"))
        return ", ".join([f"x of shape {x}, w of shape {w}", *words])


_USUAL = {"stride": ("1",), "padding": ("0",), "output_padding": ("0",), "dilation": ("1",)}


def _short(value: Any) -> str:
    """One number where it is the same for all axes."""
    return str(value[0]) if len(set(value)) == 1 and isinstance(value[0], int) else str(value)


@lru_cache(maxsize=4096)
def _features(case: Case) -> frozenset[str]:
    sizes = (*case.shapes[0], *case.shapes[1], *(a.size_out for a in case.lines))
    ends = [n for pair in case.padding for n in pair]
    holds = {
        "several axes": len(case.size_in) > 1,
        "batch": case.batch > 1,
        "channels": max(case.channels_in, case.channels_out) > 1,
        "groups": case.groups > 1,
        "bias": case.bias,
        "stride": max(case.stride) > 1,
        "dilation": max(case.dilation) > 1,
        "common factor of stride and dilation": any(gcd(a.stride, a.dilation) > 1 for a in case.lines),
        "padding": any(ends),
        "asymmetric padding": any(begin != end for begin, end in case.padding),
        "negative padding": min(ends) < 0,
        "padding beyond the kernel": any(max(a.begin, a.end) > max(0, a.extent - 1) for a in case.lines),
        "output_padding": any(case.output_padding),
        "large output_padding": any(a.output_padding >= a.stride for a in case.lines if a.output_padding),
        "kernel shorter than stride": any(0 < a.size_kernel < a.stride for a in case.lines),
        "kernel longer than input": any(a.size_kernel > a.size_in > 0 for a in case.lines),
        "zero sizes": min(sizes) == 0,
        "non-finite": case.numbers not in ("powers", "primes", "small", "document"),
        "memory layout": case.memory != "contiguous",
        "negative memory steps": case.memory == "backwards",
        "large sizes": case.numbers == "small",
    }
    return frozenset(word for word, true in holds.items() if true)


@lru_cache(maxsize=4096)
def operands(case: Case) -> tuple[Exact, Exact, Exact | None]:
    """x, w and bias, as Python's numbers."""
    shapes = (*case.shapes, *[(case.channels_out,)] * case.bias)
    counts = [prod(shape) for shape in shapes]
    numbers: list[Any]
    if case.numbers == "document":
        numbers = [1, 2, 3, 4, 1, 0, 0, -1]
    elif case.numbers == "powers":
        taps = counts[1]
        numbers = [BASE ** (i * taps) for i in range(counts[0])] + [BASE**j for j in range(taps)]
    elif case.numbers == "small":
        numbers = [(n * n + n // 3) % 7 - 3 for n in range(sum(counts))]
    else:
        numbers = list(_primes_below(1000)[: sum(counts)])
        # Of both signs: sums that cancel are among the cases.
        numbers[counts[0] :] = [-p if n % 3 == 1 else p for n, p in enumerate(numbers[counts[0] :])]
        first_x, last_w = 0, counts[0] + counts[1] - 1
        for word, value in {"infinity": inf, "nan": nan}.items():
            if case.numbers.startswith(word):
                numbers[last_w if "in w" in case.numbers else first_x] = value
        if case.numbers.endswith("zero in x"):
            numbers[first_x] = 0
    ends = [sum(counts[: n + 1]) for n in range(len(counts))]
    x, w, *bias = (
        _array(numbers[end - count : end], shape) for end, count, shape in zip(ends, counts, shapes, strict=True)
    )
    return x, w, bias[0] if bias else None


def _array(numbers: list[Any], shape: Sizes) -> Exact:
    result = np.empty(len(numbers), object)
    result[:] = numbers
    result.flags.writeable = False
    return result.reshape(shape)


@lru_cache(maxsize=64)
def _primes_below(limit: int) -> tuple[int, ...]:
    return tuple(n for n in range(2, limit) if all(n % d for d in range(2, int(n**0.5) + 1)))


@lru_cache(maxsize=4096)
def wanted(case: Case) -> Exact:
    """The result, exactly."""
    y = Definition()(*operands(case), case.lines, case.groups)
    if y is None:
        raise AssertionError(f"{case} has no result")
    y.flags.writeable = False
    return y


def arranged(values: NDArray[Any], memory: str) -> NDArray[Any]:
    """A fresh array of the same numbers that lies in memory so."""
    there: NDArray[Any] = values.copy()
    if memory == "axes reversed":
        there = values.T.copy().T
    elif memory == "channels last" and values.ndim > 1:
        there = np.moveaxis(np.moveaxis(values, 1, -1).copy(), -1, 1)
    elif memory == "backwards":
        whole = (slice(None, None, -1),) * values.ndim
        there = values[whole].copy()[whole]
    elif memory == "gaps":
        there = np.full([2 * n + 1 for n in values.shape], 55, values.dtype)[(slice(1, None, 2),) * values.ndim]
        there[...] = values
    return there


def graded_cases(dims: tuple[int, ...]) -> tuple[Case, ...]:
    """All of them, for kernels with these numbers of spatial axes."""
    cases = [case for number, axes in enumerate(dims) for case in _cases(axes, number == 0)]
    return tuple(dict.fromkeys(cases))


def _case(grade: str, axes: int, *lines: tuple[int, ...], **more: Any) -> Case:
    """From (i, k, s, d, begin, end, output_padding) along the last axes; the others have one input and one tap."""
    usual = (1, 1, 1, 1, 0, 0, 0)
    kept = lines[-axes:]
    whole = [(1, 1, 1, 1, 0, 0, 0)] * (axes - len(kept)) + [(*line, *usual[len(line) :]) for line in kept]
    i, k, s, d, begin, end, output_padding = zip(*whole, strict=True)
    return Case(grade, i, k, s, d, tuple(zip(begin, end, strict=True)), output_padding, **more)


def _cases(axes: int, first: bool) -> Iterator[Case]:
    document, box, several, channels, kernels, dilations, crops, strange, memory, large, empty = GRADES

    if axes > 1:
        yield _case(document, axes, (2, 2), (2, 2), numbers="document")
    yield _case(document, axes, (3, 3, 2), numbers="powers")

    yield from _box(box, axes, 3 if first else 2)

    # What differs from axis to axis tells which axis an argument was used for.
    differ = [
        ((2, 3), (3, 2)),
        ((2, 2, 2), (3, 3, 1)),
        ((3, 2, 2), (2, 2, 3)),
        ((2, 3, 1, 2), (3, 2, 1, 1)),
        ((2, 3, 1, 1, 1, 1), (3, 4)),
        ((2, 2, 2, 1, 0, 0, 1), (3, 2, 3)),
        ((3, 2, 3, 2, 1, 1, 2), (2, 3, 2, 1, 0, 0, 1)),
        ((2, 2, 1, 3), (2, 3, 2, 2, 2, 2), (3, 3, 3, 1, 1, 1, 1)),
        ((2, 3), (3, 2), (2, 2, 2)),
    ]
    if axes > 1:
        for lines in differ:
            yield _case(several, axes, *lines)
            yield _case(several, axes, *lines[::-1], channels_in=2, channels_out=2)

    line = (3, 3, 2, 1, 1, 1, 1)
    for n, ci, co, g, bias in [
        (2, 1, 1, 1, False),
        (1, 2, 1, 1, False),
        (1, 1, 2, 1, False),
        (1, 2, 2, 1, False),
        (1, 3, 2, 1, False),
        (1, 1, 1, 1, True),
        (1, 2, 3, 1, True),
        (2, 2, 2, 1, True),
        (3, 2, 3, 1, False),
        (1, 2, 2, 2, False),
        (1, 3, 3, 3, True),
        (1, 4, 4, 2, False),
        (2, 4, 6, 2, True),
        (1, 6, 3, 3, False),
        (1, 2, 6, 2, False),
    ]:
        counts = {"batch": n, "channels_in": ci, "channels_out": co, "groups": g, "bias": bias}
        yield _case(channels, axes, line, **counts)
        yield _case(channels, axes, (2, 2), (2, 1, 2), **counts)
        yield _case(channels, axes, (2, 1, 3), **counts)  # some outputs are bias alone

    for i, k, s in [(3, 1, 2), (3, 1, 3), (2, 2, 5), (4, 3, 4), (1, 5, 1), (2, 5, 1), (2, 7, 2), (1, 4, 3), (5, 4, 2)]:
        yield _case(kernels, axes, (i, k, s))
        yield _case(kernels, axes, (i, k, s), (2, 3, 2), bias=True, channels_in=2)
        yield _case(kernels, axes, (i, k, s, 1, 0, 0, s - 1), bias=True)
        if k > 1:
            yield _case(kernels, axes, (i, k, s, 1, 1, 1), channels_out=2)

    for s, d in [(2, 2), (2, 4), (4, 2), (3, 3), (4, 6), (2, 3), (3, 2), (1, 4)]:
        yield _case(dilations, axes, (3, 3, s, d))
        yield _case(dilations, axes, (3, 2, s, d, d - 1, d - 1), bias=True)
        yield _case(dilations, axes, (2, 2, s, d, 1, 1, s - 1), (2, 2, d, s), channels_in=2)

    for rest in [
        (4, 4, 2, 1, 3, 0),
        (4, 4, 2, 1, 0, 2),
        (3, 3, 1, 2, 1, 3),
        (3, 2, 2, 1, 1, 0, 1),
        (3, 3, 2, 1, -1, -1),
        (3, 3, 2, 1, -2, 1),
        (2, 2, 3, 2, 1, -3),
        (5, 2, 2, 1, 3, 3),
        (5, 3, 2, 1, 4, 2),
        (4, 2, 3, 1, 4, 4, 2),
        (3, 3, 2, 1, 1, 1, 1),
        (3, 3, 3, 1, 0, 0, 2),
        (3, 2, 2, 1, 0, 0, 5),
        (3, 3, 1, 2, 1, 1, 1),
        (3, 3, 1, 1, 2, 2),
        (3, 5, 2, 1, 2, 2, 1),
    ]:
        yield _case(crops, axes, rest)
        yield _case(crops, axes, rest, rest[:4], bias=True, channels_out=2)

    for numbers in ["infinity in x", "nan in x", "infinity in w", "nan in w", "infinity in w, zero in x"]:
        yield _case(strange, axes, (3, 3, 2), numbers=numbers)
        yield _case(strange, axes, (3, 2, 3, 1, 1, 1), numbers=numbers, bias=True)
        yield _case(strange, axes, (3, 3, 1, 2), (2, 2, 2), numbers=numbers)
        yield _case(strange, axes, (3, 3, 1), numbers=numbers, channels_in=2, channels_out=2)

    for lies in ("contiguous", "axes reversed", "channels last", "gaps", "backwards"):
        for bias in (False, True):
            counts = {"batch": 2, "channels_in": 2, "channels_out": 3, "bias": bias}
            yield _case(memory, axes, (2, 3), (3, 2), memory=lies, **counts)
            yield _case(memory, axes, (2, 3, 2), (3, 2, 2, 1, 1, 1, 1), memory=lies, **counts)

    if axes <= 2:
        long = [((37, 4, 2, 1, 1, 1),), ((65, 3),), ((9, 16, 8, 1, 4, 4),)]
        wide = [((7, 3, 2, 1, 1, 1, 1), (9, 4, 2, 1, 1, 1)), ((5, 3, 1, 1, 1, 1), (18, 3, 1, 1, 1, 1))]
        for lines in (long, wide)[axes - 1]:
            yield _case(large, axes, *lines, channels_in=5, channels_out=3, numbers="small", batch=2)
            yield _case(large, axes, *lines, channels_in=2, channels_out=18, numbers="small", bias=True)
    yield _case(large, axes, (3, 4, 2, 1, 1, 1), channels_in=18, channels_out=17, numbers="small")
    yield _case(large, axes, (4, 3), channels_in=24, channels_out=24, groups=12, numbers="small")

    plain = _case(empty, axes, (3, 2, 2), bias=True, channels_out=2, channels_in=2)
    yield replace(plain, batch=0)
    yield replace(plain, channels_in=0)
    yield replace(plain, channels_out=0)
    yield _case(empty, axes, (3, 2, 2, 1, 3, 3))
    yield _case(empty, axes, (3, 2, 2, 1, 6, 0), channels_out=2)
    yield _case(empty, axes, (0, 2, 2), bias=True)
    yield _case(empty, axes, (0, 3, 1, 1, -1, -1, 1), bias=True, channels_out=2)
    yield _case(empty, axes, (3, 0, 2), bias=True)
    yield _case(empty, axes, (3, 0, 2, 1, 0, 0, 1), bias=True)


def _box(grade: str, axes: int, largest: int) -> Iterator[Case]:
    """Every line with so many inputs and taps at most that has a result."""
    for i, k, s, d, p in product(*(range(1, largest + 1),) * 3, (1, 2), (0, 1)):
        for output_padding in range(s):
            if (i - 1) * s + (k - 1) * d + 1 + output_padding > 2 * p:
                yield _case(grade, axes, (i, k, s, d, p, p, output_padding), numbers="powers")
