"""What `changes.sql` announces of a table of tenants, to LISTEN and by the counter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg import exceptions as pg

from fraiseql_strawberry.registry.listener import CHANNEL
from tests.isolation.registry_database import RegistryDatabase

A = UUID("11111111-1111-4111-8111-111111111111")
B = UUID("22222222-2222-4222-8222-222222222222")
INSERT = "INSERT INTO tenant_databases (tenant_id, database_url) VALUES ($1, $2)"


class Announced:
    """What has been announced since it was last asked."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.payloads: list[str] = []
        self._generation = 0

    def hear(self, connection: object, pid: int, channel: str, payload: str) -> None:
        self.payloads.append(payload)

    async def take(self) -> tuple[list[str], int]:
        """The payloads in alphabetical order, and by how much the counter rose."""
        generation = await self._connection.fetchval(
            "SELECT generation FROM fraiseql.registry_generation"
        )
        await asyncio.sleep(0)  # its notifications came with the answer
        payloads, self.payloads = sorted(self.payloads), []
        raised, self._generation = generation - self._generation, generation
        return payloads, raised


@pytest.fixture
async def announced(registry_database: RegistryDatabase) -> AsyncIterator[Announced]:
    connection = await asyncpg.connect(registry_database.admin_url)
    heard = Announced(connection)
    await connection.add_listener(CHANNEL, heard.hear)
    yield heard
    await connection.close()


@pytest.fixture
def admin(registry_database: RegistryDatabase) -> asyncpg.Connection:
    return registry_database.admin


async def test_each_kind_of_change_is_announced(
    admin: asyncpg.Connection, announced: Announced
) -> None:
    await admin.execute(INSERT, A, "postgresql://app@one/db")
    assert await announced.take() == ([str(A)], 1)
    await admin.execute("UPDATE tenant_databases SET database_url = 'postgresql://app@two/db'")
    assert await announced.take() == ([str(A)], 1)
    await admin.execute("UPDATE tenant_databases SET tenant_id = $1", B)
    assert await announced.take() == ([str(A), str(B)], 1)
    await admin.execute("DELETE FROM tenant_databases")
    assert await announced.take() == ([str(B)], 1)
    await admin.execute("TRUNCATE tenant_databases")
    assert await announced.take() == ([""], 1)


async def test_what_changes_nothing_is_not(admin: asyncpg.Connection, announced: Announced) -> None:
    await admin.execute(INSERT, A, "postgresql://app@one/db")
    await announced.take()
    await admin.execute("UPDATE tenant_databases SET database_url = database_url")
    assert await announced.take() == ([], 0)


async def test_nothing_is_announced_before_the_commit_and_nothing_after_a_rollback(
    admin: asyncpg.Connection, announced: Announced
) -> None:
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute(INSERT, A, "postgresql://app@one/db")
    assert await announced.take() == ([], 0)
    await transaction.rollback()
    assert await announced.take() == ([], 0)


async def test_a_transaction_counts_once_and_names_every_tenant(
    admin: asyncpg.Connection, announced: Announced
) -> None:
    ids = sorted(str(uuid4()) for _ in range(2_000))
    async with asyncio.timeout(10):
        await admin.execute(
            "INSERT INTO tenant_databases (tenant_id, database_url)"
            " SELECT id, 'postgresql://app@one/db' FROM unnest($1::uuid[]) AS id",
            ids,
        )
    assert await announced.take() == (ids, 1)


async def test_savepoints_do_not_lose_the_count(
    admin: asyncpg.Connection, announced: Announced
) -> None:
    """Even where the trigger is made immediate, and what counted first is undone."""
    async with admin.transaction():
        await admin.execute("SET CONSTRAINTS ALL IMMEDIATE")
        savepoint = admin.transaction()
        await savepoint.start()
        await admin.execute(INSERT, A, "postgresql://app@one/db")
        await savepoint.rollback()
        await admin.execute(INSERT, B, "postgresql://app@one/db")
    assert await announced.take() == ([str(B)], 1)


