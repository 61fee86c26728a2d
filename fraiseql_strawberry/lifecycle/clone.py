"""A clone of a database, for attacks that would not roll back; it is always dropped."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from secrets import token_hex

import asyncpg

from ..errors import SetupError
from ..sql.catalog import quoted
from .administrator import Administrator, Driver
from .database_template import DATABASE_QUERIES, drop_database

__all__ = ["CLONES", "cloned"]

CLONES = "fraiseql_prove_"
"""What the names of all clones begin with."""

# A connection to the database itself would make the copy of it fail.
_HOMES = ("postgres", "template1")


@asynccontextmanager
async def cloned(administrator: Administrator, source: str, role: str) -> AsyncGenerator[str]:
    """Clone a database for a block, and drop what a run left behind that was killed before.

    Args:
        administrator: Connects to its server; owns the database, or is a superuser.
        source: The database.
        role: The role that may connect to the clone, as well as those that are granted it.

    Yields:
        The name of the clone.

    Raises:
        SetupError: Somebody is connected to the database, another run has a clone of it, or the
            administrator may not make databases.
    """
    prefix = f"{CLONES}{hashlib.sha256(source.encode()).hexdigest()[:8]}_"
    home = next(one for one in _HOMES if one != source)
    async with administrator.connect(home) as connection:
        # Held by the session: whoever is killed gives it back.
        if not await connection.fetchval(DATABASE_QUERIES["alone"], prefix):
            raise SetupError(f"another run has a clone of {source}: wait until it has ended")
        for row in await connection.fetch(DATABASE_QUERIES["clones"], prefix):
            await drop_database(connection, row["name"])
        name = prefix + token_hex(4)
        try:
            await _copy(connection, name, source, role)
            yield name
        finally:
            await drop_database(connection, name)


async def _copy(connection: Driver, name: str, source: str, role: str) -> None:
    try:
        # Nobody connects before PUBLIC's right to is taken away.
        await connection.execute(
            f"CREATE DATABASE {quoted(name)} TEMPLATE {quoted(source)} ALLOW_CONNECTIONS false"
        )
    except asyncpg.ObjectInUseError as error:
        raise SetupError(
            f"PostgreSQL clones no database that somebody is connected to, and {source} is in use. "
            "Stop what uses it; or restore a dump of it (pg_dump, pg_restore) as a database of its "
            "own, and name that with --database"
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise SetupError(
            f"the role of [database] admin_url may not clone {source}: it must be a superuser, or "
            "own it and have CREATEDB"
        ) from error
    async with connection.transaction():
        await connection.execute(DATABASE_QUERIES["set_names"], name, source)
        await connection.execute(DATABASE_QUERIES["like_its_model"])
        await connection.execute(f"GRANT CONNECT ON DATABASE {quoted(name)} TO {quoted(role)}")
        await connection.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS true")
