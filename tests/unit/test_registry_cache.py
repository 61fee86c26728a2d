"""Who is served: asked once, believed for a while, forgotten at once when told to."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import tracemalloc
from collections.abc import Callable
from uuid import uuid4

import pytest

from fraiseql_strawberry.config import Secret
from fraiseql_strawberry.errors import TenantUnavailable
from fraiseql_strawberry.registry import Registry
from fraiseql_strawberry.tenant import Tenant, TenantStatus
from tests.unit.tenant_source import Clock, Source, settled

ACTIVE = Tenant("a", "Acme")
SUSPENDED = Tenant("a", "Acme", status=TenantStatus.SUSPENDED)


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
    source.tenants["a"] = SUSPENDED
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
    source.tenants["a"] = SUSPENDED
    registry.forget(which)
    assert registry.peek("a") is None
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")


async def test_a_stampede_is_one_question_that_belongs_to_no_request() -> None:
    caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="nobody")
    source = Source(ACTIVE, look=caller.get)
    source.gate.clear()
    registry = Registry(source.fetch)
    caller.set("the first waiter")
    waiting = [asyncio.create_task(registry.admit("a")) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*waiting) == [ACTIVE] * 50
    assert source.asked == ["a"]
    assert source.seen == ["nobody"]  # not the first waiter's tenant or leases


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


@pytest.mark.parametrize("which", ["a", None])
async def test_what_changed_while_it_was_read_is_not_kept(which: str | None) -> None:
    source = Source(ACTIVE)
    source.gate.clear()
    registry = Registry(source.fetch)
    waiting = asyncio.create_task(registry.admit("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.tenants["a"] = SUSPENDED
    registry.forget(which)  # a suspension was announced after the row was read
    source.gate.set()
    await waiting
    assert registry.peek("a") is None
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")


@pytest.mark.parametrize("which", ["a", None])
async def test_who_asks_after_a_change_does_not_get_the_answer_from_before_it(
    which: str | None,
) -> None:
    source = Source(ACTIVE)
    source.gate.clear()
    registry = Registry(source.fetch)
    before = asyncio.create_task(registry.admit("a"))
    await settled()
    source.tenants["a"] = SUSPENDED
    registry.forget(which)
    after = asyncio.create_task(registry.admit("a"))
    await settled()
    source.gate.set()
    assert await before is ACTIVE  # it began before the change
    with pytest.raises(TenantUnavailable):
        await after
    assert await registry.get("a") is SUSPENDED


@pytest.mark.parametrize("status", [s for s in TenantStatus if s is not TenantStatus.ACTIVE])
@pytest.mark.parametrize("known", [True, False], ids=["known", "not asked for yet"])
async def test_a_status_is_effective_at_once(status: TenantStatus, known: bool) -> None:
    source = Source(ACTIVE)  # whatever the table says: it may be read by an earlier transaction
    registry = Registry(source.fetch)
    if known:
        await registry.admit("a")
    registry.set_status("a", status)
    assert registry.peek("a") is None
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")
    source.tenants["a"] = ACTIVE
    registry.set_status("a", TenantStatus.ACTIVE)
    assert await registry.admit("a") is ACTIVE


async def test_a_read_from_before_a_suspension_does_not_undo_it() -> None:
    source = Source(ACTIVE)
    source.gate.clear()
    registry = Registry(source.fetch)
    waiting = asyncio.create_task(registry.admit("a"))
    await settled()
    registry.set_status("a", TenantStatus.SUSPENDED)
    source.gate.set()
    await waiting
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")


# --- What is renewed in the background --------------------------------------------------------------


async def test_no_request_waits_for_the_renewal_of_a_tenant_in_use() -> None:
    source, clock = Source(ACTIVE), Clock()
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    await registry.admit("a")
    for _ in range(20):
        clock.now += 6
        source.gate.clear()  # whoever asks now does not get through to the source
        async with asyncio.timeout(1):
            assert await registry.admit("a") is ACTIVE
        source.gate.set()
        await settled()
    assert 3 <= len(source.asked) <= 4  # in 120 seconds


async def test_a_tenant_that_nobody_uses_is_not_renewed() -> None:
    source, clock = Source(ACTIVE), Clock()
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    await registry.admit("a")
    clock.now += 600
    await settled()
    assert source.asked == ["a"]


async def test_a_renewal_that_finds_a_suspension_makes_it_effective() -> None:
    source, clock = Source(ACTIVE), Clock()
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    told: list[str | None] = []
    registry.watch(told.append)
    await registry.admit("a")
    source.tenants["a"] = SUSPENDED
    clock.now += 59
    assert await registry.admit("a") is ACTIVE
    assert told == []
    await settled()
    assert told == ["a"]
    assert registry.peek("a") is None
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")


async def test_renewals_do_not_all_come_in_the_same_moment() -> None:
    tenants = [Tenant(str(uuid4())) for _ in range(100)]
    source, clock = Source(*tenants), Clock()
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    for tenant in tenants:
        await registry.admit(tenant.id)
    clock.now += 50
    fresh = [tenant for tenant in tenants if registry.peek(tenant.id)]
    assert 10 < len(fresh) < 90


# --- Watchers ---------------------------------------------------------------------------------------


async def test_watchers_are_told_of_every_invalidation() -> None:
    registry = Registry(Source(ACTIVE).fetch)
    told: list[str | None] = []
    end = registry.watch(told.append)
    await registry.admit("a")
    assert told == []
    registry.forget("a")
    registry.forget()
    registry.set_status("b", TenantStatus.SUSPENDED)
    registry.set_status("b", TenantStatus.ACTIVE)
    assert told == ["a", None, "b", "b"]
    end()
    registry.forget()
    assert told == ["a", None, "b", "b"]


async def test_a_watcher_finds_the_new_status() -> None:
    registry = Registry(Source(ACTIVE).fetch)
    await registry.admit("a")
    found: list[object] = []
    registry.watch(lambda tenant_id: found.append(registry.peek(tenant_id or "")))
    registry.set_status("a", TenantStatus.SUSPENDED)
    assert found == [None]


@pytest.mark.parametrize(
    "after",
    [SUSPENDED, None, Tenant("a", "Acme Ltd"), Tenant("a", "Acme", placement={"schema": "x"})],
    ids=["suspended", "gone", "renamed", "moved"],
)
async def test_watchers_are_told_of_what_a_refresh_finds(after: Tenant | None) -> None:
    source, clock = Source(ACTIVE), Clock()
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    told: list[str | None] = []
    registry.watch(told.append)
    await registry.get("a")
    clock.now += 61
    await registry.get("a")
    assert told == []  # it was asked again, and nothing is new
    if after is None:
        del source.tenants["a"]
    else:
        source.tenants["a"] = after
    clock.now += 61
    assert await registry.get("a") is after
    assert told == ["a"]


async def test_a_watcher_that_fails_keeps_nobody_from_being_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = Registry(Source(ACTIVE).fetch)
    told: list[str | None] = []

    def fail(tenant_id: str | None) -> None:
        raise LookupError(tenant_id)

    registry.watch(fail)
    registry.watch(told.append)
    registry.set_status("a", TenantStatus.SUSPENDED)
    assert told == ["a"]
    assert "LookupError" in caplog.text


# --- Bounds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make_id", [str, lambda n: f"random-{n}"])
async def test_a_flood_of_unknown_ids_drives_out_no_tenant(make_id: Callable[[int], str]) -> None:
    source = Source(ACTIVE)
    registry = Registry(source.fetch, capacity=3, unknown_capacity=3)
    await registry.admit("a")
    for number in range(10):
        with pytest.raises(TenantUnavailable):
            await registry.admit(make_id(number))
    assert registry.peek("a") is ACTIVE
    with pytest.raises(TenantUnavailable):
        await registry.admit(make_id(9))
    assert source.asked.count(make_id(9)) == 1
    with pytest.raises(TenantUnavailable):
        await registry.admit(make_id(0))  # the least recently asked for was forgotten
    assert source.asked.count(make_id(0)) == 2


async def test_of_too_many_tenants_the_least_recently_used_goes() -> None:
    tenants = [Tenant(str(number)) for number in range(10)]
    source = Source(ACTIVE, *tenants)
    registry = Registry(source.fetch, capacity=3)
    for tenant in tenants:
        await registry.admit("a")
        await registry.admit(tenant.id)
    assert source.asked.count("a") == 1
    await registry.admit("0")
    assert source.asked.count("0") == 2


@pytest.mark.parametrize("which", ["a", None])
async def test_a_tenant_that_is_created_is_served_as_soon_as_that_is_announced(
    which: str | None,
) -> None:
    source = Source()
    registry = Registry(source.fetch)
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")
    source.tenants["a"] = ACTIVE
    registry.forget(which)
    assert await registry.admit("a") is ACTIVE


async def test_a_tenant_that_is_created_is_not_refused_for_a_minute() -> None:
    source, clock = Source(), Clock()
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    with pytest.raises(TenantUnavailable):
        await registry.admit("a")
    source.tenants["a"] = ACTIVE
    clock.now += 5
    assert await registry.admit("a") is ACTIVE


async def test_a_tenant_costs_less_than_a_kilobyte() -> None:
    def tenant(tenant_id: str) -> Tenant:
        # Nothing in it is shared but the status, the plan and the id, as with the real sources.
        url = f"postgresql://app:{uuid4().hex}@db-7.example.com:5432/fraiseql_tenant_{tenant_id}"
        name = f"Company {tenant_id[:18]} GmbH & Co KG"
        return Tenant(tenant_id, name, "enterprise", placement={"database_url": Secret(url)})

    async def fetch(tenant_id: str) -> Tenant:
        return tenant(tenant_id)

    registry = Registry(fetch)
    ids = [str(uuid4()) for _ in range(4_000)]
    for tenant_id in ids[:2_000]:
        await registry.admit(tenant_id)
    gc.collect()
    tracemalloc.start()
    try:
        for tenant_id in ids[2_000:]:
            # The id is a text of the request's own, as it comes out of a token.
            await registry.admit("".join(tenant_id))
        await settled()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < held / 2_000 < 1024


async def test_peek_is_a_look_up_and_a_clock() -> None:
    registry = Registry(Source(ACTIVE).fetch)
    await registry.admit("a")
    code = Registry.peek.__code__
    assert set(code.co_names) == {"_known", "get", "served_until", "_clock", "tenant"}


async def test_what_is_under_way_ends_with_the_registry() -> None:
    source = Source(ACTIVE)
    source.gate.clear()
    registry = Registry(source.fetch)
    waiting = asyncio.create_task(registry.admit("a"))
    await settled()
    await registry.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert {task for task in asyncio.all_tasks() if "_load" in repr(task)} == set()


async def test_a_fault_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    source, clock = Source(ACTIVE), Clock()
    registry = Registry(source.fetch, refresh_seconds=60, clock=clock)
    await registry.admit("a")
    source.down = LookupError  # no row can be read like this: a mistake, not an outage
    clock.now += 59
    assert await registry.admit("a") is ACTIVE
    await settled()
    assert "LookupError" in caplog.text
