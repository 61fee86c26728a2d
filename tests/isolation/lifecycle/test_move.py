"""A tenant goes to another server: all of it, once, and whoever writes meanwhile loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from click.testing import Result
from sqlalchemy import text
from typer.testing import CliRunner

from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.errors import (
    BadUserInput,
    SetupError,
    TenancyError,
    TenantConflict,
    TenantUnavailable,
)
from fraiseql_strawberry.lifecycle.archive import Manifest
from fraiseql_strawberry.lifecycle.move import steps
from fraiseql_strawberry.tenant import TenantStatus
from tests.isolation.lifecycle.conftest import ACME, GLOBEX, ROUTING, OpenShop, Shop
from tests.isolation.lifecycle.second_server import Second, second_server

ROWS = 10
ACL = "SELECT datacl::text FROM pg_database WHERE datname = $1"


@pytest.fixture(scope="module")
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    async with open_shop("database") as opened:
        yield opened


@pytest.fixture(scope="module")
async def second(shop: Shop) -> AsyncIterator[Second]:
    async with second_server(shop) as opened:
        yield opened


@pytest.fixture
async def acme(shop: Shop, second: Second) -> AsyncIterator[str]:
    """The name of its database; nothing of the tenant is left on either server afterwards."""
    record = await shop.tenants.create("Acme", "free", id=ACME)
    await shop.fill(ACME, rows=ROWS)
    yield record.placement["database"]
    with contextlib.suppress(TenantConflict):
        await shop.tenants.move(ACME, second.first)
    deletion = await shop.tenants.deletion(ACME)
    await shop.tenants.delete(ACME, deletion.token)
    assert await second.databases() == set()
    assert await moving_on(shop.admin) == set()


async def moving_on(admin: asyncpg.Connection) -> set[str]:
    rows = await admin.fetch(
        "SELECT datname::text AS name FROM pg_database WHERE starts_with(datname::text, $1)",
        "fraiseql_moving_",
    )
    return {row["name"] for row in rows}


async def exported(shop: Shop, folder: Path, name: str) -> dict[str, Any]:
    manifest: Manifest = await shop.tenants.export(ACME, folder / f"{name}.zip")
    return {table.name: table.content for table in manifest.tables}


async def invoice(shop: Shop) -> int:
    """Write one, as the tenant; its number comes from a sequence."""
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        insert = "INSERT INTO invoice (customer_id, total) SELECT id, 1 FROM customer LIMIT 1"
        return await session.scalar(text(f"{insert} RETURNING number"))


async def test_there_and_back(shop: Shop, second: Second, acme: str, tmp_path: Path) -> None:
    before, granted = await exported(shop, tmp_path, "0"), await shop.admin.fetchval(ACL, acme)
    last = await invoice(shop)
    moved = await shop.tenants.move(ACME, second.name)
    assert moved.status is TenantStatus.ACTIVE
    assert moved.placement == {"database": acme, "server": second.name}
    assert await second.databases() == {acme}
    assert await second.admin.fetchval(ACL, acme) == granted
    assert not await shop.admin.fetchval(
        "SELECT count(*) FROM pg_database WHERE datname = $1", acme
    )
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        port = await session.scalar(text("SELECT inet_server_port()"))
    assert port == second.port
    assert await invoice(shop) > last

    assert (await shop.tenants.move(ACME, second.name)).placement == moved.placement
    back = await shop.tenants.move(ACME, second.first)
    assert back.placement == {"database": acme}
    assert await second.databases() == set()
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        await session.execute(text("DELETE FROM invoice WHERE note IS NULL AND total = 1"))
    assert await exported(shop, tmp_path, "1") == before


TOML = """
[database]
admin_url = "${ADMIN_DATABASE_URL}"

