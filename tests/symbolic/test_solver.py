"""Every solution and no other, as brute force finds them; and reasons for none that are true."""

from __future__ import annotations

import random
import re
from itertools import product

import pytest

import symbolic
from symbolic.solver import BOUNDS, Reason, Solution, no_solution, solve

NAMES = ("input", "kernel", "stride", "padding", "dilation")
SMALL = {
    "input": range(5),
    "output": range(9),
    "kernel": range(4),
    "stride": range(1, 4),
    "padding": range(3),
    "dilation": range(1, 3),
}


def size(n, k, s, d, begin, end, more):
    """Counted, without the formula."""
    return max((s * i + d * j for i in range(n) for j in range(k)), default=-1) + 1 - begin - end + more


SIZES = {values: size(*values, 0, 0, 0) for values in product(range(9), range(9), range(1, 9), range(1, 9))}


def choices(name, value):
    if value is None:
        return list(SMALL[name])
    return [value] if isinstance(value, int) else sorted(value)


def brute(given):
    found = set()
    for n, k, s, p, d in product(*(choices(name, given[name]) for name in NAMES)):
        more = range(s) if given["output_padding"] is None else choices("output_padding", given["output_padding"])
        for a in more:
            o = SIZES[n, k, s, d] - 2 * p + a
            if o in choices("output", given["output"]):
                found.add((n, o, k, s, p, a, d))
    return found


def some(generator, lowest):
    return generator.choice(
        [
            None,
            generator.randint(lowest, 5),
            range(lowest, generator.randint(lowest + 1, 6)),
            range(lowest, 8, generator.randint(2, 3)),
            set(generator.sample(range(lowest, 8), 2)),
        ]
    )


@pytest.mark.parametrize("seed", range(8))
def test_brute_force_finds_the_same(seed):
    generator = random.Random(seed)
    none = 0
    for _ in range(150):
        given = {name: some(generator, lowest) for name, lowest in LOWEST.items()}
        solutions = solve(**given, bounds=SMALL)
        assert set(solutions) == brute(given), given
        assert len(set(solutions)) == len(solutions)
        assert bool(solutions.reasons) == (not solutions)
        none += not solutions
        check_reasons(solutions)
    assert none > 5


LOWEST = {"input": 0, "output": 0, "kernel": 0, "stride": 1, "padding": -1, "output_padding": 0, "dilation": 1}


def check_reasons(solutions):
    """Cases are all the candidates together, each once; and what is said of each is so."""
    if solutions:
        return
    seen = set()
    for reason in solutions.reasons:
        outputs = dict(combinations({**solutions.candidates, **reason.case}))
        assert not seen & set(outputs)
        seen |= set(outputs)
        assert not set(outputs.values()) & set(solutions.candidates["output"])
        check_words(reason.why, outputs)
    assert seen == set(dict(combinations(solutions.candidates)))


def combinations(candidates):
    """All values of the arguments, with the output that they give."""
    ends = ("padding", "padding") if "padding" in candidates else ("begin", "end")
    for n, k, s, d in product(*(candidates[name] for name in ("input", "kernel", "stride", "dilation"))):
        more = candidates.get("output_padding", range(s))
        crops = product(candidates[ends[0]], more) if ends[0] == ends[1] else product(*map(candidates.get, ends), more)
        for *crop, a in crops:
            yield (n, k, s, d, *crop, a), SIZES[n, k, s, d] - crop[0] - crop[-1] + a


WORDS = re.compile(
    r"output is (?:(?P<bound>at least|at most) )?"
    r"(?:(?P<low>-?\d+)(?: (?:or|to) (?P<high>-?\d+))?(?: \((?P<corner>.*)\))?, (?:and |not ))?"
    r"(?:(?P<parity>odd|even)|(?P<remainder>\d+) modulo (?P<divisor>\d+))?.*"
)


def check_words(why, outputs):
    said, values = WORDS.fullmatch(why), set(outputs.values())
    low, high = (said[name] and int(said[name]) for name in ("low", "high"))
    assert said["low"] or said["parity"] or said["divisor"], why
    if said["bound"]:
        assert low == (min if said["bound"] == "at least" else max)(values), why
    elif said["low"]:
        assert values <= set(range(low, (low if high is None else high) + 1)), why
    if said["low"] and said["corner"]:
        names = ["input", "kernel", "stride", "dilation", "padding", "output_padding"]
        names[4:5] = ["padding"] if len(next(iter(outputs))) == 6 else ["begin", "end"]
        corner = [(names.index(name), int(value)) for name, value in re.findall(r"(\w+) = (-?\d+)", said["corner"])]
        there = {output for at, output in outputs.items() if all(at[i] == value for i, value in corner)}
        assert there == {low}, why
        if len(corner) == 1:  # and what is named matters
            assert len(values) > 1, why
    if said["parity"]:
        inside = [o for o in values if low is None or low <= o <= (low if high is None else high)]
        assert all(o % 2 == (said["parity"] == "odd") for o in inside), why
    if said["divisor"]:
        assert all(o % int(said["divisor"]) == int(said["remainder"]) for o in values), why


