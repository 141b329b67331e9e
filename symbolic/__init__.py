"""Convolution and its transpose, exactly: every output as an expression of the inputs.

SymPy and the standard library only. Nothing is rounded and nothing is shared with the kernels of tconv, so
what this package says about one of them cannot repeat its mistakes. Arguments have the same names and
meanings as in tconv.
"""

from __future__ import annotations

from symbolic import document
from symbolic.arrays import array
from symbolic.cook_toom import cook_toom, nested_amplification
from symbolic.expansion import ROUTES, conv, conv_transpose
from symbolic.placements import trace_conv_transpose
from symbolic.points import best_points
from symbolic.sizes import output_size
from symbolic.windows import trace_conv

__all__ = [
    "ROUTES",
    "array",
    "best_points",
    "conv",
    "conv_transpose",
    "cook_toom",
    "document",
    "nested_amplification",
    "output_size",
    "trace_conv",
    "trace_conv_transpose",
]
