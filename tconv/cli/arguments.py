"""Arguments of the command line: shapes, one value for each axis, and errors of one line."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from typing import Any, NoReturn

PerAxis = int | tuple[int, ...]
Padding = int | tuple[int | tuple[int, int], ...] | str


class Parser(ArgumentParser):
    """An ``ArgumentParser`` whose errors are one line and whose descriptions keep their line ends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print `message` in one line and end with status 2."""
        self.exit(2, f"{self.prog}: {message}; see '{self.prog} --help'\n")


def shape(text: str) -> tuple[int, ...]:
    """``"16x128x4x4"`` or ``"16,128,4,4"`` as a tuple.

    Examples
    --------
    >>> shape("2x3")
    (2, 3)
    """
    return tuple(_integer(part, text) for part in re.split("[x,]", text))


def per_axis(text: str) -> PerAxis:
    """One integer for all axes, or one for each.

    Examples
    --------
    >>> per_axis("2"), per_axis("2,1")
    (2, (2, 1))
    """
    values = shape(text)
    return values[0] if len(values) == 1 else values


def padding(text: str) -> Padding:
    """What ``padding=`` takes: ``1``, ``1,2`` for each axis, ``0:1,2:2`` for each end, ``same`` or ``valid``.

    Examples
    --------
    >>> padding("1"), padding("0:1,2"), padding("same")
    (1, ((0, 1), (2, 2)), 'same')
    """
    if text in ("same", "valid"):
        return text
    if ":" not in text:
        return per_axis(text)
    return tuple(_ends(part, text) for part in re.split("[x,]", text))


def add_geometry(parser: ArgumentParser) -> None:
    """The parameters of the operator that every command spells alike."""
    group = parser.add_argument_group("parameters", "one integer for all axes, or one for each: 2,1")
    group.add_argument("--stride", type=per_axis, default=1, metavar="S", help="outputs per input (default 1)")
    group.add_argument(
        "--padding",
        type=padding,
        default=0,
        metavar="P",
        help="cropped at both ends; begin:end for each end; 'same' or 'valid' (default 0)",
    )
    group.add_argument("--dilation", type=per_axis, default=1, metavar="D", help="step between taps (default 1)")
    group.add_argument(
        "--output-padding", type=per_axis, default=0, metavar="A", help="outputs added at the end (default 0)"
    )


def _ends(part: str, text: str) -> tuple[int, int]:
    begin, _, end = part.partition(":")
    return _integer(begin, text), _integer(end or begin, text)


def _integer(part: str, text: str) -> int:
    try:
        return int(part)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an integer, nor integers joined by ',' or 'x'") from None
