"""What an algorithm says a problem would take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """A prediction: ``operations`` counts multiplications and additions, the rest bytes and seconds."""

    operations: int
    bytes_moved: int
    workspace: int
    seconds: float
