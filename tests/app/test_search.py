"""Filters and orders of a client's over HTTP, on every strategy and in both lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from example_app.data import ACME, GLOBEX, blog_of

pytestmark = pytest.mark.strategies()

Token = Callable[..., str]

SEARCH = """query ($where: PostWhere, $order: [PostOrderBy!], $limit: Int = 1000) {
    searchPosts(where: $where, orderBy: $order, limit: $limit) { id title author { name } }
}"""
BOTH = pytest.mark.parametrize(
    ("tenant", "other"), [(ACME, GLOBEX), (GLOBEX, ACME)], ids=["acme", "globex"]
)


async def titles(client: Any, token: str, where: Any, order: Any = None) -> list[str]:
    data = await client.data(SEARCH, token, variables={"where": where, "order": order})
    return [post["title"] for post in data["searchPosts"]]


@BOTH
async def test_conditions_and_orders(client: Any, token: Token, tenant: UUID, other: UUID) -> None:
    posts = blog_of(tenant).posts
    name = blog_of(tenant).users[0].name
    own = {post.title for post in posts if post.user_id == blog_of(tenant).users[0].id}
    mine = token(tenant)
    assert set(await titles(client, mine, {"author": {"name": {"eq": name}}})) == own
    assert (
        set(await titles(client, mine, {"not": {"author": {"name": {"eq": name}}}}))
        == {post.title for post in posts} - own
    )
    ordered = await titles(client, mine, {"published": {"eq": True}}, [{"id": "DESC"}])
    wanted = sorted((post for post in posts if post.published), key=lambda post: post.id)
    assert ordered == [post.title for post in wanted[::-1]]


@BOTH
async def test_another_tenant_s_values_find_nothing(
    client: Any, token: Token, tenant: UUID, other: UUID
) -> None:
    """A condition is no oracle: not on the row, and not on the rows that belong to it."""
    theirs = blog_of(other)
    names = {user.name for user in theirs.users} - {user.name for user in blog_of(tenant).users}
    mine = token(tenant)
    found = [
        *await titles(client, mine, {"id": {"in": [str(post.id) for post in theirs.posts]}}),
        *await titles(client, mine, {"author": {"name": {"in": sorted(names)}}}),
        *await titles(
            client, mine, {"author": {"id": {"in": [str(user.id) for user in theirs.users]}}}
        ),
        *await titles(
            client,
            mine,
            {"comments": {"some": {"id": {"in": [str(c.id) for c in theirs.comments][:1000]}}}},
        ),
    ]
    assert found == []
    everything = await titles(client, token(tenant), {"comments": {"every": {"author": {}}}})
    assert sorted(everything) == sorted(post.title for post in blog_of(tenant).posts)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"title": {"eq": None}}, "say isNull: true"),
        ({"or": [{"title": {"like": "\\"}}]}, "where.or.0.title.like"),
        ({"id": {"in": [str(UUID(int=1))] * 1001}}, "more than 1000 values"),
        ({"and": [{}] * 200}, "more than 100 conditions"),
    ],
)
async def test_what_is_refused(client: Any, token: Token, where: Any, message: str) -> None:
    answer = await client.graphql(SEARCH, token(ACME), variables={"where": where})
    (error,) = answer.json()["errors"]
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_conditions_as_deep_as_a_body_may_be(client: Any, token: Token) -> None:
    where: dict[str, Any] = {}
    for _ in range(300):
        where = {"not": where}
    answer = await client.graphql(SEARCH, token(ACME), variables={"where": where})
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT", error


async def test_a_key_of_two_columns_is_refused(client: Any, token: Token) -> None:
    for order in ([{"id": "ASC", "title": "ASC"}], [{}], [{"id": None}]):
        answer = await client.graphql(SEARCH, token(ACME), variables={"order": order})
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT", error


async def test_a_new_inline_value_is_the_same_plan(client: Any, token: Token) -> None:
    mine, post = token(ACME), blog_of(ACME).posts[0]
    for title in (post.title, "nothing", post.title):
        text = f'{{ searchPosts(where: {{title: {{eq: "{title}"}}}}) {{ id }} }}'
        found = await client.data(text, mine)
        assert [post["id"] for post in found["searchPosts"]] == (
            [] if title == "nothing" else [str(post.id)]
        )
