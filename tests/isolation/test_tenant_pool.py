"""Tenants' connections on one budget, on a real PostgreSQL: none is lost, none is too many."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from fraiseql_strawberry.config import Secret
from fraiseql_strawberry.errors import (
    PlacementRefused,
    ServiceUnavailable,
    TenantBusy,
)
from fraiseql_strawberry.isolation.budget import ConnectionBudget
from fraiseql_strawberry.isolation.engines import EngineOptions, TenantEngine, TenantEngines
from tests.isolation.cancelled_at import run_cancelled
from tests.isolation.tenant_databases import (
    TenantDatabases,
    counting_sockets,
    sockets,
    tenant_databases,
)

WHERE = text("SELECT body FROM v_note")
SLEEP = text("SELECT pg_sleep(20)")


@pytest.fixture(scope="module")
async def databases(admin_url: str) -> AsyncIterator[TenantDatabases]:
    async with tenant_databases(admin_url, 6) as made:
        yield made


class Service:
    """Engines on a budget, and what tenants do with them."""

    def __init__(self, databases: TenantDatabases, sockets_: int, **options: Any) -> None:
        self.databases = databases
        self.budget = ConnectionBudget(sockets_)
        self.engines = TenantEngines(self.budget, EngineOptions(**{"pool_timeout": 5.0, **options}))

    def pin(self, index: int, url: Secret | None = None) -> TenantEngine:
        return self.engines.pin(f"t{index}", url or self.databases.url(index))

    async def ask(self, index: int, statement: Any = WHERE, *, url: Secret | None = None) -> Any:
        """As a session does it."""
        engine = self.pin(index, url)
        try:
            async with engine.engine.connect() as connection:
                return (await connection.execute(statement)).scalar_one()
        finally:
            self.engines.unpin(engine)

    async def read(self, index: int) -> Any:
        """As a compiled read does it."""
        engine = self.pin(index)
        try:
            entry = await engine.pool.acquire()
            try:
                driver: Any = entry.driver_connection
                found = await driver.fetchval("SELECT body FROM v_note")
            except BaseException:
                engine.pool.discard(entry)
                raise
            engine.pool.release(entry)
            return found
        finally:
            self.engines.unpin(engine)

    async def at_rest(self) -> None:
        """Nothing is under way any more, and each permit is one connection of one pool."""
        async with asyncio.timeout(5):
            while any(engine.pool._used for engine in self.engines._engines.values()):
                await asyncio.sleep(0.005)
            while self.budget.state.taken != self.held:
                await asyncio.sleep(0.005)
        assert self.budget.state.waiting == 0
        assert not self.budget._reclaiming

    @property
    def held(self) -> int:
        return sum(engine.pool.connections for engine in self.engines._engines.values())


MakeService = Callable[..., Service]


@pytest.fixture
async def make_service(databases: TenantDatabases) -> AsyncIterator[MakeService]:
    made: list[Service] = []

    def make(sockets_: int, **options: Any) -> Service:
        made.append(Service(databases, sockets_, **options))
        return made[-1]

    before = sockets()
    yield make
    for service in made:
        await service.at_rest()
        await service.engines.stop()
        assert service.budget.state.taken == 0
    assert sockets() == before


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


# --- The budget --------------------------------------------------------------------------------


async def test_every_tenant_is_served_and_sockets_stay_within_the_budget(
    make_service: MakeService, databases: TenantDatabases
) -> None:
    service = make_service(4, per_tenant=2)

    async def client(start: int) -> None:
        for step in range(8):
            index = (start + step * 5) % databases.count
            one = service.ask if step % 2 else service.read
            assert await one(index) == databases.name(index)

    with counting_sockets() as most:
        await asyncio.gather(*(client(start) for start in range(12)))
        await service.at_rest()
    assert most.samples > 10
    assert 3 <= most.seen <= 4


async def test_the_connection_that_is_idle_for_longest_is_closed(make_service: MakeService) -> None:
    service = make_service(4)  # one of them for cancel requests
    for index in (0, 1, 2, 0):
        await service.ask(index)
    await service.ask(3)
    await service.at_rest()
    assert {name: engine.pool.connections for name, engine in service.engines._engines.items()} == {
        "t0": 1,
        "t1": 0,
        "t2": 1,
        "t3": 1,
    }


async def test_one_in_use_is_never_closed_and_who_waits_too_long_is_told(
    make_service: MakeService,
) -> None:
    service = make_service(3, pool_timeout=0.1)
    engines = [service.pin(0), service.pin(1)]
    async with engines[0].engine.connect() as one, engines[1].engine.connect() as two:
        await one.execute(WHERE)
        await two.execute(WHERE)
        started = time.monotonic()
        with pytest.raises(TenantBusy, match="max_connections") as caught:
            await service.ask(2)
        assert 0.09 < time.monotonic() - started < 2
        assert caught.value.retry_after
        assert await one.scalar(WHERE) == service.databases.name(0)
        assert await two.scalar(WHERE) == service.databases.name(1)
    for engine in engines:
        service.engines.unpin(engine)


async def test_one_tenant_holds_no_more_than_its_share(make_service: MakeService) -> None:
    service = make_service(10, per_tenant=2, pool_timeout=0.1)
    naps = [asyncio.create_task(service.ask(0, text("SELECT pg_sleep(0.4)::text"))) for _ in "ab"]
    await wait_until(lambda: service.held == 2)
    with pytest.raises(TenantBusy, match="connections_per_tenant"):
        await service.ask(0)
    assert await service.ask(1) == service.databases.name(1)
    await asyncio.gather(*naps)


async def test_a_crowd_of_one_tenant_does_not_keep_another_waiting(
    make_service: MakeService,
) -> None:
    service = make_service(3, per_tenant=2, pool_timeout=20)
    ended = False

    async def crowd() -> None:
        while not ended:
            await service.ask(0, text("SELECT pg_sleep(0.01)::text"))

    tasks = [asyncio.create_task(crowd()) for _ in range(40)]
    await wait_until(lambda: service.held == 2)
    waits = []
    for index in (1, 2, 3, 4, 5):
        started = time.monotonic()
        await service.ask(index)
        waits.append(time.monotonic() - started)
    ended = True
    await asyncio.gather(*tasks)
    # The crowd's own line takes 0.2 s; a tenant that stood behind it would wait as long.
    assert sorted(waits)[2] < 0.2


async def test_two_that_want_all_of_it_go_on_in_turns(make_service: MakeService) -> None:
    service = make_service(2, per_tenant=4, pool_timeout=20)
    counts = [0, 0]
    end = time.monotonic() + 1.0

    async def client(index: int) -> None:
        while time.monotonic() < end:
            await service.read(index)
            counts[index] += 1

    await asyncio.gather(*(client(index) for index in (0, 1) * 8))
    assert min(counts) > 0.1 * max(counts)


# --- Whatever ends a connection ---------------------------------------------------------------


async def invalidated(connection: AsyncConnection) -> None:
    await connection.invalidate()


async def invalidated_softly(connection: AsyncConnection) -> None:
    (await connection.get_raw_connection()).invalidate(soft=True)


async def detached(connection: AsyncConnection) -> None:
    (await connection.get_raw_connection()).detach()


async def terminated_by_the_server(connection: AsyncConnection) -> None:
    pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    admin = await asyncpg.connect(connection.info["admin_url"])
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await admin.close()
    await asyncio.sleep(0.05)


async def terminated_here(connection: AsyncConnection) -> None:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    driver.terminate()


async def pool_invalidated(connection: AsyncConnection) -> None:
    raw = await connection.get_raw_connection()
    connection.engine.pool._invalidate(raw, RuntimeError("cut"))  # type: ignore[arg-type]


async def engine_disposed(connection: AsyncConnection) -> None:
    await connection.engine.dispose()


WAYS = [
    invalidated, invalidated_softly, detached, terminated_by_the_server, terminated_here,
    pool_invalidated, engine_disposed,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_connection_that_ends_gives_its_permit_back_once(
    make_service: MakeService, way: Callable[[AsyncConnection], Awaitable[None]]
) -> None:
    service = make_service(3, per_tenant=2)
    with counting_sockets() as most:
        for _ in range(3):
            engine = service.pin(0)
            connection = await engine.engine.connect()
            await connection.execute(WHERE)
            connection.info["admin_url"] = service.databases.admin_url
            await way(connection)
            try:
                await connection.close()
            except SQLAlchemyError:
                assert way is terminated_here or way is terminated_by_the_server
            service.engines.unpin(engine)
            assert await service.ask(0) == service.databases.name(0)
            await service.at_rest()
            assert service.budget.state.taken <= 2
    admin = 1 if way is terminated_by_the_server else 0
    assert most.seen <= 2 + admin


async def test_a_session_that_was_never_closed_gives_its_permit_back(
    make_service: MakeService,
) -> None:
    service = make_service(2)
    engine = service.pin(0)
    session = AsyncSession(engine.engine)
    await session.execute(WHERE)
    assert service.budget.state.taken == 1
    del session
    with pytest.warns(Warning, match="garbage collector"):
        gc.collect()
    service.engines.unpin(engine)
    await wait_until(lambda: service.budget.state.taken == 0)
    assert await service.ask(1) == service.databases.name(1)


async def test_disposing_of_an_engine_in_use_leaks_nothing(make_service: MakeService) -> None:
    service = make_service(4, per_tenant=2)
    engine = service.pin(0)
    async with engine.engine.connect() as connection:
        await connection.execute(WHERE)
        await engine.engine.dispose()
        assert await connection.scalar(WHERE) == service.databases.name(0)
        assert await service.ask(0) == service.databases.name(0)
    service.engines.unpin(engine)
    await wait_until(lambda: service.budget.state.taken == service.held == 1)


# --- Connections that fail --------------------------------------------------------------------


async def test_a_wrong_password_costs_one_attempt_a_second(make_service: MakeService) -> None:
    service = make_service(3, per_tenant=2)
    wrong = service.databases.url(0, password="hunter2hunter2")
    with counting_sockets() as most:
        found = await asyncio.gather(
            *(service.ask(0, url=wrong) for _ in range(30)), return_exceptions=True
        )
        assert {type(error) for error in found} == {ServiceUnavailable}
        assert "password authentication failed" in str(found[0])
        assert "hunter2" not in str(found)
        before = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="password authentication failed"):
            await service.ask(0, url=wrong)
        assert time.monotonic() - before < 0.05
        assert await service.ask(1) == service.databases.name(1)  # of the same server
    assert most.seen <= 2
    assert await service.ask(0) == service.databases.name(0)  # mended in the registry


async def test_an_unknown_database(make_service: MakeService) -> None:
    service = make_service(3)
    with pytest.raises(ServiceUnavailable, match="does not exist"):
        await service.ask(99)


async def test_the_servers_own_limit(make_service: MakeService, databases: TenantDatabases) -> None:
    service = make_service(6, per_tenant=2)
    admin = await asyncpg.connect(databases.admin_url)
    await admin.execute(f"ALTER ROLE {databases.role} CONNECTION LIMIT 0")
    try:
        with pytest.raises(TenantBusy, match="too many connections for role"):
            await service.ask(0)
    finally:
        await admin.execute(f"ALTER ROLE {databases.role} CONNECTION LIMIT -1")
        await admin.close()


async def test_a_tenant_that_has_a_connection_waits_for_it_where_no_more_are_made(
    make_service: MakeService, databases: TenantDatabases
) -> None:
    service = make_service(6, per_tenant=2)
    admin = await asyncpg.connect(databases.admin_url)
    nap = asyncio.create_task(service.ask(0, text("SELECT pg_sleep(0.5)::text")))
    await wait_until(lambda: service.held == 1)
    await asyncio.sleep(0.2)
    await admin.execute(f"ALTER ROLE {databases.role} CONNECTION LIMIT 0")
    try:
        with pytest.raises(TenantBusy, match="too many connections for role"):
            await service.ask(0)
        assert await service.ask(0) == databases.name(0)
    finally:
        await admin.execute(f"ALTER ROLE {databases.role} CONNECTION LIMIT -1")
        await admin.close()
    await nap


async def test_a_superuser_is_refused(
    make_service: MakeService, databases: TenantDatabases
) -> None:
    service = make_service(3)
    with pytest.raises(PlacementRefused, match="is a superuser"):
        await service.ask(0, url=Secret(databases.admin(0)))
    await service.at_rest()
    assert service.budget.state.taken == 0


async def test_a_member_of_a_superusers_role_is_refused(
    make_service: MakeService, databases: TenantDatabases
) -> None:
    service = make_service(3)
    admin = await asyncpg.connect(databases.admin_url)
    superuser = await admin.fetchval("SELECT session_user")
    await admin.execute(f"GRANT {superuser} TO {databases.role}")
    try:
        with pytest.raises(PlacementRefused, match="could read every tenant's database"):
            await service.ask(0)
    finally:
        await admin.execute(f"REVOKE {superuser} FROM {databases.role}")
        await admin.close()


async def test_a_connection_that_leads_elsewhere_is_refused(
    make_service: MakeService, databases: TenantDatabases
) -> None:
    service = make_service(3)
    real, other = databases.name(0).encode(), databases.name(1).encode()
    place = databases.url(0).reveal().rpartition("@")[2].partition("/")[0].partition(":")

    async def misroute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What a pooler with a wrong line in its configuration does."""
        to_server, from_server = reader, writer
        upstream, downstream = await asyncio.open_connection(place[0], int(place[2]))
        startup = await to_server.read(4096)
        downstream.write(startup.replace(b"database\0" + real, b"database\0" + other))

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(4096):
                sink.write(data)
            sink.close()

        await asyncio.gather(copy(to_server, downstream), copy(upstream, from_server))

    proxy = await asyncio.start_server(misroute, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    url = databases.url(0, port=port, query="?sslmode=disable")
    with pytest.raises(PlacementRefused, match=f"leads to '{databases.name(1)}'"):
        await service.ask(0, url=url)
    await service.at_rest()
    proxy.close()
    await proxy.wait_closed()


async def test_a_role_that_lost_its_way_mid_flight_is_not_asked_for_a_password_of_ours(
    make_service: MakeService, databases: TenantDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "pw")  # the right one: it must not be taken from there
    service = make_service(3)
    with pytest.raises(ServiceUnavailable, match="password authentication failed"):
        await service.ask(0, url=databases.url(0, password=""))


async def test_a_server_that_falls_silent_is_noticed(make_service: MakeService) -> None:
    service = make_service(3)
    engine = service.pin(0)
    entry = await engine.pool.acquire()
    driver: Any = entry.driver_connection
    plug = driver._transport.get_extra_info("socket")
    assert plug.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 25_000
    assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
    engine.pool.release(entry)
    service.engines.unpin(engine)


# --- Cancelled at every await -----------------------------------------------------------------


async def a_first_connection(service: Service) -> None:
    service.engines.forget("t0")
    await service.ask(0)


async def a_session(service: Service) -> None:
    await service.ask(0)


async def a_read(service: Service) -> None:
    await service.read(0)


async def a_place_of_another(service: Service) -> None:
    # The budget is two: 1 and 2 hold it, idle; one of them is closed for 0.
    await service.ask(1)
    await service.ask(2)
    await service.ask(0)


@pytest.mark.parametrize(
    "work", [a_first_connection, a_session, a_read, a_place_of_another], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("late", [False, True], ids=["at_once", "in_the_last_moment"])
async def test_a_cancellation_anywhere_loses_nothing(
    make_service: MakeService, work: Callable[[Service], Coroutine[Any, Any, None]], late: bool
) -> None:
    service = make_service(3, per_tenant=2)
    with counting_sockets() as most:
        n = 1
        while await run_cancelled(work(service), n, late=late):
            await service.at_rest()
            assert service.budget.state.taken <= 2
            n += 1
        assert n > 1
        assert await service.ask(0) == service.databases.name(0)
    assert most.seen <= 3  # two, and one for a cancel request


async def test_waiters_that_are_cancelled_leave_the_line(make_service: MakeService) -> None:
    service = make_service(2, per_tenant=1)
    engine = service.pin(0)
    async with engine.engine.connect() as connection:
        await connection.execute(WHERE)
        for index in (0, 1):
            tasks = [asyncio.create_task(service.ask(index)) for _ in range(20)]
            await asyncio.sleep(0.02)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert service.budget.state.waiting == 0
    service.engines.unpin(engine)
    assert await service.ask(1) == service.databases.name(1)


async def test_cancelled_statements_end_on_the_server_too_and_within_the_budget(
    make_service: MakeService, databases: TenantDatabases
) -> None:
    service = make_service(5, per_tenant=1)
    admin = await asyncpg.connect(databases.admin_url)
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid() AND state = 'active'"
    with counting_sockets() as most:
        tasks = [asyncio.create_task(service.ask(index, SLEEP)) for index in range(4)]
        async with asyncio.timeout(5):
            while await admin.fetchval(running) < 4:
                await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(2):
            while await admin.fetchval(running):
                await asyncio.sleep(0.01)
        await service.at_rest()
    await admin.close()
    assert most.seen <= 5


# --- Engines ----------------------------------------------------------------------------------


async def test_however_many_wait_a_tenant_has_one_engine(make_service: MakeService) -> None:
    service = make_service(10, per_tenant=3)
    await asyncio.gather(*(service.ask(0) for _ in range(50)))
    assert len(service.engines) == 1
    assert service.held <= 3


async def test_a_tenant_that_moves_finishes_where_it_began(make_service: MakeService) -> None:
    service = make_service(10)
    engine = service.pin(0)
    async with engine.engine.connect() as connection:
        await connection.execute(WHERE)
        moved = service.databases.url(1)
        assert await service.ask(0, url=moved) == service.databases.name(1)
        assert await connection.scalar(WHERE) == service.databases.name(0)
        # A second transaction of the same request is where the first was.
        async with engine.engine.connect() as second:
            assert await second.scalar(WHERE) == service.databases.name(0)
        await wait_until(lambda: service.budget.state.taken == 2)  # the old keeps no idle one
    service.engines.unpin(engine)
    await wait_until(lambda: service.budget.state.taken == 1)
    service.engines.sweep()
    assert not service.engines._draining


async def test_idle_connections_are_closed_and_engines_forgotten(make_service: MakeService) -> None:
    service = make_service(10, idle_seconds=0.2)
    for index in range(4):
        await service.ask(index)
    assert service.budget.state.taken == 4
    service.engines.start()
    pinned = service.pin(3)
    await wait_until(lambda: service.budget.state.taken == 0)
    await wait_until(lambda: len(service.engines) == 1)
    assert await service.ask(3) == service.databases.name(3)
    service.engines.unpin(pinned)


async def test_engines_without_a_connection_are_bounded(make_service: MakeService) -> None:
    service = make_service(2)
    for number in range(40):
        engine = service.engines.pin(f"x{number}", service.databases.url(0))
        service.engines.unpin(engine)
    assert len(service.engines) == 5
    assert list(service.engines._engines) == [f"x{number}" for number in range(35, 40)]


async def test_a_url_that_is_not_admitted_makes_no_engine(make_service: MakeService) -> None:
    service = make_service(2)
    with pytest.raises(PlacementRefused, match="tenant t0: its database_url"):
        service.pin(0, Secret("postgresql://app:hunter2@db/x?host=evil"))
    assert not len(service.engines)


async def test_nothing_shows_a_password(
    make_service: MakeService, databases: TenantDatabases, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    service = make_service(3)
    engine = service.pin(0, databases.url(0, password="hunter2hunter2"))
    found = [str(engine.engine), repr(engine.engine.url), repr(engine.url), repr(engine.pool)]
    with pytest.raises(ServiceUnavailable) as caught:
        await service.ask(0, url=databases.url(0, password="hunter2hunter2"))
    error: BaseException | None = caught.value
    while error is not None:
        found += [str(error), repr(error), repr(error.__dict__)]
        error = error.__cause__ or error.__context__
    service.engines.unpin(engine)
    assert "hunter2" not in " ".join(found) + caplog.text


async def test_who_waits_for_a_connection_that_is_cut_is_told_when_no_other_can_be_made(
    make_service: MakeService,
) -> None:
    service = make_service(4)
    engine = service.pin(0)
    entry = await engine.pool.acquire()
    engine.membership.server.failed(ServiceUnavailable(hint="it cannot be reached"))
    waiting = asyncio.create_task(service.read(0))
    await wait_until(lambda: len(engine.pool._line) == 1)
    engine.pool.cut(entry)
    async with asyncio.timeout(1):
        with pytest.raises(ServiceUnavailable):
            await waiting
    service.engines.unpin(engine)