def test_without_inputs_or_taps_another_equation_holds():
    none = solve(input=6, output=24, kernel={0, 5}, stride=3, padding=-1, output_padding=4)
    assert [str(reason) for reason in none.reasons] == [
        "kernel = 5: output is at least 26 (dilation = 1), not 24",
        "kernel = 0: output is 6, not 24",
    ]
    assert none.steps()[0].drawing[-1] == "without taps: output = output_padding - 2*padding"
    check_reasons(none)
    only = solve(input=4, output=8, kernel=0, stride=9)
    assert only.steps()[0].drawing == ("without taps: output = output_padding - 2*padding",)
    assert {(o.output, o.output_padding - 2 * o.padding) for o in only} == {(8, 8)}
    both = solve(input=range(3), output=50, kernel=range(4), stride=2, padding=[(range(2), 2)])
    assert both.steps()[0].drawing[-1] == "without inputs or taps: output = -begin - end + output_padding"
    assert [list(reason.case) for reason in both.reasons] == [["input", "kernel"], ["input"], ["input", "kernel"]]
    check_reasons(both)
    assert len(solve(input=4, output=8, kernel=3, stride=2).steps()[0].drawing) == 2  # one equation on two lines
    assert "without" not in str(solve(input={0, 4}, output=9, kernel=3, stride=2, padding="same"))


def test_pairs_have_true_reasons():
    generator = random.Random(0)
    none = 0
    for _ in range(60):
        given = {name: some(generator, lowest) for name, lowest in LOWEST.items() if name != "padding"}
        solutions = solve(**given, padding=[(generator.choice([0, {0, 2}]), range(-1, 2))], bounds=SMALL)
        none += not solutions
        check_reasons(solutions)
    assert none > 5


def test_begin_and_end_apart():
    for output in range(4, 12):
        found = solve(
            input=3, output=output, kernel=range(1, 4), stride={1, 3}, padding=[(range(-1, 2), None)], dilation=1,
            bounds={"padding": range(4)},
        )  # fmt: skip
        expected = {
            (3, output, k, s, (b, e), a, 1)
            for k, s, b, e in product((1, 2, 3), (1, 3), (-1, 0, 1), range(4))
            for a in range(s)
            if size(3, k, s, 1, b, e, a) == output
        }
        assert set(found) == expected
        assert len(found) == len(expected)


def test_same_and_valid():
    assert set(solve(input=5, output=11, padding="same", kernel=3, dilation=1)) == {(5, 11, 3, 2, "same", 1, 1)}
    assert not solve(input=5, output=9, padding="same", kernel=3, stride=2)
    assert solve(input=5, padding="valid", kernel=3, stride=1, dilation=1)[0].output == 7
    assert [s.output for s in solve(input=4, kernel=2, padding="same", stride=2, dilation=1)] == [8, 9]


def test_a_solution_fits_conv_transpose():
    for given in ({"padding": 1}, {"padding": [(None, 0)]}, {"padding": "same"}, {}):
        for solution in solve(input=3, output={5, 6}, kernel=3, stride={1, 2}, dilation={1, 2}, **given)[:20]:
            y = symbolic.conv_transpose([1] * 3, [1] * solution.kernel, **solution.arguments())
            assert len(y) == solution.output


def test_one_unknown_follows_however_many_candidates():
    assert solve(output=540, kernel=9, stride=3, padding=4, dilation=1)[:] == (Solution(180, 540, 9, 3, 4, 2, 1),)
    far = range(1, 10**12)
    found = solve(input=far, output=10**12, kernel=4, stride=2, padding=1, output_padding=0, dilation=1)
    assert [solution.input for solution in found] == [5 * 10**11]
    assert (
        solve(input=7, output=10**6, kernel=far, stride=2, padding=0, output_padding=0, dilation=1)[0].kernel == 999988
    )
    assert [s.stride for s in solve(input=11, output=10**7 + 1, kernel=1, stride=far, padding=0, output_padding=0,
                                    dilation=1)] == [10**6]  # fmt: skip


