"""Transposed convolution in any number of dimensions, and the ordinary one it is the transpose of.

Names are loaded when they are first used (PEP 562): ``import tconv`` itself costs next to nothing, and loads
neither NumPy nor Numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tconv import errors, testing
    from tconv.api import (
        conv,
        conv_input_vjp,
        conv_transpose,
        conv_transpose_input_vjp,
        conv_transpose_weight_vjp,
        conv_weight_vjp,
        plan,
        show_config,
        warmup,
    )
    from tconv.geometry import output_size
    from tconv.layers import Conv, ConvTranspose

__version__ = "0.1.0"

__all__ = [
    "Conv",
    "ConvTranspose",
    "conv",
    "conv_input_vjp",
    "conv_transpose",
    "conv_transpose_input_vjp",
    "conv_transpose_weight_vjp",
    "conv_weight_vjp",
    "errors",
    "output_size",
    "plan",
    "show_config",
    "testing",
    "warmup",
]

_ELSEWHERE = {"Conv": "tconv.layers", "ConvTranspose": "tconv.layers", "output_size": "tconv.geometry"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tconv' has no attribute {name!r}")
    if name in ("errors", "testing"):
        return import_module(f"tconv.{name}")  # which also makes it an attribute
    value = getattr(import_module(_ELSEWHERE.get(name, "tconv.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
