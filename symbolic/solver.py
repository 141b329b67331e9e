"""Which sizes, kernels, strides and paddings go together: every solution of the size formula, or a proof of none.

    output = (input - 1)*stride + (kernel - 1)*dilation + 1 - 2*padding + output_padding

Each unknown has a finite set of candidates. The equation is linear in each of them, so they are tried one after the
other, and only where the others can still make up for the difference: the last one follows. Where there is no
solution, the candidates are divided into cases until in each of them the output is too large or too small whatever
the unknowns are, or leaves another remainder than it would have to.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd, prod
from typing import Any, NamedTuple, TypeAlias, overload

from sympy import Expr, Symbol, latex, symbols

from symbolic.arguments import counted, integer, shown
from symbolic.drawing import wrapped
from symbolic.sizes import output_size
from symbolic.steps import Step, Stepwise

Candidates: TypeAlias = "range | tuple[int, ...]"
"""Of one argument, in increasing order."""

_ANY_SIZE = range(1, 1 << 40)  # more than any memory holds
BOUNDS: Mapping[str, Candidates] = {
    "input": _ANY_SIZE,
    "output": _ANY_SIZE,
    "kernel": range(1, 17),
    "stride": range(1, 17),
    "padding": range(17),
    "dilation": range(1, 5),
}
"""Where `solve` looks for what is left out; for output padding from 0 to stride - 1, as more leads to another size."""

_LOWEST = {"input": 0, "output": 0, "kernel": 0, "stride": 1, "output_padding": 0, "dilation": 1}
_MOST_ROWS = 20  # of a table or a proof in print
_MOST_CASES = 10_000
_MOST_SOLUTIONS = 100_000


class Solution(NamedTuple):
    """The sizes and steps of one axis. ``padding`` is what it was asked for as: an integer, a pair or "same"."""

    input: int
    output: int
    kernel: int
    stride: int
    padding: int | tuple[int, int] | str
    output_padding: int
    dilation: int

    def arguments(self) -> dict[str, Any]:
        """What `conv_transpose` takes by keyword, for one axis.

        >>> Solution(3, 6, 3, 2, (1, 0), 0, 1).arguments()
        {'stride': 2, 'padding': [(1, 0)], 'output_padding': 0, 'dilation': 1}
        """
        padding = [self.padding] if isinstance(self.padding, tuple) else self.padding
        words = {"stride": self.stride, "padding": padding}
        return words | {"output_padding": self.output_padding, "dilation": self.dilation}


class Reason(NamedTuple):
    """Why there is no solution in one case.

    Attributes
    ----------
    case : dict
        By argument, its candidates in this case, where these are not all.
    why : str
        In words.
    """

    case: dict[str, Candidates]
    why: str

    def __str__(self) -> str:
        names = ", ".join(told(name, candidates) for name, candidates in self.case.items())
        return f"{names}: {self.why}" if names else self.why


@dataclass(frozen=True, repr=False)
class Solutions(Stepwise, Sequence[Solution]):
    """Every solution for one axis, or why there is none: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    candidates : dict
        By argument, where solutions were looked for. Padding is ``begin`` and ``end`` if it was asked for as a pair,
        and missing if it is "same"; output padding is missing if it is what the stride allows.
    found : tuple of Solution
        By dilation, then by output padding, then in the order of their fields: what is plain comes first.
    reasons : tuple of Reason
        If nothing was found: cases that are all the candidates together, and why there is no solution in each.
    """

    candidates: dict[str, Candidates]
    found: tuple[Solution, ...]
    reasons: tuple[Reason, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Solution: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Solution, ...]: ...
    def __getitem__(self, index: int | slice) -> Solution | tuple[Solution, ...]:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        return self.steps()[-1].text

    def steps(self) -> tuple[Step, ...]:
        """The equation, where solutions were looked for, and those that were found or why there are none."""
        return (
            _equation(self.candidates),
            lines("What is given, and where the rest is looked for:", self._told()),
            table(self.found) if self.found else no_solution(self.reasons),
        )

    def _told(self) -> list[str]:
        words = [told(name, candidates) for name, candidates in self.candidates.items()]
        if "output_padding" not in self.candidates:
            words.append("output_padding 0 to stride - 1")
        return words if {"padding", "begin"} & set(self.candidates) else [*words, "padding = same"]


@dataclass(frozen=True, repr=False)
class AxesSolutions(Stepwise, Sequence[tuple[Any, ...]]):
    """Every solution for several axes. Axes do not depend on each other: it is each combination of those of each axis.

    Attributes
    ----------
    axes : tuple of Solutions, or of symbolic.chain.ChainSolutions
        One for each axis.
    """

    axes: tuple[Any, ...]

    @overload
    def __getitem__(self, index: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[Any, ...], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[Any, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(len(self))[index])
        position, combination = range(len(self))[index], []
        for solutions in reversed(self.axes):  # the last axis changes fastest
            position, i = divmod(position, len(solutions))
            combination.append(solutions[i])
        return tuple(reversed(combination))

    def __len__(self) -> int:
        return prod(map(len, self.axes))

    def __repr__(self) -> str:
        return "\n\n".join(f"Axis {a}. {solutions!r}" for a, solutions in enumerate(self.axes))

    def steps(self) -> tuple[Step, ...]:
        """The steps of each axis."""
        return tuple(
            Step(f"Axis {a}. {step.title}", step.drawing, step.formula)
            for a, solutions in enumerate(self.axes)
            for step in solutions.steps()
        )


def solve(
    *,
    input: Any = None,
    output: Any = None,
    kernel: Any = None,
    stride: Any = None,
    padding: Any = None,
    output_padding: Any = None,
    dilation: Any = None,
    bounds: Mapping[str, Any] | None = None,
) -> Solutions | AxesSolutions:
    """Every way to complete what is given to a transposed convolution whose sizes fit, or a proof that there is none.

    What is left out is unknown. A ``range`` or a set holds the candidates for an unknown; a list or a tuple holds one
    value per axis, as everywhere. For the ordinary convolution of ``output`` inputs that gives ``input``, ask the same
    with output padding left out: `prove_size_returns` says why.

    Parameters
    ----------
    input, output, kernel : int, range, set, None, or one of these per spatial axis
        Sizes, >= 0. Left out, `input` and `output` may be any size >= 1, but one of them must be bounded.
    stride, dilation : int, range, set, None, or one of these per spatial axis
        >= 1.
    padding : int, range, set, None, pair, "valid" or "same", or a list of these, one per spatial axis
        The same is cropped at both ends, unless it is a pair of (begin, end) in a list: ``[(0, None)]`` for an
        unknown crop at the end of one axis. With "same" the output is ``input*stride + output_padding``.
    output_padding : int, range, set, None, or one of these per spatial axis
        >= 0. Left out, it is less than the stride.
    bounds : dict, optional
        By argument, a range or set of candidates for what is left out, in place of `BOUNDS`.

    Returns
    -------
    Solutions or AxesSolutions
        A sequence of `Solution`, or for several axes of tuples of them. It is false if there is none, and then tells
        why.

    Raises
    ------
    ValueError
        A value is too small, there are no candidates, too few or too many values, or more than 100000 solutions.
    TypeError
        A value is none of what it may be.

    Examples
    --------
    What doubles a size of 4, with a kernel of 4?

    >>> from symbolic import solve
    >>> solve(input=4, output=8, kernel=4, stride=2)
    4 solutions:
    <BLANKLINE>
      input  output  kernel  stride  padding  output_padding  dilation
          4       8       4       2        1               0         1
          4       8       4       2        3               1         2
          4       8       4       2        4               0         3
          4       8       4       2        6               1         4
    >>> solve(input=4, output=8, kernel=4, stride=2, dilation=1)[0].arguments()
    {'stride': 2, 'padding': 1, 'output_padding': 0, 'dilation': 1}

    What cannot be:

    >>> print(solve(input=4, output=8, kernel=3, stride=2, output_padding=0, dilation=1))
    The sizes of one axis belong together:
    <BLANKLINE>
      output = dilation*(kernel - 1) + output_padding - 2*padding +
          stride*(input - 1) + 1
    <BLANKLINE>
    What is given, and where the rest is looked for:
    <BLANKLINE>
      input = 4
      output = 8
      kernel = 3
      stride = 2
      padding 0 to 16
      output_padding = 0
      dilation = 1
    <BLANKLINE>
    No solution:
    <BLANKLINE>
      output is odd for any padding, 8 is even
    >>> solve(input=8, output=40, kernel={2, 4}, stride={2, 4, 6}, output_padding=0, padding=0)
    No solution, case by case:
    <BLANKLINE>
      stride = 2: output is at most 27 (kernel = 4, dilation = 4), not 40
      stride = 4, dilation 1 to 3: output is at most 38 (kernel = 4,
          dilation = 3), not 40
      stride = 4, dilation = 4: output is 1 modulo 8 for any kernel, 40 is not
      stride = 6: output is at least 44 (kernel = 2, dilation = 1), not 40

    With padding that may differ at the two ends:

    >>> solve(input=8, output=24, kernel=range(3, 6), stride=3, padding=[(0, None)], output_padding=0, dilation=1)
    3 solutions:
    <BLANKLINE>
      input  output  kernel  stride  padding  output_padding  dilation
          8      24       3       3    (0,0)               0         1
          8      24       4       3    (0,1)               0         1
          8      24       5       3    (0,2)               0         1

    Per axis:

    >>> solve(input=(5, 7), output=(10, 14), kernel=3, stride=2, padding=1, dilation=1)
    Axis 0. 1 solution:
    <BLANKLINE>
      input  output  kernel  stride  padding  output_padding  dilation
          5      10       3       2        1               1         1
    <BLANKLINE>
    Axis 1. 1 solution:
    <BLANKLINE>
      input  output  kernel  stride  padding  output_padding  dilation
          7      14       3       2        1               1         1
    """
    given = {"input": input, "output": output, "kernel": kernel, "stride": stride, "padding": padding}
    given |= {"output_padding": output_padding, "dilation": dilation}
    default = read_bounds(bounds)
    several, axes = split_axes(given)
    solved = tuple(solve_axis(read_axis(values, default)) for values in axes)
    return AxesSolutions(solved) if several else solved[0]


def split_axes(given: Mapping[str, Any]) -> tuple[bool, list[dict[str, Any]]]:
    """Whether values are given per axis, and the values of each axis by the same names.

    One pair of padding, in a list, does not make a result per axis.
    """
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list | tuple)}
    counts = {name: len(value) for name, value in lists.items()}
    if len(set(counts.values())) > 1:
        several = ", ".join(f"{count} for {name}" for name, count in counts.items())
        raise ValueError(f"{', '.join(counts)}: got values per axis, {several}; must be as many for each")
    axes = max(counts.values(), default=1)
    if axes == 0:
        raise ValueError(f"{', '.join(counts)}: got no spatial axis; must have one or more")
    per_axis = [
        {name: lists[name][a] if name in lists else value for name, value in given.items()} for a in range(axes)
    ]
    return axes > 1 or any(name.split()[-1] != "padding" for name in counts), per_axis


def read_bounds(bounds: Any) -> dict[str, Candidates]:
    """Where to look for what is left out."""
    default = dict(BOUNDS)
    if bounds is None:
        return default
    if not isinstance(bounds, Mapping):
        raise TypeError(f"bounds: got {shown(bounds)}; must be a dict of ranges or sets")
    for name, value in bounds.items():
        if name not in default and name != "output_padding":
            raise ValueError(f"bounds: got {shown(name)}; must be one of {', '.join(default)}, output_padding")
        if not isinstance(value, range | set | frozenset):
            raise TypeError(f"bounds: got {shown(value)} for {name}; must be a range or a set")
        default[name] = _candidates(name, value)
    return default


def read_axis(values: Mapping[str, Any], default: Mapping[str, Candidates]) -> dict[str, Candidates]:
    """By argument, the candidates on one axis."""
    read: dict[str, Candidates] = {}
    for name, value in values.items():
        if name != "padding":
            if value is not None or name in default:
                read[name] = default[name] if value is None else _candidates(name, value)
        elif isinstance(value, list | tuple):
            if len(value) != 2:
                got = f"{shown(value)} with {counted(len(value), 'value')}"
                raise ValueError(f"padding: got {got}; must be a (begin, end) pair")
            for end, crop in zip(("begin", "end"), value, strict=True):
                read[end] = default["padding"] if crop is None else _candidates("padding", crop)
        elif isinstance(value, str):
            if value not in ("valid", "same"):
                raise ValueError(f"padding: got {shown(value)}; the words it may be are 'same' and 'valid'")
            if value == "valid":
                read["padding"] = (0,)
        else:
            read["padding"] = default["padding"] if value is None else _candidates("padding", value)
    if read["input"] == read["output"] == _ANY_SIZE:
        raise ValueError("input, output: got neither; one of them must be given, or bounded")
    return read


def _candidates(name: str, value: Any) -> Candidates:
    if isinstance(value, range):
        candidates: Candidates = value if value.step > 0 else value[::-1]
    elif isinstance(value, set | frozenset):
        candidates = tuple(sorted(integer(name, v) for v in value))
    else:
        try:
            candidates = (integer(name, value),)
        except TypeError:
            raise TypeError(f"{name}: got {shown(value)}; must be an integer, a range, a set or None") from None
    if not candidates:
        raise ValueError(f"{name}: got {shown(value)}; must hold one candidate or more")
    lowest = _LOWEST.get(name)
    if lowest is not None and candidates[0] < lowest:
        raise ValueError(f"{name}: got {shown(value)}; must be >= {lowest}")
    return candidates


def solve_axis(candidates: dict[str, Candidates]) -> Solutions:
    """Every solution for one axis, or why there is none."""
    found: list[Solution] = []
    boxes = list(_boxes(candidates))
    for _, box in boxes:
        for values in box.solutions(box.order()):
            found.append(_solution(values))
            if len(found) > _MOST_SOLUTIONS:
                raise ValueError(f"bounds: got more than {_MOST_SOLUTIONS} solutions; must leave fewer")
    found.sort(key=_plain_first)
    reasons = () if found else tuple(reason for case, box in boxes for reason in _reasons(box, case, [_MOST_CASES]))
    return Solutions(candidates, tuple(found), reasons)


def _solution(values: Mapping[str, int]) -> Solution:
    padding: int | tuple[int, int] | str = values.get("padding", "same")
    if "begin" in values:
        padding = (values["begin"], values["end"])
    rest = {name: values[name] for name in Solution._fields if name != "padding"}
    return Solution(padding=padding, **rest)


def _plain_first(solution: Solution) -> tuple[Any, ...]:
    padding = solution.padding if isinstance(solution.padding, tuple) else (solution.padding,)
    uneven = max(padding) != min(padding)
    return (solution.dilation, solution.output_padding, uneven, *solution[:4], padding)


class _Box(NamedTuple):
    """Candidates for one axis, and the equation that they are to fulfil.

    ``output = stride*(input - shift) + dilation*(kernel - 1) + constant - crops + output_padding``, without what
    `places` leaves out. Output padding that is not among the candidates is less than the stride.
    """

    candidates: dict[str, Candidates]
    places: frozenset[str]
    shift: int
    constant: int

    def ends(self, name: str) -> tuple[int, int]:
        """The least and the largest value of one argument."""
        if name == "output_padding" and name not in self.candidates:
            return 0, self.candidates["stride"][-1] - 1
        return self.candidates[name][0], self.candidates[name][-1]

    def terms(self) -> dict[str, tuple[int, int]]:
        """The least and the largest value of each term on the right, by the arguments in it."""
        found = {}
        for step, size, shift in (("stride", "input", self.shift), ("dilation", "kernel", 1)):
            if size in self.places:
                (s, large_s), (n, large_n) = self.ends(step), self.ends(size)
                found[size] = (s * (n - shift), large_s * (large_n - shift))
        for name in ("padding", "begin", "end"):
            if name in self.candidates:
                factor = 2 if name == "padding" else 1
                small, large = self.ends(name)
                found[name] = (-factor * large, -factor * small)
        found["output_padding"] = self.ends("output_padding")
        return found

    def reach(self) -> tuple[int, int]:
        """The least and the largest output, in two corners: each term only grows, or only falls, with its arguments.

        Output padding below the stride is largest where the stride is, as is the term that the stride is in.
        """
        terms = self.terms().values()
        return self.constant + sum(low for low, _ in terms), self.constant + sum(high for _, high in terms)

    def remainders(self) -> tuple[int, int]:
        """A value of the output, and the largest number that divides all differences from it."""
        value, divisor = self.constant, 0
        for step, size, shift in (("stride", "input", self.shift), ("dilation", "kernel", 1)):
            if size in self.places:
                (s, gap_s), (n, gap_n) = _gaps(self.candidates[step]), _gaps(self.candidates[size])
                n -= shift
                value += s * n
                divisor = gcd(divisor, s * gap_n, n * gap_s, gap_s * gap_n)
        for name in ("padding", "begin", "end", "output_padding"):
            factor = {"padding": -2, "output_padding": 1}.get(name, -1)
            if name in self.candidates:
                first, gap = _gaps(self.candidates[name])
                value, divisor = value + factor * first, gcd(divisor, factor * gap)
        if "output_padding" not in self.candidates and self.candidates["stride"][-1] > 1:
            divisor = 1
        return value, divisor

    def with_(self, name: str, candidates: Candidates) -> _Box:
        """The part in which ``name`` has these candidates only."""
        return self._replace(candidates={**self.candidates, name: candidates})

    def possible(self, name: str) -> Candidates:
        """The candidates for ``name`` for which the others can still make the two sides equal."""
        low, high = self.reach()
        (least, most), terms = self.ends("output"), self.terms()
        if name == "output":
            return _within(self.candidates[name], low, high)
        if name in ("stride", "input", "dilation", "kernel"):
            size, step, shift = (
                ("input", "stride", self.shift) if name in ("stride", "input") else ("kernel", "dilation", 1)
            )
            if size not in self.places:
                return self.candidates.get(name, range(0))
            # What the product of the two must be, and from that the one from the other.
            small, large = least - (high - terms[size][1]), most - (low - terms[size][0])
            (s, large_s), (n, large_n) = self.ends(step), self.ends(size)
            n, large_n = n - shift, large_n - shift
            if large < 0:
                return range(0)
            if name == size:
                return _within(self.candidates[name], -(-small // large_s) + shift, large // s + shift)
            if small > 0 and large_n == 0:
                return range(0)
            lowest = -(-small // large_n) if small > 0 else 0
            return _within(self.candidates[name], lowest, large // n if n else self.ends(name)[1])
        small, large = least - (high - terms[name][1]), most - (low - terms[name][0])
        if name == "output_padding":
            own = self.candidates.get(name, range(self.ends(name)[1] + 1))
            return _within(own, small, large)
        factor = 2 if name == "padding" else 1
        return _within(self.candidates[name], -(large // factor), -small // factor)

    def matters(self, name: str) -> bool:
        """Whether the output depends on the argument."""
        if name == "stride" and "output_padding" not in self.candidates:
            return True
        size = {"stride": "input", "dilation": "kernel"}.get(name, name)
        return size in self.places if size in ("input", "kernel") else name != "output"

    def order(self) -> list[str]:
        """In which order to try them: few candidates first, since the last one follows from the rest.

        Output padding that depends on the stride comes after it, but before what may be of any size.
        """
        names = [name for name in _ALL if name in self.candidates or name == "output_padding"]
        last = max(len(self.candidates["stride"]), len(_ANY_SIZE) - 1)
        return sorted(names, key=lambda name: len(self.candidates[name]) if name in self.candidates else last)

    def solutions(self, order: Sequence[str]) -> Iterator[dict[str, int]]:
        """Every combination of candidates that fulfils the equation."""
        if order:
            name, *rest = order
            for value in self.possible(name):
                yield from self.with_(name, (value,)).solutions(rest)
        elif self.reach() == self.ends("output"):
            yield {name: candidates[0] for name, candidates in self.candidates.items()}

    def excluded(self) -> str | None:
        """Why there is no solution, if one of two arguments shows it: what the output is between, and its remainder."""
        (low, high), output = self.reach(), self.candidates["output"]
        wanted = _within(output, low, high)
        if not wanted:
            if output[-1] < low or output[0] > high:
                at_least = output[-1] < low
                where = self._corner(largest=not at_least)
                exactly = "" if low == high else "at least " if at_least else "at most "
                return f"output is {exactly}{low if at_least else high}{where}, not {_one_of(output)}"
            return f"output is {_one_of(range(low, high + 1))}, not {_one_of(output)}"
        value, divisor = self.remainders()
        tried = wanted[:divisor] if isinstance(wanted, range) else wanted  # a range repeats its remainders
        if divisor < 2 or any((o - value) % divisor == 0 for o in tried):
            return None
        names = [name for name in self.candidates if len(self.candidates[name]) > 1 and self.matters(name)]
        unknown = f" for any {_joined(names, 'and')}" if names else ""
        between = "" if len(wanted) == len(output) else f"{_one_of(range(low, high + 1))}, and "
        many = len(wanted) > 1
        if divisor == 2:
            parity, other = _PARITY[value % 2], _PARITY[1 - value % 2]
            return f"output is {between}{parity}{unknown}, {_one_of(wanted, 'and')} {'are' if many else 'is'} {other}"
        remainder = f"{between}{value % divisor} modulo {divisor}"
        return f"output is {remainder}{unknown}, {_one_of(wanted, 'and')} {'are' if many else 'is'} not"

    def _corner(self, *, largest: bool) -> str:
        """Where the output is largest or smallest, in brackets: the values of what is not known."""
        values = []
        for name in _ALL:
            low, high = self.ends(name) if name in self.candidates or name == "output_padding" else (0, 0)
            if low < high and self.matters(name):
                grows = name not in ("padding", "begin", "end")
                values.append(f"{name} = {high if grows == largest else low}")
        return f" ({', '.join(values)})" if values else ""


_ALL = (*Solution._fields, "begin", "end")
_PARITY = ("even", "odd")


def _boxes(candidates: dict[str, Candidates]) -> Iterator[tuple[dict[str, Candidates], _Box]]:
    """The candidates, divided by which equation holds: without inputs or without taps there is no natural output.

    Each with what makes it a case of its own: whether there are inputs and taps, where there may be none.
    """
    if not {"padding", "begin"} & set(candidates):
        yield {}, _Box(candidates, frozenset({"input"}), 0, 0)
        return
    inputs, taps = candidates["input"], candidates["kernel"]
    some_inputs, some_taps = _within(inputs, 1, inputs[-1]), _within(taps, 1, taps[-1])
    none: Candidates = (0,)
    parts: list[tuple[Candidates, Candidates, _Box]] = []
    if some_inputs and some_taps:
        parts.append((some_inputs, some_taps, _Box(candidates, frozenset({"input", "kernel"}), 1, 1)))
    if inputs[0] == 0:
        parts.append((none, taps, _Box(candidates, frozenset(), 0, 0)))
    if taps[0] == 0 and some_inputs:
        parts.append((some_inputs, none, _Box(candidates, frozenset(), 0, 0)))
    for n, k, box in parts:
        part = {"input": n, "kernel": k}
        case = {name: chosen for name, chosen in part.items() if len(chosen) < len(candidates[name])}
        yield case, box._replace(candidates={**candidates, **part})


def _reasons(box: _Box, case: dict[str, Candidates], left: list[int]) -> Iterator[Reason]:
    """Why there is no solution, in as many cases as it takes; ``left`` counts down how many there may be."""
    why = box.excluded()
    if why is None and left[0] <= 0:
        why = "every combination was tried"
    if why is not None:
        left[0] -= 1
        yield Reason(case, why)
        return
    # Divide the candidates of one argument: those too small and those too large together, the others one by one.
    names = [name for name, candidates in box.candidates.items() if len(candidates) > 1 and box.matters(name)]
    name = min(names, key=lambda name: (len(box.possible(name)), _DIVIDED.index(name)))
    candidates, possible = box.candidates[name], box.possible(name)
    if possible:
        before = _within(candidates, candidates[0], possible[0] - 1)
        after = _within(candidates, possible[-1] + 1, candidates[-1])
        parts = [before, *((value,) for value in possible), after]
    else:  # some are too small, the next ones too large
        parts = [candidates[: len(candidates) // 2], candidates[len(candidates) // 2 :]]
    for part in parts:
        if part:
            yield from _reasons(box.with_(name, part), {**case, name: part}, left)


_DIVIDED = ("stride", "dilation", "padding", "begin", "end", "kernel", "input", "output_padding")


def _within(candidates: Candidates, low: int, high: int) -> Candidates:
    """Those from ``low`` to ``high``.

    >>> _within(range(1, 20, 3), 2, 10), _within((1, 5, 9), 2, 5)
    (range(4, 13, 3), (5,))
    """
    return candidates[bisect_left(candidates, low) : max(bisect_right(candidates, high), 0)]


def _gaps(candidates: Candidates) -> tuple[int, int]:
    """The first of them, and the largest number that divides all differences; 0 if there is only one."""
    first = candidates[0]
    if isinstance(candidates, range):
        return first, candidates.step if len(candidates) > 1 else 0
    return first, gcd(*(value - first for value in candidates))


def _one_of(candidates: Candidates, word: str = "or") -> str:
    if candidates[-1] == _ANY_SIZE[-1]:
        return f"{candidates[0]} or more"
    if len(candidates) == 1:
        return str(candidates[0])
    if isinstance(candidates, range) and candidates.step == 1 and len(candidates) > 2:
        return f"{candidates[0]} to {candidates[-1]}"
    some = [str(value) for value in (candidates if len(candidates) <= 6 else (*candidates[:3], "...", candidates[-1]))]
    return _joined(some, word)


def _joined(words: Sequence[str], word: str) -> str:
    return f"{', '.join(words[:-1])} {word} {words[-1]}" if len(words) > 1 else "".join(words)


def told(name: str, candidates: Candidates) -> str:
    """Where an argument is looked for, in words.

    >>> told("kernel", range(1, 17)), told("stride", (2,)), told("stride", (2, 4))
    ('kernel 1 to 16', 'stride = 2', 'stride 2 or 4')
    """
    return f"{name} = {candidates[0]}" if len(candidates) == 1 else f"{name} {_one_of(candidates)}"


def lines(title: str, told: Sequence[str]) -> Step:
    """A step of lines of words."""
    spoken = r" \\ ".join(rf"\text{{{line.replace('_', ' ')}}}" for line in told)
    return Step(title, _fitted(told), rf"\begin{{array}}{{l}} {spoken} \end{{array}}")


def table(found: Sequence[Solution], title: str = "") -> Step:
    """The solutions as a table; of many, the first."""
    title = title or f"{counted(len(found), 'solution')}:"
    rows = [[str(value).replace(" ", "") for value in solution] for solution in found[:_MOST_ROWS]]
    widths = [max(map(len, column)) for column in zip(Solution._fields, *rows, strict=True)]
    drawing = ["  ".join(map(str.rjust, row, widths)) for row in (list(Solution._fields), *rows)]
    head = " & ".join(rf"\text{{{name.replace('_', ' ')}}}" for name in Solution._fields)
    body = [" & ".join(cell if cell != "same" else r"\text{same}" for cell in row) for row in rows]
    if len(found) > len(rows):
        drawing.append(f"... and {len(found) - len(rows)} more")
        body.append(rf"\text{{... and {len(found) - len(rows)} more}}")
    below = r" \\ ".join(body)
    formula = rf"\begin{{array}}{{{'r' * len(widths)}}} {head} \\ \hline {below} \end{{array}}"
    return Step(title, tuple(drawing), formula)


def no_solution(reasons: Sequence[Reason]) -> Step:
    """Why there is none, as lines of words; of many, the first."""
    told = [str(reason) for reason in reasons[:_MOST_ROWS]]
    if len(reasons) > len(told):
        told.append(f"... and {counted(len(reasons) - len(told), 'case')} more")
    return lines("No solution:" if len(reasons) == 1 else "No solution, case by case:", told)


def _equation(candidates: Mapping[str, Candidates]) -> Step:
    words = {name: Symbol(name) for name in ("input", "kernel", "stride", "dilation", "output_padding", "padding")}
    padding: Any = words["padding"] if "padding" in candidates else "same"
    if "begin" in candidates:
        padding = [symbols("begin end")]
    size: Expr = output_size(
        words["input"],
        words["kernel"],
        stride=words["stride"],
        dilation=words["dilation"],
        padding=padding,
        output_padding=words["output_padding"],
    )
    missing = []  # what there may be none of; then there is no natural output either
    if not isinstance(padding, str):
        missing = [word for name, word in (("input", "inputs"), ("kernel", "taps")) if candidates[name][0] == 0]
    equations: list[tuple[str, Expr]] = []
    if all(candidates[name][-1] > 0 for name in ("input", "kernel")) or not missing:
        equations.append(("", size))
    if missing:
        nothing = output_size(0, 0, padding=padding, output_padding=words["output_padding"])
        equations.append((f"without {' or '.join(missing)}: ", nothing))
    names = {symbol: rf"\text{{{symbol.name.replace('_', ' ')}}}" for symbol in size.free_symbols}
    formulas = [
        rf"\text{{{where}}} \text{{output}} = {latex(size, symbol_names=names)}".removeprefix(r"\text{} ")
        for where, size in equations
    ]
    formula = r" \\ ".join(formulas)
    return Step(
        "The sizes of one axis belong together:",
        _fitted([f"{where}output = {size}" for where, size in equations]),
        formula if len(formulas) == 1 else rf"\begin{{array}}{{l}} {formula} \end{{array}}",
    )


_NO_BREAK = "\N{NO-BREAK SPACE}"


def _fitted(told: Sequence[str]) -> tuple[str, ...]:
    """Lines that fit a terminal, never broken beside a sign of equality or within ``(input - 1)``."""
    kept = (re.sub(r" = |\(\w+ - 1\)", lambda found: found[0].replace(" ", _NO_BREAK), line) for line in told)
    return tuple(line.replace(_NO_BREAK, " ") for line in wrapped(kept))
