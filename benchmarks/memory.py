"""How much memory an engine takes for a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import operands
from benchmarks.engines import ENGINES, Refused
from benchmarks.layers import Layer
from benchmarks.process import Crew


def measure(layer: Layer, engines: Sequence[str], crew: Crew, dtype: str, folder: Path) -> dict[str, Any]:
    """For each engine, in a fresh process, MiB kept between calls and MiB of a call beyond its result."""
    operands.save(operands.random(layer, dtype), folder)
    small = replace(layer, x=(1, layer.groups, *(2 for _ in layer.size_in)), channels_out=layer.groups)
    asked: dict[str, Any] = {"layer": asdict(layer), "small": asdict(small), "folder": str(folder)}
    entries: dict[str, Any] = {}
    for engine in engines:
        crew.dismiss(engine)
        try:
            taken = crew.ask(engine, "memory", form=ENGINES[engine].form, **asked)
            entries[engine] = {f"{name}_mib": taken[name] / 2**20 for name in ("kept", "extra")}
        except Refused as error:
            entries[engine] = {"refused": str(error)}
        crew.dismiss(engine)
    return entries
