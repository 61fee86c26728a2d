"""The tables of tenants that `init` writes: run as it tells to, they announce a suspension."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from fraiseql_strawberry.cli.scaffold import Names, scaffold
from fraiseql_strawberry.config import Config, SecretUrl, Strategy
from fraiseql_strawberry.errors import TenantUnavailable
from fraiseql_strawberry.registry import LiveRegistry, registry_engine

MakeDatabase = Callable[..., AbstractAsyncContextManager[Any]]

TENANT = {"row": str(uuid4()), "schema": "acme-7", "database": str(uuid4())}
TABLE = {"row": "fraiseql.tenants", "schema": "fraiseql.tenants"}


@asynccontextmanager
async def initialised(
    make_database: MakeDatabase, strategy: Strategy
) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    """A migrator's connection to a database that `init` prepared, and the service's URL."""
    role = f"init_{uuid4().hex[:12]}"
    async with make_database() as (name, url):
        files = scaffold(strategy, Names("shop", name, role))
        admin = await asyncpg.connect(url)

        def url_of(role: str) -> str:
            parts = urlsplit(url)
            host = parts.netloc.rpartition("@")[2]
            return parts._replace(netloc=f"{role}:secret@{host}").geturl()

        try:
            await admin.execute(files["roles.sql"])
            for login in (role, f"{role}_migrator"):
                await admin.execute(f"ALTER ROLE {login} PASSWORD 'secret'")
            migrator = await asyncpg.connect(url_of(f"{role}_migrator"))
            for file in ("row_level_security.sql", "tenants.sql", "registry.sql"):
                if file in files:
                    await migrator.execute(files[file])
            yield migrator, url_of(role)
            await migrator.close()
        finally:
            for each in (role, f"{role}_migrator", f"{role}_owner"):
                await admin.execute(f"DROP OWNED BY {each} CASCADE; DROP ROLE {each}")
            await admin.close()


@pytest.mark.parametrize("strategy", ["row", "schema", "database"])
@pytest.mark.parametrize("pooler", ["none", "transaction"], ids=["by LISTEN", "by the counter"])
async def test_a_suspension_reaches_the_service(
    make_database: MakeDatabase,
    strategy: Strategy,
    pooler: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant = TENANT[strategy]
    async with initialised(make_database, strategy) as (migrator, url):
        config = Config.from_env({"DATABASE_URL": url, "JWT_SECRET": "x" * 32}).override(
            database={"pooler": pooler},
            multitenancy={
                "strategy": strategy,
                "routing": {
                    "refresh_seconds": 3600,
                    "registry_url": url,
                    "registry_table": "fraiseql.tenant_databases",
                },
            },
        )
        engine = registry_engine(SecretUrl(url))
        if strategy == "database":
            insert = "INSERT INTO fraiseql.tenant_databases VALUES ($1, 'postgresql://a@b/c')"
            suspend = "UPDATE fraiseql.tenant_databases SET status = 'suspended'"
            live = await LiveRegistry.of_routing_table(config)
        else:
            insert = "INSERT INTO fraiseql.tenants VALUES ($1, 'Acme')"
            suspend = "UPDATE fraiseql.tenants SET status = 'suspended'"
            live = await LiveRegistry.of_tenants_table(config, engine, TABLE[strategy])
        live.start()
        try:
            await migrator.execute(insert, tenant)
            async with asyncio.timeout(5):
                while not await served(live, tenant):
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.7)  # it listens, or has seen the counter
            assert await served(live, tenant)
            await migrator.execute(suspend)
            async with asyncio.timeout(1):
                while await served(live, tenant):
                    await asyncio.sleep(0.01)
        finally:
            await live.stop()
            await engine.dispose()
    assert caplog.text == ""


async def served(live: LiveRegistry, tenant_id: str) -> bool:
    try:
        await live.registry.admit(tenant_id)
    except TenantUnavailable:
        return False
    return True
