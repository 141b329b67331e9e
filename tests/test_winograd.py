"""Winograd's algorithm in every way in which it may cut a problem; how it rounds, and what it declines."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tconv
from tconv.algorithms import patches, winograd
from tconv.algorithms.cost import LIMITS
from tconv.algorithms.patch_tables import patched, scheme_of
from tconv.geometry import Axis
from tconv.kernels.columns import BLOCK, BLOCKS, LINES
from tconv.kernels.transform import SHAPES
from tconv.transforms import TRANSFORMS
from tests.cases import LARGE, OVERLAPPING, SMALL
from tests.expressions import expression, same, symbols
from tests.problems import (
    Operands,
    answer,
    axis,
    every_way,
    expected,
    expected_by_taps,
    odd_views,
    of,
    patched_bound,
    problem,
    public,
    public_arguments,
    public_shapes,
    random_floats,
    refuses,
    shapes,
    small_integers,
    turned,
    widened,
)
from tests.strategies import overlapping_problems

T = "conv_transpose"
OPERATORS = (T, "conv")
CASES = {
    f"{kind}.{case}": p
    for kind, cases in (("small", SMALL), ("large", LARGE), ("overlapping", OVERLAPPING))
    for case, p in cases.items()
}
FITTING = [(case, operator) for case, _, operator, name in every_way(CASES, "float32") if name == "winograd"]
fitting = pytest.mark.parametrize(("case", "operator"), FITTING)
overlapping = pytest.mark.parametrize(
    "case", [case for case in OVERLAPPING if not refuses("winograd", OVERLAPPING[case])]
)


def compute(p, way, operands, threads=1, chunks=1):
    """The answer if ``p`` is cut in this way, and its rows into so many chunks."""
    found = patched(p, threads)._replace(axes=way.axes, scheme=scheme_of(p, way, threads, chunks))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "patched", lambda problem, threads: found)
        return answer("winograd", p, operands, threads)


def check(p, chunks=(1,), threads=(1,)):
    """Every way is exact on small integers, where transforms hold none but halves; returns how many there were."""
    operands = small_integers(p, 0)
    want = expected_by_taps(p, Operands(*(a.astype("float64") for a in operands))).astype(p.dtype)
    count = 0
    for way, few, several in product(patches.ways(p), threads, chunks):
        got = compute(p, way, operands, few, several)
        agrees(got, want, p, operands, way.axes, f"{few} threads, {several} chunks")
        count += 1
    return count


def agrees(got, want, p, operands, axes, when=""):
    """Exactly, or if transforms divide by other than powers of two, but for what rounding that takes."""
    assert got.dtype == want.dtype
    sizes = {(along.outputs, one.size) for along in axes for one in along.families} - {(1, 1)}
    exact = all(TRANSFORMS[size].divisor.bit_count() == 1 for size in sizes)
    allowed = 0 if exact else patched_bound(p, operands, axes)
    assert (np.abs(got - want) <= allowed).all(), f"{axes} {when}"


def fast(p):
    """The same with all transforms allowed."""
    return replace(p, accuracy="fast")


def transforms(p):
    """(outputs, taps) of what its ways are made of."""
    return {(along.outputs, one.size) for way in patches.ways(p) for along in way.axes for one in along.families}


def test_there_is_enough_to_choose_from():
    assert len(FITTING) > 60
    assert sum(operator == "conv" for _, operator in FITTING) > 10
    found = [transforms(fast(of(operator, CASES[case], "float32"))) for case, operator in FITTING]
    assert set().union(*found) == set(SHAPES)
    found = [transforms(of(operator, CASES[case], "float32")) for case, operator in FITTING]
    assert set().union(*found) == {(1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (2, 3)}
    # It may refuse those that do not overlap on the last axis.
    assert {case for case in OVERLAPPING if refuses("winograd", OVERLAPPING[case])} <= {"k4s2_k1", "k3s1_k4s4"}


@fitting
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_way(dtype, case, operator):
    assert check(fast(of(operator, CASES[case], dtype)), chunks=(1, 3), threads=(1, 2))


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 3), (3, 2)])
def test_every_small_axis(stride, dilation):
    count = 0
    for kernel, size, crop, end in product(range(2, 10), range(1, 10), (-2, 0, 1, 3), (-1, 0, 2)):
        along = axis(size, kernel, stride, dilation, crop=crop, end=end)
        if along.size_out > 0:
            p = fast(problem(T, along, batch=2, channels_in=5, channels_out=3, dtype="float32"))
            count += check(p)
            count += check(of("conv", p, "float32")) if stride == 1 else 0
    assert count > 200


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@overlapping
def test_small_blocks(case, dtype, monkeypatch):
    """Few lines to a block and few blocks to a chunk, also where the last has fewer."""
    monkeypatch.setattr(patches, "SUMS_BYTES", 1)
    for channels_out in (5, 14):
        check(fast(replace(OVERLAPPING[case], channels_out=channels_out, dtype=dtype)), chunks=(1, 2, 8))


@overlapping
def test_large_blocks(case, monkeypatch):
    """As where a panel does not stay in the second-level cache: at least so many, that threads can share them."""
    monkeypatch.setattr(patches, "NEAR", 0)
    p = fast(replace(OVERLAPPING[case], channels_out=40, dtype="float32"))
    for way in patches.ways(p):
        assert all(group.block_lines < group.lines for group in patches.groups_of(p, way.axes))
    check(p, chunks=(1, 2, 8))


# Exactly: the Python bodies on symbols, and on fractions where symbols would take long.


@pytest.mark.parametrize(
    "p",
    [
        problem(T, axis(5, 2), channels_in=2, batch=2),
        problem(T, axis(6, 3, crop=1), channels_out=2),
        problem(T, axis(4, 3, 2), groups=2),
        problem(T, axis(6, 4, 2, crop=1), channels_in=2),
        problem(T, axis(5, 5, 2, crop=-1), channels_out=2),
        problem(T, axis(4, 5, 3)),
        problem(T, axis(5, 6, 3, crop=2)),
        problem("conv", Axis(6, 3, 1, 1, 1, 6), channels_in=2),
        problem(T, axis(3, 2), axis(4, 2)),
        problem(T, axis(3, 3, crop=1), axis(3, 3, crop=1)),
        problem(T, axis(3, 4, 2, crop=1), axis(4, 4, 2, crop=1)),
        problem(T, axis(3, 3, 2), axis(2, 5, 2)),
        problem(T, axis(2, 4, 2), axis(2, 2, 2)),
        problem("conv", Axis(4, 2, 1, 1, 0, 3), Axis(4, 3, 1, 1, 0, 2)),
    ],
    ids=lambda p: f"{p.operator}-" + "-".join(f"k{a.size_kernel}s{a.stride}" for a in p.axes),
)
def test_symbols(p):
    p = fast(replace(p, dtype="object"))
    operands = symbols(p, bias=True)
    want = expression(p, operands)
    for way in patches.ways(p):
        assert same(compute(p, way, operands), want)


@overlapping
def test_fractions(case):
    p = OVERLAPPING[case]
    fewer = {field: min(getattr(p, field), 2) for field in ("batch", "groups", "channels_in", "channels_out")}
    sizes = tuple(replace(a, size_in=min(a.size_in, 9), size_out=min(a.size_out, 19)) for a in p.axes)
    p = fast(replace(p, dtype="object", axes=sizes, **fewer))
    rng = np.random.default_rng(1)

    def draw(shape):
        return np.vectorize(Fraction, otypes=[object])(rng.integers(-99, 100, shape), rng.integers(1, 100, shape))

    operands = Operands(*(draw(shape) for shape in shapes(p)[:3]))
    want = expected_by_taps(p, operands)
    for way in patches.ways(p):
        assert (compute(p, way, operands) == want).all()


# Rounding.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@overlapping
def test_errors_obey_the_bound(case, dtype):
    p = fast(replace(OVERLAPPING[case], dtype=dtype))
    operands = random_floats(p, 3)
    exact = expected_by_taps(p, widened(operands))
    for way in patches.ways(p):
        assert (np.abs(compute(p, way, operands) - exact) <= patched_bound(p, operands, way.axes)).all()


ACCURATE = {
    "1d": problem(T, axis(900, 4, 2, crop=1), channels_in=40, channels_out=30),
    "gan": LARGE["gan"],
    "deep": LARGE["deep"],
    "sharp": problem("conv", *(Axis(40, 3, 1, 1, 1, 40),) * 2, channels_in=30, channels_out=20),
    "3d": problem("conv", *(Axis(12, 3, 1, 1, 1, 12),) * 3, channels_in=20, channels_out=9),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", ACCURATE)
def test_as_accurate_as_the_direct_sum(case, seed):
    """On numbers of one size, as layers see them, where shorter sums make up for what transforms add: 0.3 to 1."""
    p = replace(ACCURATE[case], dtype="float32")
    rng = np.random.default_rng(seed)
    operands = Operands(*(rng.uniform(-1, 1, shape).astype(p.dtype) for shape in shapes(p)[:3]))
    exact = expected_by_taps(p, Operands(*(a.astype("float64") for a in operands)))
    direct, patchwise = (np.abs(answer(name, p, operands) - exact).max() for name in ("polyphase", "winograd"))
    assert 0 < patchwise < 2 * direct


def test_it_is_chosen_by_itself_only_where_it_is_accurate():
    """A bound of 2.6 times the direct sum's: 9 times the size, and 73 roundings for 257."""
    p = problem(T, *(axis(64, 4, 2, crop=1),) * 2, channels_in=64, channels_out=64, dtype="float32")
    found = patched(p, 1)
    assert [along.outputs for along in found.axes] == [3, 3]
    assert found.loss == pytest.approx(3 * 3 * (64 + 1 + 4 + 4) / (2 * 2 * 64 + 1))
    assert winograd.cost(p, 1).work < np.inf
    for case, operator in FITTING:
        p = of(operator, CASES[case], "float32")
        accurate = min(way.loss for way in patches.ways(p)) <= LIMITS["direct"]
        assert (patched(p, 1).loss <= LIMITS["direct"]) == (winograd.cost(p, 1).work < np.inf) == accurate
    assert winograd.cost(problem(T, axis(9, 4, 2), dtype="object"), 1).work == np.inf


