"""Measuring what the parts of a call take on this machine: the planner's rates, fitted to times of many ways to cut.

Problems are drawn at random. Each is computed in every way that the engine knows, also those that the planner would
never choose, on all threads, as memory is theirs together. Then rates are moved until predictions fit, by least squares
of logarithms; a rate on which no measurement hangs stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp, inf, log
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from tconv.algorithms import ALGORITHMS, cut, depthwise, engine, fft, patch_tables, patches, polyphase, scheme
from tconv.algorithms.rates import RATES, Rates
from tconv.geometry import Axis, Operator, Problem
from tconv.kernels.tile import POSITION_ROWS, POSITION_VECTORS

PROBLEMS = 160
LEAST, MOST = 2**24, 2**28  # multiplications of a problem, so that waking a thread takes little of what it takes
SHAPES = ((1, 1), (2, 2), (3, 1), (3, 2), (4, 2), (5, 1), (5, 2), (5, 3), (6, 3), (8, 4), (9, 3), (16, 8), (32, 16))
CHANNELS = (1, 1, 2, 3, 8, 16, 24, 32, 64, 96, 128, 256, 512, 1024)
FEW, MANY, HUGE = 2**15, 2**21, 2**25  # packed weights: packing is timed from few to many; huge ones are left out

ROUNDS = 3  # of measurements
STEPS = 8  # of the fit
NUDGE = 0.02  # of a logarithm, to see how predictions move
STAY = 1.0  # how much a rate's wish to stay counts, beside a measurement
OUTLIER = 0.2  # what is further off counts by how far it is, not by the square


class Way(NamedTuple):
    """One way to do a problem, or to pack its weights."""

    problem: Problem
    name: str
    run: Callable[[], Any]
    predict: Callable[[], float]  # nanoseconds, from the rates of the moment


class Sample(NamedTuple):
    """A way, and how long it took all threads together."""

    way: Way
    measured: float


@dataclass(frozen=True)
class Fit:
    """Rates, what they were fitted to, and how good they and those before are."""

    rates: Rates
    samples: int
    before: float  # the factor by which predictions typically were off ...
    after: float  # ... and are
    lost_before: float  # how many times longer than the best way took the way chosen, on average ...
    lost_after: float  # ... and takes


def calibrate(problems: int = PROBLEMS, threads: int = 1, progress: Callable[[int, int], None] | None = None) -> Fit:
    """Measure and fit; about four minutes. ``progress`` is called with how many problems are done, and of how many.

    The planner has them when `tconv.algorithms.rates.write` has kept them and a new process begins.
    """
    samples: list[Sample] = []
    for done, problem in enumerate(draw(problems)):
        if progress is not None:
            progress(done, problems)
        samples += measure(problem, threads)
    if progress is not None:
        progress(problems, problems)
    return fit(samples, tiles(threads))


def draw(count: int, seed: int = 0) -> Iterator[Problem]:
    """So many different problems of one to three axes, the same ones for the same seed."""
    random = np.random.default_rng(seed)
    seen: set[Problem] = set()
    while len(seen) < count:
        n_axes = 1 + len(seen) % 3
        kernel, stride = SHAPES[random.integers(len(SHAPES))]
        operator: Operator = "conv" if random.random() < 0.2 else "conv_transpose"
        channels_in, channels_out = (int(channels) for channels in random.choice(CHANNELS, 2))
        groups = int(random.choice((1, 16))) if max(channels_in, channels_out) <= 16 else 1
        batch = int(random.choice((1, 1, 8)))
        of_position = batch * groups * channels_in * channels_out * kernel**n_axes
        size = round((exp(random.uniform(log(LEAST), log(MOST))) / of_position) ** (1 / n_axes))
        axis = _axis(operator, max(1, size), kernel, stride)
        problem = Problem(operator, batch, groups, channels_in, channels_out, (axis,) * n_axes, "float32")
        if of_position * max(1, size) ** n_axes <= 2 * MOST and problem not in seen:
            seen.add(problem)
            yield problem


def _axis(operator: Operator, size: int, kernel: int, stride: int) -> Axis:
    """So many positions, with as much cropped, or put around, as layers have it."""
    if operator == "conv_transpose":
        crop = max(0, kernel - stride) // 2
        return Axis(size, kernel, stride, 1, crop, (size - 1) * stride + kernel - 2 * crop)
    return Axis(size * stride, kernel, stride, 1, kernel // 2, size)


def ways(problem: Problem, threads: int) -> Iterator[Way]:
    """Every way to compute ``problem``, and to pack its weights, with random operands."""
    random = np.random.default_rng(0)
    sizes_in, sizes_kernel, sizes_out = zip(
        *((a.size_in, a.size_kernel, a.size_out) for a in problem.axes), strict=True
    )
    x = random.standard_normal((problem.batch, problem.groups, problem.channels_in, *sizes_in), np.float32)
    w = random.standard_normal((problem.groups, problem.channels_in, problem.channels_out, *sizes_kernel), np.float32)
    y = np.zeros((problem.batch, problem.groups, problem.channels_out, *sizes_out), np.float32)

    def of_engine(name: str, found: scheme.Scheme, predict: Callable[[], float]) -> Iterator[Way]:
        if found.packed_size <= HUGE:
            packed = engine.prepare(found, w, threads)
            assert packed is not None
            yield Way(problem, name, lambda: engine.forward(found, packed, x, None, y, threads), predict)
            if FEW <= found.packed_size <= MANY:
                pack = partial(engine.prepare, found, w, threads)
                yield Way(problem, f"{name}, packing", pack, lambda: 1e9 * engine.cost(problem, found, 1).preparing)

    for one in cut.cuts(problem):
        yield from of_engine(
            str(one.choice), scheme.scheme_of(problem, one, threads), partial(cut.predicted, problem, one)
        )
    for way in patches.ways(problem):
        name = "winograd " + " x ".join(str(axis.outputs) for axis in way.axes)
        yield from of_engine(name, patch_tables.scheme_of(problem, way, threads), partial(_winograd, problem, way))
    for name in ("overlap_add", "depthwise", "col2im", "fft"):
        algorithm = ALGORITHMS[name]
        if algorithm.supports(problem) is None:
            run = partial(algorithm.forward, problem, algorithm.prepare(problem, w, threads), x, None, y, threads)
            yield Way(problem, name, run, partial(_work, name, problem))
            if FEW <= w.size <= MANY and _preparing(name, problem) > 0:
                pack = partial(algorithm.prepare, problem, w, threads)
                yield Way(problem, f"{name}, packing", pack, partial(_preparing, name, problem))


def _winograd(problem: Problem, way: patches.Way) -> float:
    return sum(patches.predicted(problem, way.cut, way.axes))


def _work(name: str, problem: Problem) -> float:
    return 1e9 * ALGORITHMS[name].cost(problem, 1).work


def _preparing(name: str, problem: Problem) -> float:
    return 1e9 * ALGORITHMS[name].cost(problem, 1).preparing


def measure(problem: Problem, threads: int) -> list[Sample]:
    """All ways in turn, again and again; of each the least time, as whatever disturbs makes it longer."""
    found = list(ways(problem, threads))
    best = [inf] * len(found)
    for _ in range(ROUNDS):
        for n, way in enumerate(found):
            best[n] = min(best[n], _time(way.run))
    return [Sample(way._replace(run=_done), threads * least) for way, least in zip(found, best, strict=True)]


def _done() -> None:
    """What is left of a way once it is measured: its operands take memory."""


def _time(run: Callable[[], Any]) -> float:
    """Nanoseconds of a call, the least of some."""
    run()
    times: list[float] = []
    while len(times) < 2 or (len(times) < 10 and sum(times) < 0.003):
        before = perf_counter()
        run()
        times.append(perf_counter() - before)
    return 1e9 * min(times)


def tiles(threads: int) -> dict[tuple[str, int], float]:
    """What register tiles take by themselves: these rates are not fitted, as several share each way's time."""
    times = {
        ("panel", (8, 4, 2, 1).index(rows)): polyphase.step_time("float32", rows, POSITION_VECTORS, threads)
        for rows in POSITION_ROWS
    }
    times["narrow", 0] = polyphase.step_time("float32", POSITION_ROWS[0], 1, threads)
    return {name: 1e9 * seconds for name, seconds in times.items()}


