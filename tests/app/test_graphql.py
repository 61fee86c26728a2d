"""The blog over GraphQL: what it answers, when it has committed, and what its errors show."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from example_app.data import ACME, GLOBEX, blog_of

pytestmark = pytest.mark.strategies()

Token = Callable[..., str]

CREATE = """
    mutation($title: String!) { createPost(title: $title, content: "Written in a test.") {
        id title published author { name } comments { id }
    } }
"""
PUBLISH = "mutation($id: UUID!) { publishPost(id: $id) { id published } }"


def other(tenant: UUID) -> UUID:
    return GLOBEX if tenant == ACME else ACME


BOTH = pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])


@BOTH
async def test_a_page_of_posts(client: Any, token: Token, tenant: UUID) -> None:
    own = sorted(blog_of(tenant).posts, key=lambda post: (post.created_at, post.id), reverse=True)
    own.sort(key=lambda post: post.created_at, reverse=True)
    data = await client.data(
        "{ posts(limit: 5, offset: 2) { id title author { name } comments { author { name } } } }",
        token(tenant),
    )
    assert [post["title"] for post in data["posts"]] == [post.title for post in own[2:7]]
    names = {user.id: user.name for user in blog_of(tenant).users}
    assert [post["author"]["name"] for post in data["posts"]] == [
        names[post.user_id] for post in own[2:7]
    ]


@BOTH
async def test_filters_and_defaults(client: Any, token: Token, tenant: UUID) -> None:
    data = await client.data(
        """query($yes: Boolean) {
            all: posts(limit: 100) { published } some: posts(limit: 100, published: $yes) { id }
            page: posts { id } users { name email }
        }""",
        token(tenant),
        variables={"yes": True},
    )
    published = [post for post in blog_of(tenant).posts if post.published]
    assert len(data["all"]) == len(blog_of(tenant).posts)
    assert {post["id"] for post in data["some"]} == {str(post.id) for post in published}
    assert len(data["page"]) == 20
    assert {user["email"] for user in data["users"]} == {u.email for u in blog_of(tenant).users}


@BOTH
async def test_one_post_and_not_the_other_tenants(client: Any, token: Token, tenant: UUID) -> None:
    query = "query($id: UUID!) { post(id: $id) { title content } }"
    for post in blog_of(tenant).posts[:3]:
        data = await client.data(query, token(tenant), variables={"id": str(post.id)})
        assert data["post"] == {"title": post.title, "content": post.content}
        data = await client.data(query, token(other(tenant)), variables={"id": str(post.id)})
        assert data["post"] is None


# --- Writing --------------------------------------------------------------------------------------


@BOTH
async def test_an_acknowledged_row_is_seen_at_once_from_elsewhere(
    client: Any, token: Token, tenant: UUID, watch: Any
) -> None:
    for _ in range(10):
        title = f"at once {uuid4()}"
        data = await client.data(CREATE, token(tenant), variables={"title": title})
        [row] = await watch.fetch(tenant, "SELECT id FROM tb_post WHERE title = $1", title)
        assert str(row["id"]) == data["createPost"]["id"]
        assert await watch.owners("SELECT FROM tb_post WHERE title = $1", title) == [tenant]
    assert data["createPost"]["author"]["name"] == blog_of(tenant).users[0].name
    await watch.fetch(tenant, "DELETE FROM tb_post WHERE title LIKE 'at once%'")


@BOTH
async def test_publishing_is_for_ones_own_posts(
    client: Any, token: Token, tenant: UUID, watch: Any
) -> None:
    title = f"a draft {uuid4()}"
    data = await client.data(CREATE, token(tenant), variables={"title": title})
    post_id = data["createPost"]["id"]
    assert data["createPost"]["published"] is False
    data = await client.data(PUBLISH, token(other(tenant)), variables={"id": post_id})
    assert data == {"publishPost": None}
    published = "SELECT published FROM tb_post WHERE id = $1"
    assert [r["published"] for r in await watch.fetch(tenant, published, UUID(post_id))] == [False]
    data = await client.data(PUBLISH, token(tenant), variables={"id": post_id})
    assert data == {"publishPost": {"id": post_id, "published": True}}
    assert [r["published"] for r in await watch.fetch(tenant, published, UUID(post_id))] == [True]
    await watch.fetch(tenant, "DELETE FROM tb_post WHERE title LIKE 'a draft%'")


async def test_without_the_scope_nothing_runs(client: Any, token: Token, watch: Any) -> None:
    await client.data("{ users { id } }", token())
    for scopes in ([], ["read:posts"], ["write:postss"], ["WRITE:POSTS"]):
        async with watch.nothing_sent():
            answer = await client.graphql(CREATE, token(scopes=scopes), variables={"title": "x"})
        assert answer.status_code == 200  # a field error, per GraphQL
        [error] = answer.json()["errors"]
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert error["path"] == ["createPost"]
        assert "write:posts" in error["message"]


@pytest.fixture
async def failing_commits(watch: Any) -> Any:
    """Every new post passes its INSERT and fails at COMMIT."""
    await watch.everywhere("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the secret reason'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON tb_post
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
    """)
    yield
    await watch.everywhere("DROP TRIGGER refuse ON tb_post; DROP FUNCTION refuse()")


