"""Two tenants on a pool of two, thousands of requests at a time, some of them cancelled."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

TENANTS = (ACME, GLOBEX)
REQUESTS = 5_000
WORKERS = 12

# Every row carries its tenant's watermark as its name.
SUMMARY = (
    "SELECT json_build_object('rows', count(*), 'marks', array_agg(DISTINCT name)) FROM v_user"
)
INSERT = text("INSERT INTO tb_user (id, name, email) VALUES (:id, :mark, gen_random_uuid())")


class Summary(NamedTuple):
    """The compiled form of `SUMMARY`."""

    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        return SUMMARY.replace("v_user", f'"{schema}".v_user') if schema else SUMMARY


class Ledger:
    """What was asked of the database, and what it acknowledged."""

    def __init__(self) -> None:
        self.started: dict[UUID, set[UUID]] = {tenant: set() for tenant in TENANTS}
        self.acknowledged: dict[UUID, set[UUID]] = {tenant: set() for tenant in TENANTS}
        self.refused: set[UUID] = set()
        self.served = self.cancelled = 0

    def check(self, tenant: UUID, summary: Any, at_least: int) -> None:
        """A read holds all that was acknowledged before it, and nothing of the other tenant."""
        assert set(summary["marks"] or [str(tenant)]) == {str(tenant)}
        assert at_least <= summary["rows"] <= len(self.started[tenant])


async def request(tenancy: Tenancy, ledger: Ledger, tenant: UUID, dice: random.Random) -> None:
    kind = dice.random()
    known = len(ledger.acknowledged[tenant])
    async with tenancy.as_tenant(str(tenant)):
        if kind < 0.6:
            ledger.check(tenant, json.loads(await tenancy.read(Summary()) or ""), known)
        elif kind < 0.75:
            async with tenancy.session() as session:
                ledger.check(tenant, await session.scalar(text(SUMMARY)), known)
                await (session.commit() if kind < 0.7 else session.rollback())
                ledger.check(tenant, await session.scalar(text(SUMMARY)), known)
        else:
            await _write(tenancy, ledger, tenant, failing=kind > 0.97)
    ledger.served += 1


async def _write(tenancy: Tenancy, ledger: Ledger, tenant: UUID, *, failing: bool) -> None:
    row = uuid4()
    ledger.started[tenant].add(row)
    try:
        async with tenancy.session() as session:
            await session.execute(INSERT, {"id": row, "mark": str(tenant)})
            if failing:
                raise LookupError
    except LookupError:
        ledger.refused.add(row)
    else:
        ledger.acknowledged[tenant].add(row)


async def worker(tenancy: Tenancy, ledger: Ledger, dice: random.Random, shares: list[int]) -> None:
    loop = asyncio.get_running_loop()
    while shares:
        shares.pop()
        task = asyncio.create_task(request(tenancy, ledger, dice.choice(TENANTS), dice))
        if dice.random() < 0.04:
            loop.call_later(dice.expovariate(100), task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            assert task.cancelled()
            ledger.cancelled += 1


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.slow)])
async def test_none_mixed_and_none_lost(
    fresh_blog: Urls,
    fresh_witness: Witness,
    make_tenancy: Callable[..., Tenancy],
    assert_clean: Callable[[AsyncEngine], Awaitable[None]],
    rounds: int,
) -> None:
    async with make_tenancy(fresh_blog, database={"pool_timeout": 60.0}) as tenancy:
        for number in range(rounds):
            await fresh_witness.everywhere("TRUNCATE tb_user CASCADE")
            ledger, dice = Ledger(), random.Random(number)
            shares = list(range(REQUESTS))
            async with asyncio.TaskGroup() as group:
                for _ in range(WORKERS):
                    group.create_task(worker(tenancy, ledger, dice, shares))
            await assert_clean(tenancy.isolation.engine_for(str(ACME)))
            assert ledger.served + ledger.cancelled == REQUESTS
            assert ledger.cancelled > REQUESTS / 200
            for tenant in TENANTS:
                rows = await fresh_witness.fetch(tenant, "SELECT id, name FROM tb_user")
                stored = {row["id"] for row in rows}
                assert {row["name"] for row in rows} == {str(tenant)}
                possible = ledger.started[tenant] - ledger.refused
                assert ledger.acknowledged[tenant] <= stored <= possible
