"""Markdown tables of results. Nobody types a figure: README's block is written by this file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engines import ENGINES
from benchmarks.layers import select
from benchmarks.results import (
    PEERS,
    Results,
    Row,
    best_peer,
    geometric_mean,
    milliseconds,
    ratio,
    share_of_limit,
)

# Operations of a layer that is more than the cost of a call.
LARGE = 0.2e9

BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"


def number(value: float) -> str:
    """Three significant digits, no exponent.

    >>> number(0.01234), number(1.5), number(27.34), number(12345.6)
    ('0.0123', '1.50', '27.3', '12346')
    """
    if value >= 100:
        return f"{value:.0f}"
    digits = 2
    while digits < 5 and value * 10 ** (digits - 2) < 1:
        digits += 1
    return f"{value:.{digits - (value >= 10)}f}"


def table(head: Sequence[str], body: Iterable[Sequence[str]], words: int = 1) -> str:
    """A Markdown table; the first ``words`` columns to the left, figures to the right."""
    lines = [head, ["---" if column < words else "---:" for column in range(len(head))], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _engines(results: Results, kind: str) -> list[str]:
    """Engines that have a figure of this kind in at least one row, in the order of the registry."""
    found = {
        engine
        for row in results["rows"].values()
        for engine, entry in row.get(kind, {}).items()
        if "refused" not in entry
    }
    return [engine for engine in ENGINES if engine in found]


def _time(row: Row, engine: str) -> str:
    entry = row.get("times", {}).get(engine, {})
    if "slower_than_s" in entry:
        return f"> {1000 * entry['slower_than_s']:.0f}"
    ms = milliseconds(row, engine)
    if ms is None:
        return "wrong" if "ms" in entry else "-"
    best = min(time for name in ("tconv", *PEERS) if (time := milliseconds(row, name)) is not None)
    return f"**{number(ms)}**" if ms == best else number(ms)


def _ratio(row: Row, engine: str, other: str | None) -> str:
    found = ratio(row, engine, other)
    return f"{found[0]:.2f}" if found else "-"


def provenance(results: Results) -> str:
    """One line: machine, threads, versions, date."""
    machine, versions = results["machine"], results["versions"]
    peers = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    vectors = machine["vectors"][-1] if machine["vectors"] else "no vector features known"
    limits, threads = results["limits"], results["threads"]
    peak = f", multiply-add peak {limits['operations'] / 1e9:.0f} GFLOP/s" if limits.get("operations") else ""
    copy = f", copy {limits['bytes'] / 1e9:.0f} GB/s" if limits.get("bytes") else ""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {vectors}{peak}{copy}; {results['dtype']}, "
        f"{threads} thread{'s' * (threads > 1)}; {peers}; {results['date'][:10]}; by `python -m benchmarks`."
    )


def summary(results: Results) -> str:
    """How the layer object stands against the peers, in two sentences; empty if nothing can be compared."""
    sentences = []
    for whom, peer in (("the best peer", None), ("PyTorch's default memory format", "torch")):
        rows = {name: row for name, row in results["rows"].items() if "times" in row}
        ratios = {
            name: found[0] for name, row in rows.items() if (found := ratio(row, "tconv", peer or best_peer(row)))
        }
        if not ratios:
            continue
        ahead = sum(value > 1 for value in ratios.values())
        sentence = (
            f"The layer object is faster than {whom} on {ahead} of {len(ratios)} layers, "
            f"geometric mean {geometric_mean(list(ratios.values())):.2f} times"
        )
        if large := {name: value for name, value in ratios.items() if rows[name]["operations"] >= LARGE}:
            least = min(large, key=large.__getitem__)
            sentence += f"; with {LARGE / 1e9:g} GFLOP or more, never below {large[least]:.2f} ({least})"
        sentences.append(sentence + ".")
    return " ".join(sentences)


def compact(results: Results, page: str | None = None) -> str:
    """The block for README: the quick rows if there are any, and where the ``page`` of all rows is."""
    timed = {name: row for name, row in results["rows"].items() if "times" in row}
    quick = {layer.name for layer in select(quick=True)} & timed.keys()
    rows = {name: row for name, row in timed.items() if not quick or name in quick}
    engines = _engines(results, "times")
    shown = [name for name in engines if name in ("tconv", "tconv.function", *PEERS)]
    head = ["layer", "shape", *(ENGINES[name].title for name in shown), "best peer / tconv"]
    body = [
        [name, row["shape"], *(_time(row, engine) for engine in shown), _ratio(row, "tconv", best_peer(row))]
        for name, row in rows.items()
    ]
    all_rows = f"All {len(timed)} layers: [{page}]({page})." if page and len(timed) > len(rows) else ""
    parts = ["Milliseconds; the quickest in bold (the function is not ranked).", table(head, body, 2)]
    return "\n\n".join(part for part in (*parts, summary(results), all_rows, provenance(results)) if part)


def _timings(results: Results) -> str:
    engines = _engines(results, "times")
    titles = [ENGINES[name].title for name in engines]
    head = ["layer", *titles, "GFLOP/s", "of the limit", "best peer / tconv", "spread"]
    rows = ((name, row) for name, row in results["rows"].items() if "times" in row)
    return table(head, (_timing(results, name, row, engines) for name, row in rows))


def _timing(results: Results, name: str, row: Row, engines: Sequence[str]) -> list[str]:
    ours = milliseconds(row, "tconv")
    share = share_of_limit(results, row, "tconv")
    peer = best_peer(row)
    found = ratio(row, "tconv", peer)
    return [
        name,
        *(_time(row, engine) for engine in engines),
        number(row["operations"] / ours / 1e6) if ours else "-",
        f"{100 * share[0]:.0f} % {share[1]}" if share else "-",
        f"{found[0]:.2f}" if found else "-",
        f"{found[1]:.2f} to {found[2]:.2f}" if found else "-",
    ]


def _pairs(results: Results, kind: str, fields: Sequence[str], form: Callable[[float], str]) -> str:
    engines = _engines(results, kind)

    def cell(entry: dict[str, Any]) -> str:
        return " / ".join(form(entry[field]) for field in fields) if fields[0] in entry else "-"

    head = ["layer", *(ENGINES[name].title for name in engines)]
    body = [
        [name, *(cell(row[kind].get(engine, {})) for engine in engines)]
        for name, row in results["rows"].items()
        if kind in row
    ]
    return table(head, body)


def _accuracy(results: Results) -> str:
    """The largest error of each engine over all rows."""
    body = []
    for engine in _engines(results, "times"):
        entries = [row["times"].get(engine, {}) for row in results["rows"].values() if "times" in row]
        errors = [(entry["error"], entry["of_bound"]) for entry in entries if "error" in entry]
        if errors:
            error, of_bound = (max(column) for column in zip(*errors, strict=True))
            body.append([ENGINES[engine].title, f"{error:.1e}", f"{of_bound:.2g}"])
    return table(["engine", "largest error / largest output", "largest error / proved bound"], body)


def _absent(results: Results) -> str:
    """Which engine has no figure for which row, and why."""
    lines = []
    for kind in ("times", "first_call", "memory"):
        reasons: dict[tuple[str, str], list[str]] = {}
        for name, row in results["rows"].items():
            for engine, entry in row.get(kind, {}).items():
                if "refused" in entry:
                    reasons.setdefault((engine, entry["refused"]), []).append(name)
        for (engine, reason), names in reasons.items():
            lines.append(f"* {ENGINES[engine].title}, {kind}: {reason} ({', '.join(names)})")
    return "\n".join(lines)


def full(results: Results) -> str:
    """Everything that a run has found, as one Markdown page."""
    rows = results["rows"]
    parts = ["# Benchmarks", provenance(results), summary(results)]
    if any("times" in row for row in rows.values()):
        parts += ["## Milliseconds for one call", _timings(results)]
        parts += ["## Errors against double precision", _accuracy(results)]
    if any("first_call" in row for row in rows.values()):
        fields = ("new_ms", "later_ms")
        parts += ["## Milliseconds on a new shape / later", _pairs(results, "first_call", fields, number)]
    if any("memory" in row for row in rows.values()):
        fields = ("kept_mib", "extra_mib")
        title = "## MiB kept between calls / taken by a call beyond its result"
        parts += [title, _pairs(results, "memory", fields, "{:.1f}".format)]
    layers = ([name, row["shape"], row["source"]] for name, row in rows.items())
    engines = "\n".join(f"* {engine.title}: {engine.about}" for engine in ENGINES.values())
    parts += ["## Layers", table(["layer", "shape", "source"], layers, 3), "## Engines", engines]
    if absent := _absent(results):
        parts += ["## No figure", absent]
    return "\n\n".join(part for part in parts if part) + "\n"


def put_between_markers(path: Path, block: str) -> bool:
    """Replace what stands between the markers in a file; False if the file or the markers are not there."""
    text = path.read_text() if path.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return False
    path.write_text(f"{before}{BEGIN}\n\n{block}\n\n{END}{after}")
    return True
