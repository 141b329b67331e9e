"""Route "matrix": the sparse matrix C of the ordinary convolution, and its transpose.

C has a row for each output ``(c, *t)`` of the ordinary convolution and a column for each of its inputs
``(c, *i)``. By the definition ``y[t] = sum over j of x[s*t + d*j - crop] * w[j]``, tap j stands in row t at
column ``s*t + d*j - crop``, if there is one. Only taps make entries; a tap that is zero is an entry too.

Ordinary convolution is C x. Transposed convolution is C^T x, with the matrix of the ordinary convolution that
goes from its output back to its input: that is what "transposed" means.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from sympy import Expr

from symbolic.arrays import Index
from symbolic.problem import Problem, Terms
from symbolic.sizes import Axis

Matrix = dict[Index, dict[Index, Expr]]
"""A sparse matrix: row label, column label, entry."""


def conv_terms(problem: Problem) -> Terms:
    """The products in each element of C x."""
    sizes = [(axis.size_out, axis.size_in) for axis in problem.axes]
    return _multiply(problem, conv_entries(problem, sizes))


def conv_transpose_terms(problem: Problem) -> Terms:
    """The products in each element of C^T x."""
    sizes = [(axis.size_in, axis.size_out) for axis in problem.axes]
    return _multiply(problem, transposed(conv_entries(problem, sizes)))


def conv_entries(problem: Problem, sizes: list[tuple[int, int]]) -> Matrix:
    """C for an ordinary convolution with ``sizes`` (of its output, of its input) on each axis."""
    matrix: Matrix = {}
    for a, kernel in enumerate(problem.kernels()):
        for (b, *taps), weight in kernel:
            joined = [_joined(axis, tap, *size) for axis, tap, size in zip(problem.axes, taps, sizes, strict=True)]
            for places in product(*joined):
                rows, columns = zip(*places, strict=True)
                row, column = (a, *rows), (b, *columns)
                matrix.setdefault(row, {})[column] = weight
    return matrix


def _joined(axis: Axis, tap: int, rows: int, columns: int) -> list[tuple[int, int]]:
    """The rows and columns in which ``tap`` stands, on one axis."""
    places = ((t, axis.stride * t + axis.dilation * tap - axis.crop) for t in range(rows))
    return [(row, column) for row, column in places if 0 <= column < columns]


def transposed(matrix: Mapping[Index, Mapping[Index, Expr]]) -> Matrix:
    """Rows and columns exchanged."""
    result: Matrix = {}
    for row, entries in matrix.items():
        for column, entry in entries.items():
            result.setdefault(column, {})[row] = entry
    return result


def _multiply(problem: Problem, matrix: Matrix) -> Terms:
    """The products in each element of the matrix times x, for each element of the batch."""
    found = problem.no_terms()
    for (n, *row), products in found.items():
        for column, entry in matrix.get(tuple(row), {}).items():
            index = (n, *column)
            products.append(problem.x[index] * entry)
    return found
