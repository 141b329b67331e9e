"""Convolution and its transpose, exactly: every output as an expression of the inputs, and what can be proved of it.

SymPy and the standard library only. Nothing is rounded and nothing is shared with the kernels of tconv, so
what this package says about one of them cannot repeat its mistakes. Arguments have the same names and
meanings as in tconv. Whatever is told in steps can be printed, and shows itself in a notebook.

Expansions
    `conv_transpose`, `conv`, by several `ROUTES`; `prove_routes_agree`; `trace_conv_transpose`, `trace_conv`,
    `document`; `general_term`, `phase_form`, `structural_zeros`, `prove_no_structural_zeros`.
Sizes
    `output_size`; `derive_conv_transpose_size`, `derive_conv_size`; `prove_size_returns`,
    `prove_sizes_with_same_result`, `prove_output_padding_restores`, `sizes_with_same_result`; `solve`, `solve_chain`,
    `solve_decoder`.
The matrix and its transpose
    `conv_matrix`, `prove_transpose`, `prove_diagonal`, `prove_inverse`; `prove_input_gradient`,
    `prove_weight_gradient`, `prove_bias_gradient`.
Kernels
    `coverage`, `nearest_uniform_kernel_sizes`, `prove_uniform`, `prove_uniform_condition`; `interpolation_taps`,
    `interpolation_function`, `prove_reproduces_constants`, `prove_reproduces_ramps`, `prove_continues_polynomials`;
    `pixel_shuffle`, `pixel_unshuffle`, `subpixel_from_transposed`, `transposed_from_subpixel` and a proof of each.
Algorithms and errors
    `cook_toom`, `best_points`, `nested_amplification`; `error_bound`, `prove_error_bound`, `bilinear_error_bound`.

A theorem is a `Theorem`; what is false raises `Refuted`, with a counterexample.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from symbolic import document
from symbolic.arrays import array
from symbolic.cook_toom import cook_toom, nested_amplification  # the function, not the module of that name
from symbolic.expansion import ROUTES, conv, conv_transpose
from symbolic.placements import trace_conv_transpose
from symbolic.points import best_points
from symbolic.sizes import output_size
from symbolic.theorem import Refuted, Theorem
from symbolic.windows import trace_conv

if TYPE_CHECKING:
    from symbolic.agreement import prove_routes_agree
    from symbolic.chain import solve_chain, solve_decoder
    from symbolic.checkerboard import coverage, nearest_uniform_kernel_sizes, prove_uniform, prove_uniform_condition
    from symbolic.error_bounds import bilinear_error_bound, error_bound, prove_error_bound
    from symbolic.general_terms import general_term, phase_form
    from symbolic.gradients import prove_bias_gradient, prove_input_gradient, prove_weight_gradient
    from symbolic.interpolation import (
        interpolation_function,
        interpolation_taps,
        prove_continues_polynomials,
        prove_reproduces_constants,
        prove_reproduces_ramps,
    )
    from symbolic.inversion import prove_diagonal, prove_inverse
    from symbolic.size_derivation import derive_conv_size, derive_conv_transpose_size
    from symbolic.size_relation import (
        prove_output_padding_restores,
        prove_size_returns,
        prove_sizes_with_same_result,
        sizes_with_same_result,
    )
    from symbolic.solver import solve
    from symbolic.subpixel import (
        pixel_shuffle,
        pixel_unshuffle,
        prove_subpixel_from_transposed,
        prove_transposed_from_subpixel,
        subpixel_from_transposed,
        transposed_from_subpixel,
    )
    from symbolic.transposition import conv_matrix, prove_transpose
    from symbolic.zeros import prove_no_structural_zeros, structural_zeros

_LATER = {
    "agreement": ("prove_routes_agree",),
    "chain": ("solve_chain", "solve_decoder"),
    "checkerboard": ("coverage", "nearest_uniform_kernel_sizes", "prove_uniform", "prove_uniform_condition"),
    "error_bounds": ("bilinear_error_bound", "error_bound", "prove_error_bound"),
    "general_terms": ("general_term", "phase_form"),
    "gradients": ("prove_bias_gradient", "prove_input_gradient", "prove_weight_gradient"),
    "interpolation": (
        "interpolation_function",
        "interpolation_taps",
        "prove_continues_polynomials",
        "prove_reproduces_constants",
        "prove_reproduces_ramps",
    ),
    "inversion": ("prove_diagonal", "prove_inverse"),
    "size_derivation": ("derive_conv_size", "derive_conv_transpose_size"),
    "size_relation": (
        "prove_output_padding_restores",
        "prove_size_returns",
        "prove_sizes_with_same_result",
        "sizes_with_same_result",
    ),
    "solver": ("solve",),
    "subpixel": (
        "pixel_shuffle",
        "pixel_unshuffle",
        "prove_subpixel_from_transposed",
        "prove_transposed_from_subpixel",
        "subpixel_from_transposed",
        "transposed_from_subpixel",
    ),
    "transposition": ("conv_matrix", "prove_transpose"),
    "zeros": ("prove_no_structural_zeros", "structural_zeros"),
}
"""Modules that are loaded when one of these names is first used: all of them take a third of SymPy's own time."""


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"symbolic.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "ROUTES",
    "Refuted",
    "Theorem",
    "array",
    "best_points",
    "bilinear_error_bound",
    "conv",
    "conv_matrix",
    "conv_transpose",
    "cook_toom",
    "coverage",
    "derive_conv_size",
    "derive_conv_transpose_size",
    "document",
    "error_bound",
    "general_term",
    "interpolation_function",
    "interpolation_taps",
    "nearest_uniform_kernel_sizes",
    "nested_amplification",
    "output_size",
    "phase_form",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prove_bias_gradient",
    "prove_continues_polynomials",
    "prove_diagonal",
    "prove_error_bound",
    "prove_input_gradient",
    "prove_inverse",
    "prove_no_structural_zeros",
    "prove_output_padding_restores",
    "prove_reproduces_constants",
    "prove_reproduces_ramps",
    "prove_routes_agree",
    "prove_size_returns",
    "prove_sizes_with_same_result",
    "prove_subpixel_from_transposed",
    "prove_transpose",
    "prove_transposed_from_subpixel",
    "prove_uniform",
    "prove_uniform_condition",
    "prove_weight_gradient",
    "sizes_with_same_result",
    "solve",
    "solve_chain",
    "solve_decoder",
    "structural_zeros",
    "subpixel_from_transposed",
    "trace_conv",
    "trace_conv_transpose",
    "transposed_from_subpixel",
]
