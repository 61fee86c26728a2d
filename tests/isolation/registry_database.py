"""A central registry: the table `tenant_databases`, as `strategy = "database"` has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from example_app.database import locate
from fraiseql_strawberry.config import SecretUrl
from fraiseql_strawberry.registry import ANNOUNCE_CHANGES

_TABLE = """
    CREATE TABLE tenant_databases (
      tenant_id UUID PRIMARY KEY,
      database_url TEXT NOT NULL,
      created_at TIMESTAMPTZ NOT NULL DEFAULT now()
    );
    GRANT SELECT ON tenant_databases TO app;
    CREATE SCHEMA fraiseql;
    GRANT USAGE ON SCHEMA fraiseql TO app;
"""
_ANNOUNCED = """
    SELECT fraiseql.announce_changes('tenant_databases');
    GRANT SELECT ON fraiseql.registry_generation TO app;
"""


@dataclass(frozen=True)
class RegistryDatabase:
    """Where a registry is.

    Args:
        admin: A superuser's connection to it.
        admin_url: The superuser's URL.
        url: The URL of the role that the service has there.
    """

    admin: asyncpg.Connection
    admin_url: str
    url: SecretUrl


@asynccontextmanager
async def open_registry(name: str, admin_url: str) -> AsyncIterator[RegistryDatabase]:
    """Make an empty database a registry; the role `app` is there already."""
    admin = await asyncpg.connect(admin_url)
    try:
        for sql in (_TABLE, ANNOUNCE_CHANGES, _ANNOUNCED):
            await admin.execute(sql)
        yield RegistryDatabase(admin, admin_url, SecretUrl(locate(admin_url, name).app_url))
    finally:
        await admin.close()
