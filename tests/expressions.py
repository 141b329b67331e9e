"""Operands of symbols, and what `symbolic` says must come out."""

from __future__ import annotations

import numpy as np
from sympy import QQ, Expr, sympify
from sympy.polys.rings import PolyRing

import symbolic
from tconv.geometry import Problem
from tests.problems import Operands, public, public_arguments, shapes


def symbols(p: Problem, bias: bool) -> Operands:
    """x, w and bias of symbols."""
    return Operands(*(
        np.array(symbolic.array(letter, shape).tolist(), dtype=object) if wanted else None
        for letter, shape, wanted in zip("xwb", shapes(p), (True, True, bias), strict=False)
    ))  # fmt: skip


def expression(p: Problem, operands: Operands) -> np.ndarray:
    """What symbolic says."""
    y = getattr(symbolic, p.operator)(*public(p, operands), layout="NC...", **public_arguments(p))
    return np.array(y.tolist(), dtype=object).reshape(shapes(p)[3])


def same(got: np.ndarray, want: np.ndarray) -> bool:
    """Expressions that are not written alike are subtracted."""
    assert got.shape == want.shape
    return all(a == b or _vanishes(sympify(a) - b) for a, b in zip(got.flat, want.flat, strict=True))


def _vanishes(difference: Expr) -> bool:
    """Whether a polynomial is zero, written out in full; several times as quick as `sympy.expand`."""
    letters = sorted(difference.free_symbols, key=str)
    return bool(PolyRing(letters, QQ).from_expr(difference) == 0 if letters else difference == 0)
