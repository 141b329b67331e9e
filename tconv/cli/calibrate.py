"""``tconv calibrate``: the planner's rates, measured on this machine and kept."""

from __future__ import annotations

from collections.abc import Sequence

import numba
from rich.console import Console

from tconv.algorithms import rates
from tconv.calibration import PROBLEMS, calibrate
from tconv.cli.arguments import Parser
from tconv.cli.waiting import progress
from tconv.errors import ParameterError

DESCRIPTION = """\
Measure what the parts of a call take on this machine, in some minutes in which
nothing else should run, and keep it in the user's cache if choices become
better. Later processes plan by it. Results stay right without it, and choices
nearly always good; another choice may round otherwise.
"""


def _parser() -> Parser:
    parser = Parser(prog="tconv calibrate", description=DESCRIPTION)
    parser.add_argument(
        "--problems", type=int, default=PROBLEMS, metavar="N", help=f"how many to measure (default {PROBLEMS})"
    )
    parser.add_argument("--forget", action="store_true", help="remove what was kept, and measure nothing")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Measure, say how far predictions were off and are, and keep what was found."""
    options = _parser().parse_args(arguments)
    kept = rates.file()
    if options.forget:
        kept.unlink(missing_ok=True)
        print(f"nothing is kept in {kept}")
        return 0
    if options.problems < 1:
        raise ParameterError(f"problems: got {options.problems}; must be 1 or more")
    with progress(Console(stderr=True)) as bar:
        task = bar.add_task("measuring")
        fit = calibrate(
            options.problems,
            numba.get_num_threads(),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    print(f"{fit.samples} measurements: predictions were off by a factor of {fit.before:.2f}, now {fit.after:.2f};")
    print(f"what is chosen took {fit.lost_before:.3f} times as long as the best, now {fit.lost_after:.3f}.")
    if fit.lost_after > fit.lost_before:
        print("So what was found is not kept: choices by the rates of before are better.")
        return 0
    rates.write(fit.rates)
    print(f"Kept in {kept}")
    return 0
