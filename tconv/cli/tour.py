"""``python -m tconv``: the document's example, the checks, the speed, a photograph, and what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from rich.console import Console

from tconv.cli.waiting import status

NEXT = """\
In a shell:
  tconv upscale photo.png -o big.png --scale 2 --kernel lanczos3
  tconv size 32x32 --kernel 4 --stride 2 --padding 1
  tconv plan 16x128x16x16 128x64x4x4 --stride 2 --padding 1
  tconv info

In Python:
  import tconv
  tconv.conv_transpose([1, 10, 100], [1, 2, 3], stride=2, layout="...")
"""


def run(arguments: Sequence[str] = ()) -> int:
    """Show all parts. The status is 1 if tconv and `symbolic`, or tconv and Pillow, disagree anywhere."""
    console = Console()
    start = perf_counter()
    with status(console, "loading"):
        # SymPy and Numba take a second, in which there should be something to see.
        from tconv.cli import document, photograph, speed, table
        from tconv.cli.compiling import compile_kernels

    compile_kernels(console)
    console.rule("1. The document's example")
    agreed = [document.show(console)]
    console.rule("2. Every algorithm against the exact expansion")
    agreed.append(table.show(console))
    console.rule("3. The speed of this machine")
    speed.show(console)
    console.rule("4. A photograph")
    agreed.append(photograph.show(console))
    console.rule("5. What to try next")
    console.print(NEXT, markup=False, highlight=False)
    if all(agreed):
        console.print(f"[green]All checks passed[/] ({perf_counter() - start:.0f} s).", highlight=False)
        return 0
    console.print("[bold red]A check failed:[/] see above.")
    return 1
