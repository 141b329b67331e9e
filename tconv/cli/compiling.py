"""The tour's kernels, compiled on two cores with something to look at."""

from __future__ import annotations

import subprocess
import sys

from rich.console import Console

import tconv
from tconv.cli.waiting import progress

HERE, ELSEWHERE = "int64", "float32"


def compile_kernels(console: Console) -> None:
    """Compile, or load, the kernels for both dtypes of the tour: one here, the other in a second process.

    Numba compiles on one core. What the second process compiles is found on disk when it is needed; if it
    fails, this process compiles it then.
    """
    command = [sys.executable, "-c", f"import tconv; tconv.warmup(['{ELSEWHERE}'])"]
    if not console.is_terminal:
        console.print("Compiling the kernels: half a minute the first time, then nothing.")
    with (
        progress(console) as bar,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as elsewhere,
    ):
        task = bar.add_task("")

        def show(done: int, total: int, label: str) -> None:
            bar.update(task, description=f"Numba compiles {label}", completed=done, total=total + 1)

        tconv.warmup([HERE], progress=show)
        bar.update(task, description=f"Numba compiles for {ELSEWHERE}")
        elsewhere.wait()
