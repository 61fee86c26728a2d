"""The example's `provision_tenant`, over HTTP: a tenant that can be used at once, or none at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from example_app.app import CONFIG, create_app
from example_app.data import ACME, GLOBEX
from example_app.database import Urls, clone, drop, template
from fraiseql_strawberry.auth import mint_token
from fraiseql_strawberry.config import Strategy, load_config, with_overrides
from fraiseql_strawberry.lifecycle import apply_control_schema
from fraiseql_strawberry.lifecycle.administrator import Administrator
from tests.service import Client, serving

SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
PROVISION = 'mutation ($name: String!) { provisionTenant(name: $name, plan: "free") { id name plan status } }'
POSTS = "{ posts { title author { name } } }"


@pytest.fixture(scope="module", params=["row", "schema"])
async def urls(request: pytest.FixtureRequest, admin_url: str) -> AsyncIterator[Urls]:
    """A blog that is prepared for work on tenants."""
    strategy: Strategy = request.param
    made = await clone(await template(admin_url, strategy=strategy), f"blog_{uuid4().hex[:12]}")
    environment = {"DATABASE_URL": made.app_url, "ADMIN_DATABASE_URL": made.admin_url}
    config = with_overrides(
        load_config(CONFIG, environment), {"multitenancy": {"strategy": strategy}}
    )
    administrator = Administrator.of(config)
    await apply_control_schema(config, administrator)
    await administrator.close()
    yield made
    await drop(made)


@pytest.fixture
async def client(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("DATABASE_URL", urls.app_url)
    monkeypatch.setenv("ADMIN_DATABASE_URL", urls.admin_url)
    monkeypatch.setenv("JWT_SECRET", SECRET)
    async with serving(create_app(strategy=urls.strategy)) as client:
        yield client


def token(tenant: UUID | str | None, *scopes: str) -> str:
    return mint_token(SECRET, tenant=tenant and str(tenant), user="operator", scopes=scopes)


async def test_a_new_tenant_can_be_used_at_once(client: Client) -> None:
    made = await client.data(PROVISION, token(None, "admin:tenants"), variables={"name": "Initech"})
    tenant = made["provisionTenant"]
    assert (tenant["name"], tenant["plan"], tenant["status"]) == ("Initech", "free", "active")
    own = token(tenant["id"], "write:posts")
    assert await client.data(POSTS, own) == {
        "posts": [{"title": "Welcome", "author": {"name": "Editor of Initech"}}]
    }
    create = 'mutation { createPost(title: "Ours", content: "…") { title } }'
    await client.data(create, own)
    for other in (ACME, GLOBEX):
        posts = (await client.data("{ posts(limit: 100) { title } }", token(other)))["posts"]
        assert posts
        assert not {post["title"] for post in posts} & {"Ours", "Welcome"}
    assert len((await client.data(POSTS, own))["posts"]) == 2


async def test_who_is_an_administrator_of_one_tenant_may_make_another(client: Client) -> None:
    made = await client.data(
        PROVISION, token(ACME, "admin:tenants"), variables={"name": "Umbrella"}
    )
    own = token(made["provisionTenant"]["id"])
    assert len((await client.data(POSTS, own))["posts"]) == 1


@pytest.mark.parametrize("tenant", [None, ACME])
async def test_others_may_not(client: Client, urls: Urls, tenant: UUID | None) -> None:
    answer = await client.graphql(
        PROVISION, token(tenant, "write:posts"), variables={"name": "Mallory"}
    )
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    admin = await asyncpg.connect(urls.admin_url)
    found = await admin.fetchval("SELECT count(*) FROM fraiseql.tenants WHERE name = 'Mallory'")
    await admin.close()
    assert found == 0


async def test_the_tenants_that_were_there_before_have_the_same_life(
    client: Client, urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that are older than the lifecycle say nothing of their place."""
    tenancy = create_app(strategy=urls.strategy).state.fraiseql_tenancy
    try:
        assert (await client.data(POSTS, token(GLOBEX)))["posts"]
        deletion = await tenancy.tenants.deletion(str(GLOBEX))
        assert sum(deletion.rows.values()) > 40
        receipt = await tenancy.tenants.delete(str(GLOBEX), deletion.token)
        assert receipt.rows == sum(deletion.rows.values())
    finally:
        await tenancy.tenants.close()
