"""All tenants at once, for who says why; and each in turn, as itself."""

from __future__ import annotations

import asyncio
import contextvars
import getpass
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fraiseql_strawberry.errors import SetupError, TenantUnavailable
from fraiseql_strawberry.lifecycle import TenantRecord, TenantResult
from tests.isolation.lifecycle.conftest import ACME, GLOBEX, OpenShop, Shop

INITECH = "33333333-3333-4333-8333-333333333333"
USES = (
    "SELECT reason, used_by, writes, outcome, ended_at FROM fraiseql.all_tenants_uses ORDER BY id"
)


@pytest.fixture(scope="module", params=["row", "schema", "database"])
async def shop(request: pytest.FixtureRequest, open_shop: OpenShop) -> AsyncIterator[Shop]:
    """A shop with three tenants of 1, 2 and 3 customers, one of them suspended."""
    async with open_shop(request.param) as opened:
        for rows, tenant_id in enumerate((ACME, GLOBEX, INITECH), start=1):
            await opened.tenants.create(f"Tenant {rows}", id=tenant_id, tags=["odd"] * (rows % 2))
            await opened.fill(tenant_id, rows=rows)
        await opened.tenants.suspend(INITECH)
        await opened.admin.execute(
            "CREATE TABLE public.prices (about jsonb); INSERT INTO public.prices"
            " VALUES (NULL), (NULL);"
            f"GRANT USAGE ON SCHEMA public TO {opened.service}_migrator;"
            f"GRANT SELECT, UPDATE ON public.prices TO {opened.service}_migrator"
        )
        yield opened


def table_of(shop: Shop) -> str:
    """Where the session over all tenants finds rows: with a database each, in the control one."""
    schema = f"tenant_{GLOBEX.replace('-', '')}"
    return {"row": "shop.customer", "schema": f"{schema}.customer", "database": "public.prices"}[
        shop.strategy
    ]


async def test_sees_the_rows_of_all(shop: Shop) -> None:
    async with shop.tenancy.all_tenants(reason="invoice run") as session:
        count = await session.scalar(text(f"SELECT count(*) FROM {table_of(shop)}"))
        assert await session.scalar(text("SELECT current_user::text")) != shop.service
    assert count == (6 if shop.strategy == "row" else 2)
    use = (await shop.admin.fetch(USES))[-1]
    assert (use["reason"], use["writes"], use["outcome"]) == ("invoice run", False, "done")
    assert use["used_by"].startswith(f"{getpass.getuser()}@")
    assert use["ended_at"] <= datetime.now(UTC)


async def test_writes_only_where_that_was_said(shop: Shop) -> None:
    update = text(f"UPDATE {table_of(shop)} SET about = '{{}}'")
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with shop.tenancy.all_tenants(reason="mend") as session:
            await session.execute(update)
    assert (await shop.admin.fetch(USES))[-1]["outcome"] == "failed"
    async with shop.tenancy.all_tenants(reason="mend", writes=True) as session:
        await session.execute(update)
    assert await shop.admin.fetchval(f"SELECT bool_and(about = '{{}}') FROM {table_of(shop)}")
    # The connection goes back to the pool as it was.
    async with shop.tenants.parts.administrator.transaction() as transaction:
        assert await transaction.driver.fetchval("SHOW transaction_read_only") == "off"
        assert await transaction.driver.fetchval("SHOW row_security") == "on"


async def test_is_written_down_before_its_first_statement(shop: Shop) -> None:
    before = len(await shop.admin.fetch(USES))
    async with shop.tenancy.all_tenants(reason="look"):
        use = (await shop.admin.fetch(USES))[-1]
        assert (use["reason"], use["outcome"], use["ended_at"]) == ("look", None, None)
    assert len(await shop.admin.fetch(USES)) == before + 1


@pytest.mark.parametrize("reason", ["", "  \n"])
async def test_wants_a_reason(shop: Shop, reason: str) -> None:
    before = len(await shop.admin.fetch(USES))
    with pytest.raises(SetupError, match="say why"):
        async with shop.tenancy.all_tenants(reason=reason):
            pass
    assert len(await shop.admin.fetch(USES)) == before


