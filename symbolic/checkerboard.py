"""Coverage: how many products add up in each output of a transposed convolution, and when these numbers are all alike.

On one axis the output t adds up a product for each tap j for which ``(t + p - d*j)/s`` is an input. Far from the
borders it is if and only if ``d*j = t + p mod s``, so the number depends on the residue r of t + p modulo s alone: c(r)
is the number of taps j, 0 <= j < k, with ``d*j = r mod s``. Where the c(r) differ, an image shows a checkerboard
(Odena, Dumoulin and Olah, Deconvolution and Checkerboard Artifacts, Distill 2016). Let g = gcd(s, d).

1. d*j is a multiple of g, modulo s too: residues that are no multiples of g get nothing.
2. Of s/g taps in a row each hits another multiple of g: if two hit the same, s/g divides their difference. So each of
   the s/g multiples of g is hit once by every s/g taps in a row.
3. Hence of k taps it is hit floor(k*g/s) or ceil(k*g/s) times. All residues are hit equally often if and only if none
   is left out and nothing remains of k: g = 1 and s divides k.

With several axes the numbers are products of those of the axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd, prod

from sympy import Array, Integer

from symbolic.arguments import Padding, PerAxis, Sizes, counted, integer, number_of_axes, per_axis, require_callable
from symbolic.arrays import Index, filled, indices
from symbolic.drawing import Grid, bracketed, fits, latex_matrix, matrix, wrapped
from symbolic.sizes import Axis, conv_transpose_axes
from symbolic.steps import Step, Stepwise
from symbolic.theorem import Refuted, Theorem


@dataclass(frozen=True, repr=False)
class Coverage(Stepwise):
    """How many products each output adds up: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    axes : tuple of symbolic.sizes.Axis
        The sizes and steps.
    along : tuple of tuple of int
        For each axis, the number at each of its outputs; the number at an output is the product.
    """

    axes: tuple[Axis, ...]
    along: tuple[Sizes, ...]

    @cached_property
    def counts(self) -> Array:
        """The number at each output, of the output's shape.

        Examples
        --------
        >>> import symbolic
        >>> symbolic.coverage((2, 2), 3, stride=2).counts
        [[1, 1, 2, 1, 1], [1, 1, 2, 1, 1], [2, 2, 4, 2, 2], [1, 1, 2, 1, 1], [1, 1, 2, 1, 1]]
        """
        return _outer(self.along)

    @cached_property
    def interior(self) -> Array:
        """The number at outputs far from the borders, by the residue of t + p modulo the stride.

        An array with the strides for shape. They are what an endless input would give.
        """
        return _outer([tap_counts(axis.size_kernel, axis.stride, axis.dilation) for axis in self.axes])

    @property
    def uniform(self) -> bool:
        """Whether all numbers in the interior are the same."""
        return all(
            len(set(tap_counts(axis.size_kernel, axis.stride, axis.dilation))) == 1 for axis in self.axes
        ) or not all(axis.size_kernel for axis in self.axes)

    @property
    def interior_outputs(self) -> tuple[range, ...]:
        """For each axis, the outputs whose taps all lie on inputs, if they hit any: there ``interior`` holds.

        ``d*(k-1) <= t + p <= s*(i-1)``: neither the last tap nor the first looks beyond x.
        """
        return tuple(
            range(
                max(axis.dilation * (axis.size_kernel - 1) - axis.crop, 0),
                max(min(axis.stride * (axis.size_in - 1) - axis.crop + 1, axis.size_out), 0),
            )
            for axis in self.axes
        )

    def steps(self) -> tuple[Step, ...]:
        """The numbers, those of the interior, and what would be uniform."""
        counts, interior = Grid.of(self.counts), Grid.of(self.interior)
        return (
            Step("How many products each output adds up:", _drawn(self.counts), latex_matrix(counts)),
            Step(
                "Far from the borders, by the residue of t + p modulo the stride:",
                _drawn(self.interior),
                latex_matrix(interior),
            ),
            self._verdict(),
        )

    def _verdict(self) -> Step:
        lines = []
        for a, (_, k, s, d, *_) in enumerate(self.axes):
            name = f"axis {a}: gcd({s}, {d}) = {gcd(s, d)}"
            if k == 0:
                lines.append(f"axis {a}: no taps")
            elif gcd(s, d) > 1:
                lines.append(f"{name} > 1, so no kernel size is")
            elif k % s:
                sizes = ", ".join(map(str, _nearest(k, s, d)))
                lines.append(f"{name}, but {s} does not divide {k}; nearest sizes that are: {sizes}")
            else:
                lines.append(f"{name}, and {s} divides {k}")
        text = r"\text{uniform} \iff \gcd(s, d) = 1 \text{ and } s \mid k \text{ on each axis}"
        return Step("Uniform:" if self.uniform else "Not uniform:", wrapped(lines), text)


def coverage(
    input_size: PerAxis,
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_size: PerAxis | None = None,
    dilation: PerAxis = 1,
) -> Coverage:
    """How many products add up in each output of a transposed convolution, borders included.

    Per axis, the number at output t is that of the taps j for which ``(t + p - d*j)/s`` is one of the inputs.

    Parameters
    ----------
    input_size, kernel_size : int or one per spatial axis
        Sizes along the spatial axes, >= 0. A single one beside a sequence stands for all axes.
    stride, padding, output_padding, output_size, dilation
        As in `conv_transpose`.

    Returns
    -------
    Coverage
        Its ``counts`` are the numbers, ``interior`` those far from the borders, by residue, and ``uniform`` says
        whether these are all the same.

    Raises
    ------
    ValueError, TypeError
        As for `conv_transpose`.

    Examples
    --------
    A kernel of 3 with stride 2 makes a checkerboard, one of 4 does not:

    >>> import symbolic
    >>> print(symbolic.coverage((3, 4), 3, stride=2, padding=1))
    How many products each output adds up:
    <BLANKLINE>
      [ 1  2  1  2  1  2  1 ]
      [ 2  4  2  4  2  4  2 ]
      [ 1  2  1  2  1  2  1 ]
      [ 2  4  2  4  2  4  2 ]
      [ 1  2  1  2  1  2  1 ]
    <BLANKLINE>
    Far from the borders, by the residue of t + p modulo the stride:
    <BLANKLINE>
      [ 4  2 ]
      [ 2  1 ]
    <BLANKLINE>
    Not uniform:
    <BLANKLINE>
      axis 0: gcd(2, 1) = 1, but 2 does not divide 3; nearest sizes that are: 2, 4
      axis 1: gcd(2, 1) = 1, but 2 does not divide 3; nearest sizes that are: 2, 4
    >>> symbolic.coverage(4, 4, stride=2, padding=1).counts
    [1, 2, 2, 2, 2, 2, 2, 1]
    """
    axes = number_of_axes(input_size, kernel_size, stride, padding, output_padding, output_size, dilation)
    found = conv_transpose_axes(
        per_axis("input_size", input_size, axes, lowest=0),
        per_axis("kernel_size", kernel_size, axes, lowest=0),
        stride=stride,
        dilation=dilation,
        padding=padding,
        output_padding=output_padding,
        output_size=output_size,
    )
    return Coverage(found, tuple(tuple(_count(axis, t) for t in range(axis.size_out)) for axis in found))


def tap_counts(size_kernel: int, stride: int, dilation: int) -> Sizes:
    """For each residue r modulo the stride, the number of taps j with ``dilation*j = r`` modulo it.

    >>> tap_counts(5, 3, 1), tap_counts(5, 4, 2)
    ((2, 2, 1), (3, 0, 2, 0))
    """
    counts = [0] * stride
    for j in range(size_kernel):
        counts[dilation * j % stride] += 1
    return tuple(counts)


def nearest_uniform_kernel_sizes(
    kernel_size: PerAxis, *, stride: PerAxis = 1, dilation: PerAxis = 1
) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
    """The kernel sizes next to a given one for which the interior is uniform.

    These are the multiples of the stride if stride and dilation have no common divisor, and there are none if they do.

    Parameters
    ----------
    kernel_size : int or one per spatial axis
        >= 0.
    stride, dilation : int or one per spatial axis
        >= 1.

    Returns
    -------
    tuple of int, or tuple of these
        The size itself if it is uniform; else the nearest smaller one, if that is not 0, and the nearest larger one;
        nothing if no size is uniform. One such tuple per axis if an argument is a sequence.

    Raises
    ------
    ValueError, TypeError
        An argument is not an integer, too small, or has too few or too many values.

    Examples
    --------
    >>> import symbolic
    >>> symbolic.nearest_uniform_kernel_sizes(5, stride=2)
    (4, 6)
    >>> symbolic.nearest_uniform_kernel_sizes((2, 4, 3), stride=(3, 2, 2), dilation=(1, 1, 2))
    ((3,), (4,), ())
    """
    axes = number_of_axes(kernel_size, stride, dilation)
    found = tuple(
        map(
            _nearest,
            per_axis("kernel_size", kernel_size, axes, lowest=0),
            per_axis("stride", stride, axes, lowest=1),
            per_axis("dilation", dilation, axes, lowest=1),
        )
    )
    several = any(isinstance(argument, Sequence) for argument in (kernel_size, stride, dilation))
    return found if several else found[0]


def prove_uniform(kernel_size: PerAxis, *, stride: PerAxis = 1, dilation: PerAxis = 1) -> Theorem:
    """In the interior every output adds up equally many products, for every size of x and every padding.

    Parameters
    ----------
    kernel_size, stride, dilation : int or one per spatial axis
        As in `nearest_uniform_kernel_sizes`.

    Returns
    -------
    Theorem
        The statement and its proof: the taps that hit each residue.

    Raises
    ------
    Refuted
        They do not. The ``counterexample`` has two residues of t + p modulo the stride, and the numbers there.
    ValueError, TypeError
        As for `nearest_uniform_kernel_sizes`.

    Examples
    --------
    >>> import symbolic
    >>> print(symbolic.prove_uniform(4, stride=2, dilation=3))
    Every output far from the borders adds up 2 products:
    <BLANKLINE>
      kernel size 4, stride 2, dilation 3
    <BLANKLINE>
    On axis 0 the residue of t + p modulo 2 says which taps j have 3*j = t + p
    there:
    <BLANKLINE>
      residue 0: taps 0, 2
      residue 1: taps 1, 3
    >>> symbolic.prove_uniform(3, stride=2)
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: the interior is uniform: false for axis = 0, residue = 0, count = 2, residue' = 1, \
count' = 1
    """
    axes = number_of_axes(kernel_size, stride, dilation)
    sizes = per_axis("kernel_size", kernel_size, axes, lowest=0)
    strides = per_axis("stride", stride, axes, lowest=1)
    dilations = per_axis("dilation", dilation, axes, lowest=1)
    numbers, steps = [], []
    for a, (k, s, d) in enumerate(zip(sizes, strides, dilations, strict=True)):
        counts = tap_counts(k, s, d)
        numbers.append(counts[0])
        taps = {r: [j for j in range(k) if (d * j - r) % s == 0] for r in range(s)}
        other = next((r for r in range(s) if counts[r] != counts[0]), None)
        if other is not None and all(sizes):
            found = {"axis": a, "residue": 0, "count": counts[0], "residue'": other, "count'": counts[other]}
            raise Refuted("the interior is uniform", found)
        steps.append(
            Step(
                f"On axis {a} the residue of t + p modulo {s} says which taps j have {d}*j = t + p there:",
                wrapped(f"residue {r}: {_taps(js)}" for r, js in taps.items()),
                rf"c(r) = \left|\{{ j : {d} j \equiv r \bmod {s} \}}\right| = {counts[0]}",
            )
        )
    return Theorem(
        Step(
            f"Every output far from the borders adds up {counted(prod(numbers), 'product')}:",
            (f"kernel size {_told(sizes)}, stride {_told(strides)}, dilation {_told(dilations)}",),
            rf"k = {_told(sizes)}, \quad s = {_told(strides)}, \quad d = {_told(dilations)}",
        ),
        tuple(steps),
    )


def prove_uniform_condition(stride: int, *, claim: Callable[[int, int, int], bool] | None = None) -> Theorem:
    """For one axis with a given stride, and every kernel size and dilation: when the interior is uniform.

    For k >= 1 taps it is if and only if gcd(s, d) = 1 and s divides k. The proof looks at all remainders of k and d
    modulo s, which is enough for this condition: ``d*j mod s`` depends on d modulo s only, and s more taps add the
    same number to every residue that is hit at all. Another one may be claimed for a range of k and d.

    Parameters
    ----------
    stride : int
        >= 1.
    claim : callable, optional
        From kernel size k, stride s and dilation d to whether the interior is claimed to be uniform. Nothing is known
        of it but what it says, so it is asked for each k and d from 1 to 3*s, and the theorem is of these alone. By
        default ``gcd(s, d) == 1 and k % s == 0``, for all k and d.

    Returns
    -------
    Theorem
        The statement and its proof.

    Raises
    ------
    Refuted
        The claim is false. The ``counterexample`` has k, s and d, and the number at each residue.
    ValueError, TypeError
        `stride` is not an integer >= 1, or `claim` cannot be called.

    Examples
    --------
    >>> import symbolic
    >>> print(symbolic.prove_uniform_condition(4))
    With stride 4 the interior is uniform if and only if:
    <BLANKLINE>
      gcd(s, d) = 1 and s divides k, for all k >= 1 and d >= 1
    <BLANKLINE>
    Every s/g taps in a row, with g = gcd(s, d), hit each multiple of g once, and no
    other residue:
    <BLANKLINE>
      d = 1 mod 4: g = 1, 4 taps hit 0, 1, 2, 3
      d = 2 mod 4: g = 2, 2 taps hit 0, 2
      d = 3 mod 4: g = 1, 4 taps hit 0, 3, 2, 1
      d = 4 mod 4: g = 4, 1 tap hits 0
    <BLANKLINE>
    So of k taps they are hit floor(k*g/s) or ceil(k*g/s) times; the least and most
    for k = 1 to 4:
    <BLANKLINE>
      d = 1 mod 4: 0..1  0..1  0..1  1..1 uniform
      d = 2 mod 4: 0..1  0..1  0..2  0..2
      d = 3 mod 4: 0..1  0..1  0..1  1..1 uniform
      d = 4 mod 4: 0..1  0..2  0..3  0..4

    The condition for d = 1 is not enough for others:

    >>> symbolic.prove_uniform_condition(2, claim=lambda k, s, d: k % s == 0)
    Traceback (most recent call last):
    ...
    symbolic.theorem.Refuted: the interior is uniform if and only if as claimed: false for k = 2, s = 2, d = 2, \
