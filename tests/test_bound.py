"""Bound calls: the same bits as the first call, for whatever may come after it."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

import tconv
from tconv import memory
from tconv.bound import bound_function
from tconv.layers import REMEMBERED

rng = np.random.default_rng(0)
compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled, so nothing is bound")


def normal(*shape, dtype="f4"):
    whole = rng.standard_normal((*shape, 2)) * 8
    return (whole @ (1, 1j)).astype(dtype) if dtype[0] == "c" else whole[..., 0].astype(dtype)


LAYERS = {
    "polyphase": ((8, 8, 3, 3), {"method": "polyphase"}, (1, 8, 4, 5)),
    "channels last": ((8, 8, 3, 3), {"method": "polyphase", "layout": "N...C"}, (1, 4, 5, 8)),
    "strided": ((8, 8, 4, 4), {"method": "polyphase", "stride": 2, "padding": 1, "groups": 2}, (2, 8, 4, 5)),
    "overlap_add": ((3, 1, 2, 2), {"method": "overlap_add", "stride": 2}, (1, 3, 4, 4)),
    "depthwise": ((4, 1, 3, 3), {"method": "depthwise", "groups": 4, "padding": 1}, (1, 4, 6, 6)),
    "winograd": ((8, 8, 3, 3), {"method": "winograd"}, (1, 8, 6, 6)),
    "col2im": ((8, 8, 3, 3), {"method": "col2im", "stride": 2}, (1, 8, 4, 5)),
    "one axis": ((2, 2, 5), {"method": "polyphase"}, (2, 9)),
}


def skip_what_is_refused(name, dtype):
    real = ("overlap_add", "depthwise", "col2im", "winograd")
    if (dtype == "c8" and name in real) or (dtype == "i4" and name == "winograd"):
        pytest.skip("not for this dtype")


def with_gaps(y):
    """Memory for such a result into which no call is bound."""
    return np.zeros((*y.shape, 2), y.dtype)[..., 0]


def bound_of(layer):
    return [bound for bound in layer._bound.values() if bound is not None]


def layer_of(name, dtype="f4", **more):
    w_shape, options, x_shape = LAYERS[name]
    w = normal(*w_shape, dtype=dtype)
    channels = w_shape[1] * options.get("groups", 1)
    return tconv.ConvTranspose(w, normal(channels, dtype=dtype), **options, **more), normal(*x_shape, dtype=dtype)


@compiled
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "c8"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_bound_call_has_the_bits_of_the_first(name, dtype):
    skip_what_is_refused(name, dtype)
    layer, x = layer_of(name, dtype)
    first = layer(x)
    assert len(bound_of(layer)) == (dtype != "c8")  # their inputs are copied first
    for _ in range(3):
        again = layer(x)
        assert again.tobytes() == first.tobytes()
        assert (again.shape, again.dtype, again.strides) == (first.shape, first.dtype, first.strides)
    other = normal(*x.shape, dtype=dtype)
    assert layer(other).tobytes() == pickle.loads(pickle.dumps(layer))(other).tobytes()


@pytest.mark.parametrize("name", LAYERS)
def test_inputs_of_one_shape_that_lie_otherwise(name):
    layer, x = layer_of(name)
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), "f4")
    raw = np.zeros(x.nbytes + 1, "u1")[1:].view("f4").reshape(x.shape)
    views = [
        x, x.copy(), x[..., ::-1], x[::-1], x.copy("F"), wide[..., ::2], wide[..., 1::2], wide[..., ::-2], raw,
        x.astype(">f4"), x.astype("f8"), x.astype("f2"), np.broadcast_to(x[..., :1], x.shape), x,
    ]  # fmt: skip
    for view in views * 2:
        if view.flags.writeable and not np.shares_memory(view, x):
            view[...] = normal(*x.shape)
        want = pickle.loads(pickle.dumps(layer))(view)
        got = layer(view)
        assert got.dtype == want.dtype
        assert got.tobytes() == want.tobytes()
    assert len(layer._bound) <= REMEMBERED


@pytest.mark.parametrize("name", LAYERS)
def test_values_that_the_algorithm_declines(name):
    layer, x = layer_of(name)
    layer(x)
    x.flat[3] = np.inf
    with np.errstate(invalid="ignore"):
        want = pickle.loads(pickle.dumps(layer))(x)
        np.testing.assert_array_equal(layer(x), want)
    x.flat[3] = 0
    assert np.isfinite(layer(x)).all()


def functions_of(name, dtype="f4"):
    """The call of a function, its bound one, and operands."""
    w_shape, options, x_shape = LAYERS[name]
    channels = w_shape[1] * options.get("groups", 1)
    operands = normal(*x_shape, dtype=dtype), normal(*w_shape, dtype=dtype), normal(channels, dtype=dtype)

    def found(x, w, bias):
        plan = tconv.plan(x.shape, w.shape, dtype=dtype, **options)
        return bound_function(plan, *((of.dtype, of.strides) for of in (x, w, bias)))

    return lambda *given, **more: tconv.conv_transpose(*given, **options, **more), found, operands


@compiled
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "c8"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_bound_function_has_the_bits_of_one_that_is_not(name, dtype):
    skip_what_is_refused(name, dtype)
    call, found, (x, w, bias) = functions_of(name, dtype)
    want = call(x, w, bias, out=with_gaps(call(x, w, bias)))
    bound = found(x, w, bias)
    assert (bound is not None) == (dtype != "c8")  # their inputs are copied first
    if bound is not None:
        assert bound(x, w, bias, None).tobytes() == want.tobytes()
    for _ in range(2):
        again = call(x, w, bias)
        assert again.tobytes() == want.tobytes()
        assert (again.shape, again.dtype) == (want.shape, want.dtype)
    assert call(x, w).tobytes() == call(x, w, 0 * bias).tobytes()
    assert call(x, 2 * w, bias).tobytes() == call(x, 2 * w, bias, out=with_gaps(want)).tobytes()


@pytest.mark.parametrize("function", [False, True], ids=["layer", "function"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_given_result(name, function):
    """It is written as a new one is; what cannot take it is refused, bound or not."""
    call, _, (x, w, bias) = functions_of(name)
    made, x_of_layer = layer_of(name)
    if function:
        run = lambda out=None: call(x, w, bias, out=out)  # noqa: E731
    else:
        x, run = x_of_layer, lambda out=None: made(x, out=out)
    want = run()
    whole = np.zeros((3, *want.shape), "f4")
    for out in (np.zeros_like(want), whole[1], with_gaps(want), np.zeros_like(want)[::-1], want.copy("F")) * 2:
        assert run(out) is out
        assert np.array_equal(out, want)
    assert not whole[[0, 2]].any()
    frozen = np.zeros_like(want)
    frozen.flags.writeable = False
    shared = np.resize(x, max(x.size, want.size))
    x = shared[: x.size].reshape(x.shape)
    run()
    for out in (frozen, want.astype("f8"), want[..., :-1], want[None], shared[: want.size].reshape(want.shape)):
        with pytest.raises(tconv.errors.TconvError, match=r"^out: "):
            run(out)


@pytest.mark.parametrize("name", LAYERS)
def test_operands_of_one_shape_that_lie_otherwise(name):
    call, _, (x, w, bias) = functions_of(name)
    raw = np.zeros(w.nbytes + 1, "u1")[1:].view("f4").reshape(w.shape)
    raw[...] = w
    others = [w.copy("F"), w[::-1], w[..., ::-1], raw, w.astype(">f4"), w.astype("f8"), np.rint(w).astype("i2")]
    for view in others * 2:
        want = call(np.array(x), np.array(view, order="C"), bias, out=with_gaps(call(x, view, bias)))
        np.testing.assert_allclose(call(x, view, bias), want, 0, 1e-4)
        assert call(x, view, bias).dtype == want.dtype
    spread = np.zeros(2 * bias.size, "f4")[::2]
    spread[...] = bias
    assert call(x, w, spread).tobytes() == call(x, w, bias).tobytes()
    assert call(x, w, bias.astype("f8")).dtype == "f8"


@pytest.mark.parametrize("name", LAYERS)
def test_values_that_a_function_declines(name):
    call, _, (x, w, bias) = functions_of(name)
    call(x, w, bias)
    for operand in (x, w):
        before = operand.flat[3]
        operand.flat[3] = np.inf
        with np.errstate(invalid="ignore"):
            want = call(x, w, bias, out=with_gaps(call(x, w, bias)))
            np.testing.assert_array_equal(call(x, w, bias), want)
        operand.flat[3] = before
    assert np.isfinite(call(x, w, bias)).all()


def test_more_shapes_than_are_remembered():
    layer, _ = layer_of("polyphase")
    inputs = [normal(1, 8, 3, n) for n in range(3, 3 + 2 * REMEMBERED)]
    first = [layer(x).tobytes() for x in inputs]
    assert len(layer._bound) <= REMEMBERED
    assert [layer(x).tobytes() for x in inputs] == first


@compiled
def test_only_small_problems_are_bound():
    layer, x = layer_of("polyphase", threads=2)
    layer(x)
    assert len(bound_of(layer)) == 1
    layer(normal(8, 8, 64, 64))
    assert len(bound_of(layer)) == 1


@compiled
def test_threads_switched_off_for_a_while():
    """What is bound then would stay on one thread."""
    layer, x = layer_of("polyphase")
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        want = layer(x)
        assert not bound_of(layer)
    finally:
        numba.set_num_threads(before)
    assert layer(x).tobytes() == want.tobytes()


def test_several_threads_at_once():
    layer, x = layer_of("strided")
    inputs = [x + n for n in range(64)]
    want = [layer(x).tobytes() for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            assert [y.tobytes() for y in pool.map(layer, inputs)] == want


def test_address():
    """That it is read where it lies is an assumption that this tests; were it false, NumPy would be asked."""
    whole = np.zeros((4, 6, 8))
    views = (whole, whole[1], whole[::2, 1:, ::-1], whole.T, whole[2:2], whole.view("u1"), np.float32(1).reshape(1))
    for view in views:
        assert memory.address_of(view) == view.__array_interface__["data"][0] == memory._asked(view)
    assert memory.READABLE
