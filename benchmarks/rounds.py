"""Timing a layer: every engine in turn, again and again, so that what disturbs one disturbs all."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import sleep

import numpy as np

from benchmarks import reference
from benchmarks.bench import COMPILING, PATIENCE, SLOWEST, Bench, Entry
from benchmarks.engines import Refused, without_figure
from benchmarks.layers import Layer
from benchmarks.process import Slow


def measure(layer: Layer, engines: Sequence[str], bench: Bench, rows: int = 0) -> dict[str, Entry]:
    """For each engine the milliseconds of a call in each round and the error of its result; or why not.

    With ``rows`` only so many, the last ones of a result too large to be computed twice, are judged.
    """
    numbers = bench.lay(layer)
    truth = reference.end(layer, numbers, rows) if rows else reference.truth(layer, numbers)
    del numbers
    entries = {engine: _prepare(layer, engine, bench, truth, rows) for engine in engines}
    for turn in range(bench.rounds):
        for engine, entry in entries.items():
            if "refused" in entry or "slower_than_s" in entry:
                continue
            slow = entry["second_ms"] > 1e3 * PATIENCE
            if slow and turn:
                continue
            sleep(bench.pace.pause)
            warmup, least = (0.0, 1) if slow else (bench.pace.warmup, 3)
            try:
                entry["rounds_ms"].append(1e3 * bench.time(engine, warmup, bench.pace.seconds, least))
            except Refused as error:
                entries[engine] = without_figure(error)
    for entry in entries.values():
        if "rounds_ms" in entry:
            entry["ms"] = median(entry["rounds_ms"])
    return entries


def _prepare(layer: Layer, engine: str, bench: Bench, truth: reference.Truth, rows: int) -> Entry:
    """Build the layer in the engine's worker, call it once and judge the result."""
    path = bench.folder / "y.npy"
    try:
        built = bench.build(engine, layer)
        try:
            first = bench.crew.ask(engine, "first", COMPILING)["seconds"]
            if first > SLOWEST:
                bench.crew.ask(engine, "first", SLOWEST)
        except Slow:
            return {"slower_than_s": SLOWEST}
        second = bench.crew.ask(engine, "result", 2 * SLOWEST, path=str(path), rows=rows)["seconds"]
    except Refused as error:
        return without_figure(error)
    times = {"build_ms": 1e3 * built, "first_ms": 1e3 * first, "second_ms": 1e3 * second}
    return times | truth.judge(np.load(path)) | {"rounds_ms": []}
