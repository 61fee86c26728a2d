"""One PostgreSQL for the whole test run, shared by all workers of pytest-xdist.

It is an embedded one, or the server that `ADMIN_DATABASE_URL` names.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from example_app.data import ACME, blog_of
from example_app.database import Urls, clone, drop, template
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.auth import mint_token
from fraiseql_strawberry.config import Config, Strategy
from fraiseql_strawberry.embedded import EmbeddedPostgres, ExternalPostgres, open_server
from tests.pgbouncer import Mode, PgBouncer, PgBouncerMissing, find_program
from tests.service import Client, serving
from tests.witness import Witness

_SERVER = pytest.StashKey[EmbeddedPostgres | ExternalPostgres]()


class Database(NamedTuple):
    """A database of a test, and the superuser's URL of it."""

    name: str
    url: str


MakeDatabase = Callable[..., AbstractAsyncContextManager[Database]]


def _admin_url(config: pytest.Config) -> str:
    if _SERVER not in config.stash:
        server = open_server()
        server.start()
        config.stash[_SERVER] = server
    return config.stash[_SERVER].admin_url()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Before a worker of pytest-xdist starts: tell it where the controller's server is."""
    node.workerinput["admin_url"] = _admin_url(node.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()


@pytest.fixture(scope="session")
def admin_url(request: pytest.FixtureRequest) -> str:
    """The superuser's URL of the running PostgreSQL."""
    workerinput = getattr(request.config, "workerinput", None)
    return _admin_url(request.config) if workerinput is None else workerinput["admin_url"]


@pytest.fixture(scope="session")
def make_database(admin_url: str) -> MakeDatabase:
    """`async with make_database(template) as database`: a new database that is dropped after."""

    @asynccontextmanager
    async def make(template: str = "template1") -> AsyncIterator[Database]:
        name = f"test_{uuid4().hex}"
        server = await asyncpg.connect(admin_url)
        try:
            await server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
            yield Database(name, urlsplit(admin_url)._replace(path=f"/{name}").geturl())
        finally:
            await server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await server.close()

    return make


MakePgBouncer = Callable[..., PgBouncer]


@pytest.fixture(scope="session")
def pgbouncer(admin_url: str, request: pytest.FixtureRequest) -> Iterator[MakePgBouncer]:
    """`pgbouncer("transaction", pool_size=2).urls(blog)`: the same blog, behind a PgBouncer.

    Each worker has one of its own for each set of arguments, for the whole run.
    """
    try:
        program = find_program(request.config.cache.mkdir("pgbouncer"))  # type: ignore[union-attr]
    except PgBouncerMissing as missing:
        pytest.skip(f"no PgBouncer: {missing}")
    running: dict[object, PgBouncer] = {}

    def make(mode: Mode, *, pool_size: int = 2, **settings: str) -> PgBouncer:
        key = (mode, pool_size, *sorted(settings.items()))
        if key not in running:
            one = PgBouncer(program, admin_url, mode, pool_size=pool_size, settings=settings)
            one.start()
            running[key] = one
        return running[key]

    yield make
    for one in running.values():
        one.stop()


STRATEGIES: tuple[Strategy, ...] = ("row", "schema", "database")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`@pytest.mark.strategies()`: once for each of them, all tests of one after the other."""
    marker = metafunc.definition.get_closest_marker("strategies")
    if marker is not None and "strategy" in metafunc.fixturenames:
        chosen = marker.args or STRATEGIES
        metafunc.parametrize("strategy", chosen, indirect=True, scope="module")


@pytest.fixture(scope="module")
def strategy(request: pytest.FixtureRequest) -> Strategy:
    """How the blogs of a test keep their tenants apart."""
    return getattr(request, "param", "row")


MakeTemplate = Callable[[Strategy], Awaitable[Urls]]


@pytest.fixture(scope="session")
def make_template(admin_url: str) -> MakeTemplate:
    """The prepared blog that nobody connects to; named for its content, it stays on the server."""
    made: dict[Strategy, Urls] = {}

    async def make(strategy: Strategy) -> Urls:
        if strategy not in made:
            made[strategy] = await template(admin_url, strategy=strategy)
        return made[strategy]

    return make


@pytest.fixture(scope="session")
async def blog_template(make_template: MakeTemplate) -> Urls:
    """The one with policies."""
    return await make_template("row")


@pytest.fixture(scope="module")
async def blog(make_template: MakeTemplate, strategy: Strategy) -> AsyncIterator[Urls]:
    """A blog for all tests of a module, which leave it as they found it."""
    urls = await clone(await make_template(strategy), f"blog_{uuid4().hex[:12]}")
    yield urls
    await drop(urls)


@pytest.fixture
async def fresh_blog(make_template: MakeTemplate, strategy: Strategy) -> AsyncIterator[Urls]:
    """A blog for one test, which may do to it what it likes."""
    urls = await clone(await make_template(strategy), f"blog_{uuid4().hex[:12]}")
    yield urls
    await drop(urls)


@pytest.fixture(scope="module")
async def witness(blog: Urls) -> AsyncIterator[Witness]:
    """Sees what is stored in `blog`."""
    witness = Witness(blog)
    yield witness
    await witness.close()


@pytest.fixture
async def fresh_witness(fresh_blog: Urls) -> AsyncIterator[Witness]:
    """Sees what is stored in `fresh_blog`."""
    witness = Witness(fresh_blog)
    yield witness
    await witness.close()


SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"

MakeTenancy = Callable[..., Tenancy]


@pytest.fixture(scope="session")
def make_tenancy() -> MakeTenancy:
    """`make_tenancy(urls, database={…})`: a tenancy on a pool of two, not started yet."""

    def make(
        urls: Urls,
        *,
        env: dict[str, str | None] | None = None,
        options: Any = None,
        **sections: Any,
    ) -> Tenancy:
        wanted = {
            "DATABASE_URL": urls.app_url,
            "REGISTRY_DATABASE_URL": urls.app_url,
            "JWT_SECRET": SECRET,
            **(env or {}),
        }
        environment = {name: value for name, value in wanted.items() if value is not None}
        sections["database"] = {"pool_size": 2, "max_overflow": 0, **sections.get("database", {})}
        sections["multitenancy"] = {
            "strategy": urls.strategy,
            "id_type": "uuid",
            **sections.get("multitenancy", {}),
        }
        config = Config.from_env(environment).override(**sections)
        return Tenancy(config, **(options or {}))

    return make


@pytest.fixture
async def tenancy(blog: Urls, make_tenancy: MakeTenancy) -> AsyncIterator[Tenancy]:
    """A started tenancy on a pool of two."""
    async with make_tenancy(blog) as running:
        yield running


Serve = Callable[[Any], AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="session")
def serve() -> Serve:
    """`async with serve(app) as client`: the app behind uvicorn, on a port of its own."""
    return serving


@pytest.fixture(scope="session")
def token() -> Callable[..., str]:
    """`token(ACME)`: a token of the first user of a tenant, with further claims if wanted."""

    def mint(tenant: UUID | None = ACME, **claims: Any) -> str:
        if "user" not in claims:
            claims["user"] = str(blog_of(tenant or ACME).users[0].id)
        claims.setdefault("scopes", ["write:posts"])
        return mint_token(SECRET, tenant=str(tenant) if tenant else None, **claims)

    return mint


@pytest.fixture
def alarm() -> Iterator[None]:
    """Ends a test that blocks the loop: no time-out of asyncio's would ever come."""

    def ring(signum: int, frame: object) -> None:
        raise TimeoutError("the event loop is blocked")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(15)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