def fit(samples: Sequence[Sample], known: dict[tuple[str, int], float]) -> Fit:
    """The rates with which predictions are closest to what was measured; some are ``known``."""
    before = RATES.values()
    free = np.array([name not in known for name in before])
    start = at = np.log(list((before | known).values()))
    try:
        samples = [sample for sample in samples if 0 < sample.way.predict() < inf]
        measured = np.log([sample.measured for sample in samples])
        matter = _matter(samples)
        predicted = _predicted(samples, np.log(list(before.values())))
        first, lost_before = predicted - measured, _lost(samples, predicted)
        off = _predicted(samples, at) - measured
        for _ in range(STEPS):
            slopes = np.array(
                [(_predicted(samples, moved) - measured - off) / NUDGE for moved in at + NUDGE * np.eye(at.size)]
            )
            weights = np.sqrt(matter * OUTLIER / np.maximum(OUTLIER, np.abs(off)))
            left = np.vstack([slopes.T * free * weights[:, None], np.sqrt(STAY) * np.eye(at.size)])
            right = np.concatenate([-off * weights, np.sqrt(STAY) * (start - at)])
            at = at + np.clip(np.linalg.lstsq(left, right, rcond=None)[0], -1, 1)
            predicted = _predicted(samples, at)
            off = predicted - measured
    finally:
        _suppose(before)
    fitted = dict(zip(before, np.exp(at), strict=True))
    off_before, off_after = (float(np.exp(np.median(np.abs(log)))) for log in (first, off))
    return Fit(Rates.of(fitted), len(samples), off_before, off_after, lost_before, _lost(samples, predicted))


