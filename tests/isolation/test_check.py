"""Every fault of SECURITY.md planted in the blog, and the rule that finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import asyncpg
import pytest

from example_app.database import Urls
from fraiseql_strawberry.check import RULES, Finding, Severity, findings, read_facts

ACCESS = "tenant_id = (SELECT fraiseql.current_tenant_id())"


class Fault(NamedTuple):
    """A fault and the finding that it must lead to."""

    rule: str
    object: str
    severity: Severity
    sql: str


E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741
PLAIN = "CREATE TABLE app.tb_note (tenant_id uuid NOT NULL, id uuid PRIMARY KEY DEFAULT gen_random_uuid()"
NOTE = (
    f"{PLAIN}, body text); CREATE INDEX ON app.tb_note (tenant_id); "
    "GRANT SELECT ON app.tb_note TO app; ALTER TABLE app.tb_note ENABLE ROW LEVEL SECURITY; "
    "ALTER TABLE app.tb_note FORCE ROW LEVEL SECURITY; "
    f"CREATE POLICY access ON app.tb_note USING ({ACCESS}); "
    f"CREATE POLICY fence ON app.tb_note AS RESTRICTIVE USING ({ACCESS}); "
)
FAULTS = [
    Fault("R01", "app", E, "ALTER ROLE app SUPERUSER"),
    Fault("R01", "app", E, "ALTER ROLE app BYPASSRLS"),
    Fault("R02", "app", E, "GRANT app_migrator TO app"),
    Fault("R02", "app", E, "GRANT app_owner TO app"),
    Fault(
        "R02",
        "app",
        E,
        "CREATE ROLE between_them; GRANT app_migrator TO between_them; GRANT between_them TO app",
    ),
    Fault("R03", "app.tb_post", E, "GRANT TRUNCATE ON app.tb_post TO app"),
    Fault("R03", "app.tb_post", E, "GRANT TRIGGER ON app.tb_post TO PUBLIC"),
    Fault("R04", "DATABASE", W, "GRANT TEMP ON DATABASE {db} TO app"),
    Fault("R04", "app", W, "GRANT CREATE ON SCHEMA app TO app"),
    Fault(
        "R05",
        "app.tenant_id",
        E,
        "ALTER ROLE app SET app.tenant_id = '11111111-1111-4111-8111-111111111111'",
    ),
    Fault("R05", "row_security", E, "ALTER DATABASE {db} SET row_security = off"),
    Fault("R05", "role", E, "ALTER ROLE app IN DATABASE {db} SET role = 'app_owner'"),
    Fault("T01", "app.tb_comment", E, "ALTER TABLE app.tb_comment DISABLE ROW LEVEL SECURITY"),
    Fault("T02", "app.tb_post", W, "ALTER TABLE app.tb_post NO FORCE ROW LEVEL SECURITY"),
    Fault(
        "T02",
        "app.tb_user",
        E,
        "ALTER TABLE app.tb_user NO FORCE ROW LEVEL SECURITY; GRANT CREATE ON SCHEMA app TO app; ALTER TABLE app.tb_user OWNER TO app",
    ),
    Fault(
        "T03",
        "app.tb_post",
        I,
        "DROP POLICY tenant_access ON app.tb_post; DROP POLICY tenant_fence ON app.tb_post",
    ),
    Fault(
        "T04",
        "app.tb_note",
        E,
        NOTE
        + "DROP POLICY fence ON app.tb_note; CREATE POLICY everybody ON app.tb_note USING (true)",
    ),
    Fault(
        "T04",
        "app.tb_note",
        E,
        NOTE
        + f"DROP POLICY fence ON app.tb_note; DROP POLICY access ON app.tb_note; CREATE POLICY access ON app.tb_note USING ({ACCESS} OR body IS NULL)",
    ),
    Fault(
        "T04",
        "app.tb_note",
        E,
        NOTE
        + "DROP POLICY fence ON app.tb_note; CREATE POLICY plant ON app.tb_note FOR INSERT WITH CHECK (true)",
    ),
    Fault(
        "T04",
        "app.tb_note",
        E,
        NOTE
        + f"DROP POLICY fence ON app.tb_note; CREATE POLICY move ON app.tb_note FOR UPDATE USING ({ACCESS}) WITH CHECK (true)",
    ),
    Fault("T05", "app.tb_post", W, "DROP POLICY tenant_fence ON app.tb_post"),
    Fault(
        "T06",
        "app.tb_note",
        W,
        NOTE
        + "ALTER POLICY access ON app.tb_note USING (tenant_id = current_setting('app.tenant_id')::uuid)",
    ),
    Fault(
        "T06",
        "app.tb_note",
        W,
        NOTE
        + "ALTER POLICY access ON app.tb_note USING (tenant_id = fraiseql.current_tenant_id())",
    ),
    Fault("T07", "app.tb_note", E, NOTE + "ALTER TABLE app.tb_note ALTER tenant_id DROP NOT NULL"),
    Fault("T08", "app.tb_note", W, NOTE + "DROP INDEX app.tb_note_tenant_id_idx"),
    Fault("T09", "app.tb_note", W, NOTE + "CREATE UNIQUE INDEX one_body ON app.tb_note (body)"),
    Fault(
        "T09",
        "app.tb_count",
        W,
        "CREATE TABLE app.tb_count (tenant_id uuid NOT NULL, n bigserial PRIMARY KEY); GRANT SELECT ON app.tb_count TO app",
    ),
    Fault(
        "T10",
        "app.tb_note",
        W,
        NOTE
        + "CREATE UNIQUE INDEX ids ON app.tb_post (id); ALTER TABLE app.tb_note ADD post_id uuid REFERENCES app.tb_post (id)",
    ),
    Fault(
        "T10",
        "app.tb_note",
        E,
        NOTE
        + "CREATE UNIQUE INDEX ids ON app.tb_post (id); ALTER TABLE app.tb_note ADD post_id uuid REFERENCES app.tb_post (id) ON DELETE CASCADE",
    ),
    Fault(
        "T11",
        "app.tb_part_1",
        E,
        "CREATE TABLE app.tb_part (tenant_id uuid NOT NULL, n int) PARTITION BY RANGE (n); CREATE TABLE app.tb_part_1 PARTITION OF app.tb_part FOR VALUES FROM (0) TO (9); GRANT SELECT ON app.tb_part_1 TO app",
    ),
    Fault(
        "T12",
        "app.tb_note",
        W,
        NOTE
        + "ALTER TABLE app.tb_note ADD price numeric; CREATE INDEX prices ON app.tb_note (tenant_id, price)",
    ),
    Fault(
        "T12",
        "app.tb_note",
        W,
        NOTE
        + "ALTER TABLE app.tb_note ADD tags text[]; CREATE INDEX tags ON app.tb_note USING gin (tags)",
    ),
    Fault("V01", "app.v_post", E, "ALTER VIEW app.v_post RESET (security_invoker)"),
    Fault(
        "V01",
        "app.v_post",
        E,
        "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW app.v_post AS ' || pg_get_viewdef('app.v_post'::regclass); END $$",
    ),
    Fault(
        "V02",
        "app.all_posts",
        E,
        "CREATE MATERIALIZED VIEW app.all_posts AS SELECT title FROM app.tb_post; GRANT SELECT ON app.all_posts TO app",
    ),
    Fault(
        "V03",
        "app.v_outer",
        E,
        "CREATE VIEW app.v_inner AS SELECT title FROM app.tb_post; CREATE VIEW app.v_outer WITH (security_invoker) AS SELECT * FROM app.v_inner; GRANT SELECT ON app.v_outer TO app",
    ),
    Fault("V04", "app.v_post", W, "ALTER VIEW app.v_post SET (security_barrier)"),
    Fault(
        "F01",
        "app.all_titles()",
        E,
        "CREATE FUNCTION app.all_titles() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT title FROM app.tb_post'; GRANT EXECUTE ON FUNCTION app.all_titles() TO app",
    ),
    Fault(
        "F01",
        "app.all_titles()",
        W,
        "CREATE FUNCTION app.all_titles() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT title FROM app.tb_post'; GRANT EXECUTE ON FUNCTION app.all_titles() TO app",
    ),
    Fault(
        "F02",
        "app.peek(text)",
        W,
        "CREATE FUNCTION app.peek(text) RETURNS bool LANGUAGE sql LEAKPROOF AS 'SELECT true'",
    ),
    Fault("S02", "DATABASE", W, "GRANT CONNECT ON DATABASE {db} TO PUBLIC"),
]
"""One at a time, and then all that can stand together."""


async def found_in(connection: asyncpg.Connection) -> list[Finding]:
    return findings(await read_facts(connection, "app"), "row")


@pytest.fixture
async def planted(blog: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection in a transaction that is rolled back."""
    connection = await asyncpg.connect(blog.admin_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_the_golden_blog_has_nothing_to_mend(blog: Urls) -> None:
    connection = await asyncpg.connect(blog.app_url)
    assert [one.key for one in await found_in(connection)] == []
    await connection.close()


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{f.rule}-{n}" for n, f in enumerate(FAULTS)])
async def test_each_fault_is_found_with_its_severity_and_its_fix_mends_it(
    planted: asyncpg.Connection, blog: Urls, fault: Fault
) -> None:
    await planted.execute(fault.sql.format(db=blog.database))
    named = blog.database if fault.object == "DATABASE" else fault.object
    found = {(one.rule.id, one.object): one for one in await found_in(planted)}
    one = found[fault.rule, named]
    assert one.severity == fault.severity
    assert one.message
    assert one.rule.why
    fix = one.fix.replace(" CONCURRENTLY", "")
    commands = [line for line in fix.splitlines() if not line.startswith("--")]
    if not commands or fault.rule in ("T09", "T10", "T03"):
        return  # for a person to decide; it is SQL to start from
    await planted.execute("\n".join(commands))
    # A fault may stand in two places, such as two policies; each finding mends its own.
    left = [other for other in await found_in(planted) if other.key == one.key]
    assert one.message not in [other.message for other in left]


async def test_all_of_them_at_once_are_found(planted: asyncpg.Connection, blog: Urls) -> None:
    expected: set[str] = set()
    for number, fault in enumerate(FAULTS):
        if fault.rule == "R02":
            continue  # what belongs to a role of its own is its own: then other rules are silent
        savepoint = planted.transaction()
        await savepoint.start()
        sql = fault.sql.replace("tb_note", f"tb_note{number}").replace(
            " ids ON", f" ids{number} ON"
        )
        try:
            await planted.execute(sql.format(db=blog.database))
        except asyncpg.PostgresError:
            await savepoint.rollback()  # a name that is taken, a view that is replaced
            continue
        await savepoint.commit()
        expected.add(fault.rule)
    # A superuser may do everything, so these say nothing more of it; and without a policy there
    # is none that is wrong.
    await planted.execute("ALTER ROLE app NOSUPERUSER")
    missed = expected - {one.rule.id for one in await found_in(planted)} - {"T03"}
    assert not missed


async def test_the_seeds_own_policies_are_no_error(planted: asyncpg.Connection) -> None:
    await planted.execute(
        "CREATE TABLE app.tb_seed (tenant_id uuid NOT NULL, id uuid PRIMARY KEY DEFAULT gen_random_uuid()); "
        "CREATE POLICY seed ON app.tb_seed USING (tenant_id = current_setting('app.tenant_id')::uuid); "
        "ALTER TABLE app.tb_seed ENABLE ROW LEVEL SECURITY; "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON app.tb_seed TO app"
    )
    severities = {one.severity for one in await found_in(planted)}
    assert severities == {Severity.WARNING}


async def test_a_finding_can_be_ignored_by_its_key_or_its_rule(
    planted: asyncpg.Connection,
) -> None:
    await planted.execute("ALTER VIEW app.v_post SET (security_barrier)")
    await planted.execute("ALTER VIEW app.v_user SET (security_barrier)")
    facts = await read_facts(planted, "app")
    assert [one.key for one in findings(facts, "row")] == ["V04:app.v_post", "V04:app.v_user"]
    left = findings(facts, "row", ignored={"V04:app.v_post"})
    assert [one.key for one in left] == ["V04:app.v_user"]
    assert not findings(facts, "row", ignored={"V04"})


async def test_every_rule_of_row_isolation_has_a_fault_here() -> None:
    tested = {fault.rule for fault in FAULTS} | {"S01", "S03"} | {"K01", "K02"}  # test_sealed.py
    assert tested == {rule.id for rule in RULES if "row" in rule.strategies}


async def test_timeouts_and_versions(blog: Urls) -> None:
    off = {
        "statement_timeout": "0",
        "lock_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
    }
    connection = await asyncpg.connect(blog.app_url, server_settings=off)
    facts = await read_facts(connection, "app")
    await connection.close()
    found = [one for one in findings(facts, "row") if one.rule.id == "S01"]
    assert [one.message for one in found] == [
        "statement_timeout is off",
        "lock_timeout is off",
        "idle_in_transaction_session_timeout is off",
    ]
