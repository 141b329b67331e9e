"""Route "sliding_window" of the ordinary convolution: multiply each window by the kernel, and add up.

Tap j of window t lies on the input ``s*t + d*j - crop``. Outside of x there is nothing to multiply.
"""

from __future__ import annotations

from symbolic.problem import Problem, Terms


def terms(problem: Problem) -> Terms:
    """The products of each window."""
    found = problem.no_terms()
    kernels = problem.kernels()
    for (n, c, *t), products in found.items():
        for (channel, *j), weight in kernels[c]:
            i = (axis.stride * a + axis.dilation * b - axis.crop for axis, a, b in zip(problem.axes, t, j, strict=True))
            element = problem.x.get((n, channel, *i))
            if element is not None:  # else it lies in the padding
                products.append(element * weight)
    return found
