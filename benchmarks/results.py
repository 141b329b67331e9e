"""What a run has found: a JSON file of plain facts, and the figures that follow from them.

    {"what", "date", "commit", "machine": {...}, "versions": {...}, "threads": 2, "dtype": "float32",
     "operation": "conv_transpose", "batch": of all layers or null,
     "limits": {"operations": in a second or null, "bytes": in a second or null},
     "rows": {"dcgan.4": {
         "shape", "source", "operations", "bytes", "input_bytes",
         "times": {engine: {"ms", "rounds_ms": [...], "error", "of_bound", ...}},
         "scaling", "growth": as "times",
         "first_call": {engine: {"new_ms", "later_ms"}},
         "memory": {engine: {"kept_mib", "extra_mib"}},
         "startup": {engine: {"cold_ms", "warm_ms"}}}}}

An engine without a figure has ``{"refused": why}`` in its place, and ``"failed": true`` if it broke; or
``{"slower_than_s": 20}``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import exp, log, prod
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.engines import ENGINES
from benchmarks.layers import Layer

Results = dict[str, Any]
Row = dict[str, Any]
Ratio = tuple[float, float, float]

PEERS = [name for name, engine in ENGINES.items() if engine.module != "tconv"]


def row(layer: Layer, dtype: str) -> Row:
    """What is known of a layer before anything is measured."""
    itemsize = np.dtype(dtype).itemsize
    return {
        "shape": str(layer),
        "source": layer.source,
        "operations": layer.operations * (4 if np.dtype(dtype).kind == "c" else 1),
        "bytes": layer.values * itemsize,
        "input_bytes": prod(layer.x) * itemsize,
    }


def read(path: Path) -> Results:
    """The results in a file."""
    results: Results = json.loads(path.read_text())
    return results


def write(results: Results, path: Path) -> None:
    """Put results into a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(path)


def operation(results: Results) -> str:
    """Of which operation all rows are. Files older than ordinary convolution do not say it."""
    name: str = results.get("operation", "conv_transpose")
    return name


def differences(one: Results, other: Results) -> list[str]:
    """In what two runs differ that keeps their rows from standing in one table."""
    versions = [
        f"{package} {one['versions'][package]} to {other['versions'][package]}"
        for package in one["versions"].keys() & other["versions"].keys()
        if one["versions"][package] != other["versions"][package]
    ]
    names = ("machine", "threads", "dtype", "batch", "commit")
    changed = [name for name in names if one.get(name) != other.get(name)]
    return changed + ["operation"] * (operation(one) != operation(other)) + versions


def wrong(results: Results) -> bool:
    """Whether tconv has a result beyond the bound, or broke."""
    return any(
        entry.get("of_bound", 0) > 1 or "failed" in entry
        for row in results["rows"].values()
        for entries in row.values()
        if isinstance(entries, dict)
        for engine, entry in entries.items()
        if engine not in PEERS
    )


def milliseconds(row: Row, engine: str, study: str = "times") -> float | None:
    """The engine's time for the row, if it has one and its result was right."""
    entry = row.get(study, {}).get(engine, {})
    return entry["ms"] if "ms" in entry and entry["of_bound"] <= 1 else None


def best_peer(row: Row, peers: Sequence[str] = PEERS) -> str | None:
    """The quickest peer with a right result."""
    times = {peer: ms for peer in peers if (ms := milliseconds(row, peer)) is not None}
    return min(times, key=times.__getitem__) if times else None


def ratio(row: Row, engine: str, other: str | None, study: str = "times") -> Ratio | None:
    """The other's time over the engine's, round by round: median, least and greatest."""
    if other is None or milliseconds(row, engine, study) is None or milliseconds(row, other, study) is None:
        return None
    pairs = zip(row[study][other]["rounds_ms"], row[study][engine]["rounds_ms"], strict=False)
    each = [theirs / ours for theirs, ours in pairs]
    return median(each), min(each), max(each)


def ratios(results: Results, engine: str = "tconv", peers: Sequence[str] = PEERS) -> dict[str, Ratio]:
    """For each row where both can be had, the time of the best of ``peers`` over the engine's."""
    rows = results["rows"].items()
    return {name: found for name, row in rows if (found := ratio(row, engine, best_peer(row, peers)))}


def behind(results: Results) -> list[tuple[float, str]]:
    """The rows where the best peer is quicker, the worst first: its time over tconv's, and the layer."""
    return sorted((figures[0], name) for name, figures in ratios(results).items() if figures[0] < 1)


def share_of_limit(results: Results, row: Row, engine: str, study: str = "times") -> tuple[float, str] | None:
    """Part of the machine's limit that the engine reaches, and which limit: "arithmetic" or "memory".

    The limit is the longer of: operations at the measured multiply-add peak; input, weights and output at the
    measured copy bandwidth. Operations are those of the definition: who multiplies less can pass the limit.
    """
    ms, limits = milliseconds(row, engine, study), results["limits"]
    if ms is None or not limits.get("operations"):
        return None
    arithmetic, memory = row["operations"] / limits["operations"], row["bytes"] / limits["bytes"]
    return 1e3 * max(arithmetic, memory) / ms, "arithmetic" if arithmetic >= memory else "memory"


def geometric_mean(values: list[float]) -> float:
    """The mean that fits ratios.

    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return exp(sum(map(log, values)) / len(values))
