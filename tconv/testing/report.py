"""What `examine` found, in words."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill

import numpy as np

from tconv.testing.cases import BASE, Case, operands
from tconv.testing.definition import Exact

WIDTH = 100
_MOST = 64  # numbers of an array that are shown


@dataclass(frozen=True)
class Grade:
    """How one group of cases came out.

    Attributes
    ----------
    name : str
        One of `tconv.testing.cases.GRADES`.
    right, wrong : int
        How many cases.
    refused : int
        How many the kernel does not support: it said so, or refused them with an error where it may.
    """

    name: str
    right: int
    wrong: int
    refused: int


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    name : str
        The cause.
    words : str
        What it means.
    """

    name: str
    words: str


@dataclass(frozen=True, eq=False)
class Example:
    """A case that came out wrong.

    Attributes
    ----------
    case : Case
    given : numpy.ndarray or str
        What the kernel returned, or the error that it raised.
    wanted : numpy.ndarray
        What is right, as Python's numbers.
    """

    case: Case
    given: Exact | str
    wanted: Exact

    def __str__(self) -> str:
        x, w, bias = operands(self.case)
        shown = {"x": x, "w": w, "bias": bias, "given": self.given, "wanted": self.wanted}
        lines = [str(self.case)]
        lines += [_labelled(name, _shown(value)) for name, value in shown.items() if value is not None]
        if isinstance(self.given, np.ndarray):
            lines += self._difference(self.given)
        return "\n".join(lines)

    def _difference(self, given: Exact) -> list[str]:
        if given.shape != self.wanted.shape:
            return [f"its shape is {given.shape}, wanted {self.wanted.shape}"]
        places = [p for p in np.ndindex(given.shape) if not same(given[p], self.wanted[p])]
        if not places:
            return []
        first = places[0]
        here = (
            f"y{list(first)}: given {_origin(self.case, given[first])}, wanted {_origin(self.case, self.wanted[first])}"
        )
        count = f"{len(places)} of {given.size} values are wrong"
        return [here, *[count] * (given.size > 1)]


@dataclass(frozen=True, eq=False)
class Report:
    """The result of an examination; ``print`` it.

    Attributes
    ----------
    ok : bool
        Whether nothing is wrong. Cases that the kernel does not support are not wrong.
    causes : tuple of str
        The names of what is wrong.
    findings : tuple of Finding
        The same with explanations.
    alternatives : tuple of str
        Other causes that would give the same results in all cases that the kernel supports.
    grades : tuple of Grade
        How each group of cases came out.
    refusals : tuple of str
        What was refused, and with which words; and what was not asked, and why.
    smallest : Example or None
        The smallest case that is wrong.

    Examples
    --------
    NumPy's convolution is a transposed one, for a stride of 1:

    >>> from tconv.testing import examine
    >>> def kernel(x, w):
    ...     return np.convolve(x[0, 0], w[0, 0])[None, None]
    >>> report = examine(kernel, dims=1, without=["batch", "channels", "zero sizes"])
    >>> report.ok, report.causes, report.smallest
    (True, (), None)
    >>> print(report)
    conv_transpose: nothing is wrong in the 11 of 381 cases that it supports
    <BLANKLINE>
    cases                            right  wrong  not supported
    the document's example               0      0              1
    every small line                     9      0            192
    batch, channels, groups, bias        0      0             45
    kernel against stride and input      2      0             24
    stride against dilation              0      0             24
    crops and output_padding             0      0             27
    infinities and nans                  0      0             20
    memory layout                        0      0             20
    tens of positions and channels       0      0              8
    zero sizes                           0      0              9
    <BLANKLINE>
    not supported:
      230 need stride, which its signature does not have
      121 need dilation, which its signature does not have
      121 need padding, which its signature does not have
      119 need output_padding, which its signature does not have
      104 have more than one channel: left out by without
      35 have more than one image: left out by without
      25 need bias, which its signature does not have
      9 have an axis without elements: left out by without
    """

    findings: tuple[Finding, ...]
    alternatives: tuple[str, ...]
    grades: tuple[Grade, ...]
    refusals: tuple[str, ...]
    smallest: Example | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def causes(self) -> tuple[str, ...]:
        """The names of what is wrong, each once."""
        return tuple(dict.fromkeys(f.name for f in self.findings))

    def __str__(self) -> str:
        asked, refused = sum(g.right + g.wrong for g in self.grades), sum(g.refused for g in self.grades)
        heading = "nothing is wrong" if self.ok else "; ".join(self.causes)
        if self.ok and refused:
            heading += f" in the {asked} of {asked + refused} cases that it supports"
        width = max(len(g.name) for g in self.grades)
        lines = [fill(f"conv_transpose: {heading}", WIDTH), ""]
        lines.append(f"{'cases':{width}}  right  wrong  not supported")
        lines += [f"{g.name:{width}}  {g.right:5}  {g.wrong:5}  {g.refused or '':>13}".rstrip() for g in self.grades]
        for finding in self.findings:
            lines += ["", f"{finding.name}:", fill(finding.words, WIDTH, initial_indent="  ", subsequent_indent="  ")]
        if self.alternatives:
            also = f"The cases that it supports do not tell this from: {'; '.join(self.alternatives)}."
            lines += ["", fill(also, WIDTH)]
        if self.smallest is not None:
            lines += ["", "the smallest case that is wrong:", *(f"  {line}" for line in str(self.smallest).split("\n"))]
        if self.refusals:
            lines += ["", "not supported:"]
            lines += [fill(r, WIDTH, initial_indent="  ", subsequent_indent="    ") for r in self.refusals]
        return "\n".join(lines)


def same(a: object, b: object) -> bool:
    """Equal, or both nan.

    >>> same(2.0, 2), same(float("nan"), float("nan")), same(2, 2.5)
    (True, True, False)
    """
    return bool(a == b) or (a != a and b != b)


def _labelled(name: str, text: str) -> str:
    return "\n".join(f"{name if n == 0 else '':6}  {line}" for n, line in enumerate(text.split("\n")) if line)


def _shown(value: Exact | str) -> str:
    if isinstance(value, str):
        return value
    if value.size > _MOST or value.size == 0:
        return f"an array of shape {value.shape}"
    inner = value
    while inner.ndim > 1 and inner.shape[0] == 1:
        inner = inner[0]
    whole = [int(n) if isinstance(n, float) and n.is_integer() else n for n in inner.ravel().tolist()]
    plain = np.empty(len(whole), object)
    plain[:] = whole
    return np.array2string(plain.reshape(inner.shape), separator=" ", max_line_width=WIDTH)


def _origin(case: Case, value: object) -> str:
    """A number, and where it can be read from its digits, the products that it is the sum of."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    taps = operands(case)[1].size
    if (
        case.numbers != "powers"
        or not isinstance(value, int)
        or not 0 < value < BASE ** (taps * operands(case)[0].size)
    ):
        return str(value)
    terms, rest = [], value
    for place in range(taps * operands(case)[0].size):
        rest, digit = divmod(rest, BASE)
        i, j = divmod(place, taps)
        terms += [f"{digit}*" * (digit > 1) + f"x[{i}]*w[{j}]"] * (digit > 0)
    return f"{value} = {' + '.join(terms)}"
