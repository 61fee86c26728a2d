"""How to reach PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from ..duration import duration, duration_ms
from ..rules import many, number, whole
from ..secret import SecretUrl
from ..secret_rules import database_url

__all__ = ["Database", "Pooler"]

Pooler = Literal["none", "session", "transaction"]


@dataclass(frozen=True, slots=True)
class Database:
    """`[database]`: how to reach PostgreSQL; the timeouts are in seconds unless named otherwise."""

    url: Annotated[SecretUrl | None, database_url] = None
    admin_url: Annotated[SecretUrl | None, database_url] = None
    migrator_url: Annotated[SecretUrl | None, database_url] = None
    pool_size: Annotated[int, whole(1, 10_000)] = 10
    max_overflow: Annotated[int, whole(0, 10_000)] = 5
    pool_timeout: Annotated[float, number(3600)] = 5.0
    tenant_limit: Annotated[int | None, whole(1, 10_000)] = None
    pooler: Pooler = "none"
    listen_url: Annotated[SecretUrl | None, database_url] = None
    statement_timeout: Annotated[str, duration] = "10s"
    lock_timeout: Annotated[str | None, duration] = None
    idle_in_transaction_timeout: Annotated[str | None, duration] = None
    replica_urls: Annotated[tuple[SecretUrl, ...], many(database_url)] = ()
    read_your_writes: Annotated[str, duration] = "5s"

    @property
    def turns_of_a_tenant(self) -> int:
        """Connections that one tenant may hold at a time: three quarters of the pool by default."""
        return self.tenant_limit or -(-(self.pool_size + self.max_overflow) * 3 // 4)

    @property
    def statement_timeout_ms(self) -> int:
        """`statement_timeout` in milliseconds, PostgreSQL's own unit."""
        return duration_ms(self.statement_timeout)

    @property
    def read_your_writes_seconds(self) -> float:
        """`read_your_writes` in seconds."""
        return duration_ms(self.read_your_writes) / 1000

    @property
    def lock_timeout_ms(self) -> int | None:
        """`lock_timeout` in milliseconds; None for PostgreSQL's own."""
        return None if self.lock_timeout is None else duration_ms(self.lock_timeout)

    @property
    def idle_in_transaction_timeout_ms(self) -> int | None:
        """`idle_in_transaction_timeout` in milliseconds; None for PostgreSQL's own."""
        timeout = self.idle_in_transaction_timeout
        return None if timeout is None else duration_ms(timeout)
