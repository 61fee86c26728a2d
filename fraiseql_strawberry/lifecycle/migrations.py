"""What makes a tenant's tables: whatever brings one schema or one database to head.

The lifecycle asks three things of it, and knows nothing else: where head is, where a place is,
and to bring that place there. A folder of SQL files is the simplest; Alembic's is another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncpg

from ..config.secret import SecretUrl
from ..errors import SetupError
from ..sql.catalog import quoted
from .queries import named_queries

__all__ = ["REVISION_TABLES", "MigrationTarget", "Migrations", "SqlScripts", "require_migrations"]

REVISION_TABLES = ("alembic_version", "fraiseql_revision")
"""Tables that say which revision a place is at: never a tenant's own data."""

_QUERIES = named_queries("migrations")


@dataclass(frozen=True, slots=True)
class MigrationTarget:
    """One place to bring to head.

    Args:
        url: The administrator's URL of the database.
        schema: The schema that is the tenant's; None where the whole database is.
    """

    url: SecretUrl
    schema: str | None = None


class Migrations(Protocol):
    """Brings places to head, one at a time; several may run at once, for different places."""

    async def head(self) -> str:
        """The revision that new tenants begin with."""
        ...

    async def revision(self, target: MigrationTarget) -> str | None:
        """The revision that a place is at, or None when it was never migrated."""
        ...

    async def upgrade(self, target: MigrationTarget) -> None:
        """Bring a place to head; harmless when it is there.

        It must stand being killed at any moment, and then finish when it is called again.
        """
        ...


def require_migrations(migrations: Migrations | None) -> Migrations:
    """What makes a tenant's tables, where it cannot be done without.

    Raises:
        SetupError: Nothing does.
    """
    if migrations is None:
        raise SetupError(
            "nothing says which tables a new tenant has: set [multitenancy] migrations"
        )
    return migrations


class SqlScripts:
    """A folder of `.sql` files, run in the order of their names, in one transaction.

    They make a place, and never change one: a place that was made from other texts is refused.
    In a schema the files run with that schema as their `search_path`; in a database, with the
    administrator's own.

    Args:
        folder: The folder.

    Raises:
        SetupError: There is no such folder, or no `.sql` file in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SetupError(f"[multitenancy] migrations: there is no folder {folder}")
        self._folder = folder
        self._files = sorted(folder.glob("*.sql"))
        if not self._files:
            raise SetupError(f"[multitenancy] migrations: no .sql file stands in {folder}")

    async def head(self) -> str:
        """A digest of the texts."""
        digest = hashlib.sha256()
        for file in self._files:
            digest.update(file.read_bytes() + b"\0")
        return digest.hexdigest()[:12]

    async def revision(self, target: MigrationTarget) -> str | None:
        """The digest that the place was made from."""
        connection = await asyncpg.connect(target.url.reveal())
        try:
            return await _revision(connection, target.schema)
        finally:
            await connection.close()

    async def upgrade(self, target: MigrationTarget) -> None:
        """Run the files where none has run yet.

        Raises:
            SetupError: The place was made from other texts.
        """
        head = await self.head()
        connection = await asyncpg.connect(target.url.reveal())
        try:
            async with connection.transaction():
                known = await _revision(connection, target.schema)
                if known == head:
                    return
                if known is not None:
                    raise SetupError(
                        f"a place of a tenant was made from other SQL files ({known}) than those "
                        f"in {self._folder} ({head}): use Alembic to change tables that are there"
                    )
                if target.schema is not None:
                    path = f"{quoted(target.schema)}, pg_temp"
                    await connection.execute(_QUERIES["set_path"], path)
                for file in self._files:
                    await connection.execute(file.read_text("utf-8"))
                where = quoted(target.schema or "public")
                await connection.execute(_QUERIES["note"].format(schema=where, revision=head))
        finally:
            await connection.close()


async def _revision(connection: asyncpg.Connection, schema: str | None) -> str | None:
    table = f"{quoted(schema or 'public')}.fraiseql_revision"
    if not await connection.fetchval(_QUERIES["is_noted"], table):
        return None
    return await connection.fetchval(f"SELECT revision FROM {table}")  # noqa: S608 - quoted