async def test_a_long_transaction_does_not_hold_up_the_others(
    registry_database: RegistryDatabase, announced: Announced
) -> None:
    slow, quick = registry_database.admin, await asyncpg.connect(registry_database.admin_url)
    try:
        async with slow.transaction():
            await slow.execute(INSERT, A, "postgresql://app@one/db")
            async with asyncio.timeout(5):
                await quick.execute(INSERT, B, "postgresql://app@one/db")
            assert await announced.take() == ([str(B)], 1)
    finally:
        await quick.close()
    assert await announced.take() == ([str(A)], 1)


async def test_who_may_change_tenants_need_not_be_allowed_anything_else(
    registry_database: RegistryDatabase, announced: Announced
) -> None:
    await registry_database.admin.execute("GRANT INSERT ON tenant_databases TO app")
    service = await asyncpg.connect(registry_database.url.reveal())
    try:
        await service.execute(INSERT, A, "postgresql://app@one/db")
        assert await announced.take() == ([str(A)], 1)
        for forbidden in (
            "UPDATE fraiseql.registry_generation SET generation = 0",
            "SELECT fraiseql.announce_changes('tenant_databases')",
        ):
            with pytest.raises(pg.InsufficientPrivilegeError):
                await service.execute(forbidden)
    finally:
        await service.close()


async def test_nobody_else_can_make_the_trigger_run(registry_database: RegistryDatabase) -> None:
    """It runs as its owner, so whoever attached it to a table of their own could use that."""
    await registry_database.admin.execute("GRANT CREATE ON SCHEMA public TO app")
    service = await asyncpg.connect(registry_database.url.reveal())
    try:
        with pytest.raises(pg.InsufficientPrivilegeError):
            await service.execute(
                "CREATE TABLE mine (id int);"
                "CREATE TRIGGER t AFTER INSERT ON mine"
                " FOR EACH ROW EXECUTE FUNCTION fraiseql.notify_tenant_change()"
            )
    finally:
        await service.close()


async def test_its_names_cannot_be_captured(
    admin: asyncpg.Connection, announced: Announced
) -> None:
    await admin.execute(
        """
        CREATE SCHEMA trap;
        CREATE FUNCTION trap.pg_notify(text, text) RETURNS void LANGUAGE plpgsql
          AS $$ BEGIN RAISE 'captured'; END $$;
        CREATE FUNCTION trap.format(text, VARIADIC "any") RETURNS text LANGUAGE internal
          AS 'text_format';
        SET search_path = trap, pg_catalog, public;
        CREATE TEMP TABLE registry_generation (generation bigint)
        """
    )
    await admin.execute(INSERT, A, "postgresql://app@one/db")
    assert await announced.take() == ([str(A)], 1)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("CREATE TABLE public.other (id text PRIMARY KEY, status text)", "acme-7"),
        ('CREATE TABLE "Odd Name" (tenant_id text PRIMARY KEY, status text)', "acme-7"),
        ("CREATE TABLE public.other (id bigint PRIMARY KEY, status text)", 7),
    ],
)
async def test_any_table_can_be_announced(
    admin: asyncpg.Connection, announced: Announced, table: str, key: object
) -> None:
    await admin.execute(table)
    name = table.removeprefix("CREATE TABLE ").partition(" (")[0]
    for _ in range(2):  # again is harmless
        await admin.execute("SELECT fraiseql.announce_changes($1::text::regclass)", name)
    await admin.execute(f"INSERT INTO {name} VALUES ($1, 'active')", key)
    assert await announced.take() == ([str(key)], 1)


async def test_a_key_that_is_too_long_to_be_announced_does_not_fail_the_change(
    admin: asyncpg.Connection, announced: Announced
) -> None:
    """PostgreSQL refuses payloads of 8000 bytes; what is as long as that is no tenant's id."""
    await admin.execute("CREATE TABLE other (id text PRIMARY KEY)")
    await admin.execute("SELECT fraiseql.announce_changes('other')")
    await admin.execute("INSERT INTO other VALUES (repeat('a', 9000)), ('')")
    assert await announced.take() == ([], 1)
