"""What one tenant's role opens beside its own database is a hole, and a closed border none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry.check.prove import Action, Attempt, Outcome, Proof, Who, prove_databases
from fraiseql_strawberry.errors import TenantUnavailable

pytestmark = pytest.mark.strategies("database")

BORDER = "another tenant's database"
REGISTRY = "what the registry hands out"
WAYS_OUT = "ways out of a tenant's database"


@dataclass
class Deployment:
    """A blog of two databases, each with a role of its own: the border that should hold."""

    urls: Urls
    make_tenancy: Any
    roles: dict[UUID, str]

    async def run(self, tenant: UUID, sql: str) -> None:
        admin = await asyncpg.connect(self.urls.of(tenant).admin_url)
        await admin.execute(sql)
        await admin.close()

    async def register(self, tenant: UUID, url: str) -> None:
        admin = await asyncpg.connect(self.urls.admin_url)
        update = "UPDATE fraiseql.tenant_databases SET database_url = $2 WHERE tenant_id = $1"
        assert await admin.execute(update, tenant, url) == "UPDATE 1"
        await admin.close()

    def url(self, tenant: UUID) -> str:
        place = urlsplit(self.urls.of(tenant).app_url)
        netloc = f"{self.roles[tenant]}:pw@{place.hostname}:{place.port}"
        return place._replace(netloc=netloc, query="").geturl()

    async def prove(self) -> Proof:
        async with self.make_tenancy(self.urls) as tenancy:
            return await prove_databases(tenancy, (str(ACME), str(GLOBEX)))


@pytest.fixture
async def deployment(fresh_blog: Urls, make_tenancy: Any) -> AsyncIterator[Deployment]:
    mark = uuid4().hex[:8]
    made = Deployment(
        fresh_blog, make_tenancy, {one: f"prove_{mark}_{n}" for n, one in enumerate((ACME, GLOBEX))}
    )
    server = await asyncpg.connect(fresh_blog.server_url)
    for tenant, role in made.roles.items():
        await server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
        database = made.urls.of(tenant).database
        await server.execute(f'GRANT CONNECT ON DATABASE "{database}" TO {role}')
        await made.run(
            tenant,
            f"GRANT USAGE ON SCHEMA app TO {role}; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role}",
        )
        await made.register(tenant, made.url(tenant))
    yield made
    for role in made.roles.values():
        for other in (ACME, GLOBEX):
            await made.run(other, f"DROP OWNED BY {role}")
        await server.execute(f"DROP ROLE {role}")
    await server.close()


def of(proof: Proof, target: str) -> dict[tuple[Action, Who], Attempt]:
    return {(one.action, one.who): one for one in proof.attempts if one.target == target}


async def test_nothing_gets_through_a_closed_border(deployment: Deployment) -> None:
    proof = await deployment.prove()
    assert not proof.holes
    assert of(proof, BORDER)[Action.CONNECT, Who.OTHER].outcome is Outcome.CLOSED
    assert of(proof, WAYS_OUT)[Action.CONNECT, Who.OWN].outcome is Outcome.CLOSED
    handed = of(proof, REGISTRY)
    assert set(handed) == {(Action.CONNECT, who) for who in (Who.OTHER, Who.NONE, Who.RANDOM)}
    assert {one.outcome for one in handed.values()} == {Outcome.CLOSED}
    assert "pw" not in repr(proof)


async def test_a_database_that_everybody_may_connect_to_is_a_hole(deployment: Deployment) -> None:
    database = deployment.urls.of(GLOBEX).database
    await deployment.run(
        GLOBEX,
        f'GRANT CONNECT ON DATABASE "{database}" TO PUBLIC; GRANT USAGE ON SCHEMA app TO PUBLIC; '
        "GRANT SELECT ON app.tb_post TO PUBLIC",
    )
    proof = await deployment.prove()
    assert of(proof, BORDER)[Action.CONNECT, Who.OTHER].outcome is Outcome.HOLE
    post = of(proof, "app.tb_post")[Action.SELECT, Who.OTHER]
    assert post.outcome is Outcome.HOLE
    assert post.seen == "a row of another tenant"
    assert "app.tb_user" not in {one.target for one in proof.attempts}


async def test_one_role_for_all_tenants_is_for_people_to_judge(
    fresh_blog: Urls, make_tenancy: Any
) -> None:
    async with make_tenancy(fresh_blog) as tenancy:
        proof = await prove_databases(tenancy, (str(ACME), str(GLOBEX)))
    assert not proof.holes
    border = of(proof, BORDER)[Action.CONNECT, Who.OTHER]
    assert border.outcome is Outcome.UNCLEAR
    assert "a role for each tenant closes it" in border.seen


async def test_two_tenants_that_are_registered_with_one_database_are_a_hole(
    deployment: Deployment,
) -> None:
    await deployment.register(GLOBEX, deployment.url(ACME))
    proof = await deployment.prove()
    assert of(proof, REGISTRY)[Action.CONNECT, Who.OTHER].outcome is Outcome.HOLE


async def test_a_foreign_server_is_a_way_out(deployment: Deployment) -> None:
    await deployment.run(
        ACME,
        "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere; "
        f"GRANT USAGE ON FOREIGN SERVER elsewhere TO {deployment.roles[ACME]}",
    )
    proof = await deployment.prove()
    door = of(proof, "the foreign server elsewhere")[Action.CONNECT, Who.OWN]
    assert door.outcome is Outcome.UNCLEAR


async def test_dblink_is_a_way_out_where_it_may_be_called(deployment: Deployment) -> None:
    try:
        await deployment.run(ACME, "CREATE EXTENSION dblink")
    except asyncpg.PostgresError as error:
        pytest.skip(f"no dblink on this server: {error}")
    await deployment.run(ACME, "GRANT USAGE ON SCHEMA public TO PUBLIC")
    proof = await deployment.prove()
    assert of(proof, "dblink")[Action.CONNECT, Who.OWN].outcome is Outcome.UNCLEAR


async def test_a_tenant_that_is_not_registered_is_an_error(deployment: Deployment) -> None:
    async with deployment.make_tenancy(deployment.urls) as tenancy:
        with pytest.raises(TenantUnavailable):
            await prove_databases(tenancy, (str(ACME), str(uuid4())))
