"""Transpose, not inverse: when a transposed convolution undoes a convolution, and when the convolution undoes it.

With the matrix C of the ordinary convolution, ``conv_transpose(conv(x))`` is C^T C x and ``conv(conv_transpose(y))``
is C C^T y. The first cannot be x for all x where C has fewer rows than columns. The second is y up to a factor if C C^T
is a multiple of the identity: the windows are orthogonal, and all of the same length.

The entry of C C^T at (t, t') adds up w[j]*w[j'] over the inputs that the windows t and t' share. So where no two
windows share an input it is diagonal, whatever w is. If besides all windows lie inside of x, each entry of the diagonal
is the sum of w**2. That is the case of stride = kernel size. Where windows do share inputs it takes a special w, such
as a wavelet's.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import gcd
from typing import Any

from sympy import Add, Array, Expr, Integer, expand, latex

from symbolic.arguments import Padding, PerAxis, counted, number_of_axes, per_axis, shown
from symbolic.arrays import Index, array, filled, indices, read
from symbolic.drawing import added, bracketed, wrapped
from symbolic.drawing import factor as in_product
from symbolic.equality import by_place, difference, equations, equations_latex, nonzero_at, require_equal
from symbolic.expansion import conv, conv_transpose
from symbolic.matrix import transposed
from symbolic.steps import Step
from symbolic.theorem import Refuted, Theorem
from symbolic.transposition import ConvMatrix, conv_matrix

_LATEX = {"C C^T": r"C C^{\mathsf T}", "C^T C": r"C^{\mathsf T} C"}
_WORDS = {"C C^T": "C times its transpose", "C^T C": "the transpose of C times C"}
_WHY = {"C C^T": "No two windows share an input", "C^T C": "No window holds two inputs"}
_MOST = 8  # pairs that are written out


def prove_diagonal(
    input_size: PerAxis,
    kernel_size: PerAxis,
    *,
    of: str = "C C^T",
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> Theorem:
    """C C^T is diagonal for every kernel if and only if no two windows share an input.

    Its entry at (t, t') is the sum of ``w[j]*w[j']`` over ``s*t + d*j = s*t' + d*j'``, the inputs that both windows
    hold. These products have plus signs, so they do not cancel for all w. The windows t and t' share an input only if
    ``s*(t - t') = d*(j' - j)``, and then j' - j is a multiple of ``s/gcd(s, d)``. So if that is no less than k on
    each axis, no two windows share one, for every size of x: for d = 1 that is k <= s.

    C^T C is diagonal for every kernel if and only if no window holds two inputs.

    Parameters
    ----------
    input_size, kernel_size : int or one per spatial axis
        Of x and w. A sequence, here or below, says how many axes there are; an integer stands for all of them.
    of : {"C C^T", "C^T C"}
        Which product.
    stride, padding, dilation
        Of the ordinary convolution, as in `conv`.

    Returns
    -------
    Theorem
        The statement and its proof.

    Raises
    ------
    Refuted
        It is not diagonal. The ``counterexample`` has two of its labels, what the rows have in common, a kernel, and
        the entry there, which is not zero.
    ValueError, TypeError
        An argument is wrong, as for `conv`, or `of` is neither of the two.

    Examples
    --------
    >>> import symbolic
    >>> print(symbolic.prove_diagonal(5, 2, stride=2))
    No two windows share an input, so C times its transpose is diagonal for every
    kernel:
    <BLANKLINE>
      (C C^T)[0,0] = w[0]**2 + w[1]**2
      (C C^T)[1,1] = w[0]**2 + w[1]**2
    <BLANKLINE>
    Two windows hold the same input if their taps there differ by j' - j:
    <BLANKLINE>
      s*(t - t') = d*(j' - j), so j' - j is a multiple of s/gcd(s, d)
      axis 0: it is 2/1 = 2, and of 2 taps no two differ by as much
    <BLANKLINE>
    Counted for these sizes:
    <BLANKLINE>
      4 inputs are in one window, 1 in none, 0 in more
    >>> try:
    ...     symbolic.prove_diagonal(5, 3, stride=2)
    ... except symbolic.Refuted as refuted:
    ...     print(refuted)
    C C^T is diagonal: false for t = (0,), t' = (1,), common input = (2,), w = [1, 0, 1], (C C^T)[t,t'] = 1
    """
    _check(of)
    axes = number_of_axes(input_size, kernel_size, stride, padding, dilation)
    w = array("w", per_axis("kernel_size", kernel_size, axes, lowest=0))
    size_in = per_axis("input_size", input_size, axes, lowest=0)
    c = conv_matrix(w, size_in, stride=stride, padding=padding, dilation=dilation)
    factor = c if of == "C C^T" else c.T
    for common, rows in transposed(factor.entries).items():
        if len(rows) > 1:
            one, other, *_ = rows
            raise _met(of, factor, common, one, other, w)
    diagonal = {(*row, *row): _inner(taps, taps) for row, taps in factor.entries.items()}
    return Theorem(
        Step(
            f"{_WHY[of]}, so {_WORDS[of]} is diagonal for every kernel:",
            tuple(equations(f"({of})", diagonal)),
            equations_latex(f"({_LATEX[of]})", diagonal),
        ),
        (_windows_apart(c) if of == "C C^T" else _windows_of_one(), _counted(of, factor)),
    )


def prove_inverse(
    w: Any,
    input_size: PerAxis,
    *,
    of: str = "C^T C",
    factor: Any = 1,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> Theorem:
    """One of the two operators undoes the other: C^T C = I or C C^T = I, or that up to a factor.

    Proved for the given kernel and sizes, and all x or y, by expansion of one operator after the other on symbols. It
    is false for most kernels, and then an x or a y is found.

    Parameters
    ----------
    w : nested list or SymPy array
        The kernel: symbols, exact numbers or expressions.
    input_size : int or one per spatial axis
        Of the ordinary convolution's x.
    of : {"C^T C", "C C^T"}
        The claim: "C^T C" is ``conv_transpose(conv(x)) = factor * x``, "C C^T" is
        ``conv(conv_transpose(y)) = factor * y``.
    factor : number or expression, optional
        Not 0. None is whatever it may be.
    stride, padding, dilation
        Of the ordinary convolution, as in `conv`. The transposed one has the same, and the size of x as
        ``output_size``.

    Returns
    -------
    Theorem
        The statement and its proof.

    Raises
    ------
    Refuted
        It is false. The ``counterexample`` has an x or a y, and one element of what comes back.
    ValueError, TypeError
        An argument is wrong, as for `conv`.

    Examples
    --------
    The document's kernel: there and back is not where one was.

    >>> import symbolic
    >>> w = [[1, 0], [0, -1]]
    >>> try:
    ...     symbolic.prove_inverse(w, 3)
    ... except symbolic.Refuted as refuted:
    ...     x = refuted.counterexample["x"]
    >>> x
    [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    >>> symbolic.conv_transpose(symbolic.conv(x, w), w)
    [[-1, 0, 0], [0, 2, 0], [0, 0, -1]]

    With a stride of the kernel's size the convolution undoes the transposed one, but for the sum of squares:

    >>> print(symbolic.prove_inverse(symbolic.array("w", 2), 6, of="C C^T", factor=None, stride=2))
    Convolution undoes this transposed convolution, up to a factor:
    <BLANKLINE>
      conv(conv_transpose(y)) = (w[0]**2 + w[1]**2) * y   for all y
    <BLANKLINE>
    One after the other, expanded on symbols:
    <BLANKLINE>
      conv(conv_transpose(y))[0] = y[0]*(w[0]**2 + w[1]**2)
      conv(conv_transpose(y))[1] = y[1]*(w[0]**2 + w[1]**2)
      conv(conv_transpose(y))[2] = y[2]*(w[0]**2 + w[1]**2)
    <BLANKLINE>
    No two windows share an input, and the squares of the taps in each row add up to
    the factor:
    <BLANKLINE>
      w[0]**2 + w[1]**2

    Windows may overlap if the kernel is right. This one is Daubechies' with four taps:

    >>> from sympy import sqrt
    >>> w = [1 + sqrt(3), 3 + sqrt(3), 3 - sqrt(3), 1 - sqrt(3)]
    >>> print(symbolic.prove_inverse(w, 6, of="C C^T", factor=32, stride=2).steps()[-1])
    Windows share inputs, but for this kernel what they share adds up to nothing:
    <BLANKLINE>
      [0], [1]: (3 - sqrt(3))*(1 + sqrt(3)) + (1 - sqrt(3))*(sqrt(3) + 3) = 0
    """
    _check(of)
    c = conv_matrix(w, input_size, stride=stride, padding=padding, dilation=dilation)
    elements = read("w", w)
    kernel = filled(elements.shape, dict(elements.items()))
    name = "x" if of == "C^T C" else "y"
    values = array(name, c.shape_of("in" if of == "C^T C" else "out"))
    if values.free_symbols & kernel.free_symbols:
        raise ValueError(f"w: got {shown(w)}, which holds symbols of {name}; must hold others")
    window: dict[str, Any] = {"stride": stride, "dilation": dilation}
    back = {**window, "padding": [(axis.crop, 0) for axis in c.axes], "output_size": c.shape_of("in")}
    if of == "C^T C":
        call, title = "conv_transpose(conv(x))", "Transposed convolution undoes this convolution"
        there = conv_transpose(conv(values, kernel, padding=padding, **window), kernel, **back)
    else:
        call, title = "conv(conv_transpose(y))", "Convolution undoes this transposed convolution"
        there = conv(conv_transpose(values, kernel, **back), kernel, padding=padding, **window)
    scale = _scale(factor, call, there, values)
    scaled = filled(_shape(values), {i: element * scale for i, element in by_place(values).items()})
    claimed = name if scale == 1 else f"{in_product(scale)} * {name}"
    right = name if scale == 1 else f"({claimed})"
    require_equal(f"{call} = {claimed}", {name: values, "w": kernel}, {call: there, right: scaled})
    return Theorem(
        Step(
            f"{title}{'' if scale == 1 else ', up to a factor'}:",
            wrapped([f"{call} = {claimed}   for all {name}"]),
            f"{_LATEX[of]} = {'' if scale == 1 else in_product(scale, latex)} I",
        ),
        (
            Step(
                "One after the other, expanded on symbols:",
                tuple(equations(call, by_place(scaled))),
                equations_latex(rf"({_LATEX[of]} {name})", by_place(scaled)),
            ),
            _reason(of, c if of == "C C^T" else c.T, scale),
        ),
    )


def _check(of: Any) -> None:
    if of not in ("C C^T", "C^T C"):
        raise ValueError(f"of: got {shown(of)}; must be 'C C^T' or 'C^T C'")


def _shape(values: Array) -> tuple[int, ...]:
    return tuple(map(int, values.shape))


def _inner(a: Mapping[Index, Expr], b: Mapping[Index, Expr]) -> Expr:
    """The product of two rows."""
    return Add(*(entry * b[column] for column, entry in a.items() if column in b))


def _met(of: str, factor: ConvMatrix, common: Index, one: Index, other: Index, w: Array) -> Refuted:
    """The counterexample: two rows that have a column in common."""
    entry = _inner(factor.entries[one], factor.entries[other])
    point = nonzero_at(entry) or {}
    kernel = filled(_shape(w), {j: point.get(w[j], Integer(0)) for j in indices(_shape(w))})
    label, shared = ("t", "common input") if of == "C C^T" else ("i", "common window")
    places = {label: one, f"{label}'": other, shared: common}
    return Refuted(f"{of} is diagonal", {**places, "w": kernel, f"({of})[{label},{label}']": entry.subs(point)})


def _windows_apart(c: ConvMatrix) -> Step:
    """Where windows meet, by arithmetic, whatever the size of x."""
    lines = []
    for a, axis in enumerate(c.axes):
        common = gcd(axis.stride, axis.dilation)
        apart = axis.stride // common
        meeting = [n for n in range(1, axis.size_kernel) if axis.dilation * n % axis.stride == 0]
        if meeting != list(range(apart, axis.size_kernel, apart)):
            raise ArithmeticError(f"axis {a}: windows meet at {meeting}, not at multiples of {apart}")
        of_taps = "some differ by as much, but not on x" if meeting else "no two differ by as much"
        of = counted(axis.size_kernel, "tap")
        lines.append(f"axis {a}: it is {axis.stride}/{common} = {apart}, and of {of} {of_taps}")
    return Step(
        "Two windows hold the same input if their taps there differ by j' - j:",
        wrapped(["s*(t - t') = d*(j' - j), so j' - j is a multiple of s/gcd(s, d)", *lines]),
        r"s (t - t') = d (j' - j) \;\Rightarrow\; \frac{s}{\gcd(s, d)} \;\Big|\; j' - j, \quad 0 < |j' - j| < k",
    )


def _windows_of_one() -> Step:
    return Step(
        "The entry at i and i' adds up the windows that hold both:",
        ("the sum of w[j]*w[j'] over t, with i = s*t + d*j - p and i' = s*t + d*j' - p",),
        r"\sum_t w_j w_{j'}, \qquad i = s t + d j - p, \quad i' = s t + d j' - p",
    )


def _counted(of: str, factor: ConvMatrix) -> Step:
    """How many columns of ``factor`` have one entry, and that none has more."""
    holders = [len(rows) for rows in transposed(factor.entries).values()]
    if any(rows > 1 for rows in holders):
        raise ArithmeticError(f"{of}: two rows meet")
    one, none = len(holders), len(factor.columns) - len(holders)
    line = f"{counted(one, 'input')} {'is' if one == 1 else 'are'} in one window, {none} in none, 0 in more"
    if of == "C^T C":
        verb = "holds" if one == 1 else "hold"
        line = f"{counted(one, 'window')} {verb} one input, {none} none, 0 more"
    return Step("Counted for these sizes:", (line,), rf"\text{{{line}}}")


def _scale(factor: Any, call: str, there: Array, values: Array) -> Expr:
    """The factor, given or as the first element shows it."""
    if factor is not None:
        given = read("factor", factor)
        if given.shape != () or given.flat[0] == 0:
            raise ValueError(f"factor: got {shown(factor)}; must be one number or expression other than 0, or None")
        return given.flat[0]
    if not len(values):
        return Integer(1)
    first = (0,) * len(values.shape)
    found = expand(there[first]).coeff(values[first])
    if difference(found, Integer(0)) == 0:
        name = call[-3]
        unit = filled(_shape(values), {first: Integer(1)})
        raise Refuted(
            f"{call} is {name} times a factor that is not 0", {name: unit, f"{call}{bracketed(first)}": Integer(0)}
        )
    return found


def _reason(of: str, factor: ConvMatrix, scale: Expr) -> Step:
    """Why the entries beside the diagonal are zero: nothing is added up there, or it cancels."""
    rows = factor.entries
    meeting = sorted({pair for held in transposed(rows).values() for pair in combinations(sorted(held), 2)})
    if not meeting:
        return Step(
            f"{_WHY[of]}, and the squares of the taps in each row add up to the factor:",
            wrapped([str(scale)]),
            rf"\sum_j w_j^2 = {latex(scale)}",
        )
    lines, formulas = [], []
    for one, other in meeting[:_MOST]:
        pairs = [(entry, rows[other][column]) for column, entry in rows[one].items() if column in rows[other]]
        total = added(["*".join(map(in_product, pair)) for pair in pairs])
        if difference(_inner(rows[one], rows[other]), Integer(0)) != 0:
            raise ArithmeticError(f"{of}: {total} is not 0")
        lines.append(f"{bracketed(one)}, {bracketed(other)}: {total} = 0")
        products = (rf"{in_product(a, latex)} \cdot {in_product(b, latex)}" for a, b in pairs)
        formulas.append(" + ".join(products) + " &= 0")
    if len(meeting) > _MOST:
        lines.append(f"... and {counted(len(meeting) - _MOST, 'more pair')}")
        formulas.append(r"&\;\;\vdots")
    body = r" \\ ".join(formulas)
    what = "Windows share inputs" if of == "C C^T" else "Inputs share windows"
    return Step(
        f"{what}, but for this kernel what they share adds up to nothing:",
        wrapped(lines),
        rf"\begin{{aligned}} {body} \end{{aligned}}",
    )
