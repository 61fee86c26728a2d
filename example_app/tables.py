"""What makes the tables of a tenant that has a schema or a database of its own."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from example_app.contents import HOME, run_formatted, sql
from fraiseql_strawberry.lifecycle.migrations import MigrationTarget

__all__ = ["BlogTables"]

_REVISION = "SELECT obj_description(to_regnamespace(quote_ident($1)), 'pg_namespace')"


class BlogTables:
    """The files of `sql/tenant/`, run once; the schema's comment says which they were.

    It is what `Tenancy(migrations=…)` takes; a service whose tables change uses Alembic.
    """

    async def head(self) -> str:
        """A digest of the files."""
        text = "".join(sql(step) for step in HOME)
        return f"blog {hashlib.sha256(text.encode()).hexdigest()[:12]}"

    async def revision(self, target: MigrationTarget) -> str | None:
        """What the schema's comment says."""
        async with _connected(target) as connection:
            return await connection.fetchval(_REVISION, _home(target))

    async def upgrade(self, target: MigrationTarget) -> None:
        """Make the tables, in one transaction, unless they are there."""
        head, home = await self.head(), _home(target)
        async with _connected(target) as connection, connection.transaction():
            if await connection.fetchval(_REVISION, home) == head:
                return
            await connection.execute("SELECT set_config('blog.home', $1, true)", home)
            if target.schema is None:  # as in 2_database.sql
                await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            for step in HOME:
                await connection.execute(sql(step))
            await run_formatted(connection, "COMMENT ON SCHEMA %I IS %L", home, head)


def _home(target: MigrationTarget) -> str:
    return target.schema or "app"


@asynccontextmanager
async def _connected(target: MigrationTarget) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(target.url.reveal())
    try:
        yield connection
    finally:
        await connection.close()