[multitenancy]
strategy = "database"
id_type = "uuid"
database_template = "%s"
routing.registry_table = "fraiseql.tenant_databases"
"""


async def test_on_the_command_line(
    shop: Shop, second: Second, acme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fraiseql.toml").write_text(
        TOML % shop.tenancy.config.multitenancy.database_template
    )
    service = shop.tenancy.config.require_database_url().reveal()
    environment = {
        "DATABASE_URL": service,
        "REGISTRY_DATABASE_URL": service,
        "ADMIN_DATABASE_URL": shop.url,
    }

    async def run(*arguments: str) -> Result:
        command = ("tenants", "move", ACME, *arguments)
        return await asyncio.to_thread(CliRunner().invoke, app, command, env=environment)

    moved = await run("--to", second.name, "--json")
    assert json.loads(moved.stdout)["placement"] == {"database": acme, "server": second.name}
    assert await shop.count(ACME) == ROWS
    nowhere = await run("--to", "no such host")
    assert (nowhere.exit_code, nowhere.stdout) == (2, "")
    assert nowhere.stderr.count("\n") == 1
    back = await run("--to", second.first)
    assert (back.stdout, back.stderr) == (f"{ACME}\n", "Acme is active\n")


async def test_its_life_goes_on_where_it_is(shop: Shop, second: Second, tmp_path: Path) -> None:
    await shop.tenants.create("Globex", id=GLOBEX)
    await shop.tenants.move(GLOBEX, second.name)
    await shop.fill(GLOBEX, rows=4)
    await shop.tenants.archive(GLOBEX, tmp_path / "globex.zip")
    assert await second.databases() == set()
    restored = await shop.tenants.restore(tmp_path / "globex.zip")
    assert "server" not in restored.placement
    assert await shop.count(GLOBEX) == 4
    await shop.tenants.move(GLOBEX, second.name)
    assert await shop.count(GLOBEX) == 4
    deletion = await shop.tenants.deletion(GLOBEX)
    receipt = await shop.tenants.delete(GLOBEX, deletion.token)
    assert receipt.rows == sum(deletion.rows.values()) > 4
    assert await second.databases() == set()


async def test_two_at_once_move_it_once(shop: Shop, second: Second, acme: str) -> None:
    moved = await asyncio.gather(*(shop.tenants.move(ACME, second.name) for _ in range(2)))
    assert moved[0] == moved[1]
    assert await shop.count(ACME) == ROWS
    assert await second.databases() == {acme}
    assert await moving_on(shop.admin) == set()


async def test_who_was_not_served_is_not_served_afterwards(
    shop: Shop, second: Second, acme: str
) -> None:
    await shop.tenants.suspend(ACME)
    assert (await shop.tenants.move(ACME, second.name)).status is TenantStatus.SUSPENDED
    with pytest.raises(TenantUnavailable):
        await shop.count(ACME)
    await shop.tenants.resume(ACME)
    assert await shop.count(ACME) == ROWS


async def test_what_is_being_written_comes_along_or_is_refused(
    shop: Shop, second: Second, acme: str
) -> None:
    """Each write that was acknowledged is on the other server, and no other is."""
    done = asyncio.Event()
    acknowledged: list[int] = []

    async def write() -> None:
        while not done.is_set():
            try:
                acknowledged.append(await invoice(shop))
            except TenancyError:
                await asyncio.sleep(0.01)  # a refusal waits for nothing

    writers = [asyncio.create_task(write()) for _ in range(3)]
    while len(acknowledged) < 20:
        await asyncio.sleep(0.01)
    await shop.tenants.move(ACME, second.name)
    several = len(acknowledged)
    while len(acknowledged) < several + 20:
        await asyncio.sleep(0.01)
    done.set()
    await asyncio.gather(*writers)
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        rows = await session.scalars(text("SELECT number FROM invoice WHERE total = 1"))
        assert set(rows) == set(acknowledged)


async def test_a_transaction_that_is_under_way_ends_first(
    shop: Shop, second: Second, acme: str
) -> None:
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        await session.execute(text("INSERT INTO customer (name) VALUES ('under way')"))
        moving = asyncio.create_task(shop.tenants.move(ACME, second.name))
        await asyncio.sleep(0.5)
        assert not moving.done()
    await moving
    assert await shop.count(ACME) == ROWS + 1


async def test_a_service_that_knows_of_nothing_is_shut_out(
    shop: Shop, second: Second, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that outlives all patience is ended before anything is copied."""
    late = await asyncpg.connect(urlsplit(shop.url)._replace(path=f"/{acme}").geturl())
    await late.execute("BEGIN; INSERT INTO customer (name) VALUES ('late')")

    async def impatient(record: Any, **more: Any) -> None:
        pass

    monkeypatch.setattr(shop.tenants.parts.standing, "quiesce", impatient)
    await shop.tenants.move(ACME, second.name)
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await late.execute("COMMIT")
    assert await shop.count(ACME) == ROWS


