"""What a shape costs that an engine has not seen before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import operands
from benchmarks.engines import ENGINES, Refused
from benchmarks.layers import Layer
from benchmarks.process import Crew
from benchmarks.rounds import COMPILING, PATIENCE, SLOWEST


def measure(layer: Layer, engines: Sequence[str], crew: Crew, dtype: str, folder: Path, shapes: int) -> dict[str, Any]:
    """For each engine, in a fresh process, medians over ``shapes`` inputs, each wider than the one before.

    ``new_ms`` is everything before the first result: a model compiled for the shape where the engine wants
    one, weights packed, the first call. ``later_ms`` is a later call.
    """
    rows = [replace(layer, x=(*layer.x[:-1], layer.x[-1] + wider)) for wider in range(shapes + 1)]
    entries: dict[str, Any] = {}
    for engine in engines:
        crew.dismiss(engine)
        try:
            _, later = _one(rows[0], engine, crew, dtype, folder)  # the engine itself starts here
            if later > PATIENCE:
                raise Refused(f"{later:.1f} s for one call: too slow to try many shapes")
            seen = [_one(row, engine, crew, dtype, folder) for row in rows[1:]]
            new_ms, later_ms = (1e3 * median(column) for column in zip(*seen, strict=True))
            entries[engine] = {"new_ms": new_ms, "later_ms": later_ms}
        except Refused as error:
            entries[engine] = {"refused": str(error)}
    return entries


def _one(layer: Layer, engine: str, crew: Crew, dtype: str, folder: Path) -> tuple[float, float]:
    """Seconds before the first result, seconds of a later call."""
    operands.save(operands.random(layer, dtype), folder)
    asked: dict[str, Any] = {"layer": asdict(layer), "form": ENGINES[engine].form, "folder": str(folder)}
    new: float = crew.ask(engine, "build", **asked)["seconds"] + crew.ask(engine, "first", COMPILING)["seconds"]
    calls = crew.ask(engine, "time", 4 * SLOWEST, warmup=0.0, seconds=0.05, least=3, most=1000)
    return new, median(calls["seconds"])
