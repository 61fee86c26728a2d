"""What happened, as frozen records: logging, metrics, tracing and audit are observers of these.

The shape follows stamina's instrumentation hooks: one callable, frozen details, no base class.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

__all__ = [
    "Event",
    "Observer",
    "OperationServed",
    "SessionOpened",
    "StatementRun",
    "TenantRefused",
    "TenantResolved",
    "notify",
]

_log = logging.getLogger("fraiseql_strawberry")


@dataclass(frozen=True, slots=True)
class TenantResolved:
    """A request was given its tenant; `source` is "claim" (its token) or "header"."""

    tenant_id: str
    source: str


@dataclass(frozen=True, slots=True)
class TenantRefused:
    """Token and headers of a request were refused before any SQL; `code` is the error's."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A tenant session was opened; it takes a connection with its first statement."""

    tenant_id: str


@dataclass(frozen=True, slots=True)
class StatementRun:
    """A compiled statement was run; `seconds` is the wall time of its round trip."""

    tenant_id: str
    statement: str
    seconds: float


@dataclass(frozen=True, slots=True)
class OperationServed:
    """A GraphQL operation was answered; `lane` is "fast" or "standard", `reason` why."""

    tenant_id: str | None
    operation_name: str | None
    operation_type: str
    lane: str
    reason: str
    seconds: float


Event = TenantResolved | TenantRefused | SessionOpened | StatementRun | OperationServed
Observer = Callable[[Event], None]


def notify(observers: tuple[Observer, ...], event: Event) -> None:
    """Hand an event to each observer; one that raises is logged, never felt by a request."""
    for observer in observers:
        try:
            observer(event)
        except Exception:  # noqa: BLE001 - whatever an observer does wrong
            _log.exception("the observer %r failed on %r", observer, event)
