"""A fleet of databases: the registry names them, the ledger is believed, each can be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from example_app.contents import sql
from example_app.database import Urls
from fraiseql_strawberry.errors import PlacementRefused
from fraiseql_strawberry.lifecycle.migrate.drift import find_drift
from fraiseql_strawberry.lifecycle.migrate.fleet import open_fleet
from fraiseql_strawberry.lifecycle.migrate.places import Selection
from fraiseql_strawberry.lifecycle.migrate.status import fleet_status
from fraiseql_strawberry.registry import ANNOUNCE_CHANGES
from tests.isolation.fleet.project import FIRST, Project

TENANTS = ["a", "b", "c", "d"]
ADD = 'op.add_column("tb_post", sa.Column("summary", sa.Text()))'
REGISTRY = """
CREATE SCHEMA fraiseql;
CREATE TABLE fraiseql.databases (tenant_id text PRIMARY KEY, database_url text NOT NULL);
GRANT USAGE, CREATE ON SCHEMA fraiseql TO app_migrator;
GRANT USAGE ON SCHEMA fraiseql TO app;
GRANT SELECT ON fraiseql.databases TO app;
"""


@pytest.fixture
async def databases(make_database, blog_template: Urls) -> AsyncIterator[dict[str, Urls]]:
    async with AsyncExitStack() as stack:
        found: dict[str, Urls] = {}
        for tenant in TENANTS:
            database = await stack.enter_async_context(make_database())
            found[tenant] = blog_template.renamed(database.name)
            admin = await asyncpg.connect(found[tenant].admin_url)
            await admin.execute(sql("2_database"))
            await admin.close()
        yield found


@pytest.fixture
async def project(empty_database: Urls, databases: dict[str, Urls], tmp_path: Path) -> Project:
    admin = await asyncpg.connect(empty_database.admin_url)
    await admin.execute(REGISTRY)
    for tenant, urls in databases.items():
        await admin.execute("INSERT INTO fraiseql.databases VALUES ($1, $2)", tenant, urls.app_url)
    await admin.close()
    project = Project(
        tmp_path,
        empty_database,
        "database",
        more='[multitenancy.routing]\nregistry_table = "fraiseql.databases"\n'
        f'registry_url = "{empty_database.app_url}"',
    ).write()
    project.revision("r1", FIRST)
    report = await project.migrate(workers=1)
    assert [result.place.tenant for result in report.migrated] == TENANTS
    return project


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def test_each_database_has_its_own_revision(
    project: Project, databases: dict[str, Urls]
) -> None:
    project.revision("r2", ADD)
    report = await project.migrate()
    assert report.failed == []
    assert sum(result.replayed for result in report.results) == 2
    for urls in databases.values():
        connection = await asyncpg.connect(urls.migrator_url)
        assert await connection.fetchval("SELECT version_num FROM app.alembic_version") == "r2"
        await connection.close()


async def test_the_ledger_is_believed_unless_each_is_asked(
    project: Project, databases: dict[str, Urls]
) -> None:
    """Such as after a backup was brought back."""
    project.revision("r2", ADD)
    await project.migrate()
    await execute(
        databases["b"].migrator_url,
        "ALTER TABLE app.tb_post DROP COLUMN summary;"
        " UPDATE app.alembic_version SET version_num = 'r1'",
    )
    assert (await project.migrate()).results == []
    report = await project.migrate(recheck=True)
    assert [result.place.tenant for result in report.migrated] == ["b"]


async def test_an_entry_that_was_cut_short_is_not_believed(
    project: Project, databases: dict[str, Urls]
) -> None:
    project.revision("r2", ADD)
    await project.migrate()
    await execute(
        project.urls.migrator_url,
        "UPDATE fraiseql.migration_ledger SET finished = NULL WHERE run = 2 AND tenant = 'c'",
    )
    await execute(
        databases["c"].migrator_url,
        "ALTER TABLE app.tb_post DROP COLUMN summary;"
        " UPDATE app.alembic_version SET version_num = 'r1'",
    )
    report = await project.migrate()
    assert [result.place.tenant for result in report.migrated] == ["c"]


async def test_services_hear_of_it_where_they_listen(project: Project) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(project.urls.app_url)
    await listener.add_listener("fraiseql_tenants", lambda *said: heard.append(said[-1]))
    project.revision("r2", ADD)
    await project.migrate()
    await listener.fetch("SELECT 1")
    await listener.close()
    assert sorted(heard) == TENANTS


async def test_services_hear_of_it_in_a_registry_of_its_own(
    project: Project, databases: dict[str, Urls], tmp_path: Path
) -> None:
    registry = databases["a"]
    await execute(registry.admin_url, REGISTRY)
    for tenant, urls in databases.items():
        insert = f"INSERT INTO fraiseql.databases VALUES ('{tenant}', '{urls.app_url}')"
        await execute(registry.admin_url, insert)
    toml = project.folder / "fraiseql.toml"
    toml.write_text(
        project.toml().replace(
            f'registry_url = "{project.urls.app_url}"', f'registry_url = "{registry.app_url}"'
        )
    )
    heard: list[str] = []
    listener = await asyncpg.connect(registry.app_url)
    await listener.add_listener("fraiseql_tenants", lambda *said: heard.append(said[-1]))
    project.revision("r2", ADD)
    await project.migrate()
    await listener.fetch("SELECT 1")
    await listener.close()
    assert sorted(heard) == TENANTS


async def test_services_behind_a_pooler_are_told_with_the_rights_of_the_migrator(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """The service's own role, which the registry's URL names, may only read the counter."""
    admin = await asyncpg.connect(project.urls.admin_url)
    await admin.execute(ANNOUNCE_CHANGES)
    await admin.execute("GRANT SELECT ON fraiseql.registry_generation TO app")
    await admin.execute("GRANT SELECT, UPDATE ON fraiseql.registry_generation TO app_migrator")
    counter = "SELECT generation FROM fraiseql.registry_generation"
    project.revision("r2", ADD)
    await project.migrate()
    told = await admin.fetchval(counter)
    assert told > 0
    assert not caplog.records
    # What was migrated is migrated, also where nobody can be told.
    await admin.execute("REVOKE UPDATE ON fraiseql.registry_generation FROM app_migrator")
    project.revision("r3", ADD.replace("summary", "ending"))
    assert len((await project.migrate()).migrated) == len(TENANTS)
    assert "the migrator may not UPDATE fraiseql.registry_generation" in caplog.text
    assert await admin.fetchval(counter) == told
    await admin.close()


async def test_a_database_that_differs(project: Project, databases: dict[str, Urls]) -> None:
    await execute(databases["d"].migrator_url, "ALTER TABLE app.tb_post ADD COLUMN mine int")
    found = await find_drift(open_fleet(project.config), project.scripts, Selection())
    assert {place.tenant: str(one) for place, one in found.drifted.items()} == {
        "d": "+ column tb_post.mine integer place 3"
    }
    assert found.alike == 3


async def test_how_the_fleet_stands(project: Project) -> None:
    project.revision("r2", ADD)
    found = await fleet_status(open_fleet(project.config), project.scripts, Selection())
    assert [(one.place.tenant, one.revisions, one.behind) for one in found] == [
        (tenant, ("r1",), 1) for tenant in TENANTS
    ]


async def test_a_registered_url_cannot_lead_elsewhere(project: Project) -> None:
    await execute(
        project.urls.admin_url,
        "UPDATE fraiseql.databases SET database_url = database_url || '?host=evil'"
        " WHERE tenant_id = 'a'",
    )
    with pytest.raises(PlacementRefused):
        await project.migrate()
