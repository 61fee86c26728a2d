"""What one tenant may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..duration import duration, duration_ms
from ..rules import whole

__all__ = ["Limits"]

_count = whole(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Limits:
    """`[multitenancy.limits]`: what one tenant may do, in each process of the service."""

    requests: Annotated[int | None, _count] = None
    period: Annotated[str, duration] = "1s"
    burst: Annotated[int | None, _count] = None
    subscriptions: Annotated[int, _count] = 1000
    waiting_events: Annotated[int, whole(1, 100_000)] = 100

    @property
    def period_seconds(self) -> float:
        """`period` in seconds."""
        return duration_ms(self.period) / 1000
