"""Coverage: counted from the expansion, by residue in the interior, and when it is uniform."""

from __future__ import annotations

import math
from itertools import product

import pytest
from sympy import Array

from symbolic import array, conv_transpose
from symbolic.checkerboard import (
    coverage,
    nearest_uniform_kernel_sizes,
    prove_uniform,
    prove_uniform_condition,
    tap_counts,
)
from symbolic.theorem import Refuted, Theorem
from tests.symbolic.definition import by_index

# size of x, of w, stride, crops, outputs appended, dilation
BOX = list(product(range(5), range(5), (1, 2, 3, 4), (-1, 0, 2), (-1, 1), (0, 2), (1, 2, 3)))


def valid_box():
    for i, k, s, begin, end, more, d in BOX:
        if ((i - 1) * s + (k - 1) * d + 1 if i and k else 0) - begin - end + more >= 0:
            yield i, k, {"stride": s, "dilation": d, "padding": [(begin, end)], "output_padding": more}


def test_counts_are_the_terms_of_the_expansion():
    count = 0
    for i, k, arguments in valid_box():
        ones = conv_transpose([1] * i, [1] * k, **arguments)
        found = coverage(i, k, **arguments)
        assert found.counts == ones
        assert found.along == (tuple(ones),)
        count += 1
    assert count > 2000


def test_interior_holds_far_from_the_borders():
    seen = 0
    for i, k, arguments in valid_box():
        found = coverage(i + 16, k, **arguments)
        s, p = arguments["stride"], arguments["padding"][0][0]
        (inside,) = found.interior_outputs
        for t in inside:
            assert found.counts[t] == found.interior[(t + p) % s]
            seen += 1
        if k:
            assert {(t + p) % s for t in inside} == set(range(s))
        assert found.uniform == (len({*found.interior}) == 1)
    assert seen > 1000


def test_more_axes_are_products():
    for sizes, kernel, arguments in [
        ((3, 2), (3, 2), {"stride": 2, "padding": [(1, 0), (-1, 1)]}),
        ((2, 3), (3, 3), {"stride": (2, 4), "dilation": (3, 2), "output_padding": 1}),
        ((2, 2, 2), (2, 1, 3), {"stride": (1, 2, 3), "padding": "same"}),
        ((2, 3), 2, {"stride": 2, "output_size": (3, 7)}),
        ((2, 0), 2, {"output_padding": 1}),
    ]:
        kernel = (kernel,) * len(sizes) if isinstance(kernel, int) else kernel
        x, w = (Array([1] * math.prod(shape), shape) for shape in (sizes, kernel))
        found = coverage(sizes, kernel, **arguments)
        assert found.counts == conv_transpose(x, w, **arguments)
        strides = tuple(axis.stride for axis in found.axes)
        assert found.interior.shape == strides
        assert found.uniform == (len(set(by_index(found.interior).values())) == 1)


def test_uniform_in_more_axes_needs_it_in_each():
    assert coverage((4, 4), (2, 4), stride=2).uniform
    assert not coverage((4, 4), (2, 3), stride=2).uniform
    assert coverage((4, 4), (0, 3), stride=2).uniform  # nothing anywhere
    assert not coverage((4, 4), 4, stride=2, dilation=(1, 2)).uniform


def test_terms_can_be_counted_in_symbols():
    y = conv_transpose(array("x", 4), array("w", 3), stride=2)
    assert list(coverage(4, 3, stride=2).counts) == [len(e.args) if e.is_Add else 1 for e in y]


