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
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg
from fraiseql_strawberry.errors import SetupError

from example_app.data import Blog, read_blogs

__all__ = ["Urls", "clone", "drop", "locate", "prepare", "template"]

_log = logging.getLogger("example_app")
_SQL = Path(__file__).parent / "sql"
_MIGRATION = ("3_schemas", "4_tables", "5_policies", "6_views", "7_owners")
_LOCK = "SELECT pg_advisory_lock(hashtextextended('example_app.database', 0))"
_CREDENTIALS = frozenset({"user", "password", "passfile", "database", "dbname"})

Progress = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Urls:
    """Where one blog database is, for each of those who connect to it; secrets stay out of `repr`.

    Args:
        database: The database's name.
        app_url: For the service: the unprivileged role `app`.
        admin_url: For a superuser, connected to this database.
        migrator_url: For migrations: the role `app_migrator`.
        server_url: The superuser's URL as it was given, to create and drop databases.
    """

    database: str
    app_url: str = field(repr=False)
    admin_url: str = field(repr=False)
    migrator_url: str = field(repr=False)
    server_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Passwords:
    app: str = field(repr=False)
    migrator: str = field(repr=False)


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
        app_password: For the role `app`. Without one it is derived from the password in
            `admin_url`, so that several blogs on one server, which share the role, agree on it.
        migrator_password: The same for the role `app_migrator`.
        progress: Is told each step, in a few words.

    Raises:
        SetupError: The server is too old, there is no password to derive the others from, or
            the database holds something else.
    """
    admin_url = _plain(admin_url)
    passwords = _passwords(admin_url, app_password, migrator_password)
    urls = _urls(admin_url, database, passwords)
    async with _only_one(admin_url) as server:
        await _create_roles(server, passwords)
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
    admin_url = _plain(admin_url)
    passwords = _passwords(admin_url, app_password, migrator_password)
    urls = _urls(admin_url, f"blog_template_{_version()[:12]}", passwords)
    async with _only_one(admin_url) as server:
        await _create_roles(server, passwords)
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
    async with _connected(source.server_url) as server:
        await _run(server, "CREATE DATABASE %I TEMPLATE %I", database, source.database)
    urls = Urls(
        database,
        app_url=_with_database(source.app_url, database),
        admin_url=_with_database(source.admin_url, database),
        migrator_url=_with_database(source.migrator_url, database),
        server_url=source.server_url,
    )
    async with _connected(urls.admin_url) as admin:
        await admin.execute(_sql("2_database"))
    return urls


async def drop(urls: Urls) -> None:
    """Remove a database, a template too, and end the connections to it."""
    async with _connected(urls.server_url) as server:
        if await _known(server, urls.database):
            await _run(server, "ALTER DATABASE %I IS_TEMPLATE false", urls.database)
        await _run(server, "DROP DATABASE IF EXISTS %I WITH (FORCE)", urls.database)


async def _create_roles(server: asyncpg.Connection, passwords: _Passwords) -> None:
    async with server.transaction():
        await server.execute(
            "SELECT set_config('blog.app_password', $1, true),"
            " set_config('blog.migrator_password', $2, true)",
            passwords.app,
            passwords.migrator,
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
    state = await admin.fetchrow(_sql("0_state"))
    if state["mark"] == _mark():
        return False
    if state["occupied"]:
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
async def _only_one(admin_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as superuser and keep other processes that prepare a blog waiting until the end.

    Two of them at once would meet "tuple concurrently updated" on the roles.
    """
    async with _connected(admin_url) as server:
        if server.get_server_version().major < 15:
            raise SetupError("PostgreSQL 15 or newer is needed: older ones have no security_invoker")
        await server.execute(_LOCK)  # given back when the connection closes
        yield server


async def _known(server: asyncpg.Connection, database: str) -> bool:
    names = await server.fetch("SELECT datname FROM pg_database WHERE datname = $1", database)
    return bool(names)


async def _run(connection: asyncpg.Connection, command: str, *names: str) -> None:
    """Run a command that takes no parameters; PostgreSQL's own `format` quotes the names."""
    await connection.execute(
        await connection.fetchval("SELECT format($1, VARIADIC $2::text[])", command, names)
    )


@cache
def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


@cache
def _mark() -> str:
    """What a database says it was made from; another version's tables may not fit the code."""
    text = "".join(_sql(step) for step in _MIGRATION)
    return f"example_app {hashlib.sha256(text.encode()).hexdigest()}"


@cache
def _version() -> str:
    return hashlib.sha256(f"{_mark()}{read_blogs()!r}".encode()).hexdigest()


def _passwords(admin_url: str, app: str | None, migrator: str | None) -> _Passwords:
    if app and migrator:
        return _Passwords(app, migrator)
    secret = urlsplit(admin_url).password
    if not secret:
        raise SetupError(
            "The administrator's URL has no password to derive the roles' passwords from:"
            " give app_password and migrator_password"
        )
    # A slow derivation: who reads the service's URL must not be able to guess the superuser's
    # password from it by trying words.
    derived = hashlib.scrypt(
        secret.encode(), salt=b"example_app.database", n=2**14, r=8, p=1, dklen=48
    ).hex()
    return _Passwords(app or derived[:48], migrator or derived[48:])


def _urls(admin_url: str, database: str, passwords: _Passwords) -> Urls:
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    options = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] not in _CREDENTIALS])

    def url_of(role: str, password: str) -> str:
        netloc = f"{role}:{quote(password, safe='')}@{host}"
        return urlunsplit(("postgresql", netloc, quote(f"/{database}"), options, ""))

    return Urls(
        database,
        app_url=url_of("app", passwords.app),
        admin_url=_with_database(admin_url, database),
        migrator_url=url_of("app_migrator", passwords.migrator),
        server_url=admin_url,
    )


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=quote(f"/{database}")))


def _plain(url: str) -> str:
    """The URL without SQLAlchemy's driver (`postgresql+asyncpg:`), as asyncpg reads it."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))
