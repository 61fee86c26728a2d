"""A run that is killed with SIGKILL at any moment, and run again, ends where it would have ended."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from example_app.database import Urls
from fraiseql_strawberry.lifecycle.fingerprint import digests
from tests.isolation.fleet.project import FIRST, Project, make_schemas

ROOT = Path(__file__).parents[2]
TENANTS = [f"t{number:02}" for number in range(24)]
SCHEMAS = [f"tenant_{tenant}" for tenant in TENANTS]
# Twice would show.
DOUBLE = """
op.add_column("tb_post", sa.Column("n{step}", sa.Integer()))
op.execute("UPDATE tb_post SET title = title || '{step}'")
op.execute("UPDATE tb_post SET title = title WHERE pg_sleep(0.03) IS NOT NULL")
"""
SECONDS = 60.0


async def start(project: Project, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fraiseql_strawberry", "migrate", "--json", *arguments),
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FRAISEQL_CONFIG": "fraiseql.toml"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def kill(project: Project, driver: asyncpg.Connection, step: int, *arguments: str) -> int:
    """Kill a run when some tenants are done; returns how many were."""
    process = await start(project, *arguments)
    moment = random.randrange(len(TENANTS))  # by progress: the clock of a busy machine says little
    async with asyncio.timeout(SECONDS):
        while await finished(driver, step) < moment and process.returncode is None:
            await asyncio.sleep(0.005)
    await asyncio.sleep(random.uniform(0, 0.06))
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()
    return await finished(driver, step)


async def finished(driver: asyncpg.Connection, step: int) -> int:
    return await driver.fetchval(
        "SELECT count(*) FROM fraiseql.migration_ledger"
        " WHERE revision = $1 AND finished IS NOT NULL",
        f"r{step}",
    )


async def nobody_is_left(driver: asyncpg.Connection) -> None:
    """The worker processes end when the one that they work for is gone."""
    async with asyncio.timeout(SECONDS):
        while await driver.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'fraiseql-migrate'"
        ):
            await asyncio.sleep(0.05)


async def killed(urls: Urls, folder: Path, times: int, *arguments: str) -> None:
    await make_schemas(urls, TENANTS)
    project = Project(folder, urls, "schema").write()
    project.revision("r0", FIRST)
    assert (await project.migrate(workers=1)).failed == []
    driver = await asyncpg.connect(urls.migrator_url)
    for schema in SCHEMAS:
        await driver.execute(f"INSERT INTO {schema}.tb_post (title) VALUES ('')")
    wanted, moments = "", []
    for step in range(1, times + 1):
        project.revision(f"r{step}", DOUBLE.format(step=step))
        wanted += str(step)
        moments.append(await kill(project, driver, step, *arguments))
        await nobody_is_left(driver)
        process = await start(project, *arguments)
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
        for schema in SCHEMAS:
            assert await driver.fetchval(f"SELECT title FROM {schema}.tb_post") == wanted
            version = await driver.fetchval(f"SELECT version_num FROM {schema}.alembic_version")
            assert version == f"r{step}"
        assert len(set((await digests(driver, SCHEMAS)).values())) == 1
    await driver.close()
    # It was in the middle of things, and not always before or after them.
    assert any(0 < done < len(TENANTS) for done in moments), moments


@pytest.mark.parametrize("arguments", [("--workers", "2"), ("--workers", "2", "--each")])
async def test_killed(empty_database: Urls, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    await killed(empty_database, tmp_path, 3, *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("--workers", "2"), ("--workers", "2", "--each")])
async def test_killed_twenty_times(
    empty_database: Urls, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    await killed(empty_database, tmp_path, 20, *arguments)
