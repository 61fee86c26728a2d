"""Prepare a blog: three roles, its databases, their schemas and what two tenants wrote.

`prepare` may run at every start, and in several processes at once: it creates what is missing
and keeps what is there. Only the roles and the databases themselves are made by the superuser;
tables, policies and views are made by `app_migrator`, as in any deployment. The SQL stands in
`sql/`, and `docs/explanation/golden-sql.md` says why each line is there.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

import asyncpg

from example_app.contents import Content, Progress, contents, run_formatted, sql
from example_app.data import read_blogs
from example_app.urls import Urls, locate
from fraiseql_strawberry.config import Strategy
from fraiseql_strawberry.errors import SetupError

__all__ = ["Urls", "clone", "drop", "locate", "prepare", "template"]

_log = logging.getLogger("example_app")
_LOCK = "SELECT pg_advisory_lock(hashtextextended('example_app.database', 0))"


async def prepare(
    admin_url: str,
    *,
    strategy: Strategy = "row",
    database: str | None = None,
    app_password: str | None = None,
    migrator_password: str | None = None,
    progress: Progress = _log.info,
) -> Urls:
    """Make sure that a blog exists, and say where it is.

    Args:
        admin_url: A superuser of a PostgreSQL server, 15 or newer.
        strategy: How the blog keeps its tenants apart.
        database: The name of the blog's database; see `locate`.
        app_password: For the role `app`; see `locate`.
        migrator_password: For the role `app_migrator`; see `locate`.
        progress: Is told each step, in a few words; nothing when there is nothing to do.

    Raises:
        SetupError: The server is too old, there is no password to derive the others from, or
            a database holds something else.
    """
    urls = locate(
        admin_url,
        database,
        strategy=strategy,
        app_password=app_password,
        migrator_password=migrator_password,
    )
    async with _only_one(urls) as server:
        await _create_roles(server, urls)
        for content in contents(urls):
            await _create_database(server, content, progress)
        await _register(urls)
    return urls


async def template(
    admin_url: str,
    *,
    strategy: Strategy = "row",
    app_password: str | None = None,
    migrator_password: str | None = None,
) -> Urls:
    """Make, once per version of the SQL and the texts, a blog that `clone` copies in no time.

    Nobody can connect to the template, since a connection to it would make a clone fail.
    """
    urls = locate(
        admin_url,
        strategy=strategy,
        app_password=app_password,
        migrator_password=migrator_password,
    )
    urls = urls.renamed(_template_name(urls))
    async with _only_one(urls) as server:
        await _create_roles(server, urls)
        for content in contents(urls):
            await _create_template(server, content)
    return urls


async def clone(source: Urls, database: str) -> Urls:
    """Copy a template (or any blog to which nobody is connected) to new databases."""
    urls = source.renamed(database)
    async with _connected(urls.server_url) as server:
        for old, new in zip(contents(source), contents(urls), strict=True):
            names = new.urls.database, old.urls.database
            await run_formatted(server, "CREATE DATABASE %I TEMPLATE %I", *names)
            async with _connected(new.urls.admin_url) as admin:
                await admin.execute(sql("2_database"))
    await _register(urls)
    return urls


async def drop(urls: Urls) -> None:
    """Remove a blog, a template too, and end the connections to it."""
    async with _connected(urls.server_url) as server:
        for content in contents(urls):
            name = content.urls.database
            if await _known(server, name):
                await run_formatted(server, "ALTER DATABASE %I IS_TEMPLATE false", name)
            await run_formatted(server, "DROP DATABASE IF EXISTS %I WITH (FORCE)", name)


async def _create_roles(server: asyncpg.Connection, urls: Urls) -> None:
    async with server.transaction():
        await server.execute(
            "SELECT set_config('blog.app_password', $1, true),"
            " set_config('blog.migrator_password', $2, true)",
            _password(urls.app_url),
            _password(urls.migrator_url),
        )
        await server.execute(sql("1_roles"))


async def _create_database(
    server: asyncpg.Connection, content: Content, progress: Progress
) -> None:
    name = content.urls.database
    if not await _known(server, name):
        progress(f"creating the database {name}")
        await run_formatted(server, "CREATE DATABASE %I ENCODING 'UTF8' TEMPLATE template0", name)
    async with _connected(content.urls.admin_url) as admin:
        fresh = await _is_fresh(admin, content)
        await admin.execute(sql("2_database"))
    if fresh:
        # In one transaction, so that a crash leaves nothing half-made.
        async with _connected(content.urls.migrator_url) as migrator, migrator.transaction():
            await content.fill(migrator, progress)


async def _create_template(server: asyncpg.Connection, content: Content) -> None:
    name = content.urls.database
    finished = await server.fetchval(
        "SELECT datistemplate FROM pg_database WHERE datname = $1", name
    )
    if finished is False:  # whoever was making it did not get to the end
        await run_formatted(server, "DROP DATABASE %I WITH (FORCE)", name)
    if not finished:
        await _create_database(server, content, _log.info)
        await run_formatted(server, "ALTER DATABASE %I ALLOW_CONNECTIONS false", name)
        await run_formatted(server, "ALTER DATABASE %I IS_TEMPLATE true", name)


async def _is_fresh(admin: asyncpg.Connection, content: Content) -> bool:
    [(mark, occupied)] = await admin.fetch(sql("0_state"), content.marked)
    if mark == content.mark:
        return False
    if occupied:
        raise SetupError(
            f"The database {content.urls.database!r} is not a blog of this version of example_app."
            " Its content is left alone: drop it, start with a fresh data directory, or name"
            " another database"
        )
    return True


async def _register(urls: Urls) -> None:
    """Write down where the tenants' databases are, again at each start: the port may be new."""
    if urls.strategy != "database":
        return
    async with _connected(urls.migrator_url) as migrator:
        server = urls.app_url.partition("?")[0].rpartition("/")[0]
        await migrator.execute(sql("control/relocate"), server)
        await migrator.executemany(
            sql("control/register"),
            [
                (blog.tenant_id, blog.name, blog.plan, urls.of(blog.tenant_id).app_url)
                for blog in read_blogs()
            ],
        )


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _only_one(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """Connect as superuser and keep other processes that prepare a blog waiting until the end.

    Two of them at once would meet "tuple concurrently updated" on the roles.
    """
    async with _connected(urls.server_url) as server:
        if server.get_server_version().major < 15:
            raise SetupError(
                "PostgreSQL 15 or newer is needed: older ones have no security_invoker"
            )
        await server.execute(_LOCK)  # given back when the connection closes
        yield server


async def _known(server: asyncpg.Connection, database: str) -> bool:
    names = await server.fetch("SELECT datname FROM pg_database WHERE datname = $1", database)
    return bool(names)


def _password(url: str) -> str:
    return unquote(urlsplit(url).password or "")


def _template_name(urls: Urls) -> str:
    marks = "".join(content.mark for content in contents(urls))
    version = hashlib.sha256(f"{marks}{read_blogs()!r}".encode()).hexdigest()
    return f"blog_template_{version[:12]}"
