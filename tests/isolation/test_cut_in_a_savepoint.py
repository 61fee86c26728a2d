"""A connection that is cut inside a savepoint: the service is unavailable, and not at fault."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

import fraiseql_strawberry as fraiseql
from example_app.data import ACME
from example_app.database import Urls
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.config import SecretUrl
from fraiseql_strawberry.errors import ServiceUnavailable
from tests.isolation.tcp_proxy import Link
from tests.witness import Witness

pytestmark = pytest.mark.strategies("row", "schema")

ONE = text("SELECT 1")
LONG = text("SELECT pg_sleep(30)")

Cut = Callable[[], Awaitable[None]]
Body = Callable[[AsyncSession, Cut], Awaitable[object]]


async def before_it_begins(session: AsyncSession, cut: Cut) -> None:
    await cut()
    async with session.begin_nested():
        await session.execute(ONE)


async def between_statements(session: AsyncSession, cut: Cut) -> None:
    async with session.begin_nested():
        await cut()
        await session.execute(ONE)


async def during_a_statement(session: AsyncSession, cut: Cut) -> None:
    async def later() -> None:
        await asyncio.sleep(0.1)
        await cut()

    cutting = asyncio.create_task(later())
    async with session.begin_nested():
        await session.execute(LONG)
    await cutting


async def as_it_ends(session: AsyncSession, cut: Cut) -> None:
    async with session.begin_nested():
        await session.execute(ONE)
        await cut()


async def as_it_is_rolled_back(session: AsyncSession, cut: Cut) -> None:
    savepoint = await session.begin_nested()
    await session.execute(ONE)
    await cut()
    await savepoint.rollback()


async def with_no_end(session: AsyncSession, cut: Cut) -> None:
    await session.begin_nested()
    await cut()
    await session.execute(ONE)


async def in_a_savepoint_of_a_savepoint(session: AsyncSession, cut: Cut) -> None:
    async with session.begin_nested(), session.begin_nested():
        await cut()
        await session.execute(ONE)


async def and_is_caught(session: AsyncSession, cut: Cut) -> None:
    with suppress(DBAPIError):
        await between_statements(session, cut)


async def and_is_caught_and_gone_on_from(session: AsyncSession, cut: Cut) -> None:
    await and_is_caught(session, cut)
    await session.execute(ONE)


async def and_is_caught_in_its_block(session: AsyncSession, cut: Cut) -> None:
    async with session.begin_nested():
        await cut()
        with suppress(DBAPIError):
            await session.execute(ONE)


async def and_is_caught_with_no_savepoint(session: AsyncSession, cut: Cut) -> None:
    await cut()
    with suppress(DBAPIError):
        await session.execute(ONE)
    await session.execute(ONE)


BODIES: list[Body] = [
    before_it_begins,
    between_statements,
    during_a_statement,
    as_it_ends,
    as_it_is_rolled_back,
    with_no_end,
    in_a_savepoint_of_a_savepoint,
    and_is_caught,
    and_is_caught_and_gone_on_from,
    and_is_caught_in_its_block,
    and_is_caught_with_no_savepoint,
]


@pytest.fixture
async def link(blog: Urls) -> AsyncIterator[Link]:
    async with Link(SecretUrl(blog.app_url)).open() as link:
        yield link


@pytest.fixture
async def tenancy(
    blog: Urls, link: Link, make_tenancy: Callable[..., Tenancy]
) -> AsyncIterator[Tenancy]:
    async with make_tenancy(replace(blog, app_url=link.url.reveal())) as tenancy:
        yield tenancy


@pytest.fixture(params=["the link", "the server"])
def cut(request: pytest.FixtureRequest, link: Link, witness: Witness) -> Cut:
    """Cuts the connection, and says so to nobody."""

    async def cut_the_link() -> None:
        link.cut()

    async def end_the_back_end() -> None:
        await witness.activity("pg_terminate_backend(pid)")

    return cut_the_link if request.param == "the link" else end_the_back_end


@pytest.mark.parametrize("seen", [False, True], ids=["unseen", "seen"])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
async def test_the_client_is_told_that_the_service_is_unavailable(
    tenancy: Tenancy, cut: Cut, body: Body, seen: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def cut_and_perhaps_look() -> None:
        await cut()
        if seen:  # by the driver, before its next statement
            await asyncio.sleep(0.05)

    async def work() -> None:
        async with tenancy.session() as session:
            await session.execute(ONE)
            await body(session, cut_and_perhaps_look)

    async with tenancy.as_tenant(str(ACME)):
        with pytest.raises(ServiceUnavailable):
            await work()
        async with tenancy.session() as session:
            assert await session.scalar(ONE) == 1
    pool: Any = tenancy.isolation.engine_for(str(ACME)).pool
    assert pool.checkedout() == 0
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def test_after_a_rollback_the_session_has_another_connection(
    tenancy: Tenancy, cut: Cut
) -> None:
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        await session.execute(ONE)
        await and_is_caught(session, cut)
        await session.rollback()
        assert await session.scalar(ONE) == 1


@fraiseql.query
def ping() -> bool:
    return True


@pytest.mark.parametrize("atomic", [False, True], ids=["", "atomic"])
async def test_the_status_says_so(
    blog: Urls,
    link: Link,
    cut: Cut,
    make_tenancy: Callable[..., Tenancy],
    serve: Any,
    token: Callable[..., str],
    atomic: bool,
) -> None:
    @fraiseql.mutation(atomic=atomic)
    async def go_on(session: TenantSession) -> bool:
        await session.execute(ONE)
        await and_is_caught_and_gone_on_from(session, cut)
        return True

    tenancy, app = make_tenancy(replace(blog, app_url=link.url.reveal())), FastAPI()
    tenancy.install(app)
    schema = fraiseql.build_schema([ping, go_on])
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    async with serve(app) as client:
        answer = await client.graphql("mutation { goOn }", token())
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == ServiceUnavailable.code
    assert answer.status_code == 503
