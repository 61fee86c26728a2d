"""New tenants: claimed, copied, or migrated from the beginning; beside `psql` with the same SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from terminal import say

from fraiseql_strawberry.lifecycle import Tenants
from fraiseql_strawberry.lifecycle.migrations import MigrationTarget, require_migrations
from fraiseql_strawberry.lifecycle.schema_template import make_schema

from .outcome import Outcome, median, p95
from .project import Project
from .watching import watched

__all__ = ["measure_databases", "measure_schemas"]


async def measure_schemas(project: Project, folder: Path, *, rounds: int) -> Iterator[Outcome]:
    """A schema for each tenant.

    Args:
        project: A service with schema isolation.
        folder: For the script that psql runs.
        rounds: How many tenants of each kind.
    """
    tenancy = project.tenancy()
    tenants = tenancy.tenants
    await tenants.renew_template(warm=0)
    cold, psql, migrated, bare = [], [], [], []
    for number in range(rounds):
        cold.append(await _timed(lambda: tenants.create("Cold", "bench")))
        psql.append(await _psql(project, tenants, folder / "copy.sql", f"copy_{number}"))
        bare.append(await _bare(tenants, f"bare_{number}"))
        if number < max(3, rounds // 5):
            migrated.append(await _migrated(tenants, f"migrated_{number}"))
    say("schemas: cold ones are made")
    warm = await _warm(tenants, rounds)
    await tenants.close()
    beside, faster = median(cold) / median(psql), median(migrated) / median(cold)
    return iter(
        (
            _below("a schema from the warm pool, p95", p95(warm), 0.050),
            Outcome(
                "a schema copied from the template / psql with the same SQL",
                f"{beside:.2f} ({_ms(median(cold))} / {_ms(median(psql))})",
                "≤ 1.3",
                beside <= 1.3,
            ),
            Outcome("the same SQL on a connection that is open", _ms(median(bare))),
            Outcome("a schema copied from the template, p95", _ms(p95(cold))),
            Outcome(
                f"{len(project.revisions)} revisions of Alembic / a copy",
                f"{faster:.1f} ({_ms(median(migrated))} / {_ms(median(cold))})",
                "≥ 5",
                faster >= 5,
            ),
        )
    )


async def measure_databases(project: Project, *, rounds: int) -> Iterator[Outcome]:
    """A database for each tenant.

    Args:
        project: A service with database isolation.
        rounds: How many tenants of each kind.
    """
    tenants = project.tenancy().tenants
    await tenants.renew_template(warm=0)
    cold = [await _timed(lambda: tenants.create("Cold", "bench")) for _ in range(rounds)]
    say("databases: cold ones are made")
    warm = await _warm(tenants, rounds)
    await tenants.close()
    return iter(
        (
            _below("a database from the warm pool, p95", p95(warm), 0.050),
            _below("a database copied from the template, p95", p95(cold), 0.500),
        )
    )


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _warm(tenants: Tenants, rounds: int) -> list[float]:
    await tenants.parts.places.refill(rounds)
    return [await _timed(lambda: tenants.create("Warm", "bench")) for _ in range(rounds)]


async def _psql(project: Project, tenants: Tenants, file: Path, schema: str) -> float:
    async with tenants.parts.administrator.transaction() as transaction:
        template = await tenants.parts.schemas.templates.current(transaction.driver)
    assert template is not None
    assert template.script is not None
    await asyncio.to_thread(file.write_text, template.script.under(schema))
    return (await watched(*project.psql("-o", "/dev/null", "-1", "-f", str(file)))).seconds


async def _bare(tenants: Tenants, schema: str) -> float:
    async with tenants.parts.administrator.transaction() as transaction:
        driver = transaction.driver
        template = await tenants.parts.schemas.templates.current(driver)
        assert template is not None
        return await _timed(lambda: make_schema(driver, schema, template.script))


async def _migrated(tenants: Tenants, schema: str) -> float:
    administrator = tenants.parts.administrator
    async with administrator.transaction() as transaction:
        await make_schema(transaction.driver, schema)
    migrations = require_migrations(tenants.parts.migrations)
    target = MigrationTarget(administrator.url_of(), schema)
    return await _timed(lambda: migrations.upgrade(target))


def _below(title: str, seconds: float, bound: float) -> Outcome:
    return Outcome(title, _ms(seconds), f"< {_ms(bound)}", seconds < bound)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.0f} ms"
