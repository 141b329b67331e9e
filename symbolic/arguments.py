"""Arguments as the caller gave them, read into one value per spatial axis.

A message about a wrong one is one line: the argument, what was given, what it must be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from operator import index
from typing import Any, SupportsIndex, TypeAlias

from sympy import Expr

Sizes: TypeAlias = tuple[int, ...]
Size: TypeAlias = "int | Expr"
Pair: TypeAlias = tuple[Size, Size]
Read: TypeAlias = Callable[[str, Any], Any]
PerAxis: TypeAlias = "SupportsIndex | Sequence[SupportsIndex]"
"""One integer for all spatial axes, or one per axis."""
Padding: TypeAlias = "SupportsIndex | str | Sequence[SupportsIndex | Sequence[SupportsIndex]]"
"""An integer, one per spatial axis, one (begin, end) pair per axis, "valid" or "same"."""

_LONGEST = 60  # characters of a value in a message


def shown(value: object) -> str:
    """``value`` for a message: on one line, and not longer than a line can bear.

    >>> shown([1, 2])
    '[1, 2]'
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."


def counted(number: int, noun: str) -> str:
    """A number of things, in words.

    >>> counted(1, "tap"), counted(2, "tap")
    ('1 tap', '2 taps')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def require_callable(name: str, value: Any) -> None:
    """Nothing if it can be called."""
    if not callable(value):
        raise TypeError(f"{name}: got {shown(value)}; must be callable")


def integer(name: str, value: Any) -> int:
    """``value`` as an int; neither True nor 2.0 will do."""
    if isinstance(value, bool) or not _is_integer(value):
        raise TypeError(f"{name}: got {shown(value)}; must be an integer")
    return index(value)


def integer_or_symbolic(name: str, value: Any) -> Size:
    """``value`` as an int, or as it is if it is an expression that may stand for one."""
    symbolic = isinstance(value, Expr) and not value.is_number and value.is_integer is not False
    return value if symbolic else integer(name, value)


def nonnegative(name: str, value: Any) -> Sizes:
    """One or more sizes."""
    values = (value,) if _is_integer(value) else _items(name, value, "an integer or several")
    return tuple(_at_least(0, name, integer(name, v), "") for v in values)


def number_of_axes(*arguments: Any) -> int:
    """How many spatial axes there are: as many as the longest of the arguments that have one value per axis.

    >>> number_of_axes(3, (2, 2), [(0, 1), (1, 0)], "same")
    2
    """
    several = (a for a in arguments if isinstance(a, Sized) and not isinstance(a, str) and not _is_integer(a))
    return max([1, *map(len, several)])


def per_axis(name: str, value: Any, axes: int, *, lowest: int, read: Read = integer) -> tuple[Any, ...]:
    """One value per spatial axis, each at least ``lowest``; a single one stands for all.

    >>> per_axis("stride", 2, 3, lowest=1)
    (2, 2, 2)
    """
    values = _repeated(name, value, axes, "an integer, or one per spatial axis")
    return tuple(_at_least(lowest, name, read(name, v), f" for spatial axis {a}") for a, v in enumerate(values))


def padding_pairs(value: Any, axes: int, read: Read = integer) -> tuple[tuple[Any, Any], ...] | None:
    """``padding`` as one (begin, end) pair per spatial axis; None is "same", which depends on the sizes.

    >>> padding_pairs([1, (0, -2)], 2)
    ((1, 1), (0, -2))
    """
    if isinstance(value, str):
        if value == "same":
            return None
        if value == "valid":
            return padding_pairs(0, axes, read)
        raise ValueError(f"padding: got {shown(value)}; the words it may be are 'same' and 'valid'")
    items = _repeated("padding", value, axes, "an integer, or one or a (begin, end) pair per spatial axis")
    return tuple(_pair(item, read) for item in items)


def _pair(value: Any, read: Read) -> tuple[Any, Any]:
    begin, end = _repeated("padding", value, 2, "an integer or a (begin, end) pair")
    return read("padding", begin), read("padding", end)


def _repeated(name: str, value: Any, count: int, what: str) -> tuple[Any, ...]:
    if isinstance(value, Expr) or _is_integer(value):
        return (value,) * count
    return _items(name, value, what, count)


def _is_integer(value: Any) -> bool:
    try:
        index(value)
    except TypeError:
        return False
    return True


def _items(name: str, value: Any, what: str, count: int | None = None) -> tuple[Any, ...]:
    try:
        items = None if isinstance(value, str) else tuple(value)
    except TypeError:
        items = None
    if items is None:
        raise TypeError(f"{name}: got {shown(value)}; must be {what}")
    if count is not None and len(items) != count:
        raise ValueError(
            f"{name}: got {shown(value)} with {counted(len(items), 'value')}; must be {what}, here {count}"
        )
    return items


def _at_least(lowest: int, name: str, value: Any, where: str) -> Any:
    if value < lowest if isinstance(value, int) else (value - lowest).is_negative:
        raise ValueError(f"{name}: got {shown(value)}{where}; must be an integer >= {lowest}")
    return value