async def test_a_copy_that_differs_is_not_served(
    shop: Shop, second: Second, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = steps.copy_database

    async def damaged(source: Any, target: Any, name: str) -> None:
        await copy(source, target, name)
        async with target.connect(name) as driver:
            await driver.execute("UPDATE folder SET inside = NULL WHERE name = 'b'")

    monkeypatch.setattr(steps, "copy_database", damaged)
    with pytest.raises(TenantConflict, match=r"differs from it in public\.folder"):
        await shop.tenants.move(ACME, second.name)
    with pytest.raises(TenantUnavailable):
        await shop.count(ACME)
    monkeypatch.undo()
    await shop.tenants.move(ACME, second.name)
    assert await shop.count(ACME) == ROWS


async def test_another_attempt_has_another_name(
    shop: Shop, second: Second, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `pg_restore` of the one before may still be at work."""
    copy, names = steps.copy_database, []

    async def cut_short(source: Any, target: Any, name: str) -> None:
        names.append(name)
        await copy(source, target, name)
        if len(names) == 1:
            raise ConnectionResetError

    monkeypatch.setattr(steps, "copy_database", cut_short)
    with pytest.raises(ConnectionResetError):
        await shop.tenants.move(ACME, second.name)
    assert await second.databases() == {names[0]}
    await shop.tenants.move(ACME, second.name)
    assert names[0] != names[1]
    assert await second.databases() == {acme}
    assert await shop.count(ACME) == ROWS


async def test_what_cannot_be_copied_goes_on_or_back(
    shop: Shop, second: Second, acme: str, tmp_path: Path
) -> None:
    """A role is missing over there: until it is made, the tenant is neither here nor there."""
    async with shop.tenants.parts.places.inside(await shop.tenants.get(ACME)) as place:
        await place.driver.execute("CREATE ROLE auditor; GRANT SELECT ON customer TO auditor")
    try:
        with pytest.raises(TenantConflict, match='role "auditor" does not exist'):
            await shop.tenants.move(ACME, second.name)
        for refused in (shop.tenants.resume, shop.tenants.archive, shop.tenants.suspend):
            with pytest.raises(TenantConflict, match="is being moved"):
                await refused(ACME)
        with pytest.raises(TenantConflict, match="is being moved"):
            await shop.tenants.export(ACME, tmp_path / "acme.zip")
        deletion = await shop.tenants.deletion(ACME)
        with pytest.raises(TenantConflict, match="is being moved"):
            await shop.tenants.delete(ACME, deletion.token)
        with pytest.raises(TenantConflict, match=f"is being moved to {second.name}"):
            await shop.tenants.move(ACME, "db3.example.com")

        back = await shop.tenants.move(ACME, second.first)
        assert (back.status, back.placement) == (TenantStatus.ACTIVE, {"database": acme})
        assert await second.databases() == set()
        assert await shop.count(ACME) == ROWS

        with pytest.raises(TenantConflict):
            await shop.tenants.move(ACME, second.name)
        await second.admin.execute("CREATE ROLE auditor")
        await shop.tenants.move(ACME, second.name)
        assert await shop.count(ACME) == ROWS
        assert await second.databases() == {acme}
    finally:
        await shop.tenants.move(ACME, second.first)
        async with shop.tenants.parts.places.inside(await shop.tenants.get(ACME)) as place:
            await place.driver.execute("REVOKE SELECT ON customer FROM auditor; DROP ROLE auditor")
        await second.admin.execute("DROP ROLE IF EXISTS auditor")


async def test_the_same_server_under_another_name(shop: Shop, second: Second, acme: str) -> None:
    """Its own database would be the copy that is dropped."""
    other = second.first.replace("127.0.0.1", "localhost")
    assert other != second.first
    with pytest.raises(TenantConflict, match="is the server that the tenant is on"):
        await shop.tenants.move(ACME, other)
    assert await shop.count(ACME) == ROWS


async def test_a_name_that_is_taken(shop: Shop, second: Second, acme: str) -> None:
    await second.admin.execute(f'CREATE DATABASE "{acme}"')
    try:
        with pytest.raises(TenantConflict, match="already"):
            await shop.tenants.move(ACME, second.name)
        assert await shop.count(ACME) == ROWS
    finally:
        await second.admin.execute(f'DROP DATABASE "{acme}"')


@pytest.mark.parametrize(
    "server", ["", "two hosts", "a:b", "db/other", "db?host=x", "user@db", "db:0", "x,y"]
)
async def test_what_is_no_server(shop: Shop, second: Second, acme: str, server: str) -> None:
    with pytest.raises(BadUserInput, match=r"no host:port"):
        await shop.tenants.move(ACME, server)
    assert await shop.count(ACME) == ROWS


async def test_only_allowed_hosts(open_shop: OpenShop) -> None:
    async with open_shop("database", routing={**ROUTING, "allowed_hosts": ["127.0.0.1"]}) as shop:
        await shop.tenants.create("Acme", id=ACME)
        with pytest.raises(BadUserInput, match="allowed_hosts"):
            await shop.tenants.move(ACME, "evil.example.com")


@pytest.mark.parametrize("strategy", ["row", "schema"])
async def test_others_go_by_a_file(open_shop: OpenShop, strategy: str) -> None:
    async with open_shop(strategy) as shop:
        await shop.tenants.create("Acme", id=ACME)
        with pytest.raises(SetupError, match="export it"):
            await shop.tenants.move(ACME, "db2.example.com")
