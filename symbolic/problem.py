"""A call, read: what is to be computed, in one normal form for every layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sympy import Add, Array, Expr, Integer

from symbolic.arguments import integer, shown
from symbolic.arrays import Elements, Index, indices, read
from symbolic.layout import Label, Layout, by_index, in_order, parse
from symbolic.sizes import Axis, conv_axes, conv_transpose_axes

Operator = Literal["conv_transpose", "conv"]
Terms = dict[Index, list[Expr]]
"""The products that meet in each output, by its index ``(n, c, *t)``."""


@dataclass(frozen=True)
class Problem:
    """Operands by their indices, and the sizes.

    Per axis the ordinary convolution joins a window t and a tap j to the input ``s*t + d*j - crop``, and the
    transposed one joins an input i and a tap j to the output ``s*i + d*j - crop``.

    Attributes
    ----------
    x : dict
        By ``(n, c, *i)``, with c counted over all groups.
    w : dict
        By ``(a, b, *j)``. For the transposed convolution a is an input channel, for the ordinary one an
        output channel, counted over all groups; b is one of the other side, counted in the group of a.
    bias : list
        One for each output channel, or empty.
    channels_in, channels_out : int
        Over all groups.
    layout : symbolic.layout.Layout
        Of x and of the result, without N if x has none.
    """

    operator: Operator
    batch: int
    groups: int
    channels_in: int
    channels_out: int
    axes: tuple[Axis, ...]
    x: dict[Index, Expr]
    w: dict[Index, Expr]
    bias: list[Expr]
    layout: Layout

    def plain_x(self) -> dict[Index, Expr]:
        """The elements of x by spatial index, where there is neither batch nor channels."""
        return {index[2:]: element for index, element in self.x.items()}

    def plain_w(self) -> dict[Index, Expr]:
        """The same of w."""
        return {index[2:]: weight for index, weight in self.w.items()}

    def no_terms(self) -> Terms:
        """An empty list for every output."""
        size_out = tuple(axis.size_out for axis in self.axes)
        return {index: [] for index in indices((self.batch, self.channels_out, *size_out))}

    def kernels(self) -> list[list[tuple[Index, Expr]]]:
        """For each channel a of w: ``(b, *j)`` with the weight there, b counted over all groups."""
        if self.operator == "conv_transpose":
            channels, others = self.channels_in, self.channels_out // self.groups
        else:
            channels, others = self.channels_out, self.channels_in // self.groups
        result: list[list[tuple[Index, Expr]]] = [[] for _ in range(channels)]
        for (a, b, *tap), weight in self.w.items():
            group = a * self.groups // channels
            result[a].append(((group * others + b, *tap), weight))
        return result

    def result(self, terms: Mapping[Index, list[Expr]]) -> Array:
        """Terms and bias added up, as an array in the caller's layout."""
        sums = {
            (n, c, *t): _sum([*products, self.bias[c]] if self.bias else products)
            for (n, c, *t), products in terms.items()
        }
        axes = len(self.axes)
        sizes: dict[Label, int] = {"N": self.batch, "C": self.channels_out}
        sizes |= {a: axis.size_out for a, axis in enumerate(self.axes)}
        shape, flat = in_order(sums, ["N", "C", *range(axes)], self.layout.labels(axes), sizes)
        return Array(flat, shape)


def _sum(terms: list[Expr]) -> Expr:
    if all(isinstance(term, Integer) for term in terms):
        return Integer(sum(term.p for term in terms))  # five times as fast as Add
    return Add(*terms)


