"""What every study is given: the workers, a folder for the operands, and how long to look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import operands
from benchmarks.engines import ENGINES, Operands, Refused, without_figure
from benchmarks.layers import Layer
from benchmarks.process import Crew

# Seconds that one call may take; an engine that needs more for a layer is recorded as slower than that.
SLOWEST = 20.0
# A first call may also hold a compilation.
COMPILING = 60.0
# A call that takes longer than this is timed once, in the first round only.
PATIENCE = 2.0

Entry = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """A turn is ``seconds`` of calls after ``warmup`` seconds of uncounted ones.

    ``pause`` seconds before it let the threads of the engine before fall asleep.
    """

    seconds: float = 0.2
    warmup: float = 0.05
    pause: float = 0.05


@dataclass(frozen=True)
class Bench:
    """Where layers are measured. ``rounds`` says how often; each study says of what."""

    crew: Crew
    folder: Path
    dtype: str
    rounds: int
    pace: Pace = Pace()

    def lay(self, layer: Layer) -> Operands:
        """Draw the layer's operands and put them where the workers read them."""
        drawn = operands.random(layer, self.dtype)
        operands.save(drawn, self.folder)
        return drawn

    def build(self, engine: str, layer: Layer) -> float:
        """Let the engine take the layer whose operands lie in the folder. Seconds."""
        asked: Entry = {"layer": asdict(layer), "form": ENGINES[engine].form, "folder": str(self.folder)}
        seconds: float = self.crew.ask(engine, "build", **asked)["seconds"]
        return seconds

    def time(self, engine: str, warmup: float, seconds: float, least: int) -> float:
        """Seconds of a call of what the engine holds: the median of at least ``least``."""
        asked: Entry = {"warmup": warmup, "seconds": seconds, "least": least, "most": 10_000}
        calls: list[float] = self.crew.ask(engine, "time", 4 * SLOWEST, **asked)["seconds"]
        return median(calls)

    def afresh(self, engines: Sequence[str], measure: Callable[[str], Entry]) -> dict[str, Entry]:
        """What ``measure`` finds for each engine, in a process that has done nothing before."""
        entries = {}
        for engine in engines:
            self.crew.dismiss(engine)
            try:
                entries[engine] = measure(engine)
            except Refused as error:
                entries[engine] = without_figure(error)
            self.crew.dismiss(engine)
        return entries
