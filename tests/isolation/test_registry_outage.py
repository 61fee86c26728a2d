"""The server that holds the registry is stopped for a while, and started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import asyncpg
import pytest

from fraiseql_strawberry.config import Config, SecretUrl
from fraiseql_strawberry.embedded import EmbeddedPostgres
from fraiseql_strawberry.errors import ServiceUnavailable, TenantUnavailable
from fraiseql_strawberry.registry import ANNOUNCE_CHANGES, LiveRegistry
from tests.isolation.tcp_proxy import Link

ACME, GLOBEX, INITECH = (UUID(int=number) for number in (1, 2, 3))
TABLE = """
    CREATE TABLE tenant_databases (
      tenant_id UUID PRIMARY KEY,
      database_url TEXT NOT NULL,
      created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
      status TEXT NOT NULL DEFAULT 'active'
    );
    CREATE SCHEMA fraiseql;
"""


class Central:
    """The server of the registry; it is always found at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedPostgres(folder, durable=True)

    async def start(self) -> None:
        self._server = EmbeddedPostgres(self._folder, durable=True)
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self._server.stop)

    @property
    def url(self) -> str:
        return self._server.admin_url()

    async def execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fraiseql-registry-") as name:
        Path(name).chmod(0o711)  # as root, the server runs as somebody else
        yield Path(name) / "data"


@pytest.fixture
async def central(folder: Path) -> AsyncIterator[Central]:
    server = Central(folder)
    await server.start()
    try:
        await server.execute(
            TABLE,
            ANNOUNCE_CHANGES,
            "SELECT fraiseql.announce_changes('tenant_databases')",
            "INSERT INTO tenant_databases VALUES"
            f" ('{ACME}', 'postgresql://a@b/c'), ('{GLOBEX}', 'postgresql://d@e/f')",
        )
        yield server
    finally:
        await server.stop()


async def test_an_outage_of_the_registry(
    central: Central, caplog: pytest.LogCaptureFixture
) -> None:
    link = Link(SecretUrl(central.url))
    async with link.open():
        config = Config.from_env({"JWT_SECRET": "x" * 32}).override(
            multitenancy={
                "strategy": "database",
                "routing": {"registry_url": link.url, "refresh_seconds": 0.5},
            }
        )
        live = await LiveRegistry.of_routing_table(config)
        live.start()
        try:
            await outage(central, link, live)
        finally:
            await live.stop()
    assert caplog.text.count("the registry of tenants does not answer") == 1
    assert caplog.text.count("the registry of tenants answers again") == 1


async def outage(central: Central, link: Link, live: LiveRegistry) -> None:
    registry = live.registry
    for tenant_id in (ACME, GLOBEX):
        await registry.admit(str(tenant_id))
    await central.stop()
    link.cut()
    await asyncio.sleep(0.6)  # nothing is fresh any more

    # Known tenants are served, and after the first nobody waits for it.
    await registry.admit(str(ACME))
    slowest = 0.0
    for _ in range(300):
        for tenant_id in (ACME, GLOBEX):
            started = time.perf_counter()
            tenant = await registry.admit(str(tenant_id))
            slowest = max(slowest, time.perf_counter() - started)
            assert tenant.placement
        with pytest.raises(ServiceUnavailable) as refused:
            await registry.admit(str(uuid4()))
        assert "Retry-After" in refused.value.headers
        await asyncio.sleep(0.01)
    assert slowest < 0.05

    # It comes back, with news: one is suspended, one is new.
    await central.start()
    await central.execute(
        f"UPDATE tenant_databases SET status = 'suspended' WHERE tenant_id = '{GLOBEX}'",
        f"INSERT INTO tenant_databases VALUES ('{INITECH}', 'postgresql://g@h/i')",
    )
    link.lead_to(SecretUrl(central.url))
    async with asyncio.timeout(8):  # the pause of whoever reconnects grows up to 5 seconds
        while not await refused_for_good(live, GLOBEX):
            await asyncio.sleep(0.05)
    await registry.admit(str(ACME))
    await registry.admit(str(INITECH))

    # And changes are heard of again, although nothing expires in the meantime.
    async with asyncio.timeout(8):
        await central.execute("UPDATE tenant_databases SET status = 'suspended'")
        while not await refused_for_good(live, INITECH):
            await asyncio.sleep(0.05)


async def refused_for_good(live: LiveRegistry, tenant_id: UUID) -> bool:
    try:
        await live.registry.admit(str(tenant_id))
    except TenantUnavailable:
        return True
    except ServiceUnavailable:
        pass
    return False
