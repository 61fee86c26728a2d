"""Tenants out of tables: whichever columns there are, whatever the role may read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from fraiseql_strawberry.config import Secret, SecretUrl
from fraiseql_strawberry.errors import ConfigError, ServiceUnavailable
from fraiseql_strawberry.registry import RoutingTable, TenantsTable, registry_engine
from fraiseql_strawberry.registry.outage import unanswered
from fraiseql_strawberry.tenant import Tenant, TenantStatus
from tests.isolation.registry_database import RegistryDatabase

A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"
URL = "postgresql://app:s3cret-of-A@db-7.internal/tenant_a"
CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = 'app' AND datname = current_database()
"""


@pytest.fixture
async def source(registry_database: RegistryDatabase) -> AsyncIterator[RoutingTable]:
    """The seed's table, with one tenant."""
    await registry_database.admin.execute(
        "INSERT INTO tenant_databases (tenant_id, database_url) VALUES ($1, $2)", UUID(A), URL
    )
    source = await RoutingTable.open(registry_database.url, "tenant_databases")
    yield source
    await source.close()


async def test_the_routing_table_as_it_stands(source: RoutingTable) -> None:
    tenant = await source.fetch(A)
    assert tenant == Tenant(A)
    assert tenant.active
    assert tenant.placement == {"database_url": Secret(URL)}
    assert await source.fetch(B) is None
    assert source.announced


async def test_a_placement_shows_nothing(source: RoutingTable) -> None:
    tenant = await source.fetch(A)
    for shown in (repr(tenant), str(tenant), f"{tenant}", repr(vars(source))):
        assert "s3cret" not in shown
        assert "db-7" not in shown


async def test_more_columns_are_used_where_they_are_there(
    registry_database: RegistryDatabase, source: RoutingTable
) -> None:
    await registry_database.admin.execute(
        "CREATE TYPE life AS ENUM ('active', 'suspended', 'trial');"
        "ALTER TABLE tenant_databases ADD status life NOT NULL DEFAULT 'active', ADD name text,"
        "  ADD plan text, ADD secret text;"
        "UPDATE tenant_databases SET name = 'Acme', plan = 'pro', status = 'suspended'"
    )
    # The source that was opened before goes on as before.
    assert await source.fetch(A) == Tenant(A)
    newer = await RoutingTable.open(registry_database.url, "public.tenant_databases")
    try:
        assert await newer.fetch(A) == Tenant(A, "Acme", "pro", TenantStatus.SUSPENDED)
    finally:
        await newer.close()


async def test_a_status_that_is_none_of_ours_is_not_served(
    registry_database: RegistryDatabase, source: RoutingTable, caplog: pytest.LogCaptureFixture
) -> None:
    await registry_database.admin.execute(
        "ALTER TABLE tenant_databases ADD status text NOT NULL DEFAULT 'on hold'"
    )
    newer = await RoutingTable.open(registry_database.url, "tenant_databases")
    try:
        tenant = await newer.fetch(A)
    finally:
        await newer.close()
    assert tenant is not None
    assert not tenant.active
    assert "'on hold'" in caplog.text


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE tenant_databases ALTER database_url TYPE varchar(200)", CUT],
    ids=["altered", "cut"],
)
async def test_a_read_is_tried_again_once(
    registry_database: RegistryDatabase, source: RoutingTable, statement: str
) -> None:
    assert await source.fetch(A) == Tenant(A)
    await registry_database.admin.execute(statement)
    assert await source.fetch(A) == Tenant(A)


async def test_slugs(registry_database: RegistryDatabase, source: RoutingTable) -> None:
    assert await source.fetch("acme-7") is None  # no uuid, so nobody's
    await registry_database.admin.execute(
        "CREATE TABLE by_slug (tenant_id text PRIMARY KEY, database_url text, plan text);"
        "INSERT INTO by_slug VALUES ('acme-7', $$postgresql://app@one/db$$), ('new', NULL);"
        "GRANT SELECT ON by_slug TO app"
    )
    slugs = await RoutingTable.open(registry_database.url, "by_slug")
    try:
        assert await slugs.fetch("acme-7") == Tenant("acme-7")
        assert await slugs.fetch("nobody") is None
        placed_nowhere = await slugs.fetch("new")
    finally:
        await slugs.close()
    assert placed_nowhere is not None
    assert placed_nowhere.placement == {}
    assert not slugs.announced


