"""`migrate` on the command line: what it prints, and the codes that it ends with."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from example_app.contents import sql
from example_app.database import Urls
from fraiseql_strawberry.cli.application import app
from tests.isolation.fleet.project import FIRST, Project, make_schemas

ROOT = Path(__file__).parents[2]
TENANTS = ["a", "b", "c", "d"]
ADD = 'op.add_column("tb_post", sa.Column("summary", sa.Text()))'


@pytest.fixture
async def project(make_database, blog_template: Urls, tmp_path: Path) -> AsyncIterator[Project]:
    async with make_database() as database:
        urls = blog_template.renamed(database.name)
        admin = await asyncpg.connect(urls.admin_url)
        await admin.execute(sql("2_database"))
        await admin.close()
        await make_schemas(urls, TENANTS)
        project = Project(tmp_path, urls, "schema").write()
        project.revision("r1", FIRST)
        assert (await project.migrate(workers=1)).failed == []
        yield project


async def run(project: Project, *arguments: str) -> Result:
    """In a thread: the command has an event loop of its own."""
    call = ["migrate", *arguments, "--config", str(project.folder / "fraiseql.toml")]
    if arguments[:1] in (("status",), ("drift",)):
        call = ["migrate", arguments[0], *call[-2:], *arguments[1:]]
    return await asyncio.to_thread(CliRunner().invoke, app, call)


async def execute(project: Project, statement: str) -> None:
    connection = await asyncpg.connect(project.urls.migrator_url)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture(autouse=True)
def no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread cannot take signals; the test of Ctrl-C has a process of its own."""
    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", lambda *_: None)
    monkeypatch.setattr(asyncio.SelectorEventLoop, "remove_signal_handler", lambda *_: None)


async def test_all_to_head(project: Project) -> None:
    project.revision("r2", ADD)
    result = await run(project)
    assert result.exit_code == 0, result.output
    assert "4 migrated to r2, 0 were there, 0 failed, 0 not tried" in result.stdout
    result = await run(project)
    assert result.exit_code == 0
    assert "0 migrated to r2, 4 were there" in result.stdout


async def test_a_failure_is_a_line_and_a_code(project: Project) -> None:
    await execute(project, "ALTER TABLE tenant_b.tb_post ADD COLUMN summary text")
    project.revision("r2", ADD)
    result = await run(project, "--on-error", "continue")
    assert result.exit_code == 1
    assert "already exists" in result.stdout
    assert "3 migrated to r2, 0 were there, 1 failed" in result.stdout
    assert "Traceback" not in result.output
    result = await run(project, "--json")
    assert result.exit_code == 1
    (tenant,) = json.loads(result.stdout)["tenants"]
    assert (tenant["tenant"], tenant["error"]["revision"]) == ("b", "r2")
    assert tenant["error"]["sqlstate"] == "42701"


async def test_the_sql_for_each_tenant(project: Project) -> None:
    project.revision("r2", ADD)
    result = await run(project, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.count("ALTER TABLE tb_post ADD COLUMN summary TEXT") == 4
    assert "-- tenant a (schema tenant_a): r1 → r2" in result.stdout
    result = await run(project, "status", "--json")
    assert {one["behind"] for one in json.loads(result.stdout)["tenants"]} == {1}


async def test_status_and_drift(project: Project) -> None:
    result = await run(project, "status")
    assert result.exit_code == 0
    assert "head: r1" in result.stdout
    result = await run(project, "drift")
    assert result.exit_code == 0
    await execute(project, "ALTER TABLE tenant_b.tb_post ADD COLUMN mine int")
    result = await run(project, "drift")
    assert result.exit_code == 1
    assert "+ column tb_post.mine integer" in result.stdout
    project.revision("r2", ADD)
    assert (await run(project, "status", "--fail-behind")).exit_code == 1


@pytest.mark.parametrize(("check", "code", "done"), [("true", 0, 4), ("false", 1, 1)])
async def test_a_check_after_the_canaries(
    project: Project, check: str, code: int, done: int
) -> None:
    project.revision("r2", ADD)
    result = await run(project, "--json", "--canary", "1", "--check", check)
    assert result.exit_code == code, result.output
    assert json.loads(result.stdout)["migrated"] == done


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tenant", "nobody"], "there is no such tenant"),
        (["--tenant", "N O"], "is no tenant id"),
        (["--tag", "x"], "tags stand in the table fraiseql.tenants"),
        (["--to", "r9"], "r9"),
        (["--resume"], "nothing is left of it"),
        (["--resume", "--tenant", "a"], "leave --tenant, --tag and --to out"),
        (["--check", "true"], "say how many with --canary"),
        (["--canary", "1"], "no terminal to ask at"),
    ],
)
async def test_a_mistake_in_the_call(project: Project, arguments: list[str], said: str) -> None:
    result = await run(project, *arguments)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


async def test_a_server_that_is_down_shows_no_password(project: Project) -> None:
    text = project.toml().replace(project.urls.migrator_url, "postgresql://m:s3cret@127.0.0.1:1/d")
    (project.folder / "fraiseql.toml").write_text(text)
    result = await run(project)
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr
    assert "s3cret" not in result.output


def test_an_alembic_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["migrate", "init"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "alembic.ini").is_file()
    assert "run()" in (tmp_path / "migrations/env.py").read_text()
    assert CliRunner().invoke(app, ["migrate", "init"]).exit_code == 2


async def test_ctrl_c_leaves_nobody_half_way(project: Project) -> None:
    project.revision(
        "r2",
        ADD + "\nop.execute(\"UPDATE tb_post SET title = '' WHERE "
        'pg_sleep(1) IS NULL")\nop.get_bind().exec_driver_sql("SELECT pg_sleep(1)")',
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fraiseql_strawberry", "migrate", "--json", "--workers", "1"),
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FRAISEQL_CONFIG": "fraiseql.toml"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    connection = await asyncpg.connect(project.urls.migrator_url)
    async with asyncio.timeout(60):
        while not await connection.fetchval(
            "SELECT count(*) FROM fraiseql.migration_ledger"
            " WHERE revision = 'r2' AND started IS NOT NULL"
        ):
            await asyncio.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, said = await process.communicate()
    assert process.returncode == 130, said.decode()
    report = json.loads(out)
    assert report["stopped"] == "interrupt"
    assert 1 <= report["migrated"] < 4
    for tenant in TENANTS:
        version = await connection.fetchval(
            f"SELECT version_num FROM tenant_{tenant}.alembic_version"
        )
        columns = await connection.fetch(
            "SELECT FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = 'summary'",
            f"tenant_{tenant}.tb_post",
        )
        assert (version == "r2") == bool(columns)
    await connection.close()
