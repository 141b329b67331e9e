"""Part 1 of the tour: the source document's two examples, step by step, in numbers and in symbols."""

from __future__ import annotations

import numpy as np
import sympy
from rich.console import Console

import symbolic
import tconv
from symbolic.document import Example

OPERATORS = {"conv": tconv.conv, "conv_transpose": tconv.conv_transpose}
NAMES = {"conv": "Ordinary convolution", "conv_transpose": "Transposed convolution"}


def show(console: Console) -> bool:
    """Print both examples, compute them with tconv, and say whether it agrees."""
    agreed = True
    for example in (symbolic.document.CONV, symbolic.document.CONV_TRANSPOSE):
        console.print(f"[bold]{NAMES[example.operator]}, with numbers[/]")
        _print(console, str(example.trace()))
        agreed &= _verdict(console, f"tconv.{example.operator} on these numbers", _same_numbers(example))
        console.print(f"[bold]{NAMES[example.operator]}, with symbols[/]")
        _print(console, str(example.symbols()))
        agreed &= _verdict(console, f"tconv.{example.operator} on these symbols", _same_symbols(example))
    return agreed


def _same_numbers(example: Example) -> bool:
    x, w = (np.array(operand.tolist(), np.int64) for operand in (example.trace().x, example.trace().w))
    y = OPERATORS[example.operator](x, w, layout="...")
    return bool(y.tolist() == example.trace().result.tolist())


def _same_symbols(example: Example) -> bool:
    trace = example.symbols()
    x, w, expected = (np.array(part.tolist(), object) for part in (trace.x, trace.w, trace.result))
    difference = OPERATORS[example.operator](x, w, layout="...") - expected
    return all(sympy.expand(entry) == 0 for entry in difference.flat)


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)


def _verdict(console: Console, what: str, same: bool) -> bool:
    verdict = "[green]the same[/]" if same else "[bold red]not the same[/]"
    console.print(f"\n{what}: {verdict}\n", highlight=False)
    return same
