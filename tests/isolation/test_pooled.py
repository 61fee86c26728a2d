"""Both strategies behind a real PgBouncer: nothing mixed, nothing lost, nothing left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import asyncpg
import pytest
from sqlalchemy import text

from example_app.data import ACME
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import TenantBusy
from tests.isolation.conftest import LEFTOVERS
from tests.isolation.interleaving import (
    LONG,
    Ledger,
    Read,
    play_with_troubles,
    run,
)
from tests.pgbouncer import PgBouncer
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

MakeTenancy = Callable[..., Tenancy]
MakePgBouncer = Callable[..., PgBouncer]

SETTINGS = """
    SELECT json_build_object(
      'statement_timeout', current_setting('statement_timeout'),
      'lock_timeout', current_setting('lock_timeout'),
      'idle', current_setting('idle_in_transaction_session_timeout'),
      'timezone', current_setting('timezone'))
"""
EXPECTED = {"statement_timeout": "1234ms", "lock_timeout": "2s", "idle": "3s", "timezone": "UTC"}
TIMEOUTS = {
    "statement_timeout": "1234ms",
    "lock_timeout": "2s",
    "idle_in_transaction_timeout": "3s",
}

# What PgBouncer itself sets when it gives a back-end to the next client.
PASSED_ON = (
    "application_name",
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "standard_conforming_strings",
)
SET_FOR_GOOD = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> ALL($1)"


class Pooled(NamedTuple):
    """A started tenancy whose connections go through PgBouncer."""

    tenancy: Tenancy
    urls: Urls

    async def assert_clean(self, back_ends: int = 2) -> None:
        """Looks at each back-end that PgBouncer keeps, all of them held at once."""
        url = self.urls.app_url
        pids: set[int] = set()
        async with AsyncExitStack() as stack:
            for _ in range(back_ends):
                connection = await asyncpg.connect(url, statement_cache_size=0)
                stack.push_async_callback(connection.close)
                await stack.enter_async_context(connection.transaction())
                found = dict(await connection.fetchrow(LEFTOVERS))
                assert not found.pop("tenant")
                assert found == {**dict.fromkeys(found, 0), "role": False}
                assert await connection.fetch(SET_FOR_GOOD, PASSED_ON) == []
                assert await connection.fetch("SELECT name FROM pg_prepared_statements") == []
                pids.add(await connection.fetchval("SELECT pg_backend_pid()"))
        assert len(pids) == back_ends


Open = Callable[..., Any]


@pytest.fixture(params=["transaction", "session"])
def open_pooled(
    request: pytest.FixtureRequest,
    fresh_blog: Urls,
    make_tenancy: MakeTenancy,
    pgbouncer: MakePgBouncer,
) -> Open:
    """`async with open_pooled(statement_timeout="50ms") as pooled`, in each mode and strategy."""
    mode = request.param

    @asynccontextmanager
    async def open_(clients: int = 6, **database: Any) -> AsyncIterator[Pooled]:
        # In session mode each client has a back-end of its own.
        bouncer = pgbouncer(mode, pool_size=2 if mode == "transaction" else clients + 4)
        database = {"pooler": mode, "pool_size": clients, "pool_timeout": 60.0, **database}
        urls = bouncer.urls(fresh_blog)
        async with make_tenancy(urls, database=database) as tenancy:
            yield Pooled(tenancy, urls)

    return open_


async def test_nothing_is_mixed_lost_or_left_behind(
    open_pooled: Open, fresh_witness: Witness
) -> None:
    await fresh_witness.everywhere("TRUNCATE tb_user CASCADE")
    ledger = Ledger()
    async with open_pooled(clients=32, statement_timeout="250ms") as pooled:
        await run(pooled.tenancy, ledger, requests=800, workers=40, seed=1, play=play_with_troubles)
        await pooled.assert_clean()
    await pooled.assert_clean()
    await ledger.check_stored(fresh_witness)


async def test_timeouts_and_time_zone_arrive(open_pooled: Open) -> None:
    async with open_pooled(**TIMEOUTS) as pooled, pooled.tenancy.as_tenant(str(ACME)):
        async with pooled.tenancy.session() as session:
            for _ in range(2):
                assert await session.scalar(text(SETTINGS)) == EXPECTED
                await session.commit()
        assert json.loads(await pooled.tenancy.read(Read(SETTINGS))) == EXPECTED


async def test_a_compiled_read_that_takes_too_long(open_pooled: Open) -> None:
    async with open_pooled(statement_timeout="50ms") as pooled:
        async with pooled.tenancy.as_tenant(str(ACME)):
            async with asyncio.timeout(5):
                with pytest.raises(TenantBusy):
                    await pooled.tenancy.read(Read(LONG))
        await pooled.assert_clean()
