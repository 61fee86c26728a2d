"""What PgBouncer itself does, as far as the library relies on it."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import pytest

from example_app.database import Urls
from tests.pgbouncer import PgBouncer

MakePgBouncer = Callable[..., PgBouncer]
MODES = ("session", "transaction")
WITHOUT_CACHE = {"statement_cache_size": 0}


@pytest.mark.parametrize("mode", MODES)
async def test_the_blog_is_reached_through_it(
    blog: Urls, pgbouncer: MakePgBouncer, mode: str
) -> None:
    urls = pgbouncer(mode).urls(blog)
    assert urls.app_url != blog.app_url
    connection = await asyncpg.connect(urls.app_url, **WITHOUT_CACHE)
    try:
        row = await connection.fetchrow("SELECT current_user, current_database(), pg_backend_pid()")
        assert row[:2] == ("app", blog.database)
        assert row[2] != connection.get_server_pid()  # PgBouncer gives each client a made-up one
    finally:
        await connection.close()


async def test_it_is_the_same_one_for_the_same_arguments(pgbouncer: MakePgBouncer) -> None:
    assert pgbouncer("transaction") is pgbouncer("transaction")
    assert pgbouncer("transaction").port != pgbouncer("session").port
    assert pgbouncer("transaction").port != pgbouncer("transaction", pool_size=3).port


@pytest.mark.parametrize("mode", MODES)
async def test_only_a_session_keeps_its_back_end(
    blog: Urls, pgbouncer: MakePgBouncer, mode: str
) -> None:
    url = pgbouncer(mode).urls(blog).app_url
    first, second = [await asyncpg.connect(url, **WITHOUT_CACHE) for _ in range(2)]
    try:
        before = await first.fetchval("SELECT pg_backend_pid()")
        async with second.transaction():
            await second.execute("SELECT 1")  # takes the back-end that was given back last
            after = await first.fetchval("SELECT pg_backend_pid()")
        assert (before == after) == (mode == "session")
    finally:
        await first.close()
        await second.close()
