"""Bounds on rounding errors: proved for every order of summation, and exact as numbers.

The model of rounding is ``fl(a op b) = (a op b)*(1 + e)`` with ``|e| <= u``, half the distance from 1 to the next
larger number. Floating point keeps to it, underflow and overflow aside: what is true in the model is true there. Not
the other way round, as the model allows more: in floating point, to add 0 is exact. If no product of a sum meets more
than n roundings on its way into the result, then the result is off by at most ``gamma(n)`` times the sum of the
products' sizes::

    gamma(n) = n*u / (1 - n*u)

(Higham, Accuracy and Stability of Numerical Algorithms, 2002, lemma 3.1 and section 3.1). A sum of K products has K - 1
additions, in whatever order: a product meets at most these and its own rounding, so n = K. A bias is one more to add.
An operation that is fused with another only saves a rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from sympy import Abs, Add, Array, Expr, ImmutableMatrix, Integer, Pow, Rational, Symbol, expand, latex

from symbolic import scatter, sliding_window
from symbolic.arguments import Padding, PerAxis, counted, integer, shown
from symbolic.bilinear import Bilinear
from symbolic.drawing import wrapped
from symbolic.points import positive
from symbolic.problem import Operator, read_problem
from symbolic.steps import Step, Stepwise
from symbolic.theorem import Refuted, Theorem

DIGITS = {"float32": 24, "float64": 53}
"""Binary digits of each dtype: u is 2 to the minus that."""


def gamma(roundings: int, dtype: str = "float32") -> Rational:
    """``n*u / (1 - n*u)``: by how much n roundings change a product, at most, relative to its size.

    Parameters
    ----------
    roundings : int
        n, at least 0, and less than 1/u.
    dtype : {"float32", "float64"}
        u is 2**-24 or 2**-53.

    Returns
    -------
    sympy.Rational
        Exact.

    Raises
    ------
    ValueError
        There is no bound for so many roundings, there cannot be so few, or `dtype` is another one.
    TypeError
        `roundings` is not an integer.

    Examples
    --------
    >>> from symbolic.error_bounds import gamma
    >>> gamma(2)
    1/8388607
    """
    count, steps = integer("roundings", roundings), 2 ** _digits(dtype)
    if not 0 <= count < steps:
        raise ValueError(f"roundings: got {shown(roundings)}; must be an integer >= 0, and < {steps} for {dtype}")
    return Rational(count, steps - count)


def error_bound(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    operator: Operator = "conv_transpose",
    dtype: str = "float32",
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "...",
    kernel_layout: str | None = None,
) -> Array:
    """How far each output may be off if it is computed in `dtype`, in any order of summation.

    ``gamma(K) * sum of |x|*|w|`` for an output that is the sum of K products, and ``gamma(K + 1) * (|bias| + sum of
    |x|*|w|)`` with a bias; 0 where there are no products. `prove_error_bound` says why.

    Parameters
    ----------
    x, w, bias : nested list or SymPy array
        As in `conv_transpose`: numbers of `dtype`, given exactly, or expressions that stand for such numbers. To round
        them first is not counted.
    operator : {"conv_transpose", "conv"}
        What is computed.
    dtype : {"float32", "float64"}
        Of the operands and of every operation.
    stride, padding, output_padding, output_size, dilation, groups, layout, kernel_layout
        As in `conv_transpose` and `conv`; the second has neither `output_padding` nor `output_size`.

    Returns
    -------
    sympy.Array
        Of the shape of y, with exact rationals if the operands are rationals.

    Raises
    ------
    ValueError, TypeError
        As for `conv_transpose`; or there is no such `operator` or `dtype`.

    Examples
    --------
    >>> import symbolic
    >>> from symbolic import error_bound
    >>> error_bound([[1, 2], [3, 4]], [[1, 0], [0, -1]])[1]
    [3/8388607, 5/4194303, 2/8388607]
    >>> error_bound(symbolic.array("x", 2), symbolic.array("w", 2), dtype="float64")[1]
    Abs(w[0])*Abs(x[1])/4503599627370495 + Abs(w[1])*Abs(x[0])/4503599627370495
    """
    if operator not in ("conv_transpose", "conv"):
        raise ValueError(f"operator: got {shown(operator)}; must be 'conv_transpose' or 'conv'")
    window: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
    if operator == "conv_transpose":
        window |= {"output_padding": output_padding, "output_size": output_size}
    elif output_padding != 0 or output_size is not None:
        name, given = ("output_padding", output_padding) if output_size is None else ("output_size", output_size)
        raise ValueError(f"{name}: got {shown(given)} for operator 'conv'; must not be given there")
    if kernel_layout is None:
        kernel_layout = "IO..." if operator == "conv_transpose" else "OI..."
    _digits(dtype)
    problem = read_problem(operator, x, w, bias, groups=groups, layout=layout, kernel_layout=kernel_layout, **window)
    sizes = replace(
        problem,
        x={i: Abs(element) for i, element in problem.x.items()},
        w={j: Abs(weight) for j, weight in problem.w.items()},
        bias=[],
    )
    biases = [Abs(b) for b in problem.bias]
    terms = (scatter if operator == "conv_transpose" else sliding_window).terms(sizes)
    bounds = {(n, c, *t): [_bound(met, biases[c : c + 1], dtype)] for (n, c, *t), met in terms.items()}
    return sizes.result(bounds)


def _bound(products: Sequence[Expr], bias: Sequence[Expr], dtype: str) -> Expr:
    if not products:
        return Integer(0)  # a bias that is not added to anything is exact
    return gamma(len(products) + len(bias), dtype) * Add(*products, *bias)


def prove_error_bound(
    products: int, *, bias: bool = False, roundings: int | None = None, dtype: str = "float32"
) -> Theorem:
    """That a sum of products is off by at most ``gamma(n)`` times the sum of their sizes, in any order of summation.

    It is about the model of rounding, ``fl(a op b) = (a op b)*(1 + e)`` with ``|e| <= u``. What is proved holds in
    floating point too, underflow and overflow aside. What is refuted may be true there: the counterexample is one of
    the model, not of operands in `dtype`.

    Parameters
    ----------
    products : int
        K, at least 1.
    bias : bool
        Whether a bias is added to them.
    roundings : int, optional
        The n of the claim; K by default, or K + 1 with a bias.
    dtype : {"float32", "float64"}
        u is 2**-24 or 2**-53.

    Returns
    -------
    symbolic.theorem.Theorem
        The statement, and a proof in the model.

    Raises
    ------
    symbolic.theorem.Refuted
        `roundings` are too few in the model. The counterexample has the ``order`` of summation and what each
        operation's error ``e`` is, and then the ``error`` of the first product, relative to its size, beside the
        ``bound``. The other products are 0.
    ValueError, TypeError
        A number is not an integer or too small or too large, or there is no such `dtype`.

    Examples
    --------
    >>> from symbolic import prove_error_bound
    >>> print(prove_error_bound(3))
    In the model of rounding, added up in any order, 3 products are off by at most:
    <BLANKLINE>
      gamma(3) * (sum of |p|)
      gamma(3) = n*u/(1 - n*u) = 3/16777213
    <BLANKLINE>
    In the model each operation is exact but for a factor 1 + e, as in float32:
    <BLANKLINE>
      p[k]: x[i]*w[j]*(1 + e);  a + b: (a + b)*(1 + e);  |e| <= u = 2**-24
    <BLANKLINE>
    In any order a term of T goes through T - 1 additions at most, by induction:
    <BLANKLINE>
      the last one joins sums of a and b terms, a + b = T and a, b >= 1:
      1 + max(a - 1, b - 1) <= a + b - 1
      T = 3: 2 additions, and the rounding of the product itself
    <BLANKLINE>
    The product of at most 3 factors 1 + e differs from 1 by at most gamma(3):
    <BLANKLINE>
      1 - k*u <= (1 - u)**k and (1 + u)**k <= 1/(1 - k*u), from k to k + 1 since
      (1 - u)*(1 - k*u) - (1 - (k + 1)*u) = k*u**2 >= 0
      (1 - k*u) - (1 + u)*(1 - (k + 1)*u) = k*u**2 + u**2 >= 0

    One rounding fewer would not do in the model:

    >>> prove_error_bound(2, roundings=1)  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: in the model of rounding fl(a op b) = (a op b)*(1 + e), |e| <= u = 2**-24, 2 products,
        added up in any order, are off by at most gamma(1) times their sizes: false for
        order = p[0] + p[1], e = 1/16777216, error = -1 + (16777217/16777216)**2, bound = 1/16777215
    """
    count = positive("products", products)
    terms = count + bool(bias)
    n = terms if roundings is None else integer("roundings", roundings)
    bound, u = gamma(n, dtype), Rational(1, 2 ** _digits(dtype))
    summands = f"{counted(count, 'product')}{' and a bias' if bias else ''}"
    are = "is" if terms == 1 else "are"
    model = f"in the model of rounding fl(a op b) = (a op b)*(1 + e), |e| <= u = 2**-{_digits(dtype)}"
    claim = f"{model}, {summands}, added up in any order, {are} off by at most gamma({n}) times their sizes"
    if n < terms and (1 + u) ** terms - 1 > bound:
        error = Add(Pow(1 + u, terms, evaluate=False), -1, evaluate=False)  # too long to be written out
        raise Refuted(claim, {"order": _one_after_the_other(count, bias), "e": u, "error": error, "bound": bound})
    sizes = "|b| + sum of |p|" if bias else "sum of |p|"
    sizes_latex = r"|b| + \sum_k |p_k|" if bias else r"\sum_k |p_k|"
    statement = Step(
        f"In the model of rounding, added up in any order, {summands} {are} off by at most:",
        wrapped([f"gamma({n}) * ({sizes})", f"gamma({n}) = n*u/(1 - n*u) = {bound}"]),
        rf"\left|\hat{{y}} - y\right| \le \gamma_{{{n}}} \left({sizes_latex}\right), \quad "
        rf"\gamma_{{{n}}} = {latex(bound)}",
    )
    return Theorem(statement, (_rounded(dtype), _in_any_order(terms, bias), _factors(terms, n, u)))


@dataclass(frozen=True, repr=False)
class TransformBound(Stepwise):
    """How far outputs of a bilinear algorithm may be off: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    transforms : tuple of symbolic.bilinear.Bilinear
        One for each axis, nested.
    channels_in : int
        Over how many channels products are added up, before they are transformed.
    bias : bool
        Whether a bias is added.
    dtype : str
        Of the operands and of every operation.
    """

    transforms: tuple[Bilinear, ...]
    channels_in: int
    bias: bool
    dtype: str

    @property
    def roundings(self) -> int:
        """How many a product of three entries, a tap and an input meets at most.

        Those of a row in each of the matrices; one for the product of the transformed tap and input; one for each
        channel but the first; one for the bias.
        """
        transformed = sum(sum(_of_matrices(transform, self.dtype)) for transform in self.transforms)
        return transformed + self.channels_in + self.bias

    @property
    def size(self) -> Rational:
        """The most that the sizes of these products add up to, if no tap and no input is larger than 1."""
        return self.channels_in * prod((max(transform.sizes) for transform in self.transforms), start=Rational(1))

    @property
    def bound(self) -> Rational:
        """``gamma(roundings) * size``.

        An output is off by at most that, times the largest size of a tap, times the largest size of an input; and
        a bias b adds ``gamma(roundings) * |b|``.
        """
        return gamma(self.roundings, self.dtype) * self.size

    @property
    def factor(self) -> Rational:
        """How many times larger than for the direct sum: the most, of all outputs.

        It is nearly the product of the transforms' amplifications, times the ratio of the numbers of roundings.
        """
        outputs = product(*(zip(one.sizes, map(len, one.pairs), strict=True) for one in self.transforms))
        return max(self._ratio(output) for output in outputs)

    def _ratio(self, output: Sequence[tuple[Rational, int]]) -> Rational:
        """Of one output: the sizes, and the number of products in the direct sum, on each axis."""
        size = prod((size for size, _ in output), start=Rational(1))
        products = prod(count for _, count in output)
        direct = gamma(self.channels_in * products + self.bias, self.dtype) * products
        return gamma(self.roundings, self.dtype) * size / direct

    def steps(self) -> tuple[Step, ...]:
        """The sizes, the roundings, and the bound."""
        names = [transform.title for transform in self.transforms]
        sizes = [max(transform.sizes) for transform in self.transforms]
        direct = [max(map(len, transform.pairs)) for transform in self.transforms]
        rows = [_of_matrices(transform, self.dtype) for transform in self.transforms]
        each = [
            *(
                f"{name}: {taps} for the taps, {inputs} for the inputs, {outputs} for the outputs"
                for name, (taps, inputs, outputs) in zip(names, rows, strict=True)
            ),
            "1 for the product of both",
            *([f"{self.channels_in - 1} to add up channels"] if self.channels_in > 1 else []),
            *(["1 to add the bias"] if self.bias else []),
        ]
        n, bound = self.roundings, self.bound
        return (
            Step(
                "For taps and inputs of at most 1, the sizes of an output's products add up to:",
                wrapped(
                    [
                        *(f"{a}: {b}, and {c} in the direct sum" for a, b, c in zip(names, sizes, direct, strict=True)),
                        f"over {counted(self.channels_in, 'channel')}: {self.size}",
                    ]
                ),
                rf"{self.channels_in} \, \prod \; \max_i \sum_f |A_{{if}}| \sum_t |G_{{ft}}| \sum_k |B_{{fk}}|"
                f" = {latex(self.size)}",
            ),
            Step(f"A product meets {counted(n, 'rounding')} at most:", wrapped(each), f"n = {n}"),
            Step(
                f"So in {self.dtype} an output is off by at most:",
                wrapped(
                    [
                        f"gamma({n}) * {self.size} = {bound}",
                        f"= {_rough(bound)}, {_rough(self.factor)} times the bound of the direct sum",
                    ]
                ),
                rf"\gamma_{{{n}}} \cdot {latex(self.size)} = {latex(bound)}",
            ),
        )


def bilinear_error_bound(
    transforms: Bilinear | Iterable[Bilinear], *, channels_in: int = 1, bias: bool = False, dtype: str = "float32"
) -> TransformBound:
    """How far outputs may be off that are computed with transforms, and how much worse than the direct sum that is.

    The same lemma as for the direct sum: no product of entries of the three matrices, a tap and an input meets more
    than n roundings, so an output is off by at most ``gamma(n)`` times the sum of the sizes of these products. A row of
    a matrix costs an addition for each entry but one; a rounding if an entry is not a power of two, whose multiples
    are exact; and another one if an entry is not a number of `dtype`.

    Parameters
    ----------
    transforms : what `cook_toom` returns, or several
        One for each axis, nested.
    channels_in : int
        Over how many channels products are added up, before they are transformed.
    bias : bool
        Whether a bias is added.
    dtype : {"float32", "float64"}
        Of the operands and of every operation.

    Returns
    -------
    TransformBound
        ``roundings``, ``size``, ``bound`` and ``factor``; ``print`` shows how they come about.

    Raises
    ------
    ValueError, TypeError
        One of `transforms` is not a transform, or there is none; `channels_in` is not an integer >= 1, or there is no
        such `dtype`.

    Examples
    --------
    >>> import symbolic
    >>> from symbolic import bilinear_error_bound
    >>> print(bilinear_error_bound([symbolic.cook_toom(2, 3)] * 2, channels_in=16))
    For taps and inputs of at most 1, the sizes of an output's products add up to:
    <BLANKLINE>
      F(2,3): 8, and 3 in the direct sum
      F(2,3): 8, and 3 in the direct sum
      over 16 channels: 1024
    <BLANKLINE>
    A product meets 26 roundings at most:
    <BLANKLINE>
      F(2,3): 2 for the taps, 1 for the inputs, 2 for the outputs
      F(2,3): 2 for the taps, 1 for the inputs, 2 for the outputs
      1 for the product of both
      15 to add up channels
    <BLANKLINE>
    So in float32 an output is off by at most:
    <BLANKLINE>
      gamma(26) * 1024 = 13312/8388595
      = 0.00159, 1.28 times the bound of the direct sum
    """
    if isinstance(transforms, Bilinear):
        transforms = (transforms,)
    if not isinstance(transforms, Iterable):
        raise TypeError(f"transforms: got {shown(transforms)}; must be what cook_toom returns, or several")
    transforms = tuple(transforms)
    if not transforms:
        raise ValueError("transforms: got none; must be one for each axis")
    for transform in transforms:
        if not isinstance(transform, Bilinear):
            raise TypeError(f"transforms: got {shown(transform)}; must hold what cook_toom returns")
    _digits(dtype)
    return TransformBound(transforms, positive("channels_in", channels_in), bool(bias), dtype)


def _digits(dtype: Any) -> int:
    if not isinstance(dtype, str) or dtype not in DIGITS:
        raise ValueError(f"dtype: got {shown(dtype)}; must be 'float32' or 'float64'")
    return DIGITS[dtype]


def _one_after_the_other(products: int, bias: bool) -> str:
    """The order in which the first product meets every rounding."""
    names = [f"p[{k}]" for k in range(products)] + ["b"] * bias
    if len(names) > _WRITTEN_OUT:
        return f"p[0] first of {len(names)}"
    total = names[0]
    for name in names[1:]:
        total = f"({total} + {name})"
    return total.removeprefix("(").removesuffix(")") if len(names) > 1 else total


def _rounded(dtype: str) -> Step:
    digits = _digits(dtype)
    return Step(
        f"In the model each operation is exact but for a factor 1 + e, as in {dtype}:",
        (f"p[k]: x[i]*w[j]*(1 + e);  a + b: (a + b)*(1 + e);  |e| <= u = 2**-{digits}",),
        rf"\hat{{p}}_k = x_i w_j (1 + e), \quad a \oplus b = (a + b)(1 + e), \quad |e| \le u = 2^{{-{digits}}}",
    )


def _in_any_order(terms: int, bias: bool) -> Step:
    """By induction: the last addition joins sums of a and b terms, with a, b >= 1."""
    a, b = (1 + Symbol(name, integer=True, nonnegative=True) for name in "ab")
    for last, other in ((a, b), (b, a)):
        if not expand((last + other - 1) - (1 + (last - 1))).is_nonnegative:
            raise ArithmeticError(f"a sum of {last} and {other} terms: too many additions")
    most = _deepest(min(terms, _WRITTEN_OUT))
    if most != min(terms, _WRITTEN_OUT) - 1:
        raise ArithmeticError(f"{counted(min(terms, _WRITTEN_OUT), 'term')}: got {counted(most, 'addition')}")
    among = ", with the bias" if bias else ""
    return Step(
        "In any order a term of T goes through T - 1 additions at most, by induction:",
        (
            "the last one joins sums of a and b terms, a + b = T and a, b >= 1:",
            "1 + max(a - 1, b - 1) <= a + b - 1",
            f"T = {terms}{among}: {counted(terms - 1, 'addition')}, and the rounding of the product itself",
        ),
        rf"1 + \max(a - 1, b - 1) \le a + b - 1, \quad T = {terms}",
    )


def _deepest(terms: int) -> int:
    """The most additions that a term goes through, over all orders."""
    depth = [0, 0]
    for total in range(2, terms + 1):
        depth.append(max(1 + max(depth[part], depth[total - part]) for part in range(1, total)))
    return depth[terms]


def _factors(terms: int, n: int, u: Rational) -> Step:
    """``(1 + u)**k <= 1/(1 - k*u)`` and ``(1 - u)**k >= 1 - k*u``, from k to k + 1."""
    k, unit = Symbol("k", integer=True, nonnegative=True), Symbol("u", positive=True)
    above = expand((1 - k * unit) - (1 + unit) * (1 - (k + 1) * unit))
    below = expand((1 - unit) * (1 - k * unit) - (1 - (k + 1) * unit))
    if not (above.is_nonnegative and below.is_nonnegative):
        raise ArithmeticError(f"induction: got {above} and {below}; must be >= 0")
    drawing = [
        "1 - k*u <= (1 - u)**k and (1 + u)**k <= 1/(1 - k*u), from k to k + 1 since",
        f"(1 - u)*(1 - k*u) - (1 - (k + 1)*u) = {below} >= 0",
        f"(1 - k*u) - (1 + u)*(1 - (k + 1)*u) = {above} >= 0",
    ]
    if n < terms:  # the product was computed, and it is small enough
        drawing.append(f"(1 + u)**{terms} - 1 <= gamma({n}), by computation")
    return Step(
        f"The product of at most {counted(terms, 'factor')} 1 + e differs from 1 by at most gamma({n}):",
        tuple(drawing),
        r"1 - k u \le (1 - u)^k, \quad (1 + u)^k \le \frac{1}{1 - k u} = 1 + \gamma_k",
    )


def _of_matrices(transform: Bilinear, dtype: str) -> tuple[int, int, int]:
    """Roundings in a row of the transforms of the taps, of the inputs, and of the products."""
    matrices = (transform.weight, transform.input, transform.output)
    taps, inputs, outputs = (max(_of_row(matrix.row(f), dtype) for f in range(matrix.rows)) for matrix in matrices)
    return taps, inputs, outputs


def _of_row(row: ImmutableMatrix, dtype: str) -> int:
    entries = [entry for entry in row if entry != 0]
    rounds = any(_odd_part(entry.p) * _odd_part(entry.q) != 1 for entry in entries)
    inexact = any(not _is_exact(entry, dtype) for entry in entries)
    return max(len(entries) - 1, 0) + rounds + inexact


def _odd_part(number: int) -> int:
    size = abs(int(number))
    return size // (size & -size)


def _is_exact(entry: Rational, dtype: str) -> bool:
    """Whether a number is one of `dtype`, as far as its digits go."""
    return _odd_part(entry.q) == 1 and _odd_part(entry.p).bit_length() <= _digits(dtype)


def _rough(number: Rational) -> str:
    return str(number.evalf(3))


_WRITTEN_OUT = 12  # terms