# What it declines: numbers that are not finite, or would not be on the way. It is for the next algorithm then.


@pytest.fixture
def seen(monkeypatch, unbound):
    """What became of the calls: whose weights or inputs were declined, and what was computed."""
    outcomes = []
    prepare, forward = winograd.prepare, winograd.forward

    def watched_prepare(*arguments):
        packed = prepare(*arguments)
        if packed is None:
            outcomes.append("w declined")
        return packed

    def watched_forward(*arguments):
        done = forward(*arguments)
        outcomes.append("computed" if done else "x declined")
        return done

    monkeypatch.setattr(winograd, "prepare", watched_prepare)
    monkeypatch.setattr(winograd, "forward", watched_forward)
    return outcomes


def call(p, operands, method):
    """Through the public function."""
    return getattr(tconv, p.operator)(*public(p, operands), method=method, **public_arguments(p))


def next_in_turn(p, operands):
    x, w, _ = (a if a is None else a.shape for a in public(p, operands))
    _, second, *_ = tconv.plan(x, w, p.dtype, operator=p.operator, method="winograd", **public_arguments(p)).in_turn
    return second


@pytest.mark.parametrize("where", ["x", "w", "bias"])
@overlapping
def test_not_finite(case, where, seen):
    p = replace(OVERLAPPING[case], dtype="float32", channels_in=min(OVERLAPPING[case].channels_in, 6))
    clean = small_integers(p, 2)
    rng = np.random.default_rng(3)
    for value, method in product((np.inf, -np.inf, np.nan), ("winograd", "auto")):
        operands = Operands(*(a.copy() for a in clean))
        spoiled = getattr(operands, where)
        spoiled[tuple(rng.integers(0, spoiled.shape))] = value
        with np.errstate(invalid="ignore"):
            want = expected_by_taps(p, operands)
        seen.clear()
        got = call(p, operands, method).reshape(want.shape)
        np.testing.assert_array_equal(got, want, strict=True)
        if method == "winograd" and where == "bias":
            assert seen == ["computed"]
        elif method == "winograd" and not np.isfinite(want).all():
            assert seen == [f"{where} declined"]
        seen.clear()
        np.testing.assert_array_equal(call(p, clean, "winograd").reshape(want.shape), expected_by_taps(p, clean))
        assert seen == ["computed"]  # nothing is left behind


