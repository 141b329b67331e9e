"""What an algorithm says a problem would take."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from tconv.geometry import Problem

LIMITS = {"direct": 4.0, "fast": 16.0}
"""By accuracy, how many times larger than the direct sum's the bound on errors may be."""

NOT_DIRECT = "does not add up the products of the definition, as accuracy 'exact-order' asks for"

SERIAL = 2e4  # nanoseconds below which waking a second thread costs more than it saves: measured, 9e3 each time


def awake(nanoseconds: float, threads: int) -> int:
    """On how many of the threads work is done that takes so long on one: a little of it on that one."""
    return 1 if nanoseconds < SERIAL else threads


@dataclass(frozen=True)
class Cost:
    """A prediction.

    A choice is made by ``work`` alone: one that looked at threads would give other bits on another number of them.
    """

    operations: int  # multiplications and additions
    bytes_moved: int
    workspace: int  # bytes
    work: float  # seconds on one thread
    workers: int  # threads that can share it
    preparing: float = 0.0  # seconds on one thread that packing the weights takes
    loss: float = 1.0  # how many times larger than the direct sum's the bound on errors is

    @property
    def seconds(self) -> float:
        """What a call takes, with weights packed."""
        return self.work / self.workers

    def each_of(self, calls: int) -> float:
        """Seconds on one thread for each of so many calls with the same weights."""
        return self.work + self.preparing / calls


def operand_bytes(problem: Problem) -> int:
    """Bytes of x, w and y together."""
    x = problem.batch * problem.channels_in * prod(a.size_in for a in problem.axes)
    w = problem.channels_in * problem.channels_out * prod(a.size_kernel for a in problem.axes)
    y = problem.batch * problem.channels_out * prod(a.size_out for a in problem.axes)
    return problem.groups * (x + w + y) * np.dtype(problem.dtype).itemsize
