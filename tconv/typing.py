"""Names for what the public functions take; only type checkers and readers need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias

from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["Array", "ArrayLike", "DTypeLike", "Padding", "PerAxis"]

Array: TypeAlias = NDArray[Any]
PerAxis: TypeAlias = "SupportsIndex | Sequence[SupportsIndex]"
"""One integer for all spatial axes, or one per axis."""
Padding: TypeAlias = "SupportsIndex | str | Sequence[SupportsIndex | Sequence[SupportsIndex]]"
"""An integer, one per spatial axis, one (begin, end) pair per axis, "valid" or "same"."""