@pytest.mark.parametrize(
    ("sql", "table", "needed"),
    [
        ("SELECT", "nowhere", "tenant_id and database_url"),
        (
            "CREATE TABLE t (tenant_id uuid, url text); GRANT SELECT ON t TO app",
            "t",
            "database_url",
        ),
        ("CREATE TABLE t (database_url text); GRANT SELECT ON t TO app", "t", "tenant_id"),
        ("CREATE TABLE t (tenant_id uuid, database_url text)", "t", "GRANT SELECT"),
        (
            "CREATE TABLE t (tenant_id uuid, database_url text); GRANT SELECT (tenant_id) ON t TO app",
            "t",
            "GRANT SELECT (tenant_id, database_url, name, plan, status) ON t",
        ),
        ("CREATE SCHEMA s; CREATE TABLE s.t (tenant_id uuid, database_url text)", "s.t", "USAGE"),
    ],
)
async def test_a_table_that_cannot_be_used_is_named_with_what_mends_it(
    registry_database: RegistryDatabase, sql: str, table: str, needed: str
) -> None:
    await registry_database.admin.execute(sql)
    with pytest.raises(ConfigError) as refused:
        await RoutingTable.open(registry_database.url, table)
    assert f"registry_table = '{table}'" in str(refused.value)
    assert needed in str(refused.value)


async def test_a_registry_that_cannot_be_reached(registry_database: RegistryDatabase) -> None:
    nowhere = SecretUrl("postgresql://app:s3cret@127.0.0.1:9/registry")
    with pytest.raises(ServiceUnavailable) as refused:
        await RoutingTable.open(nowhere, "tenant_databases")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("closed", "opened"),
    [
        ("ALTER DATABASE {name} CONNECTION LIMIT 0", "ALTER DATABASE {name} CONNECTION LIMIT -1"),
        ("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC", "GRANT CONNECT ON DATABASE {name} TO PUBLIC"),
        ("ALTER TABLE tenant_databases RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO tenant_databases"),
        ("REVOKE SELECT ON tenant_databases FROM app", "GRANT SELECT ON tenant_databases TO app"),
    ],
)  # fmt: skip
async def test_a_registry_that_goes_away_and_comes_back(
    registry_database: RegistryDatabase, source: RoutingTable, closed: str, opened: str
) -> None:
    name = await registry_database.admin.fetchval("SELECT quote_ident(current_database())")
    await registry_database.admin.execute(closed.format(name=name))
    await registry_database.admin.execute(CUT)
    for _ in range(2):
        try:
            found = await source.fetch(A)
        except Exception as error:  # noqa: BLE001 - whichever it is, it must be known for what it is
            known = unanswered(error)
        else:
            pytest.fail(f"answered with {found}")
        assert known is not None
        assert known.status == 503
    await registry_database.admin.execute(opened.format(name=name))
    assert await source.fetch(A) == Tenant(A)


TENANTS = """
    CREATE TABLE tenants (
      id uuid PRIMARY KEY, name text, plan text, status text DEFAULT 'active', placement jsonb
    );
    GRANT SELECT ON tenants TO app;
"""


@pytest.mark.parametrize(
    ("placement", "read"),
    [(None, {}), ('{"schema": "tenant_a"}', {"schema": "tenant_a"}), ("[1]", {}), ("null", {})],
)
async def test_a_table_of_tenants_may_say_where_they_are(
    registry_database: RegistryDatabase, placement: str | None, read: dict[str, Any]
) -> None:
    await registry_database.admin.execute(TENANTS)
    await registry_database.admin.execute(
        "INSERT INTO tenants VALUES ($1, 'Acme', 'pro', 'archived', $2)", UUID(A), placement
    )
    engine = registry_engine(registry_database.url)
    try:
        source = await TenantsTable.open(engine, "tenants")
        tenant = await source.fetch(A)
    finally:
        await engine.dispose()
    assert tenant == Tenant(A, "Acme", "pro", TenantStatus.ARCHIVED)
    assert tenant.placement == read
    assert not source.announced


async def test_changes_are_announced_as_long_as_the_trigger_is_enabled(
    registry_database: RegistryDatabase,
) -> None:
    await registry_database.admin.execute(TENANTS)
    engine = registry_engine(registry_database.url)

    async def announced() -> bool:
        return (await TenantsTable.open(engine, "tenants")).announced

    try:
        await registry_database.admin.execute("SELECT fraiseql.announce_changes('tenants')")
        assert await announced()
        await registry_database.admin.execute(
            "ALTER TABLE tenants DISABLE TRIGGER fraiseql_tenant_changed"
        )
        assert not await announced()
    finally:
        await engine.dispose()
