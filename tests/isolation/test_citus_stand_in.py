"""The conformance suite over the forms that Citus needs, on one PostgreSQL without Citus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest

from example_app.database import Urls, clone, drop
from fraiseql_strawberry.config import Strategy
from tests.citus import install_stand_in
from tests.isolation.test_conformance import *  # noqa: F403 - one and the same suite

pytestmark = pytest.mark.strategies("row")


@pytest.fixture(scope="module")
async def blog(
    make_template: Callable[[Strategy], Awaitable[Urls]], strategy: Strategy
) -> AsyncIterator[Urls]:
    """A blog in a database that looks as if it had Citus."""
    urls = await clone(await make_template(strategy), f"blog_{uuid4().hex[:12]}")
    await install_stand_in(urls.admin_url)
    yield urls
    await drop(urls)