@pytest.mark.parametrize("case", ["k3s1", "k4s2", "k3s1_k3s1", "k4s2_k4s2", "k4s2_k3s1_k3s1"])
@pytest.mark.parametrize("where", ["x", "w"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_not_finite_and_fast(case, where, value, seen):
    p = replace(OVERLAPPING[case], dtype="float32")
    arguments = {**public_arguments(p), "accuracy": "fast"}
    operands = random_floats(p, 5)
    spoiled = getattr(operands, where)
    spoiled[tuple(np.random.default_rng(6).integers(0, spoiled.shape))] = value
    got = tconv.conv_transpose(*public(p, operands), method="winograd", **arguments)
    assert seen == [f"{where} declined"]
    _, second, *_ = tconv.plan(*(a.shape for a in public(p, operands)[:2]), method="winograd", **arguments).in_turn
    assert got.tobytes() == call(p, operands, second).tobytes()


HUGE = 3e38  # in float32, whose largest is 3.4e38
STAGES = {
    "weights": ([1e-3, 1e-3, 1e-3], [HUGE, HUGE, HUGE], "w declined"),
    "inputs": ([HUGE, 1, -HUGE], [1e-3, 1e-3, 1e-3], "x declined"),
    "products": ([-1.5e19, 1.5e19, 1.5e19], [1e19, 1e19, 1e19], "x declined"),
    "outputs": ([1.6e19, 1.6e19, 0], [1e19, 1e19, 1e19], "x declined"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_overflow_on_the_way(stage, seen):
    """y[0] = w[0] x[0] + w[1] x[1] + w[2] x[2] is finite, and so are its sums so far."""
    x, w, outcome = STAGES[stage]
    p = problem("conv", Axis(3, 3, 1, 1, 0, 1), dtype="float32")
    operands = Operands(np.array(x, "f4").reshape(1, 1, 1, -1), np.array(w, "f4").reshape(1, 1, 1, -1), None)
    direct = call(p, operands, "polyphase")
    assert np.isfinite(direct).all()
    got = call(p, operands, "winograd")
    assert seen == [outcome]
    assert got.tobytes() == direct.tobytes()


@pytest.mark.parametrize("weight", [np.inf, HUGE])
def test_declined_weights_are_no_reason_to_warn(weight):
    p = replace(OVERLAPPING["k3s1_k3s1"], dtype="float32")
    x, w, *_ = shapes(p)
    operands = Operands(np.full(x, 1e-3, "f4"), np.full(w, weight, "f4"), None)
    got = call(p, operands, "winograd")
    assert got.tobytes() == call(p, operands, next_in_turn(p, operands)).tobytes()
    np.testing.assert_allclose(got, call(p, operands, "polyphase"), rtol=1e-5)


@pytest.mark.parametrize("case", ["k3s1", "k5s2", "k3s1_k3s1", "k4s2_k4s2", "k6s2_k4s2", "k4s2_k3s1_k3s1", "4d"])
def test_near_overflow(case, seen):
    """The largest output is finite; whether a patch is, depends."""
    p = replace(OVERLAPPING[case], channels_in=1, dtype="float32")
    outcomes = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x, w, _ = (rng.uniform(-1, 1, shape) for shape in shapes(p)[:3])
        scale = HUGE / np.abs(expected_by_taps(p, Operands(x, w, None))).max()
        of_w = rng.uniform()  # its share of what makes the products huge
        operands = Operands((x * scale ** (1 - of_w)).astype("f4"), (w * scale**of_w).astype("f4"), None)
        seen.clear()
        got = call(p, operands, "winograd").reshape(shapes(p)[3])
        outcomes += seen
        if seen == ["computed"]:
            error = np.abs(got - expected_by_taps(p, Operands(*(a.astype("f8") for a in operands[:2]), None)))
            assert (error <= patched_bound(p, operands, patched(p, 1).axes)).all()
        else:
            assert got.tobytes() == call(p, operands, next_in_turn(p, operands)).tobytes()
    assert {*outcomes} >= {"computed", "x declined"}


# Whatever the threads, the layout and the way of calling: the same bits.


@overlapping
def test_threads_layers_and_views_change_no_bit(case):
    p = replace(OVERLAPPING[case], dtype="float32")
    operands = random_floats(p, 4)
    one = answer("winograd", p, operands)
    assert answer("winograd", p, operands, threads=2).tobytes() == one.tobytes()
    for kind in ("transposed", "channels_last", "backwards", "gaps", "read_only"):
        y = np.empty(shapes(p)[3], p.dtype)
        y = y if kind == "read_only" else odd_views(y, kind)
        answer("winograd", p, Operands(*(odd_views(a, kind) for a in operands)), y=y)
        assert y.tobytes() == one.tobytes()
    x, w, bias = public(p, operands)
    layer = tconv.ConvTranspose(w, bias, method="winograd", **public_arguments(p))
    for _ in range(2):
        assert layer(x).tobytes() == one.tobytes()
    last = tconv.conv_transpose(
        np.moveaxis(x, 1, -1), w, bias, method="winograd", layout="N...C", **public_arguments(p)
    )
    assert np.moveaxis(last, -1, 1).tobytes() == one.tobytes()


@pytest.mark.parametrize("chunks", range(1, 9))
@pytest.mark.parametrize("channels_out", [48, 200, 1000])
def test_chunks_hold_like_numbers_of_rows(channels_out, chunks):
    p = replace(OVERLAPPING["k4s2_k4s2"], channels_out=channels_out)
    for way in patches.ways(p):
        found = scheme_of(p, way, 2, chunks).tables
        lines = [
            found.blocks[section[BLOCK] : section[BLOCK] + section[BLOCKS], LINES].sum() for section in found.sections
        ]
        of_chunks = np.add.reduceat(lines, found.chunks[:-1])
        assert sum(of_chunks) == len(found.lines) // way.axes[0].outputs
        assert max(of_chunks) - min(of_chunks) <= 2 * found.blocks[:, LINES].max()


@pytest.mark.parametrize("operator", OPERATORS)
@settings(max_examples=150)
@given(data=st.data(), seed=st.integers(0, 99), threads=st.integers(1, 2), chunks=st.integers(1, 4))
def test_random(operator, data, seed, threads, chunks):
    p = fast(data.draw(overlapping_problems(operator, ["float32", "float64"])))
    assume(not refuses("winograd", p))
    whole, real = small_integers(p, seed), random_floats(p, seed)
    want, exact = expected(p, whole), expected_by_taps(p, widened(real))
    for way in patches.ways(p):
        agrees(compute(p, way, whole, threads, chunks), want, p, whole, way.axes)
        error = np.abs(compute(p, way, real, threads, chunks) - exact)
        assert (error <= patched_bound(p, real, way.axes)).all()


@pytest.mark.parametrize("operator", OPERATORS)
@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 99))
def test_input_gradients(operator, data, seed):
    """They are the other operator's, in its patches."""
    back = data.draw(overlapping_problems(OPERATORS[operator == T], ["float64"]))
    assume(not refuses("winograd", back))
    p = turned(back)
    g, w, _ = small_integers(back, seed, bias=False)
    x_shape, *_ = public_shapes(p)
    got = getattr(tconv, f"{operator}_input_vjp")(
        g.reshape(p.batch, -1, *g.shape[3:]),
        public(p, Operands(np.empty(shapes(p)[0]), w.swapaxes(1, 2), None)).w,
        input_size=x_shape[2:],
        method="winograd",
        **public_arguments(p),
    )
    want = expected(back, Operands(g, w, None))
    agrees(got.reshape(want.shape), want, back, Operands(g, w, None), patched(back, 1).axes)
