"""From nothing to a first result: a process starts, imports its engine, takes the layer and computes it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.bench import COMPILING, Bench, Entry
from benchmarks.layers import Layer


def measure(layer: Layer, engines: Sequence[str], bench: Bench) -> dict[str, Entry]:
    """``cold_ms`` of the first start, Numba's cache empty; ``warm_ms``, the median of as many later ones as rounds."""
    bench.lay(layer)

    def one(engine: str) -> Entry:
        seconds = []
        with TemporaryDirectory() as cache, bench.crew.beside(NUMBA_CACHE_DIR=cache) as crew:
            for _ in range(1 + bench.rounds):
                begin = perf_counter()
                replace(bench, crew=crew).build(engine, layer)
                crew.ask(engine, "first", COMPILING)
                seconds.append(perf_counter() - begin)
                crew.dismiss(engine)
        return {"cold_ms": 1e3 * seconds[0], "warm_ms": 1e3 * median(seconds[1:])}

    return bench.afresh(engines, one)
