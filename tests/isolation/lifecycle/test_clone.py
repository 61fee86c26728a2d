"""A clone has everything, is dropped whatever happens, and never stays."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from example_app.database import Urls
from fraiseql_strawberry.config.secret import SecretUrl
from fraiseql_strawberry.errors import SetupError
from fraiseql_strawberry.lifecycle.administrator import Administrator
from fraiseql_strawberry.lifecycle.clone import CLONES, cloned
from fraiseql_strawberry.lifecycle.database_template import drop_database


async def clones(administrator: Administrator) -> set[str]:
    async with administrator.connect("postgres") as connection:
        rows = await connection.fetch(
            "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, $1)", CLONES
        )
    return {row[0] for row in rows}


async def test_the_clone_has_the_rows_and_is_dropped_also_after_an_error(fresh_blog: Urls) -> None:
    administrator = Administrator(SecretUrl(fresh_blog.admin_url))
    names: list[str] = []

    async def fail() -> None:
        async with cloned(administrator, fresh_blog.database, "app") as name:
            names.append(name)
            # Left open: it is no reason to keep the clone.
            app = await asyncpg.connect(fresh_blog.app_url, database=name)
            assert await app.fetchval("SELECT current_database()") == name
            async with administrator.connect(name) as admin:
                assert await admin.fetchval("SELECT count(*) FROM app.tb_post") > 0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert names[0].startswith(CLONES)
    assert names[0] not in await clones(administrator)


async def test_a_cancelled_run_leaves_nothing(fresh_blog: Urls) -> None:
    administrator = Administrator(SecretUrl(fresh_blog.admin_url))
    made: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with cloned(administrator, fresh_blog.database, "app") as name:
            made.set_result(name)
            await asyncio.sleep(60)

    task = asyncio.create_task(run())
    name = await asyncio.wait_for(made, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert name not in await clones(administrator)


async def test_what_a_killed_run_left_is_dropped_by_the_next(fresh_blog: Urls) -> None:
    administrator = Administrator(SecretUrl(fresh_blog.admin_url))
    async with cloned(administrator, fresh_blog.database, "app") as name:
        pass
    left = name[:-8] + "deadbeef"
    async with administrator.connect("postgres") as connection:
        await connection.execute(f'CREATE DATABASE "{left}"')
        try:
            async with cloned(administrator, fresh_blog.database, "app"):
                assert left not in await clones(administrator)
        finally:
            await drop_database(connection, left)


async def test_two_runs_do_not_drop_each_others(fresh_blog: Urls) -> None:
    administrator = Administrator(SecretUrl(fresh_blog.admin_url))
    async with cloned(administrator, fresh_blog.database, "app") as name:
        with pytest.raises(SetupError, match="another run"):
            async with cloned(administrator, fresh_blog.database, "app"):
                pass
        assert name in await clones(administrator)


async def test_a_database_in_use_is_an_error_that_says_what_to_do(fresh_blog: Urls) -> None:
    administrator = Administrator(SecretUrl(fresh_blog.admin_url))
    busy = await asyncpg.connect(fresh_blog.app_url)
    try:
        with pytest.raises(SetupError, match=r"in use.*--database"):
            async with cloned(administrator, fresh_blog.database, "app"):
                pass
    finally:
        await busy.close()
    assert not {one for one in await clones(administrator) if fresh_blog.database in one}
