"""The errors that tconv raises: one line that names the argument, what was given, and what is allowed.

Each is a `ValueError` or a `TypeError`, so that code which catches those keeps working, and all are
`TconvError`, so that one clause can catch them together.
"""

from __future__ import annotations

__all__ = [
    "ArgumentTypeError",
    "DtypeError",
    "LayoutError",
    "MethodError",
    "OutError",
    "ParameterError",
    "ShapeError",
    "TconvError",
    "TooLargeError",
]


class TconvError(Exception):
    """Any error that tconv raises about its arguments."""


class ParameterError(TconvError, ValueError):
    """A number or a word that is not among the allowed ones."""


class ShapeError(TconvError, ValueError):
    """An array has a number of axes, or a size along one, that does not fit the others."""


class LayoutError(ParameterError):
    """A layout pattern cannot be read."""


class MethodError(ParameterError):
    """No such algorithm, or it refuses this problem."""


class OutError(TconvError, ValueError):
    """``out`` cannot be written: read-only, or sharing memory with an operand."""


class TooLargeError(TconvError, ValueError):
    """A size that neither the memory of this machine nor 64-bit indices can hold."""


class ArgumentTypeError(TconvError, TypeError):
    """An argument is of a kind that cannot be used at all."""


class DtypeError(TconvError, TypeError):
    """An array holds elements that tconv does not compute with."""


def shown(value: object, longest: int = 60) -> str:
    """``value`` for a message: on one line, in at most ``longest`` characters.

    Examples
    --------
    >>> shown([1, 2])
    '[1, 2]'
    >>> shown(list(range(100)), longest=20)
    '[0, 1, 2, 3, 4, ...'
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a foreign __repr__ may do anything; the message must still come out
        text = f"<{type(value).__name__}>"
    return text if len(text) <= longest else text[: longest - 4] + " ..."
