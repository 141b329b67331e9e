"""The public functions: names and arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np

from tconv.algorithms import ALGORITHMS
from tconv.algorithms.fft import FEW_TAPS
from tconv.bilinear import Arguments
from tconv.bound import bound_function, is_as_new
from tconv.call import check_result, compute
from tconv.dtypes import as_array, promoted_as, read_dtype
from tconv.errors import ArgumentTypeError, MethodError, ParameterError, shown
from tconv.geometry import Operator, frozen, output_size, shape_of
from tconv.machine import configuration, team
from tconv.measuring import measured
from tconv.planner import read_method
from tconv.plans import Plan, plan_forward, plan_input_vjp, plan_weight_vjp
from tconv.typing import Array, ArrayLike, DTypeLike, Padding, PerAxis

__all__ = [
    "conv",
    "conv_input_vjp",
    "conv_transpose",
    "conv_transpose_input_vjp",
    "conv_transpose_weight_vjp",
    "conv_weight_vjp",
    "output_size",
    "plan",
    "show_config",
    "warmup",
]


def conv_transpose(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "NC...",
    kernel_layout: str = "IO...",
    method: str = "auto",
    accuracy: str = "direct",
    threads: int | None = None,
    out: Array | None = None,
) -> Array:
    """Transposed convolution (fractionally strided convolution) over any number of spatial axes.

    Per spatial axis, with stride s, dilation d and crop (p_b, p_e)::

        y[n, c, t] = bias[c] + sum of x[n, ci, i] * w[ci, c, j]  over all ci, i, j with  s*i + d*j = t + p_b
        o = (i - 1)*s + (k - 1)*d + 1 - p_b - p_e + output_padding        sizes: i of x, k of w, o of y

    It is the transpose (the adjoint) of `conv` with the same arguments, not its inverse. The kernel is not
    turned: each input places the kernel as it stands.

    Parameters
    ----------
    x : array_like, shape ``(batch, channels_in, *size_in)`` in the default layout
        The input: a NumPy array, or anything with ``__array__``, ``__array_interface__`` or DLPack on the
        CPU. Any strides and byte order; it is never written.
    w : array_like, shape ``(channels_in, channels_out // groups, *size_kernel)`` in the default layout
        The weights. Their axes decide how many spatial axes there are: any number from 1.
    bias : array_like, shape ``(channels_out,)``, optional
        Added to every output of its channel. A single number where the layout has no channels.
    stride : int or sequence of int, default 1
        Steps between the places of neighbouring inputs in the output, >= 1; for all axes, or one per axis.
    padding : int, str or sequence, default 0
        What is cropped from the natural output, i.e. the padding of the convolution that this transposes: an
        int, one int per axis, one (begin, end) pair per axis, "valid" (0), or "same" (o = i*s; the larger
        half of an odd crop is at the end). Negative numbers append outputs.
    output_padding : int or sequence of int, default 0
        How many more outputs to compute at the end, >= 0. What no product reaches is bias alone.
    output_size : int or sequence of int, optional
        The sizes o themselves, >= 0: the crop at the beginning stays, the end follows.
    dilation : int or sequence of int, default 1
        Steps between neighbouring kernel elements in the output, >= 1.
    groups : int, default 1
        Channels are split into this many groups that do not mix. The I axis of ``w`` holds all input
        channels, the O axis those of one group's output.
    layout : str, default "NC..."
        Where batch (N), channels (C) and the spatial axes (``...``) stand in ``x`` and the result: "NC...",
        "N...C", "C...", "...C", or "..." for plain arrays. With N, an array with one axis fewer is taken as
        unbatched, and so is the result.
    kernel_layout : str, default "IO..."
        Where input channels (I), output channels (O) and the spatial axes stand in ``w``: "IO..." (PyTorch
        and ONNX for transposed convolution), "OI..." (for ordinary), "...OI" (TensorFlow, Keras), "...IO".
        Not used when ``layout`` has no C: then ``w`` has spatial axes only.
    method : str, default "auto"
        The algorithm: "auto" takes the fastest by the planner's model, a name takes that one. `plan` shows
        both. "winograd" and "fft" (which needs SciPy: the extra ``fft``) round otherwise than a direct sum;
        "auto" takes them where ``accuracy`` allows.
    accuracy : {"direct", "fast", "exact-order"}, default "direct"
        Which rounding errors may be made for speed: "direct" takes algorithms whose proved bound on errors is at
        most 4 times the direct sum's, "fast" at most 16 times; "exact-order" only those that add up the products of
        the definition, nothing else. `plan` shows the bounds, by the largest |x| and |w|: where direct sums cancel as
        they go, as with signs that alternate, errors may be more times theirs. Without rounding all are the same.
    threads : int, optional
        How many threads to use at most; by default all that Numba has. The result has the same bits for any
        number.
    out : numpy.ndarray, optional
        Where to write the result: of its exact shape and dtype, writeable, not overlapping any operand;
        contiguous or not. Saves the time that the operating system takes to hand out fresh memory.

    Returns
    -------
    numpy.ndarray, shape ``(batch, channels_out, *size_out)`` in the default layout
        Of the dtype to which NumPy promotes x, w and bias; a bias that is a Python number makes it no wider.
        float16 is accumulated in float32, integers wrap around, object arrays (of `fractions.Fraction`, SymPy
        expressions, ints of any size) are computed exactly.

    Raises
    ------
    tconv.errors.ShapeError
        Shapes do not fit each other; the message names argument and axis.
    tconv.errors.ParameterError
        A number is below what is allowed, there are too few or too many of them, a word is unknown, or the
        padding crops more than there is; or the bias is a Python number that integers of x and w do not hold.
    tconv.errors.LayoutError
        A pattern can't be read.
    tconv.errors.MethodError
        No algorithm has this name, or it refuses this problem.
    tconv.errors.ArgumentTypeError
        An argument is not an integer, a word or an array where one is needed, or an array is on another
        device.
    tconv.errors.DtypeError
        An operand is boolean, longdouble, text or dates, or ``out`` has another dtype than the result.
    tconv.errors.OutError
        ``out`` is read-only, overlaps an operand, or overlaps itself.
    tconv.errors.TooLargeError
        The result fits neither the memory nor 64-bit indices.

    See Also
    --------
    ConvTranspose : the same with weights packed once, for many calls.
    output_size : the sizes of the result alone.
    plan : which algorithm would run, and what it would cost.

    Notes
    -----
    Only products that the definition holds are computed: a nan in ``w`` never meets a zero that is not in
    ``x``. The formula is that of PyTorch, ONNX and oneDNN; Keras and TensorFlow differ where k < s.

    References
    ----------
    V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, section 4.

    Examples
    --------
    >>> import tconv
    >>> tconv.conv_transpose([[1, 2], [3, 4]], [[1, 0], [0, -1]], layout="...")
    array([[ 1,  2,  0],
           [ 3,  3, -2],
           [ 0, -3, -4]])
    >>> tconv.conv_transpose([1, 10, 100], [1, 2, 3], stride=2, layout="...")
    array([  1,   2,  13,  20, 130, 200, 300])
    >>> from fractions import Fraction
    >>> x = [Fraction(1, 3), Fraction(1, 6)]
    >>> tconv.conv_transpose(x, [1, 1], layout="...")
    array([Fraction(1, 3), Fraction(1, 2), Fraction(1, 6)], dtype=object)
    """
    arguments = Arguments.of(
        "conv_transpose", stride, padding, output_padding, dilation, groups, layout, kernel_layout, accuracy
    )
    return _forward(arguments, frozen("output_size", output_size), x, w, bias, method, threads, out)


def conv(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "NC...",
    kernel_layout: str = "OI...",
    method: str = "auto",
    accuracy: str = "direct",
    threads: int | None = None,
    out: Array | None = None,
) -> Array:
    """Ordinary convolution (cross-correlation, as in every framework) over any number of spatial axes.

    Per spatial axis, with stride s, dilation d and padding (p_b, p_e)::

        y[n, c, t] = bias[c] + sum of x[n, ci, s*t + d*j - p_b] * w[c, ci, j]  over all ci, j inside x
        o = floor((i + p_b + p_e - (k - 1)*d - 1) / s) + 1                sizes: i of x, k of w, o of y

    The kernel is not turned. This is the map whose transpose is `conv_transpose`.

    Parameters
    ----------
    x : array_like, shape ``(batch, channels_in, *size_in)`` in the default layout
        The input, as for `conv_transpose`.
    w : array_like, shape ``(channels_out, channels_in // groups, *size_kernel)`` in the default layout
        The weights.
    bias : array_like, shape ``(channels_out,)``, optional
        Added to every output of its channel. A single number where the layout has no channels.
    stride, dilation : int or sequence of int, default 1
        Steps in the input between neighbouring outputs, and between neighbouring kernel elements.
    padding : int, str or sequence, default 0
        Zeros put around the input: an int, one int per axis, one (begin, end) pair per axis, "valid" (0), or
        "same" (o = ceil(i / s), with max((o - 1)*s + (k - 1)*d + 1 - i, 0) zeros, an odd one at the end).
        Negative numbers crop the input.
    groups : int, default 1
        Channels are split into this many groups that do not mix. The O axis of ``w`` holds all output
        channels, the I axis those of one group's input.
    layout : str, default "NC..."
        Where batch (N), channels (C) and the spatial axes (``...``) stand in ``x`` and the result: "NC...",
        "N...C", "C...", "...C", or "..." for plain arrays. With N, an array with one axis fewer is taken as
        unbatched, and so is the result.
    kernel_layout : str, default "OI..."
        Where input channels (I), output channels (O) and the spatial axes stand in ``w``: "IO..." (PyTorch
        and ONNX for transposed convolution), "OI..." (for ordinary), "...OI" (TensorFlow, Keras), "...IO".
        Not used when ``layout`` has no C: then ``w`` has spatial axes only.
    method : str, default "auto"
        The algorithm: "auto" takes the fastest by the planner's model, a name takes that one. `plan` shows
        both. "winograd" and "fft" (which needs SciPy: the extra ``fft``) round otherwise than a direct sum;
        "auto" takes them where ``accuracy`` allows.
    accuracy : {"direct", "fast", "exact-order"}, default "direct"
        Which rounding errors may be made for speed: "direct" takes algorithms whose proved bound on errors is at
        most 4 times the direct sum's, "fast" at most 16 times; "exact-order" only those that add up the products of
        the definition, nothing else. `plan` shows the bounds, by the largest |x| and |w|: where direct sums cancel as
        they go, as with signs that alternate, errors may be more times theirs. Without rounding all are the same.
    threads : int, optional
        How many threads to use at most; by default all that Numba has. The result has the same bits for any
        number.
    out : numpy.ndarray, optional
        Where to write the result: of its exact shape and dtype, writeable, not overlapping any operand;
        contiguous or not. Saves the time that the operating system takes to hand out fresh memory.

    Returns
    -------
    numpy.ndarray, shape ``(batch, channels_out, *size_out)`` in the default layout
        Of the dtype to which NumPy promotes x, w and bias; see `conv_transpose`.

    Raises
    ------
    tconv.errors.ShapeError
        Shapes do not fit each other; the message names argument and axis.
    tconv.errors.ParameterError
        A number is below what is allowed, there are too few or too many of them, a word is unknown, or the
        padding crops more than there is.
    tconv.errors.LayoutError
        A pattern can't be read.
    tconv.errors.MethodError
        No algorithm has this name, or it refuses this problem.
    tconv.errors.ArgumentTypeError
        An argument is not an integer, a word or an array where one is needed, or an array is on another
        device.
    tconv.errors.DtypeError
        An operand is boolean, longdouble, text or dates, or ``out`` has another dtype than the result.
    tconv.errors.OutError
        ``out`` is read-only, overlaps an operand, or overlaps itself.
    tconv.errors.TooLargeError
        The result fits neither the memory nor 64-bit indices.

    Examples
    --------
    >>> import tconv
    >>> tconv.conv([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 0], [0, -1]], layout="...")
    array([[-4, -4],
           [-4, -4]])
    >>> tconv.conv([1, 10, 100, 1000], [1, 2, 3], padding="same", layout="...")
    array([  32,  321, 3210, 2100])
    """
    arguments = Arguments.of("conv", stride, padding, 0, dilation, groups, layout, kernel_layout, accuracy)
    return _forward(arguments, None, x, w, bias, method, threads, out)


def conv_transpose_input_vjp(
    g: ArrayLike,
    w: ArrayLike,
    *,
    input_size: PerAxis | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "NC...",
    kernel_layout: str = "IO...",
    method: str = "auto",
    accuracy: str = "direct",
    threads: int | None = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `conv_transpose` with respect to x: its transpose in x, applied to a gradient g of y.

    Which is ordinary convolution of g with the same weights, stride, dilation and crop::

        result[n, ci, i] = sum of g[n, c, s*i + d*j - p_b] * w[ci, c, j]  over all c, j inside g

    Complex numbers are not conjugated: this is the transpose, not the Hermitian one.

    Parameters
    ----------
    g : array_like
        The incoming gradient, of the shape that `conv_transpose` returns.
    w : array_like
        The weights, as they were given to `conv_transpose`.
    input_size : int or sequence of int, optional
        Sizes of x along the spatial axes. By default they follow from g by the formula of the sizes; they
        must be given with ``output_size``.
    stride, padding, output_padding, output_size, dilation, groups, layout, kernel_layout
        As they were given to `conv_transpose`.
    method, accuracy, threads, out
        As in `conv_transpose`; ``method`` names an algorithm for the convolution that this is.

    Returns
    -------
    numpy.ndarray
        Of the shape of x and the dtype to which NumPy promotes g and w.

    Raises
    ------
    tconv.errors.ShapeError
        Shapes do not fit each other, or no x leads to this g; the message names argument and axis.
    tconv.errors.ParameterError
        A number is below what is allowed, there are too few or too many of them, a word is unknown, or the
        padding crops more than there is.
    tconv.errors.LayoutError
        A pattern can't be read.
    tconv.errors.MethodError
        No algorithm has this name, or it refuses this problem.
    tconv.errors.ArgumentTypeError
        An argument is not an integer, a word or an array where one is needed, or an array is on another
        device.
    tconv.errors.DtypeError
        An operand is boolean, longdouble, text or dates, or ``out`` has another dtype than the result.
    tconv.errors.OutError
        ``out`` is read-only, overlaps an operand, or overlaps itself.
    tconv.errors.TooLargeError
        The result fits neither the memory nor 64-bit indices.

    Examples
    --------
    >>> import tconv
    >>> tconv.conv_transpose_input_vjp([1, 2, 3, 4, 5], [1, 1, 1], stride=2, layout="...")
    array([ 6, 12])
    """
    arguments = Arguments.of(
        "conv_transpose", stride, padding, output_padding, dilation, groups, layout, kernel_layout, accuracy
    )
    sizes = frozen("input_size", input_size), frozen("output_size", output_size)
    return _input_vjp(arguments, sizes, g, w, method, threads, out)


def conv_input_vjp(
    g: ArrayLike,
    w: ArrayLike,
    *,
    input_size: PerAxis | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "NC...",
    kernel_layout: str = "OI...",
    method: str = "auto",
    accuracy: str = "direct",
    threads: int | None = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `conv` with respect to x: its transpose in x, applied to a gradient g of y.

    Which is transposed convolution of g with the same weights, stride, dilation and crop::

        result[n, ci, t] = sum of g[n, c, i] * w[c, ci, j]  over all c, i, j with  s*i + d*j = t + p_b

    Complex numbers are not conjugated.

    Parameters
    ----------
    g : array_like
        The incoming gradient, of the shape that `conv` returns.
    w : array_like
        The weights, as they were given to `conv`.
    input_size : int or sequence of int, optional
        Sizes of x along the spatial axes. By default the smallest that lead to the sizes of g (with
        ``padding="same"``, o*s); with a stride several do.
    stride, padding, dilation, groups, layout, kernel_layout
        As they were given to `conv`.
    method, accuracy, threads, out
        As in `conv`; ``method`` names an algorithm for the convolution that this is.

    Returns
    -------
    numpy.ndarray
        Of the shape of x and the dtype to which NumPy promotes g and w.

    Raises
    ------
    tconv.errors.ShapeError
        Shapes do not fit each other; the message names argument and axis.
    tconv.errors.ParameterError
        A number is below what is allowed, there are too few or too many of them, a word is unknown, or the
        padding crops more than there is.
    tconv.errors.LayoutError
        A pattern can't be read.
    tconv.errors.MethodError
        No algorithm has this name, or it refuses this problem.
    tconv.errors.ArgumentTypeError
        An argument is not an integer, a word or an array where one is needed, or an array is on another
        device.
    tconv.errors.DtypeError
        An operand is boolean, longdouble, text or dates, or ``out`` has another dtype than the result.
    tconv.errors.OutError
        ``out`` is read-only, overlaps an operand, or overlaps itself.
    tconv.errors.TooLargeError
        The result fits neither the memory nor 64-bit indices.

    Examples
    --------
    >>> import tconv
    >>> tconv.conv_input_vjp([6, 12], [1, 1, 1], stride=2, input_size=6, layout="...")
    array([ 6,  6, 18, 12, 12,  0])
    """
    arguments = Arguments.of("conv", stride, padding, 0, dilation, groups, layout, kernel_layout, accuracy)
    return _input_vjp(arguments, (frozen("input_size", input_size), None), g, w, method, threads, out)


def conv_transpose_weight_vjp(
    x: ArrayLike,
    g: ArrayLike,
    *,
    kernel_size: PerAxis,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "NC...",
    kernel_layout: str = "IO...",
    method: str = "auto",
    accuracy: str = "direct",
    threads: int | None = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `conv_transpose` with respect to w: its transpose in w, applied to a gradient g of y.

    Which is ordinary convolution of g with x as its kernel, stride and dilation exchanged, summed over the
    batch::

        result[ci, c, j] = sum of x[n, ci, i] * g[n, c, d*j + s*i - p_b]  over all n, i inside g

    Complex numbers are not conjugated.

    Parameters
    ----------
    x : array_like
        The input, as it was given to `conv_transpose`.
    g : array_like
        The incoming gradient, of the shape that `conv_transpose` returns.
    kernel_size : int or sequence of int
        Sizes of w along the spatial axes, one int per axis (an int is one axis).
    stride, padding, output_padding, output_size, dilation, groups, layout, kernel_layout
        As they were given to `conv_transpose`.
    method, accuracy, threads, out
        As in `conv_transpose`; ``method`` names an algorithm for the convolution that this is.

    Returns
    -------
    numpy.ndarray
        Of the shape of w and the dtype to which NumPy promotes x and g.

    Raises
    ------
    tconv.errors.ShapeError
        Shapes do not fit each other; the message names argument and axis.
    tconv.errors.ParameterError
        A number is below what is allowed, there are too few or too many of them, a word is unknown, or the
        padding crops more than there is.
    tconv.errors.LayoutError
        A pattern can't be read.
    tconv.errors.MethodError
        No algorithm has this name, or it refuses this problem.
    tconv.errors.ArgumentTypeError
        An argument is not an integer, a word or an array where one is needed, or an array is on another
        device.
    tconv.errors.DtypeError
        An operand is boolean, longdouble, text or dates, or ``out`` has another dtype than the result.
    tconv.errors.OutError
        ``out`` is read-only, overlaps an operand, or overlaps itself.
    tconv.errors.TooLargeError
        The result fits neither the memory nor 64-bit indices.

    Examples
    --------
    >>> import tconv
    >>> tconv.conv_transpose_weight_vjp([1, 10], [1, 2, 3, 4], kernel_size=2, stride=2, layout="...")
    array([31, 42])
    """
    arguments = Arguments.of(
        "conv_transpose", stride, padding, output_padding, dilation, groups, layout, kernel_layout, accuracy
    )
    sizes = frozen("kernel_size", kernel_size), frozen("output_size", output_size)
    return _weight_vjp(arguments, sizes, x, g, method, threads, out)


def conv_weight_vjp(
    x: ArrayLike,
    g: ArrayLike,
    *,
    kernel_size: PerAxis,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "NC...",
    kernel_layout: str = "OI...",
    method: str = "auto",
    accuracy: str = "direct",
    threads: int | None = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `conv` with respect to w: its transpose in w, applied to a gradient g of y.

    Which is ordinary convolution of x with g as its kernel, stride and dilation exchanged, summed over the
    batch::

        result[c, ci, j] = sum of x[n, ci, d*j + s*t - p_b] * g[n, c, t]  over all n, t inside x

    Complex numbers are not conjugated.

    Parameters
    ----------
    x : array_like
        The input, as it was given to `conv`.
    g : array_like
        The incoming gradient, of the shape that `conv` returns.
    kernel_size : int or sequence of int
        Sizes of w along the spatial axes, one int per axis (an int is one axis).
    stride, padding, dilation, groups, layout, kernel_layout
        As they were given to `conv`.
    method, accuracy, threads, out
        As in `conv`; ``method`` names an algorithm for the convolution that this is.

    Returns
    -------
    numpy.ndarray
        Of the shape of w and the dtype to which NumPy promotes x and g.

    Raises
    ------
    tconv.errors.ShapeError
        Shapes do not fit each other; the message names argument and axis.
    tconv.errors.ParameterError
        A number is below what is allowed, there are too few or too many of them, a word is unknown, or the
        padding crops more than there is.
    tconv.errors.LayoutError
        A pattern can't be read.
    tconv.errors.MethodError
        No algorithm has this name, or it refuses this problem.
    tconv.errors.ArgumentTypeError
        An argument is not an integer, a word or an array where one is needed, or an array is on another
        device.
    tconv.errors.DtypeError
        An operand is boolean, longdouble, text or dates, or ``out`` has another dtype than the result.
    tconv.errors.OutError
        ``out`` is read-only, overlaps an operand, or overlaps itself.
    tconv.errors.TooLargeError
        The result fits neither the memory nor 64-bit indices.

    Examples
    --------
    >>> import tconv
    >>> tconv.conv_weight_vjp([1, 2, 3, 4], [1, 10, 100], kernel_size=2, layout="...")
    array([321, 432])
    """
    arguments = Arguments.of("conv", stride, padding, 0, dilation, groups, layout, kernel_layout, accuracy)
    return _weight_vjp(arguments, (frozen("kernel_size", kernel_size), None), x, g, method, threads, out)


def plan(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    dtype: DTypeLike = "float32",
    *,
    operator: Operator = "conv_transpose",
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "NC...",
    kernel_layout: str | None = None,
    method: str = "auto",
    accuracy: str = "direct",
    threads: int | None = None,
    measure: bool = False,
) -> Plan:
    """How a call on operands of these shapes would be computed: which algorithm, why, and at what cost.

    Parameters
    ----------
    x_shape, w_shape : sequence of int
        Shapes of the input and the weights.
    dtype : dtype_like, default "float32"
        Of both.
    operator : {"conv_transpose", "conv"}
        The function to plan for.
    stride, padding, output_padding, output_size, dilation, groups, layout, method, accuracy, threads
        As in `conv_transpose`; `conv` has no ``output_padding`` and no ``output_size``.
    kernel_layout : str, optional
        As in `conv_transpose`; by default "IO..." for it and "OI..." for `conv`.
    measure : bool, default False
        Also measure what each algorithm takes with random operands, its weights packed; of those predicted to
        take less than a second.

    Returns
    -------
    tconv.plans.Plan
        Printed, it is a table: for each algorithm the floating-point operations, bytes moved, bytes of
        workspace and seconds that it predicts (to pack the weights, and then to compute), or why it refuses.
        ``plan.choice`` is the name of the one taken.

    Raises
    ------
    tconv.errors.TconvError
        As the function itself.

    Examples
    --------
    >>> import tconv
    >>> plan = tconv.plan((16, 128, 16, 16), (128, 64, 4, 4), stride=2, padding=1, threads=1)
    >>> plan.y_shape
    (16, 64, 32, 32)
    >>> print(tconv.plan((1, 3, 0), (3, 8, 5), threads=1))
    conv_transpose, float32 computed in float32, 1 thread
    (1, 3, 0) by (3, 8, 5) to (1, 8, 0)
    nothing to multiply: the result is empty, zero or bias alone
    """
    if operator not in ("conv_transpose", "conv"):
        raise ParameterError(f"operator: got {shown(operator)}; must be 'conv_transpose' or 'conv'")
    if operator == "conv" and (output_size is not None or frozen("output_padding", output_padding) != 0):
        raise ParameterError("output_padding, output_size: got one with operator 'conv'; must be left out")
    if kernel_layout is None:
        kernel_layout = "IO..." if operator == "conv_transpose" else "OI..."
    elements = read_dtype("dtype", dtype)
    found = plan_forward(
        Arguments.of(operator, stride, padding, output_padding, dilation, groups, layout, kernel_layout, accuracy),
        frozen("output_size", output_size),
        shape_of("x_shape", x_shape),
        elements,
        shape_of("w_shape", w_shape),
        elements,
        None,
        None,
        read_method(method),
        team(threads),
    )
    return measured(found) if measure else found


def warmup(
    dtypes: Iterable[DTypeLike] = ("float32",),
    *,
    methods: Iterable[str] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Compile what later calls need, so that none of them waits for it.

    Compiled code depends on dtypes, never on shapes, and is kept on disk (see `show_config`). So this takes
    seconds for each dtype the first time on a machine, and milliseconds in later processes. It computes a
    few tiny problems with each algorithm.

    Parameters
    ----------
    dtypes : iterable of dtype_like, default ("float32",)
        Of the operands to come.
    methods : iterable of str, optional
        The algorithms to compile; by default every one.
    threads : int, optional
        As in `conv_transpose`.
    progress : callable, optional
        Called as ``progress(done, total, label)`` before each step, and at the end with ``done == total``.

    Raises
    ------
    tconv.errors.TconvError
        A dtype is not computed with, or no algorithm has this name.

    Examples
    --------
    >>> import tconv
    >>> tconv.warmup(["float32"], methods=["scatter"])
    """
    kinds = [read_dtype("dtypes", dtype) for dtype in _several("dtypes", dtypes)]
    names = ALGORITHMS if methods is None else [read_method(method) for method in _several("methods", methods)]
    steps = [(kind, name) for kind in kinds for name in names]
    for done, (kind, name) in enumerate(steps):
        if progress is not None:
            progress(done, len(steps), f"{name} {kind}")
        x, w = np.ones((1, 1, 2 * FEW_TAPS), kind), np.ones((1, 1, FEW_TAPS), kind)
        gaps, short = x[..., ::2], w[..., :2]  # such inputs may be copied first; of few taps there is no spectrum
        for function, one in product((conv_transpose, conv), ((x, short), (gaps, short), (x, w))):
            with suppress(MethodError):  # an algorithm may be for some of them only
                function(*one, method=name, threads=threads)
    if progress is not None:
        progress(len(steps), len(steps), "")


def show_config() -> None:
    """Print what tconv found on this machine: versions, threads, vector width, where compiled code is kept.

    Examples
    --------
    >>> import tconv
    >>> tconv.show_config()  # doctest: +ELLIPSIS
    tconv ...
    """
    facts = configuration()
    width = max(map(len, facts))
    for name, fact in facts.items():
        print(f"{name.ljust(width)}  {fact}")


def _several(name: str, value: Any) -> Iterable[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ArgumentTypeError(f"{name}: got {shown(value)}; must be a sequence, such as {shown([value])}")
    return value


def _forward(
    arguments: Arguments,
    output_size: Any,
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None,
    method: str,
    threads: int | None,
    out: Array | None,
) -> Array:
    x, w = as_array("x", x), as_array("w", w)
    bias_dtype = None
    if bias is not None:
        given, bias = bias, as_array("bias", bias)
        bias_dtype = promoted_as(given, bias)
    plan = plan_forward(
        arguments,
        output_size,
        x.shape,
        x.dtype,
        w.shape,
        w.dtype,
        None if bias is None else bias.shape,
        bias_dtype,
        read_method(method),
        team(threads),
    )
    check_result(plan, out, x=x, w=w, bias=bias)
    if (out is None or is_as_new(out)) and x.flags.aligned and w.flags.aligned and (bias is None or bias.flags.aligned):
        of_bias = None if bias is None else (bias.dtype, bias.strides)
        bound = bound_function(plan, (x.dtype, x.strides), (w.dtype, w.strides), of_bias)
        if bound is not None and (y := bound(x, w, bias, out)) is not None:
            return y
    return compute(plan, x, w, bias, out)


def _input_vjp(
    arguments: Arguments,
    sizes: tuple[Any, Any],
    g: ArrayLike,
    w: ArrayLike,
    method: str,
    threads: int | None,
    out: Array | None,
) -> Array:
    g, w = as_array("g", g), as_array("w", w)
    method = read_method(method)
    plan = plan_input_vjp(arguments, sizes, g.shape, g.dtype, w.shape, w.dtype, method, team(threads))
    check_result(plan, out, g=g, w=w)
    return compute(plan, g, w, None, out)


def _weight_vjp(
    arguments: Arguments,
    sizes: tuple[Any, Any],
    x: ArrayLike,
    g: ArrayLike,
    method: str,
    threads: int | None,
    out: Array | None,
) -> Array:
    x, g = as_array("x", x), as_array("g", g)
    method = read_method(method)
    plan = plan_weight_vjp(arguments, sizes, x.shape, x.dtype, g.shape, g.dtype, method, team(threads))
    check_result(plan, out, x=x, g=g)
    large, small = (x, g) if arguments.operator == "conv" else (g, x)
    return compute(plan, large, small, None, out)
