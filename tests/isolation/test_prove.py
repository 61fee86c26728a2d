"""A hole is shown wherever rows really leak, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry.check.prove import (
    Action,
    Outcome,
    Proof,
    Who,
    prove_database,
    render_page,
)
from fraiseql_strawberry.check.prove.graphql import attack_fields
from fraiseql_strawberry.config import Config

ACCESS = "tenant_id = (SELECT fraiseql.current_tenant_id())"
NOTE = (
    "CREATE TABLE app.tb_note (tenant_id uuid NOT NULL, id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text NOT NULL); "
    "GRANT SELECT, INSERT, UPDATE, DELETE ON app.tb_note TO app; ALTER TABLE app.tb_note ENABLE ROW LEVEL SECURITY; "
    "ALTER TABLE app.tb_note FORCE ROW LEVEL SECURITY; "
)
BOUND = f"CREATE POLICY access ON app.tb_note USING ({ACCESS}); "
# What leaks, and one attack that must get through; the check that finds it by its text may not.
LEAKS: list[tuple[str, str, Action]] = [
    ("ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY", "app.tb_post", Action.SELECT),
    ("ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY", "app.v_post", Action.SELECT),
    (
        "ALTER VIEW app.v_post RESET (security_invoker); ALTER VIEW app.v_post OWNER TO app_migrator",
        "app.v_post",
        Action.SELECT,
    ),
    (NOTE + "CREATE POLICY everybody ON app.tb_note USING (true)", "app.tb_note", Action.DELETE),
    (
        NOTE + f"CREATE POLICY access ON app.tb_note USING ({ACCESS} OR true)",
        "app.tb_note",
        Action.UPDATE,
    ),
    (
        NOTE + BOUND + "CREATE POLICY plant ON app.tb_note FOR INSERT WITH CHECK (true)",
        "app.tb_note",
        Action.INSERT,
    ),
    (
        NOTE
        + f"CREATE POLICY s ON app.tb_note FOR SELECT USING ({ACCESS}); CREATE POLICY i ON app.tb_note FOR INSERT WITH CHECK ({ACCESS}); CREATE POLICY u ON app.tb_note FOR UPDATE USING ({ACCESS}) WITH CHECK (true); ALTER POLICY s ON app.tb_note USING (true)",
        "app.tb_note",
        Action.MOVE,
    ),
    (
        "CREATE TABLE app.tb_part (tenant_id uuid NOT NULL, n int NOT NULL) PARTITION BY RANGE (n); CREATE TABLE app.tb_part_1 PARTITION OF app.tb_part FOR VALUES FROM (0) TO (2147483647); GRANT SELECT, INSERT ON app.tb_part_1 TO app",
        "app.tb_part_1",
        Action.SELECT,
    ),
    (
        "CREATE MATERIALIZED VIEW app.all_posts AS SELECT title, tenant_id FROM app.tb_post; GRANT SELECT ON app.all_posts TO app",
        "app.all_posts",
        Action.SELECT,
    ),
    (
        "CREATE VIEW app.v_inner AS SELECT id, title FROM app.tb_post; ALTER VIEW app.v_inner OWNER TO app_migrator; CREATE VIEW app.v_outer WITH (security_invoker) AS SELECT * FROM app.v_inner; GRANT SELECT ON app.v_inner, app.v_outer TO app",
        "app.v_outer",
        Action.SELECT,
    ),
]
TIGHT = [
    "DROP POLICY tenant_fence ON app.tb_post",
    "ALTER TABLE app.tb_post NO FORCE ROW LEVEL SECURITY",
    "ALTER VIEW app.v_post SET (security_barrier)",
    NOTE
    + "CREATE POLICY seed ON app.tb_note USING (tenant_id = current_setting('app.tenant_id')::uuid)",
]


@pytest.fixture
async def planted(fresh_blog: Urls) -> AsyncIterator[Any]:
    """`await planted(sql)`: the proof of a blog in which that was done."""
    connections: list[asyncpg.Connection] = []

    async def prove(
        sql: str = "SELECT 1", tenants: tuple[str, str] | None = (str(ACME), str(GLOBEX))
    ) -> Proof:
        admin = await asyncpg.connect(fresh_blog.admin_url)
        await admin.execute(sql)
        app = await asyncpg.connect(fresh_blog.app_url)
        connections.extend((admin, app))
        config = Config.from_env({"DATABASE_URL": fresh_blog.app_url})
        before = await admin.fetchval("SELECT count(*) FROM app.tb_post")
        proof = await prove_database(config, app, tenants)
        assert await admin.fetchval("SELECT count(*) FROM app.tb_post") == before
        return proof

    yield prove
    for connection in connections:
        await connection.close()


@pytest.mark.parametrize("tenants", [(str(ACME), str(GLOBEX)), None], ids=["real", "made up"])
async def test_nothing_gets_through_the_golden_blog(planted: Any, tenants: Any) -> None:
    proof = await planted("SELECT 1", tenants)
    assert not proof.holes
    tables = {"app.tb_user", "app.tb_post", "app.tb_comment"}
    for table in tables:  # not vacuous: everything was tried on every table
        tried = {
            (one.action, one.who)
            for one in proof.attempts
            if one.target == table and one.outcome is Outcome.CLOSED
        }
        for action in (Action.SELECT, Action.INSERT, Action.UPDATE, Action.DELETE):
            for who in (Who.OTHER, Who.NONE, Who.RANDOM):
                assert (action, who) in tried, (table, action, who)
        assert (Action.MOVE, Who.OTHER) in tried
        assert (Action.SELECT, Who.AFTER_COMMIT) in tried
    assert "fraiseql.tenants" in proof.shared


@pytest.mark.parametrize(("sql", "target", "action"), LEAKS)
async def test_what_leaks_is_shown_with_the_statement(
    planted: Any, sql: str, target: str, action: Action
) -> None:
    proof = await planted(sql)
    through = {(one.target, one.action): one for one in proof.holes}
    assert (target, action) in through, [
        (o.target, o.action, o.who, o.seen) for o in proof.attempts if o.target == target
    ]
    assert through[target, action].statement


@pytest.mark.parametrize("sql", TIGHT)
async def test_what_does_not_leak_is_no_hole(planted: Any, sql: str) -> None:
    proof = await planted(sql)
    assert not proof.holes
    assert proof.count(Outcome.CLOSED) > 40


async def test_all_of_them_at_once(planted: Any) -> None:
    """Each leak in a table of its own, beside what does not leak: those holes, and no other."""
    script: list[str] = []
    expected: set[tuple[str, Action]] = set()
    leaking: set[str] = {"app.v_outer", "app.v_inner", "app.v_post", "app.tb_post"}
    for number, (sql, target, action) in enumerate(LEAKS):
        if sql in script:
            continue
        script.append(sql.replace("tb_note", f"tb_note{number}"))
        where = target.replace("tb_note", f"tb_note{number}")
        expected.add((where, action))
        leaking.add(where)
    for number, sql in enumerate(TIGHT):
        if "tb_note" in sql:
            script.append(sql.replace("tb_note", f"tb_tight{number}"))
    proof = await planted("; ".join(script))
    holes = {(one.target, one.action) for one in proof.holes}
    assert expected <= holes
    assert {target for target, _ in holes} <= leaking
    tight = [one for one in proof.attempts if "tb_tight" in one.target]
    assert tight
    for name in ("app.tb_user", "app.tb_comment", "app.v_user", "app.v_comment"):
        tried = [one for one in proof.attempts if one.target == name]
        assert sum(one.outcome is Outcome.CLOSED for one in tried) > 3


async def test_a_role_that_bypasses_policies_is_a_hole_everywhere(
    fresh_blog: Urls,
) -> None:
    admin = await asyncpg.connect(fresh_blog.admin_url)
    config = Config.from_env({"DATABASE_URL": fresh_blog.app_url})
    proof = await prove_database(config, admin, (str(ACME), str(GLOBEX)))
    await admin.close()
    assert {one.target for one in proof.holes} >= {"app.tb_post", "app.v_post"}


async def test_the_page_stands_alone_and_shows_the_hole(planted: Any) -> None:
    proof = await planted("ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY")
    page = render_page(proof)
    assert "<script" not in page
    assert "http" not in page.replace("fraiseql", "")
    assert "attacks got through" in page
    assert "SELECT 1 FROM &quot;app&quot;.&quot;tb_post&quot;" in page
    assert "prefers-color-scheme: dark" in page


async def test_every_query_field_is_asked_as_two_tenants(
    fresh_blog: Urls, make_tenancy: Any
) -> None:
    schema = fraiseql.build_schema(blog_schema)
    pair = (str(ACME), str(GLOBEX))
    async with make_tenancy(fresh_blog) as tenancy:
        closed = {one.target: one for one in await attack_fields(tenancy, schema, pair)}
    assert closed["Query.posts"].outcome is Outcome.CLOSED
    assert closed["Query.feed"].outcome is Outcome.CLOSED
    assert closed["Query.users"].outcome is Outcome.CLOSED
    assert closed["Query.post"].outcome is Outcome.NOT_TRIED
    admin = await asyncpg.connect(fresh_blog.admin_url)
    await admin.execute("ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY")
    await admin.close()
    async with make_tenancy(fresh_blog, multitenancy={"startup_check": "off"}) as tenancy:
        open_ = {one.target: one for one in await attack_fields(tenancy, schema, pair)}
    assert open_["Query.posts"].outcome is Outcome.HOLE
    assert json.dumps(open_["Query.posts"].seen)
