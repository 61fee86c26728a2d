"""A pooler that nobody declared is found at start-up, and so is one that is not what was declared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from example_app.data import ACME
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import SetupError
from fraiseql_strawberry.isolation import pooler
from tests.pgbouncer import PgBouncer

MakeTenancy = Callable[..., Tenancy]
MakePgBouncer = Callable[..., PgBouncer]

IGNORING = {"ignore_startup_parameters": "statement_timeout,plan_cache_mode,search_path"}
TRANSACTION, SESSION = '[database]\npooler = "transaction"', '[database]\npooler = "session"'
WITHOUT_CACHES = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}


async def test_a_pooler_that_refuses_our_settings(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    with pytest.raises(SetupError, match=r"A pooler stands.*statement_timeout") as refused:
        await make_tenancy(pgbouncer("transaction").urls(blog)).start()
    assert TRANSACTION in str(refused.value)
    assert SESSION in str(refused.value)


async def test_a_transaction_pooler_that_ignores_our_settings(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    urls = pgbouncer("transaction", **IGNORING).urls(blog)
    with pytest.raises(SetupError, match="none is declared") as refused:
        await make_tenancy(urls).start()
    assert TRANSACTION in str(refused.value)
    assert SESSION not in str(refused.value)


async def test_a_session_pooler_that_ignores_our_settings(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    urls = pgbouncer("session", **IGNORING).urls(blog)
    with pytest.raises(SetupError, match=r"A pooler stands between") as refused:
        await make_tenancy(urls).start()
    assert TRANSACTION in str(refused.value)
    assert SESSION in str(refused.value)


async def test_a_session_pooler_of_one_connection_does_not_hold_up_the_start(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    urls = pgbouncer("session", pool_size=1, **IGNORING).urls(blog)
    with pytest.raises(SetupError, match=r"A pooler stands between"):
        await make_tenancy(urls).start()


async def test_session_is_no_answer_to_a_transaction_pooler(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    urls = pgbouncer("transaction").urls(blog)
    with pytest.raises(SetupError, match="a session pooler is declared") as refused:
        await make_tenancy(urls, database={"pooler": "session"}).start()
    assert TRANSACTION in str(refused.value)


async def test_statements_of_another_service_on_a_shared_back_end(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    """Its names are the driver's, who counts from one in each process."""
    bouncer = pgbouncer("transaction", pool_size=1, **IGNORING)
    urls = bouncer.urls(blog)
    other = await asyncpg.connect(urls.app_url, statement_cache_size=0)
    ours = await asyncpg.connect(blog.app_url)
    latest = int((await ours.prepare("SELECT 1")).get_name().split("_")[-3], 16)
    await ours.close()
    for number in range(latest, latest + 100):
        await other.execute(f"PREPARE __asyncpg_stmt_{number:x}__ AS SELECT 1")
    try:
        with pytest.raises(
            SetupError, match=r"A transaction pooler stands.*already exists"
        ) as refused:
            await make_tenancy(urls).start()
        assert TRANSACTION in str(refused.value)
    finally:
        await other.execute("DEALLOCATE ALL")
        await other.close()


@pytest.mark.parametrize("mode", ["session", "transaction"])
@pytest.mark.parametrize("pooled", [True, False], ids=["pooled", "direct"])
async def test_what_is_declared_is_a_valid_answer(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer, mode: str, pooled: bool
) -> None:
    urls = pgbouncer(mode, pool_size=4).urls(blog) if pooled else blog
    async with make_tenancy(urls, database={"pooler": mode}) as tenancy:
        await tenancy.ready()


@pytest.mark.parametrize("behind", [1, 4])
async def test_a_pool_of_one_starts_behind_a_session_pooler(
    blog: Urls,
    make_tenancy: MakeTenancy,
    pgbouncer: MakePgBouncer,
    behind: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The start looks at two connections; the service needs no second one for that."""
    monkeypatch.setattr(pooler, "_CONNECT_SECONDS", 1.0)
    urls = pgbouncer("session", pool_size=behind).urls(blog)
    one = {"pooler": "session", "pool_size": 1, "max_overflow": 0, "pool_timeout": 1}
    async with asyncio.timeout(10), make_tenancy(urls, database=one) as tenancy:
        await tenancy.ready()
        pool: Any = tenancy.isolation.engine_for(str(ACME)).pool
        assert (pool.checkedout(), pool.checkedin()) == (0, 1)


async def test_a_start_that_fails_half_way_leaves_no_connection(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    bouncer = pgbouncer("session", pool_size=4, max_client_conn="2")  # the start looks at a third
    async with engine_of(bouncer.urls(blog)) as engine:
        tenancy = make_tenancy(
            bouncer.urls(blog), database={"pooler": "session"}, options={"engine": engine}
        )
        with pytest.raises(Exception, match="max_client_conn") as refused:
            await tenancy.start()
    async with asyncio.timeout(5):
        while not await takes_two(bouncer, blog):
            await asyncio.sleep(0.05)
    del refused  # what it was raised from was kept until here: nobody else closed anything


async def takes_two(bouncer: PgBouncer, blog: Urls) -> bool:
    """Whether PgBouncer has room for two clients."""
    async with AsyncExitStack() as stack:
        for _ in range(2):
            try:
                connection = await asyncpg.connect(bouncer.urls(blog).app_url)
            except asyncpg.PostgresError:
                return False
            stack.push_async_callback(connection.close)
    return True


@pytest.mark.parametrize("chosen", ["row", "schema"])
async def test_each_strategy_looks(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer, chosen: str
) -> None:
    urls = pgbouncer("transaction").urls(blog)
    with pytest.raises(SetupError, match="pooler"):
        await make_tenancy(urls, multitenancy={"strategy": chosen}).start()


# --- An engine that is the application's own -----------------------------------------------------


@asynccontextmanager
async def engine_of(urls: Urls, **options: Any) -> AsyncIterator[AsyncEngine]:
    url = urls.app_url.replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url, **options)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize("kept", WITHOUT_CACHES)
async def test_an_own_engine_that_keeps_statements_is_refused(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer, kept: str
) -> None:
    urls = pgbouncer("transaction").urls(blog)
    async with engine_of(urls, connect_args={**WITHOUT_CACHES, kept: 10}) as engine:
        tenancy = make_tenancy(urls, database={"pooler": "transaction"}, options={"engine": engine})
        with pytest.raises(SetupError, match='"prepared_statement_cache_size": 0'):
            await tenancy.start()


async def test_an_own_engine_without_caches_is_served(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    urls = pgbouncer("transaction").urls(blog)
    async with engine_of(urls, connect_args=WITHOUT_CACHES) as engine:
        tenancy = make_tenancy(urls, database={"pooler": "transaction"}, options={"engine": engine})
        async with tenancy, tenancy.as_tenant(str(ACME)):
            await tenancy.ready()


async def test_an_own_engine_behind_an_undeclared_pooler(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    urls = pgbouncer("transaction").urls(blog)
    async with engine_of(urls, connect_args=WITHOUT_CACHES) as engine:
        with pytest.raises(SetupError, match="none is declared"):
            await make_tenancy(urls, options={"engine": engine}).start()


async def test_a_pool_of_one_connection_is_not_taken_for_two_on_one_back_end(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: MakePgBouncer
) -> None:
    urls = pgbouncer("session", pool_size=4).urls(blog)
    async with engine_of(urls, poolclass=StaticPool) as engine:
        tenancy = make_tenancy(urls, database={"pooler": "session"}, options={"engine": engine})
        async with tenancy:
            await tenancy.ready()
