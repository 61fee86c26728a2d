"""A fleet of schemas: every tenant ends at head or as it was, and each says which."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from example_app.database import Urls
from fraiseql_strawberry.lifecycle.fingerprint import digests
from fraiseql_strawberry.lifecycle.migrate.fleet import open_fleet
from fraiseql_strawberry.lifecycle.migrate.places import Selection
from fraiseql_strawberry.lifecycle.migrate.report import Report
from tests.isolation.fleet.project import FIRST, Project, make_schemas

TENANTS = [f"t{number}" for number in range(6)]
ADD = 'op.add_column("tb_post", sa.Column("{column}", sa.Text()))'


@pytest.fixture
async def project(empty_database: Urls, tmp_path: Path) -> Project:
    """Six tenants at the first revision."""
    await make_schemas(empty_database, TENANTS)
    project = Project(tmp_path, empty_database, "schema").write()
    project.revision("r1", FIRST)
    report = await project.migrate(workers=1)
    assert [result.place.tenant for result in report.migrated] == TENANTS
    return project


@pytest.fixture
async def driver(project: Project) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(project.urls.migrator_url)
    yield connection
    await connection.close()


async def revisions(project: Project) -> dict[str, str | None]:
    fleet = open_fleet(project.config)
    connection = await asyncpg.connect(project.urls.migrator_url)
    places = await fleet.places(connection, Selection())
    found = await fleet.revisions(connection, places)
    await connection.close()
    return {place.tenant: ",".join(found[place]) or None for place in places}


def failures(report: Report) -> dict[str, str]:
    return {one.place.tenant: one.failure.message for one in report.failed if one.failure}


async def test_all_are_at_head_and_alike(project: Project, driver: asyncpg.Connection) -> None:
    project.revision("r2", ADD.format(column="summary"))
    report = await project.migrate()
    assert report.stopped is None
    assert report.failed == report.left == []
    # Alembic ran for two; the others were told what it had said.
    assert [result.replayed for result in report.results] == [False, False, *[True] * 4]
    assert await revisions(project) == dict.fromkeys(TENANTS, "r2")
    schemas = [f"tenant_{tenant}" for tenant in TENANTS]
    assert len(set((await digests(driver, schemas)).values())) == 1


async def test_what_is_at_head_is_left_alone(project: Project) -> None:
    report = await project.migrate()
    assert report.results == []
    assert report.up_to_date == len(TENANTS)


async def test_the_ledger_has_each_tenant(project: Project, driver: asyncpg.Connection) -> None:
    project.revision("r2", ADD.format(column="summary"))
    await project.migrate()
    rows = await driver.fetch(
        "SELECT tenant, revision, started <= finished AS done, error"
        " FROM fraiseql.migration_ledger WHERE run = 2 ORDER BY tenant"
    )
    assert [tuple(row) for row in rows] == [(tenant, "r2", True, None) for tenant in TENANTS]
    runs = await driver.fetch("SELECT target, outcome FROM fraiseql.migration_runs ORDER BY id")
    assert [tuple(row) for row in runs] == [("r1", "done"), ("r2", "done")]


async def test_services_are_told_of_each_tenant(
    project: Project, driver: asyncpg.Connection
) -> None:
    heard: list[str] = []
    await driver.add_listener("fraiseql_tenants", lambda *said: heard.append(said[-1]))
    project.revision("r2", ADD.format(column="summary"))
    await project.migrate()
    await driver.fetch("SELECT 1")
    assert sorted(heard) == TENANTS
