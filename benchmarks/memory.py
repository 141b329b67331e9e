"""How much memory an engine takes for a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from benchmarks.bench import Bench, Entry
from benchmarks.engines import ENGINES
from benchmarks.layers import Layer


def measure(layer: Layer, engines: Sequence[str], bench: Bench) -> dict[str, Entry]:
    """MiB kept between calls, and MiB of a call beyond its result."""
    bench.lay(layer)
    size = layer.per_axis(layer.kernel)
    small = replace(layer, x=(1, layer.groups, *size), channels_out=layer.groups, dilation=1)
    asked: Entry = {"layer": asdict(layer), "small": asdict(small), "folder": str(bench.folder)}

    def one(engine: str) -> Entry:
        taken = bench.crew.ask(engine, "memory", form=ENGINES[engine].form, **asked)
        return {f"{name}_mib": taken[name] / 2**20 for name in ("kept", "extra")}

    return bench.afresh(engines, one)
