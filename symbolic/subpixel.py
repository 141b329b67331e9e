"""Sub-pixel convolution: an ordinary convolution with stride 1, whose channels are then shuffled into pixels.

It is a transposed convolution, and each transposed convolution is one (Shi et al., Is the deconvolution layer the same
as a convolutional layer?, 2016). With stride s the outputs fall into s phases on each axis, ``t = s*m + r`` with
0 <= r < s. In phase r the tap j meets the input ``m + (r + p - d*j)/s``, if that is an integer: so each phase is a
convolution with stride 1, of the taps that it has, each at its offset ``(r + p - d*j)/s``. Put in one kernel, wide
enough for all offsets, the phases are channels.

The order of channels is PyTorch's (and "CRD" in ONNX): channel ``c*s + r`` becomes channel c, phase r; with two axes
``c*s0*s1 + r0*s1 + r1``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

from sympy import Array, Expr

from symbolic.arguments import (
    Padding,
    PerAxis,
    Sizes,
    counted,
    nonnegative,
    padding_pairs,
    per_axis,
    require_callable,
    shown,
)
from symbolic.arrays import Index, array, filled, indices, read
from symbolic.drawing import Grid, latex_matrix, whole, wrapped
from symbolic.equality import by_place, differences_are_zero, equations, equations_latex, require_equal
from symbolic.expansion import conv, conv_transpose
from symbolic.sizes import Axis, conv_transpose_axes
from symbolic.steps import Step, Stepwise
from symbolic.theorem import Theorem

Shuffle: TypeAlias = Callable[[Array, Sizes], Any]


def pixel_shuffle(x: Any, stride: PerAxis) -> Array:
    """Channels become pixels: ``y[n, c, s*m + r] = x[n, c*s + r, m]`` on each axis.

    Parameters
    ----------
    x : nested list or SymPy array
        Axes N, C and the spatial ones.
    stride : int or one per spatial axis
        How many times longer the axis gets, >= 1.

    Returns
    -------
    sympy.Array
        As x, with ``prod(stride)`` times fewer channels.

    Raises
    ------
    ValueError
        x has no spatial axis, or a number of channels that is no multiple of the strides' product.
    TypeError
        `stride` is not an integer, or an element is not exact.

    Examples
    --------
    >>> import symbolic
    >>> symbolic.pixel_shuffle([[[1, 2], [10, 20]]], 2)
    [[[1, 10, 2, 20]]]
    """
    elements = read("x", x)
    n, c, *sizes = _shape("x", elements.shape)
    strides = per_axis("stride", stride, len(sizes), lowest=1)
    if c % prod(strides):
        raise ValueError(f"x: axis 1 (C) has size {c}; must be a multiple of {prod(strides)}, the product of strides")
    shape = (n, c // prod(strides), *(s * m for s, m in zip(strides, sizes, strict=True)))
    return filled(shape, {_shuffled(place, strides): element for place, element in elements.items()})


def pixel_unshuffle(y: Any, stride: PerAxis) -> Array:
    """Pixels become channels: the inverse of `pixel_shuffle`.

    Parameters
    ----------
    y : nested list or SymPy array
        Axes N, C and the spatial ones.
    stride : int or one per spatial axis
        How many times shorter the axis gets, >= 1.

    Returns
    -------
    sympy.Array
        As y, with ``prod(stride)`` times more channels.

    Raises
    ------
    ValueError
        y has no spatial axis, or a size that is no multiple of the stride.
    TypeError
        `stride` is not an integer, or an element is not exact.

    Examples
    --------
    >>> import symbolic
    >>> symbolic.pixel_unshuffle([[[1, 10, 2, 20]]], 2)
    [[[1, 2], [10, 20]]]
    """
    elements = read("y", y)
    n, c, *sizes = _shape("y", elements.shape)
    strides = per_axis("stride", stride, len(sizes), lowest=1)
    for a, (size, s) in enumerate(zip(sizes, strides, strict=True)):
        if size % s:
            raise ValueError(f"y: spatial axis {a} has size {size}; must be a multiple of stride = {s}")
    shape = (n, c * prod(strides), *(size // s for s, size in zip(strides, sizes, strict=True)))
    at = dict(elements.items())
    return filled(shape, {place: at[_shuffled(place, strides)] for place in indices(shape)})


@dataclass(frozen=True, repr=False)
class SubpixelConv(Stepwise):
    """A sub-pixel convolution: call it with x, ``print`` it, or let a notebook show it.

    Attributes
    ----------
    w : sympy.Array
        The kernel of the ordinary convolution with stride 1, as "OI...", with ``prod(stride)`` channels for each of y.
    stride : tuple of int
        Of the shuffle.
    padding : tuple of (int, int)
        Of the ordinary convolution.
    crop : tuple of int
        How many outputs are cut off at the end of each axis after the shuffle: 0 if the strides divide the sizes.
    groups : int
        Of channels.
    """

    w: Array = field(repr=False)
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    crop: Sizes
    groups: int = 1

    def __call__(self, x: Any, bias: Any = None, *, shuffle: Shuffle = pixel_shuffle) -> Array:
        """The output, with axes "NC..."; ``bias`` has one number for each channel of it."""
        require_callable("shuffle", shuffle)
        if bias is not None:
            bias = [number for number in read("bias", bias).flat for _ in range(prod(self.stride))]
        phases = conv(x, self.w, bias, padding=self.padding, groups=self.groups, layout="NC...")
        y = read("shuffle", shuffle(phases, self.stride))
        kept = tuple(size - more for size, more in zip(y.shape[2:], self.crop, strict=True))
        inside = {at: e for at, e in y.items() if all(a < size for a, size in zip(at[2:], kept, strict=True))}
        return filled((*y.shape[:2], *kept), inside)

    def steps(self) -> tuple[Step, ...]:
        """The kernel, and what is done."""
        grid = Grid.of(self.w)
        words = f"padding={list(self.padding)}, groups={self.groups}"
        lines = [f"z = conv(x, v, {words})", f"y = pixel_shuffle(z, {self.stride})"]
        if any(self.crop):
            lines.append(f"of y the last {self.crop} are cut off")
        return (
            Step(
                "Let v be the kernel for stride 1, with the phases as output channels:",
                wrapped(whole("v", grid)),
                rf"v = {latex_matrix(grid)}",
            ),
            Step("Convolve, and shuffle channels into pixels:", wrapped(lines), r"y_{n,c,s m + r} = z_{n,c s + r,m}"),
        )


@dataclass(frozen=True, repr=False)
class TransposedConv(Stepwise):
    """A transposed convolution with its kernel: call it with x, ``print`` it, or let a notebook show it.

    Attributes
    ----------
    w : sympy.Array
        The kernel, as "IO...".
    stride : tuple of int
        Per axis.
    padding : tuple of (int, int)
        Per axis.
    groups : int
        Of channels.
    """

    w: Array = field(repr=False)
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    groups: int = 1

    def __call__(self, x: Any, bias: Any = None) -> Array:
        """The output, with axes "NC..."."""
        words: dict[str, Any] = {"stride": self.stride, "padding": self.padding, "groups": self.groups}
        return conv_transpose(x, self.w, bias, layout="NC...", **words)

    def steps(self) -> tuple[Step, ...]:
        """The kernel, and what is done."""
        grid = Grid.of(self.w)
        words = f"stride={self.stride}, padding={list(self.padding)}, groups={self.groups}"
        return (
            Step(
                "Let v be the kernel that has the phases between each other:",
                wrapped(whole("v", grid)),
                rf"v = {latex_matrix(grid)}",
            ),
            Step(
                "Place each input times the kernel:",
                wrapped([f"y = conv_transpose(x, v, {words})"]),
                r"t = s i + j - p",
            ),
        )


def subpixel_from_transposed(
    w: Any,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> SubpixelConv:
    """The sub-pixel convolution that is equal to a transposed convolution, for every x of one element or more.

    Parameters
    ----------
    w : nested list or SymPy array
        The kernel of the transposed convolution, as "IO...", with one tap or more on each axis.
    stride, padding, output_padding, dilation, groups
        As in `conv_transpose`.

    Returns
    -------
    SubpixelConv
        Its kernel ``w`` has a zero where a phase has no tap.

    Raises
    ------
    ValueError, TypeError
        As for `conv_transpose`, or w has no taps.

    Examples
    --------
    Four taps with stride 2 are three taps with stride 1 for two channels, and half of them are zero:

    >>> import symbolic
    >>> print(symbolic.subpixel_from_transposed([[[1, 2, 3, 4]]], stride=2, padding=1))
    Let v be the kernel for stride 1, with the phases as output channels:
    <BLANKLINE>
      [0,:,:]
      [ 4  2  0 ]
      [1,:,:]
      [ 0  3  1 ]
    <BLANKLINE>
    Convolve, and shuffle channels into pixels:
    <BLANKLINE>
      z = conv(x, v, padding=[(1, 1)], groups=1)
      y = pixel_shuffle(z, (2,))
    """
    elements = read("w", w)
    channels_in, channels, *taps = _shape("w", elements.shape)
    if 0 in taps:
        raise ValueError(f"w: got shape {shown(elements.shape)}; must have one tap or more on each axis")
    axes = len(taps)
    pairs = padding_pairs(padding, axes) or ((0, 0),) * axes
    some = tuple(1 + max(0, begin + end) for begin, end in pairs)  # inputs enough for all that is cropped
    found = conv_transpose_axes(
        some,
        tuple(taps),
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        output_size=None,
    )
    strides = tuple(axis.stride for axis in found)
    offsets = [_offsets(axis) for axis in found]
    first = [min(of_axis.values()) for of_axis in offsets]
    size = tuple(max(of_axis.values()) - least + 1 for of_axis, least in zip(offsets, first, strict=True))
    groups = _groups(groups, channels_in)
    kernel: dict[Index, Expr] = {}
    for (ci, b, *j), tap in elements.items():
        group, within = divmod(ci, channels_in // groups)
        for r in indices(strides):
            if all((ra, ja) in of_axis for of_axis, ra, ja in zip(offsets, r, j, strict=True)):
                at = (o[ra, ja] - least for o, ra, ja, least in zip(offsets, r, j, first, strict=True))
                place = (_channel(group * channels + b, r, strides), within, *at)
                kernel[place] = tap
    ends, crops = [], []
    for axis, least, k, inputs in zip(found, first, size, some, strict=True):
        windows = -(-axis.size_out // axis.stride)
        ends.append(windows - inputs + least + k - 1)
        crops.append(windows * axis.stride - axis.size_out)
    shape = (channels * groups * prod(strides), channels_in // groups, *size)
    padded = tuple((-least, end) for least, end in zip(first, ends, strict=True))
    return SubpixelConv(filled(shape, kernel), strides, padded, tuple(crops), groups)


def transposed_from_subpixel(w: Any, *, stride: PerAxis, padding: Padding = 0, groups: int = 1) -> TransposedConv:
    """The transposed convolution that is equal to a sub-pixel convolution.

    Its kernel is stride times as long, ``w[ci, c, s*(K-1-q) + r]`` is tap q of channel ``c*s + r``, and its padding is
    ``s*(K-1-p)``.

    Parameters
    ----------
    w : nested list or SymPy array
        The kernel of the ordinary convolution with stride 1, as "OI...".
    stride : int or one per spatial axis
        Of the shuffle.
    padding, groups
        Of the ordinary convolution; "same" is not taken.

    Returns
    -------
    TransposedConv
        With its kernel ``w``, as "IO...".

    Raises
    ------
    ValueError, TypeError
        As for `conv`, or the output channels are no multiple of the strides' product.

    Examples
    --------
    >>> import symbolic
    >>> print(symbolic.transposed_from_subpixel([[[1, 2]], [[10, 20]]], stride=2))
    Let v be the kernel that has the phases between each other:
    <BLANKLINE>
      [0,:,:]
      [ 2  20  1  10 ]
    <BLANKLINE>
    Place each input times the kernel:
    <BLANKLINE>
      y = conv_transpose(x, v, stride=(2,), padding=[(2, 2)], groups=1)
    """
    elements = read("w", w)
    channels_out, inputs, *taps = _shape("w", elements.shape)
    strides = per_axis("stride", stride, len(taps), lowest=1)
    pairs = padding_pairs(padding, len(taps))
    if pairs is None:
        raise ValueError("padding: got 'same'; must be numbers here, or 'valid'")
    if channels_out % prod(strides):
        raise ValueError(
            f"w: axis 0 (O) has size {channels_out}; must be a multiple of {prod(strides)}, the product of strides"
        )
    groups = _groups(groups, channels_out // prod(strides))
    channels = channels_out // prod(strides) // groups
    kernel: dict[Index, Expr] = {}
    for (o, within, *q), tap in elements.items():
        c, *r = _phase(o, strides)
        group, b = divmod(c, channels)
        j = (s * (k - 1 - at) + phase for s, k, at, phase in zip(strides, taps, q, r, strict=True))
        place = (group * inputs + within, b, *j)
        kernel[place] = tap
    shape = (inputs * groups, channels, *(s * k for s, k in zip(strides, taps, strict=True)))
    crops = tuple(
        (s * (k - 1 - begin), s * (k - 1 - end)) for s, k, (begin, end) in zip(strides, taps, pairs, strict=True)
    )
    return TransposedConv(filled(shape, kernel), strides, crops, groups)


def prove_subpixel_from_transposed(
    x_shape: Any,
    w_shape: Any,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    shuffle: Shuffle = pixel_shuffle,
) -> Theorem:
    """A transposed convolution is the sub-pixel convolution that `subpixel_from_transposed` makes of it.

    Parameters
    ----------
    x_shape, w_shape : sequence of int
        As "NC..." and "IO...".
    stride, padding, output_padding, dilation, groups
        As in `conv_transpose`.
    shuffle : callable, optional
        From an array and the strides to the shuffled array; another one than `pixel_shuffle` has the channels in
        another order.

    Returns
    -------
    Theorem
        The statement and its proof by expansion, for these shapes and all values.

    Raises
    ------
    Refuted
        It is false, for another `shuffle`. The ``counterexample`` has x and w, and an element of both sides.
    ValueError, TypeError
        As for `subpixel_from_transposed`, or `shuffle` cannot be called.

    Examples
    --------
    >>> import symbolic
    >>> print(symbolic.prove_subpixel_from_transposed((1, 1, 2), (1, 1, 3), stride=2))
    A transposed convolution is a sub-pixel convolution:
    <BLANKLINE>
      z = conv(x, v, padding=[(1, 1)], groups=1)
      y = pixel_shuffle(z, (2,))
      of y the last (1,) are cut off
    <BLANKLINE>
    Let v be the kernel for stride 1, with the phases as output channels:
    <BLANKLINE>
      [0,:,:]
      [ w[0,0,2]  w[0,0,0] ]
      [1,:,:]
      [ 0  w[0,0,1] ]
    <BLANKLINE>
    Both expanded; all 5 differences are zero:
    <BLANKLINE>
      y[0,0,0] = b[0] + w[0,0,0]*x[0,0,0]
      y[0,0,1] = b[0] + w[0,0,1]*x[0,0,0]
      y[0,0,2] = b[0] + w[0,0,0]*x[0,0,1] + w[0,0,2]*x[0,0,0]
      y[0,0,3] = b[0] + w[0,0,1]*x[0,0,1]
      y[0,0,4] = b[0] + w[0,0,2]*x[0,0,1]
    """
    x, w = array("x", nonnegative("x_shape", x_shape)), array("w", nonnegative("w_shape", w_shape))
    words: dict[str, Any] = {"stride": stride, "padding": padding, "output_padding": output_padding}
    words |= {"dilation": dilation, "groups": groups}
    layer = subpixel_from_transposed(w, **words)
    bias = array("b", int(layer.w.shape[0]) // prod(layer.stride))
    y = conv_transpose(x, w, bias, layout="NC...", **words)
    other = layer(x, bias, shuffle=shuffle)
    require_equal(
        "transposed convolution is sub-pixel convolution",
        {"x": x, "w": w, "bias": bias},
        {"conv_transpose": y, "shuffled conv": other},
    )
    return _theorem("A transposed convolution is a sub-pixel convolution:", layer, y)


def prove_transposed_from_subpixel(
    x_shape: Any,
    w_shape: Any,
    *,
    stride: PerAxis,
    padding: Padding = 0,
    groups: int = 1,
    shuffle: Shuffle = pixel_shuffle,
) -> Theorem:
    """A sub-pixel convolution is the transposed convolution that `transposed_from_subpixel` makes of it.

    Parameters
    ----------
    x_shape, w_shape : sequence of int
        As "NC..." and "OI...".
    stride, padding, groups
        As in `transposed_from_subpixel`.
    shuffle : callable, optional
        As in `prove_subpixel_from_transposed`.

    Returns
    -------
    Theorem
        The statement and its proof by expansion, for these shapes and all values.

    Raises
    ------
    Refuted
        It is false, for another `shuffle`. The ``counterexample`` has x and w, and an element of both sides.
    ValueError, TypeError
        As for `transposed_from_subpixel`, or `shuffle` cannot be called.

    Examples
    --------
    >>> import symbolic
    >>> theorem = symbolic.prove_transposed_from_subpixel((1, 1, 2), (2, 1, 1), stride=2)
    >>> print(theorem.steps()[-1])
    Both expanded; all 4 differences are zero:
    <BLANKLINE>
      y[0,0,0] = b[0] + w[0,0,0]*x[0,0,0]
      y[0,0,1] = b[0] + w[1,0,0]*x[0,0,0]
      y[0,0,2] = b[0] + w[0,0,0]*x[0,0,1]
      y[0,0,3] = b[0] + w[1,0,0]*x[0,0,1]
    """
    x, w = array("x", nonnegative("x_shape", x_shape)), array("w", nonnegative("w_shape", w_shape))
    layer = transposed_from_subpixel(w, stride=stride, padding=padding, groups=groups)
    axes = len(layer.stride)
    pairs = padding_pairs(padding, axes) or ()
    subpixel = SubpixelConv(w, layer.stride, pairs, (0,) * axes, groups)
    bias = array("b", int(w.shape[0]) // prod(layer.stride))
    y = layer(x, bias)
    require_equal(
        "sub-pixel convolution is transposed convolution",
        {"x": x, "w": w, "bias": bias},
        {"conv_transpose": y, "shuffled conv": subpixel(x, bias, shuffle=shuffle)},
    )
    return _theorem("A sub-pixel convolution is a transposed convolution:", layer, y)


def _theorem(title: str, layer: SubpixelConv | TransposedConv, y: Array) -> Theorem:
    kernel, done = layer.steps()
    elements = by_place(y)
    return Theorem(
        Step(title, done.drawing, done.formula),
        (
            kernel,
            Step(
                f"Both expanded; {differences_are_zero(len(elements))}:",
                tuple(equations("y", elements)),
                equations_latex("y", elements),
            ),
        ),
    )


def _shape(name: str, shape: Sizes) -> Sizes:
    if len(shape) < 3:
        raise ValueError(f"{name}: got shape {shown(shape)}; must have 3 or more axes")
    return shape


def _groups(groups: Any, channels: int) -> int:
    (number,) = per_axis("groups", groups, 1, lowest=1)
    if channels % number:
        raise ValueError(f"groups: got {number}; must divide the {counted(channels, 'channel')}")
    return int(number)


def _offsets(axis: Axis) -> dict[tuple[int, int], int]:
    """For each phase r and each of its taps j: how far from m the input is that they meet in output ``s*m + r``."""
    found = {}
    for r, j in indices((axis.stride, axis.size_kernel)):
        offset, rest = divmod(r + axis.crop - axis.dilation * j, axis.stride)
        if not rest:
            found[r, j] = offset
    return found


def _channel(c: int, r: Index, strides: Sizes) -> int:
    """Where channel c has its phase r."""
    for s, phase in zip(strides, r, strict=True):
        c = c * s + phase
    return c


def _phase(channel: int, strides: Sizes) -> Index:
    """The way back: the channel, and the phase on each axis."""
    phases = []
    for s in reversed(strides):
        channel, r = divmod(channel, s)
        phases.append(r)
    return (channel, *reversed(phases))


def _shuffled(place: Index, strides: Sizes) -> Index:
    """Where an element goes."""
    n, channel, *m = place
    c, *r = _phase(channel, strides)
    return (n, c, *(s * a + phase for s, a, phase in zip(strides, m, r, strict=True)))
