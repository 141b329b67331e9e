"""Arrays of exact elements: symbols to compute with, and what a caller may hand in.

Only exact elements are taken: a float in a sum would round it, and nobody would see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from sympy import Array, Expr, Float, Integer, Rational, Symbol, SympifyError, sympify
from sympy.tensor.array import NDimArray
from sympy.tensor.array.arrayop import Flatten

from symbolic.arguments import Sizes, nonnegative, shown

Index = tuple[int, ...]


class Element(Symbol):  # type: ignore[misc]  # SymPy publishes no types
    """The symbol of one element of an array: prints as ``x[0,1]``, in LaTeX as ``x_{0,1}``.

    It is a symbol like any other, only its LaTeX is its own.
    """

    __slots__ = ()

    def _latex(self, printer: Any) -> str:
        array, _, indices = self.name.rstrip("]").partition("[")
        base = printer.doprint(Symbol(array))
        return f"{{{base}}}_{{{indices}}}" if "_" in base else f"{base}_{{{indices}}}"


def array(name: str, shape: int | Iterable[int], **assumptions: bool) -> Array:
    """An array of symbols, each named after its place.

    Parameters
    ----------
    name : str
        What the symbols are called, such as "x".
    shape : int or iterable of int
        The array's shape; sizes of 0 are allowed.
    **assumptions : bool
        What SymPy may assume of every symbol, such as ``real=True``.

    Returns
    -------
    sympy.Array
        An array of `shape` with a symbol in each place.

    Raises
    ------
    TypeError
        `name` is not a string, or `shape` holds something that is not an integer.
    ValueError
        `name` is empty, or a size is negative.

    Examples
    --------
    >>> import symbolic
    >>> symbolic.array("x", (2, 2))
    [[x[0,0], x[0,1]], [x[1,0], x[1,1]]]
    >>> import sympy
    >>> print(sympy.latex(symbolic.array("w", 3)[1]))
    w_{1}
    """
    if not isinstance(name, str):
        raise TypeError(f"name: got {shown(name)}; must be a string such as 'x'")
    if not name:
        raise ValueError("name: got ''; must not be empty")
    sizes = nonnegative("shape", shape)
    if not sizes:
        return Array([Symbol(name, **assumptions)], ())
    symbols = [Element(f"{name}[{','.join(map(str, index))}]", **assumptions) for index in indices(sizes)]
    return Array(symbols, sizes)


def indices(shape: Sizes) -> Iterator[Index]:
    """Every index of an array, the last axis fastest."""
    return product(*map(range, shape))


def filled(shape: Sizes, elements: Mapping[Index, Expr]) -> Array:
    """The array with these elements by index, and zeros elsewhere.

    >>> filled((3,), {(1,): 5})
    [0, 5, 0]
    """
    return Array([elements.get(index, Integer(0)) for index in indices(shape)], shape)


class Elements(NamedTuple):
    """An array that has been read: its shape, and its elements with the last axis fastest."""

    shape: Sizes
    flat: list[Expr]

    def items(self) -> Iterator[tuple[Index, Expr]]:
        """Each index with its element."""
        return zip(indices(self.shape), self.flat, strict=True)


def read(name: str, value: Any) -> Elements:
    """The argument ``name``: a nested list, a SymPy array, or whatever has ``shape`` and ``tolist``."""
    if isinstance(value, NDimArray):  # its tolist() fails where a size is 0
        flat: Iterable[Any] = Flatten(value) if len(value) else ()
        shape = tuple(map(int, value.shape))
    elif hasattr(value, "tolist") and hasattr(value, "shape"):
        shape = tuple(map(int, value.shape))
        flat = _flattened(name, value.tolist(), shape)
    else:
        shape = _shape(value)
        flat = _flattened(name, value, shape)
    return Elements(shape, [_exact(name, element) for element in flat])


def _shape(value: Any) -> Sizes:
    """The shape of a nested list, as its first elements show it."""
    shape = []
    while isinstance(value, (list, tuple)):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _flattened(name: str, value: Any, shape: Sizes) -> Iterator[Any]:
    if not shape:
        if isinstance(value, (list, tuple)):
            raise ValueError(f"{name}: got {shown(value)} where others are elements; must not be ragged")
        yield value
    elif not isinstance(value, (list, tuple)):
        raise ValueError(f"{name}: got {shown(value)} where others are lists; must not be ragged")
    elif len(value) != shape[0]:
        raise ValueError(f"{name}: got lists of lengths {shape[0]} and {len(value)}; must not be ragged")
    else:
        for item in value:
            yield from _flattened(name, item, shape[1:])


def _exact(name: str, value: Any) -> Expr:
    if type(value) is int:
        return Integer(value)
    if isinstance(value, (Symbol, Rational)):
        return value
    try:
        expression = sympify(value, strict=True)
    except SympifyError:
        expression = None
    if not isinstance(expression, Expr):
        raise TypeError(f"{name}: got {shown(value)}; must hold exact numbers, symbols or expressions")
    if expression.has(Float):
        raise TypeError(
            f"{name}: got {shown(value)}, a rounded number; must be exact, such as "
            "fractions.Fraction(value) or sympy.Rational(value)"
        )
    return expression
