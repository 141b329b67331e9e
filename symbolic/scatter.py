"""Route "scatter" of the transposed convolution: place each input times the whole kernel, and add overlaps.

The document's procedure, word for word. On each axis the product of input i and tap j lands at ``s*i + d*j``
of the natural output, and so at ``t = s*i + d*j - crop`` of the cropped one.
"""

from __future__ import annotations

from symbolic.problem import Problem, Terms


def terms(problem: Problem) -> Terms:
    """The products that meet in each output."""
    found = problem.no_terms()
    kernels = problem.kernels()
    for (n, channel, *i), element in problem.x.items():
        for (c, *j), weight in kernels[channel]:
            t = (axis.stride * a + axis.dilation * b - axis.crop for axis, a, b in zip(problem.axes, i, j, strict=True))
            products = found.get((n, c, *t))
            if products is not None:  # else it is cropped
                products.append(element * weight)
    return found
