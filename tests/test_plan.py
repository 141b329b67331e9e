"""Plans: which algorithm, why, at what cost; and that a call does not plan twice."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import tconv
from tconv import plans
from tconv.algorithms import ALGORITHMS, SINGLE
from tconv.algorithms.cost import Cost
from tconv.algorithms.scheme import scheme
from tconv.planner import MEMORY, Candidate, candidates, rank
from tconv.plans import quantity
from tests.problems import axis, problem

X, W = (2, 8, 10, 9), (8, 6, 4, 4)


def test_a_plan_prints_the_choice_and_all_others():
    plan = tconv.plan(X, W, stride=2, padding=1, threads=1)
    heading, shapes, columns, *rows = str(plan).split("\n")
    assert heading == "conv_transpose, float32 computed in float32, 1 thread"
    assert shapes.startswith("(2, 8, 10, 9) by (8, 6, 4, 4) to (2, 6, 20, 18), ")
    assert shapes.endswith("FLOP by the definition")
    assert columns.split() == [
        "algorithm",
        "operations",
        "moved",
        "workspace",
        "error",
        "bound",
        "packing",
        "predicted",
    ]
    assert len(rows) == len(ALGORITHMS)
    chosen = [row for row in rows if row.startswith("->")]
    assert len(chosen) == 1
    assert chosen[0].split()[1] == plan.choice
    refusal = ALGORITHMS["sliding_window"].supports(plan.problem)
    assert f"    sliding_window  refused: {refusal}" in rows
    assert plan.cost.operations > 0
    assert repr(plan) == f"<Plan of conv_transpose: {X} by {W} to (2, 6, 20, 18), {plan.choice}>"


def test_a_plan_with_measured_times():
    plan = tconv.plan(X, W, stride=2, padding=1, threads=1, measure=True)
    assert "measured" in str(plan)
    tried = [candidate for candidate in plan.candidates if candidate.cost is not None]
    assert all(candidate.measured > 0 for candidate in tried)
    assert plan.choice == tconv.plan(X, W, stride=2, padding=1, threads=1).choice
    layer = tconv.ConvTranspose(np.ones(W, "i4"), stride=2, padding=1, threads=1)
    assert "measured" in str(layer.plan(X, measure=True))
    assert "measured" not in str(layer.plan(X))
    huge = tconv.plan((1, 64, 256, 256), (64, 64, 9, 9), measure=False)
    slow = {c.name for c in huge.candidates if c.cost and c.cost.seconds > 1}
    assert "scatter" in slow  # which nobody wants to wait for
    assert "nothing to multiply" in str(tconv.plan((1, 8, 0), (8, 6, 4), measure=True))


def test_a_plan_tells_what_a_call_gives():
    plan = tconv.plan(X, W, "float16", stride=2)
    y = tconv.conv_transpose(np.zeros(X, "f2"), np.zeros(W, "f2"), stride=2)
    assert (plan.y_shape, plan.dtype) == (y.shape, y.dtype)
    assert (plan.x_shape, plan.w_shape) == (X, W)
    assert "float16 computed in float32" in str(plan)
    assert plan.bytes_allocated == y.size * (2 + 4)


def test_a_plan_of_conv():
    plan = tconv.plan(X, (6, 8, 4, 4), operator="conv", padding="same", threads=1)
    assert plan.function == "conv"
    assert plan.y_shape == (2, 6, 10, 9)
    assert "scatter" in str(plan)


def test_a_named_method_is_the_choice():
    for method in ("scatter", "zero_insertion", "polyphase"):
        assert tconv.plan(X, W, method=method).choice == method


def test_nothing_to_multiply():
    plan = tconv.plan((0, 8, 10, 9), W)
    assert plan.choice is None
    assert plan.cost == Cost(0, 0, 0, 0.0, 1)
    assert "nothing to multiply" in str(plan)


def test_auto_takes_the_fewest_seconds_and_a_name_comes_first():
    def candidate(name, seconds):
        return Candidate(name, None, Cost(1, 1, 1, seconds, 1))

    asked = (candidate("a", 2.0), Candidate("b", "too odd", None), candidate("c", 1.0), candidate("d", 1.0))
    assert rank("auto", asked) == ("c", "d", "a")
    assert rank("a", asked) == ("a", "c", "d")
    with pytest.raises(tconv.errors.MethodError, match=r"got 'b', .*\(b: too odd\); must be one of 'auto', 'c'"):
        rank("b", asked)
    with pytest.raises(tconv.errors.MethodError, match=r"got 'auto', .*b: too odd"):
        rank("auto", asked[1:2])


def test_workspace_beyond_the_memory_is_refused(monkeypatch):
    greedy = SimpleNamespace(
        supports=lambda problem: None, cost=lambda problem, threads: Cost(1, 1, 2 * MEMORY, 0.0, 1)
    )
    monkeypatch.setitem(ALGORITHMS, "zero_insertion", greedy)
    asked = candidates(tconv.plan(X, W, stride=5).problem, 1)
    (found,) = [candidate for candidate in asked if candidate.name == "zero_insertion"]
    assert re.fullmatch(r"needs \d.* GiB of workspace", found.refusal)
    assert rank("auto", asked)[0] != "zero_insertion"


def test_choices_do_not_depend_on_threads():
    """Else the bits would: in these, overlap_add is the least work but falls into one part, or few."""
    shapes = [((16, 64, 32, 32), (64, 3, 4, 4)), ((1, 32, 24, 20), (32, 1, 9, 9)), ((1, 1026, 400), (1026, 1, 1024))]
    for x, w in shapes:
        for stride in (1, 2, 3, w[-1] // 4):
            by_threads = {tconv.plan(x, w, stride=stride, threads=threads).in_turn for threads in (1, 2, 64)}
            assert len(by_threads) == 1


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_answers_the_planner(name, stride):
    for operator in ("conv_transpose", "conv"):
        w = W if operator == "conv_transpose" else (6, 8, 3, 3)
        problem = tconv.plan(X, w, operator=operator, stride=stride).problem
        (found,) = [c for c in candidates(problem, 2) if c.name == name]
        assert (found.refusal is None) != (found.cost is None)
        if found.cost is not None:
            assert found.cost.operations > 0
            assert found.cost.bytes_moved > 0
            assert found.cost.workspace >= 0
            assert found.cost.seconds > 0


def test_quantities():
    assert quantity(0, "B") == "0 B"
    assert quantity(999, "B") == "999 B"
    assert quantity(1000, "B") == "1 kB"
    assert quantity(2.5e13, "FLOP") == "25 TFLOP"
    assert quantity(5e-5, "s") == "50 us"
    assert quantity(1.25e-8, "s") == "12.5 ns"


def calls_of(function):
    """How many Python functions run, itself included."""
    seen = []
    sys.setprofile(lambda frame, event, _: seen.append(frame.f_code) if event == "call" else None)
    try:
        function()
    finally:
        sys.setprofile(None)
    return seen


@pytest.fixture
def idle(monkeypatch):
    """An algorithm that does nothing, so that only the way to it is seen."""

    class Idle:
        supports = staticmethod(lambda problem: None)
        cost = staticmethod(lambda problem, threads: Cost(1, 1, 1, 0.0, 1))
        prepare = staticmethod(lambda problem, w, threads: ())
        forward = staticmethod(lambda problem, packed, x, bias, y, threads: True)

    plans.plan_forward.cache_clear()
    monkeypatch.setitem(ALGORITHMS, "polyphase", Idle)
    monkeypatch.delitem(SINGLE, "polyphase")
    yield
    plans.plan_forward.cache_clear()


@pytest.mark.usefixtures("idle")
def test_a_repeated_call_neither_validates_nor_plans():
    """Counted in Python functions, as times are not the same on any two machines."""
    x, w = np.zeros(X, "f4"), np.zeros(W, "f4")
    bias = np.zeros(6, "f4")

    def function():
        return tconv.conv_transpose(x, w, bias, stride=2, padding=1, threads=1)

    layer = tconv.ConvTranspose(w, bias, stride=2, padding=1, threads=1)
    function()
    layer(x)
    assert len(calls_of(function)) <= 41
    assert len(calls_of(lambda: layer(x))) <= 20
    assert plans.plan_forward.cache_info().misses == 2  # the function's and the layer's, which packs once


def test_planning_takes_as_long_as_there_are_taps():
    """Counted likewise. A kernel as large as the input, as in gradients of weights: no tap may look at all others."""
    p = problem("conv", axis(96, 96), axis(96, 96), dtype="float32")
    assert len(calls_of(lambda: scheme(p, 1).tables)) <= 10 * 96**2


@pytest.mark.parametrize(
    ("x", "w", "arguments"),
    [
        ((1, 1, 200_000), (1, 1, 3), {"dilation": 12_000}),
        ((1, 4, 64, 64, 64), (4, 4, 3, 3, 3), {"dilation": 16}),
        ((1, 1, 40, 40, 40, 40), (1, 1, 3, 3, 3, 3), {"dilation": 7}),
        ((1, 1, 256, 256), (1, 1, 64, 64), {"dilation": 97}),
    ],
)
def test_planning_does_not_take_longer_for_dilations(x, w, arguments):
    """Counted likewise: phases that are cut finer, so that what each reads lies side by side, are not too many."""
    undilated = len(calls_of(lambda: tconv.plan(x, w, stride=1)))
    assert len(calls_of(lambda: tconv.plan(x, w, **arguments))) <= 10 * undilated + 10_000


@pytest.mark.parametrize(
    ("x", "w", "arguments"),
    [
        ((1, 1, 3), (1, 1, 3), {"stride": 10**6}),
        ((1, 2, 3), (2, 2, 3), {"stride": 10**6}),
        ((1, 2, 3, 3), (2, 2, 3, 3), {"stride": (10**6, 1)}),
        ((1, 2, 3, 3, 3), (2, 2, 3, 3, 3), {"stride": (3000, 2000, 1)}),
        ((1, 1, 1), (1, 1, 3), {"output_padding": 10**6}),
        ((1, 1, 1, 1), (1, 1, 3, 3), {"dilation": 10**6}),
    ],
)
def test_planning_does_not_take_longer_for_strides(x, w, arguments):
    """Counted likewise: nearly all phases of a large stride have no taps, and no table is as long as they are many."""
    assert len(calls_of(lambda: tconv.plan(x, w, **arguments))) <= 20_000


def test_an_algorithm_that_is_only_for_those_who_name_it_says_so():
    """One channel: Winograd's bound would be far above the direct sum's."""
    plan = tconv.plan((1, 1, 96, 96), (1, 1, 4, 4), stride=2, padding=1)
    (line,) = (line for line in str(plan).splitlines() if "winograd" in line)
    assert line.endswith("only if asked for by name")
    assert plan.choice != "winograd"
