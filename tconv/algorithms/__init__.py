"""The registry: every way of computing, by name. Tests are parametrised by this dict."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol

import numpy as np

from tconv.algorithms import (
    col2im,
    depthwise,
    fft,
    overlap_add,
    polyphase,
    scatter,
    sliding_window,
    winograd,
    zero_insertion,
)
from tconv.algorithms.cost import Cost
from tconv.geometry import Problem
from tconv.kernels.workers import Single


class Algorithm(Protocol):
    """What a module in this package offers."""

    def supports(self, problem: Problem) -> str | None:
        """Why this algorithm refuses ``problem``, in a few words; None if it does not."""

    def cost(self, problem: Problem, threads: int) -> Cost:
        """What it would take, by the model."""

    def prepare(self, problem: Problem, w: np.ndarray, threads: int) -> Any:
        """Weights ``w[groups, channels_in, channels_out, *size_kernel]`` as ``forward`` wants them.

        None if this algorithm cannot take their values (infinities, nans); then the next one does.
        """

    def forward(
        self,
        problem: Problem,
        packed: Any,
        x: np.ndarray,
        bias: np.ndarray | None,
        y: np.ndarray,
        threads: int,
    ) -> bool:
        """Write the result into every element of ``y``, which is aligned and has no axis that runs backwards.

        False if this algorithm cannot take the values of ``x`` (infinities, nans); then the next one does.
        """


ALGORITHMS: dict[str, Algorithm] = {
    "polyphase": polyphase,
    "winograd": winograd,
    "overlap_add": overlap_add,
    "depthwise": depthwise,
    "col2im": col2im,
    "fft": fft,
    "scatter": scatter,
    "zero_insertion": zero_insertion,
    "sliding_window": sliding_window,
}

PACKING_ORDER: dict[str, Callable[[Problem, int], Hashable]] = {
    "polyphase": polyphase.packing_order,
    "winograd": winograd.packing_order,
    "overlap_add": overlap_add.packing_order,
    "fft": fft.packing_order,
}
"""Of those that pack weights alike for many problems with the same kernel: where this is equal, packed weights are."""

Steps = tuple[int, ...]

SINGLE: dict[str, Callable[[Problem, Steps, Steps, int], Single | None]] = {
    "polyphase": polyphase.single,
    "winograd": winograd.single,
    "overlap_add": overlap_add.single,
    "depthwise": depthwise.single,
    "col2im": col2im.single,
}
"""Of those that may do all in one kernel: which it is, for an input and an output with these steps."""
