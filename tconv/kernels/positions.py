"""Flat positions: how a kernel for any number of axes finds its way in an array flattened to one."""

from __future__ import annotations

from typing import Any

from tconv.kernels.launch import called


@called
def locate(corner: Any, reach: Any, sizes: Any) -> int:
    """The flat position of the cell ``corner + reach`` in an array of ``sizes``; -1 if it lies outside."""
    position = 0
    for axis in range(len(sizes)):
        index = corner[axis] + reach[axis]
        if index < 0 or index >= sizes[axis]:
            return -1
        position = position * sizes[axis] + index
    return position
