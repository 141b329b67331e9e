"""The command line: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import first_call, machine, memory, report, results, rounds
from benchmarks.engines import ENGINES
from benchmarks.layers import select
from benchmarks.operands import DTYPES
from benchmarks.process import ROOT
from benchmarks.session import Measure, Session

README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
PEERS = list(dict.fromkeys(ENGINES[name].module for name in results.PEERS))


def parser() -> argparse.ArgumentParser:
    """All options."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time tconv beside PyTorch, ONNX Runtime, OpenVINO and JAX on layers of real networks. "
        "Each engine runs in its own process, in turns; every result is checked in double precision.",
    )
    add = options.add_argument
    add("--quick", action="store_true", help="fewer layers, three rounds")
    add("--layers", metavar="PATTERN", nargs="+", help="names as a shell matches them, as in 'unet.*'")
    add("--peers", metavar="LIST", help=f"with commas between, or none; default: {','.join(PEERS)}")
    add("--threads", type=int, default=machine.describe()["cores"], help="default: %(default)s, all cores")
    add("--rounds", type=int, help="turns of each engine; default: 5, with --quick 3")
    add("--dtype", choices=DTYPES, default="float32", help="default: %(default)s")
    kinds = options.add_mutually_exclusive_group()
    kinds.add_argument("--first-call", action="store_true", help="measure what a new shape costs instead")
    kinds.add_argument("--memory", action="store_true", help="measure the memory taken instead")
    add("--python", metavar="NAME=PATH", action="append", default=[], help="the interpreter of one engine")
    add("--peer-python", metavar="PATH", help="the interpreter of all peers")
    add("--out", type=Path, metavar="JSON", help="default: benchmarks/results/DTYPE-THREADS-threads.json")
    add("--keep", action="store_true", help="measure only what --out does not hold yet")
    add(
        "--minutes",
        type=float,
        default=float("inf"),
        help="begin no layer later; --keep goes on another time",
    )
    add("--report", type=Path, metavar="JSON", help="only write the tables of JSON again, README's too")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run. The exit status is 1 if a result of tconv was wrong, 2 if what was asked for can't be done."""
    options = parser().parse_args(arguments)
    try:
        if options.report:
            found, path = results.read(options.report), options.report
            page = path.with_suffix(".md").resolve()
            inside = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else None
            if not report.put_between_markers(README, report.compact(found, inside)):
                print(f"README.md has no place for a table: {report.BEGIN} and {report.END}", file=sys.stderr)
        else:
            session = requested(options)
            found, path = session.run(partial(print, flush=True)), session.path
    except (ValueError, OSError) as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 2
    path.with_suffix(".md").write_text(report.full(found))
    print(f"\n{report.summary(found)}\n{path}, {path.with_suffix('.md')}")
    return int(results.wrong(found))


def requested(options: argparse.Namespace) -> Session:
    """The session that the options describe.

    Raises
    ------
    ValueError
        A name that is no layer, no peer or no engine; a count below one.
    """
    if options.threads < 1 or (options.rounds is not None and options.rounds < 1):
        raise ValueError("--threads and --rounds must be at least 1")
    kind, measure = _measurement(options)
    peers = _peers(options.peers)
    return Session(
        kind=kind,
        measure=measure,
        layers=select(options.layers, options.quick),
        engines=[name for name, engine in ENGINES.items() if engine.module in ("tconv", *peers)],
        pythons=_pythons(options.python, options.peer_python),
        threads=options.threads,
        dtype=options.dtype,
        path=options.out or RESULTS / f"{options.dtype}-{options.threads}-threads.json",
        keep=options.keep,
        seconds=60 * options.minutes,
    )


def _measurement(options: argparse.Namespace) -> tuple[str, Measure]:
    if options.memory:
        return "memory", memory.measure
    if options.first_call:
        return "first_call", partial(first_call.measure, shapes=6 if options.quick else 20)
    schedule = rounds.Schedule(rounds=options.rounds or (3 if options.quick else 5))
    return "times", partial(rounds.measure, schedule=schedule)


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
