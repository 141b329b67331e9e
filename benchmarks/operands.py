"""Numbers for a layer to compute with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines import Operands
from benchmarks.layers import Layer

DTYPES = ("float32", "float64", "complex64", "complex128", "int32", "int64")


def random(layer: Layer, dtype: str) -> Operands:
    """Always the same numbers: between -1 and 1, in both parts if complex; whole ones up to 8 if integers."""
    generator = np.random.default_rng(0)

    def draw(*shape: int) -> NDArray[Any]:
        if np.issubdtype(dtype, np.integer):
            return generator.integers(-8, 9, shape).astype(dtype)
        if np.issubdtype(dtype, np.complexfloating):
            return (generator.uniform(-1, 1, shape) + 1j * generator.uniform(-1, 1, shape)).astype(dtype)
        return generator.uniform(-1, 1, shape).astype(dtype)

    return Operands(draw(*layer.x), draw(*layer.w), draw(layer.channels_out) if layer.bias else None)


def save(operands: Operands, folder: Path) -> None:
    """Put the operands where a worker reads them."""
    for name, array in vars(operands).items():
        path = folder / f"{name}.npy"
        path.unlink(missing_ok=True)
        if array is not None:
            np.save(path, array)


def load(folder: Path) -> Operands:
    """What `save` put there."""
    x, w, bias = (folder / f"{name}.npy" for name in ("x", "w", "bias"))
    return Operands(np.load(x), np.load(w), np.load(bias) if bias.exists() else None)
