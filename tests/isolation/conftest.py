"""The example blog on the test server: a template made once, and a fresh copy where one is wanted.

`admin_url` (in `tests/conftest.py`) is a superuser of a running PostgreSQL. The template is named
for its content and stays there, so that the next run, or another worker, finds it ready.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from example_app.database import Urls, clone, drop, template

__all__ = ["app_role", "blog", "blog_template", "fresh_blog", "superuser"]


@pytest.fixture(scope="session")
async def blog_template(admin_url: str) -> Urls:
    """The prepared blog that nobody connects to."""
    return await template(admin_url)


@pytest.fixture(scope="module")
async def blog(blog_template: Urls) -> AsyncIterator[Urls]:
    """A blog for all tests of a module, which leave it as they found it."""
    urls = await clone(blog_template, f"blog_{uuid4().hex}")
    yield urls
    await drop(urls)


@pytest.fixture
async def fresh_blog(blog_template: Urls) -> AsyncIterator[Urls]:
    """A blog for one test, which may do to it what it likes."""
    urls = await clone(blog_template, f"blog_{uuid4().hex}")
    yield urls
    await drop(urls)


@pytest.fixture
async def app_role(blog: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A new connection of the role that the service uses."""
    connection = await asyncpg.connect(blog.app_url)
    yield connection
    await connection.close()


@pytest.fixture
async def superuser(blog: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, in a transaction that is rolled back."""
    connection = await asyncpg.connect(blog.admin_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()
