"""Markdown tables of results. Nobody types a figure: README's blocks are written by this file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.engines import ENGINES
from benchmarks.results import (
    PEERS,
    Results,
    Row,
    behind,
    best_peer,
    geometric_mean,
    milliseconds,
    operation,
    ratio,
    ratios,
    share_of_limit,
)
from benchmarks.studies import STUDIES
from benchmarks.tables import select

Columns = dict[str, Callable[[Row], str]]  # of a table: what stands at the top, and below it for a row

# Operations of a layer that is more than the cost of a call.
LARGE = 0.2e9

TITLES = {"conv_transpose": "Transposed convolution", "conv": "Ordinary convolution"}


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


def _engines(results: Results, study: str) -> list[str]:
    """Engines that have a figure of this study in at least one row, in the order of the registry."""
    found = {
        engine
        for row in results["rows"].values()
        for engine, entry in row.get(study, {}).items()
        if "refused" not in entry
    }
    return [engine for engine in ENGINES if engine in found]


def _time(row: Row, engine: str, study: str) -> str:
    entry = row[study].get(engine, {})
    if "slower_than_s" in entry:
        return f"> {1000 * entry['slower_than_s']:.0f}"
    ms = milliseconds(row, engine, study)
    if ms is None:
        return "wrong" if "ms" in entry else "-"
    ranked = {name: time for name in ("tconv", *PEERS) if (time := milliseconds(row, name)) is not None}
    best = study == "times" and engine in ranked and ms == min(ranked.values())
    return f"**{number(ms)}**" if best else number(ms)


def _rate(row: Row, engine: str, study: str) -> str:
    ms = milliseconds(row, engine, study)
    return number(row["operations"] / ms / 1e6) if ms else "-"


def _share(row: Row, engine: str, study: str, results: Results) -> str:
    share = share_of_limit(results, row, engine, study)
    return f"{100 * share[0]:.0f} % {share[1]}" if share else "-"


def _ratio(row: Row, engine: str, study: str) -> str:
    found = ratio(row, "tconv", engine, study)
    return f"{found[0]:.2f} ({found[1]:.2f} to {found[2]:.2f})" if found else "-"


def _fields(row: Row, engine: str, study: str, fields: Sequence[str], form: Callable[[float], str]) -> str:
    entry = row[study].get(engine, {})
    return " / ".join(form(entry[field]) for field in fields) if fields[0] in entry else "-"


def provenance(results: Results) -> str:
    """One line: machine, threads, versions, date."""
    machine, versions = results["machine"], results["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    vectors = machine["vectors"][-1] if machine["vectors"] else "no vector features known"
    limits, threads = results["limits"], results["threads"]
    peak = f", multiply-add peak {limits['operations'] / 1e9:.0f} GFLOP/s" if limits.get("operations") else ""
    copy = f", copy {limits['bytes'] / 1e9:.0f} GB/s" if limits.get("bytes") else ""
    timed = (row.get("times", {}).get("tconv", {}) for row in results["rows"].values())
    turns = max((len(entry.get("rounds_ms", ())) for entry in timed), default=0)
    rounds = f", medians of {turns} rounds" if turns else ""
    commit = f", commit {results['commit']}" if results.get("commit") else ""
    batch = f", batch {results['batch']}" if results.get("batch") else ""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {vectors}{peak}{copy}; {results['dtype']}, "
        f"{threads} thread{'s' * (threads > 1)}{batch}{rounds}; {packages}; {results['date'][:10]}{commit}; "
        "by `python -m benchmarks`."
    )


def summary(results: Results) -> str:
    """How the layer object and the function stand against the peers; empty if nothing can be compared."""
    torch = [name for name in PEERS if ENGINES[name].module == "torch"]
    compared = (
        ("The layer object", "tconv", "the best peer", PEERS),
        ("The function", "tconv.function", "PyTorch's in its better memory format", torch),
    )
    sentences = []
    for who, engine, whom, peers in compared:
        found = {name: figures[0] for name, figures in ratios(results, engine, peers).items()}
        if not found:
            continue
        ahead = sum(value > 1 for value in found.values())
        mean = geometric_mean(list(found.values()))
        sentence = f"{who} is faster than {whom} on {ahead} of {len(found)} layers, geometric mean {mean:.2f} times"
        if large := {name: value for name, value in found.items() if results["rows"][name]["operations"] >= LARGE}:
            least = min(large, key=large.__getitem__)
            sentence += f"; with {LARGE / 1e9:g} GFLOP or more, never below {large[least]:.2f} ({least})"
        if engine == "tconv" and (slower := behind(results)):
            sentence += f"; slower on {', '.join(f'{name} ({value:.2f})' for value, name in slower)}"
        sentences.append(sentence + ".")
    last = ratios(results, "tconv.channels_last", ["tconv"])
    if last:
        least = min(last, key=lambda name: last[name][0])
        mean = geometric_mean([figures[0] for figures in last.values()])
        worst = f"at least {last[least][0]:.2f} ({least})"
        sentences.append(f"With channels last the layer object is {mean:.2f} times as fast, {worst}.")
    return " ".join(sentences)


def _picture(results: Results, path: str | None) -> str:
    said = "Time of the best peer over time of tconv, layer by layer"
    return f"![{said}]({path}.svg)" if path and ratios(results) else ""


def compact(results: Results, path: str | None = None) -> str:
    """The block for README: the chart, the quick rows if there are any, and where all rows are: ``path`` + ".md"."""
    timed = {name: row for name, row in results["rows"].items() if "times" in row}
    quick = {layer.name for layer in select(quick=True)} & timed.keys()
    rows = {name: row for name, row in timed.items() if not quick or name in quick}
    shown = [name for name in _engines(results, "times") if name in ("tconv", "tconv.function", *PEERS)]
    head = ["layer", "shape", *(ENGINES[name].title for name in shown), "best peer / tconv"]
    body = [
        [name, row["shape"], *(_time(row, engine, "times") for engine in shown), f"{found[0]:.2f}" if found else "-"]
        for name, row in rows.items()
        for found in [ratio(row, "tconv", best_peer(row))]
    ]
    title = TITLES[operation(results)]
    parts = [
        _picture(results, path),
        f"{title}, milliseconds of a call; the quickest in bold (the function is not ranked).",
        table(head, body, 2),
        summary(results),
        f"All {len(timed)} layers: [{path}.md]({path}.md)." if path else "",
        provenance(results),
    ]
    return "\n\n".join(filter(None, parts))


def _behind(results: Results) -> str:
    """The rows with the quickest peer ahead, the worst first."""
    body = []
    for value, name in behind(results):
        row = results["rows"][name]
        peer = best_peer(row)
        assert peer is not None
        shares = [_share(row, engine, "times", results) for engine in ("tconv", peer)]
        body.append([name, row["shape"], ENGINES[peer].title, f"{value:.2f}", *shares])
    head = ["layer", "shape", "peer", "its time / tconv's", "tconv, of the limit", "peer, of the limit"]
    return table(head, body, 3) if body else ""


def _accuracy(results: Results) -> str:
    """The largest error of each engine over all rows."""
    body = []
    for engine in _engines(results, "times"):
        entries = [row["times"].get(engine, {}) for row in results["rows"].values() if "times" in row]
        errors = [(entry["error"], entry["of_bound"]) for entry in entries if "error" in entry]
        if errors:
            error, of_bound = (max(column) for column in zip(*errors, strict=True))
            body.append([ENGINES[engine].title, f"{error:.1e}", f"{of_bound:.2g}"])
    head = ["engine", "largest error / largest output", "largest error / the direct sum's bound"]
    return table(head, body) if body else ""


def _absent(results: Results) -> str:
    """Which engine has no figure for which row, and why."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for name, row in results["rows"].items():
        for study in STUDIES:
            for engine, entry in row.get(study, {}).items():
                if "refused" in entry:
                    reasons.setdefault((study, engine, entry["refused"]), []).append(name)
    return "\n".join(
        f"* {ENGINES[engine].title}, {study}: {reason} ({', '.join(names)})"
        for (study, engine, reason), names in sorted(reasons.items())
    )


