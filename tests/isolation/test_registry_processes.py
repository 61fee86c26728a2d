"""One table of tenants, several processes: a suspension is felt by all of them, an outage by none."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import ServiceUnavailable, TenancyError, TenantUnavailable
from fraiseql_strawberry.tenant import TenantStatus

MakeTenancy = Callable[..., Tenancy]

TABLE = {"tenants_table": "fraiseql.tenants"}
SUSPEND = "UPDATE fraiseql.tenants SET status = 'suspended' WHERE id = $1"
RESUME = "UPDATE fraiseql.tenants SET status = 'active' WHERE id = $1"

# A service of its own: says what becomes of one tenant, each time that it changes.
OTHER_PROCESS = """
import asyncio, json, sys
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.errors import TenancyError

async def main() -> None:
    url, tenant_id, database, multitenancy = json.load(sys.stdin)
    config = Config.from_env({"DATABASE_URL": url, "JWT_SECRET": "x" * 32})
    said = None
    async with Tenancy(config.override(database=database, multitenancy=multitenancy)) as tenancy:
        while True:
            try:
                await tenancy.admit(tenant_id)
                says = "served"
            except TenancyError as error:
                says = error.code
            if says != said:
                print(says, flush=True)
                said = says
            await asyncio.sleep(0.01)

asyncio.run(main())
"""


class OtherProcess:
    """What the other process says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, seconds: float) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(seconds):
            return (await self._process.stdout.readline()).decode().strip()


@asynccontextmanager
async def other_process(urls: Urls, **database: Any) -> AsyncIterator[OtherProcess]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OTHER_PROCESS),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    # Nothing but an announcement can make it ask again in the time of a test.
    settings = {**TABLE, "routing": {"refresh_seconds": 3600}}
    process.stdin.write(json.dumps([urls.app_url, str(ACME), database, settings]).encode())
    process.stdin.close()
    try:
        yield OtherProcess(process)
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def admin(fresh_blog: Urls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_blog.admin_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("pooler", ["none", "session", "transaction", "transaction and LISTEN"])
async def test_a_suspension_is_felt_within_a_second_everywhere(
    fresh_blog: Urls,
    admin: asyncpg.Connection,
    make_tenancy: MakeTenancy,
    pooler: str,
    request: pytest.FixtureRequest,
) -> None:
    urls, database = fresh_blog, {"pooler": pooler.partition(" ")[0]}
    if pooler != "none":
        pgbouncer = request.getfixturevalue("pgbouncer")
        urls = pgbouncer(database["pooler"], pool_size=10).urls(fresh_blog)
    if pooler.endswith("LISTEN"):
        database["listen_url"] = fresh_blog.app_url
    here = make_tenancy(
        urls, multitenancy={**TABLE, "routing": {"refresh_seconds": 3600}}, database=database
    )
    async with here, other_process(urls, **database) as there:
        assert await there.says(30) == "served"
        await here.admit(str(ACME))
        await asyncio.sleep(0.3)  # both have begun to listen
        for _ in range(3):
            await admin.execute(SUSPEND, ACME)
            started = time.perf_counter()
            async with asyncio.timeout(1):
                while await served(here, ACME):
                    await asyncio.sleep(0.005)
            assert await there.says(1) == "TENANT_UNAVAILABLE"
            assert time.perf_counter() - started < 1
            assert await served(here, GLOBEX)
            await admin.execute(RESUME, ACME)
            assert await there.says(1) == "served"


async def served(tenancy: Tenancy, tenant_id: object) -> bool:
    """Whether a statement of the tenant is run."""
    try:
        async with tenancy.as_tenant(str(tenant_id)), tenancy.session() as session:
            await session.execute(text("SELECT count(*) FROM v_post"))
    except TenantUnavailable:
        return False
    return True


async def test_in_this_process_it_is_felt_at_once(
    fresh_blog: Urls, admin: asyncpg.Connection, make_tenancy: MakeTenancy
) -> None:
    async with make_tenancy(fresh_blog, multitenancy=TABLE) as tenancy:
        assert await served(tenancy, ACME)
        assert tenancy.registry is not None
        await admin.execute(SUSPEND, ACME)
        tenancy.registry.set_status(str(ACME), TenantStatus.SUSPENDED)
        assert not await served(tenancy, ACME)


async def test_a_table_whose_changes_are_not_announced_is_warned_of(
    fresh_blog: Urls,
    admin: asyncpg.Connection,
    make_tenancy: MakeTenancy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await admin.execute("DROP TRIGGER fraiseql_tenant_changed ON fraiseql.tenants")
    async with make_tenancy(fresh_blog, multitenancy=TABLE):
        pass
    assert "SELECT fraiseql.announce_changes('fraiseql.tenants')" in caplog.text
    caplog.clear()
    await admin.execute("SELECT fraiseql.announce_changes('fraiseql.tenants')")
    async with make_tenancy(fresh_blog, multitenancy=TABLE):
        pass
    assert "announce_changes" not in caplog.text


@pytest.mark.parametrize(
    ("away", "back"),
    [
        (
            "ALTER TABLE fraiseql.tenants RENAME TO elsewhere",
            "ALTER TABLE fraiseql.elsewhere RENAME TO tenants",
        ),
        (
            "REVOKE SELECT (id, name, plan, status) ON fraiseql.tenants FROM app",
            "GRANT SELECT (id, name, plan, status) ON fraiseql.tenants TO app",
        ),
    ],
    ids=["renamed", "forbidden"],
)
async def test_a_table_that_is_away_for_a_while(
    fresh_blog: Urls, admin: asyncpg.Connection, make_tenancy: MakeTenancy, away: str, back: str
) -> None:
    tenancy = make_tenancy(fresh_blog, multitenancy={**TABLE, "routing": {"refresh_seconds": 0.2}})
    async with tenancy:
        assert await served(tenancy, ACME)
        await admin.execute(away)
        await asyncio.sleep(0.3)
        for _ in range(20):
            assert await served(tenancy, ACME)
            with pytest.raises(ServiceUnavailable) as refused:
                await served(tenancy, GLOBEX)
            assert "Retry-After" in refused.value.headers
            await asyncio.sleep(0.02)
        await admin.execute(back)
        await admin.execute(SUSPEND, ACME)
        async with asyncio.timeout(3):
            while await _served_or_none(tenancy, GLOBEX) is None:
                await asyncio.sleep(0.05)
        assert not await served(tenancy, ACME)


async def _served_or_none(tenancy: Tenancy, tenant_id: object) -> bool | None:
    try:
        return await served(tenancy, tenant_id)
    except TenancyError:
        return None
