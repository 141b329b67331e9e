"""Sizes: what ``stride``, ``padding`` and the others mean for one axis, and how large results are.

Per spatial axis, with input size i, kernel size k, stride s, dilation d, crop p_b at the beginning and p_e at
the end (a negative one appends zeros)::

    conv_transpose   N = (i - 1)*s + (k - 1)*d + 1       the natural size; 0 when i = 0 or k = 0
                     o = N - p_b - p_e + output_padding
    conv             o = floor((i + p_b + p_e - (k - 1)*d - 1) / s) + 1

N is the largest index s*(i - 1) + d*(k - 1) that a product reaches, plus one. Both are defined for all sizes,
k < s and zero included; only o < 0 is an error. Integers only; no arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set, Sized
from dataclasses import dataclass
from math import prod
from operator import index
from typing import Any, Literal, SupportsIndex, overload

from tconv.errors import ArgumentTypeError, ParameterError, ShapeError, TooLargeError, shown
from tconv.typing import Padding, PerAxis

Operator = Literal["conv_transpose", "conv"]
Sizes = tuple[int, ...]
Pair = tuple[int, int]

UNORDERED = (Set, Mapping)  # their order, if any, is not that of axes
LIMIT = 2**62  # every size and sum of two sizes then fits the kernels' 64-bit indices
PLANNED = 1024  # problems of which is kept what was worked out: a model has hundreds of layers, gradients two more each


@dataclass(frozen=True)
class Axis:
    """One spatial axis.

    ``crop`` is what is cut at the beginning of the natural output of the transposed convolution
    (of the ordinary one: zeros put before the input). What happens at the end follows from
    ``size_out``, so it is not stored.
    """

    size_in: int
    size_kernel: int
    stride: int
    dilation: int
    crop: int
    size_out: int


ACCURACIES = ("direct", "fast", "exact-order")
"""What rounding errors may be: about those of the direct sum, a few times more, or the direct sum's own."""


@dataclass(frozen=True)
class Problem:
    """What an algorithm has to compute, in one normal form for every layout.

    Operands are seen as ``x[batch, groups, channels_in, *size_in]``,
    ``w[groups, channels_in, channels_out, *size_kernel]`` and
    ``y[batch, groups, channels_out, *size_out]``, channels counted per group; every size is positive.
    """

    operator: Operator
    batch: int
    groups: int
    channels_in: int
    channels_out: int
    axes: tuple[Axis, ...]
    dtype: str  # in which the kernels compute: float32 ... complex128, int32, int64, object
    accuracy: str = "direct"  # one of `ACCURACIES`
    channels_last: bool = False  # whether those of a position lie side by side, in x and y; what is quickest depends

    @property
    def x_shape(self) -> Sizes:
        """That of the input, as it is seen."""
        return self.batch, self.groups, self.channels_in, *(axis.size_in for axis in self.axes)


@dataclass(frozen=True)
class Window:
    """How a kernel moves: the arguments of a call, resolved to one value per spatial axis."""

    stride: Sizes
    dilation: Sizes
    padding: tuple[Pair, ...] | None  # (begin, end) per axis; None is "same", which depends on the sizes
    output_padding: Sizes

    @classmethod
    def of(cls, axes: int, stride: Any, dilation: Any, padding: Any, output_padding: Any = 0) -> Window:
        """Read the arguments as the caller gave them, for ``axes`` spatial axes."""
        return cls(
            per_axis("stride", stride, axes, lowest=1),
            per_axis("dilation", dilation, axes, lowest=1),
            padding_pairs(padding, axes),
            per_axis("output_padding", output_padding, axes, lowest=0),
        )


def extent(size_kernel: int, dilation: int) -> int:
    """From the first to the last tap, both included: ``(k - 1)*d + 1``; 0 for a kernel without taps."""
    return (size_kernel - 1) * dilation + 1 if size_kernel else 0


def natural_size(size_in: int, size_kernel: int, stride: int, dilation: int) -> int:
    """How many outputs the products reach: ``(i - 1)*s + (k - 1)*d + 1``, or 0 if there are no products."""
    if size_in == 0 or size_kernel == 0:
        return 0
    return (size_in - 1) * stride + extent(size_kernel, dilation)


