"""Functions that leak or write across tenants are holes, on a clone and in a transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry.check.prove import Action, Attempt, Outcome, Proof, Who, prove_database
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.errors import SetupError

PAIR = (str(ACME), str(GLOBEX))
DEFINER = "LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp"
INVOKER = "LANGUAGE sql SET search_path = app, pg_temp"
# What leaks or writes: its name, its SQL, and as whom it must be seen to.
HOLES: list[tuple[str, str, Who]] = [
    ("app.all_titles", f"FUNCTION app.all_titles() RETURNS SETOF text {DEFINER} AS 'SELECT title FROM tb_post'", Who.OWN),
    ("app.first_posts", f"FUNCTION app.first_posts(how_many integer) RETURNS SETOF tb_post {DEFINER} AS 'SELECT * FROM tb_post LIMIT how_many'", Who.NONE),
    ("app.find_posts", f"FUNCTION app.find_posts(pattern text) RETURNS TABLE (title text) {DEFINER} AS 'SELECT title FROM tb_post WHERE title LIKE pattern'", Who.RANDOM),
    ("app.read_post", f"FUNCTION app.read_post(post_id uuid) RETURNS text {DEFINER} AS 'SELECT title FROM tb_post WHERE id = post_id'", Who.OTHER),
    ("app.retitle", f"FUNCTION app.retitle(post_id uuid, title text) RETURNS void {DEFINER} AS 'UPDATE tb_post SET title = $2 WHERE id = $1'", Who.OTHER),
    ("app.empty_out", f"PROCEDURE app.empty_out(tenant uuid) {DEFINER} AS 'DELETE FROM tb_comment WHERE tenant_id = tenant'", Who.OTHER),
    ("app.plant", f"FUNCTION app.plant(tenant uuid) RETURNS void {DEFINER} AS $$INSERT INTO tb_user (tenant_id, name, email) VALUES (tenant, 'planted', gen_random_uuid())$$", Who.OTHER),
]  # fmt: skip
SOUND = {
    "app.titles": f"FUNCTION app.titles() RETURNS SETOF text {INVOKER} AS 'SELECT title FROM tb_post'",
    "app.echo": f"FUNCTION app.echo(id uuid) RETURNS uuid {INVOKER} AS 'SELECT id'",
    "app.own_title": f"FUNCTION app.own_title(post_id uuid, title text DEFAULT 'x') RETURNS void {INVOKER} AS 'UPDATE tb_post SET title = $2 WHERE id = $1'",
    "app.bound": f"FUNCTION app.bound(post_id uuid) RETURNS text {DEFINER} AS 'SELECT title FROM tb_post WHERE id = post_id AND tenant_id = fraiseql.current_tenant_id()'",
    "app.give_up": "FUNCTION app.give_up(post_id uuid) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM 1 FROM app.tb_post WHERE id = post_id; IF NOT FOUND THEN RAISE 'no such post'; END IF; RETURN 'yes'; END$$",
}  # fmt: skip


@pytest.fixture
async def called(fresh_blog: Urls) -> AsyncIterator[Any]:
    """`await called(sql, clone=…)`: what is said of each function of a blog that has them."""
    connections: list[asyncpg.Connection] = []

    async def prove(sql: str, *, clone: bool, functions: tuple[str, ...] = ()) -> Proof:
        admin = await asyncpg.connect(fresh_blog.admin_url)
        app = await asyncpg.connect(fresh_blog.app_url, statement_cache_size=0)
        connections.extend((admin, app))
        await admin.execute("SET search_path = app")
        await admin.execute(sql)
        config = Config.from_env({"DATABASE_URL": fresh_blog.app_url})
        on_clone = admin if clone else None
        return await prove_database(config, app, PAIR, functions=functions, on_clone=on_clone)

    yield prove
    for connection in connections:
        await connection.close()


def created(*definitions: str) -> str:
    """The functions, which PUBLIC may call."""
    return "".join(f"CREATE {one};\n" for one in definitions) + (
        "GRANT EXECUTE ON ALL ROUTINES IN SCHEMA app TO app;"
    )


def of(proof: Proof, name: str) -> dict[Who, Attempt]:
    return {
        one.who: one
        for one in proof.attempts
        if one.action is Action.CALL and one.target.startswith(f"{name}(")
    }


@pytest.mark.parametrize("clone", [True, False], ids=["on a clone", "rolled back"])
async def test_each_function_that_crosses_tenants_is_a_hole_and_no_other(
    called: Any, fresh_blog: Urls, clone: bool
) -> None:
    definitions = (*(sql for _, sql, _ in HOLES), *SOUND.values())
    names = () if clone else (*(name for name, *_ in HOLES), *SOUND)
    before = await everything(fresh_blog)
    proof = await called(created(*definitions), clone=clone, functions=names)
    for name, _, who in HOLES:
        attempt = of(proof, name)[who]
        assert attempt.outcome is Outcome.HOLE, attempt
        assert name in attempt.statement.replace('"', "")
    for name in SOUND:
        found = of(proof, name)
        assert set(found) == {Who.OWN, Who.OTHER, Who.NONE, Who.RANDOM}
        assert {one.outcome for one in found.values()} == {Outcome.CLOSED}, found
    if not clone:
        assert await everything(fresh_blog) == before


async def everything(urls: Urls) -> list[Any]:
    admin = await asyncpg.connect(urls.admin_url)
    try:
        tables = ("tb_user", "tb_post", "tb_comment")
        sql = "SELECT r::text FROM app.{} AS r ORDER BY 1"
        return [await admin.fetch(sql.format(table)) for table in tables]
    finally:
        await admin.close()


async def test_what_is_written_where_the_application_cannot_read_is_seen_on_a_clone(
    called: Any,
) -> None:
    sql = (
        "CREATE TABLE app.tb_secret (tenant_id uuid NOT NULL, n int NOT NULL);"
        f"INSERT INTO app.tb_secret VALUES ('{ACME}', 1), ('{GLOBEX}', 1);"
    )
    spend = f"FUNCTION app.spend(tenant uuid) RETURNS void {DEFINER} AS 'UPDATE tb_secret SET n = n + 1 WHERE tenant_id = tenant'"
    proof = await called(sql + created(spend), clone=True)
    assert of(proof, "app.spend")[Who.OTHER].outcome is Outcome.HOLE
    assert "app.tb_secret" in of(proof, "app.spend")[Who.OTHER].seen


async def test_what_cannot_be_called_is_said(called: Any) -> None:
    odd = f"FUNCTION app.odd(box) RETURNS integer {INVOKER} AS 'SELECT 1'"
    always = (
        "FUNCTION app.always_fails() RETURNS integer LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$"
    )
    ends = "PROCEDURE app.ends() LANGUAGE plpgsql AS $$BEGIN COMMIT; END$$"
    proof = await called(created(odd, always, ends), clone=True)
    assert "type box" in of(proof, "app.odd")[Who.OTHER].seen
    for name, code in (("app.always_fails", "P0001"), ("app.ends", "2D000")):
        assert {one.outcome for one in of(proof, name).values()} == {Outcome.NOT_TRIED}
        assert code in of(proof, name)[Who.OWN].seen


async def test_without_a_clone_only_those_are_called_that_are_named(called: Any) -> None:
    proof = await called(created(HOLES[0][1], HOLES[4][1]), clone=False, functions=("all_titles",))
    assert of(proof, "app.all_titles")[Who.OWN].outcome is Outcome.HOLE
    (untouched,) = of(proof, "app.retitle").values()
    assert untouched.outcome is Outcome.NOT_TRIED
    assert "--clone" in untouched.seen


async def test_a_name_that_is_none_is_an_error(called: Any) -> None:
    with pytest.raises(SetupError, match=r"'al_titles'.*app\.all_titles"):
        await called(created(HOLES[0][1]), clone=False, functions=("al_titles",))


async def test_an_administrator_that_policies_hold_is_refused(fresh_blog: Urls) -> None:
    """It would see none of the rows, and so no hole."""
    app = await asyncpg.connect(fresh_blog.app_url, statement_cache_size=0)
    blind = await asyncpg.connect(fresh_blog.app_url)
    config = Config.from_env({"DATABASE_URL": fresh_blog.app_url})
    try:
        with pytest.raises(SetupError, match="BYPASSRLS"):
            await prove_database(config, app, PAIR, on_clone=blind)
    finally:
        await app.close()
        await blind.close()