def test_floor_and_ceiling_by_brute_force():
    for k, s, d in product(range(12), range(1, 9), range(1, 12)):
        g = math.gcd(s, d)
        counts = [sum((d * j - r) % s == 0 for j in range(k)) for r in range(s)]
        assert tap_counts(k, s, d) == tuple(counts)
        assert all(counts[r] == 0 for r in range(s) if r % g)
        assert {*counts[::g]} <= {k * g // s, -(-k * g // s)}
        assert (len(set(counts)) == 1) == ((g == 1 and k % s == 0) or k == 0)


def test_prove_uniform_or_refute():
    for k, s, d in product(range(1, 9), range(1, 6), range(1, 6)):
        if math.gcd(s, d) == 1 and k % s == 0:
            assert f"adds up {k // s} product{'' if k == s else 's'}:" in str(prove_uniform(k, stride=s, dilation=d))
            continue
        with pytest.raises(Refuted) as refuted:
            prove_uniform(k, stride=s, dilation=d)
        found = refuted.value.counterexample
        counts = [sum(d * j % s == found[r] for j in range(k)) for r in ("residue", "residue'")]
        assert counts == [found["count"], found["count'"]]
        assert counts[0] != counts[1]
    assert isinstance(prove_uniform((4, 3), stride=(2, 3), dilation=(1, 2)), Theorem)
    with pytest.raises(Refuted) as refuted:
        prove_uniform((4, 3), stride=2)
    assert refuted.value.counterexample["axis"] == 1


def test_the_condition_holds_for_every_stride():
    for s in range(1, 13):
        assert isinstance(prove_uniform_condition(s), Theorem)
        claimed = prove_uniform_condition(s, claim=lambda k, s, d: k % s == 0 and math.gcd(d, s) < 2)
        assert claimed.statement.drawing == (f"for 1 <= k <= {3 * s} and 1 <= d <= {3 * s}",)
        assert f"{9 * s * s} cases" in claimed.proof[-1].title
        assert "for all" not in str(claimed)


@pytest.mark.parametrize(
    ("stride", "claim"),
    [
        (2, lambda k, s, d: k == 2 and d == 1),
        (3, lambda k, s, d: k == s and math.gcd(s, d) == 1),
        (3, lambda k, s, d: k % s == 0 and d in (1, 2)),
        (1, lambda k, s, d: k < 3),
    ],
)
def test_a_condition_for_small_numbers_only_is_refuted(stride, claim):
    assert all(
        claim(k, stride, d) == (math.gcd(stride, d) == 1 and k % stride == 0)
        for k, d in product(range(1, stride + 1), repeat=2)
    )
    with pytest.raises(Refuted) as refuted:
        prove_uniform_condition(stride, claim=claim)
    k, s, d, counts = (refuted.value.counterexample[name] for name in ("k", "s", "d", "counts"))
    by_hand = [sum(d * j % s == r for j in range(k)) for r in range(s)]
    assert list(counts) == by_hand
    assert claim(k, s, d) != (len(set(by_hand)) == 1)


def test_what_is_asked_is_what_is_stated():
    asked = set()

    def claim(k, s, d):
        asked.add((k, d))
        return math.gcd(s, d) == 1 and k % s == 0

    statement = prove_uniform_condition(4, claim=claim).statement
    assert statement.drawing == ("for 1 <= k <= 12 and 1 <= d <= 12",)
    assert asked == set(product(range(1, 13), repeat=2))


def test_one_is_singular():
    assert "residue 1: tap 1" in str(prove_uniform(2, stride=2))
    assert "adds up 1 product:" in str(prove_uniform(2, stride=2))
    assert "1 tap hits 0" in str(prove_uniform_condition(2))


@pytest.mark.parametrize(
    "claim",
    [
        lambda k, s, d: k % s == 0,
        lambda k, s, d: math.gcd(s, d) == 1,
        lambda k, s, d: math.gcd(s, d) == 1 and k * 2 % s == 0,
        lambda k, s, d: k % (s // math.gcd(s, d)) == 0,
        lambda k, s, d: True,
        lambda k, s, d: False,
        lambda k, s, d: d == 1 and k % s == 0,
    ],
)
def test_false_conditions_are_refuted(claim):
    with pytest.raises(Refuted) as refuted:
        prove_uniform_condition(4, claim=claim)
    k, s, d, counts = (refuted.value.counterexample[name] for name in ("k", "s", "d", "counts"))
    by_hand = [sum(d * j % s == r for j in range(k)) for r in range(s)]
    assert list(counts) == by_hand
    assert bool(claim(k, s, d)) != (len(set(by_hand)) == 1)


def test_nearest_sizes_are_the_nearest():
    for k, s, d in product(range(14), range(1, 6), range(1, 6)):
        uniform = [n for n in range(1, 20) if len({sum(d * j % s == r for j in range(n)) for r in range(s)}) == 1]
        found = nearest_uniform_kernel_sizes(k, stride=s, dilation=d)
        if k in uniform:
            assert found == (k,)
            continue
        below, above = [n for n in uniform if n < k][-1:], [n for n in uniform if n > k][:1]
        assert found == (*below, *above)
    assert nearest_uniform_kernel_sizes([3, 5], stride=2) == ((2, 4), (4, 6))


def test_printing():
    assert str(coverage(3, 4, stride=4, dilation=2)) == (
        "How many products each output adds up:\n\n"
        "  [ 1  0  1  0  2  0  2  0  2  0  2  0  1  0  1 ]\n\n"
        "Far from the borders, by the residue of t + p modulo the stride:\n\n"
        "  [ 2  0  2  0 ]\n\n"
        "Not uniform:\n\n"
        "  axis 0: gcd(4, 2) = 2 > 1, so no kernel size is"
    )
    wide = coverage((2, 60), 2).steps()[0].drawing
    assert wide[0].startswith("[0,:] 1 2 2")
    assert max(map(len, wide)) <= 76
    assert str(coverage(2, 0, stride=2)).endswith("axis 0: no taps")
    assert repr(coverage(30, 4)) == "<Coverage: How many products each output adds up>"


def test_errors():
    for arguments, start in [
        ((-1, 2), "input_size: got -1 for spatial axis 0"),
        ((1, (2, -1)), "kernel_size: got -1 for spatial axis 1"),
        (((1, 2), (1, 2, 3)), "input_size: got"),
    ]:
        with pytest.raises(ValueError, match=f"^{start}"):
            coverage(*arguments)
    with pytest.raises(ValueError, match="stride: got 0"):
        prove_uniform(2, stride=0)
    with pytest.raises(ValueError, match="stride: got 0"):
        prove_uniform_condition(0)
    with pytest.raises(TypeError, match="stride: got"):
        prove_uniform_condition((1, 2))
    with pytest.raises(TypeError, match="claim: got 3; must be callable"):
        prove_uniform_condition(2, claim=3)
    with pytest.raises(ValueError, match="dilation: got -1"):
        nearest_uniform_kernel_sizes(2, dilation=-1)


@pytest.mark.parametrize(
    "told",
    [
        coverage((3, 40), (4, 3), stride=2),
        prove_uniform((12, 12), stride=(3, 12)),
        prove_uniform_condition(12),
        prove_uniform_condition(3, claim=lambda k, s, d: k % s == 0 and math.gcd(s, d) == 1),
    ],
)
def test_all_can_be_read(told):
    for step in told.steps():
        assert step.title[-1] in ":."
        assert not set(step.title) & set("_^$#%&{}\\")
        assert max(map(len, step.drawing)) <= 76
        assert max(map(len, str(step).splitlines())) <= 80
        assert step.formula.count("{") == step.formula.count("}")