@overload
def output_size(
    input_size: SupportsIndex,
    kernel_size: SupportsIndex,
    *,
    stride: PerAxis = ...,
    padding: Padding = ...,
    output_padding: PerAxis = ...,
    dilation: PerAxis = ...,
) -> int: ...
@overload
def output_size(
    input_size: Sequence[SupportsIndex],
    kernel_size: PerAxis,
    *,
    stride: PerAxis = ...,
    padding: Padding = ...,
    output_padding: PerAxis = ...,
    dilation: PerAxis = ...,
) -> tuple[int, ...]: ...
@overload
def output_size(
    input_size: SupportsIndex,
    kernel_size: Sequence[SupportsIndex],
    *,
    stride: PerAxis = ...,
    padding: Padding = ...,
    output_padding: PerAxis = ...,
    dilation: PerAxis = ...,
) -> tuple[int, ...]: ...
def output_size(
    input_size: PerAxis,
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
) -> int | tuple[int, ...]:
    """Size of the output of a transposed convolution, without computing it.

    Per spatial axis, with i inputs, k taps, stride s, dilation d and crop (p_b, p_e)::

        o = (i - 1)*s + (k - 1)*d + 1 - p_b - p_e + output_padding

    where the first three terms are 0 if i = 0 or k = 0. With ``padding="same"``, o = i*s + output_padding.

    Parameters
    ----------
    input_size, kernel_size : int or sequence of int
        Sizes along the spatial axes, in samples. An int beside a sequence stands for all axes.
    stride, padding, output_padding, dilation
        As in `tconv.conv_transpose`.

    Returns
    -------
    int or tuple of int
        An int if both sizes are ints, else one int per axis.

    Raises
    ------
    tconv.errors.ParameterError
        A size or an argument is too small, there are too few or too many of them, or the padding crops more
        than there is (o < 0).
    tconv.errors.ArgumentTypeError
        A value is not an integer.
    tconv.errors.TooLargeError
        A size does not fit 64-bit indices.

    Examples
    --------
    >>> output_size(4, 4, stride=2, padding=1)
    8
    >>> output_size((180, 320), 9, stride=3, padding=4, output_padding=2)
    (540, 960)
    >>> output_size((5, 5), (3, 4), stride=2, padding="same")
    (10, 10)
    """
    lengths = [len(v) for v in (input_size, kernel_size) if isinstance(v, Sized) and not _is_integer(v)]
    axes = max(lengths, default=1)
    if axes == 0:
        raise ParameterError("input_size, kernel_size: got no spatial axis; must have one or more")
    size_in = per_axis("input_size", input_size, axes, lowest=0)
    size_kernel = per_axis("kernel_size", kernel_size, axes, lowest=0)
    window = Window.of(axes, stride, dilation, padding, output_padding)
    result = tuple(axis.size_out for axis in conv_transpose_axes(window, size_in, size_kernel))
    return result if lengths else result[0]


def conv_transpose_axes(
    window: Window, size_in: Sizes, size_kernel: Sizes, size_out: Sizes | None = None
) -> tuple[Axis, ...]:
    """The axes of a transposed convolution; ``size_out`` fixes the output, the begin crop stays as it is."""
    axes = []
    for a, (i, k) in enumerate(zip(size_in, size_kernel, strict=True)):
        s, d, op = window.stride[a], window.dilation[a], window.output_padding[a]
        natural = natural_size(i, k, s, d)
        begin, end = _same_crop(natural - i * s) if window.padding is None else window.padding[a]
        o = natural - begin - end + op if size_out is None else size_out[a]
        if o < 0:
            raise ParameterError(
                f"padding: got {shown((begin, end))} for spatial axis {a}, where {natural + op} outputs are "
                f"to be cropped; must leave >= 0 of them"
            )
        _check_fits(a, max(natural, o + abs(begin)))
        axes.append(Axis(i, k, s, d, begin, o))
    return tuple(axes)