def read_problem(
    operator: Operator,
    x: Any,
    w: Any,
    bias: Any,
    *,
    groups: Any,
    layout: Any,
    kernel_layout: Any,
    **window: Any,
) -> Problem:
    """Read and check the arguments of a call; ``window`` holds stride, dilation and what padding there is."""
    inputs, weights = read("x", x), read("w", w)
    pattern, kernel_pattern = _patterns(layout, kernel_layout)
    groups = _groups(groups, pattern)
    axes = _number_of_axes(weights, pattern, kernel_pattern)
    pattern = _batched_or_not(pattern, inputs, axes)
    space: list[Label] = list(range(axes))
    labels, kernel_labels = pattern.labels(axes), kernel_pattern.labels(axes)
    x_sizes = {"N": 1, "C": 1, **dict(zip(labels, inputs.shape, strict=True))}
    w_sizes = {"I": 1, "O": 1, **dict(zip(kernel_labels, weights.shape, strict=True))}
    # The letter of the kernel's axis that holds all groups comes first, as every framework has it.
    order: list[Label] = ["I", "O"] if operator == "conv_transpose" else ["O", "I"]
    _check_divisible(kernel_labels, w_sizes, order[0], groups)
    channels = {order[0]: w_sizes[order[0]], order[1]: w_sizes[order[1]] * groups}
    if x_sizes["C"] != channels["I"]:
        raise ValueError(
            f"x: axis {labels.index('C')} (C) has size {x_sizes['C']}; must be {channels['I']}, "
            f"as axis {kernel_labels.index('I')} (I) of w and groups = {groups} say"
        )
    axes_of = conv_transpose_axes if operator == "conv_transpose" else conv_axes
    return Problem(
        operator,
        x_sizes["N"],
        groups,
        channels["I"],
        channels["O"],
        axes_of(tuple(x_sizes[a] for a in space), tuple(w_sizes[a] for a in space), **window),
        by_index(inputs, labels, ["N", "C", *space]),
        by_index(weights, kernel_labels, [*order, *space]),
        [] if bias is None else _bias(read("bias", bias), channels["O"], pattern),
        pattern,
    )


def read_plain_problem(operator: Operator, x: Any, w: Any, **window: Any) -> Problem:
    """The same for plain arrays, which have spatial axes only."""
    return read_problem(operator, x, w, None, groups=1, layout="...", kernel_layout=None, **window)


def _patterns(layout: Any, kernel_layout: Any) -> tuple[Layout, Layout]:
    pattern = parse("layout", layout, "NC", all_needed=False)
    if "C" not in pattern.letters:
        return pattern, Layout("", "")  # no channels, and so none in the kernel
    return pattern, parse("kernel_layout", kernel_layout, "IO", all_needed=True)


def _groups(value: Any, layout: Layout) -> int:
    groups = integer("groups", value)
    if groups < 1:
        raise ValueError(f"groups: got {groups}; must be an integer >= 1")
    if groups > 1 and "C" not in layout.letters:
        raise ValueError(f"groups: got {groups}; must be 1 for layout '{layout}', which has no C")
    return groups


def _number_of_axes(w: Elements, layout: Layout, kernel_layout: Layout) -> int:
    axes = len(w.shape) - len(kernel_layout.letters)
    if axes < 1:
        raise ValueError(
            f"w: got shape {shown(w.shape)}; must have {len(kernel_layout.letters) + 1} or more axes "
            f"for layout '{layout}' and kernel_layout '{kernel_layout}'"
        )
    return axes


def _batched_or_not(layout: Layout, x: Elements, axes: int) -> Layout:
    """``layout``, or ``layout`` without N if x has one axis fewer."""
    for pattern in (layout, layout.unbatched()):
        if len(x.shape) == len(pattern.letters) + axes:
            return pattern
    allowed = str(len(layout.letters) + axes)
    if "N" in layout.letters:
        allowed += f", or {len(layout.letters) + axes - 1} without N,"
    raise ValueError(
        f"x: got shape {shown(x.shape)}; must have {allowed} axes for layout '{layout}', "
        f"as w has {axes} spatial one{'s' * (axes > 1)}"
    )


def _check_divisible(labels: Sequence[Label], sizes: Mapping[Label, int], letter: Label, groups: int) -> None:
    if sizes[letter] % groups:
        raise ValueError(
            f"w: axis {labels.index(letter)} ({letter}) has size {sizes[letter]}; "
            f"must be a multiple of groups = {groups}"
        )


def _bias(bias: Elements, channels_out: int, layout: Layout) -> list[Expr]:
    if "C" not in layout.letters:
        if bias.shape not in ((), (1,)):
            raise ValueError(f"bias: got shape {shown(bias.shape)}; must be one number, as the layout has no channels")
    elif bias.shape != (channels_out,):
        raise ValueError(f"bias: got shape {shown(bias.shape)}; must be ({channels_out},), one per output channel")
    return bias.flat
