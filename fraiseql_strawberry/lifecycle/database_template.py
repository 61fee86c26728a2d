"""A template database: migrated for real, closed, and copied with CREATE DATABASE … TEMPLATE."""

from __future__ import annotations

import hashlib

import asyncpg

from ..errors import SetupError
from ..sql.catalog import quoted
from .administrator import Administrator, Driver
from .migrations import Migrations, MigrationTarget
from .queries import named_queries
from .schema_template import grant_service
from .template import Template, Templates, new_name

__all__ = [
    "DATABASE_QUERIES",
    "DatabaseTemplates",
    "TemplateGone",
    "drop_database",
    "make_database",
    "scope_of",
]

DATABASE_QUERIES = named_queries("databases")
_LOCK = "templates.database"


class TemplateGone(Exception):
    """Another template took the place of the one that was to be copied."""


class DatabaseTemplates(Templates):
    """Makes template databases and takes those away that had their time.

    Args:
        administrator: Connects to the server.
        service: The role that the service connects as, if it is known.
    """

    def __init__(self, administrator: Administrator, service: str | None) -> None:
        super().__init__("database", scope_of(administrator))
        self._administrator = administrator
        self._service = service

    async def build(self, migrations: Migrations, *, unless_there: bool = False) -> Template:
        """Migrate a new database, and let new tenants be copied from it from now on.

        Who may connect to it, and how sessions in it are set up, is as in the control database.

        Args:
            migrations: What makes its tables.
            unless_there: Whether a template that is there by now will do.
        """
        administrator = self._administrator
        async with administrator.transaction(lock=_LOCK) as transaction:
            current = await self.current(transaction.driver) if unless_there else None
            if current is not None:
                return current
            await self._remove_orphans(transaction.driver)
            name = new_name(self.prefix)
            try:
                await make_database(administrator, name, administrator.database, empty=True)
                await migrations.upgrade(MigrationTarget(administrator.url_of(name)))
                await self._grant(name)
                async with administrator.connect() as connection:
                    # Nobody connects to it any more: a connection would make a copy fail.
                    await connection.execute(
                        f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS false IS_TEMPLATE true"
                    )
            except BaseException:
                async with administrator.connect() as connection:
                    await drop_database(connection, name)
                raise
            revision = await migrations.head()
            return await self.swap(transaction.driver, name, revision=revision)

    async def ensure(self, migrations: Migrations | None) -> None:
        """Make the first template, if there is none and something says what is in it."""
        if migrations is not None:
            async with self._administrator.transaction() as transaction:
                current = await self.current(transaction.driver)
            if current is None:
                await self.build(migrations, unless_there=True)

    async def prune(self) -> list[str]:
        """Drop the templates that had their time, and what is left of unfinished ones.

        Returns:
            The names of the databases that are gone.
        """
        async with self._administrator.transaction(lock=_LOCK) as transaction:
            gone = await self._remove_orphans(transaction.driver)
            for name in await self.outdated(transaction.driver):
                # Waits for copies of it that are being made.
                async with self._administrator.connect() as connection:
                    await drop_database(connection, name)
                await self.forget(transaction.driver, name)
                gone.append(name)
        return gone

    async def _grant(self, name: str) -> None:
        async with self._administrator.transaction(database=name) as transaction:
            if self._service is not None:
                role = quoted(self._service)
                await transaction.driver.execute(
                    f"GRANT CONNECT ON DATABASE {quoted(name)} TO {role}"
                )
            for row in await transaction.driver.fetch(DATABASE_QUERIES["schemas"]):
                await grant_service(transaction.driver, row["name"], self._service)

    async def _remove_orphans(self, driver: Driver) -> list[str]:
        orphans = await self.orphans(driver)
        async with self._administrator.connect() as connection:
            for name in orphans:
                await drop_database(connection, name)
        return orphans


def scope_of(administrator: Administrator) -> str:
    """What tells this deployment's databases from those of another one on the same server."""
    return f"{hashlib.sha256(administrator.database.encode()).hexdigest()[:8]}_"


async def make_database(
    administrator: Administrator, name: str, model: str, *, empty: bool = False
) -> None:
    """Make a database, with the privileges and settings of its model; harmless when it is there.

    Args:
        administrator: Connects to the server.
        name: What it is called.
        model: The database that it is copied from.
        empty: Whether only privileges and settings are.

    Raises:
        TemplateGone: There is no such model any more.
    """
    source = "template0" if empty else model
    async with administrator.connect() as connection:
        if not await connection.fetchval(DATABASE_QUERIES["exists"], name):
            try:
                # Nobody connects before PUBLIC's right to is taken away.
                await connection.execute(
                    f"CREATE DATABASE {quoted(name)} TEMPLATE {quoted(source)} "
                    "ALLOW_CONNECTIONS false"
                )
            except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                pass  # made by a process that was killed before it could say so
            except asyncpg.InvalidCatalogNameError as error:
                raise TemplateGone(source) from error
            except asyncpg.ObjectInUseError as error:
                raise SetupError(
                    f"somebody is connected to the template {source}: {error}"
                ) from error
        async with connection.transaction():
            await connection.execute(DATABASE_QUERIES["set_names"], name, model)
            await connection.execute(DATABASE_QUERIES["like_its_model"])
            await connection.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS true")


async def drop_database(driver: Driver, name: str) -> None:
    """Drop a database, a template too, and end the connections to it; harmless when it is gone."""
    if await driver.fetchval(DATABASE_QUERIES["exists"], name):
        await driver.execute(f"ALTER DATABASE {quoted(name)} IS_TEMPLATE false")
    await driver.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