@pytest.mark.usefixtures("failing_commits")
async def test_a_failing_commit_is_an_error_the_client_sees(
    client: Any, token: Token, watch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.graphql(CREATE, token(), variables={"title": "never"})
    assert answer.json()["data"] is None
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in answer.text
    assert error["extensions"]["id"] in caplog.text
    assert "the secret reason" in caplog.text
    assert await watch.owners("SELECT FROM tb_post WHERE title = 'never'") == []


async def test_the_audit_log_names_who_did_what(
    client: Any, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="example_app"):
        await client.data("query Recent { posts(limit: 1) { id } }", token(GLOBEX))
        await client.graphql("query Recent { posts(limit: -1) { id } }", token(GLOBEX))
    lines = [r.getMessage() for r in caplog.records if r.name == "example_app"]
    user = blog_of(GLOBEX).users[0].id
    assert lines == [
        f"tenant={GLOBEX} user={user} operation=Recent errors={errors}" for errors in (0, 1)
    ]


# --- Introspection and validation -----------------------------------------------------------------


async def test_introspection_needs_no_tenant_and_no_sql(client: Any, watch: Any) -> None:
    async with watch.nothing_sent():
        data = await client.data("{ __schema { queryType { fields { name } } } __typename }")
    assert {field["name"] for field in data["__schema"]["queryType"]["fields"]} == {
        "posts", "post", "searchPosts", "feed", "users",
    }  # fmt: skip


async def test_one_field_that_needs_a_tenant_and_it_is_a_401(client: Any, watch: Any) -> None:
    for query in (
        "{ __typename posts { id } }",
        "{ posts { __typename } }",
        "{ ...F __typename } fragment F on Query { users { id } }",
        "{ ... on Query { posts { id } } }",
        "query($no: Boolean = false) { posts @include(if: $no) { id } }",
        CREATE.replace("$title: String!", '$title: String! = "x"'),
    ):
        async with watch.nothing_sent():
            answer = await client.graphql(query)
        assert answer.status_code == 401
        assert answer.json() == {
            "errors": [
                {"message": "Missing tenant context", "extensions": {"code": "UNAUTHORIZED"}}
            ]
        }


async def test_no_field_names_a_tenant(client: Any) -> None:
    asked = "fields { name args { name } } inputFields { name }"
    data = str(await client.data(f"{{ __schema {{ types {{ {asked} }} }} }}"))
    # The operator's own, which takes a name and a plan.
    assert data.count("'provisionTenant'") == 1
    assert "tenant" not in data.replace("'provisionTenant'", "").lower()


# --- Load -----------------------------------------------------------------------------------------


async def test_two_tenants_at_once(client: Any, token: Token) -> None:
    own = {tenant: {post.title for post in blog_of(tenant).posts} for tenant in (ACME, GLOBEX)}

    async def ask(tenant: UUID) -> None:
        data = await client.data("{ posts(limit: 100) { title } }", token(tenant))
        assert {post["title"] for post in data["posts"]} == own[tenant]

    await asyncio.gather(*(ask(tenant) for tenant in [ACME, GLOBEX] * 50))