def test_plain_solutions_come_first():
    found = solve(input=4, output=8, kernel=range(2, 9), stride=2)
    assert found[0] == Solution(4, 8, 2, 2, 0, 0, 1)
    assert [s.dilation for s in found] == sorted(s.dilation for s in found)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kernel": 3, "output_padding": 0}, ["output is odd for any padding, 8 is even"]),
        ({"kernel": 9, "padding": 0}, ["output is at least 15 (output_padding = 0), not 8"]),
        ({"kernel": 1, "padding": 0, "output_padding": 0}, ["output is 7, not 8"]),
        ({"kernel": 4, "padding": range(2, 9)}, ["output is at most 7 (padding = 2, output_padding = 1), not 8"]),
        (
            {"kernel": {3, 20}, "padding": range(3), "output_padding": 0},
            ["kernel = 3: output is odd for any padding, 8 is even",
             "kernel = 20: output is at least 22 (padding = 2), not 8"],
        ),
    ],
)  # fmt: skip
def test_reasons_in_words(given, words):
    solutions = solve(input=4, output=8, stride=2, dilation=1, **given)
    assert [str(reason) for reason in solutions.reasons] == words
    assert not solutions
    assert all(word in str(solutions) for word in words)


def test_one_more_case_is_singular():
    for count, words in ((21, "... and 1 case more"), (22, "... and 2 cases more")):
        assert no_solution([Reason({}, "output is 1, not 2")] * count).drawing[-1] == words


def test_axes():
    found = solve(input=(5, 7), output=(10, {14, 15}), kernel=3, stride=2, padding=1, dilation=(1, None))
    assert len(found) == len(found.axes[0]) * len(found.axes[1])
    assert list(found) == list(product(*found.axes))
    assert found[-1] == (found.axes[0][-1], found.axes[1][-1])
    assert found[:2] == (found[0], found[1])
    assert "Axis 1. " in str(found)
    assert len(solve(input=4, output=[7], kernel=1, stride=2).axes) == 1
    assert not solve(input=(4, 4), output=(7, 8), kernel=1, stride=2, padding=0, output_padding=0)
    with pytest.raises(IndexError):
        found[len(found)]


def test_it_can_be_read():
    for shown in (
        solve(input=4, output=8),
        solve(input=4, output=8, kernel=3, padding=[(None, 1)]),
        solve(input=4, output=200),
        solve(input=range(3), output=60, kernel=range(4), stride=2, padding=[(None, None)]),
        solve(input=4, output=8, kernel=8, stride={4, 6, 8, 12}, padding=0, output_padding=0),
        solve(input=(4, 5), output=8, padding="same", kernel=1),
    ):
        text, latex = str(shown), shown._repr_latex_()
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 80
        assert all(len(line) <= 76 for step in shown.steps() for line in step.drawing)
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\begin") == latex.count(r"\end")
        assert repr(shown) in text or "Axis" in repr(shown)
    many = solve(input=4, output=8)
    assert many.steps()[-1].drawing[-1] == f"... and {len(many) - 20} more"
    assert len(many) > 20
    assert set(BOUNDS) == {"input", "output", "kernel", "stride", "padding", "dilation"}


@pytest.mark.parametrize(
    ("given", "error", "start"),
    [
        ({"kernel": 3}, ValueError, "input, output: got neither; one of them must be given"),
        ({"input": -1}, ValueError, "input: got -1; must be >= 0"),
        ({"input": 4, "stride": {0, 2}}, ValueError, "stride: got {0, 2}; must be >= 1"),
        ({"input": 4, "kernel": 2.0}, TypeError, "kernel: got 2.0; must be an integer, a range, a set or None"),
        ({"input": True}, TypeError, "input: got True; must be an integer"),
        ({"input": 4, "kernel": range(0)}, ValueError, "kernel: got range(0, 0); must hold one candidate or more"),
        ({"input": 4, "padding": "full"}, ValueError, "padding: got 'full'; the words it may be"),
        ({"input": 4, "padding": [(1,)]}, ValueError, "padding: got (1,) with 1 value; must be a (begin, end) pair"),
        ({"input": 4, "padding": [(1, 2, 3)]}, ValueError, "padding: got (1, 2, 3) with 3 values; must be a"),
        ({"input": (1, 2), "kernel": (1, 2, 3)}, ValueError, "input, kernel: got values per axis, 2 for input, 3"),
        ({"input": ()}, ValueError, "input: got no spatial axis"),
        ({"input": 4, "bounds": {"size": range(3)}}, ValueError, "bounds: got 'size'; must be one of input"),
        ({"input": 4, "bounds": {"kernel": 3}}, TypeError, "bounds: got 3 for kernel; must be a range or a set"),
        ({"input": 4, "bounds": 3}, TypeError, "bounds: got 3; must be a dict"),
        ({"output": range(1, 10**9), "input": 1}, ValueError, "bounds: got more than 100000 solutions"),
    ],
)
def test_errors(given, error, start):
    if start.startswith("bounds: got more"):
        given = {**given, "kernel": range(1, 10**9), "stride": 1, "padding": 0}
    with pytest.raises(error) as caught:
        solve(**given)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
