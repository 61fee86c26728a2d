"""A template schema: migrated for real, described as one script, and held against its own copy."""

from __future__ import annotations

import logging

import asyncpg

from ..errors import SetupError
from ..sql.catalog import quoted
from .administrator import Administrator, Driver
from .content import TableContent, pin_text_form, read_content
from .dump import SchemaScript, dump_schema
from .fingerprint import fingerprint
from .migrations import Migrations, MigrationTarget
from .queries import named_queries
from .tables import read_tables
from .template import TEMPLATE_PREFIX, Template, Templates, new_name

__all__ = ["SCHEMA_QUERIES", "SchemaTemplates", "make_schema"]

SCHEMA_QUERIES = named_queries("schemas")
_NAMES_ITSELF = named_queries("templates")["names_itself"]
_LOCK = "templates.schema"

_log = logging.getLogger("fraiseql_strawberry")


class SchemaTemplates(Templates):
    """Makes template schemas and takes those away that had their time.

    Args:
        administrator: Connects to the database of all tenants.
        service: The role that the service connects as, if it is known.
        owner: The role that owns the schemas, such as app_owner; the administrator by default.
    """

    def __init__(
        self, administrator: Administrator, service: str | None, owner: str | None = None
    ) -> None:
        super().__init__("schema")
        self._administrator = administrator
        self._service = service
        self._owner = owner
        self._cannot = False  # said once; a process that starts later tries again

    async def build(self, migrations: Migrations, *, unless_there: bool = False) -> Template:
        """Migrate a new schema, and let new tenants be copied from it from now on.

        Args:
            migrations: What makes its tables.
            unless_there: Whether a template that is there by now will do.

        Raises:
            SetupError: A copy that the script makes differs from what was really migrated, or
                there is no `pg_dump`. The template before stays in its place.
        """
        async with self._administrator.transaction(lock=_LOCK) as transaction:
            current = await self.current(transaction.driver) if unless_there else None
            if current is not None:
                return current
            await self._remove_orphans(transaction.driver)
            name = new_name(self.prefix)
            async with self._administrator.connect() as connection:
                try:
                    script = await self._migrated(connection, name, migrations)
                    renames = not await connection.fetchval(_NAMES_ITSELF, name)
                except BaseException:
                    await _drop(connection, name)
                    raise
            # The last step: whoever is killed before it leaves an orphan, and nothing else.
            return await self.swap(
                transaction.driver,
                name,
                revision=await migrations.head(),
                script=script,
                renames=renames,
            )

    async def ensure(self, migrations: Migrations | None) -> None:
        """Make the first template, if there is none; later ones are made where tenants migrate.

        Where none can be made, tenants are migrated one by one, which takes longer.

        Args:
            migrations: What makes its tables, if anything does.
        """
        if migrations is None or self._cannot:
            return
        async with self._administrator.transaction() as transaction:
            if await self.current(transaction.driver) is not None:
                return
        try:
            await self.build(migrations, unless_there=True)
        except SetupError as error:
            self._cannot = True
            _log.warning("new tenants are migrated one by one, not copied: %s", error)

    async def prune(self) -> list[str]:
        """Drop the templates that had their time, and what is left of unfinished ones.

        Returns:
            The names of the schemas that are gone.
        """
        gone: list[str] = []
        async with self._administrator.transaction(lock=_LOCK) as transaction:
            gone += await self._remove_orphans(transaction.driver)
            for name in await self.outdated(transaction.driver):
                await _drop(transaction.driver, name)
                await self.forget(transaction.driver, name)
                gone.append(name)
        return gone

    async def _migrated(
        self, connection: Driver, name: str, migrations: Migrations
    ) -> SchemaScript:
        url = self._administrator.url_of()
        async with connection.transaction():
            await make_schema(connection, name, owner=self._owner)
        await migrations.upgrade(MigrationTarget(url, name))
        async with connection.transaction():
            await grant_service(connection, name, self._service)
        script = await dump_schema(url, name, major=connection.get_server_version().major)
        await _compare_copy(connection, name, script)
        return script

    async def _remove_orphans(self, driver: Driver) -> list[str]:
        orphans = await self.orphans(driver)
        # Committed at once: `pg_dump` would wait for the locks of a drop that is not, and the
        # transaction that holds them for `pg_dump`.
        async with self._administrator.connect() as connection:
            for name in orphans:
                await _drop(connection, name)
        return orphans


async def make_schema(
    driver: Driver, name: str, script: SchemaScript | None = None, *, owner: str | None = None
) -> None:
    """Make a schema, in a transaction of the caller's.

    Args:
        driver: The connection.
        name: What it is called.
        script: What it is filled with, and who owns it; nothing by default.
        owner: Who owns it where there is no script: objects can be handed over only to a role that
            may make them there.
    """
    await driver.execute(SCHEMA_QUERIES["shard"])
    if script is None:
        whose = "" if owner is None else f" AUTHORIZATION {quoted(owner)}"
        await driver.execute(f"CREATE SCHEMA {quoted(name)}{whose}")
    else:
        await driver.execute(script.under(name))


async def grant_service(driver: Driver, name: str, service: str | None) -> None:
    """Let the service use the rows of a schema, unless its migrations granted something else."""
    await driver.execute(SCHEMA_QUERIES["set_names"], name, service or "", "", "")
    await driver.execute(SCHEMA_QUERIES["grant_service"])


async def _drop(driver: Driver, name: str) -> None:
    await driver.execute(f"DROP SCHEMA IF EXISTS {quoted(name)} CASCADE")


async def _compare_copy(driver: Driver, name: str, script: SchemaScript) -> None:
    """Make a copy in a transaction that is rolled back, and hold it against what was migrated."""
    copy = new_name(TEMPLATE_PREFIX)
    transaction = driver.transaction()
    await transaction.start()
    try:
        await make_schema(driver, copy, script)
        wanted, found = await fingerprint(driver, name), await fingerprint(driver, copy)
        if difference := wanted.difference(found):
            raise SetupError(
                "a copy of a tenant's tables differs from what the migrations made, so none is "
                f"used:\n{difference}"
            )
        await pin_text_form(driver)
        if await _rows(driver, name) != await _rows(driver, copy):
            raise SetupError("a copy of a tenant's tables has other rows than the migrations wrote")
    except asyncpg.PostgresError as error:
        raise SetupError(
            f"the tables of a tenant cannot be copied, since a copy fails with: {error}. A "
            "function, default or view may name the schema that it was made in: let it use "
            "names without a schema, and SET search_path on functions"
        ) from error
    finally:
        await transaction.rollback()


async def _rows(driver: Driver, schema: str) -> dict[str, TableContent]:
    return {
        table.name: await read_content(driver, table.selection(tenant_id=None))
        for table in await read_tables(driver, schema=schema, revisions=True)
    }
