"""The command line: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import chart, machine, report, results
from benchmarks.engines import ENGINES
from benchmarks.operands import DTYPES
from benchmarks.process import ROOT
from benchmarks.session import Session
from benchmarks.studies import STUDIES
from benchmarks.tables import select

README = ROOT / "README.md"
MEASURED = ROOT / "benchmarks" / "measured"  # those that the repository keeps are in benchmarks/results
PEERS = list(dict.fromkeys(ENGINES[name].module for name in results.PEERS))


def parser() -> argparse.ArgumentParser:
    """All options."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time tconv beside PyTorch, ONNX Runtime, OpenVINO and JAX on layers of real networks. "
        "Each engine runs in its own process, in turns; every result is checked in double precision.",
    )
    add = options.add_argument
    studies = "; ".join(f"{name}: {study.about}" for name, study in STUDIES.items())
    add("--study", choices=STUDIES, nargs="+", default=["times"], help=f"one or more; default: times. {studies}")
    add("--operation", choices=["conv_transpose", "conv"], default="conv_transpose", help="default: %(default)s")
    add("--quick", action="store_true", help="fewer layers, fewer rounds")
    add("--layers", metavar="PATTERN", nargs="+", help="names as a shell matches them, as in 'unet.*'")
    add("--peers", metavar="LIST", help=f"with commas between, or none; default: {','.join(PEERS)}")
    add("--threads", type=int, default=machine.describe()["cores"], help="default: %(default)s, all cores")
    add("--batch", type=int, help="of every layer, in place of its own")
    add("--dtype", choices=DTYPES, default="float32", help="default: %(default)s")
    add("--rounds", type=int, help="how often; for times, turns of each engine: 5, with --quick 3")
    add("--python", metavar="NAME=PATH", action="append", default=[], help="the interpreter of one engine")
    add("--peer-python", metavar="PATH", help="the interpreter of all peers")
    add("--out", type=Path, metavar="JSON", help="default: in benchmarks/measured, named after what is measured")
    add("--keep", action="store_true", help="measure only what --out does not hold yet")
    add(
        "--minutes",
        type=float,
        default=float("inf"),
        help="begin no layer later; --keep goes on another time",
    )
    add("--report", type=Path, metavar="JSON", help="only write its tables again, README's too if it shows them")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run. The exit status is 1 if a result of tconv was wrong, 2 if what was asked for can't be done."""
    options = parser().parse_args(arguments)
    try:
        if options.report:
            found, path = results.read(options.report), options.report
        else:
            for session in [requested(options, study) for study in options.study]:
                found, path = session.run(partial(print, flush=True)), session.path
    except (ValueError, OSError) as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 2
    if results.ratios(found):
        path.with_suffix(".svg").write_text(chart.draw(found))
    path.with_suffix(".md").write_text(report.full(found, path.stem))
    if options.report:
        place, operation = path.with_suffix("").resolve(), results.operation(found)
        inside = place.relative_to(ROOT).as_posix() if place.is_relative_to(ROOT) else None
        if f"({inside}.md)" not in report.between_markers(README, operation):
            print(f"README.md shows other results between {report.markers(operation)}", file=sys.stderr)
        else:
            report.put_between_markers(README, operation, report.compact(found, inside))
    print(f"\n{report.summary(found)}\n{path}, {path.with_suffix('.md')}")
    return int(results.wrong(found))


def requested(options: argparse.Namespace, name: str) -> Session:
    """The session that the options describe, for the study of this name.

    Raises
    ------
    ValueError
        A name that is no layer, no peer or no engine; a count below one; a study that has no such layers.
    """
    counts = (options.threads, options.batch, options.rounds)
    if any(count is not None and count < 1 for count in counts):
        raise ValueError("--threads, --batch and --rounds must be at least 1")
    study = STUDIES[name]
    table = [layer for layer in study.table if layer.operation == options.operation]
    if not table:
        raise ValueError(f"--study {name} is not of {options.operation}")
    layers = select(options.layers, options.quick or study.most is not None, table)
    if not options.layers:
        layers = layers[: study.most]
    if options.batch:
        layers = [replace(layer, x=(options.batch, *layer.x[1:])) for layer in layers]
    modules = ("tconv", *_peers(options.peers))
    return Session(
        study=name,
        measure=study.measure,
        rounds=options.rounds or (study.quick if options.quick else study.rounds),
        layers=layers,
        engines=[name for name in study.engines if ENGINES[name].module in modules],
        pythons=_pythons(options.python, options.peer_python),
        threads=options.threads,
        dtype=options.dtype,
        path=options.out or MEASURED / _file(options),
        operation=options.operation,
        batch=options.batch,
        keep=options.keep,
        seconds=60 * options.minutes,
    )


def _file(options: argparse.Namespace) -> str:
    """Named after what keeps figures from standing in one table."""
    operation = "" if options.operation == "conv_transpose" else f"{options.operation}-"
    batch = f"-batch-{options.batch}" if options.batch else ""
    return f"{operation}{options.dtype}-{options.threads}-threads{batch}.json"


def _peers(words: str | None) -> list[str]:
    if words is None:
        return PEERS
    names = [] if words == "none" else words.split(",")
    for name in names:
        if name not in PEERS:
            raise ValueError(f"--peers: no peer {name!r}; there are {', '.join(PEERS)}, none")
    return names


def _pythons(each: Sequence[str], peers: str | None) -> dict[str, str]:
    pythons = dict.fromkeys(PEERS, peers) if peers else {}
    engines = ["tconv", *PEERS]
    for words in each:
        name, _, path = words.partition("=")
        if name not in engines or not path:
            raise ValueError(f"--python: {words!r} is not NAME=PATH with a name of {', '.join(engines)}")
        pythons[name] = path
    return pythons


if __name__ == "__main__":
    sys.exit(main())
