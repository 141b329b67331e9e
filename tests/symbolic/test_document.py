"""The document's two examples: its numbers, and the steps as it lays them out."""

from __future__ import annotations

import time

import pytest
from sympy import Array

import symbolic
from symbolic.document import CONV, CONV_TRANSPOSE
from tests.symbolic.definition import by_index

ROUTES = [(operator, route) for operator, routes in symbolic.ROUTES.items() for route in routes]
EXAMPLES = {"conv": CONV, "conv_transpose": CONV_TRANSPOSE}


@pytest.mark.parametrize(("operator", "route"), ROUTES)
def test_numbers(operator, route):
    example = EXAMPLES[operator]
    assert getattr(symbolic, operator)(example.x, example.w, route=route) == example.y


def test_data_are_the_documents():
    assert CONV.x.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert CONV.y.tolist() == [[-4, -4], [-4, -4]]
    assert CONV_TRANSPOSE.x.tolist() == [[1, 2], [3, 4]]
    assert CONV_TRANSPOSE.y.tolist() == [[1, 2, 0], [3, 3, -2], [0, -3, -4]]
    assert CONV.w.tolist() == CONV_TRANSPOSE.w.tolist() == [[1, 0], [0, -1]]


def test_placements():
    trace = CONV_TRANSPOSE.trace()
    assert [p.element for p in trace.placements] == [1, 2, 3, 4]
    assert [p.offset for p in trace.placements] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert trace.placements[3].product == Array([[4, 0], [0, -4]])
    assert [p.placed.tolist() for p in trace.placements] == [
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]],
        [[0, 2, 0], [0, 0, -2], [0, 0, 0]],
        [[0, 0, 0], [3, 0, 0], [0, -3, 0]],
        [[0, 0, 0], [0, 4, 0], [0, 0, -4]],
    ]
    assert trace.placements[1].covered == {(0, 1), (0, 2), (1, 1), (1, 2)}
    assert trace.sum == trace.result == CONV_TRANSPOSE.y


def test_windows():
    trace = CONV.trace()
    assert [window.elements.tolist() for window in trace.windows] == [
        [[1, 2], [4, 5]],
        [[2, 3], [5, 6]],
        [[4, 5], [7, 8]],
        [[5, 6], [8, 9]],
    ]
    assert trace.windows[0].products == Array([[1, 0], [0, -5]])
    assert [window.sum for window in trace.windows] == [-4] * 4
    assert trace.result == CONV.y


@pytest.mark.parametrize("example", [CONV, CONV_TRANSPOSE], ids=["conv", "conv_transpose"])
@pytest.mark.parametrize("kernel", [True, False])
def test_symbols_become_the_numbers(example, kernel):
    trace = example.symbols(kernel=kernel)
    symbols = by_index(trace.x), by_index(trace.w)
    numbers = by_index(example.x), by_index(example.w)
    values = {symbols[a][index]: numbers[a][index] for a in range(2) for index in numbers[a]}
    assert trace.result.subs(values) == example.y


@pytest.mark.parametrize("example", [CONV, CONV_TRANSPOSE], ids=["conv", "conv_transpose"])
def test_text_fits_a_terminal(example):
    for trace in (example.trace(), example.symbols(), example.symbols(kernel=False)):
        text = str(trace)
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 80
        assert text == "\n\n".join(str(step) for step in trace.steps())
        assert all(line == line.rstrip() for line in text.splitlines())


def test_symbols_are_added_line_by_line():
    drawing = CONV_TRANSPOSE.symbols().steps()[-1].drawing
    assert drawing[4] == "y[1,1] = w[0,0]*x[1,1] + w[0,1]*x[1,0] + w[1,0]*x[0,1] + w[1,1]*x[0,0]"


@pytest.mark.parametrize("example", [CONV, CONV_TRANSPOSE], ids=["conv", "conv_transpose"])
def test_latex_is_balanced(example):
    for shown in (example.trace(), example.symbols(), *example.trace().steps()):
        latex = shown._repr_latex_()
        assert latex.startswith("$")
        assert latex.endswith("$")
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\begin") == latex.count(r"\end")


def test_an_expansion_takes_less_than_50_ms():
    x, w = symbolic.array("x", (2, 2)), symbolic.array("w", (2, 2))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        symbolic.conv_transpose(x, w)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


@pytest.mark.parametrize("example", [CONV, CONV_TRANSPOSE], ids=["conv", "conv_transpose"])
def test_an_example_shows_its_steps(example):
    assert example.steps() == example.trace().steps()
    assert str(example) == str(example.trace())
    assert example._repr_latex_() == example.trace()._repr_latex_()
