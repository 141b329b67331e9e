r"""The polyphase form of one axis: which taps meet which outputs, in integers.

Transposed convolution puts ``x[i]`` times tap ``j`` at ``t`` with ``s*i + d*j = t + p``. Write
``t = s*n + u - c`` with a *residue* ``0 <= u < s`` and a free *origin* ``c``. Then tap ``j`` meets the output
only if ``s`` divides ``u - c + p - d*j``, and the quotient ``e`` says which input it takes::

    y[s*n + u - c] = sum over j with s | (u - c + p - d*j) of x[n + e] * w[j],   e = (u - c + p - d*j) / s

So each residue (a *phase*) is an ordinary convolution of stride 1, with a set of *offsets* ``e`` of its own::

    stride 2, taps a b c d            u = 0:   a . c .        u = 1:   . b . d
    x  0  1  2 ...                    y[2n]   = a x[n] + c x[n-1]
                                      y[2n+1] = b x[n] + d x[n-1]

With the origin ``c = p mod s`` phases share offsets as often as they can; with ``c = 0`` no position is cut.

Ordinary convolution is the mirror image: one phase of outputs, and the *inputs* are sorted by residue,
``y[t] = sum over j of x[s*t + d*j - p] * w[j]``, so that what neighbouring ``t`` read lies side by side.

With a dilation the offsets of a phase lie ``d' = d / gcd(s, d)`` apart. Where they have to lie *side by side*, phases
are cut finer, into ``d'`` each, and the inputs are sorted by residues of ``d'``, of which a phase reads one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import ceil, gcd

from tconv.geometry import PLANNED, Axis, Operator

Reads = tuple[tuple[int, int], ...]  # offsets and parts


@dataclass(frozen=True)
class Tap:
    """One kernel element as a phase meets it: it reads ``x[split * (n + offset) + part]``."""

    index: int
    offset: int
    part: int = 0


@dataclass(frozen=True)
class Phase:
    """The outputs ``stride * n + residue - origin`` of one axis."""

    residue: int
    taps: tuple[Tap, ...]

    @cached_property
    def reads(self) -> Reads:
        """What the phase reads, in the order of its taps; phases that read the same can share the work."""
        return tuple((tap.offset, tap.part) for tap in self.taps)


@dataclass(frozen=True, eq=False)
class PhasedAxis:
    """One axis, cut into phases. Positions ``first <= n < first + count`` can hold something but bias.

    There is one for each way to cut an axis, so that what is asked of it is worked out once.
    """

    stride: int  # of the outputs of one phase
    split: int  # of the inputs: part r holds x[split * m + r]
    parts: tuple[int, ...]  # which of them are read
    length: int  # of each part
    size_in: int  # of all
    origin: int
    first: int
    count: int
    phases: tuple[Phase, ...]  # those with taps
    size_out: int
    complete: bool  # the positions reach every output of each phase

    @property
    def idle_count(self) -> int:
        """How many phases have no taps; of a large stride nearly all."""
        return min(self.stride, self.size_out) - len(self.phases)

    @cached_property
    def idle(self) -> tuple[Phase, ...]:
        """Those without taps: their outputs are bias."""
        residues = {(t + self.origin) % self.stride for t in range(min(self.stride, self.size_out))}
        return tuple(Phase(residue, ()) for residue in sorted(residues - {one.residue for one in self.phases}))

    @cached_property
    def classes(self) -> list[tuple[Phase, ...]]:
        """Those with taps, by what they read."""
        classes: dict[Reads, list[Phase]] = {}
        for one in self.phases:
            classes.setdefault(one.reads, []).append(one)
        return [tuple(members) for members in classes.values()]

    @cached_property
    def reads(self) -> Reads:
        """All that they read, in order."""
        return tuple(sorted({read for one in self.phases for read in one.reads}))

    @property
    def ends(self) -> tuple[int, int]:
        """The first and the last offset at which they read."""
        return (self.reads[0][0], self.reads[-1][0]) if self.reads else (0, 0)

    def met(self, offset: int) -> int:
        """For so many positions is the input at ``offset`` from them there."""
        first = self.first + offset
        return max(0, min(self.count, self.length - first) - max(0, -first))


def phase(axis: Axis, operator: Operator, aligned: bool = True, side_by_side: bool = False) -> PhasedAxis:
    """Cut ``axis`` into phases; ``aligned`` chooses the origin at which phases share most.

    With ``side_by_side``, what each reads lies so, but not for an ordinary convolution with a stride.
    """
    if operator == "conv":
        return _conv(axis, axis.dilation if side_by_side and axis.stride == 1 else 1)
    stride, split = axis.stride, axis.dilation // gcd(axis.stride, axis.dilation) if side_by_side else 1
    if axis.size_in == 1:  # no second input to be `stride` away: each output is a phase of its own
        stride, split = max(1, axis.size_out), 1
    origin = axis.crop % (stride * split) if aligned and axis.size_in > 1 else 0
    return _conv_transpose(axis, stride, split, origin)


@lru_cache(maxsize=PLANNED)
def _conv_transpose(axis: Axis, stride: int, split: int, origin: int) -> PhasedAxis:
    taps: dict[int, list[Tap]] = {}
    for j in range(axis.size_kernel):
        first, residue = divmod(axis.dilation * j - axis.crop + origin, stride)
        for part in range(split):
            later, finer = divmod(first + part, split)
            taps.setdefault(residue + finer * stride, []).append(Tap(j, -later, part))
    return _place(axis, taps, stride * split, split, origin)


@lru_cache(maxsize=PLANNED)
def _conv(axis: Axis, stride: int) -> PhasedAxis:
    split = 1 if axis.size_out == stride == 1 else axis.stride * stride
    taps: dict[int, list[Tap]] = {residue: [] for residue in range(stride)}
    for residue, j in product(range(stride), range(axis.size_kernel)):
        offset, part = divmod(residue + axis.dilation * j - axis.crop, split)
        taps[residue].append(Tap(j, offset, part))
    return _place(axis, taps, stride, split, 0)


def _meets(tap: Tap, split: int, first: int, last: int, size_in: int) -> bool:
    """Whether one of its reads is an input: crops and small inputs leave taps that read zeros only."""
    low, high = max(0, split * (first + tap.offset)), split * (last + tap.offset)
    return first <= last and low + tap.part <= min(high + tap.part, size_in - 1)


def _place(axis: Axis, taps: dict[int, list[Tap]], stride: int, split: int, origin: int) -> PhasedAxis:
    phases = []
    for residue in sorted(taps):
        first = max(0, ceil((origin - residue) / stride))
        last = (axis.size_out - 1 + origin - residue) // stride
        alive = tuple(tap for tap in taps[residue] if _meets(tap, split, first, last, axis.size_in))
        if alive:
            phases.append(Phase(residue, alive))
    offsets = [tap.offset for p in phases for tap in p.taps]
    length = ceil(axis.size_in / split)
    everywhere = ceil((axis.size_out + origin) / stride)
    first = max(0, -max(offsets, default=0))
    count = max(0, min(everywhere, length - min(offsets, default=length)) - first)
    return PhasedAxis(
        stride=stride,
        split=split,
        parts=tuple(sorted({tap.part for p in phases for tap in p.taps})),
        length=length,
        size_in=axis.size_in,
        origin=origin,
        first=first,
        count=count,
        phases=tuple(phases),
        size_out=axis.size_out,
        complete=first == 0 and count == everywhere,
    )
