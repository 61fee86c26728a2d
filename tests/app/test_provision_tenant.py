"""The example's `provision_tenant`, over HTTP: a tenant that can be used at once, or none at all."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from example_app.app import create_app
from example_app.data import ACME, GLOBEX
from example_app.database import Urls, clone, drop
from example_app.lifecycle import prepare_lifecycle
from fraiseql_strawberry.auth import mint_token
from fraiseql_strawberry.config import Strategy
from tests.service import Client, serving

MakeTemplate = Callable[[Strategy], Awaitable[Urls]]

SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
PROVISION = 'mutation ($name: String!) { provisionTenant(name: $name, plan: "free") { id name plan status } }'
POSTS = "{ posts { title author { name } } }"


@pytest.fixture(scope="module", params=["row", "schema", "database"])
async def urls(request: pytest.FixtureRequest, make_template: MakeTemplate) -> AsyncIterator[Urls]:
    """A blog that is prepared for work on tenants."""
    made = await clone(await make_template(request.param), f"blog_{uuid4().hex[:12]}")
    await prepare_lifecycle(made)
    yield made
    await drop_tenants_of(made)
    await drop(made)


async def drop_tenants_of(urls: Urls) -> None:
    """The databases that were made for new tenants, and the template that they were copied from."""
    scope = hashlib.sha256(urls.database.encode()).hexdigest()[:8]
    server = await asyncpg.connect(urls.server_url)
    for row in await server.fetch(
        "SELECT datname FROM pg_database WHERE datname LIKE $1 OR datname LIKE $2",
        f"{urls.tenants}\\_%",
        f"fraiseql_template_{scope}_%",
    ):
        await server.execute(f'ALTER DATABASE "{row["datname"]}" IS_TEMPLATE false')
        await server.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
    await server.close()


@pytest.fixture
def app(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The example, on that blog."""
    monkeypatch.setenv("DATABASE_URL", urls.app_url)
    monkeypatch.setenv("REGISTRY_DATABASE_URL", urls.app_url)
    monkeypatch.setenv("ADMIN_DATABASE_URL", urls.admin_url)
    monkeypatch.setenv("JWT_SECRET", SECRET)
    return create_app(strategy=urls.strategy, database_template=f"{urls.tenants}_{{id}}")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[Client]:
    async with serving(app) as client:
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
    app: FastAPI, client: Client
) -> None:
    """Records that are older than the lifecycle say nothing of their place."""
    tenants = app.state.fraiseql_tenancy.tenants
    assert (await client.data(POSTS, token(GLOBEX)))["posts"]
    deletion = await tenants.deletion(str(GLOBEX))
    assert sum(deletion.rows.values()) > 40
    receipt = await tenants.delete(str(GLOBEX), deletion.token)
    assert receipt.rows == sum(deletion.rows.values())
    refused = await client.graphql(POSTS, token(GLOBEX))
    assert refused.json()["errors"][0]["extensions"]["code"] == "TENANT_UNAVAILABLE"
