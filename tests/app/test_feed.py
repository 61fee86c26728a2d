"""A connection over HTTP, on every strategy and in both lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from example_app.data import ACME, GLOBEX, blog_of

pytestmark = pytest.mark.strategies()

Token = Callable[..., str]

FEED = """query ($first: Int, $after: String, $last: Int, $before: String) {
    feed(first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { id title author { name } comments(limit: 1) { id } } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor __typename } totalCount
    }
}"""
BOTH = pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])


async def page(client: Any, token: str, **variables: Any) -> Any:
    return (await client.data(FEED, token, variables=variables))["feed"]


@BOTH
async def test_all_pages_are_all_posts(client: Any, token: Token, tenant: UUID) -> None:
    mine, found, cursor = token(tenant), [], None
    while True:
        answer = await page(client, mine, first=7, after=cursor)
        found += [edge["node"]["id"] for edge in answer["edges"]]
        assert answer["totalCount"] == len(blog_of(tenant).posts)
        cursor = answer["pageInfo"]["endCursor"]
        if not answer["pageInfo"]["hasNextPage"]:
            break
    posts = sorted(blog_of(tenant).posts, key=lambda post: post.id)
    posts.sort(key=lambda post: post.created_at, reverse=True)
    assert found == [str(post.id) for post in posts]
    back = await page(client, mine, last=3, before=cursor)
    assert [edge["node"]["id"] for edge in back["edges"]] == found[-4:-1]
    assert back["pageInfo"]["hasNextPage"]
    assert back["pageInfo"]["hasPreviousPage"]


async def test_a_cursor_of_another_tenant_is_refused(client: Any, token: Token) -> None:
    cursor = (await page(client, token(GLOBEX), first=1))["pageInfo"]["endCursor"]
    variables = {"first": 1, "after": cursor}
    answer = await client.graphql(FEED, token(ACME), variables=variables)
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "another tenant" in error["message"]


async def test_an_inline_cursor_is_the_same_plan(client: Any, token: Token) -> None:
    mine = token(ACME)
    seen: list[str] = []
    text = "{ feed(first: 2%s) { edges { node { id } } pageInfo { endCursor } } }"
    after = ""
    for _ in range(3):
        answer = (await client.data(text % after, mine))["feed"]
        seen += [edge["node"]["id"] for edge in answer["edges"]]
        after = f', after: "{answer["pageInfo"]["endCursor"]}"'
    assert len(set(seen)) == len(seen) == 6