async def test_an_administrator_whom_policies_hold_fails(open_shop: OpenShop) -> None:
    async with open_shop("row") as shop:
        await shop.admin.execute(
            "CREATE ROLE held LOGIN PASSWORD 'held' NOBYPASSRLS;"
            "GRANT USAGE ON SCHEMA fraiseql, shop TO held;"
            "GRANT ALL ON ALL TABLES IN SCHEMA fraiseql, shop TO held;"
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA fraiseql TO held"
        )
        url = shop.url.rpartition("@")[2]
        await shop.admin.execute(f'GRANT CONNECT ON DATABASE "{url.rpartition("/")[2]}" TO held')
        config = shop.tenancy.config.override(
            database={"admin_url": f"postgresql://held:held@{url}"}
        )
        tenancy = type(shop.tenancy)(config)
        try:
            with pytest.raises(DBAPIError, match="row-level security"):
                async with tenancy.all_tenants(reason="look") as session:
                    await session.execute(text("SELECT * FROM shop.customer"))
        finally:
            await tenancy.tenants.close()
            await shop.admin.execute("DROP OWNED BY held; DROP ROLE held")


# --- each in turn ---------------------------------------------------------------------------------


async def test_each_sees_its_own_rows(shop: Shop) -> None:
    async def count(tenant: TenantRecord) -> int:
        async with shop.tenancy.session() as session:
            return await session.scalar(text("SELECT count(*) FROM customer"))

    results = await shop.tenancy.each_tenant(count, concurrency=2)
    assert [(one.tenant.id, one.value, one.ok) for one in results] == [
        (ACME, 1, True),
        (GLOBEX, 2, True),
    ]
    assert all(one.seconds > 0 for one in results)
    (odd,) = await shop.tenancy.each_tenant(count, tag="odd")
    assert odd.tenant.id == ACME


async def test_the_error_of_one_is_its_result(shop: Shop) -> None:
    told: list[TenantResult[str]] = []

    async def fail_for_acme(tenant: TenantRecord) -> str:
        if tenant.id == ACME:
            raise ZeroDivisionError
        return tenant.name or ""

    results = await shop.tenancy.each_tenant(fail_for_acme, on_result=told.append)
    assert isinstance(results[0].error, ZeroDivisionError)
    assert (results[0].ok, results[0].value) == (False, None)
    assert results[1].value == "Tenant 2"
    assert {one.tenant.id for one in told} == {ACME, GLOBEX}


async def test_so_many_at_a_time(shop: Shop) -> None:
    running, most = 0, 0

    async def work(tenant: TenantRecord) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1

    await shop.tenancy.each_tenant(work, concurrency=1)
    assert most == 1
    await shop.tenancy.each_tenant(work, concurrency=8)
    assert most == 2
    with pytest.raises(SetupError, match="at least one"):
        await shop.tenancy.each_tenant(work, concurrency=0)


async def test_nothing_of_the_caller_is_there(shop: Shop) -> None:
    """A request's own tenant, and whatever else is ambient, is no concern of the job's."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("mine", default="nothing")

    async def look(tenant: TenantRecord) -> str:
        async with shop.tenancy.session() as session:
            await session.execute(text("SELECT 1"))
        return variable.get()

    variable.set("a request's")
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        await session.execute(text("SELECT 1"))
        results = await shop.tenancy.each_tenant(look)
    assert [(one.value, one.error) for one in results] == [("nothing", None)] * 2


async def test_who_was_suspended_meanwhile_is_refused(shop: Shop) -> None:
    async def suspend_next(tenant: TenantRecord) -> None:
        if tenant.id == ACME:
            await shop.tenants.suspend(GLOBEX)
        async with shop.tenancy.session() as session:
            await session.execute(text("SELECT 1"))

    results = await shop.tenancy.each_tenant(suspend_next, concurrency=1)
    await shop.tenants.resume(GLOBEX)
    assert results[0].ok
    assert isinstance(results[1].error, TenantUnavailable)


async def test_cancelling_the_job_cancels_its_work(shop: Shop) -> None:
    ended: list[str] = []

    async def work(tenant: TenantRecord) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(tenant.id)

    job = asyncio.create_task(shop.tenancy.each_tenant(work))
    await asyncio.sleep(0.5)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert sorted(ended) == [ACME, GLOBEX]
