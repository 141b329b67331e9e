r"""Fourier transforms, for kernels of many overlapping taps: a convolution is a product of spectra.

The phases (see ``tconv.polyphase``) are ordinary convolutions of stride 1 with a part of the inputs each, so no zero
is transformed and a part's spectrum serves all phases that read it. The positions of the phase grid are cut into
blocks, and each block's inputs, overlapping with the next one's by what the taps reach, are transformed by
themselves: memory stays bounded (Oppenheim and Schafer, Discrete-Time Signal Processing, overlap-save).

A transform of P numbers is off by about log2(P) roundings of their root mean square, so an output may be off by what
lies anywhere in its block. An inf or nan would spread over the block: what meets one is given to another algorithm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import product
from math import ceil, gcd, inf, log2, prod, sqrt
from typing import Any

import numpy as np

from tconv.algorithms.cost import LIMITS, NOT_DIRECT, Cost, operand_bytes
from tconv.algorithms.rates import RATES
from tconv.geometry import PLANNED, Axis, Problem
from tconv.kernels.spectra import multiply_spectra
from tconv.polyphase import Phase, PhasedAxis, phase
from tconv.taps import multiplications, operations

FEW_TAPS = 24  # of a phase, below which direct sums are quicker
MOST_PHASES = 64  # and parts, into which strides and dilations sort what is transformed
SPECTRA_BYTES = 512 * 2**20  # of the weights
WORKSPACE = 8 * 2**20  # bytes, and one and a half times the input: smaller blocks, where they are, for more
AT_ONCE = 2  # blocks: the others' threads work within these, or memory would grow with their number
LEVEL_ROUNDINGS = 20.0  # three transforms, each off by at most 4*sqrt(2) + 1 roundings a level (Higham, theorem 24.2)
CALLS = 10  # of which lengths are chosen for the sum: larger spectra take longer to prepare


def supports(problem: Problem) -> str | None:
    """Floating-point numbers, kernels of many taps, and SciPy."""
    if np.dtype(problem.dtype).kind not in "fc":
        return f"rounds, which {problem.dtype} must not"
    if problem.accuracy not in LIMITS:
        return NOT_DIRECT
    if prod(map(_taps, problem.axes)) < FEW_TAPS:
        return f"is for kernels of {FEW_TAPS} taps a phase or more"
    if prod(axis.stride * axis.dilation // gcd(axis.stride, axis.dilation) for axis in problem.axes) > MOST_PHASES:
        return f"is for {MOST_PHASES} phases or fewer"
    if not _scipy():
        return "needs SciPy: python -m pip install scipy"
    if (best := scheme(problem)) is None:
        return "has nothing to multiply"
    if best.spectra_bytes > SPECTRA_BYTES:
        return f"spectra of the weights would take {best.spectra_bytes / 2**30:.1f} GiB"
    return None


def _taps(axis: Axis) -> int:
    """At most so many meet one phase of the outputs and one part of the inputs."""
    return ceil(axis.size_kernel / (axis.stride // gcd(axis.stride, axis.dilation)))


@cache
def _scipy() -> bool:
    return find_spec("scipy") is not None


@dataclass(frozen=True)
class Blocks:
    """One axis, its positions in blocks of which each is transformed by itself."""

    axis: PhasedAxis
    lowest: int  # offset that a position reads
    taps: int  # from there to the highest
    length: int  # of a transform
    count: int

    @property
    def size(self) -> int:
        """Positions to a block."""
        return self.length - self.taps + 1


@dataclass(frozen=True)
class Scheme:
    """A problem, cut."""

    axes: tuple[Blocks, ...]
    parts: tuple[tuple[int, ...], ...]  # combinations of input parts
    phases: tuple[tuple[Phase, ...], ...]  # combinations of phases
    pairs: tuple[tuple[int, int], ...]  # phases and the parts that they read
    spectra_bytes: int  # of the weights
    blocks: int
    workspace: int  # bytes of a block, in space and as spectra
    work: float  # seconds on one thread
    preparing: float
    loss: float


@lru_cache(maxsize=PLANNED)
def scheme(problem: Problem) -> Scheme | None:
    """The quickest lengths of transforms; None if there is nothing to multiply."""
    if multiplications(problem) == 0:
        return None
    axes = [phase(axis, problem.operator, side_by_side=True) for axis in problem.axes]
    parts = tuple(product(*(axis.parts for axis in axes)))
    phases = tuple(product(*(axis.phases for axis in axes)))
    read = [product(*(sorted({tap.part for tap in one.taps}) for one in combination)) for combination in phases]
    number_of = {part: number for number, part in enumerate(parts)}
    pairs = tuple((u, number_of[part]) for u, of_phase in enumerate(read) for part in of_phase)
    found = (_scheme(problem, lengths, parts, phases, pairs) for lengths in product(*map(_lengths, axes)))
    inputs = problem.batch * problem.groups * problem.channels_in * prod(axis.size_in for axis in problem.axes)
    room = WORKSPACE + 1.5 * inputs * np.dtype(problem.dtype).itemsize

    def rank(one: Scheme) -> tuple[bool, bool, float]:
        return one.spectra_bytes > SPECTRA_BYTES, AT_ONCE * one.workspace > room, one.work + one.preparing / CALLS

    return min(found, key=rank)


def _lengths(axis: PhasedAxis) -> list[Blocks]:
    """The best ways to cut its positions, seen by itself; with the other axes' blocks another than the first may be."""
    lowest, highest = axis.ends
    taps = highest - lowest + 1
    ways = {}
    for count in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256):
        length = fast_length(ceil(axis.count / count) + taps - 1)
        ways[length] = Blocks(axis, lowest, taps, length, ceil(axis.count / (length - taps + 1)))
        if length < 2 * taps:
            break
    return sorted(ways.values(), key=lambda way: way.count * way.length * log2(max(2, way.length)))[:3]


