"""Problems in the normal form that algorithms take, operands for them, and what the answer should be.

Two functions say what the answer should be, and neither uses anything of tconv but the record of a problem:
``expected`` asks the oracle, which walks over every pair of indices; ``expected_by_taps`` adds up whole
arrays, one tap at a time, for problems too large for the oracle (a test holds one against the other).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tconv.algorithms import ALGORITHMS
from tconv.algorithms.patches import PatchedAxis
from tconv.geometry import Axis, Operator, Problem
from tconv.transforms import TRANSFORMS
from tests import oracle

DTYPES = ("float32", "float64", "complex64", "complex128", "int32", "int64", "object")
COMPILED_DTYPES = DTYPES[:-1]


class Operands(NamedTuple):
    """What goes in: ``x[batch, groups, channels_in, ...]``, ``w[groups, channels_in, channels_out, ...]``."""

    x: np.ndarray
    w: np.ndarray
    bias: np.ndarray | None


def problem(
    operator: Operator,
    *axes: Axis,
    batch: int = 1,
    groups: int = 1,
    channels_in: int = 1,
    channels_out: int = 1,
    dtype: str = "float64",
) -> Problem:
    """One problem; channels are counted per group."""
    return Problem(operator, batch, groups, channels_in, channels_out, axes, dtype)


def axis(
    size: int,
    kernel: int,
    stride: int = 1,
    dilation: int = 1,
    crop: int = 0,
    end: int | None = None,
    more: int = 0,
) -> Axis:
    """One axis of a transposed convolution: ``size`` inputs, a crop at each end, ``more`` outputs at the end.

    ``turned`` makes it that of the ordinary convolution with the same sizes.
    """
    natural = (size - 1) * stride + dilation * (kernel - 1) + 1
    return Axis(size, kernel, stride, dilation, crop, natural - crop - (crop if end is None else end) + more)


def turned(p: Problem) -> Problem:
    """The problem of the other operator that goes the other way, with the same weights."""
    axes = tuple(Axis(a.size_out, a.size_kernel, a.stride, a.dilation, a.crop, a.size_in) for a in p.axes)
    other: Operator = "conv" if p.operator == "conv_transpose" else "conv_transpose"
    return Problem(other, p.batch, p.groups, p.channels_out, p.channels_in, axes, p.dtype)


def shapes(p: Problem) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Of x, w, bias and y."""
    return (
        (p.batch, p.groups, p.channels_in, *(a.size_in for a in p.axes)),
        (p.groups, p.channels_in, p.channels_out, *(a.size_kernel for a in p.axes)),
        (p.groups, p.channels_out),
        (p.batch, p.groups, p.channels_out, *(a.size_out for a in p.axes)),
    )


def small_integers(p: Problem, seed: int, bias: bool = True) -> Operands:
    """Numbers from -4 to 4, on which every dtype is exact and every order of summation gives the same."""
    rng = np.random.default_rng(seed)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        numbers = rng.integers(-4, 5, shape)
        return (numbers + 1j * rng.integers(-4, 5, shape) if p.dtype.startswith("complex") else numbers).astype(p.dtype)

    x, w, b, _ = shapes(p)
    return Operands(draw(x), draw(w), draw(b) if bias else None)


def random_floats(p: Problem, seed: int, bias: bool = True) -> Operands:
    """Numbers of many magnitudes and both signs."""
    rng = np.random.default_rng(seed)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        numbers = rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 3, shape)
        if p.dtype.startswith("complex"):
            numbers = numbers + 1j * rng.standard_normal(shape)
        return numbers.astype(p.dtype)

    x, w, b, _ = shapes(p)
    return Operands(draw(x), draw(w), draw(b) if bias else None)


def answer(name: str, p: Problem, operands: Operands, threads: int = 1, y: np.ndarray | None = None) -> np.ndarray:
    """What the algorithm ``name`` gives; ``y`` is filled with rubbish before, so that a gap would show."""
    algorithm = ALGORITHMS[name]
    y = np.empty(shapes(p)[3], p.dtype) if y is None else y
    y[...] = None if p.dtype == "object" else 99
    packed = algorithm.prepare(p, operands.w, threads)
    assert packed is not None, f"{name} declined these weights"
    assert algorithm.forward(p, packed, operands.x, operands.bias, y, threads), f"{name} declined this input"
    return y


def for_operator(operator: Operator, dtype: str = "float64") -> list[str]:
    """The algorithms that are for ``operator`` and ``dtype``, though some refuse some problems."""
    tiny = problem(operator, axis(2, 2) if operator == "conv_transpose" else Axis(3, 2, 1, 1, 0, 2), dtype=dtype)
    return takers(tiny)


