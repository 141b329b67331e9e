"""``tconv plan``: which algorithm would run, and why."""

from __future__ import annotations

from collections.abc import Sequence

import tconv
from tconv.cli.arguments import Parser, add_geometry, shape
from tconv.geometry import ACCURACIES

DESCRIPTION = """\
Which algorithm would compute a convolution of given shapes, what it would cost,
and why each other algorithm was not taken.

examples:
  tconv plan 16x128x16x16 128x64x4x4 --stride 2 --padding 1
  tconv plan 1x3x224x224 64x3x7x7 --operator conv --stride 2 --padding 3
  tconv plan 1x16x16x8 4x4x6x8 --layout N...C --kernel-layout ...OI
"""


def _parser() -> Parser:
    parser = Parser(prog="tconv plan", description=DESCRIPTION)
    parser.add_argument("x", type=shape, metavar="X", help="shape of the input: 16x128x16x16")
    parser.add_argument("w", type=shape, metavar="W", help="shape of the weights: 128x64x4x4")
    parser.add_argument(
        "--operator",
        choices=("conv_transpose", "conv"),
        default="conv_transpose",
        help="transposed (the default) or ordinary convolution",
    )
    parser.add_argument("--dtype", default="float32", metavar="T", help="of both (default float32)")
    parser.add_argument("--groups", type=int, default=1, metavar="G", help="groups of channels (default 1)")
    parser.add_argument("--layout", default="NC...", metavar="L", help="axes of the input (default NC...)")
    parser.add_argument("--kernel-layout", metavar="L", help="axes of the weights (default IO..., for conv OI...)")
    parser.add_argument("--method", default="auto", metavar="M", help="an algorithm's name (default auto)")
    parser.add_argument("--accuracy", choices=ACCURACIES, default="direct", help="of what is rounded (default direct)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads to use (default: all)")
    parser.add_argument("--measure", action="store_true", help="measure what each algorithm takes, too")
    add_geometry(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the plan."""
    options = vars(_parser().parse_args(arguments))
    print(tconv.plan(options.pop("x"), options.pop("w"), options.pop("dtype"), **options))
    return 0
