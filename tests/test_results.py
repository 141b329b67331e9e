"""Large results lie where earlier ones did, but never where somebody still looks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tconv
from tconv import results
from tconv.memory import address_of

F4 = np.dtype("f4")
SHAPE = (3, 64, 32)

pytestmark = pytest.mark.skipif(not results._IDLE, reason="nobody counts who holds memory")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(results, "LARGE", 1024)
    monkeypatch.setattr(results, "KEPT", 2**20)
    results._pool.clear()
    yield
    results._pool.clear()


def test_memory_is_used_again():
    first = results.empty_result(SHAPE, F4)
    assert (first.shape, first.dtype, address_of(first) % 64) == (SHAPE, F4, 0)
    assert first.flags.carray
    address = address_of(first)
    del first
    again = results.empty_result(SHAPE[::-1], np.dtype("i4"))
    assert address_of(again) == address
    del again
    smaller = results.empty_result((3, 64, 17), F4)
    assert address_of(smaller) == address
    assert len(results._pool) == 1


@pytest.mark.parametrize(
    "hold",
    [
        lambda y: y,
        lambda y: y[1:, ::2, -1],
        lambda y: y.T[5, ..., 0],
        lambda y: y.view("u1"),
        memoryview,
        lambda y: memoryview(y)[1:],
        np.from_dlpack,
        lambda y: np.frombuffer(y, "f4"),
        lambda y: np.lib.stride_tricks.as_strided(y, (2, 2), (4, 8)),
        lambda y: [y],
    ],
)
def test_whoever_holds_a_part_keeps_it(hold):
    result = results.empty_result(SHAPE, F4)
    address = address_of(result)
    held = hold(result)
    del result
    other = results.empty_result(SHAPE, F4)
    assert address_of(other) != address
    del held
    assert address_of(results.empty_result(SHAPE, F4)) == address


def test_no_more_is_kept_than_was_said():
    held = [results.empty_result(SHAPE, F4) for _ in range(60)]
    assert sum(memory.size for memory in results._pool) <= results.KEPT
    assert len({address_of(result) for result in held}) == len(held)
    for n, result in enumerate(held):
        result[...] = n
    assert [result.mean() for result in held] == list(range(60))


def test_what_is_small_huge_or_made_of_objects_is_numpys():
    for shape, dtype in (((4,), F4), ((2**20,), F4), ((2**12,), np.dtype("O")), ((0, 3), F4), ((), F4)):
        result = results.empty_result(shape, dtype)
        assert result.flags.owndata
        assert (result.shape, result.dtype) == (shape, dtype)
    assert not results._pool


def test_results_of_calls_at_the_same_time():
    rng = np.random.default_rng(0)
    w = rng.integers(-4, 5, (4, 4, 4, 4)).astype("f4")
    layer = tconv.ConvTranspose(w, stride=2, padding=1)
    inputs = [rng.integers(-4, 5, (1, 4, 16, 16)).astype("f4") for _ in range(32)]
    want = [tconv.conv_transpose(x, w, stride=2, padding=1, method="scatter") for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            for got, expected in zip(pool.map(layer, inputs), want, strict=True):
                np.testing.assert_array_equal(got, expected)
    previous = layer(inputs[0])
    for x, expected in zip(inputs, want, strict=True):
        following = layer(x)
        assert not np.shares_memory(previous, following)
        np.testing.assert_array_equal(following, expected)
        previous = following
