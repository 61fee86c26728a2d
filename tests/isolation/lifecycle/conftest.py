"""A shop in a database of its own, under each strategy, and what its administrator sees."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text

from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.cli.scaffold import Names, scaffold
from fraiseql_strawberry.config import Config, Strategy
from fraiseql_strawberry.lifecycle import TenantRecord, apply_control_schema
from tests.isolation.lifecycle.shop import ROW, SCHEMA, write_scripts

ACME = "11111111-1111-4111-8111-111111111111"
GLOBEX = "22222222-2222-4222-8222-222222222222"

# As `init` writes it: there is no other schema in which the administrator may make a table.
ROUTING = {"registry_table": "fraiseql.tenant_databases"}

_PASSWORD = "shop"

# Text that COPY must escape, every kind of null, and a tree whose children come before their parents.
FILL = (
    """
    INSERT INTO customer (id, name, mood, about)
    SELECT md5(:who || n)::uuid, :who || E'\\t' || n,
           CASE WHEN n % 2 = 0 THEN 'loud' ELSE 'calm' END::mood,
           CASE WHEN n % 3 > 0 THEN jsonb_build_object('n', n, 'text', E'a\\\\b\\n"c"') END
    FROM generate_series(1, CAST(:rows AS int)) AS n
    """,
    """
    INSERT INTO invoice (customer_id, total, note)
    SELECT md5(:who || (1 + n % CAST(:rows AS int)))::uuid, n + 0.25,
           CASE WHEN n % 2 = 0 THEN E'x\\r\\ny\\\\N' WHEN n % 3 = 0 THEN '' END
    FROM generate_series(1, 3 * CAST(:rows AS int)) AS n
    """,
    """
    INSERT INTO folder (name, inside)
    SELECT v.* FROM (VALUES ('b', 'a'), ('a', :who), (:who, NULL)) AS v (name, inside)
    """,
)


class Shop:
    """One deployment.

    Args:
        strategy: How tenants are kept apart.
        tenancy: Its tenancy, started.
        admin: A superuser's connection to its database.
        url: The URL of the administrator, who is no superuser.
        service: The role that the service connects as.
        superuser_url: The superuser's URL.
    """

    def __init__(
        self,
        strategy: str,
        tenancy: Tenancy,
        admin: asyncpg.Connection,
        url: str,
        service: str,
        superuser_url: str,
    ) -> None:
        self.strategy = strategy
        self.tenancy = tenancy
        self.tenants = tenancy.tenants
        self.admin = admin
        self.url = url
        self.service = service
        self.superuser_url = superuser_url
        self.tmp = Path()

    async def fill(self, tenant_id: str, rows: int = 10, who: str = "") -> None:
        """Write customers, three times as many invoices, and a few folders, as the tenant."""
        values = {"who": who or tenant_id[:4], "rows": rows}
        async with self.tenancy.as_tenant(tenant_id), self.tenancy.session() as session:
            for statement in FILL:
                wanted = {name: value for name, value in values.items() if f":{name}" in statement}
                await session.execute(text(statement), wanted)

    async def count(self, tenant_id: str, table: str = "customer") -> int:
        """How many rows the tenant sees."""
        async with self.tenancy.as_tenant(tenant_id), self.tenancy.session() as session:
            return await session.scalar(text(f"SELECT count(*) FROM {table}"))


OpenShop = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture(scope="session")
def open_shop(make_database: Any, tmp_path_factory: pytest.TempPathFactory) -> OpenShop:
    """`async with open_shop("schema", warm=2) as shop`: a new one; keys are of [multitenancy]."""

    @asynccontextmanager
    async def open_one(strategy: Strategy, **multitenancy: Any) -> AsyncIterator[Shop]:
        async with make_database() as database:
            admin = await asyncpg.connect(database.url)
            try:
                names = Names("shop", database.name, f"shop_{strategy}")
                await make_roles(admin, strategy, names)
                url = _url_of(database.url, names.migrator)
                if strategy == "row":
                    await _run_as_migrator(url, ROW.replace("{service}", names.role))
                if strategy != "schema":
                    path = "shop" if strategy == "row" else "public, fraiseql"
                    await admin.execute(
                        f'ALTER ROLE {names.role} IN DATABASE "{database.name}" '
                        f"SET search_path = {path}, pg_temp"
                    )
                scripts = write_scripts(tmp_path_factory.mktemp("migrations"), SCHEMA)
                settings = {
                    "strategy": strategy,
                    "id_type": "uuid",
                    "tenants_table": "fraiseql.tenants",
                    **({"migrations": str(scripts)} if strategy != "row" else {}),
                    # Databases of other tests stand on the same server.
                    "database_template": f"shop{database.name[5:17]}_{{id}}",
                    "routing": ROUTING,
                    **multitenancy,
                }
                app_url = _url_of(database.url, names.role)
                config = Config.from_env(
                    {"DATABASE_URL": app_url, "REGISTRY_DATABASE_URL": app_url}
                ).override(
                    database={"admin_url": url, "pool_size": 2, "max_overflow": 0},
                    multitenancy=settings,
                    migrations={"owner": names.owner},
                )
                tenancy = Tenancy(config)
                await apply_control_schema(config, tenancy.tenants.parts.administrator)
                try:
                    async with tenancy:
                        yield Shop(strategy, tenancy, admin, url, names.role, database.url)
                finally:
                    await _drop_databases(admin, settings["database_template"], database.name)
            finally:
                await admin.close()

    return open_one


async def make_roles(admin: asyncpg.Connection, strategy: Strategy, names: Names) -> None:
    """The roles that `init` writes: nothing that a tenant's life needs is a superuser's to do."""
    async with admin.transaction():
        # Roles are the server's, and other workers make them as well.
        await admin.execute("SELECT pg_advisory_xact_lock(7467)")
        script = scaffold(strategy, names)["roles.sql"]
        await admin.execute(script.replace("BEGIN;", "", 1).replace("COMMIT;", ""))
        for role in (names.role, names.migrator):
            await admin.execute(f"ALTER ROLE {role} PASSWORD '{_PASSWORD}'")


def _url_of(superuser_url: str, role: str) -> str:
    parts = urlsplit(superuser_url)
    return parts._replace(netloc=f"{role}:{_PASSWORD}@{parts.netloc.rpartition('@')[2]}").geturl()


async def _run_as_migrator(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


async def _drop_databases(admin: asyncpg.Connection, template: str, control: str) -> None:
    """Those of tenants, templates and warm ones, of this shop only."""
    scope = hashlib.sha256(control.encode()).hexdigest()[:8]
    for row in await admin.fetch(
        "SELECT datname FROM pg_database WHERE datname LIKE $1 OR datname LIKE $2",
        template.replace("{id}", "%"),
        f"fraiseql_%_{scope}_%",
    ):
        await admin.execute(f'ALTER DATABASE "{row["datname"]}" IS_TEMPLATE false')
        await admin.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')


@pytest.fixture(scope="module", params=["row", "schema", "database"])
async def shop(request: pytest.FixtureRequest, open_shop: OpenShop) -> AsyncIterator[Shop]:
    """A shop for all tests of a module, under each strategy."""
    async with open_shop(request.param) as opened:
        yield opened


@pytest.fixture
async def acme(shop: Shop) -> AsyncIterator[TenantRecord]:
    """A tenant with rows, gone after the test."""
    record = await shop.tenants.create("Acme", "free", id=ACME)
    await shop.fill(record.id)
    yield record
    known = {one.id for one in await shop.tenants.list()}
    if ACME in known:
        deletion = await shop.tenants.deletion(ACME)
        await shop.tenants.delete(ACME, deletion.token)


def scripts_of(shop: Shop) -> Path:
    """The folder that its migrations are in."""
    return Path(shop.tenancy.config.multitenancy.migrations or "")
