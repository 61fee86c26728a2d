"""Reads from a real streaming replica, whose replay the tests hold back at will."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg import PostgresError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX
from example_app.database import Urls, clone, drop, template
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.config import Strategy
from fraiseql_strawberry.embedded import EmbeddedPostgres
from fraiseql_strawberry.errors import TenantBusy, UnsafeDatabase
from fraiseql_strawberry.isolation import Transaction
from tests.isolation.interleaving import Ledger, run
from tests.relay import Relay
from tests.replica import follow, on
from tests.witness import Witness

pytestmark = pytest.mark.strategies("row", "schema")  # a tenant with a server has no replica

MakeTenancy = Callable[..., Tenancy]

ON_REPLICA = "SELECT to_json(pg_is_in_recovery())"
NAMES = "SELECT json_agg(name ORDER BY name) FROM {}v_user"
IDS = "SELECT json_agg(id) FROM {}v_user"
INSERT = text("INSERT INTO tb_user (name, email) VALUES (:name, gen_random_uuid())")


class Read(NamedTuple):
    """A read as the compiler makes them, by hand."""

    query: str
    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        return self.query.format("" if schema is None else f'"{schema}".')


class Pair(NamedTuple):
    """A server and a replica of it."""

    primary: EmbeddedPostgres
    replica: EmbeddedPostgres

    async def replay(self, verb: str) -> None:
        """pause or resume what the replica does with what it receives."""
        connection = await asyncpg.connect(self.replica.admin_url())
        await connection.execute(f"SELECT pg_wal_replay_{verb}()")
        if verb == "pause":
            while await connection.fetchval("SELECT pg_get_wal_replay_pause_state()") != "paused":
                await asyncio.sleep(0.01)
        await connection.close()

    @asynccontextmanager
    async def held_back(self) -> AsyncIterator[None]:
        """The replica shows nothing new within the block."""
        await self.replay("pause")
        try:
            yield
        finally:
            await self.replay("resume")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with EmbeddedPostgres() as primary, follow(primary) as replica:
        yield Pair(primary, replica)


@pytest.fixture
async def urls(pair: Pair, strategy: Strategy) -> AsyncIterator[Urls]:
    """A blog that has arrived on the replica."""
    made = await template(pair.primary.admin_url(), strategy=strategy)
    urls = await clone(made, f"blog_{uuid4().hex[:12]}")
    on_primary = await asyncpg.connect(urls.admin_url)
    written = await on_primary.fetchval("SELECT pg_current_wal_lsn()")
    await on_primary.close()
    connection = await asyncpg.connect(pair.replica.admin_url())
    while not await connection.fetchval("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", written):
        await asyncio.sleep(0.01)
    await connection.close()
    yield urls
    await drop(urls)


Open = Callable[..., Any]


@pytest.fixture
def open_replicated(pair: Pair, urls: Urls, make_tenancy: MakeTenancy) -> Open:
    """`async with open_replicated() as tenancy`: it reads from the replica."""

    def open_(*replica_urls: str, options: Any = None, **database: Any) -> Tenancy:
        chosen = replica_urls or (on(pair.replica, urls).app_url,)
        return make_tenancy(
            urls, database={"replica_urls": list(chosen), **database}, options=options
        )

    return open_


async def read(tenancy: Tenancy, query: str, tenant: UUID = ACME) -> Any:
    async with tenancy.as_tenant(str(tenant)):
        return json.loads(await tenancy.read(Read(query)) or "null")


async def write(tenancy: Tenancy, name: str, tenant: UUID = ACME) -> None:
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        await session.execute(INSERT, {"name": name})


async def until_on_replica(tenancy: Tenancy, tenant: UUID = ACME) -> None:
    async with asyncio.timeout(10):
        while not await read(tenancy, ON_REPLICA, tenant):
            await asyncio.sleep(0.01)


# --- What goes where --------------------------------------------------------------------------------


async def test_compiled_reads_go_to_the_replica_and_sessions_to_the_primary(
    open_replicated: Open,
) -> None:
    async with open_replicated() as tenancy:
        assert await read(tenancy, ON_REPLICA) is True
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            assert await session.scalar(text("SELECT pg_is_in_recovery()")) is False
        assert await read(tenancy, ON_REPLICA) is True  # a session that wrote nothing


async def test_a_compiled_write_is_seen_by_the_tenants_next_read(
    open_replicated: Open, pair: Pair
) -> None:
    """It goes past the engine's own commits, so it says itself what is to be waited for."""

    async def work(transaction: Transaction) -> None:
        await transaction.write(_insert_user, [["from a compiled write"]])

    async with open_replicated() as tenancy:
        assert await read(tenancy, ON_REPLICA) is True
        async with pair.held_back():
            async with tenancy.as_tenant(str(ACME)):
                await tenancy.write(work)
            assert await read(tenancy, ON_REPLICA) is False
            assert "from a compiled write" in await read(tenancy, NAMES)
            assert await read(tenancy, ON_REPLICA, GLOBEX) is True
        await until_on_replica(tenancy)


