"""What the parts of a call take on this machine, in nanoseconds: one table, measured, from which the planner predicts.

`python -m tconv calibrate` measures it anew and keeps it in the user's cache; else it is that of the processor most
like this one. Only a choice and a prediction depend on it, never whether a result is right.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tconv.kernels.vectors import PROCESSOR, VECTOR_BYTES


@dataclass
class Rates:
    """Nanoseconds on one core."""

    # Products: one step of depth of a tile, with positions in the lanes by its rows (8, 4, 2, 1), of the tallest with
    # one vector, with channels in the lanes by its vectors (4, 2, 1). To start such a tile, or a group of its rows:
    # much where channels are few.
    panel: tuple[float, float, float, float]
    narrow: float
    channels: tuple[float, float, float]
    start: float
    start_rows: float
    start_listed: float
    # Inputs: to gather a vector, or one whose inputs lie apart, as in a patch's window; to copy an element in order, by
    # itself, as where channels lie in the lanes, or to turn it, as sums are; to start a list of positions, to list one;
    # to start a copy.
    gather: float
    window: float
    copy: float
    scatter: float
    turn: float
    start_list: float
    list: float
    start_copy: float
    # Beyond the second-level cache: each byte of input, of result, and of weights for each tile. Beyond the last: of
    # weights; with channels in the lanes, asked for in time.
    fetch: float
    store: float
    pass_: float
    memory: float
    memory_listed: float
    # Results: to start a run, a vector by shuffles of all streams or of as many as lanes, an element by itself.
    write_run: float
    write_vector: float
    write_square: float
    write_element: float
    # Winograd: a vector that a transform of results reads or writes; one that a transform of inputs reads, or writes.
    transform: float
    transform_read: float
    transform_written: float
    # Overlap and add: to add a vector of products, to begin a row of them, to clear and read again a vector of sums.
    add: float
    add_row: float
    clear: float
    # Depthwise: a tap on one vector, a vector read, a line of outputs, a vector of them, a number copied in order.
    tap: float
    tap_read: float
    line: float
    line_vector: float
    plane: float
    # Columns: a product added, an input gathered, a weight read where it was given, an output begun.
    column_add: float
    column_gather: float
    column_weight: float
    column_fill: float
    # Fourier transforms: a number at one level, a product of spectra, a number copied in or out, a block in Python.
    level: float
    spectra: float
    block_copy: float
    block: float
    # Packing, once for a layer: to start, a weight, one that is transformed first, one of overlap and add.
    start_pack: float
    pack: float
    pack_transformed: float
    pack_rows: float

    @classmethod
    def of(cls, values: dict[tuple[str, int], float]) -> Rates:
        """Rates with these values."""
        rates = replace(GRANITE_RAPIDS)
        rates.put(values)
        return rates

    def values(self) -> dict[tuple[str, int], float]:
        """Every rate by its name, and its place among several of that name."""
        found = {}
        for field in fields(self):
            value = getattr(self, field.name)
            for place, rate in enumerate(value if isinstance(value, tuple) else (value,)):
                found[field.name, place] = float(rate)
        return found

    def put(self, values: dict[tuple[str, int], float]) -> None:
        """Replace every rate."""
        for field in fields(self):
            of_name = tuple(float(values[key]) for key in self.values() if key[0] == field.name)
            setattr(self, field.name, of_name if isinstance(getattr(self, field.name), tuple) else of_name[0])


# Each was fitted to measured times of ways to cut problems, float32: a few hundred of them, on one thread (those of
# overlap and add, depthwise, columns and packing on an Emerald Rapids core, by `tconv calibrate`); for Zen by
# `tconv calibrate` on both of two threads, Zen 4 2700 with its vectors of 64 bytes and 2300 on a machine that has but
# 32, Zen 5 5200. Not measured: `copy` of Zen 5, taken from the first; `tap_read`, for all but Zen 5 half of what a tap
# took with its input.
GRANITE_RAPIDS = Rates(
    panel=(4.2, 3.8, 2.1, 1.8), narrow=1.8, channels=(4.2, 2.5, 1.6), start=58, start_rows=66, start_listed=9.7,
    gather=1.6, window=2.3, copy=0.13, scatter=1.05, turn=0.58, start_list=24, list=1.6, start_copy=5300,
    fetch=0.05, store=0.05, pass_=0.002, memory=0.026, memory_listed=0.039,
    write_run=9.2, write_vector=0.4, write_square=1.8, write_element=0.66,
    transform=0.71, transform_read=0.26, transform_written=1.84,
    add=1.0, add_row=3.8, clear=4.7,
    tap=0.13, tap_read=0.13, line=29, line_vector=3.0, plane=0.45,
    column_add=2.2, column_gather=1.0, column_weight=0.22, column_fill=0.05,
    level=0.44, spectra=0.7, block_copy=2.1, block=1e5,
    start_pack=1.2e4, pack=0.8, pack_transformed=1.3, pack_rows=3.6,
)  # fmt: skip
ZEN_4_NARROW = Rates(  # of 32-byte vectors, three to a tile's row; the first rate of each kind of tile is never used
    panel=(5, 2.26, 1.4, 1.07), narrow=1.33, channels=(4.41, 2.36, 1.98), start=35.9, start_rows=58.8,
    start_listed=14.4,
    gather=2.37, window=4.49, copy=1.26, scatter=1.6, turn=0.616, start_list=35.3, list=2.28, start_copy=7.71e3,
    fetch=0.0577, store=0.026, pass_=0.00244, memory=0.049, memory_listed=0.0386,
    write_run=5.53, write_vector=0.93, write_square=2.43, write_element=0.9,
    transform=0.415, transform_read=0.338, transform_written=0.355,
    add=0.88, add_row=2.84, clear=2.45,
    tap=0.168, tap_read=0.168, line=38.5, line_vector=2.33, plane=0.573,
    column_add=2.78, column_gather=1, column_weight=0.285, column_fill=0.0503,
    level=0.525, spectra=0.784, block_copy=2.25, block=1.03e5,
    start_pack=1.2e4, pack=0.9, pack_transformed=1.4, pack_rows=5.82,
)  # fmt: skip
ZEN_4 = Rates(
    panel=(6.7, 3.3, 1.8, 1.2), narrow=2.21, channels=(7.0, 3.5, 1.9), start=37.6, start_rows=56, start_listed=12.6,
    gather=2.17, window=2.57, copy=0.478, scatter=1.43, turn=0.349, start_list=25.2, list=1.78, start_copy=5687,
    fetch=0.0507, store=0.0324, pass_=0.00216, memory=0.0247, memory_listed=0.0323,
    write_run=6.17, write_vector=0.924, write_square=3.21, write_element=0.66,
    transform=0.822, transform_read=0.257, transform_written=1.75,
    add=1.25, add_row=3.44, clear=4.33,
    tap=0.185, tap_read=0.185, line=26, line_vector=1.2, plane=0.37,
    column_add=1.0, column_gather=1.0, column_weight=0.25, column_fill=0.05,
    level=0.426, spectra=0.751, block_copy=2.05, block=1e5,
    start_pack=1.2e4, pack=0.65, pack_transformed=1.25, pack_rows=8.0,
)  # fmt: skip
ZEN_5 = Rates(
    panel=(3, 1.5, 1, 0.737), narrow=1.23, channels=(3.04, 1.57, 1.18), start=18.4, start_rows=56.6,
    start_listed=8.65,
    gather=1.67, window=2.4, copy=0.13, scatter=1.43, turn=0.121, start_list=38.3, list=1.15, start_copy=1.51e4,
    fetch=0.0489, store=0.0159, pass_=0.00566, memory=0.00662, memory_listed=0.0168,
    write_run=2.8, write_vector=1.22, write_square=2.01, write_element=0.66,
    transform=0.418, transform_read=0.205, transform_written=0.855,
    add=0.412, add_row=2.79, clear=1.51,
    tap=0.103, tap_read=0.112, line=11.3, line_vector=1.61, plane=0.254,
    column_add=1.75, column_gather=0.902, column_weight=0.151, column_fill=0.0509,
    level=0.245, spectra=0.695, block_copy=1.52, block=8.85e4,
    start_pack=3.37e4, pack=0.284, pack_transformed=0.563, pack_rows=2.29,
)  # fmt: skip


def built_in() -> Rates:
    """Those of the processor most like this one."""
    if VECTOR_BYTES == 32:
        return ZEN_4_NARROW
    if PROCESSOR == "znver4":
        return ZEN_4
    return ZEN_5 if PROCESSOR.startswith("znver") else GRANITE_RAPIDS


def file() -> Path:
    """Where this machine's own are kept."""
    if named := os.environ.get("TCONV_CACHE_DIR"):
        folder = Path(named)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "tconv"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tconv"
    return folder / f"rates-{PROCESSOR}-{8 * VECTOR_BYTES}-bit.json"


def write(rates: Rates) -> None:
    """Keep them for later processes, whole or not at all."""
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(asdict(rates), indent=1) + "\n")
    partial.replace(path)


def read() -> Rates | None:
    """Those kept; None if there are none, or they were written by a version that has other rates."""
    with suppress(OSError, ValueError, TypeError, AttributeError, RuntimeError):  # the last: nobody's home
        kept: dict[str, Any] = json.loads(file().read_text())
        kept = {name: tuple(rate) if isinstance(rate, list) else rate for name, rate in kept.items()}
        rates = Rates(**kept)
        if rates.values().keys() == GRANITE_RAPIDS.values().keys() and min(rates.values().values()) > 0:
            return rates
    return None


RATES = read() or replace(built_in())  # calibration supposes others in it
