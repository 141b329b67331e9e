"""Workers: operands arrive as they were given, scratch is each one's own, and every unit of work is done once."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle
from typing import NamedTuple

import numpy as np
import pytest
from numba.extending import register_jitable

from tconv.kernels.entry import COUNTER_PITCH
from tconv.kernels.workers import Job, claim, worker
from tconv.memory import KEPT, flat


class Numbers(NamedTuple):
    first: int
    table: np.ndarray
    last: int


@register_jitable
def note(seen, at, value):
    seen[at] = seen[at] + value


@worker
def visit(numbers, cube, units, floats, integers, rank, counters, x, y):
    """Each unit is noted in ``y``, with what all the operands hold; scratch is filled and looked at again."""
    start, stop = claim(counters, rank, units, 3)
    while start < stop:
        for unit in range(start, stop):
            for i in range(floats.shape[0]):
                floats[i] = unit + rank
            for i in range(integers.shape[0]):
                for j in range(integers.shape[1]):
                    integers[i, j] = 1000 * unit + rank
            value = numbers.first + numbers.table[unit % numbers.table.shape[0]] * numbers.last
            value += cube[unit % cube.shape[0], 1, cube.shape[2] - 1]
            value += int(floats[floats.shape[0] - 1]) - rank + integers[1, integers.shape[1] - 1] - 1000 * unit - rank
            note(y, unit, value + x[unit] * 2)
        start, stop = claim(counters, rank, units, 3)
    counters[0] = 7


def expected(units, numbers, cube, x):
    unit = np.arange(units)
    table = numbers.first + numbers.table[unit % len(numbers.table)] * numbers.last
    return table + cube[unit % len(cube), 1, -1] + unit + 2 * x[:units]


@pytest.mark.parametrize("key", ["float64", None])
@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("units", [0, 1, 2, 17, 1000])
@pytest.mark.parametrize("size", [1, 100])
def test_every_unit_is_visited_once(units, workers, key, size):
    numbers = Numbers(5, np.arange(7) ** 2, -3)
    cube = np.arange(4 * 2 * 3).reshape(4, 2, 3) * 100
    x = np.arange(1001.0)
    y = np.zeros(1001)
    own = (("float64", (size,)), (np.int64, (2, 3)))
    job = Job((numbers, cube, units), (1001, 1001), own, workers, min(workers, 2))
    (given, _), (result, _) = flat(x), flat(y)
    assert visit(job, key, given, result) == 7
    np.testing.assert_array_equal(y[:units], expected(units, numbers, cube, x))
    assert not y[units:].any()


def test_scratch_larger_than_what_is_kept():
    own = (("float64", (KEPT // 8,)), (np.int64, (2, 3)))
    y = np.zeros(9)
    job = Job((Numbers(1, np.arange(1, 3), 2), np.zeros((1, 2, 1), np.int64), 9), (9, 9), own, 2, 2)
    assert job.size > KEPT
    visit(job, "float64", flat(np.zeros(9))[0], flat(y)[0])
    np.testing.assert_array_equal(y, [3 + unit + 2 * (unit % 2) for unit in range(9)])


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 2, 1, 0], [0], [1, 2, 1, 2, 0]])
@pytest.mark.parametrize("units", [0, 1, 2, 3, 10, 100])
@pytest.mark.parametrize("count", [1, 4, 1000])
def test_shares(units, count, order):
    """Each takes its own share first, in order, then what others have left; nothing twice, whoever asks when."""
    counters = np.zeros(COUNTER_PITCH * 4, np.int64)
    taken, done = {rank: [] for rank in range(3)}, set()
    for rank in cycle(order):
        start, stop = claim(counters, rank, units, count)
        taken[rank] += range(start, stop)
        if start == stop:
            done.add(rank)
        if done == set(order):
            break
    assert sorted(unit for found in taken.values() for unit in found) == list(range(units))
    for rank, found in taken.items():
        share = range(units * rank // 3, units * (rank + 1) // 3)
        mine = [unit for unit in found if unit in share]
        assert found[: len(mine)] == mine == sorted(mine)


FORKED = """
import os
import numpy as np
import tconv

rng = np.random.default_rng(0)
x, w = (rng.standard_normal(shape).astype("f4") for shape in ((2, 16, 20, 20), (16, 16, 10, 10)))
METHODS = "auto", "polyphase", "fft", "scatter", "zero_insertion"


def results():
    return [tconv.conv_transpose(x, w, stride=2, method=method, threads=2).tobytes() for method in METHODS]


wanted = results()
for _ in range(2):
    if child := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert results() == wanted
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_forked_process_computes_the_same_bits():
    """In the child and in its child: Numba would end the first, and wait forever in the second."""
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=300)
