"""While the registry does not answer: who is served, who is not, and how often it is asked."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from fraiseql_strawberry.errors import (
    ServiceUnavailable,
    TenancyError,
    TenantBusy,
    TenantUnavailable,
)
from fraiseql_strawberry.registry import Registry
from fraiseql_strawberry.registry.outage import unanswered
from fraiseql_strawberry.tenant import Tenant, TenantStatus
from tests.unit.tenant_source import Clock, Source, settled

ACTIVE = Tenant("a", "Acme")
OTHER = Tenant("b", "Globex")
SUSPENDED = Tenant("a", "Acme", status=TenantStatus.SUSPENDED)


@pytest.fixture
def source() -> Source:
    return Source(ACTIVE, OTHER)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def registry(source: Source, clock: Clock) -> Registry:
    """Knows `a`, and the source has just gone down."""
    registry = Registry(source.fetch, refresh_seconds=60, stale_seconds=900, clock=clock)
    await registry.admit("a")
    source.down = ConnectionRefusedError
    source.asked.clear()
    return registry


async def test_a_known_active_tenant_is_served(registry: Registry, clock: Clock) -> None:
    clock.now += 61
    assert await registry.admit("a") is ACTIVE
    clock.now += 838
    assert await registry.admit("a") is ACTIVE


async def test_but_not_for_ever(registry: Registry, clock: Clock) -> None:
    clock.now += 61
    assert await registry.admit("a") is ACTIVE
    clock.now += 839  # 900 seconds after it was last heard of
    with pytest.raises(ServiceUnavailable):
        await registry.admit("a")


@pytest.mark.parametrize("seconds", [0, 61], ids=["at once", "later"])
async def test_an_unknown_tenant_is_told_to_come_back(
    registry: Registry, clock: Clock, seconds: float
) -> None:
    clock.now += seconds
    for _ in range(2):
        with pytest.raises(ServiceUnavailable) as refused:
            await registry.admit("b")
        assert refused.value.status == 503
        assert "Retry-After" in refused.value.headers


async def test_who_was_suspended_is_neither_served_nor_told_so(
    source: Source, clock: Clock
) -> None:
    source.tenants["a"] = SUSPENDED
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")
    source.down = ConnectionRefusedError
    with pytest.raises(TenantUnavailable):  # what is fresh is believed
        await registry.admit("a")
    clock.now += 61
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):  # it may be active again
            await registry.admit("a")


async def test_nobody_waits_for_what_others_found_dead(
    registry: Registry, source: Source, clock: Clock
) -> None:
    clock.now += 61
    await registry.admit("a")
    source.gate.clear()  # from here on, whoever waits for the source waits for ever
    async with asyncio.timeout(1):
        for _ in range(100):
            clock.now += 0.5
            assert await registry.admit("a") is ACTIVE
        with pytest.raises(ServiceUnavailable):
            await registry.admit("b")
    await settled()
    assert source.asked == ["a", "a"]  # one in the background, which has not ended
    source.gate.set()


async def test_it_is_asked_again_once_a_second(
    registry: Registry, source: Source, clock: Clock
) -> None:
    clock.now += 61
    for _ in range(100):
        clock.now += 0.1
        assert await registry.admit("a") is ACTIVE
        with pytest.raises(ServiceUnavailable):
            await registry.admit("b")
        await settled()
    assert 9 <= len(source.asked) <= 11


async def test_when_it_is_back_changes_arrive(
    registry: Registry, source: Source, clock: Clock
) -> None:
    clock.now += 61
    assert await registry.admit("a") is ACTIVE
    source.tenants["a"], source.down = SUSPENDED, None
    clock.now += 1
    assert await registry.admit("a") is ACTIVE  # this one asks, in the background
    await settled()
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")
    assert await registry.admit("b") is OTHER


async def test_when_it_is_back_stale_answers_are_over(
    registry: Registry, source: Source, clock: Clock
) -> None:
    clock.now += 61
    assert await registry.admit("a") is ACTIVE
    source.down = None
    clock.now += 1
    assert await registry.admit("b") is OTHER  # it answers
    source.tenants["a"] = SUSPENDED
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")


async def test_an_unknown_tenant_may_find_it_back(
    registry: Registry, source: Source, clock: Clock
) -> None:
    with pytest.raises(ServiceUnavailable):
        await registry.admit("b")
    source.down = None
    clock.now += 1
    assert await registry.admit("b") is OTHER


async def test_what_may_have_been_missed_suspends_nobody(registry: Registry) -> None:
    registry.forget()  # the listener has come back, or a counter has been raised
    assert registry.peek("a") is None
    assert await registry.admit("a") is ACTIVE


async def test_of_whom_something_is_known_to_have_changed_is_not_served(
    registry: Registry,
) -> None:
    registry.forget("a")  # it may have been a suspension
    with pytest.raises(ServiceUnavailable):
        await registry.admit("a")


async def test_a_suspension_while_it_is_down_holds(registry: Registry, clock: Clock) -> None:
    clock.now += 61
    assert await registry.admit("a") is ACTIVE
    registry.set_status("a", TenantStatus.SUSPENDED)
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")
    clock.now += 61
    with pytest.raises(ServiceUnavailable):
        await registry.admit("a")


async def test_a_suspension_counts_while_its_tenant_waits(source: Source, clock: Clock) -> None:
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    await registry.admit("a")
    clock.now += 61
    source.gate.clear()
    source.down = ConnectionResetError
    waiting = asyncio.create_task(registry.admit("a"))
    await settled()
    registry.set_status("a", TenantStatus.SUSPENDED)
    source.gate.set()
    with pytest.raises(ServiceUnavailable):
        await waiting


async def test_a_source_that_says_nothing_is_down(source: Source, clock: Clock) -> None:
    registry = Registry(source.fetch, refresh_seconds=60, patience=0.01, clock=clock)
    await registry.admit("a")
    source.gate.clear()
    with pytest.raises(ServiceUnavailable):
        await registry.admit("b")
    clock.now += 61
    async with asyncio.timeout(1):
        assert await registry.admit("a") is ACTIVE
    source.gate.set()


async def test_one_bad_row_is_no_outage(registry: Registry, source: Source) -> None:
    source.down = LookupError
    with pytest.raises(LookupError):
        await registry.admit("b")
    source.down = None
    assert await registry.admit("b") is OTHER  # at once, not a second later


async def test_an_outage_is_logged_once(
    registry: Registry, source: Source, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        with pytest.raises(ServiceUnavailable):
            await registry.admit("b")
        clock.now += 1
    source.down = None
    await registry.admit("b")
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "does not answer" in told[0]
    assert told[1].endswith("after 10.0 seconds")


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (ConnectionRefusedError(), ServiceUnavailable),
        (TimeoutError(), ServiceUnavailable),
        (PoolTimeout(), TenantBusy),
        (ServiceUnavailable(), ServiceUnavailable),
        (asyncpg.ConnectionDoesNotExistError(), ServiceUnavailable),
        (asyncpg.InterfaceError("connection is closed"), ServiceUnavailable),
        (asyncpg.UndefinedTableError(), ServiceUnavailable),
        (DBAPIError("SELECT", (), asyncpg.InsufficientPrivilegeError()), ServiceUnavailable),
        (TenantUnavailable(), None),
        (LookupError(), None),
        (ValueError(), None),
    ],
)
def test_what_counts_as_no_answer(error: Exception, known: type[TenancyError] | None) -> None:
    found = unanswered(error)
    assert found is None if known is None else isinstance(found, known)


def test_the_statement_is_not_part_of_what_is_logged() -> None:
    error = DBAPIError("SELECT secret", (), asyncpg.UndefinedTableError("no such table"))
    assert "secret" not in str(unanswered(error))
    assert "UndefinedTableError" in str(unanswered(error))