def _insert_user(schema: str | None) -> str:
    table = "tb_user" if schema is None else f'"{schema}".tb_user'
    return f"INSERT INTO {table} (name, email) VALUES ($1, gen_random_uuid()) RETURNING id"


async def test_replicas_take_turns(open_replicated: Open, pair: Pair, urls: Urls) -> None:
    replica = on(pair.replica, urls).app_url
    async with open_replicated(replica, f"{replica}?ssl=disable", pool_size=1) as tenancy:
        query = "SELECT to_json(pg_backend_pid())"
        pids = [await read(tenancy, query) for _ in range(6)]
        assert pids[0] != pids[1]
        assert pids == pids[:2] * 3


async def test_the_tenants_are_kept_apart_there(open_replicated: Open) -> None:
    async with open_replicated() as tenancy:
        names = [set(await read(tenancy, IDS, tenant)) for tenant in (ACME, GLOBEX)]
        assert names[0]
        assert names[1]
        assert not names[0] & names[1]


@fraiseql.type(sql_source="v_user")
class User:
    id: UUID
    name: str
    posts: list[Post] = fraiseql.relation(remote="user_id", order_by="title")


@fraiseql.type(sql_source="v_post")
class Post:
    id: UUID
    title: str


@fraiseql.query(sql_source="v_user", order_by="name")
def users(limit: int = 20) -> list[User]: ...


async def write_and_read_on(info, session: TenantSession) -> User:  # type: ignore[no-untyped-def]
    """The posts below it are read by a statement of their own."""
    user_id = await session.scalar(text(f"{INSERT.text} RETURNING id").bindparams(name="Ada"))
    post = text("INSERT INTO tb_post (user_id, title, content) VALUES (:user_id, 'first', 'x')")
    await session.execute(post, {"user_id": user_id})
    return User(id=user_id, name="Ada")


@pytest.mark.parametrize("atomic", [True, False])
async def test_an_operation_reads_what_it_wrote(
    open_replicated: Open, pair: Pair, atomic: bool
) -> None:
    schema = fraiseql.build_schema([users, fraiseql.mutation(atomic=atomic)(write_and_read_on)])
    async with open_replicated() as tenancy, pair.held_back(), tenancy.as_tenant(str(ACME)):
        done = await schema.execute("mutation { writeAndReadOn { name posts { title } } }")
        assert done.data == {"writeAndReadOn": {"name": "Ada", "posts": [{"title": "first"}]}}


# --- After a write ----------------------------------------------------------------------------------


async def test_a_tenant_reads_what_it_wrote(open_replicated: Open, pair: Pair) -> None:
    async with open_replicated() as tenancy:
        async with pair.held_back():
            await write(tenancy, "new")
            for _ in range(20):
                assert "new" in await read(tenancy, NAMES)
                assert await read(tenancy, ON_REPLICA) is False
                await asyncio.sleep(0.01)  # the replica is asked how far it has come
            assert await read(tenancy, ON_REPLICA, GLOBEX) is True  # it wrote nothing
        await until_on_replica(tenancy)
        assert "new" in await read(tenancy, NAMES)


async def test_each_transaction_of_a_session_counts(open_replicated: Open, pair: Pair) -> None:
    async with open_replicated() as tenancy, pair.held_back():
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            await session.execute(INSERT, {"name": "first"})
            await session.commit()
            assert await session.scalar(text("SELECT count(*) FROM v_user")) > 0
        assert "first" in await read(tenancy, NAMES)


async def test_what_is_rolled_back_is_no_write(open_replicated: Open, pair: Pair) -> None:
    async with open_replicated() as tenancy, pair.held_back():
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            await session.execute(INSERT, {"name": "never"})
            await session.rollback()
        assert await read(tenancy, ON_REPLICA) is True


async def test_a_failed_transaction_may_still_be_committed_in_vain(open_replicated: Open) -> None:
    async with open_replicated() as tenancy:
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            await session.execute(INSERT, {"name": "never"})
            with pytest.raises(DBAPIError):
                await session.execute(text("SELECT 1 / 0"))
        assert "never" not in await read(tenancy, NAMES)


async def test_a_server_that_is_no_replica_goes_by_the_time(
    open_replicated: Open, urls: Urls
) -> None:
    """Such as one that is fed by logical replication: its transactions are not the primary's."""
    pid = "SELECT to_json(pg_backend_pid())"
    async with open_replicated(urls.app_url, pool_size=1, read_your_writes="400ms") as tenancy:
        there = await read(tenancy, pid)
        await write(tenancy, "new")
        written = time.monotonic()
        here = await read(tenancy, pid)
        assert here != there
        assert await read(tenancy, pid, GLOBEX) == there
        while await read(tenancy, pid) == here:
            await asyncio.sleep(0.02)
        assert time.monotonic() - written > 0.35