counts = (2, 0)
    """
    (s,) = per_axis("stride", integer("stride", stride), 1, lowest=1)
    hits, table = [], []
    for d in range(1, s + 1):
        g = gcd(s, d)
        period = s // g
        for first in range(period):  # d*j mod s repeats after so many taps
            hit = sorted(d * j % s for j in range(first, first + period))
            if hit != list(range(0, s, g)):
                raise ArithmeticError(f"taps from {first} on hit {hit}, not the multiples of {g} below {s}")
        hits.append((d, g, [d * j % s for j in range(period)]))
        row = []
        for k in range(1, s + 1):
            counts = tap_counts(k, s, d)
            more = tap_counts(k + s, s, d)
            if any(b - a != (g if r % g == 0 else 0) for r, (a, b) in enumerate(zip(counts, more, strict=True))):
                raise ArithmeticError(f"{s} taps more than {k} add other numbers than {g} to residues that are hit")
            if {*counts[::g]} - {k * g // s, -(-k * g // s)} or any(counts[r] for r in range(s) if r % g):
                raise ArithmeticError(f"{k} taps hit the residues {counts} times")
            uniform = len(set(counts)) == 1
            if uniform != (g == 1 and k % s == 0):
                raise ArithmeticError(f"{k} taps hit the residues {counts} times, with stride {s} and dilation {d}")
            row.append((min(counts), max(counts), uniform))
        table.append((d, row))
    statement = Step(
        f"With stride {s} the interior is uniform if and only if:",
        ("gcd(s, d) = 1 and s divides k, for all k >= 1 and d >= 1",),
        r"\gcd(s, d) = 1 \;\text{ and }\; s \mid k, \quad k \ge 1,\ d \ge 1",
    )
    asked = []
    if claim is not None:
        require_callable("claim", claim)
        _refute_condition(claim, s)
        statement = Step(
            f"With stride {s} the interior is uniform if and only if the claim says so:",
            (f"for 1 <= k <= {3 * s} and 1 <= d <= {3 * s}",),
            rf"1 \le k \le {3 * s}, \quad 1 \le d \le {3 * s}",
        )
        asked.append(
            Step(
                f"Taps counted and the claim asked for each k and d in turn: {9 * s * s} cases, no exception.",
                statement.drawing,
                statement.formula,
            )
        )
    return Theorem(
        statement,
        (
            Step(
                "Every s/g taps in a row, with g = gcd(s, d), hit each multiple of g once, and no other residue:",
                wrapped(
                    f"d = {d} mod {s}: g = {g}, {counted(len(hit), 'tap')} hit{'s' * (len(hit) == 1)} "
                    f"{', '.join(map(str, hit))}"
                    for d, g, hit in hits
                ),
                r"\{ d j \bmod s : j_0 \le j < j_0 + s/g \} = \{ 0, g, 2 g, \ldots, s - g \}",
            ),
            Step(
                f"So of k taps they are hit floor(k*g/s) or ceil(k*g/s) times; the least and most for k = 1 to {s}:",
                wrapped(
                    f"d = {d} mod {s}: " + "  ".join(f"{a}..{b}{' uniform' * u}" for a, b, u in row) for d, row in table
                ),
                r"c(r) \in \left\{ \left\lfloor \tfrac{k g}{s} \right\rfloor, "
                r"\left\lceil \tfrac{k g}{s} \right\rceil \right\} \text{ for } g \mid r, "
                r"\qquad c(r) = 0 \text{ for } g \nmid r",
            ),
            *asked,
        ),
    )


def _refute_condition(claim: Callable[[int, int, int], bool], s: int) -> None:
    """Look for a k and d of up to three strides for which the claim is false."""
    for d in range(1, 3 * s + 1):
        for k in range(1, 3 * s + 1):
            counts = tap_counts(k, s, d)
            if bool(claim(k, s, d)) != (len(set(counts)) == 1):
                where = {"k": k, "s": s, "d": d, "counts": counts}
                raise Refuted("the interior is uniform if and only if as claimed", where)


def _taps(taps: Sequence[int]) -> str:
    return f"tap{'s' * (len(taps) > 1)} {', '.join(map(str, taps))}" if taps else "no tap"


def _count(axis: Axis, t: int) -> int:
    """The taps j for which (t + p - d*j)/s is an input."""
    places = (t + axis.crop - axis.dilation * j for j in range(axis.size_kernel))
    return sum(place % axis.stride == 0 and 0 <= place // axis.stride < axis.size_in for place in places)


def _outer(along: Sequence[Sizes]) -> Array:
    """The products of one number of each."""
    shape = tuple(map(len, along))
    return filled(shape, {at: Integer(prod(map(tuple.__getitem__, along, at))) for at in indices(shape)})


def _nearest(k: int, s: int, d: int) -> tuple[int, ...]:
    if gcd(s, d) > 1:
        return ()
    below = k // s * s
    return (below,) if k == below > 0 else tuple(size for size in (below, below + s) if size)


def _drawn(numbers: Array) -> tuple[str, ...]:
    """As a matrix, or row by row if that is too wide for a terminal."""
    grid = Grid.of(numbers)
    drawing = matrix(grid)
    if fits(drawing):
        return tuple(drawing)
    *first, _ = grid.shape
    rows: dict[Index, list[str]] = {row: [] for row in indices(tuple(first))}
    for (*row, _), number in grid.elements.items():
        rows[tuple(row)].append(str(number))
    return wrapped(f"{bracketed((*row, ':'))} {' '.join(texts)}" for row, texts in rows.items())


def _told(values: Sequence[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else str(tuple(values))
