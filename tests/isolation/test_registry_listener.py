"""Changes of tenants are heard of within milliseconds, and what was missed is made up for."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from fraiseql_strawberry.config import SecretUrl
from fraiseql_strawberry.registry import Listener, Poller
from tests.isolation.registry_database import RegistryDatabase
from tests.isolation.tcp_proxy import Link

INSERT = "INSERT INTO tenant_databases (tenant_id, database_url) VALUES ($1, 'postgresql://a@b/c')"


class Changes(list[str | None]):
    """What was told, and how long it took."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self.seen_from: list[str] = []

    def __call__(self, tenant_id: str | None) -> None:
        self.seen_from.append(CALLER.get())
        self.append(tenant_id)
        self._arrived.set()

    async def next(self, seconds: float = 5) -> str | None:
        """The next change that nobody has taken yet."""
        async with asyncio.timeout(seconds):
            while not self:
                self._arrived.clear()
                await self._arrived.wait()
        return self.pop(0)


CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="nobody")


@pytest.fixture
def changes() -> Changes:
    return Changes()


@asynccontextmanager
async def running(ears: Listener | Poller) -> AsyncIterator[None]:
    ears.start()
    try:
        yield
    finally:
        await ears.stop()


async def test_each_change_is_heard_of_at_once(
    registry_database: RegistryDatabase, changes: Changes
) -> None:
    async with running(Listener(registry_database.url, changes)):
        assert await changes.next() is None  # whatever was before
        for _ in range(3):
            tenant_id = uuid4()
            started = time.perf_counter()
            await registry_database.admin.execute(INSERT, tenant_id)
            assert await changes.next() == str(tenant_id)
            assert time.perf_counter() - started < 0.5
        await registry_database.admin.execute("NOTIFY fraiseql_tenants")
        assert await changes.next() is None


async def test_it_belongs_to_no_request(
    registry_database: RegistryDatabase, changes: Changes
) -> None:
    CALLER.set("whoever started it")
    async with running(Listener(registry_database.url, changes)):
        await changes.next()
        await registry_database.admin.execute(INSERT, uuid4())
        await changes.next()
    assert changes.seen_from == ["nobody", "nobody"]


@pytest.fixture
async def link(registry_database: RegistryDatabase) -> AsyncIterator[Link]:
    async with Link(registry_database.url).open() as link:
        yield link


def listener(url: SecretUrl, changes: Changes) -> Listener:
    return Listener(url, changes, heartbeat=0.3)


def poller(url: SecretUrl, changes: Changes) -> Poller:
    return Poller(url, changes, pooler="none", seconds=0.2, timeout=0.3)


Make = Callable[[SecretUrl, Changes], Listener | Poller]


@pytest.mark.parametrize("make", [listener, poller])
async def test_what_was_missed_while_it_was_cut_is_made_up_for(
    link: Link, changes: Changes, make: Make
) -> None:
    async with running(make(link.url, changes)):
        await changes.next()
        for _ in range(3):
            link.cut()
            assert await changes.next(2) is None  # all of them


@pytest.mark.parametrize("make", [listener, poller])
async def test_a_link_that_is_dead_is_noticed(
    registry_database: RegistryDatabase, link: Link, changes: Changes, make: Make
) -> None:
    async with running(make(link.url, changes)):
        await changes.next()
        link.go_dead()
        opened = link.opened
        async with asyncio.timeout(3):  # some heartbeats; the first to come is asyncpg's "cancel"
            while link.opened < opened + 2:
                await asyncio.sleep(0.01)
        await registry_database.admin.execute(INSERT, uuid4())
        assert changes == []
        link.revive()
        assert await changes.next(5) is None


@pytest.mark.parametrize("make", [listener, poller])
async def test_while_it_cannot_connect_it_tries_now_and_then(
    registry_database: RegistryDatabase,
    link: Link,
    changes: Changes,
    make: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(make(link.url, changes)):
        await changes.next()
        link.lead_to(SecretUrl("postgresql://127.0.0.1:9/nowhere"))
        link.cut()
        before = link.opened
        await asyncio.sleep(2)
        assert 2 <= link.opened - before <= 6  # with pauses that grow
        assert changes == []
        link.lead_to(registry_database.url)
        assert await changes.next(5) is None
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "is tried again" in told[0]
    assert "works again" in told[1]
    password = link.url.reveal().partition("app:")[2].partition("@")[0]
    assert len(password) > 10
    assert password not in caplog.text


@pytest.mark.parametrize("make", [listener, poller])
@pytest.mark.parametrize("when", ["connecting", "working", "dead"])
async def test_stopping_leaves_nothing_behind(
    registry_database: RegistryDatabase, link: Link, changes: Changes, make: Make, when: str
) -> None:
    tasks = asyncio.all_tasks()
    ears = make(link.url, changes)
    ears.start()
    if when == "connecting":
        await asyncio.sleep(0)
    else:
        await changes.next()
    if when == "dead":
        link.go_dead()
    async with asyncio.timeout(5):
        await ears.stop()
    link.revive()
    async with asyncio.timeout(5):
        while await registry_database.admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE usename = 'app' AND datname = current_database()"
        ):
            await asyncio.sleep(0.01)
    ours = {task for task in asyncio.all_tasks() - tasks if "tcp_proxy" not in repr(task)}
    assert ours == set()
    await ears.stop()  # again is harmless


async def test_the_counter_is_felt_within_the_interval(
    registry_database: RegistryDatabase, changes: Changes
) -> None:
    async with running(Poller(registry_database.url, changes, pooler="none")):
        assert await changes.next() is None
        for _ in range(3):
            started = time.perf_counter()
            await registry_database.admin.execute(INSERT, uuid4())
            assert await changes.next() is None
            assert time.perf_counter() - started < 1
        await asyncio.sleep(1.2)
        assert changes == []  # nothing changed, nothing is told


async def test_a_counter_that_is_not_there_is_asked_for_again(
    registry_database: RegistryDatabase, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    admin = registry_database.admin
    await admin.execute("ALTER TABLE fraiseql.registry_generation RENAME TO elsewhere")
    async with running(poller(registry_database.url, changes)):
        await asyncio.sleep(0.5)
        assert changes == []
        await admin.execute("ALTER TABLE fraiseql.elsewhere RENAME TO registry_generation")
        assert await changes.next(2) is None
    assert 'relation "fraiseql.registry_generation" does not exist' in caplog.text
