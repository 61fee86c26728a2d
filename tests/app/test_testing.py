"""The test kit, as a user of it has it: a project of its own, in a pytest of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from example_app.data import ACME, GLOBEX
from example_app.database import Urls

ROOT = Path(__file__).parents[2]
INI = f"""
[pytest]
fraiseql_app = example_app.app:create_app
fraiseql_tenants = {ACME} {GLOBEX}
filterwarnings = error
asyncio_default_fixture_loop_scope = function
{{more}}
"""
CLIENT = """
import pytest

import fraiseql_strawberry as fraiseql


{mark}
async def test_what_one_writes_the_other_does_not_see(test_client, tenant_a_token, tenant_b_token):
    def bearer(token):
        return {{"Authorization": f"Bearer {{token}}"}}

    written = await test_client.mutate(
        'mutation {{ createPost(title: "of A alone", content: "x") {{ id }} }}',
        headers=bearer(tenant_a_token),
    )
    mine = await test_client.query("{{ posts {{ id title }} }}", headers=bearer(tenant_a_token))
    theirs = await test_client.query("{{ posts {{ id title }} }}", headers=bearer(tenant_b_token))
    assert written["createPost"]["id"] in [post["id"] for post in mine["posts"]]
    assert "of A alone" not in [post["title"] for post in theirs["posts"]]


{mark}
async def test_an_error_fails_the_test(test_client):
    from fraiseql_strawberry.testing import GraphQLFailed

    with pytest.raises(GraphQLFailed) as caught:
        await test_client.query("{{ posts {{ id }} }}")
    assert caught.value.status == 401
    assert caught.value.codes == ["UNAUTHORIZED"]


{mark}
async def test_a_session_of_a_tenant(as_tenant, two_tenants):
    from sqlalchemy import text

    async with as_tenant(two_tenants[0]) as session:
        assert await session.scalar(text("SELECT count(*) FROM v_post")) > 0


{mark}
async def test_everything_is_isolated(fraiseql_app, test_client, tenant_a_token, tenant_b_token):
    from fraiseql_strawberry.testing import assert_isolated

    heads = [{{"Authorization": f"Bearer {{t}}"}} for t in (tenant_a_token, tenant_b_token)]
    skip = ["Query.post", "GET /health", "GET /ready", "GET /metrics"]
    fields = ["Query.posts", "Query.searchPosts", "Query.feed", "Query.users"]
    compared = await assert_isolated(fraiseql_app, test_client, *heads, skip=skip)
    assert compared == [*fields, "GET /posts"]
    with pytest.raises(AssertionError, match="Query.post was not reached"):
        await assert_isolated(fraiseql_app, test_client, *heads, skip=skip[1:])
"""

Run = Callable[..., Awaitable[str]]


@pytest.fixture
def run(fresh_blog: Urls, tmp_path: Path) -> Run:
    async def run(test: str, *arguments: str, more: str = "", passes: bool = True) -> str:
        (tmp_path / "pytest.ini").write_text(INI.format(more=more))
        (tmp_path / "test_it.py").write_text(test)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments),
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PYTHONPATH": str(ROOT),
                "DATABASE_URL": fresh_blog.app_url,
                "ADMIN_DATABASE_URL": fresh_blog.admin_url,
                "JWT_SECRET": "a-secret-for-tests-that-is-long-enough-for-anyone",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert (process.returncode == 0) is passes, out.decode()
        return out.decode()

    return run


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
async def test_its_fixtures_work_under_either_plugin(run: Run, plugin: str) -> None:
    said = await run(CLIENT.format(mark=f"@pytest.mark.{plugin}"))
    assert "passed" in said


async def test_a_leak_fails_the_assertion(run: Run, fresh_blog: Urls) -> None:
    admin = await asyncpg.connect(fresh_blog.admin_url)
    await admin.execute("ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY")
    await admin.close()
    test = CLIENT.format(mark="@pytest.mark.asyncio").replace(
        "import fraiseql_strawberry as fraiseql",
        "from example_app.app import create_app\n"
        "@pytest.fixture(scope='session')\n"
        "def fraiseql_app():\n    return create_app(startup_check='off')\n",
    )
    said = await run(test, "-k", "everything", passes=False)
    assert "Query.posts LEAKS" in said
    assert "GET /posts LEAKS" in said


async def test_each_worker_has_a_copy_of_the_template(run: Run, fresh_blog: Urls) -> None:
    test = """
import os, pytest
@pytest.mark.parametrize("n", range(4))
def test_where(fraiseql_database, n):
    assert fraiseql_database in os.environ["DATABASE_URL"]
    print("in", fraiseql_database)
"""
    more = f"fraiseql_template = {fresh_blog.database}"
    said = await run(test, "-n", "2", "-s", "-v", more=more)
    assert "4 passed" in said
    admin = await asyncpg.connect(fresh_blog.server_url)
    left = await admin.fetchval(
        "SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)", f"{fresh_blog.database}_"
    )
    await admin.close()
    assert left == 0


async def test_without_an_app_it_says_what_to_write(run: Run) -> None:
    test = "def test_it(test_client): ..."
    said = await run(test, "-o", "fraiseql_app=", passes=False)
    assert "fraiseql_app =" in said
