"""Route "zero_insertion" of the transposed convolution: an ordinary convolution of a stretched input.

On each axis, put s-1 zeros between inputs, pad with ``d*(k-1) - p`` zeros at the beginning (where that is negative,
crop), turn the kernel by 180 degrees, put d-1 zeros between its taps, and slide it with stride 1. Here all of that is
done with arrays in which None stands for a zero: a zero that was put in is not an input, and contributes nothing.

It is the definition again. Input i stands at ``s*i + d*(k-1) - p`` of the padded array, tap j at ``d*(k-1-j)`` of the
turned kernel. In window t they meet where ``t + d*(k-1-j) = s*i + d*(k-1) - p``, that is ``s*i + d*j = t + p``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from sympy import Expr

from symbolic.arguments import Sizes
from symbolic.arrays import Index, indices
from symbolic.problem import Problem, Terms


class Stuffed(NamedTuple):
    """An array with zeros put in: every place is there, and None is such a zero."""

    shape: Sizes
    places: dict[Index, Expr | None]

    def turned(self) -> Stuffed:
        """Turned by 180 degrees: every axis backwards."""
        backwards = reversed(self.places.values())
        return Stuffed(self.shape, dict(zip(self.places, backwards, strict=True)))

    def spread(self, steps: Sequence[int]) -> Stuffed:
        """With ``step - 1`` zeros between neighbours on each axis."""
        shape = tuple((size - 1) * step + 1 if size else 0 for size, step in zip(self.shape, steps, strict=True))
        places: dict[Index, Expr | None] = dict.fromkeys(indices(shape))
        slots = product(*(range(0, size, step) for size, step in zip(shape, steps, strict=True)))
        places.update(zip(slots, self.places.values(), strict=True))
        return Stuffed(shape, places)

    def padded(self, begins: Sequence[int], shape: Sizes) -> Stuffed:
        """With zeros before the beginning of each axis (negative: cropped), and of ``shape`` by the same at the end."""
        places: dict[Index, Expr | None] = dict.fromkeys(indices(shape))
        for index, element in self.places.items():
            moved = tuple(a + begin for a, begin in zip(index, begins, strict=True))
            if moved in places:
                places[moved] = element
        return Stuffed(shape, places)

    def there(self) -> list[tuple[Index, Expr]]:
        """What is not a zero that was put in, with its place."""
        return [(index, element) for index, element in self.places.items() if element is not None]


def terms(problem: Problem) -> Terms:
    """The products of each window over the stretched input."""
    axes = problem.axes
    strides, dilations = [axis.stride for axis in axes], [axis.dilation for axis in axes]
    spans = [axis.dilation * (axis.size_kernel - 1) for axis in axes]
    begins = [span - axis.crop for span, axis in zip(spans, axes, strict=True)]
    # One window for each output; a kernel without taps has none, and then any shape will do.
    padded = tuple(max(axis.size_out + span, 0) for axis, span in zip(axes, spans, strict=True))
    inputs = _planes(problem.x, tuple(axis.size_in for axis in axes))
    size_kernel = tuple(axis.size_kernel for axis in axes)
    kernels = [_planes(dict(kernel), size_kernel, leading=1) for kernel in problem.kernels()]

    found = problem.no_terms()
    for (n, channel), plane in inputs.items():
        below = plane.spread(strides).padded(begins, padded).places
        for (c,), kernel in kernels[channel].items():
            taps = kernel.turned().spread(dilations).there()
            for t in indices(tuple(axis.size_out for axis in axes)):
                output = (n, c, *t)
                for j, weight in taps:
                    element = below[tuple(map(int.__add__, t, j))]
                    if element is not None:
                        found[output].append(element * weight)
    return found


def _planes(elements: dict[Index, Expr], shape: Sizes, leading: int = 2) -> dict[Index, Stuffed]:
    """The elements as one array for each index along the ``leading`` axes."""
    planes: dict[Index, Stuffed] = {}
    for index, element in elements.items():  # the last axis fastest, and so in the order of an array
        plane = planes.setdefault(index[:leading], Stuffed(shape, {}))
        plane.places[index[leading:]] = element
    return planes
