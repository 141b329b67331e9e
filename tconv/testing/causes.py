"""What kernels get wrong: each cause with the wrong definition that it makes.

A cause is recognised where its definition gives what the kernel gave, in every case and to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tconv.testing.definition import Channels, Definition, Exact, Line, Lines, Path, Paths, Placements, appended


@dataclass(frozen=True)
class Cause:
    """One way to be wrong.

    Attributes
    ----------
    name : str
        What the report calls it. Several ways may have one name.
    words : str
        What the kernel does, and what it should do instead.
    definition : Definition
        What it computes.
    axes : int
        How many spatial axes a kernel must have to be wrong in this way and no other.

    Examples
    --------
    >>> from tconv.testing import CAUSES
    >>> cause = CAUSES[0]
    >>> cause.name
    'kernel not turned'
    >>> x, w = (np.array([[row]], object) for row in ([1, 10], [1, 2, 3]))
    >>> line = Line(size_in=2, size_kernel=3, stride=3, dilation=1, begin=0, end=0, output_padding=0)
    >>> cause.definition(x, w, None, (line,), groups=1).tolist()
    [[[3, 2, 1, 30, 20, 10]]]
    """

    name: str
    words: str
    definition: Definition
    axes: int = 1


def _each(**change: Callable[[Line], int]) -> Definition:
    """Every axis, with these entries changed."""
    return Definition(lines=lambda lines: tuple(a._replace(**{n: f(a) for n, f in change.items()}) for a in lines))


def _reversed(*names: str) -> Definition:
    """Entries of the axes read in the wrong order."""
    return Definition(
        lines=lambda lines: tuple(
            a._replace(**{name: getattr(b, name) for name in names}) for a, b in zip(lines, lines[::-1], strict=True)
        )
    )


def _first_for_all(name: str) -> Definition:
    return Definition(lines=lambda lines: tuple(a._replace(**{name: getattr(lines[0], name)}) for a in lines))


def _turned(axes: slice) -> Definition:
    """The kernel turned along some of its spatial axes."""

    def turned(w: Exact, channels: Channels) -> Exact:
        space = tuple(range(2, w.ndim))[axes]
        return np.flip(w, space) if space else w

    return Definition(weights=turned)


def _none_appended(placements: Placements, lines: Lines) -> Placements:
    """No products for the outputs that output_padding asks for."""
    late = appended(lines)
    return [p for p in placements if p.t not in late]


def _last_placed(placements: Placements, lines: Lines) -> Placements:
    """Of the products for an output, that of the last input."""
    return list({p.t: p for p in placements}.values())


def _first_placed(placements: Placements, lines: Lines) -> Placements:
    """Of the products for an output, that of the last tap, which is that of the first input."""
    return list({p.t: p for p in reversed(placements)}.values())


def _last_channel(paths: Paths, channels: Channels) -> Paths:
    return list({p.channel_out: p for p in paths}.values())


def _first_channel(paths: Paths, channels: Channels) -> Paths:
    return list({p.channel_out: p for p in reversed(paths)}.values())


def _one_group(paths: Paths, channels: Channels) -> Paths:
    """Every input channel goes to as many output channels as w has columns."""
    rows = sorted({p.row for p in paths})
    return [Path(row, row, c, c) for row in rows for c in range(channels.outputs)]


def _interleaved_out(paths: Paths, channels: Channels) -> Paths:
    groups, _, outputs = channels
    return [p._replace(channel_out=p.channel_out % outputs * groups + p.channel_out // outputs) for p in paths]


def _interleaved_in(paths: Paths, channels: Channels) -> Paths:
    groups, inputs, _ = channels
    return [p._replace(channel_in=p.channel_in % inputs * groups + p.channel_in // inputs) for p in paths]


def _last_group_first(paths: Paths, channels: Channels) -> Paths:
    groups, inputs, _ = channels
    return [p._replace(row=(groups - 1 - p.row // inputs) * inputs + p.row % inputs) for p in paths]


def _weights_of_first_group(paths: Paths, channels: Channels) -> Paths:
    return [p._replace(row=p.row % channels.inputs) for p in paths]


def _mirror(w: Exact, channels: Channels) -> Exact:
    """I and O exchanged within each group."""
    groups, inputs, outputs = channels
    w = w.reshape(groups, inputs, outputs, *w.shape[2:]).swapaxes(1, 2)
    return w.reshape(groups * outputs, inputs, *w.shape[3:])


def _memory_as_oi(w: Exact, channels: Channels) -> Exact:
    """The memory of w read as if O came first."""
    groups, inputs, outputs = channels
    return np.swapaxes(w.reshape(groups, outputs, inputs, *w.shape[2:]), 1, 2).reshape(w.shape)


def _space_reversed(w: Exact, channels: Channels) -> Exact:
    return np.transpose(w, (0, 1, *range(w.ndim - 1, 1, -1)))


def _space_memory_reversed(w: Exact, channels: Channels) -> Exact:
    return _space_reversed(w.reshape(*w.shape[:2], *w.shape[:1:-1]), channels)


def _nothing_before_output_padding(a: Line) -> int:
    """A crop that takes more than there is leaves 0 outputs, to which output_padding adds its own."""
    return a.end + min(0, a.natural - a.begin - a.end)


def _without_gaps_at_end(a: Line) -> int:
    return a.end - max(0, a.stride - a.extent) * (a.size_in > 0)


def _causes() -> list[tuple[Any, ...]]:
    """The table. The first of several that explain the same results is the one named."""
    D = Definition  # noqa: N806
    return [
        (
            "kernel not turned",
            "Its result is that of w turned by 180 degrees: it correlates. To slide a kernel over the input with zeros "
            "inserted, turn it first; to place it for each input, don't.",
            _turned(slice(None)),
        ),
        *(
            ("kernel not turned along some axes", f"It is turned along {which}.", _turned(axes), 2)
            for which, axes in {
                "the first axis only": slice(1),
                "the last axis only": slice(-1, None),
                "all axes but the first": slice(1, None),
                "all axes but the last": slice(-1),
            }.items()
        ),
        # padding
        ("padding ignored", "The result is not cropped.", _each(begin=lambda a: 0, end=lambda a: 0)),
        (
            "padding crops the input's side",
            "Padding is put around the input with zeros inserted, so (k - 1)*d - p is cropped. It must crop p from the "
            "result.",
            _each(begin=lambda a: a.extent - 1 - a.begin, end=lambda a: a.extent - 1 - a.end),
        ),
        (
            "padding crops the input's side",
            "Padding is put around the input itself. It must crop p from the result.",
            _each(begin=lambda a: -a.begin * a.stride, end=lambda a: -a.end * a.stride),
        ),
        (
            "padding crops the input's side",
            "Padding is put around the result. It must crop p from it.",
            _each(begin=lambda a: -a.begin, end=lambda a: -a.end),
        ),
        (
            "crop at the wrong end",
            "The crops of beginning and end are exchanged.",
            _each(begin=lambda a: a.end, end=lambda a: a.begin),
        ),
        (
            "crop at the wrong end",
            "All of the crop is taken from the end. The beginning must lose its own.",
            _each(begin=lambda a: 0, end=lambda a: a.begin + a.end),
        ),
        (
            "crop at the wrong end",
            "All of the crop is taken from the beginning. The end must lose its own.",
            _each(begin=lambda a: a.begin + a.end, end=lambda a: 0),
        ),
        ("crop at the wrong end", "The end's crop is used for both ends.", _each(begin=lambda a: a.end)),
        ("crop at the wrong end", "The beginning's crop is used for both ends.", _each(end=lambda a: a.begin)),
        ("padding at one end ignored", "The end is not cropped.", _each(end=lambda a: 0)),
        ("padding at one end ignored", "The beginning is not cropped.", _each(begin=lambda a: 0)),
        (
            "padding scaled by dilation",
            "The crop is p*d. It must be p: padding counts outputs.",
            _each(begin=lambda a: a.begin * a.dilation, end=lambda a: a.end * a.dilation),
        ),
        # output_padding
        ("output_padding ignored", "The outputs that it asks for are missing.", _each(output_padding=lambda a: 0)),
        (
            "output_padding added at the beginning",
            "The outputs that it asks for stand at the beginning. They belong to the end.",
            _each(begin=lambda a: a.begin - a.output_padding, output_padding=lambda a: 0),
        ),
        (
            "output_padding added at both ends",
            "The outputs that it asks for stand at both ends. They belong to the end, once.",
            _each(begin=lambda a: a.begin - a.output_padding),
        ),
        *(
            (
                "output_padding filled with zeros",
                f"The outputs that it asks for are {filled}, put there after the crop. They must be what the crop "
                "would have taken: products may reach them.",
                size.then(D(placements=_none_appended, biases=biases)),
            )
            for filled, biases in {
                "zeros and the bias": D.biases,
                "zeros": lambda times, place, channels: times * (not place.appended),
            }.items()
            for size in (D(), _each(end=_nothing_before_output_padding))
        ),
        # dilation, stride
        ("dilation ignored", "Taps are neighbours whatever the dilation.", _each(dilation=lambda a: 1)),
        (
            "dilation counted from 0",
            "Taps are d + 1 apart. They must be d apart: 1 means neighbours.",
            _each(dilation=lambda a: a.dilation + 1),
        ),
        ("stride ignored", "Inputs are placed one apart whatever the stride.", _each(stride=lambda a: 1)),
        (
            "stride counted from 0",
            "Inputs are placed s + 1 apart: s zeros are inserted between them. It must be s - 1 zeros.",
            _each(stride=lambda a: a.stride + 1),
        ),
        (
            "stride and dilation exchanged",
            "Stride is used between taps and dilation between inputs.",
            _each(stride=lambda a: a.dilation, dilation=lambda a: a.stride),
        ),
        # which axis
        *(
            (f"{word}'s axes in the wrong order", f"The last entry of {word} is used for the first axis.", made)
            for word, made in {
                "stride": _reversed("stride"),
                "dilation": _reversed("dilation"),
                "padding": _reversed("begin", "end"),
                "output_padding": _reversed("output_padding"),
            }.items()
        ),
        (
            "arguments' axes in the wrong order",
            "The last entries of stride, dilation, padding and output_padding are used for the first axis.",
            _reversed("stride", "dilation", "begin", "end", "output_padding"),
        ),
        *(
            (f"{word} of the first axis used for all", f"The other entries of {word} are ignored.", made)
            for word, made in {
                "stride": _first_for_all("stride"),
                "dilation": _first_for_all("dilation"),
                "padding": _first_for_all("begin").then(_first_for_all("end")),
                "output_padding": _first_for_all("output_padding"),
            }.items()
        ),
        # weights
        (
            "weight axes swapped",
            "The memory of w is read as if the axis of output channels came before that of input channels.",
            D(weights=_memory_as_oi),
        ),
        ("weight axes swapped", "The axes of input and output channels in w are exchanged.", D(weights=_mirror)),
        ("weight axes swapped", "The spatial axes of w are taken in reverse order.", D(weights=_space_reversed)),
        (
            "weight axes swapped",
            "The memory of w is read as if its spatial axes came in reverse order.",
            D(weights=_space_memory_reversed),
        ),
        # groups and channels
        ("groups ignored", "Every input channel reaches every output channel.", D(paths=_one_group)),
        (
            "wrong group order",
            "Groups take turns among the output channels. The channels of a group must be neighbours.",
            D(paths=_interleaved_out),
        ),
        (
            "wrong group order",
            "Groups take turns among the input channels. The channels of a group must be neighbours.",
            D(paths=_interleaved_in),
        ),
        ("wrong group order", "The groups of the weights are taken in reverse order.", D(paths=_last_group_first)),
        ("wrong group order", "All groups use the weights of the first.", D(paths=_weights_of_first_group)),
        ("input channels not added up", "Only the last input channel of a group is used.", D(paths=_last_channel)),
        ("input channels not added up", "Only the first input channel of a group is used.", D(paths=_first_channel)),
        # bias
        ("bias missing", "The bias is not added.", D(biases=lambda times, place, channels: 0)),
        ("bias added twice", "The bias is added twice.", D(biases=lambda times, place, channels: 2 * times)),
        (
            "bias added twice",
            "The bias is added once for each input channel.",
            D(biases=lambda times, place, channels: times * channels.inputs),
        ),
        (
            "bias added only where there are products",
            "Outputs that no product reaches lack the bias.",
            D(biases=lambda times, place, channels: times * (place.products > 0)),
        ),
        (
            "bias added for each product",
            "The bias is added once for each product, of each input channel. Add it once, after the sum.",
            D(biases=lambda times, place, channels: times * place.products * channels.inputs),
        ),
        (
            "bias added for each product",
            "The bias is added once for each product along the spatial axes. Add it once, after the sum.",
            D(biases=lambda times, place, channels: times * place.products),
        ),
        # batch
        (
            "batch mixed",
            "All images are added up in each.",
            D(images=lambda images: [(n, m) for n, _ in images for _, m in images]),
        ),
        ("batch mixed", "The first image is computed for all.", D(images=lambda images: [(n, 0) for n, _ in images])),
        ("batch mixed", "Only the first image is computed.", D(images=lambda images: images[:1])),
        (
            "batch mixed",
            "All images are added up in the first.",
            D(images=lambda images: [(0, m) for _, m in images]),
        ),
        (
            "batch mixed",
            "The images come out in reverse order.",
            D(images=lambda images: [(n, max(images)[1] - m) for n, m in images]),
        ),
        # overlaps
        *(
            ("overlaps overwritten", f"Of the products for an output only that of {which} is left. Add them up.", made)
            for which, made in {
                "the last input": D(placements=_last_placed),
                "the last tap": D(placements=_first_placed),
                "the last input and the last channel": D(placements=_last_placed, paths=_last_channel),
                "the last tap and the last channel": D(placements=_first_placed, paths=_last_channel),
            }.items()
        ),
        # zeros
        (
            "multiplies zeros by infinity or nan",
            "Zeros that are not in the input (inserted, or beyond its ends) are multiplied by weights, or the other "
            "way round, so an infinity makes outputs nan that do not depend on it.",
            D(strays=True),
        ),
        (
            "leaves out products with zero",
            "Inputs that are 0 are skipped, also where the weight is infinite or nan; the product is nan.",
            D(skips_zeros=True),
        ),
        # sizes
        (
            "wrong for kernel shorter than stride",
            "The result has (i - 1)*s + max((k - 1)*d + 1, s) outputs before the crop, as in TensorFlow. It must end "
            "with the last tap of the last input.",
            _each(end=_without_gaps_at_end),
        ),
        (
            "result has the wrong size",
            "It has i*s + output_padding - p_b - p_e outputs; the size of the kernel is left out.",
            _each(end=lambda a: a.end + a.natural - a.size_in * a.stride),
        ),
        (
            "result has the wrong size",
            "It has i*s + (k - 1)*d outputs before the crop. There are no zeros after the last input: (i - 1)*s.",
            _each(end=lambda a: a.end - (a.stride - 1)),
        ),
        (
            "result has the wrong size",
            "Where there is no input or no tap it has (i - 1)*s + (k - 1)*d + 1 outputs before the crop, not 0.",
            _each(end=lambda a: a.end + a.natural - (a.size_in - 1) * a.stride - a.extent),
        ),
        (
            "result has the wrong size",
            "Where there is no input it has (k - 1)*d outputs before the crop, not 0.",
            _each(end=lambda a: a.end - (a.size_in == 0) * max(0, a.extent - 1)),
        ),
        # After those that differ where there is no tap only: without dilation, so does this one.
        (
            "result has the wrong size",
            "It has (i - 1)*s + k outputs before the crop; dilation is left out.",
            _each(end=lambda a: a.end + a.natural - (a.size_in - 1) * a.stride - a.size_kernel),
        ),
    ]


CAUSES: tuple[Cause, ...] = tuple(Cause(*row) for row in _causes())
"""Every cause that is recognised by its results."""
