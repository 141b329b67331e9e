"""Theorems: a statement, and the steps of its proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from symbolic.steps import Step, Stepwise

Claim: TypeAlias = Callable[..., Any]
"""What somebody claims: a function of arrays of symbols that returns an array."""


@dataclass(frozen=True, repr=False)
class Theorem(Stepwise):
    """Something proved: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    statement : symbolic.steps.Step
        What holds.
    proof : tuple of symbolic.steps.Step
        Why.
    """

    statement: Step
    proof: tuple[Step, ...]

    def steps(self) -> tuple[Step, ...]:
        """The statement, then the proof."""
        return (self.statement, *self.proof)


class Refuted(ValueError):  # noqa: N818  # it is a finding, not a fault
    """What was to be proved is false.

    Attributes
    ----------
    counterexample : dict
        By name, the values for which it fails.
    """

    def __init__(self, claim: str, counterexample: Mapping[str, Any]) -> None:
        self.counterexample = dict(counterexample)
        where = ", ".join(f"{name} = {value}" for name, value in self.counterexample.items())
        super().__init__(f"{claim}: false for {where}")
