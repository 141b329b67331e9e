"""One run of the program: which engines are here, what is measured, what goes into the file."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks import machine, results
from benchmarks.bench import Bench
from benchmarks.engines import ENGINES, Refused
from benchmarks.layers import Layer
from benchmarks.process import ROOT, Crew
from benchmarks.studies import Measure
from benchmarks.tables import GROWTH, LAYERS

Limits = dict[str, float | None]


@dataclass(frozen=True)
class Session:
    """What is to be done.

    ``study`` is the key of a row under which ``measure``'s outcome is put. ``batch`` says that all layers were given
    this batch. ``keep`` leaves alone the rows of ``path`` that have this study; the others are measured and written
    over. No layer is begun after ``seconds``.
    """

    study: str
    measure: Measure
    rounds: int
    layers: Sequence[Layer]
    engines: Sequence[str]
    pythons: dict[str, str]
    threads: int
    dtype: str
    path: Path
    operation: str = "conv_transpose"
    batch: int | None = None
    keep: bool = False
    seconds: float = float("inf")

    def run(self, say: Callable[[str], None]) -> results.Results:
        """Measure, saying how it goes, and write the file after each layer."""
        begin = monotonic()
        with Crew(self.threads, self.pythons) as crew, tempfile.TemporaryDirectory() as folder:
            bench = Bench(crew, Path(folder), self.dtype, self.rounds)
            engines, versions = self._present(crew, say)
            found = self._opened(crew, versions, say)
            for layer in self.layers:
                row = found["rows"].get(layer.name) or results.row(layer, self.dtype)
                if self.keep and self.study in row:
                    continue
                if monotonic() - begin > self.seconds:
                    say(f"Time is over before {layer.name}; with --keep the next run goes on from there.")
                    break
                row[self.study] = self.measure(layer, engines, bench)
                found["rows"][layer.name] = row
                results.write(_ordered(found), self.path)
                say(line(layer.name, row[self.study]))
        return _ordered(found)

    def _present(self, crew: Crew, say: Callable[[str], None]) -> tuple[list[str], dict[str, str]]:
        """Engines that answer, and the versions of their packages."""
        here: list[str] = []
        versions: dict[str, str] = {}
        missing: set[str] = set()
        for engine in self.engines:
            module = ENGINES[engine].module
            if module in missing:
                continue
            try:
                theirs = crew.ask(engine, "hello")["versions"]
            except Refused as error:
                say(f"{module} is left out: {error}")
                missing.add(module)
                continue
            here.append(engine)
            # NumPy's version is that of tconv's interpreter, which comes first.
            versions = theirs | versions
        if not here:
            raise ValueError("none of the engines can be started here")
        return here, versions

    def _opened(self, crew: Crew, versions: dict[str, str], say: Callable[[str], None]) -> results.Results:
        """The file's contents, if they can stand beside what will be measured now; else a new beginning."""
        fresh: results.Results = {
            "what": "milliseconds, bytes and operations per second; see benchmarks/results.py",
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "commit": commit(),
            "machine": machine.describe(),
            "versions": versions,
            "threads": self.threads,
            "dtype": self.dtype,
            "operation": self.operation,
            "batch": self.batch,
            "rows": {},
        }
        if self.path.exists():
            before = results.read(self.path)
            if not (differences := results.differences(before, fresh)):
                limits = _greater(before["limits"], self._limits(crew))
                versions = before["versions"] | versions
                return before | {"date": fresh["date"], "versions": versions, "limits": limits}
            changed = f"{', '.join(differences)} changed since"
            if self.keep:
                raise ValueError(f"--keep: {self.path} can't be gone on with: {changed}")
            say(f"{self.path} is begun anew: {changed}")
        return fresh | {"limits": self._limits(crew)}

    def _limits(self, crew: Crew) -> Limits:
        """Operations and copied bytes in a second at most, as tconv's worker finds them now."""
        try:
            return crew.ask("tconv", "limits", dtype=self.dtype)
        except Refused:
            return {"operations": None, "bytes": None}


def commit() -> str | None:
    """The commit that is measured, with a + if tconv or this program differ from it; None where git can't tell."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "tconv", "benchmarks", ":!benchmarks/results")
        return git("rev-parse", "--short", "HEAD") + "+" * bool(changed)
    except (OSError, subprocess.CalledProcessError):
        return None


def line(name: str, entries: dict[str, Any]) -> str:
    """What was found for one layer, on one line of the terminal."""
    figures = ("ms", "new_ms", "later_ms", "kept_mib", "extra_mib", "cold_ms", "warm_ms")

    def words(entry: dict[str, Any]) -> str:
        if "slower_than_s" in entry:
            return f"> {1000 * entry['slower_than_s']:.0f}"
        if entry.get("of_bound", 0) > 1:
            return f"wrong by {entry['error']:.1e}"
        return "/".join(f"{entry[name]:.4g}" for name in figures if name in entry) or "-"

    return f"{name:16} " + "  ".join(f"{engine} {words(entry)}" for engine, entry in entries.items())


def _greater(one: Limits, other: Limits) -> Limits:
    """The greater of each limit: what disturbs a measurement can only lower it."""
    return {name: max(one[name] or 0.0, other[name] or 0.0) or None for name in one}


def _ordered(found: results.Results) -> results.Results:
    """The same with rows in the order of the tables of layers."""
    rows = found["rows"]
    return found | {"rows": {layer.name: rows[layer.name] for layer in (*LAYERS, *GROWTH) if layer.name in rows}}
