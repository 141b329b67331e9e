"""Memory that is used again: by the next call, never by two at once."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tconv
from tconv import memory
from tconv.memory import KEPT, LENT, Recycling, aligned_empty, lent_empty

F4 = np.dtype("float32")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Nothing kept from earlier."""
    monkeypatch.setattr(memory, "_kept", threading.local())


def address(array):
    return array.__array_interface__["data"][0]


def test_the_next_time_has_the_same_memory_and_one_time_never_twice():
    with Recycling():
        first, second = lent_empty(1000, F4), lent_empty(500, F4)
        assert not np.shares_memory(first, second)
        assert address(first) % 64 == address(second) % 64 == 0
    with Recycling():
        smaller, larger = lent_empty(400, F4), lent_empty(900, F4)
        assert address(smaller) == address(second)
        assert address(larger) == address(first)
        assert larger.shape == (900,)
        assert not np.shares_memory(lent_empty(100, F4), smaller)


def test_outside_it_is_ones_own():
    with Recycling():
        first = lent_empty(1000, F4)
    assert not np.shares_memory(lent_empty(1000, F4), first)
    assert lent_empty(3, np.dtype(object)).tolist() == aligned_empty(3, np.dtype(object)).tolist() == [0, 0, 0]


def test_what_is_kept_is_bounded():
    for _ in range(3):
        with Recycling():
            for _ in range(2 * LENT):
                lent_empty(10, F4)
    assert len(memory._kept.pool) == LENT
    with Recycling():
        lent_empty(KEPT // 4 + 1, F4)
    assert sum(piece.size for piece in memory._kept.pool) <= KEPT


def test_an_error_leaves_it_in_order():
    first = None

    def fail():
        nonlocal first
        with Recycling():
            first = lent_empty(1000, F4)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert memory._kept.lent is None
    with Recycling():
        assert np.shares_memory(lent_empty(1000, F4), first)


class Interrupting(int):
    """A number whose product is found by a call of its own."""

    def __mul__(self, other):
        x = np.ones((1, 2, 5, 5), "f4")
        found = tconv.conv_transpose(x, np.ones((2, 3, 3, 3), "f4"), stride=2)
        return int(found[0, 0, 0, 0]) * int(self) * int(other)

    __rmul__ = __mul__


def test_a_call_within_a_call():
    x, w = (np.array([Interrupting(n) for n in numbers], object) for numbers in ((1, 2, 3), (4, 5)))
    y = tconv.conv_transpose(x, w, layout="...")
    assert y.tolist() == [8, 26, 44, 30]
    assert memory._kept.lent is None


@pytest.mark.parametrize(("method", "channels"), [("polyphase", 16), ("overlap_add", 2)])
def test_a_layer_that_is_first_called_within_a_call_keeps_its_weights(method, channels):
    """As it may be where exact objects are multiplied: the weights that it packs then are not lent."""
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-3, 4, shape).astype("f4") for shape in ((1, 16, 12, 12), (16, channels, 4, 4)))
    layer = tconv.ConvTranspose(w, stride=2, method=method)
    with Recycling():
        wanted = layer(x)
        assert memory._kept.lent == []
    with Recycling():
        lent_empty(w.size, F4)[...] = np.nan
    np.testing.assert_array_equal(layer(x), wanted)


@pytest.mark.parametrize("stride", [1, 2])
def test_layers_keep_their_weights_while_functions_use_memory_again(stride):
    rng = np.random.default_rng(0)
    x, *ws = (rng.integers(-3, 4, shape).astype("f4") for shape in ((1, 16, 12, 12), *[(16, 16, 3, 3)] * 3))
    wanted = [tconv.conv_transpose(x, w, stride=stride, method="scatter") for w in ws]
    tconv.conv_transpose(x, ws[0], stride=stride)
    layers = [tconv.ConvTranspose(w, stride=stride) for w in ws]
    for layer, w, y in zip(layers, ws, wanted, strict=True):
        np.testing.assert_array_equal(tconv.conv_transpose(x, w, stride=stride), y)
        np.testing.assert_array_equal(layer(x), y)
    for layer, y in zip(layers, wanted, strict=True):
        np.testing.assert_array_equal(layer(x), y)
