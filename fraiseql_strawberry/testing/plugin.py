"""The pytest plugin: fixtures for the tests of an application.

`pytest.ini` or `pyproject.toml` says where the application is:

    [tool.pytest.ini_options]
    fraiseql_app = "blog.app:app"            # an app, or a function that makes one
    fraiseql_tenants = "ID-OF-A ID-OF-B"     # two tenants that exist; made up otherwise
    fraiseql_template = "blog_template"      # a database to copy for each worker
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from ..config import Config
from ..fastapi import find_runtime
from ..tenancy import Tenancy
from .client import TestClient
from .server import ServedApp
from .tokens import every_scope, token_for

__all__ = [
    "as_tenant",
    "fraiseql_app",
    "fraiseql_config",
    "fraiseql_database",
    "fraiseql_served",
    "pytest_addoption",
    "tenant_a_token",
    "tenant_b_token",
    "test_client",
    "two_tenants",
]

_TENANTS = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The keys of the configuration."""
    parser.addini("fraiseql_app", "the application: 'module:attribute'", default="")
    parser.addini("fraiseql_tenants", "the ids of two tenants", default=_TENANTS)
    parser.addini("fraiseql_template", "a database to copy for each worker", default="")


@pytest.fixture(scope="session")
def fraiseql_database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """A copy of the template for this worker, in `DATABASE_URL`; None without a template.

    `ADMIN_DATABASE_URL` names who may create databases.
    """
    template = str(request.config.getini("fraiseql_template"))
    if not template:
        yield None
        return
    url = os.environ["DATABASE_URL"]
    # A template cannot be copied while anybody is connected to it, we included.
    admin = urlsplit(os.environ["ADMIN_DATABASE_URL"])._replace(path="/postgres").geturl()
    name = f"{template}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    _run(admin, drop, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    os.environ["DATABASE_URL"] = urlsplit(url)._replace(path=f"/{name}").geturl()
    try:
        yield name
    finally:
        os.environ["DATABASE_URL"] = url
        _run(admin, drop)


@pytest.fixture(scope="session")
def fraiseql_app(request: pytest.FixtureRequest, fraiseql_database: str | None) -> Any:
    """The application; override it, or say `fraiseql_app = "module:attribute"`."""
    where = str(request.config.getini("fraiseql_app"))
    module, colon, name = where.partition(":")
    if not colon:
        raise pytest.UsageError(
            "say where the application is, in [tool.pytest.ini_options]: "
            'fraiseql_app = "blog.app:app"'
        )
    root = str(request.config.rootpath)
    if root not in sys.path:
        sys.path.insert(0, root)
    found = getattr(importlib.import_module(module), name)
    return found() if callable(found) and not hasattr(found, "routes") else found


@pytest.fixture(scope="session")
def fraiseql_config(fraiseql_app: Any) -> Config:
    """The configuration of the application's tenancy."""
    return find_runtime(fraiseql_app).config


@pytest.fixture(scope="session")
def fraiseql_served(fraiseql_app: Any) -> Iterator[ServedApp]:
    """The application on a socket, for all tests of this worker."""
    with ServedApp(fraiseql_app) as served:
        yield served


@pytest.fixture
def test_client(fraiseql_served: ServedApp) -> TestClient:
    """Speaks to the application: `await test_client.query("{ posts { id } }", headers=…)`."""
    return TestClient(fraiseql_served.url)


@pytest.fixture(scope="session")
def two_tenants(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The ids of two tenants."""
    one, other = str(request.config.getini("fraiseql_tenants")).split()
    return one, other


@pytest.fixture(scope="session")
def tenant_a_token(fraiseql_app: Any, fraiseql_config: Config, two_tenants: tuple[str, str]) -> str:
    """A token of the first tenant, with every scope that the schema asks for."""
    return token_for(fraiseql_config, two_tenants[0], every_scope(fraiseql_app, fraiseql_config))


@pytest.fixture(scope="session")
def tenant_b_token(fraiseql_app: Any, fraiseql_config: Config, two_tenants: tuple[str, str]) -> str:
    """A token of the second tenant."""
    return token_for(fraiseql_config, two_tenants[1], every_scope(fraiseql_app, fraiseql_config))


AsTenant = Callable[[str], AbstractAsyncContextManager[AsyncSession]]


@pytest.fixture
def as_tenant(fraiseql_config: Config) -> AsTenant:
    """What opens a session of a tenant, on the test's own loop: `async with` its answer."""

    @asynccontextmanager
    async def open_session(tenant_id: str) -> AsyncGenerator[AsyncSession]:
        small = fraiseql_config.override(database={"pool_size": 1, "max_overflow": 0})
        async with (
            Tenancy(small) as tenancy,
            tenancy.as_tenant(tenant_id),
            tenancy.session() as session,
        ):
            yield session

    return open_session


def _run(url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", "", 1))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())
