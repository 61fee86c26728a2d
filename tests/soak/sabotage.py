"""Guards that a soak can be run without, to see that it notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from fraiseql_strawberry import Tenancy

__all__ = ["SABOTAGE"]


def _bind_once(tenancy: Tenancy) -> None:
    """Each connection is bound by whoever has it first, for good, as a hook on connect would."""
    isolation: Any = tenancy.isolation
    bind = isolation.bind

    def once(connection: Any, tenant_id: str) -> None:
        raw = connection.connection.dbapi_connection
        first = _FIRST.setdefault(id(raw), (raw, tenant_id))[1]
        bind(connection, first)

    isolation.bind = once


def _bind_never(tenancy: Tenancy) -> None:
    isolation: Any = tenancy.isolation
    isolation.bind = lambda connection, tenant_id: connection.execute(text("SELECT 1"))


_FIRST: dict[int, tuple[Any, str]] = {}

SABOTAGE: dict[str, Callable[[Tenancy], None]] = {
    "bind-once": _bind_once,
    "bind-never": _bind_never,
}
