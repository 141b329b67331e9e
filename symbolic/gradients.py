"""Gradients of both operators, by differentiation, and the formulas that they are equal to.

For an incoming gradient g of the shape of y, let L be the sum of g*y over all outputs. Both operators are linear in x,
in w and in the bias, so their gradients are what they are transposed to:

* with respect to x: of the transposed convolution the ordinary one of g, with the same w, stride, dilation and
  padding, and of the ordinary one the transposed;
* with respect to w: of the transposed convolution
  ``dL/dw[ci,co,j] = sum over n, i of x[n,ci,i] * g[n,co,s*i + d*j - p]``, and of the ordinary one the same with x and g
  exchanged. That is an ordinary convolution too: stride and dilation change places, and so do batch and channels;
* with respect to the bias: the sum of g.

L is differentiated as it stands, product by product; the formula is computed by itself; of the difference nothing
remains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sympy import Add, Array, Expr, Symbol

from symbolic.arguments import Padding, PerAxis, nonnegative, require_callable, shown
from symbolic.arrays import Index, array, filled, read
from symbolic.drawing import wrapped
from symbolic.equality import by_place, differences_are_zero, equations, equations_latex, require_equal
from symbolic.expansion import conv, conv_transpose
from symbolic.layout import Label, by_index
from symbolic.problem import Operator, Problem, read_problem
from symbolic.sizes import Axis, IndexSet
from symbolic.steps import Step
from symbolic.theorem import Claim, Theorem

Shape: TypeAlias = "int | Sequence[int]"
_NAMES = {"conv_transpose": "the transposed convolution", "conv": "the ordinary convolution"}
_KERNEL_LAYOUTS = {"conv_transpose": "IO...", "conv": "OI..."}


def prove_input_gradient(
    x_shape: Shape,
    w_shape: Shape,
    *,
    operator: Operator = "conv_transpose",
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "...",
    kernel_layout: str | None = None,
    claim: Claim | None = None,
) -> Theorem:
    """The gradient with respect to x is the other operator, applied to g with the same kernel.

    ``dL/dx[n,ci,i] = sum over co, j of g[n,co,s*i + d*j - p] * w[ci,co,j]`` for the transposed convolution, which is
    ``conv(g, w)``; of the ordinary convolution it is ``conv_transpose(g, w)`` with x's size as ``output_size``.

    Parameters
    ----------
    x_shape, w_shape : int or sequence of int
        The operands' shapes.
    operator : {"conv_transpose", "conv"}
        Which operator is differentiated.
    stride, padding, output_padding, dilation, groups, layout, kernel_layout
        As in `conv_transpose` or `conv`; the latter has no output padding.
    claim : callable, optional
        From g and w to what is claimed to be the gradient. By default the other operator.

    Returns
    -------
    Theorem
        The statement and its proof, for these shapes and all values.

    Raises
    ------
    Refuted
        The claim is false. The ``counterexample`` has g and w of small integers, and an element of both sides.
    ValueError, TypeError
        An argument is wrong, as for `conv_transpose`, or `claim` cannot be called.

    Examples
    --------
    >>> import symbolic
    >>> print(symbolic.prove_input_gradient(2, 3, stride=2, padding=1))
    The gradient with respect to x of L, the sum of g*y, where y is the transposed
    convolution:
    <BLANKLINE>
      dL/dx = conv(g, w, stride=2, padding=1)
    <BLANKLINE>
    The outputs:
    <BLANKLINE>
      y[0] = w[1]*x[0]
      y[1] = w[0]*x[1] + w[2]*x[0]
      y[2] = w[1]*x[1]
    <BLANKLINE>
    L differentiated, and the formula expanded; all 2 differences are zero:
    <BLANKLINE>
      dL/dx[0] = g[0]*w[1] + g[1]*w[2]
      dL/dx[1] = g[1]*w[0] + g[2]*w[1]

    A kernel that is turned once too often:

    >>> symbolic.prove_input_gradient(3, 2, claim=lambda g, w: symbolic.conv(g, w[::-1]))
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: dL/dx is as claimed: false for g = [1, 0, 0, 0], w = [1, 0], dL/dx[0] = 1, claim[0] = 0
    """
    layer = _Layer.read(
        operator, x_shape, w_shape, None, stride, padding, output_padding, dilation, groups, layout, kernel_layout
    )
    formula: Claim = layer.other_operator if claim is None else claim
    return layer.theorem("x", layer.x, {"g": layer.g, "w": layer.w}, formula, layer.call, claim, _INPUT[operator])


def prove_weight_gradient(
    x_shape: Shape,
    w_shape: Shape,
    *,
    operator: Operator = "conv_transpose",
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "...",
    kernel_layout: str | None = None,
    claim: Claim | None = None,
) -> Theorem:
    """The gradient with respect to w adds up products of x and g, as far apart as the tap says.

    ``dL/dw[ci,co,j] = sum over n, i of x[n,ci,i] * g[n,co,s*i + d*j - p]`` for the transposed convolution, and
    ``dL/dw[co,ci,j] = sum over n, t of g[n,co,t] * x[n,ci,s*t + d*j - p]`` for the ordinary one. Without groups it is
    also an ordinary convolution, with stride and dilation exchanged; that is proved as well.

    Parameters
    ----------
    x_shape, w_shape, operator, stride, padding, output_padding, dilation, groups, layout, kernel_layout
        As in `prove_input_gradient`.
    claim : callable, optional
        From x and g to what is claimed to be the gradient. By default the formula.

    Returns
    -------
    Theorem
        The statement and its proof, for these shapes and all values.

    Raises
    ------
    Refuted
        The claim is false. The ``counterexample`` has x and g of small integers, and an element of both sides.
    ValueError, TypeError
        An argument is wrong, as for `conv_transpose`, or `claim` cannot be called.

    Examples
    --------
    >>> import symbolic
    >>> print(symbolic.prove_weight_gradient(2, 3, stride=2))
    The gradient with respect to w of L, the sum of g*y, where y is the transposed
    convolution:
    <BLANKLINE>
      dL/dw[j] = sum over i of x[i] * g[s*i + d*j - p]
    <BLANKLINE>
    The outputs:
    <BLANKLINE>
      y[0] = w[0]*x[0]
      y[1] = w[1]*x[0]
      y[2] = w[0]*x[1] + w[2]*x[0]
      y[3] = w[1]*x[1]
      y[4] = w[2]*x[1]
    <BLANKLINE>
    L differentiated, and the formula expanded; all 3 differences are zero:
    <BLANKLINE>
      dL/dw[0] = g[0]*x[0] + g[2]*x[1]
      dL/dw[1] = g[1]*x[0] + g[3]*x[1]
      dL/dw[2] = g[2]*x[0] + g[4]*x[1]
    <BLANKLINE>
    It is an ordinary convolution too, with stride and dilation exchanged; all 3
    differences are zero:
    <BLANKLINE>
      dL/dw = conv(g, x, dilation=2)
    """
    layer = _Layer.read(
        operator, x_shape, w_shape, None, stride, padding, output_padding, dilation, groups, layout, kernel_layout
    )
    formula: Claim = layer.weight_formula if claim is None else claim
    channels = "C" in layer.problem.layout.letters
    theorem = layer.theorem(
        "w", layer.w, {"x": layer.x, "g": layer.g}, formula, _WEIGHT_TEXT[operator][channels], claim, _WEIGHT[operator]
    )
    if claim is None and layer.problem.groups == 1:
        return Theorem(theorem.statement, (*theorem.proof, layer.weight_convolution()))
    return theorem


def prove_bias_gradient(
    x_shape: Shape,
    w_shape: Shape,
    *,
    operator: Operator = "conv_transpose",
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    layout: str = "...",
    kernel_layout: str | None = None,
    claim: Claim | None = None,
) -> Theorem:
    """The gradient with respect to the bias is the sum of g over all but the channels.

    Parameters
    ----------
    x_shape, w_shape, operator, stride, padding, output_padding, dilation, groups, layout, kernel_layout
        As in `prove_input_gradient`. Where `layout` has no channels there is one bias for all outputs.
    claim : callable, optional
        From g to what is claimed to be the gradient, of shape ``(channels_out,)``. By default the sum.

    Returns
    -------
    Theorem
        The statement and its proof, for these shapes and all values.

    Raises
    ------
    Refuted
        The claim is false. The ``counterexample`` has g of small integers, and an element of both sides.
    ValueError, TypeError
        An argument is wrong, as for `conv_transpose`, or `claim` cannot be called.

    Examples
    --------
    >>> import symbolic
    >>> theorem = symbolic.prove_bias_gradient((1, 1, 2), (1, 2, 1), layout="NC...")
    >>> print(theorem.steps()[-1])
    L differentiated, and the formula expanded; all 2 differences are zero:
    <BLANKLINE>
      dL/dbias[0] = g[0,0,0] + g[0,0,1]
      dL/dbias[1] = g[0,1,0] + g[0,1,1]
    """
    layer = _Layer.read(
        operator, x_shape, w_shape, "bias", stride, padding, output_padding, dilation, groups, layout, kernel_layout
    )
    formula: Claim = layer.bias_formula if claim is None else claim
    channels = "C" in layer.problem.layout.letters
    text = "dL/dbias[c] = sum over n, t of g[n,c,t]" if channels else "dL/dbias[0] = sum over t of g[t]"
    latex_text = r"\frac{\partial L}{\partial b_c} = \sum_{n,t} g_{n,c,t}"
    return layer.theorem("bias", layer.bias, {"g": layer.g}, formula, text, claim, latex_text)


_INPUT = {
    "conv_transpose": r"\frac{\partial L}{\partial x_{n,c,i}} = \sum_{c',j} g_{n,c',s i + d j - p} \, w_{c,c',j}",
    "conv": r"\frac{\partial L}{\partial x_{n,c,i}} = \sum_{c',t,j \,:\, s t + d j - p = i} g_{n,c',t} \, w_{c',c,j}",
}
_WEIGHT = {
    "conv_transpose": r"\frac{\partial L}{\partial w_{c,c',j}} = \sum_{n,i} x_{n,c,i} \, g_{n,c',s i + d j - p}",
    "conv": r"\frac{\partial L}{\partial w_{c',c,j}} = \sum_{n,t} g_{n,c',t} \, x_{n,c,s t + d j - p}",
}
_WEIGHT_TEXT = {
    "conv_transpose": (
        "dL/dw[j] = sum over i of x[i] * g[s*i + d*j - p]",
        "dL/dw[ci,co,j] = sum over n, i of x[n,ci,i] * g[n,co,s*i + d*j - p]",
    ),
    "conv": (
        "dL/dw[j] = sum over t of g[t] * x[s*t + d*j - p]",
        "dL/dw[co,ci,j] = sum over n, t of g[n,co,t] * x[n,ci,s*t + d*j - p]",
    ),
}


@dataclass(frozen=True)
class _Layer:
    """One call of an operator on symbols, and g for its outputs."""

    problem: Problem
    x: Array
    w: Array
    bias: Array
    y: Array
    g: Array
    layout: str
    kernel_layout: str

    @classmethod
    def read(
        cls,
        operator: Any,
        x_shape: Any,
        w_shape: Any,
        bias: str | None,
        stride: Any,
        padding: Any,
        output_padding: Any,
        dilation: Any,
        groups: Any,
        layout: Any,
        kernel_layout: Any,
    ) -> _Layer:
        if operator not in _NAMES:
            raise ValueError(f"operator: got {shown(operator)}; must be 'conv_transpose' or 'conv'")
        x, w = array("x", nonnegative("x_shape", x_shape)), array("w", nonnegative("w_shape", w_shape))
        kernel_layout = _KERNEL_LAYOUTS[operator] if kernel_layout is None else kernel_layout
        words = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        words |= {"layout": layout, "kernel_layout": kernel_layout}
        if operator == "conv_transpose":
            problem = read_problem(operator, x, w, None, **words, output_padding=output_padding, output_size=None)
        elif output_padding == 0:
            problem = read_problem(operator, x, w, None, **words)
        else:
            raise ValueError(f"output_padding: got {shown(output_padding)}; must be 0 for operator 'conv'")
        symbols = array("b", problem.channels_out)
        given = None if bias is None else symbols
        if operator == "conv_transpose":
            y = conv_transpose(x, w, given, **words, output_padding=output_padding)
        else:
            y = conv(x, w, given, **words)
        return cls(problem, x, w, symbols, y, array("g", tuple(map(int, y.shape))), layout, kernel_layout)

    def differentiated(self, operand: Array) -> Array:
        """L differentiated: of each output, times its g, the derivative by each symbol in it."""
        places = {symbol: place for place, symbol in by_place(operand).items()}
        found: dict[Index, list[Expr]] = {}
        for t, output in by_place(self.y).items():
            for symbol in output.free_symbols & places.keys():
                found.setdefault(places[symbol], []).append(self.g[t] * output.diff(symbol))
        return filled(tuple(map(int, operand.shape)), {place: Add(*terms) for place, terms in found.items()})

    def theorem(
        self,
        name: str,
        operand: Array,
        others: Mapping[str, Array],
        formula: Claim,
        text: str,
        claim: Claim | None,
        latex_text: str,
    ) -> Theorem:
        """``formula`` of the ``others`` is the gradient with respect to the operand."""
        if claim is not None:
            require_callable("claim", claim)
        gradient = self.differentiated(operand)
        right = "formula" if claim is None else "claim"
        require_equal(
            f"dL/d{name} is as claimed" if claim else f"dL/d{name} is as the formula says",
            others,
            {f"dL/d{name}": gradient, right: formula(*others.values())},
        )
        if claim is not None:
            text, latex_text = f"dL/d{name} = claim({', '.join(others)})", r"\text{as claimed}"
        letter = name[0]
        elements = by_place(gradient)
        return Theorem(
            Step(
                f"The gradient with respect to {name} of L, the sum of g*y, "
                f"where y is {_NAMES[self.problem.operator]}:",
                wrapped([text]),
                latex_text,
            ),
            (
                Step("The outputs:", tuple(equations("y", by_place(self.y))), equations_latex("y", by_place(self.y))),
                Step(
                    f"L differentiated, and the {right} expanded; {differences_are_zero(len(elements))}:",
                    tuple(equations(f"dL/d{name}", elements)),
                    equations_latex(rf"(\partial L / \partial {letter})", elements),
                ),
            ),
        )

    def other_operator(self, g: Array, w: Array) -> Array:
        """The other one, from the output's side back to the input's."""
        words = self._words()
        return conv(g, w, **words) if self.problem.operator == "conv_transpose" else conv_transpose(g, w, **words)

    @property
    def call(self) -> str:
        """The same, as one writes it."""
        name = "conv" if self.problem.operator == "conv_transpose" else "conv_transpose"
        usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "layout": "..."}
        usual["kernel_layout"] = _KERNEL_LAYOUTS[name] if "C" in self.problem.layout.letters else self._other_layout()
        return f"dL/dx = {_call(name, 'g, w', self._words(), usual)}"

    def _words(self) -> dict[str, Any]:
        axes = self.problem.axes
        words: dict[str, Any] = {
            "stride": tuple(axis.stride for axis in axes),
            "padding": [(axis.crop, 0) for axis in axes],
            "dilation": tuple(axis.dilation for axis in axes),
            "groups": self.problem.groups,
            "layout": self.layout,
            "kernel_layout": self._other_layout(),
        }
        if self.problem.operator == "conv_transpose":  # as many windows as x has elements
            words["padding"] = [
                (axis.crop, _end(axis.stride, axis.size_in, axis.size_kernel, axis.dilation, axis.crop, axis.size_out))
                for axis in axes
            ]
        else:
            words["output_size"] = tuple(axis.size_in for axis in axes)
        return words

    def _other_layout(self) -> str:
        return self.kernel_layout.translate(str.maketrans("IO", "OI"))

    def weight_formula(self, x: Array, g: Array) -> Array:
        """The sum over the side with fewer positions: x of the transposed convolution, g of the ordinary one."""
        small, large = self._sides(x, g)
        problem = self.problem
        groups, others = problem.groups, len({b for _, b, *_ in problem.w})
        channels = len({a for a, *_ in problem.w})
        by_symbol: dict[Symbol, Expr] = {}
        by_channel: dict[int, list[tuple[Index, Expr]]] = {}
        for (n, a, *i), element in small.items():
            by_channel.setdefault(a, []).append(((n, *i), element))
        for (a, b, *j), symbol in problem.w.items():
            channel = a * groups // channels * others + b
            terms = [
                element * large[place]
                for (n, *i), element in by_channel.get(a, [])
                if (place := (n, channel, *_landing(problem.axes, i, j))) in large
            ]
            by_symbol[symbol] = Add(*terms)
        places = by_place(self.w)
        return filled(tuple(map(int, self.w.shape)), {place: by_symbol[symbol] for place, symbol in places.items()})

    def bias_formula(self, g: Array) -> Array:
        """The sum of g for each channel."""
        terms: dict[Index, list[Expr]] = {}
        for (_, c, *_), element in self._canonical("g", g).items():
            terms.setdefault((c,), []).append(element)
        return filled((self.problem.channels_out,), {c: Add(*found) for c, found in terms.items()})

    def weight_convolution(self) -> Step:
        """The weight's gradient as an ordinary convolution of the large side by the small one."""
        small, large = self._sides(self.x, self.g)
        axes = self.problem.axes
        sizes = [self._sizes(axis) for axis in axes]
        words: dict[str, Any] = {
            "stride": tuple(axis.dilation for axis in axes),
            "padding": [
                (axis.crop, _end(axis.dilation, axis.size_kernel, i, axis.stride, axis.crop, o))
                for axis, (i, o) in zip(axes, sizes, strict=True)
            ],
            "dilation": tuple(axis.stride for axis in axes),
        }
        channels: dict[str, Any] = {"layout": "CN...", "kernel_layout": "IO..."}
        kernel_channels, inputs = self._channels()
        batch = self.problem.batch
        image = filled((batch, inputs, *(o for _, o in sizes)), large)
        kernel = filled((batch, kernel_channels, *(i for i, _ in sizes)), small)
        found = by_place(conv(image, kernel, **words, **channels))
        canonical = {symbol: place for place, symbol in self.problem.w.items()}
        places = by_place(self.w)
        convolved = {place: found[canonical[symbol]] for place, symbol in places.items()}
        require_equal(
            "dL/dw is a convolution",
            {"x": self.x, "g": self.g},
            {"dL/dw": self.differentiated(self.w), "conv": filled(tuple(map(int, self.w.shape)), convolved)},
        )
        names = "g, x" if self.problem.operator == "conv_transpose" else "x, g"
        plain = not self.problem.layout.letters
        call = _call("conv", names, words if plain else {**words, **channels}, {})
        lines = [f"dL/dw = {call}"]
        if not plain:
            lines.append("with x and g as NC..., and dL/dw as kernels are by default")
        return Step(
            "It is an ordinary convolution too, with stride and dilation exchanged; "
            f"{differences_are_zero(len(places))}:",
            wrapped(lines),
            rf"\frac{{\partial L}}{{\partial w}} = \operatorname{{conv}}({names})",
        )

    def _canonical(self, name: str, values: Array) -> dict[Index, Expr]:
        space: list[Label] = list(range(len(self.problem.axes)))
        return by_index(read(name, values), self.problem.layout.labels(len(space)), ["N", "C", *space])

    def _sides(self, x: Array, g: Array) -> tuple[dict[Index, Expr], dict[Index, Expr]]:
        """By (n, c, *place): the side with i positions and the side where ``s*i + d*j - p`` is."""
        x_at, g_at = self._canonical("x", x), self._canonical("g", g)
        return (x_at, g_at) if self.problem.operator == "conv_transpose" else (g_at, x_at)

    def _sizes(self, axis: Axis) -> tuple[int, int]:
        sizes = axis.size_in, axis.size_out
        return sizes if self.problem.operator == "conv_transpose" else sizes[::-1]

    def _channels(self) -> tuple[int, int]:
        channels = self.problem.channels_in, self.problem.channels_out
        return channels if self.problem.operator == "conv_transpose" else channels[::-1]


def _landing(axes: Sequence[Axis], i: Sequence[int], j: Sequence[int]) -> Index:
    return tuple(axis.stride * a + axis.dilation * b - axis.crop for axis, a, b in zip(axes, i, j, strict=True))


def _end(stride: int, windows: int, taps: int, dilation: int, begin: int, size_in: int) -> int:
    """The padding at the end with which an ordinary convolution has so many windows."""
    reach = int(IndexSet(1, taps, stride, dilation).size())
    return stride * (windows - 1) + reach - begin - size_in


def _call(name: str, operands: str, words: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """A call as one writes it, without what is so by default."""
    told = [operands]
    for word, value in words.items():
        values = list(value) if isinstance(value, (tuple, list)) else [value]
        if word == "padding":
            values = [pair[0] if pair[0] == pair[1] else pair for pair in values]
        short = values[0] if len(set(values)) == 1 and not isinstance(values[0], tuple) else value
        default = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "layout": "..."} | dict(usual)
        if short != default.get(word):
            told.append(f"{word}={short!r}")
    return f"{name}({', '.join(told)})"
