"""Random problems and calls."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

from tconv.geometry import Axis, Problem
from tests.problems import turned

LARGEST = {1: 14, 2: 6, 3: 4, 4: 3}  # size of an axis, so that the oracle need not walk far


@st.composite
def axes(draw, largest):
    """An axis of a transposed convolution: any crop, any output size, whatever comes of it."""
    size, kernel = draw(st.integers(1, largest)), draw(st.integers(1, min(largest, 7)))
    stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    natural = (size - 1) * stride + dilation * (kernel - 1) + 1
    crop = draw(st.integers(-3, min(natural + 1, 12)))
    size_out = draw(st.integers(1, min(natural + 5, 4 * largest)))
    return Axis(size, kernel, stride, dilation, crop, size_out)


@st.composite
def small_problems(draw, operator, dtypes):
    """For the oracle."""
    count = draw(st.integers(1, 4))
    p = Problem(
        "conv_transpose",
        batch=draw(st.integers(1, 3)),
        groups=draw(st.integers(1, 3)),
        channels_in=draw(st.integers(1, 3)),
        channels_out=draw(st.integers(1, 4)),
        axes=tuple(draw(axes(LARGEST[count])) for _ in range(count)),
        dtype=draw(st.sampled_from(dtypes)),
    )
    return p if operator == "conv_transpose" else turned(p)


@st.composite
def overlapping_problems(draw, operator, dtypes):
    """Small ones whose taps overlap on most axes, as Winograd's algorithm asks for; it refuses a few."""
    count = draw(st.integers(1, 3))
    largest = {1: 30, 2: 9, 3: 5}[count]
    along = []
    for _ in range(count):
        size, stride = draw(st.integers(1, largest)), draw(st.integers(1, 3)) if operator == "conv_transpose" else 1
        kernel = draw(st.integers(stride, 3 * stride))
        natural = (size - 1) * stride + kernel
        crop, end = draw(st.integers(-2, kernel)), draw(st.integers(-2, kernel))
        along.append(Axis(size, kernel, stride, 1, crop, max(1, natural - crop - end)))
    p = Problem(
        "conv_transpose",
        batch=draw(st.integers(1, 3)),
        groups=draw(st.integers(1, 2)),
        channels_in=draw(st.integers(1, 6)),
        channels_out=draw(st.integers(1, 11)),
        axes=tuple(along),
        dtype=draw(st.sampled_from(dtypes)),
    )
    return p if operator == "conv_transpose" else turned(p)


@st.composite
def large_problems(draw, operator, dtypes):
    """Through several tiles of columns and panels of rows: up to 70 channels and 40 positions to an axis."""
    count = draw(st.integers(1, 3))
    largest = {1: 400, 2: 40, 3: 12}[count]
    found = []
    for _ in range(count):
        size, kernel = draw(st.integers(1, largest)), draw(st.integers(1, 5))
        stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        natural = (size - 1) * stride + dilation * (kernel - 1) + 1
        crop, end = draw(st.integers(-2, 3)), draw(st.integers(-2, 3))
        found.append(Axis(size, kernel, stride, dilation, crop, max(1, natural - crop - end)))
    p = Problem(
        "conv_transpose",
        batch=draw(st.integers(1, 4)),
        groups=draw(st.sampled_from([1, 1, 2, 5])),
        channels_in=draw(st.integers(1, 70)),
        channels_out=draw(st.integers(1, 70)),
        axes=tuple(found),
        dtype=draw(st.sampled_from(dtypes)),
    )
    assume(visits(p) < 1e8)
    return p if operator == "conv_transpose" else turned(p)


def visits(p: Problem) -> float:
    """Cells that zero insertion looks at, the slowest way there is."""
    visited = float(p.batch * p.groups * p.channels_in * p.channels_out)
    for a in p.axes:
        visited *= a.size_out * a.size_kernel
    return visited


class Call(NamedTuple):
    """Arguments of conv_transpose or conv beside the arrays, and the shapes of those in "NC..." form."""

    x: tuple[int, ...]
    w: tuple[int, ...]  # conv_transpose: "IO...", conv: "OI..."
    y: tuple[int, ...]
    crops: tuple[int, ...]
    arguments: dict


@st.composite
def calls(draw, operator, smallest=1):
    """A call, with the size of the result worked out here once more.

    ``smallest`` is that of an axis, the batch or the channels: 0 asks for empty arrays too.
    """
    count = draw(st.integers(1, 4))
    sizes = st.integers(smallest, LARGEST[count])
    batch, groups = draw(st.integers(smallest, 3)), draw(st.integers(1, 3))
    channels_in, channels_out = (draw(st.integers(smallest, 3)) for _ in range(2))
    rows = []
    for _ in range(count):
        i, k = draw(sizes), draw(sizes if operator == "conv_transpose" else st.integers(1, LARGEST[count]))
        s, d = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        begin, end = draw(st.integers(-2, 4)), draw(st.integers(-2, 4))
        more = draw(st.integers(0, 3))
        reach = d * (k - 1) + 1
        if operator == "conv_transpose":
            natural = (i - 1) * s + reach if i and k else 0
            end = min(end, natural - begin + more - smallest)
            o = natural - begin - end + more
        else:
            end = max(end, (smallest - 1) * s + reach - i - begin)
            o = (i + begin + end - reach) // s + 1
        rows.append((i, k, s, d, (begin, end), more, o))
    i, k, s, d, padding, more, o = zip(*rows, strict=True)
    arguments = {"stride": s, "dilation": d, "padding": padding, "groups": groups}
    if operator == "conv_transpose":
        arguments["output_padding"] = more
        w = (groups * channels_in, channels_out, *k)
    else:
        w = (groups * channels_out, channels_in, *k)
    y = (batch, groups * channels_out, *o)
    return Call((batch, groups * channels_in, *i), w, y, tuple(begin for begin, _ in padding), arguments)
