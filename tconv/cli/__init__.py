"""The command line: ``tconv`` and ``python -m tconv``."""

from __future__ import annotations

import os
import sys
from argparse import REMAINDER, SUPPRESS
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from tconv import __version__
from tconv.cli.arguments import Parser
from tconv.errors import TconvError

# Each is a module of this package with a function run(arguments) that returns the exit status. It is imported
# when it is chosen, so that help and wrong arguments are answered at once.
COMMANDS = {
    "upscale": "enlarge a picture with bilinear, bicubic or Lanczos interpolation",
    "size": "the size of an output, with its derivation",
    "plan": "which algorithm would run for given shapes, at what cost, and why",
    "calibrate": "measure this machine, that the planner may choose by it",
    "info": "versions, threads and vector instructions that tconv found here",
}

DESCRIPTION = """\
Transposed convolution in any number of dimensions, fast and exact.

Without a command: shows the document's example, checks every algorithm against
the exact expansion, measures a few layers, and enlarges a photograph. It takes
about half a minute the first time, while Numba compiles. The exit status is 1
if any check fails.
"""


def _parser() -> Parser:
    commands = "\n".join(f"  {name:10} {summary}" for name, summary in COMMANDS.items())
    parser = Parser(
        prog="tconv",
        usage="tconv [COMMAND ...]",
        description=DESCRIPTION,
        epilog=f"commands:\n{commands}\n\n'tconv COMMAND --help' says more about each.",
    )
    parser.add_argument("--version", action="version", version=f"tconv {__version__}")
    parser.add_argument("command", nargs="?", choices=COMMANDS, help=SUPPRESS)
    parser.add_argument("arguments", nargs=REMAINDER, help=SUPPRESS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Status 0 is success, 1 a failed check, 2 a wrong argument or a file that cannot be read or written. As in
    shells, 130 says that it was interrupted and 141 that nobody reads on.
    """
    chosen = _parser().parse_args(arguments)
    # A picture's name may hold what the terminal's encoding lacks; a result is worth more than its spelling.
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    command = import_module(f"tconv.cli.{chosen.command or 'tour'}")
    try:
        status: int = command.run(chosen.arguments)
        sys.stdout.flush()  # here, as at its exit Python would complain of a reader that has gone
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `head` and its like have read enough; Python must not complain at its exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (TconvError, OSError) as error:
        print(f"tconv {chosen.command or ''}".rstrip() + f": {error}", file=sys.stderr)
        return 2
    return status