def takers(p: Problem) -> list[str]:
    """The algorithms that do not refuse ``p``, and are exact where no sum is rounded; `fft` has tests of its own."""
    return [name for name in ALGORITHMS if name != "fft" and not refuses(name, p)]


def refuses(name: str, p: Problem) -> bool:
    """Whether the algorithm ``name`` is not for ``p``."""
    return ALGORITHMS[name].supports(p) is not None


def of(operator: Operator, transposed: Problem, dtype: str) -> Problem:
    """``transposed``, or where ``operator`` is the ordinary convolution its like, in another dtype."""
    p = replace(transposed, dtype=dtype)
    return p if operator == "conv_transpose" else turned(p)


def every_way(problems: dict[str, Problem], *dtypes: str) -> list[tuple[str, str, Operator, str]]:
    """Parameters of tests: case, dtype, operator, name, where the algorithm ``name`` does not refuse the problem."""
    operators: tuple[Operator, ...] = ("conv_transpose", "conv")
    return [
        (case, dtype, operator, name)
        for case, dtype, operator in product(problems, dtypes, operators)
        for name in takers(of(operator, problems[case], dtype))
    ]


def public_shapes(p: Problem) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Of x, w and bias as the public functions take them by default."""
    x, w, bias, _ = shapes(p)
    kernel = (w[0] * w[1], w[2]) if p.operator == "conv_transpose" else (w[0] * w[2], w[1])
    return (x[0], x[1] * x[2], *x[3:]), (*kernel, *w[3:]), (bias[0] * bias[1],)


def public(p: Problem, operands: Operands) -> Operands:
    """The same operands as the public functions take them by default."""
    x, w, bias = public_shapes(p)
    kernel = operands.w if p.operator == "conv_transpose" else operands.w.swapaxes(1, 2)
    return Operands(
        operands.x.reshape(x),
        kernel.reshape(w),
        None if operands.bias is None else operands.bias.reshape(bias),
    )


def public_arguments(p: Problem) -> dict[str, Any]:
    """What the public functions, and symbolic's, have to be told to compute ``p``."""
    arguments: dict[str, Any] = {
        "stride": tuple(a.stride for a in p.axes),
        "dilation": tuple(a.dilation for a in p.axes),
        "groups": p.groups,
    }
    if p.operator == "conv_transpose":
        return arguments | {
            "padding": [(a.crop, 0) for a in p.axes],
            "output_size": tuple(a.size_out for a in p.axes),
        }
    # So many zeros at the end that the last window fits, and no further one.
    reaches = [(a.size_out - 1) * a.stride + a.dilation * (a.size_kernel - 1) + 1 for a in p.axes]
    padding = [(a.crop, reach - a.size_in - a.crop) for a, reach in zip(p.axes, reaches, strict=True)]
    return arguments | {"padding": padding}


