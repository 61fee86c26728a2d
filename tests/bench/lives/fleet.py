"""A thousand schemas: a run with nothing to do, and one column for each of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import asyncpg
from terminal import say

from fraiseql_strawberry.lifecycle.schema_template import make_schema

from .outcome import Outcome, median
from .project import Project
from .watching import Watched, watched

__all__ = ["make_fleet", "measure_fleet"]

_WORKERS = 4
_COLUMN = 'op.add_column("tb_0", sa.Column("{name}", sa.Integer()))'
# What Alembic says to one tenant; its version is written, and stays.
_DDL = """\
BEGIN;
SET LOCAL search_path = "{schema}", pg_temp;
ALTER TABLE tb_0 ADD COLUMN {name} integer;
UPDATE alembic_version SET version_num = version_num;
COMMIT;
"""
_RECORD = """
INSERT INTO fraiseql.tenants (id, name, status, placement)
VALUES ($1, 'One of many', 'active', jsonb_build_object('schema', $2::text))
"""


async def make_fleet(project: Project, schemas: int) -> list[str]:
    """Make so many tenants, copied from the template; returns the names of their schemas."""
    tenants = project.tenancy().tenants
    await tenants.renew_template(warm=0)
    names: list[str] = []
    async with tenants.parts.administrator.connect() as driver:
        template = await tenants.parts.schemas.templates.current(driver)
        assert template is not None
        for number in range(schemas):
            tenant = uuid4()
            name = f"tenant_{tenant.hex}"
            async with driver.transaction():
                await make_schema(driver, name, template.script)
                await driver.execute(_RECORD, tenant, name)
            names.append(name)
            if number % 250 == 0:
                say(f"fleet: {number} schemas")
        await driver.execute("ANALYZE")
    await tenants.close()
    return names


async def measure_fleet(
    project: Project, schemas: Sequence[str], folder: Path, *, rounds: int
) -> Iterator[Outcome]:
    """Migrate them.

    Args:
        project: The service.
        schemas: The schemas of its tenants.
        folder: For the scripts that psql runs.
        rounds: How often each is measured, in turn.
    """
    idle = [await _migrate(project, _WORKERS) for _ in range(rounds)]
    say("fleet: nothing to do, measured")
    serial, parallel, psql_one, psql_four = [], [], [], []
    serial_part, parallel_part = [], []
    for number in range(rounds):
        project.revision(_COLUMN.format(name=f"one_{number}"))
        serial.append(await _migrate(project, 1))
        serial_part.append(await _tenants_only(project))
        psql_one.append(await _psql(project, schemas, folder, 1, f"psql_one_{number}"))
        project.revision(_COLUMN.format(name=f"four_{number}"))
        parallel.append(await _migrate(project, _WORKERS))
        parallel_part.append(await _tenants_only(project))
        psql_four.append(await _psql(project, schemas, folder, _WORKERS, f"psql_four_{number}"))
        say(f"fleet: a column in {parallel[-1].seconds:.1f} s")
    peak = max(run.peak for run in (*idle, *serial, *parallel))
    nothing, whole = (median([run.seconds for run in runs]) for runs in (idle, parallel))
    one, four = median(serial_part), median(parallel_part)
    faster, beside = one / four, four / median(psql_four)
    count = f"{len(schemas):,} schemas"
    return iter(
        (
            Outcome(
                f"{count}, nothing to do: the whole command", _s(nothing), "< 3 s", nothing < 3
            ),
            Outcome(
                f"{count}, one column, from the first to the last: {_WORKERS} workers / 4 psql",
                f"{beside:.2f} ({_s(four)} / {_s(median(psql_four))})",
                "≤ 1.2, or 2.5 times faster than serially",
                beside <= 1.2 or faster >= 2.5,
            ),
            Outcome("the same: serially / 4 workers", f"{faster:.2f} ({_s(one)} / {_s(four)})"),
            Outcome("the same: one psql / 4 psql", f"{median(psql_one) / median(psql_four):.2f}"),
            Outcome(
                "the whole command with 4 workers: with Python's start and a new template",
                _s(whole),
            ),
            Outcome(
                "memory of the migrator", f"{peak / 2**20:.0f} MiB", "< 300 MiB", peak < 300 * 2**20
            ),
        )
    )


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"


async def _migrate(project: Project, workers: int) -> Watched:
    run = await watched(
        *project.command("migrate", "--json", "--workers", str(workers)),
        cwd=project.folder,
        environment=project.environment,
    )
    report = json.loads(run.out)
    assert not report["failed"]
    assert report["migrated"] + report["up_to_date"] > 0, report
    return run


async def _psql(
    project: Project, schemas: Sequence[str], folder: Path, processes: int, column: str
) -> float:
    files: list[Path] = []
    for number in range(processes):
        file = folder / f"{number}.sql"
        mine = schemas[number::processes]
        file.write_text("".join(_DDL.format(schema=schema, name=column) for schema in mine))
        files.append(file)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(watched(*project.psql("-f", str(file))) for file in files))
    return loop.time() - began


async def _tenants_only(project: Project) -> float:
    """Of the last run: from the first tenant's beginning to the last one's end."""
    connection = await asyncpg.connect(project.admin_url)
    try:
        return await connection.fetchval(
            "SELECT extract(epoch FROM max(finished) - min(started))::float"
            " FROM fraiseql.migration_ledger WHERE revision = $1",
            project.revisions[-1],
        )
    finally:
        await connection.close()
