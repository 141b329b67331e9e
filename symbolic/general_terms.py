"""The general term: output t as one formula, for symbolic sizes, stride, dilation and padding.

On each axis, with i inputs, k taps, stride s, dilation d and p cropped (for the ordinary convolution: padded) at the
beginning, both operators add up the products of an input and a tap that an equation joins::

    transposed:  s*n + d*j = t + p     for input n and tap j
    ordinary:    s*t + d*j = n + p

Solved for one of the two, the equation leaves a sum over the other, and from ``0 <= n <= i - 1`` and
``0 <= j <= k - 1`` come its bounds, with a ceiling and a floor since it runs over integers.

For the transposed convolution a condition remains: what is divided must be divisible. The phase form gets rid of it.
Modulo s the equation is ``d*j = t + p``. With g = gcd(s, d) it has solutions only where g divides t + p, and there they
are s/g apart, the smallest ``f = (t + p)/g * (d/g)^-1 modulo s/g``. So the sum runs over ``j = f + m*s/g``.

SymPy takes a sum from a to b < a - 1 as minus the sum from b + 1 to a - 1 (Karr's convention). Here nothing is added
where b < a, and so the last index of each sum is ``Max(a - 1, b)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sympy import (
    And,
    Array,
    Eq,
    Expr,
    Function,
    IndexedBase,
    Integer,
    Max,
    Min,
    Mod,
    Piecewise,
    Sum,
    Symbol,
    ceiling,
    floor,
    igcd,
    latex,
    true,
)
from sympy.logic.boolalg import Boolean

from symbolic.arguments import Padding, PerAxis, integer, integer_or_symbolic, padding_pairs, per_axis, shown
from symbolic.arrays import filled, indices
from symbolic.drawing import wrapped
from symbolic.problem import Operator, read_plain_problem
from symbolic.steps import Step, Stepwise

_X, _W, _Y = map(IndexedBase, "xwy")


class Gcd(Function):  # type: ignore[misc]  # SymPy publishes no types
    """Greatest common divisor of two positive integers; `sympy.gcd` would take symbols for polynomials.

    >>> Gcd(Symbol("s"), Symbol("d")).subs({"s": 4, "d": 6})
    2
    """

    nargs = 2
    is_integer = True
    is_positive = True

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """What it is, where that is known."""
        if a == b or b == 1:
            return b
        if a == 1:
            return a
        return Integer(igcd(a, b)) if a.is_Integer and b.is_Integer else None

    def _sympystr(self, printer: Any) -> str:
        return f"gcd({', '.join(map(printer.doprint, self.args))})"

    def _latex(self, printer: Any) -> str:
        return rf"\gcd({', '.join(map(printer.doprint, self.args))})"


class Inverse(Function):  # type: ignore[misc]  # SymPy publishes no types
    """The integer u >= 0 for which ``a*u`` is 1 modulo m, where a and m have no common divisor.

    >>> Inverse(Symbol("a"), 7).subs("a", 3)
    5
    """

    nargs = 2
    is_integer = True
    is_nonnegative = True

    @classmethod
    def eval(cls, a: Expr, m: Expr) -> Expr | None:
        """What it is, where that is known."""
        if a == 1:
            return a
        return Integer(pow(int(a), -1, int(m))) if a.is_Integer and m.is_Integer else None

    def _sympystr(self, printer: Any) -> str:
        return f"inverse({', '.join(map(printer.doprint, self.args))})"

    def _latex(self, printer: Any) -> str:
        a, m = map(printer.doprint, self.args)
        return rf"\left({a}\right)^{{-1}}_{{\mathrm{{mod}}\, {m}}}"


class AxisSymbols(NamedTuple):
    """The symbols of one axis: i, k, s, d, p and t, with the axis as index if there are several."""

    input_size: Symbol
    kernel_size: Symbol
    stride: Symbol
    dilation: Symbol
    padding: Symbol
    t: Symbol


class _Part(NamedTuple):
    """What one axis brings to the sum: which input and tap the index of summation stands for, and where it runs."""

    index: Symbol
    input: Expr
    tap: Expr
    condition: Boolean
    first: Symbol
    last: Symbol
    defined: dict[Symbol, Expr]  # symbols that stand for expressions, each in those before it


class _Form(NamedTuple):
    """A way to write the sum: what each axis brings to it, and the steps that lead there."""

    part: Callable[[AxisSymbols, str], _Part]
    story: Callable[[Sequence[_Part]], list[Step]]


@dataclass(frozen=True, repr=False)
class GeneralTerm(Stepwise):
    """Output t as a formula: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    operator : {"conv_transpose", "conv"}
        Whose output.
    axes : tuple of AxisSymbols
        The symbols that the formula is written in, for each axis.
    equation : sympy.Eq
        ``y[t]`` and its sum over ``x`` and ``w``, which are each a ``sympy.IndexedBase``. To put numbers in, use
        ``at()``, or ``subs`` with the symbols of ``axes``: these are integers, so to SymPy they are others than those
        that a string stands for, and ``subs({"i": 3})`` changes nothing.
    bounds : tuple of (sympy.Expr, sympy.Expr)
        For each axis, the first and the last index of summation; there are none where the last is smaller.
    derivation : tuple of symbolic.steps.Step
        How one gets there.

    Examples
    --------
    >>> from symbolic import general_term
    >>> term = general_term()
    >>> (axis,) = term.axes
    >>> term.equation.subs({axis.input_size: 3, axis.kernel_size: 3, axis.stride: 2, axis.dilation: 1,
    ...                     axis.padding: 0, axis.t: 4}).doit()
    Eq(y[4], w[0]*x[2] + w[2]*x[1])
    >>> term.equation.subs({"i": 3, "k": 3}) == term.equation
    True
    """

    operator: Operator
    axes: tuple[AxisSymbols, ...]
    equation: Eq
    bounds: tuple[tuple[Expr, Expr], ...]
    derivation: tuple[Step, ...]

    def steps(self) -> tuple[Step, ...]:
        """The definition, what its equation comes to, and the formula."""
        return self.derivation

    def at(
        self,
        t: Any = None,
        *,
        input_size: Any = None,
        kernel_size: Any = None,
        stride: Any = None,
        padding: Any = None,
        dilation: Any = None,
    ) -> Expr:
        """The output for some values; what is not given stays a symbol.

        Parameters
        ----------
        t, input_size, kernel_size, stride, padding, dilation : int, SymPy expression, or one per axis, optional
            Values. Of `padding`, (begin, end) pairs are allowed too, but the end does not matter.

        Returns
        -------
        sympy.Expr
            Its sum. It is written out if everything is an integer.

        Raises
        ------
        ValueError, TypeError
            As for `conv_transpose`.

        Examples
        --------
        >>> from symbolic import general_term
        >>> term = general_term()
        >>> term.at(4, input_size=3, kernel_size=3, stride=2, padding=0, dilation=1)
        w[0]*x[2] + w[2]*x[1]
        >>> term.at(input_size=3, kernel_size=3, stride=2, padding=0, dilation=1)
        Sum(w[-2*n + t]*x[n], (n, Max(0, ceiling(t/2) - 1), Max(Max(0, ceiling(t/2) - 1) - 1, Min(2, floor(t/2)))))
        """
        lowest = {"t": 0, "input_size": 0, "kernel_size": 0, "stride": 1, "dilation": 1}
        given = {"t": t, "input_size": input_size, "kernel_size": kernel_size, "stride": stride, "dilation": dilation}
        count = len(self.axes)
        values = {
            name: per_axis(name, value, count, lowest=lowest[name], read=integer_or_symbolic)
            for name, value in given.items()
            if value is not None
        }
        if padding is not None:
            pairs = padding_pairs(padding, count, integer_or_symbolic)
            if pairs is None:
                raise ValueError(f"padding: got {shown(padding)}; must be numbers here, as 'same' depends on the sizes")
            values["padding"] = tuple(begin for begin, _ in pairs)
        numbers = {
            getattr(axis, name): Integer(value[a]) if isinstance(value[a], int) else value[a]
            for a, axis in enumerate(self.axes)
            for name, value in values.items()
        }
        result = self.equation.rhs.xreplace(numbers)
        known = len(numbers) == sum(map(len, self.axes)) and all(value.is_Integer for value in numbers.values())
        return result.doit() if known else result

    def expand(
        self,
        x: Any,
        w: Any,
        *,
        stride: PerAxis = 1,
        padding: Padding = 0,
        output_padding: PerAxis = 0,
        output_size: PerAxis | None = None,
        dilation: PerAxis = 1,
    ) -> Array:
        """Every output, by putting numbers and the elements of x and w in.

        Parameters
        ----------
        x, w, stride, padding, dilation
            As in `conv_transpose` or `conv` with layout "...".
        output_padding, output_size
            As in `conv_transpose`. An ordinary convolution has neither.

        Returns
        -------
        sympy.Array
            The same as that of `conv_transpose` or `conv`.

        Raises
        ------
        ValueError, TypeError
            As for `conv_transpose`, or x has another number of axes than the formula.

        Examples
        --------
        >>> from symbolic import general_term
        >>> general_term(2).expand([[1, 2], [3, 4]], [[1, 0], [0, -1]])
        [[1, 2, 0], [3, 3, -2], [0, -3, -4]]
        """
        window: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        if self.operator == "conv_transpose":
            window |= {"output_padding": output_padding, "output_size": output_size}
        elif output_padding != 0 or output_size is not None:
            name, value = ("output_size", output_size) if output_padding == 0 else ("output_padding", output_padding)
            raise ValueError(f"{name}: got {shown(value)}; must not be given for conv")
        problem = read_plain_problem(self.operator, x, w, **window)
        if len(problem.axes) != len(self.axes):
            axes = f"{len(problem.axes)} {'axis' if len(problem.axes) == 1 else 'axes'}"
            raise ValueError(f"w: got {axes}; must have {len(self.axes)}, as the formula has")
        elements = {base[i]: e for base, a in ((_X, problem.plain_x()), (_W, problem.plain_w())) for i, e in a.items()}
        at = {
            "input_size": [axis.size_in for axis in problem.axes],
            "kernel_size": [axis.size_kernel for axis in problem.axes],
            "stride": [axis.stride for axis in problem.axes],
            "dilation": [axis.dilation for axis in problem.axes],
            "padding": [(axis.crop, 0) for axis in problem.axes],
        }
        size_out = tuple(axis.size_out for axis in problem.axes)
        return filled(size_out, {t: self.at(t, **at).xreplace(elements) for t in indices(size_out)})


def general_term(ndim: int = 1, operator: Operator = "conv_transpose") -> GeneralTerm:
    """Output t as one sum, with symbols for all sizes and steps.

    On each axis, for the transposed convolution, with d dividing ``t + p - s*n``::

        y[t] = sum of x[n]*w[(t + p - s*n)/d]
               over n from max(0, ceiling((t + p - d*(k - 1))/s)) to min(i - 1, floor((t + p)/s))

    and for the ordinary one::

        y[t] = sum of x[s*t + d*j - p]*w[j]
               over j from max(0, ceiling((p - s*t)/d)) to min(k - 1, floor((i - 1 + p - s*t)/d))

    Parameters
    ----------
    ndim : int
        The number of axes, >= 1.
    operator : {"conv_transpose", "conv"}
        Of which operator.

    Returns
    -------
    GeneralTerm
        Its ``equation`` and ``bounds``; ``at()`` and ``expand()`` put numbers in. For ``equation.subs(...)`` take the
        symbols from ``axes``; strings such as "i" stand for others.

    Raises
    ------
    ValueError, TypeError
        `ndim` is less than 1 or no integer, or there is no such operator.

    Examples
    --------
    >>> from symbolic import general_term
    >>> print(general_term())
    By definition, output t is the sum of all products that meet there:
    <BLANKLINE>
      y[t] = sum of w[j]*x[n]
        over 0 <= n < i and 0 <= j < k with d*j + n*s = p + t
    <BLANKLINE>
    Solved for the tap, which exists only where d divides:
    <BLANKLINE>
      j = (-n*s + p + t)/d
    <BLANKLINE>
    Taps 0 to k - 1 and inputs 0 to i - 1 exist; so the first and last n are:
    <BLANKLINE>
      a = Max(0, ceiling((-d*(k - 1) + p + t)/s))
      b = Min(i - 1, floor((p + t)/s))
    <BLANKLINE>
    So output t is, with an empty sum where b is less than a:
    <BLANKLINE>
      y[t] = sum of w[(-n*s + p + t)/d]*x[n]
        over n from a to b
        where Mod(-n*s + p + t, d) = 0
    """
    if not isinstance(operator, str) or operator not in _FORMS:
        raise ValueError(f"operator: got {shown(operator)}; must be one of {', '.join(map(repr, _FORMS))}")
    return _term(operator, _number_of_axes(ndim), _FORMS[operator])


def phase_form(ndim: int = 1) -> GeneralTerm:
    """Output t of the transposed convolution as a sum over the taps of its phase, with symbols for all sizes and steps.

    On each axis, with g = gcd(s, d), an output is zero unless g divides t + p. There its first tap is
    ``f = (t + p)/g * (d/g)^-1 modulo s/g``, which meets input ``q = (t + p - d*f)/s``, and::

        y[t] = sum over m of x[q - m*d/g]*w[f + m*s/g]

    Parameters
    ----------
    ndim : int
        The number of axes, >= 1.

    Returns
    -------
    GeneralTerm
        Its ``equation`` and ``bounds``; ``at()`` and ``expand()`` put numbers in. For ``equation.subs(...)`` take the
        symbols from ``axes``; strings such as "i" stand for others.

    Raises
    ------
    ValueError, TypeError
        `ndim` is less than 1 or no integer.

    Examples
    --------
    >>> from symbolic import phase_form
    >>> print(phase_form())
    By definition, output t is the sum of all products that meet there:
    <BLANKLINE>
      y[t] = sum of w[j]*x[n]
        over 0 <= n < i and 0 <= j < k with d*j + n*s = p + t
    <BLANKLINE>
    Modulo s, d*j equals t + p. That can be only where g divides t + p:
    <BLANKLINE>
      g = gcd(s, d)
    <BLANKLINE>
    There the first tap is f, by the inverse of d/g modulo s/g:
    <BLANKLINE>
      f = (Mod((p + t)*inverse(d/g, s/g), s))/g
    <BLANKLINE>
    It meets input q:
    <BLANKLINE>
      q = (-d*f + p + t)/s
    <BLANKLINE>
    Taps of a phase are s/g apart, and the inputs that they meet d/g:
    <BLANKLINE>
      j = f + m*s/g
      n = -d*m/g + q
    <BLANKLINE>
    Inputs 0 to i - 1 and taps 0 to k - 1 exist; so the first and last m are:
    <BLANKLINE>
      a = Max(0, ceiling(g*(-i + q + 1)/d))
      b = Min(floor(g*q/d), floor(g*(-f + k - 1)/s))
    <BLANKLINE>
    So output t is, with an empty sum where b is less than a:
    <BLANKLINE>
      y[t] = sum of w[f + m*s/g]*x[-d*m/g + q]
        over m from a to b
        where Mod(p + t, g) = 0
    """
    return _term("conv_transpose", _number_of_axes(ndim), _PHASES)


def _number_of_axes(value: Any) -> int:
    ndim = integer("ndim", value)
    if ndim < 1:
        raise ValueError(f"ndim: got {ndim}; must be an integer >= 1")
    return ndim


@lru_cache(maxsize=32)
def _term(operator: Operator, ndim: int, form: _Form) -> GeneralTerm:
    """The formula in this form."""
    suffixes = [f"_{a}" for a in range(ndim)] if ndim > 1 else [""]
    axes = tuple(map(_symbols, suffixes))
    parts = [form.part(axis, suffix) for axis, suffix in zip(axes, suffixes, strict=True)]
    y = _Y[tuple(axis.t for axis in axes)]
    defined = [_resolved(part.defined) for part in parts]
    everything = {symbol: value for values in defined for symbol, value in values.items()}
    ranges = [(part.index, part.first, Max(part.first - 1, part.last)) for part in parts]
    bounds = tuple((values[part.first], values[part.last]) for part, values in zip(parts, defined, strict=True))
    derivation = (_definition(operator, y, axes), *form.story(parts), _conclusion(y, parts))
    equation = Eq(y, _sum(parts, ranges).xreplace(everything))
    return GeneralTerm(operator, axes, equation, bounds, derivation)


def _symbols(suffix: str) -> AxisSymbols:
    sizes = (Symbol(name + suffix, integer=True, nonnegative=True) for name in "ik")
    steps = (Symbol(name + suffix, integer=True, positive=True) for name in "sd")
    places = (Symbol(name + suffix, integer=True) for name in "pt")
    return AxisSymbols(*sizes, *steps, *places)


def _resolved(defined: Mapping[Symbol, Expr]) -> dict[Symbol, Expr]:
    """Each in the symbols of its axis."""
    result: dict[Symbol, Expr] = {}
    for symbol, value in defined.items():
        result[symbol] = value.xreplace(result)
    return result


def _sum(parts: Sequence[_Part], ranges: Sequence[tuple[Symbol, Expr, Expr]]) -> Expr:
    """The products added up, and zero where a condition does not hold."""
    running = {part.index for part in parts}
    products = _X[tuple(part.input for part in parts)] * _W[tuple(part.tap for part in parts)]
    inside = [part.condition for part in parts if part.condition.free_symbols & running]
    outside = [part.condition for part in parts if not part.condition.free_symbols & running]
    return _where(outside, Sum(_where(inside, products), *ranges))


def _where(conditions: Sequence[Boolean], expression: Expr) -> Expr:
    condition = And(*conditions)
    return expression if condition == true else Piecewise((expression, condition), (0, True))


# The two operators' sums, and the phase form's.


def _integer_symbol(name: str) -> Symbol:
    return Symbol(name, integer=True)


def _transposed_part(axis: AxisSymbols, suffix: str) -> _Part:
    i, k, s, d, p, t = axis
    n, a, b = (_integer_symbol(name + suffix) for name in "nab")
    bounds = {a: Max(0, ceiling((t + p - d * (k - 1)) / s)), b: Min(i - 1, floor((t + p) / s))}
    tap = (t + p - s * n) / d
    return _Part(n, n, tap, Eq(Mod(t + p - s * n, d), 0), a, b, bounds)


def _ordinary_part(axis: AxisSymbols, suffix: str) -> _Part:
    i, k, s, d, p, t = axis
    j, a, b = (_integer_symbol(name + suffix) for name in "jab")
    bounds = {a: Max(0, ceiling((p - s * t) / d)), b: Min(k - 1, floor((i - 1 + p - s * t) / d))}
    return _Part(j, s * t + d * j - p, j, true, a, b, bounds)


def _phase_part(axis: AxisSymbols, suffix: str) -> _Part:
    i, k, s, d, p, t = axis
    m, g, f, q, a, b = (_integer_symbol(name + suffix) for name in "mgfqab")
    defined = {
        g: Gcd(s, d),
        f: Mod((t + p) / g * Inverse(d / g, s / g), s / g),
        q: (t + p - d * f) / s,
        a: Max(0, ceiling((q - i + 1) * g / d)),
        b: Min(floor(q * g / d), floor((k - 1 - f) * g / s)),
    }
    return _Part(m, q - m * d / g, f + m * s / g, Eq(Mod(t + p, g), 0), a, b, defined)


# How they are told.


def _definition(operator: Operator, y: Expr, axes: Sequence[AxisSymbols]) -> Step:
    several = len(axes) > 1
    inputs, taps = ([_integer_symbol(f"{name}_{a}" if several else name) for a in range(len(axes))] for name in "nj")
    lines, joined = [], []
    for axis, n, j in zip(axes, inputs, taps, strict=True):
        i, k, s, d, p, t = axis
        meeting = Eq(s * n + d * j, t + p) if operator == "conv_transpose" else Eq(s * t + d * j, n + p)
        joined.append(meeting)
        lines.append(f"  over 0 <= {n} < {i} and 0 <= {j} < {k} with {_equation(meeting)}")
    product = _X[tuple(inputs)] * _W[tuple(taps)]
    below = r" \\ ".join(map(latex, joined))
    return Step(
        "By definition, output t is the sum of all products that meet there:",
        wrapped([f"{y} = sum of {product}", *lines]),
        rf"{latex(y)} = \sum_{{\substack{{{below}}}}} {latex(product)}",
    )


def _transposed_story(parts: Sequence[_Part]) -> list[Step]:
    return [
        _told("Solved for the tap, which exists only where d divides:", {"j": [part.tap for part in parts]}),
        _defined("Taps 0 to k - 1 and inputs 0 to i - 1 exist; so the first and last n are:", parts, "ab"),
    ]


def _ordinary_story(parts: Sequence[_Part]) -> list[Step]:
    return [
        _told("Solved for the input:", {"n": [part.input for part in parts]}),
        _defined("Inputs 0 to i - 1 and taps 0 to k - 1 exist; so the first and last j are:", parts, "ab"),
    ]


def _phase_story(parts: Sequence[_Part]) -> list[Step]:
    taps, inputs = [part.tap for part in parts], [part.input for part in parts]
    return [
        _defined("Modulo s, d*j equals t + p. That can be only where g divides t + p:", parts, "g"),
        _defined("There the first tap is f, by the inverse of d/g modulo s/g:", parts, "f"),
        _defined("It meets input q:", parts, "q"),
        _told("Taps of a phase are s/g apart, and the inputs that they meet d/g:", {"j": taps, "n": inputs}),
        _defined("Inputs 0 to i - 1 and taps 0 to k - 1 exist; so the first and last m are:", parts, "ab"),
    ]


_FORMS: dict[Operator, _Form] = {
    "conv_transpose": _Form(_transposed_part, _transposed_story),
    "conv": _Form(_ordinary_part, _ordinary_story),
}
_PHASES = _Form(_phase_part, _phase_story)


def _conclusion(y: Expr, parts: Sequence[_Part]) -> Step:
    total = _sum(parts, [(part.index, part.first, part.last) for part in parts])
    product = _X[tuple(part.input for part in parts)] * _W[tuple(part.tap for part in parts)]
    lines = [f"{y} = sum of {product}", *(f"  over {p.index} from {p.first} to {p.last}" for p in parts)]
    lines += [f"  where {_equation(part.condition)}" for part in parts if part.condition != true]
    formula = f"{latex(y)} = {latex(total)}"
    return Step("So output t is, with an empty sum where b is less than a:", wrapped(lines), formula)


def _told(title: str, values: Mapping[str, Sequence[Expr]]) -> Step:
    """Each axis's value by a name, which has the axis as index if there are several."""
    named = [
        (_integer_symbol(f"{name}_{a}" if len(all_axes) > 1 else name), value)
        for name, all_axes in values.items()
        for a, value in enumerate(all_axes)
    ]
    return _equations(title, named)


def _defined(title: str, parts: Sequence[_Part], names: str) -> Step:
    return _equations(title, [(s, value) for part in parts for s, value in part.defined.items() if str(s)[0] in names])


def _equations(title: str, named: Sequence[tuple[Symbol, Expr]]) -> Step:
    body = r" \\ ".join(f"{latex(symbol)} &= {latex(value)}" for symbol, value in named)
    formula = rf"\begin{{aligned}} {body} \end{{aligned}}"
    return Step(title, wrapped([f"{symbol} = {value}" for symbol, value in named]), formula)


def _equation(relation: Eq) -> str:
    return f"{relation.lhs} = {relation.rhs}"