def conv_axes(window: Window, size_in: Sizes, size_kernel: Sizes) -> tuple[Axis, ...]:
    """The axes of an ordinary convolution."""
    axes = []
    for a, (i, k) in enumerate(zip(size_in, size_kernel, strict=True)):
        s, d = window.stride[a], window.dilation[a]
        if window.padding is None:
            o = -(-i // s)
            begin = max((o - 1) * s + extent(k, d) - i, 0) // 2
        else:
            begin, end = window.padding[a]
            o = (i + begin + end - extent(k, d)) // s + 1
        if o < 0:
            raise ParameterError(
                f"padding: got {shown((begin, end))} for spatial axis {a}, where {i} inputs meet a kernel "
                f"that spans {extent(k, d)}; must leave >= 0 outputs, not {o}"
            )
        _check_fits(a, max(i, o * s + extent(k, d)) + abs(begin))
        axes.append(Axis(i, k, s, d, begin, o))
    return tuple(axes)


def conv_transpose_size_in(window: Window, size_out: Sizes, size_kernel: Sizes) -> Sizes:
    """The input sizes from which a transposed convolution has these output sizes, by the formula.

    Sizes that no input leads to are answered with the next smaller input; the caller compares.
    """
    sizes = []
    for a, (o, k) in enumerate(zip(size_out, size_kernel, strict=True)):
        s, op = window.stride[a], window.output_padding[a]
        if window.padding is None:
            i = (o - op) // s
        else:
            i = (o + sum(window.padding[a]) - op - extent(k, window.dilation[a])) // s + 1
        sizes.append(max(i, 0))
    return tuple(sizes)


def conv_size_in(window: Window, size_out: Sizes, size_kernel: Sizes) -> Sizes:
    """The smallest input sizes from which an ordinary convolution has these output sizes ("same": o*s)."""
    sizes = []
    for a, (o, k) in enumerate(zip(size_out, size_kernel, strict=True)):
        s = window.stride[a]
        padding = window.padding
        i = o * s if padding is None else (o - 1) * s + extent(k, window.dilation[a]) - sum(padding[a])
        sizes.append(max(i, 0))
    return tuple(sizes)


def input_vjp_axis(axis: Axis) -> Axis:
    """The axis of the map's transpose in x: the other operator, from output size to input size.

    Both operators pair a small index i and a large index t where ``s*i + d*j = t + p``; one sums over i for
    each t, the other over t for each i. So stride, dilation and crop stay, and the sizes change places.
    """
    return Axis(axis.size_out, axis.size_kernel, axis.stride, axis.dilation, axis.crop, axis.size_in)


def weight_vjp_axis(operator: Operator, axis: Axis) -> Axis:
    """The axis of the map's transpose in w: an ordinary convolution with stride and dilation exchanged.

    For each tap j it sums over the small index i: ``sum over i of large[d*j + s*i - p] * small[i]``, which is
    a convolution of the large side with the small side as its kernel, stride d, dilation s and k outputs.
    """
    large, small = axis.size_in, axis.size_out
    if operator == "conv_transpose":
        large, small = small, large
    return Axis(large, small, axis.dilation, axis.stride, axis.crop, axis.size_kernel)


def frozen(name: str, value: Any) -> Any:
    """``value`` as plain ints, words and tuples of them, so that plans can be looked up by it.

    Also keeps ``True`` and ``2.0`` from being taken for the 1 and 2 that they equal.
    """
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value
    if kind is not tuple and kind is not list:
        if isinstance(value, str):  # NumPy's, or a member of an enumeration, which may print as something else
            return str.__str__(value)
        if _is_integer(value):
            return index(value)
        if not isinstance(value, Iterable) or isinstance(value, UNORDERED) or getattr(value, "ndim", 1) == 0:
            raise ArgumentTypeError(f"{name}: got {shown(value)}; must be an integer or hold integers")
    return tuple([frozen(name, item) for item in value])


def shape_of(name: str, value: Any) -> Sizes:
    """The shape of an array that is only planned."""
    shape = frozen(name, value)
    if not isinstance(shape, tuple):
        raise ArgumentTypeError(f"{name}: got {shown(value)}; must be a sequence of sizes, one per axis")
    for axis, size in enumerate(shape):
        if _integer(name, size) < 0:
            raise ShapeError(f"{name}: got {size} for axis {axis}; must be >= 0")
    if prod(shape) >= LIMIT:
        raise TooLargeError(f"{name}: got {shown(value)}; must have fewer than 2**62 elements")
    return shape


def count(name: str, value: Any) -> int:
    """A number of things, one or more."""
    if type(value) is not int and not _is_integer(value):
        raise ArgumentTypeError(f"{name}: got {shown(value)}; must be an integer >= 1")
    if value < 1:
        raise ParameterError(f"{name}: got {value}; must be an integer >= 1")
    return index(value)


def per_axis(name: str, value: Any, axes: int, *, lowest: int) -> Sizes:
    """One integer per spatial axis, each at least ``lowest``; a single integer stands for all."""
    if _is_integer(value):
        values = (index(value),) * axes
    else:
        values = tuple(_integer(name, v) for v in _items(name, value, axes, "an integer or one"))
    for a, v in enumerate(values):
        if v < lowest:
            raise ParameterError(f"{name}: got {v} for spatial axis {a}; must be an integer >= {lowest}")
        if v >= LIMIT:
            raise TooLargeError(f"{name}: got {v} for spatial axis {a}; must be < 2**62")
    return values


def padding_pairs(value: Any, axes: int) -> tuple[Pair, ...] | None:
    """``padding`` as one (begin, end) pair per spatial axis; None for "same"."""
    if isinstance(value, str):
        if value == "same":
            return None
        if value == "valid":
            return ((0, 0),) * axes
        raise ParameterError(f"padding: got {shown(value)}; the words it may be are 'same' and 'valid'")
    if _is_integer(value):
        pairs: tuple[Pair, ...] = ((index(value),) * 2,) * axes
    else:
        pairs = tuple(_pair(v) for v in _items("padding", value, axes, "an integer, or an integer or a pair"))
    for a, pair in enumerate(pairs):
        if max(map(abs, pair)) >= LIMIT:
            raise TooLargeError(f"padding: got {shown(pair)} for spatial axis {a}; must be within 2**62")
    return pairs


def _pair(value: Any) -> Pair:
    if _is_integer(value):
        return (index(value),) * 2
    pair = _items("padding", value, 2, "an integer or a (begin, end) pair", "")
    return _integer("padding", pair[0]), _integer("padding", pair[1])


def _items(name: str, value: Any, wanted: int, what: str, per: str = " per spatial axis") -> tuple[Any, ...]:
    try:
        items = tuple(value)
    except TypeError:
        items = None
    if items is None or isinstance(value, (str, *UNORDERED)):
        raise ArgumentTypeError(f"{name}: got {shown(value)}; must be {what}{per}")
    if len(items) != wanted:
        values = f"{len(items)} value{'s' * (len(items) != 1)}"
        raise ParameterError(f"{name}: got {shown(value)} with {values}; must be {what}{per}, here {wanted}")
    return items


def _integer(name: str, value: Any) -> int:
    if not _is_integer(value):
        raise ArgumentTypeError(f"{name}: got {shown(value)}, which is not an integer; must hold integers")
    return index(value)


def _is_integer(value: Any) -> bool:
    if type(value).__name__ == "bool":  # of Python, or of NumPy, to whose 2.0 it is an int too: a slip of the pen here
        return False
    try:
        index(value)
    except TypeError:
        return False
    return True


def _same_crop(excess: int) -> Pair:
    """Crop ``excess`` outputs, an odd one at the end; where outputs are missing, append them at the end."""
    begin = max(excess, 0) // 2
    return begin, excess - begin


def _check_fits(a: int, reach: int) -> None:
    if reach >= LIMIT:
        raise TooLargeError(
            f"stride, dilation, padding: indices along spatial axis {a} reach {reach}; must stay below 2**62"
        )