@lru_cache(maxsize=4096)
def fast_length(least: int) -> int:
    """The smallest product of twos, threes and fives that is not less.

    >>> [fast_length(n) for n in (1, 7, 11, 97, 158)]
    [1, 8, 12, 100, 160]
    """
    best = 1 << max(0, least - 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            best = min(best, three << max(0, -(-least // three) - 1).bit_length())
            three *= 3
        five *= 5
    return best


def _spread(axis: PhasedAxis) -> float:
    """Of what sums of squares bound, as much as comes to one of a phase's taps: the most of any phase.

    Taps that meet different parts of the inputs are transformed apart, and their errors add up.
    """
    together = [Counter(tap.part for tap in one.taps).values() for one in axis.phases]
    return max(sum(map(sqrt, taps)) / sum(taps) for taps in together)


def _scheme(
    problem: Problem,
    axes: tuple[Blocks, ...],
    parts: tuple[tuple[int, ...], ...],
    phases: tuple[tuple[Phase, ...], ...],
    pairs: tuple[tuple[int, int], ...],
) -> Scheme:
    places = prod(axis.length for axis in axes)
    complex_ = problem.dtype.startswith("complex")
    frequencies = places if complex_ else places // axes[-1].length * (axes[-1].length // 2 + 1)
    itemsize = np.dtype(problem.dtype).itemsize
    matrices = problem.groups * problem.channels_in * problem.channels_out * len(pairs)
    spectra_bytes = matrices * frequencies * itemsize * (1 if complex_ else 2)
    lines = problem.groups * (problem.channels_in * len(parts) + problem.channels_out * len(phases))
    wide = itemsize // 4  # roughly, how many times longer than for float32 everything takes
    level = 1e-9 * RATES.level * wide * places * log2(max(2, places))
    block = lines * (level + 1e-9 * RATES.block_copy * wide * places)
    block += 1e-9 * (RATES.spectra * wide * matrices * frequencies + RATES.block)
    blocks = problem.batch * prod(axis.count for axis in axes)
    roundings = LEVEL_ROUNDINGS * log2(max(2, places)) + problem.channels_in
    depth = problem.channels_in * prod(min(len(one.taps) for one in axis.axis.phases) for axis in axes)
    loss = roundings * sqrt(places) * prod(_spread(axis.axis) for axis in axes) / (depth + 1)
    preparing = 2 * matrices * level  # measured: filling, and putting away, take as long
    workspace = 3 * lines * places * itemsize  # as measured: in space, as spectra, and a part once more in SciPy
    return Scheme(axes, parts, phases, pairs, spectra_bytes, blocks, workspace, blocks * block, preparing, loss)


def cost(problem: Problem, threads: int) -> Cost:
    """That of the best lengths; endless, so that it has to be asked for by name, where it is much less accurate."""
    best = scheme(problem)
    if best is None:
        return Cost(0, 0, 0, 0.0, 1)
    found = Cost(
        operations=operations(problem),
        bytes_moved=operand_bytes(problem) + best.spectra_bytes,
        workspace=best.workspace * min(threads, best.blocks, AT_ONCE),
        work=best.work,
        workers=threads,
        preparing=best.preparing,
        loss=best.loss,
    )
    return replace(found, work=inf) if best.loss > LIMITS[problem.accuracy] else found


def prepare(problem: Problem, w: np.ndarray, threads: int) -> np.ndarray | None:
    """Spectra ``[pair, group, channel in, channel out, frequency]`` of the kernels; None if one is not finite."""
    best = scheme(problem)
    assert best is not None
    lengths = tuple(axis.length for axis in best.axes)
    kernels = np.zeros((problem.groups, problem.channels_in, problem.channels_out, *lengths), w.dtype)
    packed: np.ndarray | None = None
    for pair, (u, r) in enumerate(best.pairs):
        kernels[...] = 0
        taps = [
            [tap for tap in one.taps if tap.part == part]
            for one, part in zip(best.phases[u], best.parts[r], strict=True)
        ]
        places = [[tap.offset - axis.lowest for tap in of] for axis, of in zip(best.axes, taps, strict=True)]
        indices: list[Any] = [[tap.index for tap in of] for of in taps]
        kernels[(slice(None),) * 3 + np.ix_(*places)] = w[(slice(None),) * 3 + np.ix_(*indices)]
        spectrum = _transform(kernels.conj(), len(lengths), threads)
        spectrum = spectrum.reshape(*kernels.shape[:3], -1)
        if packed is None:
            packed = np.empty((len(best.pairs), *spectrum.shape), spectrum.dtype)
        np.conj(spectrum, out=packed[pair])
    assert packed is not None
    return packed if np.isfinite(packed).all() else None


def packing_order(problem: Problem, threads: int) -> Hashable:
    """On what it depends which spectra these are."""
    best = scheme(problem)
    assert best is not None
    lengths = tuple((axis.lowest, axis.length) for axis in best.axes)
    return lengths, best.parts, best.phases, best.pairs


def forward(
    problem: Problem, packed: np.ndarray, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray, threads: int
) -> bool:
    """Block by block, two at a time; False if an inf or nan was met.

    On threads that wait asleep: those of Numba's kernels go on spinning for a while, in the way of SciPy's.
    """
    best = scheme(problem)
    assert best is not None
    y[...] = 0 if bias is None else bias.reshape(*bias.shape, *(1 for _ in best.axes))
    blocks = list(product(range(problem.batch), *(range(axis.count) for axis in best.axes)))
    at_once = min(threads, len(blocks), AT_ONCE)
    rooms = [_room(problem, best, x.dtype) for _ in range(at_once)]

    def run(first: int) -> bool:
        return all(_block(best, packed, x, y, one, rooms[first], threads // at_once) for one in blocks[first::at_once])

    if at_once == 1:
        return run(0)
    with ThreadPoolExecutor(at_once) as pool:
        return all(pool.map(run, range(at_once)))


def _room(problem: Problem, best: Scheme, dtype: Any) -> np.ndarray:
    """For what the positions of a block read."""
    lengths = (axis.length for axis in best.axes)
    return np.empty((len(best.parts), problem.groups, problem.channels_in, *lengths), dtype)


def _block(
    best: Scheme, packed: np.ndarray, x: np.ndarray, y: np.ndarray, one: tuple[int, ...], room: np.ndarray, threads: int
) -> bool:
    """Compute the outputs of one block of one image, which no other block has; False if an inf or nan was met."""
    image, *number = one
    first = [axis.axis.first + n * axis.size for axis, n in zip(best.axes, number, strict=True)]
    for r, of_axes in enumerate(best.parts):
        _gather(best, of_axes, first, x[image], room[r])
    spectrum = _transform(room, len(best.axes), threads)
    flat = spectrum.reshape(*spectrum.shape[:3], -1)
    sums = np.empty((len(best.phases), packed.shape[1], packed.shape[3], flat.shape[3]), flat.dtype)
    multiply_spectra(flat, packed, np.array(best.pairs), sums)
    sums = sums.reshape(*sums.shape[:3], *spectrum.shape[3:])
    outputs = _back(sums, room.shape[3:], room.dtype.kind == "c", threads)
    if not np.isfinite(outputs).all():
        return False
    for u, combination in enumerate(best.phases):
        _add(best, combination, first, outputs[u], y[image])
    return True


def _gather(best: Scheme, parts: tuple[int, ...], first: list[int], x: np.ndarray, block: np.ndarray) -> None:
    """What the positions from ``first`` on read of one combination of parts; zeros around it."""
    block[...] = 0
    there: list[Any] = [...]
    here: list[Any] = [...]
    for axis, part, position, size in zip(best.axes, parts, first, x.shape[2:], strict=True):
        split, begin = axis.axis.split, position + axis.lowest
        low, high = max(0, begin), min(begin + axis.length, ceil((size - part) / split))
        there.append(slice(part + split * low, part + split * max(low, high), split))
        here.append(slice(low - begin, max(low, high) - begin))
    block[tuple(here)] = x[tuple(there)]


def _add(best: Scheme, phases: tuple[Phase, ...], first: list[int], outputs: np.ndarray, y: np.ndarray) -> None:
    """Add one combination of phases to the outputs of the positions from ``first`` on."""
    there: list[Any] = [...]
    here: list[Any] = [...]
    for axis, one, position, size in zip(best.axes, phases, first, y.shape[2:], strict=True):
        stride = axis.axis.stride
        count = min(axis.size, axis.axis.first + axis.axis.count - position)
        begin = stride * position + one.residue - axis.axis.origin  # the output of the first of them
        low = max(0, ceil(-begin / stride))
        high = max(low, min(count, ceil((size - begin) / stride)))
        there.append(slice(begin + stride * low, begin + stride * high, stride) if low < high else slice(0, 0))
        here.append(slice(low, high) if low < high else slice(0, 0))
    y[tuple(there)] += outputs[tuple(here)]


def _transform(a: np.ndarray, n_axes: int, threads: int) -> Any:
    """The spectrum along the last axes; half of it for real numbers."""
    import scipy.fft

    axes = range(a.ndim - n_axes, a.ndim)
    return (scipy.fft.fftn if a.dtype.kind == "c" else scipy.fft.rfftn)(a, axes=axes, workers=threads)


def _back(a: np.ndarray, lengths: tuple[int, ...], complex_: bool, threads: int) -> Any:
    """From the spectrum, which is overwritten."""
    import scipy.fft

    axes = range(a.ndim - len(lengths), a.ndim)
    if complex_:
        return scipy.fft.ifftn(a, axes=axes, workers=threads)
    return scipy.fft.irfftn(a, s=lengths, axes=axes, workers=threads)
