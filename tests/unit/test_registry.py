"""Who is served: asked once, believed for a while, forgotten at once when told to."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable

import pytest

from fraiseql_strawberry.errors import TenantUnavailable
from fraiseql_strawberry.registry import Registry
from fraiseql_strawberry.tenant import Tenant, TenantStatus

ACTIVE = Tenant("a", "Acme")
CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="nobody")


class Source:
    """Where tenants are kept; counts how often it is asked."""

    def __init__(self, *tenants: Tenant) -> None:
        self.tenants = {tenant.id: tenant for tenant in tenants}
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.down = False

    async def fetch(self, tenant_id: str) -> Tenant | None:
        assert CALLER.get() == "nobody"  # the first waiter's context is not the fetch's
        self.asked.append(tenant_id)
        tenant = self.tenants.get(tenant_id)
        await self.gate.wait()
        if self.down:
            raise ConnectionError
        return tenant


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_an_active_tenant_is_asked_for_once() -> None:
    source = Source(ACTIVE)
    registry = Registry(source.fetch)
    assert registry.peek("a") is None
    for _ in range(3):
        assert await registry.admit("a") is ACTIVE
    assert registry.peek("a") is ACTIVE
    assert source.asked == ["a"]


@pytest.mark.parametrize("status", [s for s in TenantStatus if s is not TenantStatus.ACTIVE])
async def test_who_is_not_served_looks_like_who_is_not_there(status: TenantStatus) -> None:
    source = Source(Tenant("a", status=status))
    registry = Registry(source.fetch)
    bodies: list[object] = []
    for tenant_id in ("a", "unknown"):
        with pytest.raises(TenantUnavailable) as refused:
            await registry.admit(tenant_id)
        bodies.append((refused.value.body(), refused.value.status, refused.value.headers))
        assert registry.peek(tenant_id) is None
    assert bodies[0] == bodies[1]
    assert await registry.get("a") == Tenant("a", status=status)


async def test_unknown_ids_are_remembered_too() -> None:
    source = Source()
    registry = Registry(source.fetch)
    for _ in range(3):
        with pytest.raises(TenantUnavailable):
            await registry.admit("unknown")
    assert source.asked == ["unknown"]


async def test_an_answer_is_believed_for_a_while() -> None:
    source, clock = Source(ACTIVE), Clock()
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    await registry.admit("a")
    source.tenants["a"] = Tenant("a", status=TenantStatus.SUSPENDED)
    clock.now += 59.9
    assert await registry.admit("a") is ACTIVE
    clock.now += 0.1
    assert registry.peek("a") is None
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")


@pytest.mark.parametrize("which", ["a", None])
async def test_what_is_forgotten_is_asked_again(which: str | None) -> None:
    source = Source(ACTIVE)
    registry = Registry(source.fetch)
    await registry.admit("a")
    source.tenants["a"] = Tenant("a", status=TenantStatus.SUSPENDED)
    registry.forget(which)
    assert registry.peek("a") is None
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")


async def test_a_stampede_is_one_question() -> None:
    source = Source(ACTIVE)
    source.gate.clear()
    registry = Registry(source.fetch)
    CALLER.set("the first waiter")
    waiting = [asyncio.create_task(registry.admit("a")) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*waiting) == [ACTIVE] * 50
    assert source.asked == ["a"]
    CALLER.set("nobody")


async def test_a_waiter_that_is_cancelled_takes_nobody_with_it() -> None:
    source = Source(ACTIVE)
    source.gate.clear()
    registry = Registry(source.fetch)
    first, second = (asyncio.create_task(registry.admit("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second is ACTIVE
    assert first.cancelled()
    assert source.asked == ["a"]


async def test_what_changed_while_it_was_read_is_not_kept() -> None:
    source = Source(ACTIVE)
    source.gate.clear()
    registry = Registry(source.fetch)
    waiting = asyncio.create_task(registry.admit("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.tenants["a"] = Tenant("a", status=TenantStatus.SUSPENDED)
    registry.forget("a")  # a suspension was announced after the row was read
    source.gate.set()
    await waiting
    assert registry.peek("a") is None
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")


async def test_a_source_that_is_down_is_no_answer() -> None:
    source = Source(ACTIVE)
    registry = Registry(source.fetch)
    source.down = True
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await registry.admit("a")
    source.down = False
    assert await registry.admit("a") is ACTIVE
    assert source.asked == ["a", "a", "a"]


@pytest.mark.parametrize("make_id", [str, lambda n: f"random-{n}"])
async def test_a_flood_of_ids_fills_no_memory(make_id: Callable[[int], str]) -> None:
    source = Source(ACTIVE)
    registry = Registry(source.fetch, capacity=3)
    for number in range(10):
        with pytest.raises(TenantUnavailable):
            await registry.admit(make_id(number))
        await registry.admit("a")
    # The one in use stayed; the least recently used went.
    assert source.asked.count("a") == 1
    with pytest.raises(TenantUnavailable):
        await registry.admit(make_id(0))
    assert source.asked.count(make_id(0)) == 2
