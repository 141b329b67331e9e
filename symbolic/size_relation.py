"""How the two sizes belong together, proved.

With stride s, ordinary convolution maps s sizes in a row to the same size n, because its formula has a floor. So its
transpose cannot know from n which of them to return to: output padding says it. With output padding a the transpose
returns to the a-th of them, and convolution maps what it gives to ``n + floor(a/s)``: n just for ``0 <= a < s``.

Every proof is of formulas that SymPy computes from the index sets of `symbolic.sizes`, and each theorem is counted as
well, window by window, over a box of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from sympy import Expr, Integer, Mod, Symbol, expand, floor, latex, simplify, symbols, sympify

from symbolic.arguments import integer_or_symbolic, padding_pairs, per_axis, shown
from symbolic.size_derivation import (
    BEGIN,
    DILATION,
    END,
    INPUT_SIZE,
    KERNEL_SIZE,
    OUTPUT_PADDING,
    STRIDE,
    Line,
    lines_step,
)
from symbolic.sizes import IndexSet, output_size, window_count
from symbolic.steps import Step, Stepwise
from symbolic.theorem import Refuted, Theorem

OUTPUT_SIZE, QUOTIENT = symbols("o q", integer=True)
REMAINDER, REST = symbols("r e", integer=True, nonnegative=True)

SPARE = Symbol("u", integer=True)
_U_TITLE = "Let the last of o inputs be u places beyond the last tap of window 0. Convolution gives:"
_WINDOW = IndexSet(1, KERNEL_SIZE, STRIDE, DILATION)
_BOX = "n <= 5, k <= 3, s <= 4, d <= 3, -1 <= p_b <= 2, -1 <= p_e <= 2"
_MOST_ROWS = 16
_FAR = 64  # strides up to which a counterexample is looked for


class _Case(NamedTuple):
    """One axis with numbers; its sizes are counted, not computed by the formulas that are to be proved."""

    input_size: int
    kernel_size: int
    stride: int
    dilation: int
    padding: tuple[int, int]

    def transposed(self, output_padding: int) -> int:
        """The size of the transposed convolution: the furthest place, and what padding does."""
        furthest = IndexSet(*self[:4]).members()[-1]
        return furthest + 1 - sum(self.padding) + output_padding

    def convolved(self, size: int) -> int:
        """The size of the convolution of ``size`` inputs: how many windows have their last tap inside."""
        begin, end = self.padding
        return len(range(self.dilation * (self.kernel_size - 1) - begin, size + end, self.stride))

    def left_over(self, size: int) -> int:
        """How many of ``size`` inputs come after the last tap of the last window."""
        begin, end = self.padding
        last_tap = range(self.dilation * (self.kernel_size - 1) - begin, size + end, self.stride)[-1]
        return size + end - 1 - last_tap

    def named(self) -> dict[str, Any]:
        """By the names of the arguments."""
        return self._asdict()

    def values(self) -> dict[Symbol, int]:
        """By symbols."""
        names = (INPUT_SIZE, KERNEL_SIZE, STRIDE, DILATION, BEGIN, END)
        return dict(zip(names, (*self[:4], *self.padding), strict=True))


def _cases(stride: int | None) -> Iterator[_Case]:
    """A box of numbers where padding leaves something, simplest first; of one stride only, if it is given."""
    crops = sorted(
        ((begin, end) for begin in range(-1, 3) for end in range(-1, 3)),
        key=lambda pair: (abs(pair[0]) + abs(pair[1]), pair),
    )
    strides = range(1, 5) if stride is None else [stride]
    for padding, d, s, k, n in product(crops, range(1, 4), strides, range(1, 4), range(1, 6)):
        case = _Case(n, k, s, d, padding)
        if case.transposed(0) >= 0:
            yield case


def prove_size_returns(*, stride: int | None = None, output_padding: Any = None) -> Theorem:
    """Convolution maps the size of the transposed convolution back just for ``0 <= output_padding < stride``.

    For every input size n, kernel size, stride, dilation and padding, the same for both, convolution gives the size
    ``n + floor(output_padding/stride)``.

    Parameters
    ----------
    stride : int, optional
        State it for this stride. By default for all.
    output_padding : int or SymPy expression in s, optional
        Claim instead that the size always returns with this output padding; s is the stride, known by its name.

    Returns
    -------
    Theorem

    Raises
    ------
    Refuted
        With the `output_padding` that is claimed it does not.
    ValueError
        A value is too small, or SymPy cannot decide about `output_padding`.
    TypeError
        A value is neither an integer nor an expression that may stand for one.

    Examples
    --------
    >>> from symbolic import prove_size_returns
    >>> print(prove_size_returns())
    Convolution maps the transposed convolution's size back to n if and only if:
    <BLANKLINE>
      0 <= a < s
    <BLANKLINE>
    With output padding a, the transposed convolution has the size:
    <BLANKLINE>
      o = a + d*(k - 1) - p_b - p_e + s*(n - 1) + 1
    <BLANKLINE>
    Convolution of that many has the size, where kernel, dilation and padding
    cancel:
    <BLANKLINE>
      floor((-d*(k - 1) + o + p_b + p_e - 1)/s) + 1 = n + floor(a/s)
    <BLANKLINE>
    Divide a by s, s = r + 1 + e with some e >= 0, as the remainder is less. q is
    the floor:
    <BLANKLINE>
      a = q*s + r
      a/s - q = r/(e + r + 1) >= 0
      q + 1 - a/s = (e + 1)/(e + r + 1) > 0
    <BLANKLINE>
    So the size is n + q. It is n where q = 0, that is where a is the remainder, 0
    to s - 1:
    <BLANKLINE>
      n + floor(a/s) = n + q
    <BLANKLINE>
    Counted as well, window by window, for every a from 0 to 2*s: 16674 cases, no
    exception.
    <BLANKLINE>
      n <= 5, k <= 3, s <= 4, d <= 3, -1 <= p_b <= 2, -1 <= p_e <= 2

    With as much output padding as the stride is, there is a window more:

    >>> from sympy.abc import s
    >>> prove_size_returns(output_padding=s - 1).statement.drawing
    ('a = s - 1',)
    >>> try:
    ...     prove_size_returns(stride=2, output_padding=2)
    ... except ValueError as refuted:
    ...     print(refuted.counterexample["input_size"], refuted.counterexample["returned"])
    1 2
    """
    s = _stride(stride)
    claim = None if output_padding is None else _claimed("output_padding", output_padding, 0, stride, {STRIDE})
    if claim is None:
        title = f"Convolution maps the transposed convolution's size back to n{_if(stride)} if and only if:"
        statement, last = lines_step(title, [_between(Integer(0), OUTPUT_PADDING, s)]), []
    else:
        _refute_return(claim, stride)
        _must_be_decided("output_padding", claim, claim.is_nonnegative and (s - claim).is_positive)
        title = f"Convolution maps the transposed convolution's size back to n{_if(stride)} with output padding:"
        statement = lines_step(title, [Line.of("a", claim)])
        last = [
            lines_step(
                "The output padding in question is one of these:",
                [_signed("a", claim, ">= 0", r"\ge 0"), _signed("s - a", s - claim, "> 0", "> 0")],
            )
        ]
    o = _transposed(INPUT_SIZE, OUTPUT_PADDING)
    spare = _spare(OUTPUT_SIZE)
    _must_hold(_convolved(OUTPUT_SIZE) == floor(spare / STRIDE) + 1)
    cancelled = floor(expand(expand(spare.subs(OUTPUT_SIZE, o)) / STRIDE)) + 1
    _must_hold(cancelled == INPUT_SIZE + floor(OUTPUT_PADDING / STRIDE))
    proof = [
        lines_step("With output padding a, the transposed convolution has the size:", [Line.of("o", o)]),
        lines_step(
            "Convolution of that many has the size, where kernel, dilation and padding cancel:",
            [Line.of(_convolved(OUTPUT_SIZE), cancelled)],
        ),
        _division(OUTPUT_PADDING),
        lines_step(
            "So the size is n + q. It is n where q = 0, that is where a is the remainder, 0 to s - 1:",
            [Line.of(cancelled, INPUT_SIZE + QUOTIENT)],
        ),
        *last,
    ]
    count = 0
    for case in _cases(stride):
        for a in range(2 * case.stride + 1):
            _must_hold(case.convolved(case.transposed(a)) == case.input_size + a // case.stride)
            count += 1
    return Theorem(statement, (*proof, _counted("for every a from 0 to 2*s", stride, count)))


def prove_sizes_with_same_result(*, stride: int | None = None, count: Any = None) -> Theorem:
    """Convolution maps as many sizes to n as its stride is: the transposed one's of n, with output padding 0 to s - 1.

    For every kernel size, dilation and padding, and every n >= 1. It is a theorem of integers: where padding leaves
    less than nothing, some of them are negative, and no sizes.

    Parameters
    ----------
    stride : int, optional
        State it for this stride. By default for all.
    count : int or SymPy expression in s, optional
        Claim another number of sizes; s is the stride, known by its name.

    Returns
    -------
    Theorem

    Raises
    ------
    Refuted
        There are not `count` sizes.
    ValueError
        A value is too small, or SymPy cannot decide about `count`.
    TypeError
        A value is neither an integer nor an expression that may stand for one.

    Examples
    --------
    >>> from symbolic import prove_sizes_with_same_result
    >>> print(prove_sizes_with_same_result())
    Convolution gives n for these o alone, which are s in a row:
    <BLANKLINE>
      d*(k - 1) - p_b - p_e + s*(n - 1) + 1 <= o
        <= d*(k - 1) - p_b - p_e + s*(n - 1) + s
    <BLANKLINE>
    Let the last of o inputs be u places beyond the last tap of window 0.
    Convolution gives:
    <BLANKLINE>
      u = -d*(k - 1) + o + p_b + p_e - 1
      floor((-d*(k - 1) + o + p_b + p_e - 1)/s) + 1 = floor(u/s) + 1
    <BLANKLINE>
    Divide u by s, s = r + 1 + e with some e >= 0, as the remainder is less. q is
    the floor:
    <BLANKLINE>
      u = q*s + r
      u/s - q = r/(e + r + 1) >= 0
      q + 1 - u/s = (e + 1)/(e + r + 1) > 0
    <BLANKLINE>
    So the size is n for the quotient n - 1 of u, with any remainder from 0 to s -
    1, each for an o:
    <BLANKLINE>
      u = r + s*(n - 1)
      o = d*(k - 1) - p_b - p_e + r + s*(n - 1) + 1
    <BLANKLINE>
    That is the transposed convolution's size with output padding r. Without any,
    and with the most:
    <BLANKLINE>
      o = d*(k - 1) - p_b - p_e + s*(n - 1) + 1
      o = d*(k - 1) - p_b - p_e + s*(n - 1) + s
    <BLANKLINE>
    Counted as well, window by window, for every o up to two strides further: 2772
    cases, no exception.
    <BLANKLINE>
      n <= 5, k <= 3, s <= 4, d <= 3, -1 <= p_b <= 2, -1 <= p_e <= 2
    >>> try:
    ...     prove_sizes_with_same_result(count=1)
    ... except ValueError as refuted:
    ...     print(refuted.counterexample["stride"], refuted.counterexample["sizes"])
    2 [1, 2]
    """
    s = _stride(stride)
    claim = s if count is None else _claimed("count", count, 1, stride, {STRIDE})
    for number in range(1, _FAR + 1) if stride is None else [stride]:
        case = _Case(1, 1, number, 1, (0, 0))
        sizes = [o for o in range(3 * number) if case.convolved(o) == case.input_size]
        if claim.subs(STRIDE, number) != len(sizes):
            where = {**case.named(), "count": claim.subs(STRIDE, number), "sizes": sizes}
            raise Refuted("so many sizes have the same result", where)
    _must_be_decided("count", claim, simplify(claim - s) == 0)
    which = "this o alone" if stride == 1 else f"these o alone, which are {s} in a row"
    title = f"Convolution gives n{_if(stride)} for {which}:"
    smallest, largest = (_transposed(INPUT_SIZE, a) for a in (0, STRIDE - 1))
    statement = lines_step(title, [_row_of_sizes(smallest.subs(STRIDE, s), largest.subs(STRIDE, s))])
    o, spare = _transposed(INPUT_SIZE, REMAINDER), _spare(OUTPUT_SIZE)
    _must_hold(_convolved(OUTPUT_SIZE) == floor(spare / STRIDE) + 1)
    _must_hold(expand(spare.subs(OUTPUT_SIZE, o) - STRIDE * (INPUT_SIZE - 1)) == REMAINDER)
    proof = (
        lines_step(
            _U_TITLE,
            [Line.of("u", spare), Line.of(_convolved(OUTPUT_SIZE), floor(SPARE / STRIDE) + 1)],
        ),
        _division(SPARE),
        lines_step(
            "So the size is n for the quotient n - 1 of u, with any remainder from 0 to s - 1, each for an o:",
            [Line.of("u", STRIDE * (INPUT_SIZE - 1) + REMAINDER), Line.of("o", o)],
        ),
        lines_step(
            "That is the transposed convolution's size with output padding r. Without any, and with the most:",
            [Line.of("o", smallest), Line.of("o", largest)],
        ),
    )
    cases = 0
    for case in _cases(stride):
        first = case.transposed(0)
        counted = [o for o in range(first + 2 * case.stride) if case.convolved(o) == case.input_size]
        _must_hold(counted == [case.transposed(a) for a in range(case.stride)])
        cases += 1
    return Theorem(statement, (*proof, _counted("for every o up to two strides further", stride, cases)))


def prove_output_padding_restores(output_padding: Any = None) -> Theorem:
    """Each size that convolution maps to n >= 1 is restored by one output padding less than the stride, and which.

    It is what convolution leaves over at the end, ``(o + p_b + p_e - d*(k - 1) - 1) mod s``.

    Parameters
    ----------
    output_padding : int or SymPy expression, optional
        Claim another one, in o, k, s, d, p_b and p_e, known by their names.

    Returns
    -------
    Theorem

    Raises
    ------
    Refuted
        What is claimed does not restore every size.
    ValueError
        A value is too small, or SymPy cannot decide about it.
    TypeError
        A value is neither an integer nor an expression that may stand for one.

    Examples
    --------
    >>> from symbolic import prove_output_padding_restores
    >>> print(prove_output_padding_restores())
    What convolution maps to n >= 1, its transpose restores with one output padding
    a < s alone:
    <BLANKLINE>
      a = (-d*(k - 1) + o + p_b + p_e - 1) mod s
    <BLANKLINE>
    Let the last of o inputs be u places beyond the last tap of window 0.
    Convolution gives:
    <BLANKLINE>
      u = -d*(k - 1) + o + p_b + p_e - 1
      n = floor(u/s) + 1
    <BLANKLINE>
    Without output padding, the transposed convolution of n has the size:
    <BLANKLINE>
      o_0 = d*(k - 1) - p_b - p_e + s*floor(u/s) + 1
    <BLANKLINE>
    What is missing is the remainder of u, and each a adds just a:
    <BLANKLINE>
      o - o_0 = -s*floor(u/s) + u
      a = u mod s
    <BLANKLINE>
    Counted as well, window by window, for every o that gives n: 6951 cases, no
    exception.
    <BLANKLINE>
      n <= 5, k <= 3, s <= 4, d <= 3, -1 <= p_b <= 2, -1 <= p_e <= 2
    >>> try:
    ...     prove_output_padding_restores(0)
    ... except ValueError as refuted:
    ...     print(refuted.counterexample["output_size"], refuted.counterexample["restored"])
    2 1
    """
    spare = _spare(OUTPUT_SIZE)
    left_over = Mod(spare, STRIDE)
    claim = left_over
    if output_padding is not None:
        allowed = {OUTPUT_SIZE, KERNEL_SIZE, STRIDE, DILATION, BEGIN, END}
        claim = _claimed("output_padding", output_padding, 0, None, allowed)
    cases = 0
    for case in _cases(None):
        smallest = case.transposed(0)
        for o in range(smallest, smallest + case.stride):
            a = case.left_over(o) if output_padding is None else claim.subs({**case.values(), OUTPUT_SIZE: o})
            if smallest + a != o:
                where = {"output_size": o, **case.named(), "output_padding": a, "restored": smallest + a}
                raise Refuted("the size is restored", where)
            cases += 1
    if output_padding is not None:
        _must_be_decided("output_padding", claim, simplify((claim - left_over).rewrite(floor)) == 0)
    without = _transposed(floor(SPARE / STRIDE) + 1)
    missing = expand(OUTPUT_SIZE - without.subs(SPARE, spare))
    _must_hold(expand(missing - left_over.rewrite(floor)) == 0)
    statement = lines_step(
        "What convolution maps to n >= 1, its transpose restores with one output padding a < s alone:",
        [_modulo("a", spare)],
    )
    proof = (
        lines_step(_U_TITLE, [Line.of("u", spare), Line.of("n", floor(SPARE / STRIDE) + 1)]),
        lines_step(
            "Without output padding, the transposed convolution of n has the size:",
            [Line.of("o_0", without)],
        ),
        lines_step(
            "What is missing is the remainder of u, and each a adds just a:",
            [Line.of("o - o_0", SPARE - STRIDE * floor(SPARE / STRIDE)), _modulo("a", SPARE)],
        ),
        _counted("for every o that gives n", None, cases),
    )
    return Theorem(statement, proof)


@dataclass(frozen=True, repr=False)
class SameResult(Stepwise):
    """The sizes that one convolution maps to the same size: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    result : sympy.Expr
        To which size it maps them.
    smallest, largest : sympy.Expr
        The first and the last of them; there are all between them.
    stride : sympy.Expr
        How many there are.
    convolution : sympy.Expr
        The size of the convolution of o inputs.
    """

    result: Expr
    smallest: Expr
    largest: Expr
    stride: Expr
    convolution: Expr

    @property
    def sizes(self) -> tuple[Expr, ...]:
        """The sizes that there are, in order: not those below 0. Empty if the stride is a symbol."""
        if not self.stride.is_Integer:
            return ()
        sizes = (self.smallest + a for a in range(int(self.stride)))
        return tuple(size for size in sizes if not size.is_negative)

    def steps(self) -> tuple[Step, ...]:
        """Which sizes, and what output padding has to do with it."""
        n = self.result
        which = "it is one" if self.stride == 1 else f"these are {self.stride} in a row; those below 0 are no sizes"
        return (
            lines_step(f"Convolution of o inputs has the size {n} just for:", [Line.of(self.convolution, n)]),
            lines_step(
                f"Solved for o, {which}:",
                [_row_of_sizes(self.smallest, self.largest)],
            ),
            self._output_paddings(),
        )

    def _output_paddings(self) -> Step:
        which = "it" if self.stride == 1 else "the smallest; output padding chooses another"
        title = f"The transposed convolution of {self.result} gives {which}:"
        if not self.sizes or len(self.sizes) > _MOST_ROWS:
            return lines_step(
                title,
                [
                    _row("0", self.smallest),
                    _row("1", self.smallest + 1),
                    _row(self.stride - 1, self.largest),
                ],
            )
        return lines_step(title, [_row(Integer(a), size) for a, size in self._rows()])

    def _rows(self) -> Iterator[tuple[int, Expr]]:
        skipped = int(self.stride) - len(self.sizes)  # those below 0
        return iter(enumerate(self.sizes, skipped))


def sizes_with_same_result(
    input_size: Any = None,
    kernel_size: Any = None,
    *,
    stride: Any = None,
    padding: Any = None,
    dilation: Any = None,
) -> SameResult:
    """The sizes that one convolution maps to the same size, and which output padding leads back to each of them.

    They are ``stride`` sizes in a row, from that of the transposed convolution on. Without output padding only the
    first of them could be reached: that is what output padding is for.

    Parameters
    ----------
    input_size : int or SymPy expression, optional
        The size that convolution gives, and from which its transpose starts. >= 1. What is left out stays a symbol: n.
    kernel_size, stride, dilation : int or SymPy expression, optional
        >= 1; left out, k, s, d.
    padding : optional
        An integer, or a list of one (begin, end) pair, as ``[(1, 2)]``; left out, p_b at the beginning and p_e at the
        end.

    Returns
    -------
    SameResult
        Its ``smallest`` and ``largest``, and for a stride that is a number its ``sizes``.

    Raises
    ------
    ValueError
        A value is too small, or `padding` leaves none of the sizes.
    TypeError
        A value is neither an integer nor an expression that may stand for one.

    Examples
    --------
    >>> from symbolic import sizes_with_same_result
    >>> same = sizes_with_same_result(4, 3, stride=2, padding=1, dilation=1)
    >>> same.sizes
    (7, 8)
    >>> print(same)
    Convolution of o inputs has the size 4 just for:
    <BLANKLINE>
      floor(o/2 - 1/2) + 1 = 4
    <BLANKLINE>
    Solved for o, these are 2 in a row; those below 0 are no sizes:
    <BLANKLINE>
      7 <= o <= 8
    <BLANKLINE>
    The transposed convolution of 4 gives the smallest; output padding chooses
    another:
    <BLANKLINE>
      a = 0:  o = 7
      a = 1:  o = 8
    >>> print(sizes_with_same_result())
    Convolution of o inputs has the size n just for:
    <BLANKLINE>
      floor((-d*(k - 1) + o + p_b + p_e - 1)/s) + 1 = n
    <BLANKLINE>
    Solved for o, these are s in a row; those below 0 are no sizes:
    <BLANKLINE>
      d*(k - 1) - p_b - p_e + s*(n - 1) + 1 <= o
        <= d*(k - 1) - p_b - p_e + s*(n - 1) + s
    <BLANKLINE>
    The transposed convolution of n gives the smallest; output padding chooses
    another:
    <BLANKLINE>
      a = 0:  o = d*(k - 1) - p_b - p_e + s*(n - 1) + 1
      a = 1:  o = d*(k - 1) - p_b - p_e + s*(n - 1) + 2
      a = s - 1:  o = d*(k - 1) - p_b - p_e + s*(n - 1) + s
    """
    names = {"input_size": input_size, "kernel_size": kernel_size, "stride": stride, "dilation": dilation}
    symbols = (INPUT_SIZE, KERNEL_SIZE, STRIDE, DILATION)
    n, k, s, d = (
        symbol if value is None else per_axis(name, value, 1, lowest=1, read=integer_or_symbolic)[0]
        for symbol, (name, value) in zip(symbols, names.items(), strict=True)
    )
    pairs = padding_pairs([(BEGIN, END)] if padding is None else padding, 1, integer_or_symbolic)
    if pairs is None:
        raise ValueError("padding: got 'same'; must be numbers, as those of 'same' depend on the size that is sought")
    (pair,) = pairs
    # Not output_size: it refuses to leave less than nothing, and here the next sizes may be more.
    smallest = sympify(IndexSet(n, k, s, d).size() - pair[0] - pair[1])
    largest = smallest + s - 1
    if largest.is_negative:
        raise ValueError(f"padding: got {shown(pair)}, which leaves sizes of {smallest} to {largest}; must leave >= 0")
    convolution = sympify(window_count(OUTPUT_SIZE, IndexSet(1, k, s, d), pair))
    return SameResult(sympify(n), smallest, largest, sympify(s), convolution)


def _transposed(size: Expr, output_padding: Any = 0) -> Expr:
    """The size of the transposed convolution of ``size`` inputs."""
    padded = {"padding": [(BEGIN, END)], "output_padding": output_padding}
    result: Expr = output_size(size, KERNEL_SIZE, stride=STRIDE, dilation=DILATION, **padded)
    return result


def _convolved(size: Expr) -> Expr:
    """The size of the convolution of ``size`` inputs."""
    return window_count(size, _WINDOW, (BEGIN, END))


def _spare(size: Expr) -> Expr:
    """By how much the last of ``size`` padded inputs is beyond the last tap of the first window."""
    return size + BEGIN + END - 1 - _WINDOW.largest()


def _division(dividend: Symbol) -> Step:
    """The floor of a quotient is the integer q that leaves a remainder of 0 to s - 1, checked from both sides."""
    any_stride = REMAINDER + 1 + REST  # any integer > r, as e is any integer >= 0
    quotient = ((QUOTIENT * STRIDE + REMAINDER) / STRIDE).subs(STRIDE, any_stride)
    below, above = simplify(quotient - QUOTIENT), simplify(QUOTIENT + 1 - quotient)
    _must_hold(below.is_nonnegative and above.is_positive)
    name = str(dividend)
    return lines_step(
        f"Divide {name} by s, s = r + 1 + e with some e >= 0, as the remainder is less. q is the floor:",
        [
            Line.of(name, QUOTIENT * STRIDE + REMAINDER),
            _signed(f"{name}/s - q", below, ">= 0", r"\ge 0"),
            _signed(f"q + 1 - {name}/s", above, "> 0", "> 0"),
        ],
    )


def _signed(name: str, value: Expr, sign: str, latex_sign: str) -> Line:
    line = Line.of(name, value)
    return Line(f"{line.text} {sign}", f"{line.latex} {latex_sign}")


def _between(first: Expr, middle: Expr, last: Expr, relation: str = "<") -> Line:
    sign = {"<=": r"\le"}.get(relation, relation)
    return Line(f"{first} <= {middle} {relation} {last}", rf"{latex(first)} \le {latex(middle)} {sign} {latex(last)}")


def _row_of_sizes(smallest: Expr, largest: Expr) -> Line:
    """From the one to the other, or the one if it is the other."""
    return Line.of("o", smallest) if smallest == largest else _between(smallest, OUTPUT_SIZE, largest, "<=")


def _modulo(name: str, dividend: Expr) -> Line:
    text = str(dividend) if dividend.is_Symbol else f"({dividend})"
    formula = latex(dividend) if dividend.is_Symbol else rf"\left({latex(dividend)}\right)"
    return Line(f"{name} = {text} mod s", rf"{name} = {formula} \bmod s")


def _row(a: Expr | str, size: Expr) -> Line:
    return Line(f"a = {a}:  o = {size}", rf"a = {a}: \quad o = {latex(size)}")


def _counted(what: str, stride: int | None, cases: int) -> Step:
    box = _BOX if stride is None else _BOX.replace("s <= 4", f"s = {stride}")
    return Step(
        f"Counted as well, window by window, {what}: {cases} cases, no exception.",
        (box,),
        box.replace("<=", r"\le").replace(", ", r",\ "),
    )


def _stride(value: Any) -> Expr:
    """The stride in a statement: the number, or s for all."""
    return STRIDE if value is None else Integer(per_axis("stride", value, 1, lowest=1)[0])


def _if(stride: int | None) -> str:
    return "" if stride is None else f", with stride {stride},"


def _claimed(name: str, value: Any, lowest: int, stride: int | None, allowed: set[Symbol]) -> Expr:
    """What is claimed, in our own symbols; the caller's have the same names, but may lack assumptions."""
    read: Expr = sympify(per_axis(name, value, 1, lowest=lowest, read=integer_or_symbolic)[0])
    ours = {symbol.name: symbol for symbol in allowed}
    unknown = sorted({symbol.name for symbol in read.free_symbols} - set(ours))
    if unknown:
        raise ValueError(f"{name}: got {shown(value)} with {', '.join(unknown)}; may hold {', '.join(sorted(ours))}")
    read = read.subs({symbol: ours[symbol.name] for symbol in read.free_symbols}, simultaneous=True)
    return read if stride is None else read.subs(STRIDE, stride)


def _refute_return(claim: Expr, stride: int | None) -> None:
    """Look for a stride with which the output padding that is claimed does not do."""
    for s in range(1, _FAR + 1) if stride is None else [stride]:
        a = claim.subs(STRIDE, s)
        case = _Case(max(1, 1 - int(floor(a / s))), 1, s, 1, (0, 0))
        returned = case.convolved(case.transposed(int(a)))
        if returned != case.input_size:
            raise Refuted("the size returns", {**case.named(), "output_padding": a, "returned": returned})


def _must_be_decided(name: str, claim: Expr, decided: bool | None) -> None:
    if not decided:
        raise ValueError(f"{name}: got {claim}; no counterexample was found, but SymPy cannot decide about it")


def _must_hold(holds: object) -> None:
    """A step of a proof; it would be a mistake of this module if it failed."""
    if not holds:
        raise AssertionError("a step of the proof does not hold")
