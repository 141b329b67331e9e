"""``tconv size``: the size of an output, and how it comes about."""

from __future__ import annotations

from collections.abc import Sequence

from tconv.cli.arguments import Parser, add_geometry, per_axis, shape
from tconv.geometry import Axis, Window, conv_transpose_axes, natural_size
from tconv.geometry import per_axis as sizes_per_axis

DESCRIPTION = """\
The size of the output of a transposed convolution, with its derivation.

examples:
  tconv size 32x32 --kernel 4 --stride 2 --padding 1
  tconv size 10,20 --kernel 3,5 --stride 2,1 --padding 0:1,2
  tconv size 7 --kernel 5 --stride 3 --padding same
"""


def _parser() -> Parser:
    parser = Parser(prog="tconv size", description=DESCRIPTION)
    parser.add_argument("size", type=shape, metavar="SIZE", help="size of the input, without batch and channels: 32x32")
    parser.add_argument("--kernel", type=per_axis, required=True, metavar="K", help="size of the kernel: 4, or 3,5")
    add_geometry(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the output's size and its derivation."""
    options = _parser().parse_args(arguments)
    size_in = options.size
    window = Window.of(len(size_in), options.stride, options.dilation, options.padding, options.output_padding)
    size_kernel = sizes_per_axis("kernel", options.kernel, len(size_in), lowest=0)
    axes = conv_transpose_axes(window, size_in, size_kernel)
    print(f"{_joined(size_in)} becomes {_joined([axis.size_out for axis in axes])}")
    steps = [_derivation(*of_axis) for of_axis in zip(axes, window.output_padding, strict=True)]
    if len(set(steps)) == 1:
        print(steps[0] if len(steps) == 1 else f"\neach axis:\n{steps[0]}")
        return 0
    for number, step in enumerate(steps):
        print(f"\naxis {number}:\n{step}")
    return 0


def _derivation(axis: Axis, output_padding: int) -> str:
    i, k, s, d = axis.size_in, axis.size_kernel, axis.stride, axis.dilation
    natural = natural_size(i, k, s, d)
    end = natural - axis.crop + output_padding - axis.size_out
    if natural:
        reached = (
            f"  input {i - 1} and tap {k - 1}, the last ones, meet in output "
            f"{s}*{i - 1} + {d}*{k - 1} = {natural - 1}\n"
            f"  so the natural size is N = ({i} - 1)*{s} + ({k} - 1)*{d} + 1 = {natural}\n"
        )
    else:
        reached = "  there is nothing to add up, so the natural size is N = 0: every output is the bias\n"
    padding = f"  padding {_taken(axis.crop)} at the beginning and {_taken(end)} at the end"
    added = f"; output padding adds {output_padding} at the end" if output_padding else ""
    formula = " ".join(
        [
            str(natural),
            _signed(-axis.crop),
            _signed(-end),
            *([_signed(output_padding)] if output_padding else []),
        ]
    )
    return f"{reached}{padding}{added}\n  {formula} = {axis.size_out}"


def _taken(crop: int) -> str:
    return f"crops {crop}" if crop >= 0 else f"adds {-crop}"


def _signed(value: int) -> str:
    return f"+ {value}" if value > 0 else f"- {-value}"


def _joined(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))