def _lost(samples: Sequence[Sample], predicted: np.ndarray) -> float:
    """How many times longer than its best way a problem takes that is computed as such predictions say."""
    of_problem: dict[Problem, list[tuple[float, float]]] = {}
    for sample, prediction in zip(samples, predicted, strict=True):
        if not sample.way.name.endswith("packing"):
            of_problem.setdefault(sample.way.problem, []).append((prediction, sample.measured))
    lost = [log(min(ways)[1] / min(measured for _, measured in ways)) for ways in of_problem.values()]
    return exp(sum(lost) / max(1, len(lost)))


def _matter(samples: Sequence[Sample]) -> np.ndarray:
    """How much each counts, 1 on average: the less, the better the best for its problem is, as that will be chosen."""
    best: dict[tuple[Problem, bool], float] = {}
    kinds = [(sample.way.problem, sample.way.name.endswith("packing")) for sample in samples]
    for kind, sample in zip(kinds, samples, strict=True):
        best[kind] = min(sample.measured, best.get(kind, inf))
    matter: np.ndarray = np.array([best[kind] / sample.measured for kind, sample in zip(kinds, samples, strict=True)])
    matter /= matter.mean()
    return matter


def _predicted(samples: Sequence[Sample], logarithms: np.ndarray) -> np.ndarray:
    """Logarithms of what would be predicted from such rates."""
    _suppose(dict(zip(RATES.values(), np.exp(logarithms), strict=True)))
    return np.log([sample.way.predict() for sample in samples])


def _suppose(rates: dict[tuple[str, int], float]) -> None:
    """Have the model predict from other rates: what it remembers was predicted from others."""
    RATES.put(rates)
    for remembered in (cut.panels, cut.best_block, depthwise.scheme, fft.scheme):
        remembered.cache_clear()
