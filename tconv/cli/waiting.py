"""Something to look at while it takes a while; of ASCII, which every terminal can show."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.status import Status

SPINNER = "line"


def status(console: Console, doing: str) -> Status:
    """A spinner beside the words, for a time that nobody knows."""
    return console.status(doing, spinner=SPINNER)


def progress(console: Console) -> Progress:
    """A bar, the work's description and the time; nothing where no terminal shows it."""
    columns = (SpinnerColumn(SPINNER), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
