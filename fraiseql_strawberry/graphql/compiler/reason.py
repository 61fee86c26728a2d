"""Why an operation is not served by one statement."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StepAside", "SteppedAside"]


@dataclass(frozen=True, slots=True)
class StepAside:
    """The operation, or this request of it, belongs to the standard lane.

    Args:
        reason: A short text for metrics and `explain`, without values of the client's.
    """

    reason: str


class SteppedAside(Exception):
    """Carries a `StepAside` out of the depth of a selection."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
