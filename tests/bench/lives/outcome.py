"""What was wanted, and what was found."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Outcome", "median", "p95"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table.

    Args:
        title: What was measured.
        measured: What was found, in words.
        wanted: The target in words; None where there is none.
        met: Whether it was met.
    """

    title: str
    measured: str
    wanted: str | None = None
    met: bool | None = None

    def row(self) -> tuple[str, str, str, str]:
        """The line."""
        verdict = "" if self.met is None else "met" if self.met else "missed"
        return (self.title, self.wanted or "", self.measured, verdict)


def median(seconds: Sequence[float]) -> float:
    """The one in the middle."""
    return statistics.median(seconds)


def p95(seconds: Sequence[float]) -> float:
    """The time that 19 of 20 did not exceed."""
    return sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]
