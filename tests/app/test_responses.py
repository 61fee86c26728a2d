"""The response that a client gets is that of its own request, however it was answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX
from fraiseql_strawberry import Tenancy

Token = Any


async def naming_context(request: Request, response: Response) -> dict[str, Any]:
    """The application's context getter, which sets a header: as a cookie of a session would be."""
    response.headers["X-Asked"] = request.headers["x-asking"]
    return {}


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy, serve: Any) -> Any:
    app = FastAPI()
    tenancy.install(app)
    schema = fraiseql.build_schema(blog_schema)
    router = fraiseql.GraphQLRouter(schema, tenancy=tenancy, context_getter=naming_context)
    app.include_router(router, prefix="/graphql")
    async with serve(app) as client:
        yield client


async def test_headers_of_requests_at_the_same_time_are_not_mixed(
    client: Any, token: Token
) -> None:
    async def ask(number: int) -> tuple[str, Any]:
        asking = f"request {number}"
        answer = await client.graphql(
            f"{{ posts(limit: {number % 7}) {{ title }} }}",
            token((ACME, GLOBEX)[number % 2]),
            headers={"X-Asking": asking},
        )
        assert answer.status_code == 200, answer.text
        return asking, answer.headers.get_list("x-asked")

    for asked, answered in await asyncio.gather(*map(ask, range(40))):
        assert answered == [asked]
