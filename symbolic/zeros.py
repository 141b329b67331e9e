"""Structural zeros: outputs of a transposed convolution that no product reaches, whatever x and w hold.

On one axis, tap j brings products to the outputs with ``t + p = d*j modulo s``. Let g = gcd(s, d). In the phase form
(`symbolic.general_terms`), output t has no products for one of three reasons:

1. g does not divide t + p, so no tap fits its phase;
2. the first tap that does, ``f = (t + p)/g * (d/g)^-1 modulo s/g``, is beyond the kernel: f >= k;
3. its phase has taps, but the inputs that they would meet lie beside x.

With several axes it has none if it has none on one of them. The third reason concerns only outputs near the ends: where
``d*(k-1) <= t + p <= s*(i-1)``, every tap of the phase meets an input. There all outputs have products if and only if
g = 1 and k >= s: the residues f of a phase take all values from 0 to s/g - 1, and the largest must be a tap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, prod

from symbolic import scatter
from symbolic.arguments import Padding, PerAxis, Sizes, counted, number_of_axes, per_axis
from symbolic.arrays import Index, array, indices
from symbolic.drawing import wrapped
from symbolic.problem import read_plain_problem
from symbolic.sizes import Axis
from symbolic.steps import Step, Stepwise
from symbolic.theorem import Refuted, Theorem

_MOST = 24  # phases of an axis that are listed


@dataclass(frozen=True, repr=False)
class StructuralZeros(Stepwise):
    """Which outputs no product reaches, and why: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    axes : tuple of symbolic.sizes.Axis
        The sizes and steps.
    zeros : tuple of tuple of int
        For each axis, the t that no product reaches there.
    """

    axes: tuple[Axis, ...]
    zeros: tuple[Index, ...]

    def outputs(self) -> tuple[Index, ...]:
        """The index of each output that no product reaches."""
        size_out = tuple(axis.size_out for axis in self.axes)
        return tuple(t for t in indices(size_out) if any(a in z for a, z in zip(t, self.zeros, strict=True)))

    def steps(self) -> tuple[Step, ...]:
        """Which they are; for each axis its phases and its ends; and what the scatter route says."""
        names = [f"t{suffix}" for suffix in _suffixes(len(self.axes))]
        told = [
            step
            for a, (axis, zeros) in enumerate(zip(self.axes, self.zeros, strict=True))
            for step in _explained(_axis(a, len(self.axes)), axis, zeros)
        ]
        found, count = len(self.outputs()), prod(axis.size_out for axis in self.axes)
        return (
            Step(
                "Outputs that no product reaches, whatever x and w are:",
                wrapped([f"{name} = {_listed(zeros)}" for name, zeros in zip(names, self.zeros, strict=True)]),
                r" \qquad ".join(rf"{name} \in {_set(zeros)}" for name, zeros in zip(names, self.zeros, strict=True)),
            ),
            *told,
            Step(
                "Scatter with symbols leaves the same outputs without a product:",
                (f"{found} of {count}",),
                rf"{found} \text{{ of }} {count}",
            ),
        )


def structural_zeros(
    input_size: PerAxis,
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
) -> StructuralZeros:
    """Which outputs of a transposed convolution no product reaches, so that they are 0, or the bias.

    Per axis these are the t for which g = gcd(s, d) does not divide t + p, or no input and tap of the phase meet there.
    The scatter route is done too, with symbols, and must leave exactly the same outputs without a product.

    Parameters
    ----------
    input_size, kernel_size : int or one per spatial axis
        Of x and w. A sequence, here or below, says how many axes there are; an integer stands for all of them.
    stride, padding, output_padding, output_size, dilation
        As in `conv_transpose`.

    Returns
    -------
    StructuralZeros
        Its ``zeros`` for each axis, ``outputs()`` in all, and ``steps()`` that say why.

    Raises
    ------
    ValueError, TypeError
        As for `conv_transpose`.
    ArithmeticError
        The scatter route says something else: a fault of this package.

    Examples
    --------
    Stride 4 and dilation 6 have the common divisor 2, so at least every other output is zero:

    >>> from symbolic import structural_zeros
    >>> print(structural_zeros(3, 2, stride=4, dilation=6))
    Outputs that no product reaches, whatever x and w are:
    <BLANKLINE>
      t = 1, 2, 3, 5, 7, 9, 11, 12, 13
    <BLANKLINE>
    The phases r = (t + p) modulo 4, where gcd(4, 6) = 2:
    <BLANKLINE>
      r = 0: tap 0
      r = 1: no tap, as 2 does not divide 1
      r = 2: tap 1
      r = 3: no tap, as 2 does not divide 3
    <BLANKLINE>
    These outputs have taps, but the inputs for them lie beside x:
    <BLANKLINE>
      t = 2, 12
    <BLANKLINE>
    Scatter with symbols leaves the same outputs without a product:
    <BLANKLINE>
      9 of 15
    >>> structural_zeros((2, 2), (1, 3), stride=(2, 3)).zeros
    ((1,), ())
    """
    axes = number_of_axes(input_size, kernel_size, stride, padding, output_padding, output_size, dilation)
    x = array("x", per_axis("input_size", input_size, axes, lowest=0))
    w = array("w", per_axis("kernel_size", kernel_size, axes, lowest=0))
    problem = read_plain_problem(
        "conv_transpose",
        x,
        w,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        output_size=output_size,
        dilation=dilation,
    )
    zeros = tuple(tuple(t for t in range(axis.size_out) if not _is_reached(axis, t)) for axis in problem.axes)
    result = StructuralZeros(problem.axes, zeros)
    without = {tuple(t) for (_, _, *t), products in scatter.terms(problem).items() if not products}
    for t in sorted(without.symmetric_difference(result.outputs())):
        raise ArithmeticError(f"t = {t}: scatter and the phase form disagree on whether products reach it")
    return result


def prove_no_structural_zeros(kernel_size: PerAxis, *, stride: PerAxis = 1, dilation: PerAxis = 1) -> Theorem:
    """Prove that no output is a structural zero, apart from those near the ends, for inputs of any size.

    It holds if and only if, on each axis, gcd(s, d) = 1 and k >= s. Outputs near the ends are those that lack an input
    for one of their phase's taps: all but ``d*(k-1) <= t + p <= s*(i-1)``.

    Parameters
    ----------
    kernel_size : int or one per spatial axis
        >= 1. A sequence, here or below, says how many axes there are; an integer stands for all of them.
    stride, dilation : int or one per spatial axis
        As in `conv_transpose`.

    Returns
    -------
    symbolic.theorem.Theorem
        A tap for each phase.

    Raises
    ------
    symbolic.theorem.Refuted
        A phase has no tap. The counterexample holds sizes and an output t, not near the ends, that no product reaches.
    ValueError, TypeError
        As for `conv_transpose`.

    Examples
    --------
    >>> from symbolic import prove_no_structural_zeros
    >>> print(prove_no_structural_zeros(3, stride=3, dilation=2))
    A product reaches every output that is not near the ends:
    <BLANKLINE>
      4 <= t + p <= 3*(i - 1)
    <BLANKLINE>
    There a tap j for which s divides t + p - d*j meets an input:
    <BLANKLINE>
      n = (t + p - d*j)/s, and 0 <= n <= i - 1 as 0 <= d*j <= d*(k - 1)
    <BLANKLINE>
    The phases r = (t + p) modulo 3, where gcd(3, 2) = 1:
    <BLANKLINE>
      r = 0: tap 0
      r = 1: tap 2
      r = 2: tap 1
    <BLANKLINE>
    Scatter with symbols, 3 inputs, reaches these outputs, of every phase:
    <BLANKLINE>
      t = 4, 5, 6
    >>> prove_no_structural_zeros(3, stride=2, dilation=2)
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: a product reaches every output that is not near the ends: false for input_size = (4,), \
kernel_size = (3,), stride = (2,), dilation = (2,), t = (5,)
    """
    axes = number_of_axes(kernel_size, stride, dilation)
    sizes: Sizes = per_axis("kernel_size", kernel_size, axes, lowest=1)
    strides: Sizes = per_axis("stride", stride, axes, lowest=1)
    dilations: Sizes = per_axis("dilation", dilation, axes, lowest=1)
    phases = [_phases(k, s, d) for k, s, d in zip(sizes, strides, dilations, strict=True)]
    _refute(sizes, strides, dilations, phases)
    axis_by_axis = list(enumerate(zip(sizes, strides, dilations, phases, strict=True)))
    suffixes = _suffixes(axes)
    bounds, formulas = [], []
    for a, (k, s, d, _) in axis_by_axis:
        t, p, i = (name + suffixes[a] for name in "tpi")
        bounds.append(f"{d * (k - 1)} <= {t} + {p} <= {s}*({i} - 1)")
        formulas.append(rf"{d * (k - 1)} \leq {t} + {p} \leq {s} ({i} - 1)")
    return Theorem(
        Step("A product reaches every output that is not near the ends:", wrapped(bounds), r" \qquad ".join(formulas)),
        (
            Step(
                "There a tap j for which s divides t + p - d*j meets an input:",
                ("n = (t + p - d*j)/s, and 0 <= n <= i - 1 as 0 <= d*j <= d*(k - 1)",),
                r"n = \frac{t + p - d j}{s} \qquad 0 \leq n \leq i - 1",
            ),
            *(_listed_phases(_axis(a, axes), s, d, taps) for a, (_, s, d, taps) in axis_by_axis),
            *(_scattered(_axis(a, axes), k, s, d) for a, (k, s, d, _) in axis_by_axis),
        ),
    )


def _scattered(where: str, k: int, s: int, d: int) -> Step:
    """The scatter route for the fewest inputs with which an output of each phase is not near the ends."""
    first = d * (k - 1)
    inputs = -(-(first + s - 1) // s) + 1
    reached = range(first, s * (inputs - 1) + 1)
    for t in set(reached).intersection(*structural_zeros(inputs, k, stride=s, dilation=d).zeros):
        raise ArithmeticError(
            f"t = {t}: not near the ends of {counted(inputs, 'input')}, but scatter does not reach it"
        )
    return Step(
        f"{where}Scatter with symbols, {counted(inputs, 'input')}, reaches these outputs, of every phase:",
        wrapped([f"t = {_listed(tuple(reached))}"]),
        rf"t \in {_set(tuple(reached))}",
    )


def _refute(sizes: Sizes, strides: Sizes, dilations: Sizes, phases: Sequence[Sequence[Index]]) -> None:
    """Raise `Refuted` if a phase has no tap, with the smallest example in which that is seen."""
    if all(taps for axis in phases for taps in axis):
        return
    places = []
    for k, s, d, axis in zip(sizes, strides, dilations, phases, strict=True):
        phase = next((r for r, taps in enumerate(axis) if not taps), None)
        first = d * (k - 1)
        places.append(first if phase is None else first + (phase - first) % s)
    inputs = tuple(-(-t // s) + 1 for t, s in zip(places, strides, strict=True))
    example = {"input_size": inputs, "kernel_size": sizes, "stride": strides, "dilation": dilations, "t": tuple(places)}
    raise Refuted("a product reaches every output that is not near the ends", example)


def _is_reached(axis: Axis, t: int) -> bool:
    """Whether products reach t, by the bounds of the phase form."""
    i, k, s, d, p, _ = axis
    g = gcd(s, d)
    if (t + p) % g:
        return False
    f = _first_tap(t + p, s, d)
    q = (t + p - d * f) // s
    first = max(0, -((i - 1 - q) * g // d))
    last = min(q * g // d, (k - 1 - f) * g // s)
    return first <= last


def _first_tap(place: int, s: int, d: int) -> int:
    """The smallest j >= 0 with d*j = place modulo s, if gcd(s, d) divides place."""
    g = gcd(s, d)
    return place // g * pow(d // g, -1, s // g) % (s // g)


def _phases(k: int, s: int, d: int) -> list[Index]:
    """The taps of each phase, looked up one by one."""
    return [tuple(j for j in range(k) if (r - d * j) % s == 0) for r in range(s)]


def _explained(where: str, axis: Axis, zeros: Index) -> list[Step]:
    """The phases of an axis, and the outputs near the ends that lack inputs."""
    taps = _phases(axis.size_kernel, axis.stride, axis.dilation)
    result = [_listed_phases(where, axis.stride, axis.dilation, taps)]
    ends = tuple(t for t in zeros if taps[(t + axis.crop) % axis.stride])
    if ends:
        title = f"{where}These outputs have taps, but the inputs for them lie beside x:"
        result.append(Step(title, wrapped([f"t = {_listed(ends)}"]), rf"t \in {_set(ends)}"))
    return result


def _listed_phases(where: str, s: int, d: int, phases: Sequence[Index]) -> Step:
    """A line for each phase: its taps, or why it has none."""
    g = gcd(s, d)
    lines, rows = [], []
    for r, taps in enumerate(phases[:_MOST]):
        if taps:
            said = f"tap{'s' * (len(taps) > 1)} {', '.join(map(str, taps))}"
        elif r % g:
            said = f"no tap, as {g} does not divide {r}"
        else:
            said = f"no tap, as the first would be {_first_tap(r, s, d)}"
        lines.append(f"r = {r}: {said}")
        rows.append(rf"r = {r} &: \text{{{said}}}")
    if len(phases) > _MOST:
        lines.append(f"... and {len(phases) - _MOST} more")
        rows.append(r"&\;\;\vdots")
    title = f"{where}The phases r = (t + p) modulo {s}, where gcd({s}, {d}) = {g}:"
    body = r" \\ ".join(rows)
    return Step(title, wrapped(lines), rf"\begin{{aligned}} {body} \end{{aligned}}")


def _suffixes(axes: int) -> list[str]:
    """What is put after a symbol of each axis."""
    return [f"_{a}" for a in range(axes)] if axes > 1 else [""]


def _axis(a: int, axes: int) -> str:
    """How a title of axis ``a`` begins."""
    return f"Axis {a}: " if axes > 1 else ""


def _listed(places: Index) -> str:
    return ", ".join(map(str, places)) or "none"


def _set(places: Index) -> str:
    return rf"\{{{', '.join(map(str, places))}\}}"
