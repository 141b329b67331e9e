"""The caller's wish for accuracy: what it allows, and what comes of it."""

import pickle

import numpy as np
import pytest

import tconv
from benchmarks.tables import LAYERS
from tconv.algorithms.cost import LIMITS
from tconv.errors import MethodError, ParameterError

DIRECT = {"polyphase", "overlap_add", "depthwise", "col2im", "scatter", "zero_insertion", "sliding_window"}
LARGE = (4, 256, 40, 40), (256, 256, 3, 3)


def planned(layer, accuracy):
    names = ["stride", "padding", "dilation", "groups"] + ["output_padding"] * (layer.operation == "conv_transpose")
    arguments = {name: getattr(layer, name) for name in names}
    return tconv.plan(layer.x, layer.w, operator=layer.operation, accuracy=accuracy, **arguments)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_no_choice_is_beyond_its_limit(layer):
    for accuracy, limit in LIMITS.items():
        assert 0 < planned(layer, accuracy).cost.loss <= limit
    exact = planned(layer, "exact-order")
    assert exact.choice in DIRECT
    assert exact.cost.loss == 1


def test_more_is_allowed_the_less_is_asked_for():
    work = [tconv.plan(*LARGE, padding=1, accuracy=accuracy).cost for accuracy in ("exact-order", "direct", "fast")]
    assert work[0].seconds > work[1].seconds > work[2].seconds
    assert work[0].loss == 1
    assert work[2].loss > max(1, work[1].loss)


def test_exact_order_refuses_by_name_too():
    for method, shapes in (("winograd", LARGE), ("fft", ((1, 4, 90), (4, 4, 64)))):
        x, w = (np.ones(shape, "f4") for shape in shapes)
        assert tconv.conv_transpose(x, w, method=method).any()
        with pytest.raises(MethodError, match="does not add up the products of the definition"):
            tconv.conv_transpose(x, w, method=method, accuracy="exact-order")


FUNCTIONS = {
    "conv_transpose": lambda x, w, g, **more: tconv.conv_transpose(x, w, **more),
    "conv": lambda x, w, g, **more: tconv.conv(x, w, **more),
    "ConvTranspose": lambda x, w, g, **more: tconv.ConvTranspose(w, **more)(x),
    "Conv": lambda x, w, g, **more: tconv.Conv(w, **more)(x),
    "conv_transpose_input_vjp": lambda x, w, g, **more: tconv.conv_transpose_input_vjp(g, w, **more),
    "conv_input_vjp": lambda x, w, g, **more: tconv.conv_input_vjp(x, w, **more),
    "conv_transpose_weight_vjp": lambda x, w, g, **more: tconv.conv_transpose_weight_vjp(
        x, g, kernel_size=(3, 3), **more
    ),
    "conv_weight_vjp": lambda x, w, g, **more: tconv.conv_weight_vjp(g, x, kernel_size=(3, 3), **more),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_takes_it(name):
    rng = np.random.default_rng(0)
    x, w, g = (rng.standard_normal(shape) for shape in ((2, 6, 9, 8), (6, 6, 3, 3), (2, 6, 11, 10)))
    exact, direct, fast = (FUNCTIONS[name](x, w, g, accuracy=a) for a in ("exact-order", "direct", "fast"))
    np.testing.assert_allclose(direct, exact, atol=1e-12)
    np.testing.assert_allclose(fast, exact, atol=1e-12)
    for unknown in ("exact", "", None, 4, ["fast"]):
        with pytest.raises(ParameterError, match=r"^accuracy: got .*; must be one of 'direct', 'fast', 'exact-order'$"):
            FUNCTIONS[name](x, w, g, accuracy=unknown)


def test_a_layer_keeps_it():
    layer = tconv.ConvTranspose(np.ones(LARGE[1], "f4"), accuracy="fast")
    again = pickle.loads(pickle.dumps(layer))
    assert "accuracy='fast'" in repr(layer) == repr(again)
    assert again.plan(LARGE[0]).cost.loss > 4


def test_plans_tell_the_bound():
    plan = tconv.plan(*LARGE, padding=1)
    (line,) = (line for line in str(plan).splitlines() if line.startswith("->"))
    assert f"{plan.cost.loss:.2g} x direct" in line
    assert "exact" in str(tconv.plan(*LARGE, dtype="int32"))


RANDOM = {
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "positive": lambda rng, shape: rng.uniform(0, 1, shape),
    "of many sizes": lambda rng, shape: rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 7, shape),
    "nearly one": lambda rng, shape: 1 + 1e-3 * rng.standard_normal(shape) * np.resize([1, -1], shape[-1]),
}


@pytest.mark.parametrize("numbers", RANDOM)
@pytest.mark.parametrize(
    ("x", "w", "arguments"),
    [
        ((1, 48, 25, 25), (48, 32, 4, 4), {"stride": 2, "padding": 1}),
        ((1, 48, 25, 25), (48, 32, 3, 3), {"padding": 1}),
        ((2, 64, 300), (64, 32, 4), {"stride": 2, "padding": 1}),
        ((1, 24, 9, 9, 9), (24, 16, 3, 3, 3), {"padding": 1}),
    ],
    ids=["k4s2", "k3s1", "1d", "3d"],
)
def test_errors_measured(x, w, arguments, numbers):
    """Root mean squares: of what is chosen by default within twice, else within the bound's times, the direct sum's."""
    rng = np.random.default_rng(0)
    x, w = (RANDOM[numbers](rng, shape).astype("f4") for shape in (x, w))
    true = tconv.conv_transpose(x.astype("f8"), w.astype("f8"), method="polyphase", **arguments)

    def error(**more):
        return np.sqrt(np.mean((tconv.conv_transpose(x, w, **arguments, **more) - true) ** 2))

    direct = error(accuracy="exact-order")
    assert error(method="winograd") < 2 * direct
    assert error(method="winograd", accuracy="fast") < LIMITS["fast"] * direct