async def test_nothing_mixed_nothing_lost_nothing_old(
    open_replicated: Open, urls: Urls, pair: Pair
) -> None:
    """A read that follows a write holds it: `Ledger.check_summary` counts what was acknowledged."""
    witness = Witness(urls)
    await witness.everywhere("TRUNCATE tb_user CASCADE")
    ledger = Ledger()
    async with open_replicated(pool_timeout=60.0) as tenancy:
        await until_on_replica(tenancy)
        await run(tenancy, ledger, requests=1500, workers=12, seed=1)
        await ledger.check_stored(witness)
        await until_on_replica(tenancy)
    await witness.close()


# --- Replicas that fail -----------------------------------------------------------------------------


@asynccontextmanager
async def relayed(pair: Pair, urls: Urls) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay(pair.replica.admin_url())
    await relay.open()
    try:
        yield relay, relay.url(on(pair.replica, urls).app_url)
    finally:
        await relay.close()


async def test_a_replica_that_dies_fails_no_read(
    open_replicated: Open, pair: Pair, urls: Urls
) -> None:
    async with relayed(pair, urls) as (relay, url), open_replicated(url) as tenancy:
        assert await read(tenancy, ON_REPLICA) is True
        await relay.close()
        for _ in range(20):
            assert await read(tenancy, ON_REPLICA) is False
        await relay.open()
        await until_on_replica(tenancy)


async def test_the_other_replicas_take_over(open_replicated: Open, pair: Pair, urls: Urls) -> None:
    direct = on(pair.replica, urls).app_url
    async with relayed(pair, urls) as (relay, url), open_replicated(url, direct) as tenancy:
        await relay.close()
        answers = [await read(tenancy, ON_REPLICA) for _ in range(10)]
        assert answers.count(False) <= 1  # the one that found out


async def test_a_replica_that_is_down_at_start_is_used_once_it_is_up(
    open_replicated: Open, pair: Pair, urls: Urls, caplog: pytest.LogCaptureFixture
) -> None:
    async with relayed(pair, urls) as (relay, url):
        await relay.close()
        async with open_replicated(url) as tenancy:
            [warning] = [record for record in caplog.records if "replica" in record.getMessage()]
            assert "app:***@" in warning.getMessage()
            assert await read(tenancy, ON_REPLICA) is False
            await relay.open()
            await until_on_replica(tenancy)


async def test_a_replica_that_says_nothing_is_given_up(
    open_replicated: Open, pair: Pair, urls: Urls
) -> None:
    async with relayed(pair, urls) as (relay, url):
        async with open_replicated(url, statement_timeout="1s") as tenancy:
            relay.stall()
            started = time.monotonic()
            assert await read(tenancy, ON_REPLICA) is False
            given_up = time.monotonic()
            assert 2 <= given_up - started < 5
            assert await read(tenancy, ON_REPLICA) is False
            assert time.monotonic() - given_up < 1.5  # it is not asked again
            relay.flow()
            await until_on_replica(tenancy)


async def test_what_has_not_arrived_yet_is_read_from_the_primary(
    open_replicated: Open, pair: Pair, urls: Urls
) -> None:
    witness = Witness(urls)
    async with open_replicated() as tenancy:
        async with pair.held_back():
            await witness.everywhere(
                "CREATE TABLE tb_fresh AS SELECT 1 AS x; GRANT SELECT ON tb_fresh TO app"
            )
            assert await read(tenancy, "SELECT to_json(x) FROM {}tb_fresh") == 1
            assert await read(tenancy, ON_REPLICA) is True  # no fault of the replica's
    await witness.close()


async def test_an_error_is_the_primarys(open_replicated: Open) -> None:
    async with open_replicated() as tenancy:
        with pytest.raises(PostgresError, match="division by zero"):
            await read(tenancy, "SELECT to_json(1 / 0)")
        assert await read(tenancy, ON_REPLICA) is True


async def test_what_takes_too_long_is_not_tried_twice(open_replicated: Open) -> None:
    async with open_replicated(statement_timeout="500ms") as tenancy:
        started = time.monotonic()
        with pytest.raises(TenantBusy):
            await read(tenancy, "SELECT to_json(pg_sleep(20)::text)")
        assert time.monotonic() - started < 0.95
        assert await read(tenancy, ON_REPLICA) is True


# --- Start and stop ---------------------------------------------------------------------------------


async def test_the_role_of_a_replica_is_looked_at(
    open_replicated: Open, pair: Pair, urls: Urls
) -> None:
    with pytest.raises(UnsafeDatabase, match="superuser"):
        await open_replicated(on(pair.replica, urls).admin_url).start()


async def test_an_own_engine_is_left_as_it_was(open_replicated: Open, urls: Urls) -> None:
    engine = create_async_engine(urls.app_url.replace("postgresql:", "postgresql+asyncpg:"))
    tenancy = open_replicated(options={"engine": engine})
    for _ in range(2):
        async with tenancy:
            await write(tenancy, "new")
            await until_on_replica(tenancy)
            assert len(engine.sync_engine.dispatch.commit) == 1
    assert len(engine.sync_engine.dispatch.commit) == 0
    await engine.dispose()
