"""What can be measured of a layer. One line here is one value of ``--study`` and one key of a row of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks import first_call, memory, rounds, startup
from benchmarks.bench import Bench, Entry
from benchmarks.engines import ENGINES
from benchmarks.layers import Layer
from benchmarks.tables import GROWTH, LAYERS

# Of a layer, with engines, on a bench: one entry for each engine.
Measure = Callable[[Layer, Sequence[str], Bench], dict[str, Entry]]


@dataclass(frozen=True)
class Study:
    """One question: how it is answered, for which engines, how often (and with ``--quick``), on which layers.

    If no layers are named, the first ``most`` of the quick ones are taken; without ``most`` all that are asked for.
    """

    about: str
    measure: Measure
    engines: Sequence[str]
    rounds: int
    quick: int
    table: Sequence[Layer] = LAYERS
    most: int | None = None


_FORMS = ["tconv", "tconv.function", "tconv.out", "tconv.channels_last"]
_PEERS = [name for name, engine in ENGINES.items() if engine.module != "tconv"]

STUDIES: dict[str, Study] = {
    "times": Study("a call, beside the peers", rounds.measure, [*_FORMS, *_PEERS], 5, 3),
    "first_call": Study("a call on a new shape", first_call.measure, [*_FORMS[:2], *_PEERS], 20, 6),
    "memory": Study("the memory taken", memory.measure, [*_FORMS, *_PEERS], 1, 1),
    "startup": Study("a fresh process to its first result", startup.measure, ["tconv", *_PEERS], 5, 3, most=1),
    "scaling": Study("tconv with one thread and with all", rounds.measure, ["tconv.serial", "tconv"], 5, 3),
    "growth": Study(
        "tconv from 1e4 to 1e9 outputs", partial(rounds.measure, rows=8), ["tconv", "tconv.out"], 5, 3, GROWTH
    ),
}
