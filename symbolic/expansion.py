"""Both operators, expanded: every output as the exact sum of its products, by independent routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Array

from symbolic import matrix, polynomial, polyphase, scatter, sliding_window, zero_insertion
from symbolic.arguments import Padding, PerAxis, shown
from symbolic.problem import Operator, Problem, Terms, read_problem

Route = Callable[[Problem], Terms]

ROUTES: dict[Operator, dict[str, Route]] = {
    "conv_transpose": {
        "scatter": scatter.terms,
        "zero_insertion": zero_insertion.terms,
        "matrix": matrix.conv_transpose_terms,
        "polynomial": polynomial.conv_transpose_terms,
        "polyphase": polyphase.terms,
    },
    "conv": {
        "sliding_window": sliding_window.terms,
        "matrix": matrix.conv_terms,
        "polynomial": polynomial.conv_terms,
    },
}
"""The routes of each operator: from a problem to the products that meet in each output."""


def conv_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "...",
    kernel_layout: str = "IO...",
    route: str = "scatter",
) -> Array:
    """Transposed convolution over any number of axes, exactly.

    Per spatial axis, with stride s, dilation d and the crop p at the beginning::

        y[n, c, t] = bias[c] + sum over ci, i, j with s*i + d*j = t + p of x[n, ci, i] * w[ci, c, j]

    The definition is that of ``tconv.conv_transpose``, and so are the arguments' names and meanings. Only
    taps that exist contribute. Products are left as they are, so that a result shows what it is made of:
    ``sympy.expand`` multiplies them out.

    Parameters
    ----------
    x : nested list or SymPy array
        Symbols, exact numbers or expressions, with axes as `layout` says. Anything else with ``shape`` and
        ``tolist`` will do too.
    w : nested list or SymPy array
        The kernel, with axes as `kernel_layout` says; where `layout` has no channels, spatial axes only.
    bias : nested list or SymPy array, optional
        Shape ``(channels_out,)``; one number where `layout` has no channels.
    stride, dilation : int or one per spatial axis
        >= 1.
    padding : int, one per spatial axis, one (begin, end) pair per spatial axis, "valid" or "same"
        What is cropped of the natural output; where negative, appended. "same" leaves ``stride * size_in``.
    output_padding : int or one per spatial axis
        How many outputs are appended at the end, >= 0.
    output_size : int or one per spatial axis, optional
        Fixes the output's size; the crop at the beginning stays.
    groups : int
        Into how many groups of channels the operands fall. The kernel's I axis holds all of them.
    layout : str
        The axes of x and y: "..." for the spatial ones, N for batch, C for channels. An x with one axis fewer
        is taken as unbatched.
    kernel_layout : str
        The axes of w: "..." for the spatial ones, I for input and O for output channels.
    route : {"scatter", "zero_insertion", "matrix", "polynomial", "polyphase"}
        How it is computed. All give the same expressions, as `prove_routes_agree` proves.

        * "scatter" places each input times the kernel and adds overlaps.
        * "zero_insertion" puts s-1 zeros between inputs, pads with d*(k-1)-p zeros, and slides the turned kernel.
        * "matrix" multiplies by the transposed matrix of the ordinary convolution.
        * "polynomial" multiplies polynomials, X(z^s)*W(z^d).
        * "polyphase" computes one ordinary convolution with stride 1 for each residue of t + p modulo s.

    Returns
    -------
    sympy.Array
        y, with axes as `layout` says.

    Raises
    ------
    ValueError
        An operand is ragged; shapes, channels and groups do not fit; an argument is too small, has too few or
        too many values, or is a word that is not known; padding crops more than there is.
    TypeError
        An argument is not an integer, or an operand holds something that is not exact, such as a float.

    Examples
    --------
    The document's example:

    >>> import symbolic
    >>> symbolic.conv_transpose([[1, 2], [3, 4]], [[1, 0], [0, -1]])
    [[1, 2, 0], [3, 3, -2], [0, -3, -4]]

    With symbols:

    >>> symbolic.conv_transpose(symbolic.array("x", 3), symbolic.array("w", 3), stride=2)
    [w[0]*x[0], w[1]*x[0], w[0]*x[1] + w[2]*x[0], w[1]*x[1], w[0]*x[2] + w[2]*x[1], w[1]*x[2], w[2]*x[2]]

    With batch, channels and cropping, by another route:

    >>> x, w = [[[1, 10], [1, 1]]], [[[1, 2, 3]], [[1, 0, 0]]]
    >>> symbolic.conv_transpose(x, w, [7], stride=2, padding=1, layout="NC...", route="matrix")
    [[[9, 21, 27]]]
    """
    problem = read_problem(
        "conv_transpose",
        x,
        w,
        bias,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        output_size=output_size,
        dilation=dilation,
        groups=groups,
        layout=layout,
        kernel_layout=kernel_layout,
    )
    return problem.result(_route("conv_transpose", route)(problem))


def conv(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "...",
    kernel_layout: str = "OI...",
    route: str = "sliding_window",
) -> Array:
    """Ordinary convolution (cross-correlation: the kernel is not turned) over any number of axes, exactly.

    Per spatial axis, with stride s, dilation d and p zeros before the beginning::

        y[n, c, t] = bias[c] + sum over ci, j of x[n, ci, s*t + d*j - p] * w[c, ci, j]

    The definition is that of ``tconv.conv``, and so are the arguments' names and meanings. What lies outside
    of x contributes nothing.

    Parameters
    ----------
    x, w, bias, stride, dilation, groups, layout, kernel_layout
        As in `conv_transpose`; the kernel's O axis holds all groups.
    padding : int, one per spatial axis, one (begin, end) pair per spatial axis, "valid" or "same"
        How far windows may reach beyond x; where negative, what they leave out. "same" gives one output for
        every `stride` inputs, ``ceil(size_in / stride)``.
    route : {"sliding_window", "matrix", "polynomial"}
        How it is computed. All give the same expressions, as `prove_routes_agree` proves.

        * "sliding_window" multiplies each window by the kernel.
        * "matrix" multiplies by the convolution's matrix.
        * "polynomial" multiplies polynomials, X(z)*W(z^-d).

    Returns
    -------
    sympy.Array
        y, with axes as `layout` says.

    Raises
    ------
    ValueError, TypeError
        As for `conv_transpose`.

    Examples
    --------
    The document's example:

    >>> import symbolic
    >>> symbolic.conv([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, -1]])
    [[-4, -4], [-4, -4]]
    >>> symbolic.conv(symbolic.array("x", 4), symbolic.array("w", 2), stride=2, padding=1)
    [w[1]*x[0], w[0]*x[1] + w[1]*x[2], w[0]*x[3]]
    """
    problem = read_problem(
        "conv",
        x,
        w,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        layout=layout,
        kernel_layout=kernel_layout,
    )
    return problem.result(_route("conv", route)(problem))


def _route(operator: Operator, name: Any) -> Route:
    routes = ROUTES[operator]
    if not isinstance(name, str) or name not in routes:
        raise ValueError(f"route: got {shown(name)}; must be one of {', '.join(map(repr, routes))}")
    return routes[name]
