"""The tenant is ambient: one `RequestScope` per request or job, held in a ContextVar.

The scope is a holder, not a value: it is put in place before anything of the user's runs, and
what is found out later (claims, tenant) is written *into* it. So a sync dependency in a worker
thread, which gets a copy of the context, still sees and sets the same tenant
(SECURITY.md: "sync dependencies and run_in_executor lose the ContextVar").
The database handle is never ambient: see `session.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .auth import Claims
from .errors import TenantSwitchRefused, Unauthorized

__all__ = [
    "CONNECTIONS_PER_REQUEST",
    "OperationState",
    "RequestScope",
    "current_scope",
    "enter_operation",
    "enter_scope",
    "find_scope",
    "replace_scope",
]

# 500 siblings on a pool of 15 delayed another tenant from 19 to 751 ms (SECURITY.md, connections):
# one request holds two connections at the most, the others wait their turn.
CONNECTIONS_PER_REQUEST = 2

_current: ContextVar[RequestScope | None] = ContextVar("fraiseql_scope", default=None)
_operation: ContextVar[OperationState | None] = ContextVar("fraiseql_operation", default=None)


class OperationState:
    """What one GraphQL operation keeps to itself.

    Args:
        scope: The request or job that it is part of.
    """

    __slots__ = (
        "finishing",
        "fresh",
        "json_text",
        "loaders",
        "scope",
        "served",
        "unit",
        "written",
    )

    def __init__(self, scope: RequestScope) -> None:
        self.scope = scope
        self.served: object = None  # the schema, as its tenancy serves it
        self.unit: Any = None  # the one transaction of an atomic operation
        self.loaders: dict[Any, Any] = {}
        self.fresh = False  # whether its reads must see what other processes wrote just now
        self.finishing = False  # whether what executes it takes finished values
        self.json_text = False  # whether these may be JSON text, and nobody looks at them
        self.written: dict[str, Any] = {}  # what root fields have come to already, by their key


class RequestScope:
    """What is known of the request or job that is running.

    Args:
        tenant_id: The canonical tenant, or None while none is known.
        claims: The verified claims of its token; empty without one.
        source: Where the tenant came from: "claim", "header", "middleware", "code" or "none".
    """

    __slots__ = (
        "_slots",
        "_tenant_id",
        "aside",
        "claims",
        "json_text",
        "resolved",
        "runtime",
        "source",
    )

    def __init__(
        self,
        tenant_id: str | None = None,
        *,
        claims: Claims | None = None,
        source: str = "none",
        runtime: object = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._slots: asyncio.Semaphore | None = None
        self.claims = claims if claims is not None else Claims()
        self.source = source
        self.resolved = tenant_id is not None
        self.runtime = runtime
        self.aside: Any = None  # why the fast lane stepped aside, once it has
        self.json_text = False  # whether its next operation goes straight into a response of ours

    @property
    def operation(self) -> OperationState | None:
        """The GraphQL operation that is running; a job may run several at a time."""
        state = _operation.get()
        return state if state is not None and state.scope is self else None

    @property
    def unit(self) -> Any:
        """The one transaction of the running operation, where it is atomic."""
        state = self.operation
        return None if state is None else state.unit

    @property
    def tenant_id(self) -> str | None:
        """The canonical tenant of this request, once it is known."""
        return self._tenant_id

    @property
    def slots(self) -> asyncio.Semaphore:
        """One permit for each connection that this request may hold at a time."""
        if self._slots is None:
            self._slots = asyncio.Semaphore(CONNECTIONS_PER_REQUEST)
        return self._slots

    def bind(self, tenant_id: str, source: str) -> None:
        """Give the request its tenant, once; the same tenant may be repeated, never changed.

        Raises:
            TenantSwitchRefused: When the request already has another tenant.
        """
        if self._tenant_id is not None and self._tenant_id != tenant_id:
            raise TenantSwitchRefused(
                hint="the tenant of a request cannot be changed once it is known"
            )
        if self._tenant_id is None:
            self._tenant_id, self.source = tenant_id, source

    def require_tenant(self) -> str:
        """The tenant, or the 401 of requests that have none: no SQL runs before this answers.

        Raises:
            Unauthorized: "Missing tenant context".
        """
        if self._tenant_id is None:
            raise Unauthorized
        return self._tenant_id


def find_scope() -> RequestScope | None:
    """The scope of the running request or job, or None outside of any."""
    return _current.get()


def current_scope() -> RequestScope:
    """The scope of the running request or job.

    Raises:
        Unauthorized: Outside of any request and of `tenancy.as_tenant(…)`.
    """
    scope = _current.get()
    if scope is None:
        raise Unauthorized(
            hint="open tenancy.as_tenant(…) around code that runs outside of a request"
        )
    return scope


@contextmanager
def enter_scope(scope: RequestScope) -> Generator[RequestScope]:
    """Make `scope` the running one for the block."""
    previous = replace_scope(scope)
    try:
        yield scope
    finally:
        replace_scope(previous)


def replace_scope(scope: RequestScope | None) -> RequestScope | None:
    """Make `scope` the running one and return the one before, to be put back.

    Not a Token: a test fixture's tear-down runs in another Context than its set-up.
    """
    previous = _current.get()
    _current.set(scope)
    return previous


@contextmanager
def enter_operation(scope: RequestScope) -> Generator[OperationState]:
    """Make `scope` the running one for the block, with a GraphQL operation of its own."""
    previous = _operation.get()
    state = OperationState(scope)
    _operation.set(state)
    try:
        with enter_scope(scope):
            yield state
    finally:
        _operation.set(previous)