def _studies(results: Results) -> dict[str, str]:
    """A table for each study, under its heading; a line for each row, a column for each engine."""

    def columns(study: str, cell: Callable[..., str], engines: Iterable[str] = ENGINES, **given: Any) -> Columns:
        found = [name for name in _engines(results, study) if name in engines]
        return {ENGINES[name].title: partial(cell, engine=name, study=study, **given) for name in found}

    def lines(study: str, columns: Columns) -> str:
        rows = {name: row for name, row in results["rows"].items() if study in row}
        body = ([name, *(cell(row) for cell in columns.values())] for name, row in rows.items())
        return table(["layer", *columns], body) if rows and columns else ""

    rates: Columns = {
        "GFLOP/s": partial(_rate, engine="tconv", study="times"),
        "of the limit": partial(_share, engine="tconv", study="times", results=results),
        "with out=": partial(_share, engine="tconv.out", study="times", results=results),
    }
    memory = columns("memory", _fields, fields=("kept_mib", "extra_mib"), form="{:.1f}".format)
    startup = columns("startup", _fields, fields=("cold_ms", "warm_ms"), form=lambda ms: f"{ms / 1e3:.2f}")
    growth = {f"{name}, GFLOP/s": cell for name, cell in columns("growth", _rate).items()}
    gain: Columns = {
        "one thread / tconv": partial(_ratio, engine="tconv.serial", study="scaling"),
        "of the limit": partial(_share, engine="tconv", study="scaling", results=results),
    }
    return {
        "Milliseconds of a call": lines("times", columns("times", _time) | rates),
        "Time of each peer / time of the layer object": lines("times", columns("times", _ratio, PEERS)),
        "Where a peer is faster": _behind(results),
        "Errors against double precision": _accuracy(results),
        "Milliseconds on a new shape / later": lines(
            "first_call", columns("first_call", _fields, fields=("new_ms", "later_ms"), form=number)
        ),
        "MiB of the input; kept between calls / taken by a call beyond its result": lines(
            "memory", {"input": lambda row: f"{row['input_bytes'] / 2**20:.1f}"} | memory
        ),
        "Seconds of a fresh process to its first result, Numba's cache empty / filled": lines("startup", startup),
        "Milliseconds with one thread and with all": lines("scaling", columns("scaling", _time) | gain),
        "Milliseconds from ten thousand outputs to a thousand million": lines(
            "growth", columns("growth", _time) | growth
        ),
    }


