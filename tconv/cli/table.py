"""Part 2 of the tour: every algorithm against `symbolic`, the exact expansion.

An algorithm with an operator makes a row, the checks are columns.
"""

from __future__ import annotations

import numba
from rich import box
from rich.console import Console
from rich.table import Table

from tconv.cli import cases, checks
from tconv.cli.waiting import progress


def show(console: Console) -> bool:
    """Run all checks, print them as a table, and say whether all have passed."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("algorithm", no_wrap=True)
    table.add_column("operator", no_wrap=True)
    for name in checks.CHECKS:
        table.add_column(name, justify="right")
    failures = []
    with progress(console) as bar:
        task = bar.add_task("", total=len(cases.rows()) * len(checks.CHECKS))
        for method, operator in cases.rows():
            cells = []
            for name, check in checks.CHECKS.items():
                bar.update(task, description=f"{method}, {name}")
                verdicts = list(check(method, operator))
                wrong = [f"{method}, {operator}, {name}: {case}: {what}" for case, what in verdicts if what]
                cells.append(_cell(len(verdicts), len(wrong)))
                failures += wrong
                bar.advance(task)
            table.add_row(method, operator, *cells)
    console.print(table)
    console.print(
        "The numbers count problems that came out right: exactly on symbols and on integers, within the "
        "proved bound on floats, with <A x, g> = <x, A' g> on integers (adjoint), with the same bits on one "
        f"thread and on {numba.config.NUMBA_NUM_THREADS} (threads). Each algorithm gets those that it takes.",
        highlight=False,
    )
    for failure in failures[:5]:
        console.print(failure, style="red", highlight=False)
    return not failures


def _cell(total: int, wrong: int) -> str:
    if wrong:
        return f"[bold red]{wrong} of {total} failed[/]"
    return f"[green]{total}[/]" if total else "-"
