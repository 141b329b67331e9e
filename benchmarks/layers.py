"""One layer: its sizes, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod
from typing import Any


@dataclass(frozen=True)
class Layer:
    """One convolution, transposed or ordinary. A parameter given as one int holds for every axis.

    ``x`` is `(batch, channels_in, *size_in)`. ``operation`` is the name of a function of tconv.
    ``quick`` marks the rows that ``--quick`` takes.
    """

    name: str
    x: tuple[int, ...]
    channels_out: int
    kernel: int | tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] = 0
    output_padding: int | tuple[int, ...] = 0
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    bias: bool = True
    quick: bool = False
    source: str = ""
    operation: str = "conv_transpose"

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Layer:
        """The layer whose ``dataclasses.asdict`` went through JSON, which knows lists only."""
        lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
        return cls(**fields | lists)

    def per_axis(self, value: int | tuple[int, ...]) -> tuple[int, ...]:
        """``value`` once for each spatial axis."""
        return (value,) * (len(self.x) - 2) if isinstance(value, int) else value

    @property
    def size_in(self) -> tuple[int, ...]:
        """Spatial sizes of the input."""
        return self.x[2:]

    @property
    def transposed(self) -> bool:
        """Whether this is a transposed convolution."""
        return self.operation == "conv_transpose"

    @property
    def w(self) -> tuple[int, ...]:
        """Shape of the weights: "IO..." if transposed, else "OI...", with groups in what comes second."""
        first, second = (self.x[1], self.channels_out) if self.transposed else (self.channels_out, self.x[1])
        return (first, second // self.groups, *self.per_axis(self.kernel))

    @property
    def y(self) -> tuple[int, ...]:
        """Shape of the result, layout "NC..."."""
        parameters = (self.kernel, self.stride, self.padding, self.output_padding, self.dilation)
        axes = zip(self.size_in, *map(self.per_axis, parameters), strict=True)
        if self.transposed:
            sizes = [(i - 1) * s + (k - 1) * d + 1 - 2 * p + op for i, k, s, p, op, d in axes]
        else:
            sizes = [(i + 2 * p - (k - 1) * d - 1) // s + 1 for i, k, s, p, _, d in axes]
        return (self.x[0], self.channels_out, *sizes)

    @property
    def operations(self) -> int:
        """Floating point operations: two for each multiplication.

        A transposed convolution multiplies each input, an ordinary one for each output, with every tap.
        """
        return 2 * prod(self.x if self.transposed else self.y) * prod(self.w[1:])

    @property
    def terms(self) -> int:
        """The largest number of summands in one output, bias included."""
        axes = zip(*map(self.per_axis, (self.kernel, self.stride, self.dilation)), strict=True)
        taps: int = prod(-(-k * gcd(s, d) // s) if self.transposed else k for k, s, d in axes)
        return self.x[1] // self.groups * taps + 1

    @property
    def values(self) -> int:
        """How many numbers have to move at the least: input, weights and output once."""
        return prod(self.x) + prod(self.w) + prod(self.y)

    def __str__(self) -> str:
        """In short, as in ``16x128x16x16 -> 64, k4 s2 p1``."""
        named = (
            ("k", self.kernel, None),
            ("s", self.stride, 1),
            ("p", self.padding, 0),
            ("op", self.output_padding, 0),
            ("d", self.dilation, 1),
            ("g", self.groups, 1),
        )
        words = (
            letter + (str(value) if isinstance(value, int) else "(" + ",".join(map(str, value)) + ")")
            for letter, value, usual in named
            if value != usual
        )
        return f"{'x'.join(map(str, self.x))} -> {self.channels_out}, {' '.join(words)}"
