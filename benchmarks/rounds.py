"""Timing a layer: every engine in turn, again and again, so that what disturbs one disturbs all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import sleep
from typing import Any

import numpy as np

from benchmarks import operands, reference
from benchmarks.engines import ENGINES, Refused
from benchmarks.layers import Layer
from benchmarks.process import Crew, Slow

# Seconds that one call may take; an engine that needs more for a layer is recorded as slower than that.
SLOWEST = 20.0
# A first call may also hold a compilation.
COMPILING = 60.0
# A call that takes longer than this is timed once, in the first round only.
PATIENCE = 2.0


@dataclass(frozen=True)
class Schedule:
    """Each engine has ``rounds`` turns of ``seconds``, each after ``warmup`` seconds of uncounted calls.

    ``pause`` seconds before a turn let the threads of the engine before fall asleep.
    """

    rounds: int = 5
    seconds: float = 0.2
    warmup: float = 0.05
    pause: float = 0.05


def measure(
    layer: Layer, engines: Sequence[str], crew: Crew, dtype: str, folder: Path, schedule: Schedule
) -> dict[str, Any]:
    """For each engine the milliseconds of a call in each round and the error of its result; or why not."""
    numbers = operands.random(layer, dtype)
    operands.save(numbers, folder)
    truth = reference.truth(layer, numbers)
    entries = {engine: _prepare(layer, engine, crew, truth, folder) for engine in engines}
    for turn in range(schedule.rounds):
        for engine, entry in entries.items():
            if "refused" in entry or "slower_than_s" in entry:
                continue
            slow = entry["second_ms"] > 1e3 * PATIENCE
            if slow and turn:
                continue
            sleep(schedule.pause)
            try:
                entry["rounds_ms"].append(1e3 * _turn(engine, crew, schedule, slow))
            except Refused as error:
                entries[engine] = {"refused": str(error)}
    for entry in entries.values():
        if "rounds_ms" in entry:
            entry["ms"] = median(entry["rounds_ms"])
    return entries


def _prepare(layer: Layer, engine: str, crew: Crew, truth: reference.Truth, folder: Path) -> dict[str, Any]:
    """Build the layer in the engine's worker, call it once and judge the result."""
    path = folder / "y.npy"
    try:
        built = crew.ask(engine, "build", layer=asdict(layer), form=ENGINES[engine].form, folder=str(folder))
        try:
            first = crew.ask(engine, "first", COMPILING)
            if first["seconds"] > SLOWEST:
                crew.ask(engine, "first", SLOWEST)
        except Slow:
            return {"slower_than_s": SLOWEST}
        second = crew.ask(engine, "result", 2 * SLOWEST, path=str(path))
    except Refused as error:
        return {"refused": str(error)}
    answers = {"build_ms": built, "first_ms": first, "second_ms": second}
    times = {name: 1e3 * answer["seconds"] for name, answer in answers.items()}
    return times | truth.judge(np.load(path)) | {"rounds_ms": []}


def _turn(engine: str, crew: Crew, schedule: Schedule, slow: bool) -> float:
    """Seconds of one call: the median of a turn."""
    warmup, least = (0.0, 1) if slow else (schedule.warmup, 3)
    asked: dict[str, Any] = {"warmup": warmup, "seconds": schedule.seconds, "least": least, "most": 10_000}
    seconds: list[float] = crew.ask(engine, "time", 4 * SLOWEST, **asked)["seconds"]
    return median(seconds)
