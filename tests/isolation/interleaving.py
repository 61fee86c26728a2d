"""Two tenants, thousands of requests at a time, some of them cancelled; who compares what."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from asyncpg import PostgresError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from example_app.data import ACME, GLOBEX
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import TenantBusy
from tests.witness import Witness

TENANTS = (ACME, GLOBEX)

# Every row carries its tenant's watermark as its name.
SUMMARY = (
    "SELECT json_build_object('rows', count(*), 'marks', array_agg(DISTINCT name)) FROM {}v_user"
)
INSERT = text("INSERT INTO tb_user (id, name, email) VALUES (:id, :mark, gen_random_uuid())")
LONG = "SELECT to_json(pg_sleep(20)::text)"
WRONG = "SELECT to_json(1 / (SELECT count(*) FROM {}v_user WHERE name = 'nobody'))"


class Read(NamedTuple):
    """A read as the compiler makes them, by hand."""

    query: str
    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        return self.query.format("" if schema is None else f'"{schema}".')


class Ledger:
    """What was asked of the database, and what it acknowledged."""

    def __init__(self) -> None:
        self.started: dict[UUID, set[UUID]] = {tenant: set() for tenant in TENANTS}
        self.acknowledged: dict[UUID, set[UUID]] = {tenant: set() for tenant in TENANTS}
        self.refused: set[UUID] = set()
        self.served = self.cancelled = self.failed = self.timed_out = 0

    def check_summary(self, tenant: UUID, summary: Any, at_least: int) -> None:
        """A read holds all that was acknowledged before it, and nothing of the other tenant."""
        assert set(summary["marks"] or [str(tenant)]) == {str(tenant)}
        assert at_least <= summary["rows"] <= len(self.started[tenant])

    async def check_stored(self, witness: Witness) -> None:
        """What is stored of a tenant is what was acknowledged, and perhaps what was cancelled."""
        for tenant in TENANTS:
            rows = await witness.fetch(tenant, "SELECT id, name FROM tb_user")
            assert {row["name"] for row in rows} == {str(tenant)}
            possible = self.started[tenant] - self.refused
            assert self.acknowledged[tenant] <= {row["id"] for row in rows} <= possible


Play = Callable[[Tenancy, Ledger, UUID, random.Random], Any]


async def play(tenancy: Tenancy, ledger: Ledger, tenant: UUID, dice: random.Random) -> None:
    """One request: reads in both lanes, and writes, of which some fail."""
    kind = dice.random()
    known = len(ledger.acknowledged[tenant])
    if kind < 0.6:
        ledger.check_summary(tenant, json.loads(await tenancy.read(Read(SUMMARY)) or ""), known)
    elif kind < 0.75:
        async with tenancy.session() as session:
            summary = text(SUMMARY.format(""))
            ledger.check_summary(tenant, await session.scalar(summary), known)
            await (session.commit() if kind < 0.7 else session.rollback())
            ledger.check_summary(tenant, await session.scalar(summary), known)
    else:
        await _write(tenancy, ledger, tenant, failing=kind > 0.97)


async def play_with_troubles(
    tenancy: Tenancy, ledger: Ledger, tenant: UUID, dice: random.Random
) -> None:
    """Some requests meet an error of PostgreSQL's or take too long, in either lane."""
    kind = dice.random()
    try:
        if kind < 0.03:
            await tenancy.read(Read(WRONG))
        elif kind < 0.06:
            async with tenancy.session() as session:
                await session.execute(text(WRONG.format("")))
        elif kind < 0.07:
            await tenancy.read(Read(LONG))
        elif kind < 0.08:
            async with tenancy.session() as session:
                await session.execute(text(LONG))
        else:
            await play(tenancy, ledger, tenant, dice)
            return
        raise AssertionError("this request should have failed")
    except TenantBusy as error:
        # On a busy machine even a quick statement may take long.
        assert "due to statement timeout" in str(error)
        ledger.timed_out += 1
    except (DBAPIError, PostgresError) as error:
        assert "division by zero" in str(error)
        assert kind < 0.06
        ledger.failed += 1


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


async def run(
    tenancy: Tenancy, ledger: Ledger, *, requests: int, workers: int, seed: int, play: Play = play
) -> None:
    """Play so many requests, so many at a time; one of 25 is cancelled at any moment."""
    dice, shares = random.Random(seed), list(range(requests))
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_worker(tenancy, ledger, dice, shares, play))
    assert ledger.served + ledger.cancelled == requests
    assert ledger.cancelled > requests / 200
    if play is play_with_troubles:
        assert requests / 100 < ledger.failed
        assert requests / 200 < ledger.timed_out < requests / 10


async def _worker(
    tenancy: Tenancy, ledger: Ledger, dice: random.Random, shares: list[int], play: Play
) -> None:
    loop = asyncio.get_running_loop()
    while shares:
        shares.pop()
        task = asyncio.create_task(_request(tenancy, ledger, dice.choice(TENANTS), dice, play))
        if dice.random() < 0.04:
            loop.call_later(dice.expovariate(100), task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            assert task.cancelled()
            ledger.cancelled += 1


async def _request(
    tenancy: Tenancy, ledger: Ledger, tenant: UUID, dice: random.Random, play: Play
) -> None:
    async with tenancy.as_tenant(str(tenant)):
        await play(tenancy, ledger, tenant, dice)
    ledger.served += 1
