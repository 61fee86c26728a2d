"""A mutation that writes or returns another tenant's rows is a hole, and a sound one is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import strawberry
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import TenantSession
from fraiseql_strawberry.check import check_connection
from fraiseql_strawberry.check.prove import Attempt, Outcome, Who
from fraiseql_strawberry.check.prove.belongings import AdminWitness
from fraiseql_strawberry.check.prove.mutations import attack_mutations

DEFINER = "LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp"


@fraiseql.mutation
async def retitle(session: TenantSession, id: UUID, title: str) -> bool:
    """A hole: the function that it calls asks no policy."""
    await session.execute(text("SELECT app.retitle(:id, :title)"), {"id": id, "title": title})
    return True


@fraiseql.mutation
async def read_title(session: TenantSession, id: UUID) -> str | None:
    """A hole: so does this one."""
    return await session.scalar(text("SELECT app.title_of(:id)"), {"id": id})


@fraiseql.query
async def nothing() -> int:
    return 0


@pytest.fixture
async def mutated(fresh_blog: Urls, make_tenancy: Any) -> AsyncIterator[Any]:
    """`await mutated(schema)`: what is said of its mutations, by name and as whom."""
    admin = await asyncpg.connect(fresh_blog.admin_url)
    app = await asyncpg.connect(fresh_blog.app_url)
    await admin.execute(
        f"""
        CREATE FUNCTION app.retitle(uuid, text) RETURNS void {DEFINER}
          AS 'UPDATE tb_post SET title = $2 WHERE id = $1';
        CREATE FUNCTION app.title_of(uuid) RETURNS text {DEFINER}
          AS 'SELECT title FROM tb_post WHERE id = $1';
        GRANT EXECUTE ON FUNCTION app.retitle(uuid, text), app.title_of(uuid) TO app;
        """
    )

    async def attack(schema: strawberry.Schema) -> dict[tuple[str, Who], Attempt]:
        async with make_tenancy(fresh_blog, multitenancy={"startup_check": "off"}) as tenancy:
            facts, _ = await check_connection(tenancy.config, app, rules=())
            found = await attack_mutations(
                tenancy,
                schema,
                facts,
                AdminWitness(admin),
                (str(ACME), str(GLOBEX)),
                scopes=("write:posts",),
            )
        return {(one.target, one.who): one for one in found}

    yield attack
    await app.close()
    await admin.close()


async def test_the_mutations_of_the_blog_are_closed(mutated: Any) -> None:
    found = await mutated(fraiseql.build_schema(blog_schema))
    for name in ("publishPost", "updatePost", "createPost"):
        for who in (Who.OWN, Who.OTHER, Who.NONE):
            attempt = found[f"Mutation.{name}", who]
            assert attempt.outcome is Outcome.CLOSED, attempt
    # It is for administrators, who hold another scope: what is refused to all proves nothing.
    assert found["Mutation.provisionTenant", Who.OTHER].outcome is Outcome.NOT_TRIED


async def test_a_mutation_that_crosses_tenants_is_a_hole(mutated: Any) -> None:
    found = await mutated(fraiseql.build_schema([nothing, retitle, read_title]))
    for name, seen in (("retitle", "app.tb_post"), ("readTitle", "values")):
        attempt = found[f"Mutation.{name}", Who.OTHER]
        assert attempt.outcome is Outcome.HOLE, attempt
        assert seen in attempt.seen
        assert found[f"Mutation.{name}", Who.NONE].outcome is Outcome.CLOSED
