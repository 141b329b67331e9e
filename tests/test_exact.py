"""Every algorithm's own loops, run on symbols, give symbolic's expressions: the difference is zero.

Kernels are plain Python as well as compiled code. Fed with SymPy symbols they write down their polynomial.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import product

import numpy as np
import pytest

import symbolic
from tconv.geometry import Axis, Problem
from tests.cases import SMALL
from tests.expressions import expression, same, symbols
from tests.problems import (
    Operands,
    answer,
    axis,
    every_way,
    for_operator,
    of,
    problem,
    refuses,
    turned,
)

OPERATORS = ("conv_transpose", "conv")


@pytest.mark.parametrize("name", for_operator("conv_transpose", "object"))
def test_document(name):
    p = problem("conv_transpose", axis(2, 2), axis(2, 2), dtype="object")
    operands = symbols(p, bias=False)
    assert same(answer(name, p, operands), expression(p, operands))
    example = symbolic.document.CONV_TRANSPOSE
    numbers = Operands(*(np.array(a.tolist(), dtype=object)[None, None, None] for a in (example.x, example.w)), None)
    got = answer(name, p, numbers)
    assert got[0, 0, 0].tolist() == example.y.tolist() == [[1, 2, 0], [3, 3, -2], [0, -3, -4]]


@pytest.mark.parametrize("name", for_operator("conv", "object"))
def test_document_ordinary(name):
    example = symbolic.document.CONV
    p = problem("conv", *(Axis(3, 2, 1, 1, 0, 2),) * 2, dtype="object")
    numbers = Operands(*(np.array(a.tolist(), dtype=object)[None, None, None] for a in (example.x, example.w)), None)
    assert answer(name, p, numbers)[0, 0, 0].tolist() == example.y.tolist() == [[-4, -4], [-4, -4]]


# Every combination in one dimension: sizes, kernels and strides from 1 to 4, crops from -1 to 3, dilations
# from 1 to 3, and 0 to 2 outputs more.


@lru_cache
def box(operator: str) -> list[tuple[Problem, Operands, np.ndarray]]:
    """All of them, with symbolic's answers."""
    found = []
    for i, k, s, crop, d, more in product(range(1, 5), range(1, 5), range(1, 5), range(-1, 4), range(1, 4), range(3)):
        along = axis(i, k, s, d, crop, more=more)
        if along.size_out > 0:
            p = problem("conv_transpose", along, dtype="object")
            p = p if operator == "conv_transpose" else turned(p)
            operands = symbols(p, bias=False)
            found.append((p, operands, expression(p, operands)))
    return found


@pytest.mark.parametrize(
    ("operator", "name"), [(operator, name) for operator in OPERATORS for name in for_operator(operator, "object")]
)
def test_every_small_axis(operator, name):
    problems = [found for found in box(operator) if not refuses(name, found[0])]
    assert len(problems) > {"winograd": 100, "depthwise": 500}.get(name, 2000)
    wrong = [p for p, operands, want in problems if not same(answer(name, p, operands), want)]
    assert not wrong


@lru_cache
def chosen(case: str, operator: str) -> tuple[Problem, Operands, np.ndarray]:
    p = of(operator, SMALL[case], "object")
    fewer = {field: min(getattr(p, field), 2) for field in ("batch", "groups", "channels_in", "channels_out")}
    p = replace(p, **fewer)  # more of them would only take longer
    operands = symbols(p, bias=True)
    return p, operands, expression(p, operands)


@pytest.mark.parametrize(("case", "dtype", "operator", "name"), every_way(SMALL, "object"))
def test_chosen(case, dtype, operator, name):
    p, operands, want = chosen(case, operator)
    assert same(answer(name, p, operands), want)
