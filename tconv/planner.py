"""Which algorithm computes a problem: the cheapest of those that do not refuse it.

A pure function of the problem, the threads and the caller's wish. What an algorithm takes, it says itself.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from tconv.algorithms import ALGORITHMS
from tconv.algorithms.cost import Cost
from tconv.errors import ArgumentTypeError, MethodError, shown
from tconv.geometry import Problem


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not every system tells
        return sys.maxsize


MEMORY = _memory()
"""Bytes of memory in this machine: what needs more is refused."""

LAYER_CALLS = 40
"""For so many calls a layer packs its weights, so to speak; a function packs them for one."""


@dataclass(frozen=True)
class Candidate:
    """One algorithm before the choice: why it refuses the problem, or what it would take."""

    name: str
    refusal: str | None
    cost: Cost | None
    measured: float | None = None  # seconds, if somebody asked


def candidates(problem: Problem, threads: int) -> tuple[Candidate, ...]:
    """Every algorithm of the registry, asked about ``problem``."""
    return tuple(_ask(name, problem, threads) for name in ALGORITHMS)


def read_method(method: object) -> str:
    """``method`` as a plain word, which is "auto" or an algorithm's name."""
    if not isinstance(method, str):
        raise ArgumentTypeError(f"method: got {shown(method)}; must be 'auto' or the name of an algorithm")
    if method != "auto" and method not in ALGORITHMS:
        raise MethodError(f"method: got {shown(method)}; must be 'auto' or one of {', '.join(map(repr, ALGORITHMS))}")
    return str.__str__(method)


def rank(method: str, asked: tuple[Candidate, ...], calls: int = 1) -> tuple[str, ...]:
    """The names of those that do not refuse: first the one wished for, then by the work of each of so many calls."""
    work = {c.name: c.cost.each_of(calls) for c in asked if c.cost is not None}
    ranked = sorted(work, key=work.__getitem__)  # a stable sort: the registry's order decides ties
    if method in ranked:
        ranked.remove(method)
        return (method, *ranked)
    if method == "auto" and ranked:
        return tuple(ranked)
    reasons = "; ".join(f"{c.name}: {c.refusal}" for c in asked if c.refusal and method in (c.name, "auto"))
    raise MethodError(
        f"method: got {shown(method)}, which refuses this ({reasons}); "
        f"must be one of {', '.join(map(repr, ['auto', *ranked]))}"
    )


def _ask(name: str, problem: Problem, threads: int) -> Candidate:
    algorithm = ALGORITHMS[name]
    refusal = algorithm.supports(problem)
    if refusal is not None:
        return Candidate(name, refusal, None)
    cost = algorithm.cost(problem, threads)
    if cost.workspace > MEMORY:
        return Candidate(name, f"needs {cost.workspace / 2**30:.3g} GiB of workspace", None)
    return Candidate(name, None, cost)
