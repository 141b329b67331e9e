"""What a shape costs that an engine has not seen before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from benchmarks.bench import COMPILING, PATIENCE, Bench, Entry
from benchmarks.engines import Refused
from benchmarks.layers import Layer


def measure(layer: Layer, engines: Sequence[str], bench: Bench) -> dict[str, Entry]:
    """Medians over as many inputs as the bench has rounds, each wider than the one before.

    ``new_ms`` is everything before the first result: a model compiled for the shape where the engine wants
    one, weights packed, the first call. ``later_ms`` is a later call.
    """
    first, *others = (replace(layer, x=(*layer.x[:-1], layer.x[-1] + wider)) for wider in range(bench.rounds + 1))

    def one(engine: str) -> Entry:
        _, later = _seconds(first, engine, bench)  # the engine itself starts here
        if later > PATIENCE:
            raise Refused(f"{later:.1f} s for one call: too slow to try many shapes")
        seen = [_seconds(other, engine, bench) for other in others]
        new_ms, later_ms = (1e3 * median(column) for column in zip(*seen, strict=True))
        return {"new_ms": new_ms, "later_ms": later_ms}

    return bench.afresh(engines, one)


def _seconds(layer: Layer, engine: str, bench: Bench) -> tuple[float, float]:
    """Seconds before the first result, seconds of a later call."""
    bench.lay(layer)
    new: float = bench.build(engine, layer) + bench.crew.ask(engine, "first", COMPILING)["seconds"]
    return new, bench.time(engine, warmup=0.0, seconds=0.05, least=3)
