"""Prepare the blog's database: three roles, one database, its schema and what two tenants wrote.

`prepare` may run at every start, and in several processes at once: it creates what is missing
and keeps what is there. Only the roles and the database itself are made by the superuser; tables,
policies and views are made by `app_migrator`, as in any deployment. The SQL stands in `sql/`, and
`docs/explanation/golden-sql.md` says why each line is there.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from example_app.data import Blog, read_blogs
from example_app.urls import Urls, locate
from fraiseql_strawberry.errors import SetupError

__all__ = ["Urls", "clone", "drop", "locate", "prepare", "template"]

_log = logging.getLogger("example_app")
_SQL = Path(__file__).parent / "sql"
_MIGRATION = ("3_schemas", "4_tables", "5_policies", "6_views", "7_owners")
_LOCK = "SELECT pg_advisory_lock(hashtextextended('example_app.database', 0))"

Progress = Callable[[str], object]


async def prepare(
    admin_url: str,
    *,
    database: str = "blog",
    app_password: str | None = None,
    migrator_password: str | None = None,
    progress: Progress = _log.info,
) -> Urls:
    """Make sure that the blog's database exists, and say where it is.

    Args:
        admin_url: A superuser of a PostgreSQL server, 15 or newer.
        database: The name of the blog's database.
        app_password: For the role `app`; see `locate`.
        migrator_password: For the role `app_migrator`; see `locate`.
        progress: Is told each step, in a few words; nothing when there is nothing to do.

    Raises:
        SetupError: The server is too old, there is no password to derive the others from, or
            the database holds something else.
    """
    urls = locate(
        admin_url, database, app_password=app_password, migrator_password=migrator_password
    )
    async with _only_one(urls) as server:
        await _create_roles(server, urls)
        await _create_database(server, urls, progress)
    return urls


async def template(
    admin_url: str,
    *,
    app_password: str | None = None,
    migrator_password: str | None = None,
) -> Urls:
    """Make, once per version of the SQL and the texts, a blog that `clone` copies in no time.

    Nobody can connect to the template, since a connection to it would make a clone fail.
    """
    urls = locate(
        admin_url,
        _template_name(),
        app_password=app_password,
        migrator_password=migrator_password,
    )
    async with _only_one(urls) as server:
        await _create_roles(server, urls)
        finished = await server.fetchval(
            "SELECT datistemplate FROM pg_database WHERE datname = $1", urls.database
        )
        if finished is False:  # whoever was making it did not get to the end
            await _run(server, "DROP DATABASE %I WITH (FORCE)", urls.database)
        if not finished:
            await _create_database(server, urls, _log.info)
            await _run(server, "ALTER DATABASE %I ALLOW_CONNECTIONS false", urls.database)
            await _run(server, "ALTER DATABASE %I IS_TEMPLATE true", urls.database)
    return urls


async def clone(source: Urls, database: str) -> Urls:
    """Copy a template (or any blog to which nobody is connected) to a new database."""
    urls = source.renamed(database)
    async with _connected(urls.server_url) as server:
        await _run(server, "CREATE DATABASE %I TEMPLATE %I", database, source.database)
    async with _connected(urls.admin_url) as admin:
        await admin.execute(_sql("2_database"))
    return urls


async def drop(urls: Urls) -> None:
    """Remove a database, a template too, and end the connections to it."""
    async with _connected(urls.server_url) as server:
        if await _known(server, urls.database):
            await _run(server, "ALTER DATABASE %I IS_TEMPLATE false", urls.database)
        await _run(server, "DROP DATABASE IF EXISTS %I WITH (FORCE)", urls.database)


async def _create_roles(server: asyncpg.Connection, urls: Urls) -> None:
    async with server.transaction():
        await server.execute(
            "SELECT set_config('blog.app_password', $1, true),"
            " set_config('blog.migrator_password', $2, true)",
            _password(urls.app_url),
            _password(urls.migrator_url),
        )
        await server.execute(_sql("1_roles"))


async def _create_database(server: asyncpg.Connection, urls: Urls, progress: Progress) -> None:
    if not await _known(server, urls.database):
        progress(f"creating the database {urls.database}")
        await _run(server, "CREATE DATABASE %I ENCODING 'UTF8' TEMPLATE template0", urls.database)
    async with _connected(urls.admin_url) as admin:
        fresh = await _is_fresh(admin, urls.database)
        await admin.execute(_sql("2_database"))
    if fresh:
        await _migrate(urls, progress)


async def _is_fresh(admin: asyncpg.Connection, database: str) -> bool:
    [(mark, occupied)] = await admin.fetch(_sql("0_state"))
    if mark == _mark():
        return False
    if occupied:
        raise SetupError(
            f"The database {database!r} is not a blog of this version of example_app. Its content"
            " is left alone: drop it, start with a fresh data directory, or name another database"
        )
    return True


async def _migrate(urls: Urls, progress: Progress) -> None:
    """Create all and load all in one transaction, so that a crash leaves nothing half-made."""
    async with _connected(urls.migrator_url) as migrator, migrator.transaction():
        progress("creating tables, policies and views")
        for step in _MIGRATION:
            await migrator.execute(_sql(step))
        await _run(migrator, "COMMENT ON SCHEMA app IS %L", _mark())
        for blog in read_blogs():
            progress(f"loading {blog.name}: {len(blog.posts)} posts")
            await _load(migrator, blog)
        await migrator.execute("ANALYZE app.tb_user, app.tb_post, app.tb_comment")


async def _load(migrator: asyncpg.Connection, blog: Blog) -> None:
    await migrator.copy_records_to_table(
        "tenants",
        schema_name="fraiseql",
        columns=("id", "name", "plan"),
        records=[(blog.tenant_id, blog.name, blog.plan)],
    )
    for table, rows in blog.tables.items():
        await migrator.copy_records_to_table(
            table,
            schema_name="app",
            columns=("tenant_id", *rows[0]._fields),
            records=[(blog.tenant_id, *row) for row in rows],
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


async def _run(connection: asyncpg.Connection, command: str, *names: str) -> None:
    """Run a command that takes no parameters; PostgreSQL's own `format` quotes the names."""
    [(quoted,)] = await connection.fetch("SELECT format($1, VARIADIC $2::text[])", command, names)
    await connection.execute(quoted)


def _password(url: str) -> str:
    return unquote(urlsplit(url).password or "")


@cache
def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


@cache
def _mark() -> str:
    """What a database says it was made from; another version's tables may not fit the code."""
    text = "".join(_sql(step) for step in _MIGRATION)
    return f"example_app {hashlib.sha256(text.encode()).hexdigest()}"


@cache
def _template_name() -> str:
    version = hashlib.sha256(f"{_mark()}{read_blogs()!r}".encode()).hexdigest()
    return f"blog_template_{version[:12]}"
