"""How Alembic migrates every tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..duration import duration, duration_ms
from ..rules import many, matching, whole, words
from .names import NAME, table

__all__ = ["Migrations"]


@dataclass(frozen=True, slots=True)
class Migrations:
    """`[migrations]`: how Alembic brings every tenant's tables to the newest revision."""

    alembic: Annotated[str, words("a path")] = "alembic.ini"
    schema: Annotated[str, matching(NAME, "the name of a schema")] = "app"
    owner: Annotated[str | None, matching(NAME, "the name of a role")] = None
    version_table: Annotated[str, matching(NAME, "the name of a table")] = "alembic_version"
    lock_timeout: Annotated[str, duration] = "3s"
    lock_attempts: Annotated[int, whole(1, 1000)] = 10
    exempt: Annotated[tuple[str, ...], many(table)] = ()

    @property
    def lock_timeout_ms(self) -> int:
        """`lock_timeout` in milliseconds, PostgreSQL's own unit."""
        return duration_ms(self.lock_timeout)
