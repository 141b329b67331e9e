"""The bilinear map of a call, and its transposes in x and in w: as a `Problem` and views of three arrays.

Both operators pair a *small* and a *large* side where ``s*i + d*j = t + p``: conv_transpose goes from small
to large, conv back. With x and w given, y is the map. With w and an incoming gradient g in place of y, the
same sum over the other side is the gradient of x; with x and g, it is that of w. All three are convolutions,
with the arrays in other roles: `BilinearMap` says which view of which array plays x, w and y in the problem
that an algorithm is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tconv.errors import ParameterError, ShapeError, shown
from tconv.geometry import (
    ACCURACIES,
    Axis,
    Operator,
    Problem,
    Sizes,
    Window,
    conv_axes,
    conv_size_in,
    conv_transpose_axes,
    conv_transpose_size_in,
    count,
    frozen,
    input_vjp_axis,
    per_axis,
    weight_vjp_axis,
)
from tconv.layout import Layout, View, match, parse, place, spatial, view

_PLAIN = frozenset({int, str, type(None)})  # `frozen` leaves them alone


class Arguments(NamedTuple):
    """What all functions of one operator share, as the caller gave it but in a form that can be hashed."""

    operator: Operator
    stride: Any
    padding: Any
    output_padding: Any
    dilation: Any
    groups: Any
    layout: Any
    kernel_layout: Any
    accuracy: Any = "direct"

    @classmethod
    def of(cls, operator: Operator, *given: object) -> Arguments:
        """The arguments, in the order of the fields, so that plans can be looked up by them."""
        if not _PLAIN.issuperset(map(type, given)):
            given = tuple(map(frozen, cls._fields[1:], given))
        return cls(operator, *given)


class Roles(NamedTuple):
    """A problem, and the views of the arrays that play x, w and y in it."""

    problem: Problem
    x: View
    w: View
    y: View
    bias: View | None


@dataclass(frozen=True)
class BilinearMap:
    """``y = x * w`` with all sizes known; channels are counted per group."""

    operator: Operator
    batch: int
    groups: int
    channels_in: int
    channels_out: int
    axes: tuple[Axis, ...]
    layout: Layout  # of x and y, without N if they are unbatched
    kernel_layout: Layout
    accuracy: str = "direct"
    bias: View | None = None

    def forward(self, dtype: str) -> Roles:
        """From x and w to y."""
        channels = self.groups, self.channels_in, self.channels_out
        last = self._channels_last
        problem = Problem(self.operator, self.batch, *channels, self.axes, dtype, self.accuracy, last)
        return Roles(problem, self._x("NGC"), self._w("GIO"), self._y("NGC"), self.bias)

    def input_vjp(self, dtype: str) -> Roles:
        """From g, w to the gradient of x: the other operator on the same weights."""
        other: Operator = "conv" if self.operator == "conv_transpose" else "conv_transpose"
        axes = tuple(input_vjp_axis(axis) for axis in self.axes)
        channels = self.groups, self.channels_out, self.channels_in
        problem = Problem(other, self.batch, *channels, axes, dtype, self.accuracy, self._channels_last)
        return Roles(problem, self._y("NGC"), self._w("GOI"), self._x("NGC"), None)

    def weight_vjp(self, dtype: str) -> Roles:
        """From x, g to the gradient of w: the large side convolved with the small one.

        Batch and channels change places: the sum runs over the batch, and each channel of the large side
        meets each of the small side in the same group.
        """
        axes = tuple(weight_vjp_axis(self.operator, axis) for axis in self.axes)
        if self.operator == "conv_transpose":
            large, small, w = self._y("CGN"), self._x("GNC"), self._w("OGI")
            channels = self.channels_out, self.channels_in
        else:
            large, small, w = self._x("CGN"), self._y("GNC"), self._w("IGO")
            channels = self.channels_in, self.channels_out
        problem = Problem("conv", channels[0], self.groups, self.batch, channels[1], axes, dtype, self.accuracy)
        return Roles(problem, large, small, w, None)

    @property
    def _channels_last(self) -> bool:
        """In ``layout``; where x and y have one channel it makes no difference."""
        return self.layout.after.endswith("C") and self.groups * max(self.channels_in, self.channels_out) > 1

    def _x(self, order: str) -> View:
        sizes = {"N": self.batch, "G": self.groups, "C": self.channels_in}
        return view(self.layout, sizes, tuple(axis.size_in for axis in self.axes), "C", order)

    def _y(self, order: str) -> View:
        sizes = {"N": self.batch, "G": self.groups, "C": self.channels_out}
        return view(self.layout, sizes, tuple(axis.size_out for axis in self.axes), "C", order)

    def _w(self, order: str) -> View:
        sizes = {"G": self.groups, "I": self.channels_in, "O": self.channels_out}
        split = _grouped(self.operator)
        return view(self.kernel_layout, sizes, tuple(axis.size_kernel for axis in self.axes), split, order)


def check_kernel(arguments: Arguments, w: Sizes, bias: Sizes | None, output_size: object) -> None:
    """Raise for whatever is wrong before an ``x`` is known."""
    reader = _Reader.of(arguments)
    axes = reader.axes_of_kernel(w)
    _, channels_out = reader.channels_of_kernel(w, axes)
    reader.bias_view(bias, channels_out)
    reader.size_out(reader.window(axes), axes, output_size)


def of_x_and_w(
    arguments: Arguments, x: Sizes, w: Sizes, bias: Sizes | None = None, output_size: object = None
) -> BilinearMap:
    """The map of an ``x`` and a ``w`` of these shapes, and a ``bias`` to add."""
    reader = _Reader.of(arguments)
    axes = reader.axes_of_kernel(w)
    layout = match("x", x, reader.layout, axes)
    channels_in, channels_out = reader.channels_of_kernel(w, axes)
    reader.check_channels("x", x, layout, axes, channels_in, "I", w)
    size_in, size_kernel = spatial(layout, x), spatial(reader.kernel_layout, w)
    geometry = reader.geometry(size_in, size_kernel, output_size)
    batch, added = _batch(layout, x, axes), reader.bias_view(bias, channels_out)
    return reader.map(layout, batch, channels_in, channels_out, geometry, added)


def of_g_and_w(
    arguments: Arguments, g: Sizes, w: Sizes, input_size: object = None, output_size: object = None
) -> BilinearMap:
    """The map that has kernels of shape ``w`` and results of shape ``g``."""
    reader = _Reader.of(arguments)
    axes = reader.axes_of_kernel(w)
    layout = match("g", g, reader.layout, axes)
    channels_in, channels_out = reader.channels_of_kernel(w, axes)
    reader.check_channels("g", g, layout, axes, channels_out, "O", w)
    size_out, size_kernel = spatial(layout, g), spatial(reader.kernel_layout, w)
    if input_size is not None:
        size_in = per_axis("input_size", input_size, axes, lowest=0)
    elif output_size is None:
        infer = conv_size_in if arguments.operator == "conv" else conv_transpose_size_in
        size_in = infer(reader.window(axes), size_out, size_kernel)
    else:
        raise ParameterError("input_size: got None beside output_size; must be given, as several inputs fit")
    geometry = reader.geometry(size_in, size_kernel, output_size)
    reader.check_gradient(g, layout, geometry)
    return reader.map(layout, _batch(layout, g, axes), channels_in, channels_out, geometry)


def of_x_and_g(
    arguments: Arguments, x: Sizes, g: Sizes, kernel_size: object, output_size: object = None
) -> BilinearMap:
    """The map from an ``x`` to a result of the shape of ``g``, with kernels of ``kernel_size``."""
    reader = _Reader.of(arguments)
    axes = len(kernel_size) if isinstance(kernel_size, tuple) else 1
    size_kernel = per_axis("kernel_size", kernel_size, max(axes, 1), lowest=0)
    says = f"kernel_size = {shown(kernel_size)}"
    layout, layout_g = (match(name, shape, reader.layout, axes, says) for name, shape in (("x", x), ("g", g)))
    if layout != layout_g:
        raise ShapeError(f"g: got {len(g)} axes beside an x with {len(x)}; both must have N or none")
    batch = _batch(layout, x, axes)
    if _batch(layout, g, axes) != batch:
        n = place(layout, "N", axes)
        raise ShapeError(f"g: axis {n} (N) has size {g[n]}; must be {batch}, as axis {n} of x")
    channels_in = reader.channels_per_group("x", x, layout, axes)
    channels_out = reader.channels_per_group("g", g, layout, axes)
    geometry = reader.geometry(spatial(layout, x), size_kernel, output_size)
    reader.check_gradient(g, layout, geometry)
    return reader.map(layout, batch, channels_in, channels_out, geometry)


@dataclass(frozen=True)
class _Reader:
    """Arguments with their words read, before the shapes are known."""

    arguments: Arguments
    layout: Layout
    kernel_layout: Layout
    groups: int

    @classmethod
    def of(cls, arguments: Arguments) -> _Reader:
        if arguments.accuracy not in ACCURACIES:
            raise ParameterError(
                f"accuracy: got {shown(arguments.accuracy)}; must be one of {', '.join(map(repr, ACCURACIES))}"
            )
        layout = parse("layout", arguments.layout, "NC")
        groups = count("groups", arguments.groups)
        if "C" in layout.letters:
            kernel_layout = parse("kernel_layout", arguments.kernel_layout, "IO", needed="IO")
        else:
            kernel_layout = Layout("", "")  # no channels, and so none in the kernel
            if groups != 1:
                raise ParameterError(f"groups: got {groups}; must be 1 for layout '{layout}', which has no C")
        return cls(arguments, layout, kernel_layout, groups)

    def axes_of_kernel(self, w: Sizes) -> int:
        axes = len(w) - len(self.kernel_layout.letters)
        if axes < 1:
            least = len(self.kernel_layout.letters) + 1
            raise ShapeError(
                f"w: got shape {shown(w)} with {len(w)} axes; must have {least} or more "
                f"for layout '{self.layout}' and kernel_layout '{self.kernel_layout}'"
            )
        return axes

    def channels_of_kernel(self, w: Sizes, axes: int) -> tuple[int, int]:
        """Input and output channels of one group."""
        if not self.kernel_layout.letters:
            return 1, 1
        sizes = {letter: w[place(self.kernel_layout, letter, axes)] for letter in "IO"}
        split = _grouped(self.arguments.operator)
        if sizes[split] % self.groups:
            raise ShapeError(
                f"w: axis {place(self.kernel_layout, split, axes)} ({split}) has size {sizes[split]}; "
                f"must be a multiple of groups = {self.groups}"
            )
        sizes[split] //= self.groups
        return sizes["I"], sizes["O"]

    def check_channels(
        self, name: str, shape: Sizes, layout: Layout, axes: int, per_group: int, letter: str, w: Sizes
    ) -> None:
        """The channels of x must be those of I of the kernel, those of g must be those of O."""
        if "C" not in layout.letters:
            return
        channel, axis = place(layout, "C", axes), place(self.kernel_layout, letter, axes)
        whole = per_group * self.groups
        if shape[channel] != whole:
            times = "" if w[axis] == whole else f" = {self.groups} groups of {per_group}"
            raise ShapeError(
                f"{name}: axis {channel} (C) has size {shape[channel]}; must be {whole}{times}, "
                f"as axis {axis} ({letter}) of w says"
            )

    def channels_per_group(self, name: str, shape: Sizes, layout: Layout, axes: int) -> int:
        if "C" not in layout.letters:
            return 1
        channel = place(layout, "C", axes)
        if shape[channel] % self.groups:
            raise ShapeError(
                f"{name}: axis {channel} (C) has size {shape[channel]}; must be a multiple of groups = {self.groups}"
            )
        return shape[channel] // self.groups

    def window(self, axes: int) -> Window:
        a = self.arguments
        return Window.of(axes, a.stride, a.dilation, a.padding, a.output_padding)

    def geometry(self, size_in: Sizes, size_kernel: Sizes, output_size: object) -> tuple[Axis, ...]:
        axes = len(size_kernel)
        window = self.window(axes)
        if self.arguments.operator == "conv":
            return conv_axes(window, size_in, size_kernel)
        return conv_transpose_axes(window, size_in, size_kernel, self.size_out(window, axes, output_size))

    def size_out(self, window: Window, axes: int, output_size: object) -> Sizes | None:
        if output_size is None:
            return None
        if any(window.output_padding):
            raise ParameterError(
                f"output_padding: got {shown(self.arguments.output_padding)} beside output_size, "
                "which fixes the size by itself; must be 0"
            )
        return per_axis("output_size", output_size, axes, lowest=0)

    def bias_view(self, shape: Sizes | None, channels_out: int) -> View | None:
        """``bias[groups, channels_out]`` from one number per channel, or a single one without channels."""
        if shape is None:
            return None
        whole = self.groups * channels_out
        if "C" in self.layout.letters:
            if shape != (whole,):
                raise ShapeError(f"bias: got shape {shown(shape)}; must be ({whole},), one number per output channel")
        elif shape not in ((), (1,)):
            raise ShapeError(f"bias: got shape {shown(shape)}; must be one number, as layout '{self.layout}' has no C")
        return View(shape, (self.groups, channels_out), None)

    def check_gradient(self, g: Sizes, layout: Layout, geometry: tuple[Axis, ...]) -> None:
        for a, axis in enumerate(geometry):
            position = place(layout, a, len(geometry))
            if g[position] != axis.size_out:
                raise ShapeError(
                    f"g: axis {position} has size {g[position]}; must be {axis.size_out}, "
                    f"the output of {self.arguments.operator} for input size {axis.size_in}"
                )

    def map(
        self,
        layout: Layout,
        batch: int,
        channels_in: int,
        channels_out: int,
        geometry: tuple[Axis, ...],
        bias: View | None = None,
    ) -> BilinearMap:
        return BilinearMap(
            operator=self.arguments.operator,
            batch=batch,
            groups=self.groups,
            channels_in=channels_in,
            channels_out=channels_out,
            axes=geometry,
            layout=layout,
            kernel_layout=self.kernel_layout,
            accuracy=self.arguments.accuracy,
            bias=bias,
        )


def _grouped(operator: Operator) -> str:
    """The letter of the kernel's axis that holds all groups, as every framework has it."""
    return "I" if operator == "conv_transpose" else "O"


def _batch(layout: Layout, shape: Sizes, axes: int) -> int:
    return shape[place(layout, "N", axes)] if "N" in layout.letters else 1
