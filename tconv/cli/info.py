"""``tconv info``: what tconv found on this machine."""

from __future__ import annotations

from collections.abc import Sequence

import tconv
from tconv.cli.arguments import Parser

DESCRIPTION = """\
Versions, threads and vector instructions that tconv found on this machine.
A report of a bug should quote them.
"""


def run(arguments: Sequence[str]) -> int:
    """Print the configuration."""
    Parser(prog="tconv info", description=DESCRIPTION).parse_args(arguments)
    tconv.show_config()
    return 0
