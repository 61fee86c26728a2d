"""`fraiseql-strawberry prove`, from outside: what it does to a clone never reaches the database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.lifecycle.clone import CLONES

SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
TOML = """\
[database]
url = "${DATABASE_URL}"
admin_url = "${ADMIN_DATABASE_URL}"
"""
EMPTY_OUT = """
CREATE FUNCTION app.empty_out(seconds double precision DEFAULT 0) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp
  AS 'SELECT pg_sleep(seconds); DELETE FROM tb_comment';
GRANT EXECUTE ON FUNCTION app.empty_out TO app;
"""
CLONED = "SELECT count(*) FROM pg_database WHERE starts_with(datname, $1) AND datname <> ALL ($2)"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fraiseql.toml").write_text(TOML)


@pytest.fixture
async def leaking(fresh_blog: Urls) -> Urls:
    """A blog with a function that empties a table of all tenants."""
    await execute(fresh_blog.admin_url, EMPTY_OUT)
    return fresh_blog


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def comments(urls: Urls) -> int:
    connection = await asyncpg.connect(urls.admin_url)
    try:
        return await connection.fetchval("SELECT count(*) FROM app.tb_comment")
    finally:
        await connection.close()


def world(urls: Urls) -> dict[str, str]:
    return {
        "DATABASE_URL": urls.app_url,
        "ADMIN_DATABASE_URL": urls.admin_url,
        "JWT_SECRET": SECRET,
    }


async def run(urls: Urls, *arguments: str) -> Any:
    def call() -> Any:
        return CliRunner().invoke(app, ["prove", "--json", *arguments], env=world(urls))

    done = await asyncio.to_thread(call)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


async def test_a_hole_is_found_on_the_clone_and_the_database_is_as_it_was(leaking: Urls) -> None:
    before = await comments(leaking)
    arguments = ("--schema", "example_app.schema", "--tenants", str(ACME), str(GLOBEX))
    done = await run(leaking, "--clone", *arguments, "--scope", "write:posts")
    assert done.exit_code == 1
    proof = json.loads(done.stdout)
    assert proof["database"] == f"{leaking.database} (a clone of it)"
    holes = {one["target"] for one in proof["attempts"] if one["outcome"] == "hole"}
    assert holes == {"app.empty_out(seconds double precision)"}
    closed = {one["target"] for one in proof["attempts"] if one["outcome"] == "closed"}
    assert {"app.tb_post", "Query.posts", "Mutation.updatePost"} <= closed
    assert before == await comments(leaking) > 0


async def test_without_a_clone_a_function_is_named_and_rolled_back(leaking: Urls) -> None:
    before = await comments(leaking)
    assert (await run(leaking)).exit_code == 0
    done = await run(leaking, "--allow-function", "empty_out")
    assert done.exit_code == 1
    assert before == await comments(leaking) > 0


async def test_an_interrupt_leaves_no_clone(fresh_blog: Urls) -> None:
    await execute(fresh_blog.admin_url, EMPTY_OUT.replace("DEFAULT 0", "DEFAULT 9"))
    server = await asyncpg.connect(fresh_blog.server_url)
    try:
        there = [row[0] for row in await server.fetch("SELECT datname::text FROM pg_database")]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fraiseql_strawberry", "prove", "--clone"),
            env={**os.environ, **world(fresh_blog)},
        )
        try:
            async with asyncio.timeout(60):
                while not await server.fetchval(CLONED, CLONES, there):
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            assert process.returncode is None
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(30):
                assert await process.wait() != 0
        finally:
            if process.returncode is None:
                process.kill()
        assert await server.fetchval(CLONED, CLONES, there) == 0
    finally:
        await server.close()