def full(results: Results, name: str | None = None) -> str:
    """Everything that a run has found, as one Markdown page; the chart beside it is ``name`` + ".svg"."""
    layers = ([layer, row["shape"], row["source"]] for layer, row in results["rows"].items())
    asked = {engine for row in results["rows"].values() for study in STUDIES for engine in row.get(study, {})}
    sections = _studies(results) | {
        "Layers": table(["layer", "shape", "source"], layers, 3),
        "Engines": "\n".join(f"* {engine.title}: {engine.about}" for name, engine in ENGINES.items() if name in asked),
        "No figure": _absent(results),
    }
    parts = [f"# {TITLES[operation(results)]}", provenance(results), summary(results), _picture(results, name)]
    parts += [f"## {heading}\n\n{text}" for heading, text in sections.items() if text]
    return "\n\n".join(filter(None, parts)) + "\n"


def markers(operation: str) -> tuple[str, str]:
    """Between which lines README has the block of an operation."""
    return f"<!-- benchmarks: {operation} -->", f"<!-- /benchmarks: {operation} -->"


def between_markers(path: Path, operation: str) -> str:
    """What stands between the markers in a file; nothing if the file or the markers are not there."""
    opening, closing = markers(operation)
    _, begin, rest = (path.read_text() if path.exists() else "").partition(opening)
    block, end, _ = rest.partition(closing)
    return block if begin and end else ""


def put_between_markers(path: Path, operation: str, block: str) -> None:
    """Replace what stands there."""
    opening, closing = markers(operation)
    before, _, rest = path.read_text().partition(opening)
    path.write_text(f"{before}{opening}\n\n{block}\n\n{closing}{rest.partition(closing)[2]}")
