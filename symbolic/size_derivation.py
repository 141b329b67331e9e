"""Both size formulas, derived step by step.

A transposed convolution places the product of input i and tap j at ``s*i + d*j``. The numbers that this gives are an
index set; the natural output reaches from 0 to the largest of them. An ordinary convolution slides the taps of one
input over the other side, s places further at each step, as long as its last tap is inside. Every formula here is
computed from the index set by SymPy: none is typed in. They begin with the document's, and take in dilation, padding
and output padding one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sympy import Expr, Integer, Symbol, expand, floor, latex, symbols, sympify

from symbolic.arguments import Pair, Size, counted, integer_or_symbolic, padding_pairs, per_axis
from symbolic.drawing import WIDTH, fits, wrapped
from symbolic.problem import Operator
from symbolic.sizes import IndexSet, output_size, window_count
from symbolic.steps import Step, Stepwise

INPUT_SIZE, KERNEL_SIZE, STRIDE, DILATION = symbols("n k s d", integer=True, positive=True)
BEGIN, END = symbols("p_b p_e", integer=True)
OUTPUT_PADDING = Symbol("a", integer=True, nonnegative=True)
INPUT, TAP, QUOTIENT = symbols("i j m", integer=True)
WINDOW = Symbol("t", real=True)  # not only integers: where s does not divide, the bound lies between two windows


class Line(NamedTuple):
    """One line of a step, for the terminal and in LaTeX."""

    text: str
    latex: str

    @classmethod
    def of(cls, *parts: Expr | str, relation: str = "=") -> Line:
        r"""Expressions, and words that are good in LaTeX too, with a relation between each two.

        >>> Line.of("t(i + 1)", INPUT + 1, relation="<=").latex
        't(i + 1) \\le i + 1'
        """
        sign = {"<=": r"\le"}.get(relation, relation)
        return cls(
            f" {relation} ".join(map(str, parts)),
            f" {sign} ".join(part if isinstance(part, str) else latex(part) for part in parts),
        )

    def drawn(self) -> list[str]:
        """The text; on more lines if it is too wide for a terminal, broken before signs of relation if it has any."""
        first, *rest = re.split(r" (?=<?= )", self.text) if len(self.text) > WIDTH else [self.text]
        drawing = [first]
        for part in rest:
            longer = f"{drawing[-1]} {part}"
            drawing[-1:] = [longer] if len(longer) <= WIDTH else [drawing[-1], f"  {part}"]
        return list(wrapped(drawing))


def lines_step(title: str, lines: Sequence[Line], picture: Iterable[str] = ()) -> Step:
    """A step of one or more lines, and what is drawn below them for the terminal only."""
    picture = tuple(picture)
    formula = r" \\ ".join(line.latex for line in lines)
    if len(lines) > 1:
        formula = rf"\begin{{array}}{{l}} {formula} \end{{array}}"
    drawing = [part for line in lines for part in line.drawn()]
    return Step(title, (*drawing, *([""] if picture else []), *picture), formula)


class Stage(NamedTuple):
    """What is taken in at once.

    Attributes
    ----------
    steps : tuple of symbolic.steps.Step
        How it changes the size.
    formula : sympy.Expr
        The size then, in the symbols n, k, s, d, p_b, p_e and a.
    size : sympy.Expr
        The same for what is given.
    """

    steps: tuple[Step, ...]
    formula: Expr
    size: Expr


@dataclass(frozen=True, repr=False)
class SizeDerivation(Stepwise):
    """A size formula step by step: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    operator : {"conv_transpose", "conv"}
        Whose size it is.
    stages : tuple of Stage
        The document's formula, then what each parameter makes of it; those that change nothing are left out.
    remarks : tuple of symbolic.steps.Step
        An example, if there is something to be seen in one.
    """

    operator: Operator
    stages: tuple[Stage, ...]
    remarks: tuple[Step, ...] = ()

    @property
    def formula(self) -> Expr:
        """The size at the end, in symbols."""
        return self.stages[-1].formula

    @property
    def size(self) -> Expr:
        """The size at the end, with what is given."""
        return self.stages[-1].size

    def steps(self) -> tuple[Step, ...]:
        """All steps, in order."""
        return (*(step for stage in self.stages for step in stage.steps), *self.remarks)


class _Given(NamedTuple):
    """One axis as it was given; where nothing was, a symbol. ``pair`` is None for "same"."""

    input_size: Size
    kernel_size: Size
    stride: Size
    dilation: Size
    pair: Pair | None
    output_padding: Size

    @property
    def has_numbers(self) -> bool:
        """Whether every size and step is a number."""
        return all(isinstance(value, int) for value in self[:4])


_SYMBOLS = _Given(INPUT_SIZE, KERNEL_SIZE, STRIDE, DILATION, (BEGIN, END), OUTPUT_PADDING)


def derive_conv_transpose_size(
    input_size: Any = None,
    kernel_size: Any = None,
    *,
    stride: Any = None,
    padding: Any = None,
    output_padding: Any = None,
    dilation: Any = None,
) -> SizeDerivation:
    """How the output size of a transposed convolution comes about, on one spatial axis.

    Input i times tap j lands at ``s*i + d*j``; the size is the largest of these numbers plus one, then padding crops it
    and output padding appends to it::

        o = (n - 1)*s + (k - 1)*d + 1 - p_b - p_e + a

    Parameters
    ----------
    input_size, kernel_size, stride, dilation : int or SymPy expression, optional
        >= 1. What is left out stays a symbol: n, k, s, d.
    padding, output_padding : optional
        As in `output_size`; left out, p_b at the beginning, p_e at the end, and a.

    Returns
    -------
    SizeDerivation
        Its ``formula`` and ``size``; ``steps()`` tells how they come about, ``print`` shows all.

    Raises
    ------
    ValueError, TypeError
        As for `output_size`; and for a size of 0, where there is nothing to derive.

    Examples
    --------
    >>> from symbolic import derive_conv_size, derive_conv_transpose_size
    >>> print(derive_conv_transpose_size())
    Input i times tap j lands at place t, for 0 <= i < n and 0 <= j < k:
    <BLANKLINE>
      t(i, j) = i*s + j
    <BLANKLINE>
    The next input lands further on, and so does the next tap:
    <BLANKLINE>
      t(i + 1, j) - t(i, j) = s
      t(i, j + 1) - t(i, j) = 1
    <BLANKLINE>
    So the last tap of the last input lands furthest:
    <BLANKLINE>
      t(n - 1, k - 1) = k + s*(n - 1) - 1
    <BLANKLINE>
    The natural output reaches from place 0 to there. This is the document's
    formula:
    <BLANKLINE>
      N = k + s*(n - 1)
    <BLANKLINE>
    Dilation puts taps d places apart, so that the last one lands further on:
    <BLANKLINE>
      t(i, j) = d*j + i*s
      t(n - 1, k - 1) = d*(k - 1) + s*(n - 1)
      N = d*(k - 1) + s*(n - 1) + 1
    <BLANKLINE>
    Padding crops the natural output at the beginning and at the end:
    <BLANKLINE>
      o = N - p_b - p_e = d*(k - 1) - p_b - p_e + s*(n - 1) + 1
    <BLANKLINE>
    Output padding appends to the end:
    <BLANKLINE>
      o = N - p_b - p_e + a = a + d*(k - 1) - p_b - p_e + s*(n - 1) + 1

    With numbers, any of them:

    >>> derivation = derive_conv_transpose_size(3, 2, stride=2, dilation=1, padding=1, output_padding=0)
    >>> print(derivation)
    Input i times tap j lands at place t, for 0 <= i < n and 0 <= j < k:
    <BLANKLINE>
      t(i, j) = i*s + j = 2*i + j
    <BLANKLINE>
      input 0  0  1
      input 1        2  3
      input 2              4  5
    <BLANKLINE>
    The next input lands further on, and so does the next tap:
    <BLANKLINE>
      t(i + 1, j) - t(i, j) = s = 2
      t(i, j + 1) - t(i, j) = 1
    <BLANKLINE>
    So the last tap of the last input lands furthest:
    <BLANKLINE>
      t(n - 1, k - 1) = k + s*(n - 1) - 1 = 5
    <BLANKLINE>
    The natural output reaches from place 0 to there. This is the document's
    formula:
    <BLANKLINE>
      N = k + s*(n - 1) = 6
    <BLANKLINE>
    Padding crops the natural output at the beginning and at the end:
    <BLANKLINE>
      o = N - p_b - p_e = k - p_b - p_e + s*(n - 1) = 4
    >>> derive_conv_transpose_size(stride=2, dilation=1, padding=1).size
    a + k + 2*n - 4
    """
    given = _read(input_size, kernel_size, stride, dilation, padding, output_padding)
    taken = _SYMBOLS._replace(dilation=1, pair=(0, 0), output_padding=0)
    now = given._replace(dilation=1, pair=(0, 0), output_padding=0)
    general, special = _index_set(taken), _index_set(now)
    first = (
        lines_step(
            "Input i times tap j lands at place t, for 0 <= i < n and 0 <= j < k:",
            [_line("t(i, j)", general.place(INPUT, TAP), special.place(INPUT, TAP))],
            _places(now, "input"),
        ),
        lines_step(
            "The next input lands further on, and so does the next tap:",
            [
                _line(
                    "t(i + 1, j) - t(i, j)",
                    *(expand(g.place(INPUT + 1, TAP) - g.place(INPUT, TAP)) for g in (general, special)),
                ),
                _line(
                    "t(i, j + 1) - t(i, j)",
                    *(expand(g.place(INPUT, TAP + 1) - g.place(INPUT, TAP)) for g in (general, special)),
                ),
            ],
        ),
        lines_step(
            "So the last tap of the last input lands furthest:",
            [_line("t(n - 1, k - 1)", general.largest(), special.largest())],
        ),
        lines_step(
            "The natural output reaches from place 0 to there. This is the document's formula:",
            [_line("N", general.size(), special.size())],
        ),
    )
    stages = [Stage(first, sympify(general.size()), sympify(special.size()))]
    if given.dilation != 1:
        taken, now = taken._replace(dilation=DILATION), now._replace(dilation=given.dilation)
        general, special = _index_set(taken), _index_set(now)
        step = lines_step(
            "Dilation puts taps d places apart, so that the last one lands further on:",
            [
                _line("t(i, j)", general.place(INPUT, TAP), special.place(INPUT, TAP)),
                _line("t(n - 1, k - 1)", general.largest(), special.largest()),
                _line("N", general.size(), special.size()),
            ],
            _places(now, "input"),
        )
        stages.append(Stage((step,), sympify(general.size()), sympify(special.size())))
    name = "o = N"
    if given.pair is None:
        taken, now, name = taken._replace(pair=None), now._replace(pair=None), "o"
        title = "Padding of 'same' crops or appends what it takes for s outputs per input:"
        stages.append(_sized(title, name, taken, now))
    elif given.pair != (0, 0):
        taken, now, name = taken._replace(pair=(BEGIN, END)), now._replace(pair=given.pair), "o = N - p_b - p_e"
        title = "Padding crops the natural output at the beginning and at the end:"
        stages.append(_sized(title, name, taken, now))
    if given.output_padding != 0:
        name = "o" if given.pair is None else f"{name} + a"
        taken, now = taken._replace(output_padding=OUTPUT_PADDING), now._replace(output_padding=given.output_padding)
        stages.append(_sized("Output padding appends to the end:", name, taken, now))
    _output_size(given)  # padding may crop more than there is
    return SizeDerivation("conv_transpose", tuple(stages))


def derive_conv_size(
    input_size: Any = None,
    kernel_size: Any = None,
    *,
    stride: Any = None,
    padding: Any = None,
    dilation: Any = None,
) -> SizeDerivation:
    """How the output size of an ordinary convolution comes about, on one spatial axis: from the last window that fits.

    The last tap of window t is at ``s*t + d*(k - 1) - p_b``, and fits as long as it is at most ``n - 1 + p_e``::

        o = floor((n + p_b + p_e - d*(k - 1) - 1)/s) + 1

    Parameters
    ----------
    input_size, kernel_size, stride, dilation : int or SymPy expression, optional
        >= 1. What is left out stays a symbol: n, k, s, d.
    padding : optional
        As in `conv`, or SymPy expressions; left out, p_b at the beginning and p_e at the end.

    Returns
    -------
    SizeDerivation
        Its ``formula`` and ``size``; ``steps()`` tells how they come about, ``print`` shows all. The last step is an
        example in which the floor matters, if what is given allows one.

    Raises
    ------
    ValueError, TypeError
        As for `conv`; and for a size of 0, where there is nothing to derive.

    Examples
    --------
    >>> from symbolic import derive_conv_size, derive_conv_transpose_size
    >>> print(derive_conv_size())
    Window t has its last tap, tap k - 1, at input i:
    <BLANKLINE>
      i(t) = k + s*t - 1
    <BLANKLINE>
    The next window is s further on. Window t fits as long as that is an input:
    <BLANKLINE>
      i(t + 1) - i(t) = s
      k + s*t - 1 <= n - 1
      t <= (-k + n)/s
    <BLANKLINE>
    t is an integer: the last that fits is the floor of that. Windows 0 to there:
    <BLANKLINE>
      o = floor((-k + n)/s) + 1
    <BLANKLINE>
    If s divides n - k, n = k + m*s, the floor changes nothing. This is the
    document's formula:
    <BLANKLINE>
      o = 1 + (-k + n)/s = m + 1
    <BLANKLINE>
    Dilation puts taps d places apart, so that the last one is further on:
    <BLANKLINE>
      i(t) = d*(k - 1) + s*t
      t <= (-d*(k - 1) + n - 1)/s
      o = floor((-d*(k - 1) + n - 1)/s) + 1
    <BLANKLINE>
    Padding lets windows begin before the inputs and end after them:
    <BLANKLINE>
      i(t) = d*(k - 1) - p_b + s*t
      d*(k - 1) - p_b + s*t <= n + p_e - 1
      t <= (-d*(k - 1) + n + p_b + p_e - 1)/s
      o = floor((-d*(k - 1) + n + p_b + p_e - 1)/s) + 1
    <BLANKLINE>
    An example where the floor matters: no window reaches the last input.
    <BLANKLINE>
      n = 6, k = 3, s = 2
      t <= 3/2
      o = 2
    <BLANKLINE>
      window 0  0  1  2
      window 1        2  3  4
      inputs    0  1  2  3  4  5
    >>> derive_conv_size(7, 3, stride=2, padding="same").size
    4
    """
    given = _read(input_size, kernel_size, stride, dilation, padding, 0)
    taken, now = (g._replace(dilation=1, pair=(0, 0)) for g in (_SYMBOLS, given))
    size = _line("o", *map(_window_count, (taken, now)))
    first = (
        lines_step("Window t has its last tap, tap k - 1, at input i:", [_line("i(t)", *map(_last_tap, (taken, now)))]),
        lines_step(
            "The next window is s further on. Window t fits as long as that is an input:",
            [
                _line(
                    "i(t + 1) - i(t)",
                    *(expand(_last_tap(g).subs(WINDOW, WINDOW + 1) - _last_tap(g)) for g in (taken, now)),
                ),
                Line.of(_last_tap(taken), _last_input(taken), relation="<="),
                _bound_line(taken, now),
            ],
        ),
        lines_step(
            "t is an integer: the last that fits is the floor of that. Windows 0 to there:",
            [size],
        ),
    )
    # The formula without the floor is the document's; n = k + m*s, so that s divides n - k, makes it a whole number.
    whole = _bound(taken) + 1
    divided = whole.subs(INPUT_SIZE, KERNEL_SIZE + QUOTIENT * STRIDE).expand()
    if _window_count(taken).subs(INPUT_SIZE, KERNEL_SIZE + QUOTIENT * STRIDE).expand() != divided:
        raise AssertionError("the document's formula is not the case in which s divides n - k")
    document = lines_step(
        "If s divides n - k, n = k + m*s, the floor changes nothing. This is the document's formula:",
        [Line.of("o", whole, divided)],
    )
    stages = [Stage((*first, document), _window_count(taken), _window_count(now))]
    if given.dilation != 1:
        taken, now = taken._replace(dilation=DILATION), now._replace(dilation=given.dilation)
        title = "Dilation puts taps d places apart, so that the last one is further on:"
        stages.append(_fitted(title, taken, now, [_line("i(t)", *map(_last_tap, (taken, now)))]))
    if given.pair is None:
        # As much padding as lets a window begin at every s-th input: as if the kernel had one tap.
        taken, now = (g._replace(kernel_size=1) for g in (taken, now))
        title = "Padding of 'same' lets a window begin at every s-th input, as if the kernel had one tap:"
        stages.append(_fitted(title, taken, now, []))
    elif given.pair != (0, 0):
        taken, now = taken._replace(pair=(BEGIN, END)), now._replace(pair=given.pair)
        title = "Padding lets windows begin before the inputs and end after them:"
        within = Line.of(_last_tap(taken), _last_input(taken), relation="<=")
        stages.append(_fitted(title, taken, now, [_line("i(t)", *map(_last_tap, (taken, now))), within]))
    if stages[-1].size.is_negative:
        raise ValueError(
            f"padding: got {given.pair}, where a kernel that spans {_index_set(given._replace(input_size=1)).size()} "
            f"meets {counted(given.input_size, 'input')}; "
            f"must leave >= 0 outputs, not {stages[-1].size}"
        )
    return SizeDerivation("conv", tuple(stages), _floor_matters(given))


def _read(input_size: Any, kernel_size: Any, stride: Any, dilation: Any, padding: Any, output_padding: Any) -> _Given:
    names = {"input_size": (input_size, 1), "kernel_size": (kernel_size, 1), "stride": (stride, 1)}
    names |= {"dilation": (dilation, 1), "output_padding": (output_padding, 0)}
    read = {
        name: getattr(_SYMBOLS, name)
        if value is None
        else per_axis(name, value, 1, lowest=lowest, read=integer_or_symbolic)[0]
        for name, (value, lowest) in names.items()
    }
    pairs = [(BEGIN, END)] if padding is None else padding_pairs(padding, 1, integer_or_symbolic)
    return _Given(**read, pair=None if pairs is None else pairs[0])


def _index_set(given: _Given) -> IndexSet:
    return IndexSet(given.input_size, given.kernel_size, given.stride, given.dilation)


def _output_size(given: _Given) -> Expr:
    return output_size(
        given.input_size,
        given.kernel_size,
        stride=given.stride,
        dilation=given.dilation,
        padding="same" if given.pair is None else [given.pair],
        output_padding=given.output_padding,
    )


def _sized(title: str, name: str, taken: _Given, now: _Given) -> Stage:
    formula = _output_size(taken)
    # Not _output_size of the values: it refuses to crop more than there is, and output padding may come to the rescue.
    size = formula.subs(dict(_values(taken, now)), simultaneous=True)
    return Stage((lines_step(title, [_line(name, formula, size)]),), formula, size)


def _values(taken: _Given, now: _Given) -> list[tuple[Expr, Size]]:
    flat_taken, flat_now = ([*g[:4], *(g.pair or ()), g.output_padding] for g in (taken, now))
    return [(name, value) for name, value in zip(flat_taken, flat_now, strict=True) if isinstance(name, Symbol)]


def _last_tap(given: _Given) -> Expr:
    """Where the last tap of window t is: the largest index of windows 0 to t, counted from the first input."""
    crop = 0 if given.pair is None else given.pair[0]
    return sympify(_index_set(given._replace(input_size=WINDOW + 1)).largest() - crop)


def _last_input(given: _Given) -> Expr:
    return sympify(given.input_size - 1 + (0 if given.pair is None else given.pair[1]))


def _bound(given: _Given) -> Expr:
    """The t at which the last tap would be at the last padded input."""
    last_tap = _last_tap(given)  # linear in t
    return (_last_input(given) - last_tap.subs(WINDOW, 0)) / last_tap.diff(WINDOW)


def _fitted(title: str, taken: _Given, now: _Given, lines: Sequence[Line]) -> Stage:
    """Up to which window they fit, and how many that is."""
    formula, size = _window_count(taken), _window_count(now)
    return Stage((lines_step(title, [*lines, _bound_line(taken, now), _line("o", formula, size)]),), formula, size)


def _bound_line(taken: _Given, now: _Given) -> Line:
    general, special = _bound(taken), _bound(now)
    text, formula = _line("", general, special)
    return Line(f"t <={text.removeprefix(' =')}", rf"t \le{formula.removeprefix(' =')}")


def _window_count(given: _Given) -> Expr:
    window = _index_set(given._replace(input_size=1))
    return sympify(window_count(given.input_size, window, given.pair or (0, 0)))


def _line(name: str, formula: Any, value: Any) -> Line:
    """``name = formula = value``, without the value if it says the same."""
    formula, value = sympify(formula), sympify(value)
    return Line.of(name, formula, *([] if formula == value else [value]))


def _places(given: _Given, word: str) -> list[str]:
    """For numbers: a line for each input, with the places where its taps land; nothing if that is too wide."""
    if not given.has_numbers:
        return []
    index_set = _index_set(given)
    rows = [[int(index_set.place(i, j)) for j in range(int(given.kernel_size))] for i in range(int(given.input_size))]
    return _picture([(f"{word} {i}", row) for i, row in enumerate(rows)])


_MOST_ROWS = 12


def _picture(rows: Sequence[tuple[str, Sequence[int]]]) -> list[str]:
    """A line for each row: its name, and each number in the column of that number."""
    columns = max(max(row) for _, row in rows) + 1
    if len(rows) > _MOST_ROWS:
        return []
    cell = len(str(columns - 1)) + 2
    margin = max(len(name) for name, _ in rows)
    drawing = []
    for name, row in rows:
        cells = "".join((str(column) if column in row else "").rjust(cell) for column in range(columns))
        drawing.append(f"{name.ljust(margin)}{cells}".rstrip())
    return drawing if fits(drawing) else []


def _floor_matters(given: _Given) -> tuple[Step, ...]:
    """An example in which s does not divide: the given numbers, or others where nothing is given."""
    if given.pair is None:
        return ()
    if any(isinstance(value, Expr) and value not in _values_of_symbols() for value in (*given[:4], *given.pair)):
        return ()  # the caller's own expressions: no number may stand for them
    free = given.input_size == INPUT_SIZE
    stride = 2 if given.stride == STRIDE else int(given.stride)
    dilation = 1 if given.dilation == DILATION else int(given.dilation)
    kernel = 3 if given.kernel_size == KERNEL_SIZE else int(given.kernel_size)
    begin, end = (0 if isinstance(crop, Expr) else int(crop) for crop in given.pair)
    span = int(IndexSet(1, kernel, stride, dilation).size())
    least = max(1, span - begin - end) + stride  # so that there are two windows or more
    sizes = range(least + 1, least + 1 + stride) if free else [int(given.input_size)]
    for n in sizes:
        example = _Given(n, kernel, stride, dilation, (begin, end), 0)
        bound = _bound(example)
        if floor(bound) != bound and bound > 0:
            return (_example(example, bound),)
    return ()


def _values_of_symbols() -> tuple[Expr, ...]:
    return (*_SYMBOLS[:4], BEGIN, END)


def _example(given: _Given, bound: Expr) -> Step:
    count, (begin, end) = int(_window_count(given)), given.pair or (0, 0)
    index_set = _index_set(given._replace(input_size=count))
    missed = int(_last_input(given)) - int(_last_tap(given).subs(WINDOW, count - 1))
    numbers = {"n": given.input_size, "k": given.kernel_size, "s": given.stride}
    numbers |= {"d": given.dilation} if given.dilation != 1 else {}
    numbers |= {"p_b": begin, "p_e": end} if (begin, end) != (0, 0) else {}
    where = "padded" if begin or end else "inputs"
    what = "place" if where == "padded" else "input"
    what = f"the last {what}" if missed == 1 else f"the last {missed} {what}s"
    rows = [(f"window {t}", [int(index_set.place(t, j)) for j in range(int(given.kernel_size))]) for t in range(count)]
    rows.append((where, list(range(int(given.input_size + begin + end)))))
    return lines_step(
        f"An example where the floor matters: no window reaches {what}.",
        [
            Line.of(r", ".join(f"{name} = {value}" for name, value in numbers.items())),
            Line.of("t", bound, relation="<="),
            Line.of("o", Integer(count)),
        ],
        _picture(rows),
    )
