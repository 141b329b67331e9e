"""Layers: the function with its weights packed once, and nothing else."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

import tconv
from tconv import errors, layers

KINDS = {
    "transposed": (
        tconv.ConvTranspose,
        tconv.conv_transpose,
        (6, 4, 4, 4),
        {"stride": 2, "padding": 1, "output_padding": (1, 0), "dilation": (1, 2), "groups": 2},
        8,
    ),
    "ordinary": (
        tconv.Conv,
        tconv.conv,
        (8, 3, 3, 3),
        {"stride": (2, 1), "padding": "same", "dilation": 2, "groups": 2},
        8,
    ),
}


@pytest.fixture(params=KINDS)
def case(request):
    layer, function, w_shape, options, channels_out = KINDS[request.param]
    rng = np.random.default_rng(0)
    w = rng.standard_normal(w_shape).astype("f4")
    bias = rng.standard_normal(channels_out).astype("f4")
    x = rng.standard_normal((2, 6, 9, 7)).astype("f4")
    return layer, function, x, w, bias, options


def test_a_layer_has_the_bits_of_the_function(case):
    layer, function, x, w, bias, options = case
    options = {**options, "method": "polyphase"}  # what is quickest for many calls may not be for one
    made = layer(w, bias, **options)
    for shape in ((2, 6, 9, 7), (1, 6, 4, 5), (6, 8, 8), (2, 6, 9, 7), (0, 6, 3, 3)):
        x = np.resize(x, shape)
        assert made(x).tobytes() == function(x, w, bias, **options).tobytes()
        assert made(x).shape == function(x, w, bias, **options).shape


def test_every_dtype_of_x_is_promoted_with_the_weights(case):
    layer, function, x, w, bias, options = case
    options = {**options, "method": "polyphase"}  # what is quickest for many calls may not be for one
    made = layer(w, bias, **options)
    for dtype in ("f2", "f4", "f8", "c8", "i4", ">f4"):
        y = made(x.astype(dtype))
        assert y.dtype == np.result_type(np.dtype(dtype).newbyteorder("="), w)
        assert np.array_equal(y, function(x.astype(dtype), w, bias, **options))


def test_without_bias_and_with_lists():
    made = tconv.ConvTranspose([[1, 0], [0, -1]], layout="...")
    assert made([[1, 2], [3, 4]]).tolist() == [[1, 2, 0], [3, 3, -2], [0, -3, -4]]
    assert made.bias is None
    assert tconv.Conv([Fraction(1, 2)], 1, layout="...")([1, 2]).tolist() == [Fraction(3, 2), 2]


def test_out(case):
    layer, _, x, w, bias, options = case
    made = layer(w, bias, **options)
    y = made(x)
    out = np.empty_like(y)
    assert made(x, out) is out
    assert made(x, out=out) is out
    assert np.array_equal(out, y)
    room = np.zeros(x.size + y.size - 1, "f4")
    with pytest.raises(errors.OutError, match="x lies in"):
        made(room[: x.size].reshape(x.shape), room[x.size - 1 :].reshape(y.shape))


def test_the_weights_are_its_own(case):
    layer, _, x, w, bias, options = case
    made = layer(w, bias, **options)
    twice = np.concatenate([x, x])
    before, more = made(x), layer(w, bias, **options)(twice)
    w[...] = 0
    bias[...] = 0
    assert np.array_equal(made(x), before)
    assert np.array_equal(made(twice), more)  # a new shape packs the same weights
    with pytest.raises(ValueError, match="read-only"):
        made.w[...] = 0
    with pytest.raises(AttributeError):
        made.w = w


def test_it_can_be_pickled_and_copied(case):
    layer, _, x, w, bias, options = case
    made = layer(w, bias, **options)
    y = made(x)
    for twin in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert type(twin) is layer
        assert repr(twin) == repr(made)
        assert twin(x).tobytes() == y.tobytes()
        assert not any(array.flags.writeable for array in (twin.w, twin.bias))
    assert len(pickle.dumps(made)) < 2 * w.nbytes + 2000  # packed weights stay behind


ELSEWHERE = """
import pickle, sys
layer, x = pickle.load(sys.stdin.buffer)
assert layer.plan(x.shape).threads == 1
sys.stdout.buffer.write(layer(x).tobytes())
"""


def test_it_can_be_pickled_for_a_machine_with_fewer_threads(case):
    layer, _, x, w, bias, options = case
    made, large = layer(w, bias, **options, threads=2), np.resize(x, (2, 6, 90, 70))
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1"}
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=pickle.dumps((made, large)),
        env=environment,
        capture_output=True,
        check=True,
    )
    assert found.stdout == made(large).tobytes()


def test_it_says_what_it_is(case):
    layer, _, _, w, bias, options = case
    text = repr(layer(w, bias, **options, method="polyphase", threads=1))
    assert text.startswith(f"{layer.__name__}(w=float32{w.shape}, bias=float32(8,), stride=")
    assert text.endswith("method='polyphase', threads=1)")
    for name, value in options.items():
        assert f"{name}={value!r}" in text
    assert ("output_padding" in text) == (layer is tconv.ConvTranspose)
    assert "output_size=(7,)" in repr(tconv.ConvTranspose([1], output_size=[7], layout="..."))


def test_several_threads_may_call_it_at_once(case):
    layer, _, x, w, bias, options = case
    made, alone = layer(w, bias, **options), layer(w, bias, **options)
    shapes = [(n % 3 + 1, 6, 5 + n % 4, 6) for n in range(48)]
    inputs = [np.resize(x, shape) for shape in shapes]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(made, inputs))
    for given, y in zip(inputs, results, strict=True):
        assert y.tobytes() == alone(given).tobytes()


def test_weights_are_packed_once_per_shape(case, monkeypatch):
    layer, _, x, w, bias, options = case
    packed = []
    prepare = layers.prepare
    monkeypatch.setattr(layers, "prepare", lambda *given: packed.append(given) or prepare(*given))
    made = layer(w, bias, **options, threads=1)
    for _ in range(3):
        made(x)
        made(x[:1])
    assert len(packed) == 2


@pytest.mark.parametrize(
    ("method", "w_shape", "stride"),
    [
        ("polyphase", (8, 20, 3, 3), 2),
        ("winograd", (8, 20, 4, 4), 2),
        ("overlap_add", (8, 3, 4, 4), 2),
        ("fft", (2, 3, 9, 9), 1),
    ],
)
def test_inputs_of_many_sizes_share_packed_weights(method, w_shape, stride):
    rng = np.random.default_rng(1)
    w = rng.standard_normal(w_shape).astype("f4")

    def layer(**options):
        return tconv.ConvTranspose(w, stride=stride, method=method, threads=1, **options)

    made = layer()
    for size in range(41, 47):
        x = rng.standard_normal((1, w_shape[0], 40, size)).astype("f4")
        assert made(x).tobytes() == layer()(x).tobytes()
    kept = [packed for _, packed in made._ready.values()]
    assert len({id(packed.weights) for packed in kept}) == len({packed.order for packed in kept}) < len(kept) == 6
    doubled = made(x.astype("f8"))
    assert doubled.tobytes() == layer()(x.astype("f8")).tobytes()  # not the weights of another dtype


def test_many_shapes_do_not_fill_the_memory(case):
    layer, _, _, w, bias, options = case
    made = layer(w, bias, **options)
    for size in range(3, 3 + 2 * layers.REMEMBERED):
        made(np.zeros((1, 6, size, 4), "f4"))
    assert len(made._ready) == layers.REMEMBERED
    last = weakref.ref(made)
    del made
    gc.collect()
    assert last() is None  # no cache holds a layer and its weights


def test_plan(case):
    layer, _, x, w, bias, options = case
    made = layer(w, bias, **options, threads=1)
    plan = made.plan(x.shape)
    assert plan.y_shape == made(x).shape
    assert plan.dtype == np.float32
    assert made.plan(x.shape, dtype="f8").dtype == np.float64
    with pytest.raises(errors.ShapeError):
        made.plan((2, 5, 9, 7))


def test_weights_that_are_not_finite_are_computed_by_the_definition():
    made = tconv.ConvTranspose([np.nan, 1.0], stride=2, layout="...", output_size=6)
    assert np.array_equal(made([1.0, 2.0]), [np.nan, 1, np.nan, 2, 0, 0], equal_nan=True)
