"""Sizes, derived from where products land.

On one axis of a transposed convolution the product of input i and tap j lands at ``s*i + d*j``. These numbers
form an index set, and the natural output reaches from 0 to the largest of them. So its size is the largest
index plus one: nothing else is assumed, and no formula is typed in.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, NamedTuple

from sympy import Expr, sympify

from symbolic.arguments import Pair, Size, Sizes, integer_or_symbolic, padding_pairs, per_axis, shown

_NOTHING = -1  # the largest index of an empty set, so that its size, the largest index plus one, is 0


class IndexSet(NamedTuple):
    """Where products land on one axis: ``{s*i + d*j : 0 <= i < size_in, 0 <= j < size_kernel}``.

    Every part is an int or a SymPy expression; an expression stands for a size or step >= 1.
    """

    size_in: Size
    size_kernel: Size
    stride: Size
    dilation: Size

    def place(self, i: Size, j: Size) -> Size:
        """Where the product of input i and tap j lands.

        >>> IndexSet(3, 2, 2, 5).place(1, 1)
        7
        """
        return self.stride * i + self.dilation * j

    def largest(self) -> Size:
        """The largest index; -1 if there is none.

        ``s*i + d*j`` is linear in i and j, which vary over a box, and s and d are positive. So it is largest
        in the corner where both are.

        >>> IndexSet(3, 2, 2, 5).largest()
        9
        """
        if self.size_in == 0 or self.size_kernel == 0:
            return _NOTHING
        return self.place(self.size_in - 1, self.size_kernel - 1)

    def size(self) -> Size:
        """How many indices there are from 0 to the largest."""
        return self.largest() + 1

    def members(self) -> list[int]:
        """The set itself, in order; its sizes and steps must be numbers.

        >>> IndexSet(3, 2, 2, 5).members()
        [0, 2, 4, 5, 7, 9]
        """
        return sorted({int(self.place(i, j)) for i in range(int(self.size_in)) for j in range(int(self.size_kernel))})


class Axis(NamedTuple):
    """One spatial axis of a problem. ``crop`` is that at the beginning; the end follows from ``size_out``."""

    size_in: int
    size_kernel: int
    stride: int
    dilation: int
    crop: int
    size_out: int


def output_size(
    input_size: Any,
    kernel_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
) -> Expr | tuple[Expr, ...]:
    """Size of the output of a transposed convolution, from the set of indices where products land.

    Per spatial axis the products land at ``{s*i + d*j}`` for inputs ``0 <= i < input_size`` and taps
    ``0 <= j < kernel_size``. The natural size is the largest such index plus one, and 0 if there are no
    products; padding crops it, output padding appends to it. ``padding="same"`` crops it to
    ``stride*input_size``.

    Parameters
    ----------
    input_size, kernel_size : int, SymPy expression, or sequence of these
        Sizes along the spatial axes. A single one beside a sequence stands for all axes.
    stride, padding, output_padding, dilation
        As in `conv_transpose`, or SymPy expressions. An expression stands for any integer that is allowed,
        one that is a size for any but 0.

    Returns
    -------
    sympy.Expr or tuple of sympy.Expr
        A tuple if one of the sizes is a sequence.

    Raises
    ------
    ValueError
        A size or an argument is too small, there are too few or too many of them, or the padding crops more
        than there is.
    TypeError
        A value is neither an integer nor an expression that may stand for one.

    Examples
    --------
    The formula of the document appears by itself, and so does the one with everything in it:

    >>> import symbolic
    >>> from sympy.abc import d, k, n, p, r, s
    >>> symbolic.output_size(n, k, stride=s)
    k + s*(n - 1)
    >>> symbolic.output_size(n, k, stride=s, dilation=d, padding=p, output_padding=r)
    d*(k - 1) - 2*p + r + s*(n - 1) + 1
    >>> symbolic.output_size(2, 2)
    3
    >>> symbolic.output_size((4, 5), 3, stride=2, padding="same")
    (8, 10)
    """
    lengths = [len(v) for v in (input_size, kernel_size) if isinstance(v, Sized)]
    axes = max(lengths, default=1)
    if axes == 0:
        raise ValueError("input_size, kernel_size: got no spatial axis; must have one or more")
    read = integer_or_symbolic
    index_sets = map(
        IndexSet,
        per_axis("input_size", input_size, axes, lowest=0, read=read),
        per_axis("kernel_size", kernel_size, axes, lowest=0, read=read),
        per_axis("stride", stride, axes, lowest=1, read=read),
        per_axis("dilation", dilation, axes, lowest=1, read=read),
    )
    pairs = padding_pairs(padding, axes, read)
    more = per_axis("output_padding", output_padding, axes, lowest=0, read=read)
    sizes = tuple(
        sympify(_cropped(index_set, None if pairs is None else pairs[a], more[a], a))
        for a, index_set in enumerate(index_sets)
    )
    return sizes if lengths else sizes[0]


def conv_transpose_axes(
    size_in: Sizes,
    size_kernel: Sizes,
    *,
    stride: Any,
    dilation: Any,
    padding: Any,
    output_padding: Any,
    output_size: Any,
) -> tuple[Axis, ...]:
    """The spatial axes of a transposed convolution."""
    axes = len(size_kernel)
    strides = per_axis("stride", stride, axes, lowest=1)
    dilations = per_axis("dilation", dilation, axes, lowest=1)
    pairs = padding_pairs(padding, axes)
    more = per_axis("output_padding", output_padding, axes, lowest=0)
    if output_size is not None:
        if any(more):
            raise ValueError(f"output_padding: got {shown(output_padding)} beside output_size; must be 0 there")
        output_size = per_axis("output_size", output_size, axes, lowest=0)
    result = []
    for a, index_set in enumerate(map(IndexSet, size_in, size_kernel, strides, dilations)):
        begin, _ = _same(index_set) if pairs is None else pairs[a]
        if output_size is None:
            size_out = _cropped(index_set, None if pairs is None else pairs[a], more[a], a)
        else:
            size_out = output_size[a]
        result.append(Axis(*map(int, (*index_set, begin, size_out))))
    return tuple(result)


def conv_axes(size_in: Sizes, size_kernel: Sizes, *, stride: Any, dilation: Any, padding: Any) -> tuple[Axis, ...]:
    """The spatial axes of an ordinary convolution.

    Window t begins at ``s*t - begin``. There is a window for every t >= 0 whose last tap is still inside the padded
    input: `window_count` says how many.
    """
    axes = len(size_kernel)
    strides = per_axis("stride", stride, axes, lowest=1)
    dilations = per_axis("dilation", dilation, axes, lowest=1)
    pairs = padding_pairs(padding, axes)
    result = []
    for a, (i, k, s, d) in enumerate(zip(size_in, size_kernel, strides, dilations, strict=True)):
        last_tap = int(IndexSet(1, k, s, d).largest())
        if pairs is None:  # one window for every s-th input, as if the kernel had one tap, and the padding for that
            size_out = int(window_count(i, IndexSet(1, 1, s, d), (0, 0)))
            begin = max(s * (size_out - 1) + last_tap - (i - 1), 0) // 2
        else:
            begin = pairs[a][0]
            size_out = int(window_count(i, IndexSet(1, k, s, d), pairs[a]))
            if size_out < 0:
                raise ValueError(
                    f"padding: got {shown(pairs[a])} for spatial axis {a}, where a kernel that spans "
                    f"{last_tap + 1} meets {i} inputs; must leave >= 0 outputs, not {size_out}"
                )
        result.append(Axis(i, k, s, d, begin, size_out))
    return tuple(result)


def window_count(size_in: Size, window: IndexSet, pair: Pair) -> Size:
    """How many windows of an ordinary convolution fit into ``size_in`` inputs padded by ``pair``.

    ``window`` is where the taps of one input, the first window, lie. Window t is the same ``s*t`` further on, and the
    last that fits has its last tap at or before the last padded input. A number < 0 says how many are missing.

    >>> from sympy.abc import k, n, s
    >>> window_count(n, IndexSet(1, k, s, 1), (0, 0))
    floor((-k + n)/s) + 1
    """
    last_padded = pair[0] + size_in + pair[1] - 1
    return (last_padded - window.largest()) // window.stride + 1


def _cropped(index_set: IndexSet, pair: Pair | None, output_padding: Size, a: int) -> Size:
    """The size of the output when ``pair`` is cropped (None: "same") and ``output_padding`` appended."""
    if pair is None:
        return index_set.stride * index_set.size_in + output_padding
    size = index_set.size() - pair[0] - pair[1] + output_padding
    if size < 0 if isinstance(size, int) else size.is_negative:
        raise ValueError(
            f"padding: got {shown(pair)} for spatial axis {a}, where {index_set.size() + output_padding} "
            "outputs are to be cropped; must leave >= 0 of them"
        )
    return size


def _same(index_set: IndexSet) -> tuple[int, int]:
    """The crop of "same": halves, an odd one's larger half at the end; missing outputs are appended there."""
    excess = int(index_set.size() - index_set.stride * index_set.size_in)
    begin = max(excess, 0) // 2
    return begin, excess - begin