def expected_publicly(p: Problem, x: np.ndarray, w: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """What the oracle gives for operands in their public form."""
    compute = oracle.conv_transpose if p.operator == "conv_transpose" else oracle.conv
    return compute(
        x,
        w,
        bias,
        stride=[a.stride for a in p.axes],
        dilation=[a.dilation for a in p.axes],
        crop=[a.crop for a in p.axes],
        size_out=[a.size_out for a in p.axes],
        groups=p.groups,
    )


def expected(p: Problem, operands: Operands) -> np.ndarray:
    """What the oracle gives."""
    return expected_publicly(p, *public(p, operands)).reshape(shapes(p)[3])


def expected_by_taps(p: Problem, operands: Operands) -> np.ndarray:
    """The same sums, whole arrays at a time: tap by tap, every input (or output) at once."""
    x, w, bias = operands
    y = np.zeros(shapes(p)[3], np.result_type(x, w))
    if bias is not None:
        y += bias.reshape(p.groups, p.channels_out, *(1 for _ in p.axes))
    small = [a.size_in if p.operator == "conv_transpose" else a.size_out for a in p.axes]
    large = [a.size_out if p.operator == "conv_transpose" else a.size_in for a in p.axes]
    for tap in product(*(range(a.size_kernel) for a in p.axes)):
        near, far = [], []
        for a, j, smaller, larger in zip(p.axes, tap, small, large, strict=True):
            i = np.arange(smaller)
            t = a.stride * i + a.dilation * j - a.crop
            exists = (t >= 0) & (t < larger)
            near.append(i[exists])
            far.append(t[exists])
        take, put = (near, far) if p.operator == "conv_transpose" else (far, near)
        inputs = x[(..., *np.ix_(*take))]
        space = inputs.shape[3:]
        products = w[(slice(None),) * 3 + tap].swapaxes(1, 2) @ inputs.reshape(*inputs.shape[:3], -1)
        y[(..., *np.ix_(*put))] += products.reshape(*products.shape[:3], *space)
    return y


def bound(p: Problem, operands: Operands) -> np.ndarray:
    """The proved bound on the error of every element of y, in whatever order it is summed, fused or not.

    A sum whose terms meet at most n roundings each is off by at most gamma(n) = n*u / (1 - n*u) times the sum
    of magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). A term here meets one
    rounding for its product and one for each addition. A part of a complex number sums twice as many real
    products, and |Re x Re w| + |Im x Im w| <= |x| |w|.
    """
    parts = 2 if p.dtype.startswith("complex") else 1
    terms = parts * p.channels_in * prod(a.size_kernel for a in p.axes) + 1
    wide = np.result_type(p.dtype, np.float64)
    magnitudes = Operands(*(None if a is None else np.abs(a.astype(wide)) for a in operands))
    # The reference and the sum of magnitudes are rounded too, at worst to float64.
    return (gamma(terms, p.dtype) + gamma(3 * terms + 4, "float64")) * expected_by_taps(p, magnitudes)


def patched_bound(p: Problem, operands: Operands, axes: Sequence[PatchedAxis]) -> np.ndarray:
    """The proved bound where outputs are computed in patches, with the transforms of ``axes``.

    On one axis, output i of a patch is the sum over f (the products) of A[i,f] (G g)[f] (B d)[f]. As above, it is off
    by at most gamma(n) times that sum with the magnitudes of all numbers in it, if no term meets more than n roundings.
    Where no tap and no input is larger than 1, the magnitudes add up to at most

        the largest, over i, of  sum over f of |A[i,f]| (sum over t of |G[f,t]|) (sum over j of |B[f,j]|)

    which is the number of taps times what `tconv.transforms` calls the amplification. Nested transforms are Kronecker
    products of matrices, so for several axes these numbers are multiplied. An output is off by what its whole patch
    holds, and tiles may go through any of the input: the sizes are the largest of a channel.

    The roundings: a sum of k products, each term of which meets its product's and at most k - 1 of additions, and may
    have a rounded coefficient, adds k + 1; such are the rows of G, B and A. The sum over the channels adds one for each
    of these, fused or not, and the bias one more.
    """
    grown, roundings = 1.0, p.channels_in + 1
    for along in axes:
        used = [TRANSFORMS[along.outputs, taps] for taps in {family.size for family in along.families} - {1}]
        grown *= max((len(t.weights[0]) * t.amplification for t in used), default=1.0)
        roundings += max((sum(map(_longest_sum, (t.weights, t.inputs, t.outputs))) for t in used), default=0)
    space = tuple(range(3, 3 + len(p.axes)))
    x, w = (np.abs(a.astype(np.float64)).max(space) for a in operands[:2])
    size = grown * np.einsum("ngc,gco->ngo", x, w)
    if operands.bias is not None:
        size += np.abs(operands.bias.astype(np.float64))
    # The reference and the sizes are rounded too, at worst to float64.
    terms = p.channels_in * prod(a.size_kernel for a in p.axes) + roundings
    return ((gamma(roundings, p.dtype) + gamma(3 * terms, "float64")) * size).reshape(*size.shape, *(1 for _ in p.axes))


def _longest_sum(matrix: Sequence[Sequence[int]]) -> int:
    """Roundings that a term of a matrix product meets, at most."""
    return 1 + max(sum(entry != 0 for entry in row) for row in matrix)


def gamma(terms: int, dtype: str) -> float:
    """Of ``terms`` roundings to nearest."""
    unit = float(np.finfo(dtype).eps) / 2
    return terms * unit / (1 - terms * unit)


def odd_views(a: np.ndarray, kind: str) -> np.ndarray:
    """The numbers of ``a`` in memory that is laid out oddly."""
    if kind == "transposed":
        return a.T.copy().T
    if kind == "channels_last":
        return np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1)
    if kind == "backwards":
        whole = (slice(None, None, -1),) * a.ndim
        return a[whole].copy()[whole]
    if kind == "gaps":
        wide = np.full([2 * n + 1 for n in a.shape], 55, a.dtype)
        hole = wide[tuple(slice(1, None, 2) for _ in a.shape)]
        hole[...] = a
        return hole
    if kind == "read_only":
        a = a.copy()
        a.flags.writeable = False
        return a
    raise ValueError(kind)


def widened(operands: Operands) -> Operands:
    """The same numbers in the widest dtype of their kind, for a reference."""
    wide: Any = np.longdouble if operands.x.dtype.kind == "f" else np.clongdouble
    return Operands(*(None if a is None else a.astype(wide) for a in operands))
