"""Values that stand in the document: a new one is no new document, and the answer is the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry.graphql.readings import Readings
from fraiseql_strawberry.graphql.served import served_schema

Token = Callable[..., str]
FIELDS = "{ id title author { name } comments { content } }"
BY_ID = 'post(id: "%s") ' + FIELDS


@fraiseql.query
async def viewer(info: Any) -> str:
    return info.context["user_id"]


class Served(NamedTuple):
    client: Any
    readings: Readings


@pytest.fixture
async def served(
    blog: Urls, make_tenancy: Any, serve: Any, fast_lane: bool
) -> AsyncIterator[Served]:
    tenancy = make_tenancy(blog, graphql={"fast_lane": fast_lane})
    schema = fraiseql.build_schema([blog_schema.posts, blog_schema.post, viewer])
    app = FastAPI(lifespan=tenancy.lifespan)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    async with serve(app) as client:
        yield Served(client, served_schema(tenancy, schema).readings)


@pytest.mark.parametrize("mixed", [False, True])
async def test_an_inline_id_reads_what_a_variable_reads(
    served: Served, token: Token, mixed: bool, fast_lane: bool
) -> None:
    by_variable = f"query ($id: UUID!) {{ post(id: $id) {FIELDS} }}"
    inline = f"{{ {'viewer ' if mixed else ''}{BY_ID} }}"
    posts = {tenant: blog_of(tenant).posts[:5] for tenant in (ACME, GLOBEX)}
    for one, other in zip(posts[ACME], posts[GLOBEX], strict=True):
        for tenant, post, foreign in ((ACME, one, other), (GLOBEX, other, one)):
            found = await served.client.data(inline % post.id, token(tenant))
            wanted = await served.client.data(
                by_variable, token(tenant), variables={"id": str(post.id)}
            )
            assert found["post"] == wanted["post"]
            assert found["post"]["title"] == post.title
            # Another tenant's row does not exist, whoever asked for it before.
            assert (await served.client.data(inline % foreign.id, token(tenant)))["post"] is None
    # The fast lane reads documents of sources alone in its own way.
    assert len(served.readings) == (0 if fast_lane and not mixed else 1)


@pytest.mark.parametrize(
    ("good", "bad"),
    [(BY_ID % ACME, BY_ID % "nonsense"), ("posts(limit: 5) { id }", "posts(limit: 5000) { id }")],
)
async def test_a_bad_value_is_refused_where_it_stands(
    served: Served, token: Token, good: str, bad: str
) -> None:
    answers: list[Any] = []
    for text in (bad, good, bad):
        answer = await served.client.graphql(f"{{ viewer {text} }}", token())
        answers.append(answer.json())
    first, between, last = answers
    assert "errors" not in between
    assert first == last
    (error,) = first["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error.get("locations", [{"line": 1, "column": 10}]) == [{"line": 1, "column": 10}]


async def test_errors_point_into_the_text_that_was_sent(served: Served, token: Token) -> None:
    for limit in (5, 55):
        text = f"{{ viewer a: posts(limit: {limit}) {{ id }} posts(limit: 7777) {{ id }} }}"
        answer = await served.client.graphql(text, token())
        (error,) = answer.json()["errors"]
        assert error["locations"] == [{"line": 1, "column": text.index("posts(limit: 7777") + 1}]
