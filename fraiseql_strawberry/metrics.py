"""Prometheus metrics as an observer. No label names a tenant: a scrape tells nothing of one.

Needs the extra `metrics` (prometheus-client).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from .events import Event, OperationServed, SessionOpened, StatementRun, TenantRefused

__all__ = ["Metrics"]


class Metrics:
    """Counts events: `Tenancy(…, observers=[metrics])`, and `metrics.render()` for `/metrics`.

    Args:
        registry: Where the metrics are registered; one of its own by default.
    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._operations = Counter(
            "fraiseql_operations",
            "GraphQL operations, by the lane they took and why",
            ["lane", "reason", "type"],
            registry=self.registry,
        )
        self._operation_seconds = Histogram(
            "fraiseql_operation_seconds",
            "Time to answer a GraphQL operation, in seconds",
            ["lane"],
            registry=self.registry,
        )
        self._refusals = Counter(
            "fraiseql_refusals",
            "Requests refused before any SQL",
            ["code"],
            registry=self.registry,
        )
        self._sessions = Counter(
            "fraiseql_sessions", "Tenant sessions opened", registry=self.registry
        )
        self._statement_seconds = Histogram(
            "fraiseql_statement_seconds",
            "Round trip of a compiled statement, in seconds",
            registry=self.registry,
        )

    def __call__(self, event: Event) -> None:
        """Observe an event."""
        match event:
            case OperationServed():
                self._operations.labels(event.lane, event.reason, event.operation_type).inc()
                self._operation_seconds.labels(event.lane).observe(event.seconds)
            case TenantRefused():
                self._refusals.labels(event.code).inc()
            case SessionOpened():
                self._sessions.inc()
            case StatementRun():
                self._statement_seconds.observe(event.seconds)
            case _:
                pass

    def render(self) -> bytes:
        """The text that Prometheus scrapes; its media type is `Metrics.media_type`."""
        return generate_latest(self.registry)
