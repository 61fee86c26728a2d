"""How a fleet of schemas stands: by revision, and held against what it should be."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from example_app.database import Urls
from fraiseql_strawberry.errors import SetupError
from fraiseql_strawberry.lifecycle.migrate.drift import find_drift
from fraiseql_strawberry.lifecycle.migrate.dry_run import dry_run
from fraiseql_strawberry.lifecycle.migrate.fleet import open_fleet
from fraiseql_strawberry.lifecycle.migrate.places import Selection
from fraiseql_strawberry.lifecycle.migrate.plan import make_plan
from fraiseql_strawberry.lifecycle.migrate.status import fleet_status
from tests.isolation.fleet.project import FIRST, Project, make_schemas

TENANTS = ["a", "b", "c"]
ADD = 'op.add_column("tb_post", sa.Column("summary", sa.Text()))'


@pytest.fixture
async def project(empty_database: Urls, tmp_path: Path) -> Project:
    await make_schemas(empty_database, TENANTS)
    project = Project(tmp_path, empty_database, "schema").write()
    project.revision("r1", FIRST)
    assert (await project.migrate(workers=1)).failed == []
    return project


async def execute(project: Project, statement: str) -> None:
    connection = await asyncpg.connect(project.urls.migrator_url)
    await connection.execute(statement)
    await connection.close()


async def test_most_are_right(project: Project) -> None:
    await execute(project, "ALTER TABLE tenant_b.tb_post ADD COLUMN mine int")
    found = await find_drift(open_fleet(project.config), project.scripts, Selection())
    assert {place.tenant for place in found.drifted} == {"b"}
    assert found.against.startswith("what most have (2 of 3)")


async def test_or_one_that_is_named(project: Project) -> None:
    await execute(project, "ALTER TABLE tenant_b.tb_post ADD COLUMN mine int")
    fleet = open_fleet(project.config)
    found = await find_drift(fleet, project.scripts, Selection(), against="b")
    assert {place.tenant for place in found.drifted} == {"a", "c"}
    with pytest.raises(SetupError, match="--against x"):
        await find_drift(fleet, project.scripts, Selection(), against="x")


async def test_who_is_at_another_revision_is_not_compared(project: Project) -> None:
    project.revision("r2", ADD)
    await project.migrate(selection=Selection(("a", "b")))
    found = await find_drift(open_fleet(project.config), project.scripts, Selection())
    assert found.drifted == {}
    assert [place.tenant for place in found.elsewhere] == ["c"]


async def test_the_last_failure_is_known(project: Project) -> None:
    await execute(project, "ALTER TABLE tenant_c.tb_post ADD COLUMN summary text")
    project.revision("r2", ADD)
    await project.migrate(on_error="continue")
    found = await fleet_status(open_fleet(project.config), project.scripts, Selection())
    assert [(one.place.tenant, one.behind) for one in found] == [("a", 0), ("b", 0), ("c", 1)]
    assert found[2].last is not None
    assert "already exists" in (found[2].last.error or "")


async def test_the_sql_for_each_tenant_and_nothing_else(project: Project) -> None:
    project.revision("r2", ADD)
    fleet = open_fleet(project.config)
    connection = await asyncpg.connect(project.urls.migrator_url)
    places = await fleet.places(connection, Selection())
    plan = make_plan(places, await fleet.revisions(connection, places), project.scripts, "heads")
    said = list(dry_run(plan.tasks, fleet.rules, project.scripts, "heads"))
    assert [one.place.tenant for one in said] == TENANTS
    for one in said:
        assert f"SET LOCAL search_path = tenant_{one.place.tenant}, pg_temp" in one.sql
        assert "ALTER TABLE tb_post ADD COLUMN summary TEXT" in one.sql
    after = await fleet.revisions(connection, places)
    assert set(after.values()) == {("r1",)}
    # It is SQL that runs.
    await connection.execute(said[0].sql)
    assert (await fleet.revisions(connection, places))[places[0]] == ("r2",)
    await connection.close()


async def test_sql_that_nobody_can_know(project: Project) -> None:
    project.revision("r2", "op.get_bind().execute(sa.text('SELECT 1')).scalar()")
    fleet = open_fleet(project.config)
    connection = await asyncpg.connect(project.urls.migrator_url)
    places = await fleet.places(connection, Selection())
    plan = make_plan(places, await fleet.revisions(connection, places), project.scripts, "heads")
    await connection.close()
    with pytest.raises(SetupError, match="revision r2 cannot be shown as SQL"):
        list(dry_run(plan.tasks, fleet.rules, project.scripts, "heads"))
