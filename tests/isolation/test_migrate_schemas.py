"""A fleet of schemas: every tenant ends at head or as it was, and the report says which."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from example_app.database import Urls
from fraiseql_strawberry.errors import SetupError
from fraiseql_strawberry.lifecycle.fingerprint import digests
from fraiseql_strawberry.lifecycle.migrate.fleet import open_fleet
from fraiseql_strawberry.lifecycle.migrate.one import migrate_one
from fraiseql_strawberry.lifecycle.migrate.places import Selection
from fraiseql_strawberry.lifecycle.migrate.report import Report
from fraiseql_strawberry.lifecycle.migrate.rules import Rules
from fraiseql_strawberry.lifecycle.migrate.runner import Options
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


def replayed(report: Report) -> int:
    assert report.failed == report.left == []
    assert report.stopped is None
    return sum(result.replayed for result in report.results)


async def test_all_are_at_head_and_alike(project: Project, driver: asyncpg.Connection) -> None:
    project.revision("r2", ADD.format(column="summary"))
    report = await project.migrate()
    # Alembic ran for two; the others were told what it had said.
    assert replayed(report) == 4
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


# -- what can be said again, and what cannot -----------------------------------------------------

ONE_SCRIPT = {
    "a column": ADD.format(column="summary"),
    "text with all that SQL and Python read otherwise": r"""
        op.execute(r"UPDATE tb_post SET title = 'a % b \:c \ ''d'' -- e' /* f */ WHERE title = 'x' -- g")
        op.execute(sa.text("UPDATE tb_post SET title = :new WHERE title = 'y'").bindparams(new="o'clock; :x %s"))
    """,
    "rows": """
        table = op.create_table("tb_kind", sa.Column("id", sa.Integer()), sa.Column("name", sa.Text()))
        op.bulk_insert(table, [{"id": 1, "name": "it's"}, {"id": 2, "name": None}])
    """,
    "SQL that is different each time": "op.execute('UPDATE tb_post SET title = md5(random()::text)')",
    "a view that is replaced": """
        op.create_tenant_view("v_post", "SELECT id, title, 1 AS one FROM tb_post", replace=True)
    """,
}
ALEMBIC_EACH = {
    "rows are read": """
        rows = op.get_bind().execute(sa.text("SELECT count(*) FROM tb_post")).scalar()
        op.execute(f"COMMENT ON TABLE tb_post IS '{rows}'")
    """,
    "how many rows were changed is asked": """
        if op.get_bind().execute(sa.text("DELETE FROM tb_post")).rowcount > 1000:
            op.execute("SELECT 1/0")
    """,
    "a function is called": """op.execute("SELECT pg_notify('a', 'b')")""",
    "random numbers of Python": "op.execute(f\"UPDATE tb_post SET title = '{uuid.uuid4()}'\")",
    "defaults of Python": """
        table = op.create_table(
            "tb_kind", sa.Column("id", sa.Uuid(), default=uuid.uuid4), sa.Column("name", sa.Text())
        )
        op.bulk_insert(table, [{"name": "one"}])
    """,
    "not one transaction": """
        with op.get_context().autocommit_block():
            op.create_index("post_title", "tb_post", ["title"], postgresql_concurrently=True)
    """,
    "a savepoint": """
        with op.get_bind().begin_nested():
            op.execute("UPDATE tb_post SET title = 'x'")
    """,
    "the tenant's own name": """
        schema = op.get_bind().dialect.default_schema_name
        op.execute(f"COMMENT ON SCHEMA {schema} IS 'mine'")
    """,
}


@pytest.mark.parametrize("upgrade", ONE_SCRIPT.values(), ids=ONE_SCRIPT)
async def test_one_script_for_all(
    project: Project, driver: asyncpg.Connection, upgrade: str
) -> None:
    for tenant in TENANTS:
        await driver.execute(f"INSERT INTO tenant_{tenant}.tb_post (title) VALUES ('x'), ('y')")
    project.revision("r2", upgrade)
    assert replayed(await project.migrate()) == 4
    schemas = [f"tenant_{tenant}" for tenant in TENANTS]
    assert len(set((await digests(driver, schemas)).values())) == 1
    if "random" not in upgrade:
        titles = [await rows_of(driver, schema) for schema in schemas]
        assert all(title == titles[0] for title in titles)


async def rows_of(driver: asyncpg.Connection, schema: str) -> list[tuple[object, ...]]:
    rows = await driver.fetch(f"SELECT title FROM {schema}.tb_post")
    known = await driver.fetchval(f"SELECT to_regclass('{schema}.tb_kind')")
    kinds = await driver.fetch(f"SELECT id, name FROM {schema}.tb_kind") if known else []
    return [tuple(row) for row in (*rows, *kinds)]


@pytest.mark.parametrize("upgrade", ALEMBIC_EACH.values(), ids=ALEMBIC_EACH)
async def test_alembic_for_each(project: Project, upgrade: str) -> None:
    project.revision("r2", upgrade)
    # One worker: a process of its own is measured elsewhere.
    assert replayed(await project.migrate(workers=1)) == 0
    assert await revisions(project) == dict.fromkeys(TENANTS, "r2")


async def test_each_tenant_has_a_number_of_its_own(
    project: Project, driver: asyncpg.Connection
) -> None:
    project.revision("r2", "op.execute(f\"COMMENT ON TABLE tb_post IS '{uuid.uuid4()}'\")")
    await project.migrate(workers=1)
    comments = {
        await driver.fetchval(f"SELECT obj_description('tenant_{tenant}.tb_post'::regclass)")
        for tenant in TENANTS
    }
    assert len(comments) == len(TENANTS)


async def test_by_processes(project: Project) -> None:
    project.revision("r2", ADD.format(column="summary"))
    report = await project.migrate(replay=False)
    assert replayed(report) == 0
    assert len(report.migrated) == len(TENANTS)
    assert await revisions(project) == dict.fromkeys(TENANTS, "r2")


async def test_processes_say_what_failed(project: Project, driver: asyncpg.Connection) -> None:
    await driver.execute("ALTER TABLE tenant_t3.tb_post ADD COLUMN summary text")
    project.revision("r2", ADD.format(column="summary"))
    report = await project.migrate(replay=False, on_error="continue")
    (failed,) = report.failed
    assert failed.place.tenant == "t3"
    assert failed.failure is not None
    assert failed.failure.revision == "r2"
    assert "already exists" in failed.failure.message


# -- what fails ----------------------------------------------------------------------------------


async def test_the_others_go_on(project: Project, driver: asyncpg.Connection) -> None:
    await driver.execute("ALTER TABLE tenant_t3.tb_post ADD COLUMN summary text")
    project.revision("r2", 'op.add_column("tb_post", sa.Column("before", sa.Text()))')
    project.revision("r3", ADD.format(column="summary"))
    report = await project.migrate(on_error="continue")
    (failed,) = report.failed
    assert failed.place.tenant == "t3"
    assert failed.failure is not None
    assert failed.failure.revision == "r3"
    assert failed.failure.statement == "ALTER TABLE tb_post ADD COLUMN summary TEXT"
    assert "already exists" in failed.failure.message
    # All or nothing: the first of the two is not there either.
    assert await revisions(project) == {**dict.fromkeys(TENANTS, "r3"), "t3": "r1"}
    found = await driver.fetch(
        "SELECT FROM pg_attribute WHERE attrelid = 'tenant_t3.tb_post'::regclass"
        " AND attname = 'before'"
    )
    assert found == []
    entry = await driver.fetchrow("SELECT * FROM fraiseql.migration_ledger WHERE error <> ''")
    assert (entry["tenant"], entry["revision"]) == ("t3", "r3")
    assert await driver.fetchval("SELECT outcome FROM fraiseql.migration_runs WHERE id = 2") == (
        "failed"
    )


async def test_or_stop_at_the_first(project: Project, driver: asyncpg.Connection) -> None:
    await driver.execute("ALTER TABLE tenant_t2.tb_post ADD COLUMN summary text")
    project.revision("r2", ADD.format(column="summary"))
    report = await project.migrate(workers=1)
    assert report.stopped == "error"
    assert [result.place.tenant for result in report.migrated] == ["t0", "t1"]
    assert [place.tenant for place in report.left] == ["t3", "t4", "t5"]

    await driver.execute("ALTER TABLE tenant_t2.tb_post DROP COLUMN summary")
    report = await project.migrate(resume=True)
    assert sorted(result.place.tenant for result in report.migrated) == ["t2", "t3", "t4", "t5"]
    assert await driver.fetchval("SELECT count(*) FROM fraiseql.migration_runs") == 2


async def test_a_run_is_resumed_to_its_own_target(
    project: Project, driver: asyncpg.Connection
) -> None:
    await driver.execute("ALTER TABLE tenant_t0.tb_post ADD COLUMN summary text")
    project.revision("r2", ADD.format(column="summary"))
    await project.migrate(workers=1, selection=Selection(("t0", "t1")))
    await driver.execute("ALTER TABLE tenant_t0.tb_post DROP COLUMN summary")
    project.revision("r3", ADD.format(column="other"))
    report = await project.migrate(workers=1, resume=True)
    assert report.target == ("r2",)
    found = await revisions(project)
    assert (found["t0"], found["t1"], found["t2"]) == ("r2", "r2", "r1")
    with pytest.raises(SetupError, match="nothing is left of it"):
        await project.migrate(resume=True)


async def test_a_lock_is_waited_for_again_and_again(
    project: Project, driver: asyncpg.Connection
) -> None:
    project.migrations = 'lock_timeout = "50ms"'
    (project.folder / "fraiseql.toml").unlink()
    rewrite(project)
    project.revision("r2", ADD.format(column="summary"))
    async with driver.transaction():
        await driver.execute("LOCK TABLE tenant_t4.tb_post IN ACCESS SHARE MODE")
        task = asyncio.create_task(project.migrate())
        await asyncio.sleep(1)
        # Whoever wants to read meanwhile never waits long behind the migration.
        reader = await asyncpg.connect(project.urls.app_url)
        async with asyncio.timeout(1):
            await reader.fetch("SELECT FROM tenant_t4.tb_post")
        await reader.close()
        assert not task.done()
    assert replayed(await task) >= 3
    assert await revisions(project) == dict.fromkeys(TENANTS, "r2")


async def test_a_lock_that_is_never_free(project: Project, driver: asyncpg.Connection) -> None:
    project.migrations = 'lock_timeout = "20ms"\nlock_attempts = 2'
    rewrite(project)
    project.revision("r2", ADD.format(column="summary"))
    async with driver.transaction():
        await driver.execute("LOCK TABLE tenant_t4.tb_post IN ACCESS SHARE MODE")
        report = await project.migrate(on_error="continue")
    (failed,) = report.failed
    assert failed.place.tenant == "t4"
    assert failed.failure is not None
    assert (failed.failure.sqlstate, failed.failure.attempts) == ("55P03", 2)
    assert len(report.migrated) == 5


def rewrite(project: Project) -> None:
    """Write the configuration again, with what was changed of it."""
    toml = project.folder / "fraiseql.toml"
    toml.unlink(missing_ok=True)
    toml.write_text(project.toml())


async def test_a_tenant_at_an_unknown_revision(
    project: Project, driver: asyncpg.Connection
) -> None:
    await driver.execute("UPDATE tenant_t1.alembic_version SET version_num = 'future'")
    project.revision("r2", ADD.format(column="summary"))
    report = await project.migrate(on_error="continue")
    (failed,) = report.failed
    assert failed.place.tenant == "t1"
    assert failed.failure is not None
    assert "newer version of the code" in failed.failure.message
    assert len(report.migrated) == 5


async def test_a_revision_that_cannot_be_loaded(project: Project) -> None:
    project.revision("r2", "this is no Python")
    with pytest.raises(SetupError, match=r"alembic\.ini: a revision cannot be loaded: SyntaxError"):
        await project.migrate()


async def test_no_alembic_ini(project: Project) -> None:
    (project.folder / "alembic.ini").unlink()
    with pytest.raises(SetupError, match="migrate init"):
        await project.migrate()


async def test_env_py_that_fails_is_said_once(project: Project) -> None:
    (project.folder / "migrations/env.py").write_text("import no_such_module")
    project.revision("r2", ADD.format(column="summary"))
    with pytest.raises(SetupError, match=r"env\.py: ModuleNotFoundError.*no_such_module"):
        await project.migrate()


async def test_env_py_that_calls_nothing(project: Project) -> None:
    (project.folder / "migrations/env.py").write_text("")
    project.revision("r2", ADD.format(column="summary"))
    with pytest.raises(SetupError, match="does not call"):
        await project.migrate()


async def test_env_py_may_not_decide_the_transaction(project: Project) -> None:
    env = project.env.replace("run()", "run(transaction_per_migration=True)")
    (project.folder / "migrations/env.py").write_text(env)
    project.revision("r2", ADD.format(column="summary"))
    with pytest.raises(SetupError, match="transaction_per_migration"):
        await project.migrate()


# -- what a migration may not leave behind -------------------------------------------------------

LOST = "op.execute('CREATE OR REPLACE VIEW v_post AS SELECT id, title FROM tb_post')"
REACHES = {
    "a foreign key": """
        op.add_column("tb_post", sa.Column("other", sa.Uuid()))
        op.execute("ALTER TABLE tb_post ADD FOREIGN KEY (other) REFERENCES tenant_t5.tb_post")
    """,
    "a view": "op.create_tenant_view('v_other', 'SELECT id FROM tenant_t5.tb_post')",
    "a default": """
        op.execute("CREATE SEQUENCE IF NOT EXISTS tenant_t5.numbers")
        op.execute(
            "ALTER TABLE tb_post ADD COLUMN n int DEFAULT nextval('tenant_t5.numbers'::regclass)")
    """,
}


@pytest.mark.parametrize("replay", [True, False])
async def test_a_view_that_lost_security_invoker(
    project: Project, driver: asyncpg.Connection, replay: bool
) -> None:
    # The first two have no such view, so that Alembic finds nothing there to object to.
    for tenant in TENANTS[:2] if replay else ():
        await driver.execute(f"ALTER VIEW tenant_{tenant}.v_post SET (security_invoker = false)")
    project.revision("r2", LOST)
    report = await project.migrate(on_error="continue", replay=replay, workers=1)
    assert len(report.migrated) == (2 if replay else 0)
    for result in report.failed:
        assert result.failure is not None
        (finding,) = result.failure.findings
        assert finding.rule == "V01"
        assert finding.fix == (
            f"ALTER VIEW tenant_{result.place.tenant}.v_post SET (security_invoker = true)"
        )
    options = await driver.fetchval(
        "SELECT reloptions FROM pg_class WHERE oid = 'tenant_t4.v_post'::regclass"
    )
    assert options == ["security_invoker=true"]
    assert (await revisions(project))["t4"] == "r1"


@pytest.mark.parametrize("upgrade", REACHES.values(), ids=REACHES)
async def test_what_reaches_into_another_tenant(project: Project, upgrade: str) -> None:
    project.revision("r2", upgrade)
    report = await project.migrate(workers=1, selection=Selection(("t0",)))
    (failed,) = report.failed
    assert failed.failure is not None
    assert [finding.rule for finding in failed.failure.findings] == ["M02"]
    assert "tenant_t5" in failed.failure.findings[0].fix
    assert (await revisions(project))["t0"] == "r1"


async def test_what_is_exempt(project: Project) -> None:
    project.migrations = 'exempt = ["v_post"]'
    rewrite(project)
    project.revision("r2", LOST)
    assert replayed(await project.migrate()) == 4


# -- waves ---------------------------------------------------------------------------------------


async def test_canaries_first(project: Project) -> None:
    project.revision("r2", ADD.format(column="summary"))
    asked: list[list[str]] = []

    async def gate(report: Report) -> bool:
        asked.append([result.place.tenant for result in report.migrated])
        return len(asked) > 1

    options = Options(workers=1, canary=2)
    report = await project.runner(options, gate=gate).run()
    assert asked == [["t0", "t1"]]
    assert report.stopped == "canary"
    assert [place.tenant for place in report.left] == TENANTS[2:]
    report = await project.migrate(resume=True)
    assert len(report.migrated) == 4


async def test_a_canary_that_fails_stops_all(project: Project, driver: asyncpg.Connection) -> None:
    await driver.execute("ALTER TABLE tenant_t0.tb_post ADD COLUMN summary text")
    project.revision("r2", ADD.format(column="summary"))

    async def gate(report: Report) -> bool:
        raise AssertionError("nobody is asked")

    options = Options(workers=1, canary=2, on_error="continue")
    report = await project.runner(options, gate=gate).run()
    assert report.stopped == "error"
    assert [place.tenant for place in report.left] == TENANTS[2:]


async def test_tenants_that_are_made_meanwhile(project: Project) -> None:
    project.revision("r2", ADD.format(column="summary"))

    async def gate(report: Report) -> bool:
        await make_schemas(project.urls, ["new"])
        return True

    report = await project.runner(Options(workers=1, canary=1), gate=gate).run()
    assert len(report.migrated) == len(TENANTS) + 1
    assert (await revisions(project))["new"] == "r2"


async def test_no_further_tenant_after_an_interrupt(project: Project) -> None:
    project.revision("r2", ADD.format(column="summary"))

    async def gate(report: Report) -> bool:
        runner.stop()
        return True

    runner = project.runner(Options(workers=1, canary=3), gate=gate)
    report = await runner.run()
    assert report.stopped == "interrupt"
    assert len(report.migrated) == 3
    assert [place.tenant for place in report.left] == TENANTS[3:]


# -- two at once ---------------------------------------------------------------------------------


async def test_one_run_at_a_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraiseql_strawberry.lifecycle.migrate.runner._LOCK_SECONDS", 0.2)
    project.revision("r2", ADD.format(column="summary"))

    async def gate(report: Report) -> bool:
        with pytest.raises(SetupError, match="another `migrate` is under way"):
            await project.migrate()
        return True

    report = await project.runner(Options(workers=1, canary=1), gate=gate).run()
    assert len(report.migrated) == len(TENANTS)


async def test_two_migrate_one_tenant(project: Project, driver: asyncpg.Connection) -> None:
    """A sign-up may do so, while the fleet is migrated."""
    project.revision("r2", "op.execute('UPDATE tb_post SET title = title || title')")
    await driver.execute("INSERT INTO tenant_t0.tb_post (title) VALUES ('x')")
    (place,) = await open_fleet(project.config).places(driver, Selection(("t0",)))
    rules = Rules.of(project.config)

    async def one() -> object:
        result = await migrate_one(place, rules, project.scripts)
        assert result.failure is None
        return result.after

    fleet = asyncio.create_task(project.migrate())
    assert await asyncio.gather(one(), one()) == [("r2",), ("r2",)]
    report = await fleet
    assert report.failed == []
    assert await driver.fetchval("SELECT title FROM tenant_t0.tb_post") == "xx"


async def test_statements_are_said_to_nobody_who_has_moved_on(
    project: Project, driver: asyncpg.Connection
) -> None:
    project.revision("r2", "op.execute('UPDATE tb_post SET title = title || title')")
    await driver.execute("INSERT INTO tenant_t5.tb_post (title) VALUES ('x')")
    (place,) = await open_fleet(project.config).places(driver, Selection(("t5",)))

    class Watcher:
        """Migrates the last tenant when the fleet has begun with the first."""

        def planned(self, plan: object) -> None: ...

        def finished(self, result: object) -> None:
            if self.task is None:
                one = migrate_one(place, Rules.of(project.config), project.scripts)
                self.task = asyncio.ensure_future(one)

        task: asyncio.Future[object] | None = None

    watcher = Watcher()
    report = await project.runner(Options(workers=1), watcher=watcher).run()
    assert watcher.task is not None
    await watcher.task
    assert report.failed == []
    assert await driver.fetchval("SELECT title FROM tenant_t5.tb_post") == "xx"


async def test_a_schema_that_is_missing_is_not_the_next_one_in_the_path(
    project: Project, driver: asyncpg.Connection
) -> None:
    (place,) = await open_fleet(project.config).places(driver, Selection(("t0",)))
    await driver.execute("DROP SCHEMA tenant_t0 CASCADE")
    await driver.execute("CREATE SCHEMA reference")
    project.more = 'shared_schemas = ["reference"]'
    rewrite(project)
    result = await migrate_one(place, Rules.of(project.config), project.scripts)
    assert result.failure is not None
    assert result.failure.sqlstate == "FQ002"
    assert (
        await driver.fetch("SELECT FROM pg_class WHERE relnamespace = 'reference'::regnamespace")
        == []
    )


async def test_a_shared_version_table_is_refused(
    project: Project, driver: asyncpg.Connection
) -> None:
    await driver.execute("CREATE SCHEMA reference; CREATE TABLE reference.alembic_version (a int)")
    project.more = 'shared_schemas = ["reference"]'
    rewrite(project)
    with pytest.raises(SetupError, match="version_table"):
        await project.migrate()
