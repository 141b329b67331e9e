"""Interpolation by transposed convolution: the taps, exactly, and which signals they continue.

Pixels have areas, and a signal and its enlargement cover the same. So output t lies at ``(t + 1/2)/s - 1/2`` on the
axis of the inputs, for the scale s. With an interpolation function h it is a weighted sum of its neighbours::

    y[t] = sum over i of  x[i] * h((t + 1/2)/s - 1/2 - i)

The factor of ``x[i]`` depends on ``t - s*i`` alone. This is a transposed convolution with stride s and the taps
``w[j] = h((j - p - (s - 1)/2)/s)``; its padding p crops what lies before output 0.

An output meets the taps of its phase only: those for which ``t + p - d*j`` is a multiple of s. So two sums over each
phase say what becomes of simple signals. Where all taps of the phase are met, that is away from the ends,

* constants stay what they are if and only if the taps of each phase sum to 1;
* ramps do if and only if besides, the first moment ``sum of d*j*w[j]`` of each phase is ``p + (s - 1)/2``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from sympy import (
    Abs,
    Add,
    Array,
    Eq,
    Expr,
    Integer,
    Piecewise,
    Rational,
    Symbol,
    ceiling,
    expand,
    frac,
    latex,
    pi,
    sin,
    true,
)

from symbolic.arguments import Padding, PerAxis, Sizes, counted, integer, padding_pairs, per_axis, shown
from symbolic.arrays import Index, filled, indices, read
from symbolic.drawing import WIDTH, Grid, Printer, added, beside, bracketed, factor, fits, latex_matrix, matrix, wrapped
from symbolic.equality import difference
from symbolic.points import positive
from symbolic.sizes import conv_transpose_axes
from symbolic.steps import Step, Stepwise
from symbolic.theorem import Refuted, Theorem

KERNELS = ("bilinear", "bicubic", "lanczos2", "lanczos3")
"""The names of the interpolation functions."""

HALF = Rational(1, 2)
U = Symbol("u", real=True)
V = Symbol("v", nonnegative=True)  # |u|
F = Symbol("f", nonnegative=True)
I, N, P, T = (Symbol(name, integer=True) for name in "inpt")  # noqa: E741
S = Symbol("s", integer=True, positive=True)


class _Function(NamedTuple):
    """An interpolation function: one piece for each pixel on either side, and 0 beyond them."""

    pieces: tuple[Expr, ...]  # of V; number m holds for m <= |u| <= m + 1

    @property
    def half_width(self) -> int:
        return len(self.pieces)

    @property
    def is_polynomial(self) -> bool:
        return all(piece.is_polynomial(V) for piece in self.pieces)

    def at(self, u: Rational) -> Expr:
        """Its value at a number."""
        v = abs(u)
        if v >= self.half_width:
            return Integer(0)
        return Integer(1) if v == 0 else self.pieces[int(v)].subs(V, v)

    def at_neighbours(self) -> dict[int, Expr]:
        """Its values at ``f - m``, by m, for those m where it is not 0; 0 <= f <= 1."""
        behind = {-m: piece.subs(V, F + m) for m, piece in enumerate(self.pieces)}
        ahead = {m + 1: piece.subs(V, m + 1 - F) for m, piece in enumerate(self.pieces)}
        return dict(sorted((behind | ahead).items()))

    def formula(self) -> Expr:
        """It as one expression."""
        size = Abs(U)
        if self.is_polynomial:
            pieces = [(piece.subs(V, size), size <= m + 1) for m, piece in enumerate(self.pieces)]
        else:
            pieces = [(Integer(1), Eq(U, 0)), (self.pieces[0].subs(V, U), size < self.half_width)]
        return Piecewise(*pieces, (0, True))


@dataclass(frozen=True)
class InterpolationTaps(Stepwise):
    """The taps of one axis: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    kernel : str
        The name of the interpolation function.
    scale : int
        The stride: how many outputs there are for each input.
    padding : int
        What to crop at both ends, so that `size` inputs make ``scale*size`` outputs.
    weights : sympy.Array
        The taps: ``2*padding + scale`` of them.
    function : sympy.Expr
        The interpolation function, of u.
    divided : bool
        Whether the taps of each phase have been divided by their sum.
    """

    kernel: str
    scale: int
    padding: int
    weights: Array
    function: Expr = field(repr=False)
    divided: bool = field(repr=False)

    def over(self, axes: int) -> Array:
        """The kernel for several axes: the product of the taps of each.

        Parameters
        ----------
        axes : int
            How many, at least 1.

        Returns
        -------
        sympy.Array
            With that many axes.

        Examples
        --------
        >>> from symbolic import interpolation_taps
        >>> interpolation_taps("bilinear", 2).over(2)[0]
        [1/16, 3/16, 3/16, 1/16]
        """
        shape = (len(self.weights),) * positive("axes", axes)
        return filled(shape, {j: prod((self.weights[a] for a in j), start=Integer(1)) for j in indices(shape)})

    def steps(self) -> tuple[Step, ...]:
        """Where outputs lie, the interpolation function, the taps."""
        s, p = self.scale, self.padding
        taps = latex_matrix(Grid.of(self.weights))
        where, middle = T / Integer(s) + Rational(1 - s, 2 * s), p + Rational(s - 1, 2)
        divided = ", divided by the sum of their phase" if self.divided else ""
        return (
            Step(
                f"Enlarged {counted(s, 'time')}: each output is a sum of inputs, weighted by a function h.",
                (f"y[t] = sum over i of x[i]*h({where} - i)",),
                rf"y_t = \sum_i x_i \, h\!\left({latex(where)} - i\right)",
            ),
            Step(
                f"The {self.kernel} function:",
                wrapped(_by_cases(self.function)),
                rf"h(u) = {latex(self.function)}",
            ),
            Step(
                f"The taps for stride {s} and padding {p}{divided}:",
                (f"w[j] = h((j - {middle})/{s})", "", *_drawn(self.weights)),
                rf"w_j = h\!\left(\frac{{j - {latex(middle)}}}{{{s}}}\right) \qquad w = {taps}",
            ),
        )


def interpolation_taps(kernel: str, scale: int, *, a: Any = None, divided: bool = True) -> InterpolationTaps:
    """Taps that enlarge one axis `scale` times when they are used with stride `scale`.

    Parameters
    ----------
    kernel : {"bilinear", "bicubic", "lanczos2", "lanczos3"}
        The interpolation function, as `interpolation_function` has it.
    scale : int
        How many outputs there are for each input, at least 1.
    a : exact number or SymPy expression, optional
        The parameter of "bicubic"; -1/2 by default.
    divided : bool
        Whether the taps of each phase are divided by their sum. That is 1 for all but Lanczos kernels, for which it is
        nearly 1.

    Returns
    -------
    InterpolationTaps
        ``weights`` and ``padding``; the same as ``tconv.interpolation.interpolation_taps`` has, but exact.

    Raises
    ------
    ValueError
        There is no kernel of that name, `scale` is less than 1, or `a` is given for another kernel than "bicubic".
    TypeError
        `scale` is not an integer, or `a` is not exact.

    Examples
    --------
    >>> from symbolic import interpolation_taps
    >>> print(interpolation_taps("bilinear", 2))
    Enlarged 2 times: each output is a sum of inputs, weighted by a function h.
    <BLANKLINE>
      y[t] = sum over i of x[i]*h(t/2 - 1/4 - i)
    <BLANKLINE>
    The bilinear function:
    <BLANKLINE>
      h(u) = 1 - |u|  where |u| <= 1
      h(u) = 0  elsewhere
    <BLANKLINE>
    The taps for stride 2 and padding 1:
    <BLANKLINE>
      w[j] = h((j - 3/2)/2)
    <BLANKLINE>
      w = [ 1/4  3/4  3/4  1/4 ]
    >>> interpolation_taps("bicubic", 3).weights
    [-1/27, -2/27, 0, 1/3, 7/9, 1, 7/9, 1/3, 0, -2/27, -1/27]
    >>> interpolation_taps("lanczos3", 2, divided=False).weights[1:3]
    [8/(27*pi**2), -24*sqrt(2)*(sqrt(2)/4 + sqrt(6)/4)/(49*pi**2)]
    """
    function = _function(kernel, a)
    s = positive("scale", scale)
    middle = Rational(s - 1, 2)
    padding = int(ceiling(function.half_width * s - middle)) - 1
    weights = [function.at((j - padding - middle) / s) for j in range(2 * padding + s)]
    divides = bool(divided) and not function.is_polynomial
    if divides:
        weights = [expand(weight * pi**2) for weight in weights]  # so that there is no pi in the quotients
        for phase in range(s):
            total = Add(*weights[phase::s])
            weights[phase::s] = [weight / total for weight in weights[phase::s]]
    return InterpolationTaps(kernel, s, padding, Array(weights), function.formula(), divides)


def interpolation_function(kernel: str, *, a: Any = None) -> Expr:
    """The interpolation function of a kernel: 1 at 0, and 0 at all other integers.

    Parameters
    ----------
    kernel : {"bilinear", "bicubic", "lanczos2", "lanczos3"}
        "bilinear" is the triangle of half-width 1. "bicubic" is the cubic of Keys (doi:10.1109/TASSP.1981.1163711).
        "lanczos2" and "lanczos3" are ``sinc(u)*sinc(u/n)`` for ``|u| < n``, n = 2 and 3.
    a : exact number or SymPy expression, optional
        The parameter of "bicubic", its slope at 1; -1/2 by default.

    Returns
    -------
    sympy.Expr
        Of the real symbol u.

    Raises
    ------
    ValueError, TypeError
        As for `interpolation_taps`.

    Examples
    --------
    >>> from symbolic import interpolation_function
    >>> interpolation_function("bilinear")
    Piecewise((1 - Abs(u), Abs(u) <= 1), (0, True))
    """
    return _function(kernel, a).formula()


def prove_reproduces_constants(w: Any, *, stride: PerAxis = 1, dilation: PerAxis = 1) -> Theorem:
    """That a transposed convolution leaves constants as they are: the taps of each phase sum to 1.

    Every interpolation does: between equal numbers there is nothing else.

    Parameters
    ----------
    w : nested list or SymPy array
        The kernel: spatial axes only, any number of them.
    stride, dilation
        As in `conv_transpose`.

    Returns
    -------
    symbolic.theorem.Theorem
        It holds for every output that meets all taps of its phase.

    Raises
    ------
    symbolic.theorem.Refuted
        The taps of a phase do not sum to 1. The counterexample has ``phase``, which is t plus the crop modulo the
        stride, and ``sum``, which is what becomes of ones there.
    ValueError, TypeError
        As for `conv_transpose`; or SymPy cannot decide whether a sum is what it must be.

    Examples
    --------
    >>> from symbolic import interpolation_taps, prove_reproduces_constants
    >>> taps = interpolation_taps("bilinear", 2)
    >>> print(prove_reproduces_constants(taps.weights, stride=2))
    With stride 2, w leaves constants as they are, away from the ends.
    <BLANKLINE>
      w = [ 1/4  3/4  3/4  1/4 ]
    <BLANKLINE>
    Ones become sums of taps: an output meets each tap of its phase.
    <BLANKLINE>
      y[t] = sum of w[j] over all j with d*j = t + p modulo s
    <BLANKLINE>
    The taps of each phase sum to 1:
    <BLANKLINE>
      phase [0]: 1/4 + 3/4 = 1
      phase [1]: 3/4 + 1/4 = 1

    The document calls its transposed convolution an interpolation. Its kernel makes zeros of ones:

    >>> from symbolic.document import CONV_TRANSPOSE
    >>> prove_reproduces_constants(CONV_TRANSPOSE.w)
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: with stride 1, w leaves constants as they are: false for phase = (0, 0), sum = 0
    """
    kernel = _read_kernel(w, stride, dilation)
    words = f"with stride {_word(kernel.stride)}, w leaves constants as they are"
    sums = _sums_are_one(kernel, words)
    ones = Step(
        "Ones become sums of taps: an output meets each tap of its phase.",
        ("y[t] = sum of w[j] over all j with d*j = t + p modulo s",),
        rf"y_t = \sum_{{{_PHASE_LATEX}}} w_j",
    )
    return Theorem(kernel.statement(words), (ones, sums))


def prove_reproduces_ramps(w: Any, *, stride: PerAxis = 1, padding: Padding = 0, dilation: PerAxis = 1) -> Theorem:
    """That a transposed convolution continues linear ramps, where output t lies at ``(t + 1/2)/s - 1/2``.

    That is what `prove_reproduces_constants` asks for, and over each phase and along each axis
    ``sum of d*j*w[j] = p + (s - 1)/2``.

    Parameters
    ----------
    w : nested list or SymPy array
        The kernel: spatial axes only, any number of them.
    stride, padding, dilation
        As in `conv_transpose`. Of the padding only that at the beginning matters.

    Returns
    -------
    symbolic.theorem.Theorem
        It holds for every output that meets all taps of its phase.

    Raises
    ------
    symbolic.theorem.Refuted
        The counterexample has ``phase``, and either ``sum``, which is not 1, or ``axis``, ``moment`` and ``position``,
        which are not the same.
    ValueError, TypeError
        As for `conv_transpose`; or SymPy cannot decide whether a sum is what it must be.

    Examples
    --------
    >>> from symbolic import interpolation_taps, prove_reproduces_ramps
    >>> taps = interpolation_taps("bilinear", 2)
    >>> print(prove_reproduces_ramps(taps.weights, stride=2, padding=taps.padding))
    With stride 2 and padding 1, w continues ramps, away from the ends.
    <BLANKLINE>
      w = [ 1/4  3/4  3/4  1/4 ]
    <BLANKLINE>
    The ramp x[i] = i becomes, where i meets tap j in output t = s*i + d*j - p,
    <BLANKLINE>
      y[t] = sum of w[j]*(t + p - d*j)/s over all j with d*j = t + p modulo s
    <BLANKLINE>
    The taps of each phase sum to 1:
    <BLANKLINE>
      phase [0]: 1/4 + 3/4 = 1
      phase [1]: 3/4 + 1/4 = 1
    <BLANKLINE>
    It is (t + 1/2)/s - 1/2 if the sum of d*j*w[j] is p + (s - 1)/2:
    <BLANKLINE>
      phase [0]: 0*(1/4) + 2*(3/4) = 3/2
      phase [1]: 1*(3/4) + 3*(1/4) = 3/2

    To repeat each input leaves constants as they are, but it makes stairs of a ramp:

    >>> prove_reproduces_ramps([1, 1], stride=2)  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: with stride 2 and padding 0, w continues ramps: false for phase = (0,), axis = 0,
        moment = 0, position = 1/2
    """
    kernel = _read_kernel(w, stride, dilation)
    begins = _begins(kernel, padding)
    words = f"with stride {_word(kernel.stride)} and padding {_word(begins)}, w continues ramps"
    sums = _sums_are_one(kernel, words)
    _must_vanish(((T + P) - (P + (S - 1) / 2)) / S - ((T + HALF) / S - HALF))
    ramp = Step(
        "The ramp x[i] = i becomes, where i meets tap j in output t = s*i + d*j - p,",
        ("y[t] = sum of w[j]*(t + p - d*j)/s over all j with d*j = t + p modulo s",),
        rf"y_t = \sum_{{{_PHASE_LATEX}}} w_j \, \frac{{t + p - d j}}{{s}}",
    )
    moments = (_moments(kernel, a, begin, words) for a, begin in enumerate(begins))
    return Theorem(kernel.statement(words), (ramp, sums, *moments))


def prove_continues_polynomials(kernel: str, degree: int, *, a: Any = None) -> Theorem:
    """That at every scale, an interpolation function continues polynomials up to a degree.

    Parameters
    ----------
    kernel : {"bilinear", "bicubic", "lanczos2", "lanczos3"}
        The interpolation function.
    degree : int
        Of the polynomials at most, at least 0: 0 for constants, 1 for ramps.
    a : exact number or SymPy expression, optional
        The parameter of "bicubic"; -1/2 by default.

    Returns
    -------
    symbolic.theorem.Theorem
        For every scale, and for the taps of `interpolation_taps` with ``divided=False``.

    Raises
    ------
    symbolic.theorem.Refuted
        The counterexample has ``degree``, q, ``scale``, and ``position``: where an output lies. With ``x[i] = i**q`` it
        is ``y``, but should be ``power``, which is ``position**q``.
    ValueError, TypeError
        As for `interpolation_taps`, and for `degree` alike.

    Examples
    --------
    >>> from symbolic import prove_continues_polynomials
    >>> print(prove_continues_polynomials("bilinear", 1))
    At every scale, bilinear taps continue polynomials up to degree 1:
    <BLANKLINE>
      x[i] = i**q becomes y[t] = ((t + 1/2)/s - 1/2)**q
      for q = 0 to 1, away from the ends
    <BLANKLINE>
    Input i meets output t in the tap j = t + p - s*i, and that is h(u - i):
    <BLANKLINE>
      (j - p - (s - 1)/2)/s = u - i  with  u = (t + 1/2)/s - 1/2
    <BLANKLINE>
    No tap is missing: where the next ones would be, on either side, h is 0.
    <BLANKLINE>
      p + 1 + (s - 1)/2 >= s  for  p = ceiling(s - (s - 1)/2) - 1
    <BLANKLINE>
    Let u = n + f, with 0 <= f <= 1. Then h(u - i), for each neighbour i, is:
    <BLANKLINE>
      x[n]: 1 - f
      x[n+1]: f
    <BLANKLINE>
    Of x[i] = 1 they make 1, for all n and f:
    <BLANKLINE>
      (1 - f) + (f) = 1
    <BLANKLINE>
    Of x[i] = i they make n + f, for all n and f:
    <BLANKLINE>
      n*(1 - f) + (n + 1)*(f) = n + f

    The cubic of Keys continues parabolas, for its usual parameter; no other one continues even ramps:

    >>> prove_continues_polynomials("bicubic", 2).statement.title
    'At every scale, bicubic taps continue polynomials up to degree 2:'
    >>> prove_continues_polynomials("bicubic", 2, a=-1)  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: bicubic(-1) taps continue polynomials up to degree 2: false for degree = 1,
        scale = 2, position = 3/4, y = 21/32, power = 3/4
    """
    function = _function(kernel, a)
    highest = integer("degree", degree)
    if highest < 0:
        raise ValueError(f"degree: got {highest}; must be an integer >= 0")
    name = f"{kernel} taps" if a is None else f"{kernel}({a}) taps"
    claim = f"{name} continue polynomials up to degree {highest}"
    weights = {m: expand(weight) for m, weight in function.at_neighbours().items()}
    for q in range(highest + 1):
        if expand(Add(*((N + m) ** q * weight for m, weight in weights.items())) - (N + F) ** q) != 0:
            raise Refuted(claim, _counterexample(function, q))
    steps = (
        _tap_is_function_of_distance(),
        _no_tap_is_missing(kernel, function.half_width),
        _neighbours(function, weights),
        *(_power(q, weights) for q in range(highest + 1)),
    )
    degrees, dots = ("q = 0", "q = 0") if highest == 0 else (f"q = 0 to {highest}", rf"0 \le q \le {highest}")
    statement = Step(
        f"At every scale, {claim}:",
        ("x[i] = i**q becomes y[t] = ((t + 1/2)/s - 1/2)**q", f"for {degrees}, away from the ends"),
        rf"x_i = i^q \;\rightarrow\; y_t = {_WHERE_LATEX}^q, \quad {dots}",
    )
    return Theorem(statement, steps)


_PHASE_LATEX = r"j: \, d j \,\equiv\, t + p \; (\mathrm{mod} \; s)"
_WHERE_LATEX = r"\left(\tfrac{1}{s}\left(t + \tfrac{1}{2}\right) - \tfrac{1}{2}\right)"


class _Kernel(NamedTuple):
    """Taps by their indices, and the steps."""

    w: Array
    stride: Sizes
    dilation: Sizes

    def phases(self) -> Iterator[tuple[Index, list[tuple[Index, Expr]]]]:
        """Each residue of ``t + p`` modulo the stride, with the taps that meet there."""
        taps: dict[Index, list[tuple[Index, Expr]]] = {}
        for j in indices(tuple(map(int, self.w.shape))):
            residue = tuple(d * b % s for s, d, b in zip(self.stride, self.dilation, j, strict=True))
            taps.setdefault(residue, []).append((j, self.w[j]))
        return ((phase, taps.get(phase, [])) for phase in indices(self.stride))

    def statement(self, words: str) -> Step:
        title = f"{words[0].upper()}{words[1:]}, away from the ends."
        return Step(title, _drawn(self.w), f"w = {latex_matrix(Grid.of(self.w))}")


def _read_kernel(w: Any, stride: Any, dilation: Any) -> _Kernel:
    elements = read("w", w)
    axes = len(elements.shape)
    if axes == 0:
        raise ValueError("w: got shape (); must have 1 or more axes")
    strides, dilations = (
        per_axis(name, value, axes, lowest=1) for name, value in (("stride", stride), ("dilation", dilation))
    )
    return _Kernel(Array(elements.flat, elements.shape), strides, dilations)


def _begins(kernel: _Kernel, padding: Any) -> Sizes:
    """The crop at the beginning of each axis; that of "same" is the same for all numbers of inputs."""
    pairs = padding_pairs(padding, len(kernel.stride))
    if pairs is None:
        return tuple(
            axis.crop
            for axis in conv_transpose_axes(
                kernel.stride,
                kernel.w.shape,
                stride=kernel.stride,
                dilation=kernel.dilation,
                padding="same",
                output_padding=0,
                output_size=None,
            )
        )
    return tuple(begin for begin, _ in pairs)


def _sums_are_one(kernel: _Kernel, claim: str) -> Step:
    lines, formulas = [], []
    for phase, taps in kernel.phases():
        weights = [weight for _, weight in taps]
        total = Add(*weights)
        if difference(total, Integer(1)) != 0:
            raise Refuted(claim, {"phase": phase, "sum": total})
        lines.append(_line(phase, [str(weight) for weight in weights], "1"))
        formulas.append(_line_latex(phase, [latex(weight) for weight in weights], "1"))
    return Step("The taps of each phase sum to 1:", tuple(lines), _aligned(formulas))


def _moments(kernel: _Kernel, axis: int, begin: int, claim: str) -> Step:
    s, d = kernel.stride[axis], kernel.dilation[axis]
    position = begin + Rational(s - 1, 2)
    lines: list[str] = []
    formulas: list[str] = []
    for phase, taps in kernel.phases():
        places = [d * j[axis] for j, _ in taps]
        moment = Add(*(place * weight for place, (_, weight) in zip(places, taps, strict=True)))
        if difference(moment, position) != 0:
            raise Refuted(claim, {"phase": phase, "axis": axis, "moment": moment, "position": position})
        for sums, line, printer, times in (
            (lines, _line, str, "*"),
            (formulas, _line_latex, latex, r" \cdot "),
        ):
            terms = [f"{place}{times}{factor(w, printer)}" for place, (_, w) in zip(places, taps, strict=True)]
            sums.append(line(phase, terms, printer(position)))
    where = "It" if len(kernel.stride) == 1 else f"On axis {axis} it"
    return Step(
        f"{where} is (t + 1/2)/s - 1/2 if the sum of d*j*w[j] is p + (s - 1)/2:",
        tuple(lines),
        _aligned(formulas),
    )


def _drawn(w: Array) -> tuple[str, ...]:
    grid = Grid.of(w)
    drawing = beside("w =", matrix(grid))
    if fits(drawing):
        return tuple(drawing)
    return wrapped(f"w{bracketed(j)} = {weight}" for j, weight in grid.elements.items())


def _line(phase: Index, terms: Sequence[str], total: str) -> str:
    line = f"phase {bracketed(phase)}: {added(terms)} = {total}"
    return (
        line if len(line) <= WIDTH else f"phase {bracketed(phase)}: the sum of {counted(len(terms), 'term')} is {total}"
    )


def _line_latex(phase: Index, terms: Sequence[str], total: str) -> str:
    return rf"{bracketed(phase)}: \quad & {added(terms)} = {total}"


def _aligned(lines: Sequence[str]) -> str:
    joined = r" \\ ".join(lines)
    return rf"\begin{{aligned}} {joined} \end{{aligned}}"


def _tap_is_function_of_distance() -> Step:
    where = (T + HALF) / S - HALF
    _must_vanish(((T + P - S * I) - P - (S - 1) / 2) / S - (where - I))
    return Step(
        "Input i meets output t in the tap j = t + p - s*i, and that is h(u - i):",
        ("(j - p - (s - 1)/2)/s = u - i  with  u = (t + 1/2)/s - 1/2",),
        rf"\tfrac{{1}}{{s}}\left(j - p - \tfrac{{s - 1}}{{2}}\right) = u - i, \quad u = {_WHERE_LATEX}",
    )


def _no_tap_is_missing(kernel: str, width: int) -> Step:
    """The taps that would come next, -1 and ``2*p + s``, are equally far from the middle."""
    middle = (S - 1) / 2
    padding = ceiling(width * S - middle) - 1
    _must_vanish((padding + middle + 1) - (2 * padding + S - padding - middle))
    beyond = expand(padding + middle + 1 - width * S).rewrite(frac)
    if not beyond.is_nonnegative:
        raise ArithmeticError(f"padding: {padding} leaves out taps of the {kernel} function")
    reach = f"{width}*s" if width > 1 else "s"
    return Step(
        "No tap is missing: where the next ones would be, on either side, h is 0.",
        (f"p + 1 + (s - 1)/2 >= {reach}  for  p = ceiling({reach} - (s - 1)/2) - 1",),
        rf"p + 1 + \tfrac{{s - 1}}{{2}} \ge {latex(width * S)} \quad \text{{for}} \quad "
        rf"p = \left\lceil {latex(width * S)} - \tfrac{{s - 1}}{{2}} \right\rceil - 1",
    )


def _neighbours(function: _Function, weights: Mapping[int, Expr]) -> Step:
    """Two pieces have the same value where they meet, so that either may be taken where f is 0 or 1."""
    for m, piece in enumerate(function.pieces):
        _must_vanish(piece.subs(V, m) - int(m == 0))
        _must_vanish(piece.subs(V, m + 1))
    return Step(
        "Let u = n + f, with 0 <= f <= 1. Then h(u - i), for each neighbour i, is:",
        wrapped(f"x[{_near(m)}]: {weight}" for m, weight in weights.items()),
        _aligned([rf"x_{{{_near(m)}}}: \quad & {latex(weight)}" for m, weight in weights.items()]),
    )


def _near(m: int) -> str:
    return f"n{m:+d}" if m else "n"


def _power(q: int, weights: Mapping[int, Expr]) -> Step:
    """What they make of ``i**q``; it has been computed before."""
    value = "1" if q == 0 else "n + f" if q == 1 else f"(n + f)**{q}"
    terms = [_term(q, m, weight, str, "*") for m, weight in weights.items()]
    line = f"{' + '.join(terms)} = {value}"
    lines = [line] if len(line) <= WIDTH else [f"  {terms[0]}", *(f"+ {term}" for term in terms[1:]), f"= {value}"]
    formulas = [_term(q, m, weight, latex, " ") for m, weight in weights.items()]
    return Step(
        f"Of x[i] = {I**q} they make {value}, for all n and f:",
        wrapped(lines),
        f"{' + '.join(formulas)} = {latex((N + F) ** q)}",
    )


def _term(q: int, m: int, weight: Expr, printer: Printer, times: str) -> str:
    power = (N + m) ** q
    text = printer(power) if power.is_Pow else factor(power, printer)
    return (f"{text}{times}" if q else "") + f"({printer(weight)})"


def _counterexample(function: _Function, q: int) -> dict[str, Any]:
    """A sum of powers that is off by a polynomial of at most the third degree is off at one of four places."""
    for scale in range(1, 5):
        for t in range(scale):
            position = Rational(2 * t + 1 - scale, 2 * scale) % 1
            reach = range(1 - function.half_width, function.half_width + 1)
            y, power = Add(*(Integer(m) ** q * function.at(position - m) for m in reach)), position**q
            if difference(y, power) != 0:
                return {"degree": q, "scale": scale, "position": position, "y": y, "power": power}
    raise ArithmeticError(f"degree: no place was found where {q} is too much")


def _function(kernel: Any, a: Any) -> _Function:
    if not isinstance(kernel, str) or kernel not in KERNELS:
        raise ValueError(f"kernel: got {shown(kernel)}; must be one of {', '.join(map(repr, KERNELS))}")
    if kernel == "bicubic":
        a = -HALF if a is None else _scalar("a", a)
        return _Function(((a + 2) * V**3 - (a + 3) * V**2 + 1, a * (V**3 - 5 * V**2 + 8 * V - 4)))
    if a is not None:
        raise ValueError(f"a: got {shown(a)} for kernel {kernel!r}; must be None but for 'bicubic'")
    if kernel == "bilinear":
        return _Function((1 - V,))
    width = int(kernel[-1])
    return _Function((width * sin(pi * V) * sin(pi * V / width) / (pi * V) ** 2,) * width)


def _scalar(name: str, value: Any) -> Expr:
    elements = read(name, value)
    if elements.shape:
        raise TypeError(f"{name}: got {shown(value)}; must be one exact number or expression")
    return elements.flat[0]


def _by_cases(function: Expr) -> list[str]:
    """A line for each piece, with the size of u between bars."""
    size = Symbol("|u|")
    lines = []
    for value, at in function.args:
        shown_value = value.subs(Abs(U), size).subs(U, size) if value.has(Abs) else value  # U in even powers only
        where = "elsewhere" if at is true else f"where {at}".replace("Abs(u)", "|u|").replace("Eq(u, 0)", "u = 0")
        lines.append(f"h(u) = {shown_value}  {where}")
    return lines


def _word(values: Sequence[int]) -> str:
    """One number if all are the same, else all of them."""
    return str(values[0]) if len(set(values)) == 1 else str(tuple(values))


def _must_vanish(difference: Expr) -> None:
    if expand(difference) != 0:
        raise ArithmeticError(f"got {shown(difference)}; must be 0")
