"""Two schemas have one fingerprint if and only if DDL made them alike."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from fraiseql_strawberry.lifecycle.fingerprint import digests, fingerprint

NAMES = ("tenant_a", "tenant-b", "Order")  # plain, quoted for its dash, quoted as a keyword

SCHEMA = """
    CREATE SCHEMA "{name}";
    SET LOCAL search_path = "{name}";
    CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE DOMAIN word AS text CHECK (VALUE <> '');
    CREATE TYPE pair AS (a int, b int);
    CREATE TABLE tb_user (id uuid PRIMARY KEY, name word NOT NULL, mood mood DEFAULT 'good');
    CREATE TABLE tb_post (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      number bigserial,
      size int,
      user_id uuid REFERENCES tb_user,
      title text COLLATE "C" NOT NULL DEFAULT '',
      CHECK (title <> 'x')
    );
    CREATE INDEX post_title ON tb_post (title);
    CREATE STATISTICS post_both ON title, user_id FROM tb_post;
    CREATE VIEW v_post WITH (security_invoker = true) AS SELECT id, title FROM tb_post;
    CREATE FUNCTION shout(said text) RETURNS text LANGUAGE sql STABLE
      SET search_path = "{name}", pg_temp AS 'SELECT upper(said)';
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touched BEFORE UPDATE ON tb_post FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE RULE quiet AS ON DELETE TO tb_user DO INSTEAD NOTHING;
    ALTER TABLE tb_post ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON tb_post USING (title <> 'secret');
    GRANT SELECT ON tb_post TO pg_monitor;
    COMMENT ON TABLE tb_post IS 'posts';
"""

CHANGES = """
    ALTER TABLE tb_post ADD COLUMN more text
    ALTER TABLE tb_post ALTER COLUMN size TYPE bigint
    ALTER TABLE tb_post ALTER COLUMN title DROP NOT NULL
    ALTER TABLE tb_post ALTER COLUMN title SET DEFAULT 'y'
    ALTER TABLE tb_post ADD COLUMN more text COLLATE "POSIX"
    ALTER TABLE tb_post ALTER COLUMN title SET STORAGE PLAIN
    ALTER TABLE tb_post DROP CONSTRAINT tb_post_title_check
    ALTER TABLE tb_post DROP CONSTRAINT tb_post_user_id_fkey
    ALTER TABLE tb_post RENAME CONSTRAINT tb_post_pkey TO other
    ALTER TABLE tb_post DISABLE ROW LEVEL SECURITY
    ALTER TABLE tb_post FORCE ROW LEVEL SECURITY
    ALTER TABLE tb_post SET UNLOGGED
    ALTER TABLE tb_post SET (fillfactor = 50)
    ALTER TABLE tb_post OWNER TO pg_monitor
    ALTER TABLE tb_post DISABLE TRIGGER touched
    ALTER TABLE tb_post REPLICA IDENTITY FULL
    ALTER SEQUENCE tb_post_number_seq INCREMENT BY 2
    ALTER SEQUENCE tb_post_number_seq OWNED BY NONE
    DROP INDEX post_title
    DROP STATISTICS post_both
    DROP TRIGGER touched ON tb_post
    DROP RULE quiet ON tb_user
    DROP POLICY own ON tb_post
    ALTER POLICY own ON tb_post USING (true)
    ALTER POLICY own ON tb_post TO pg_monitor
    CREATE OR REPLACE VIEW v_post AS SELECT id, title FROM tb_post
    CREATE OR REPLACE VIEW v_post WITH (security_invoker = true) AS SELECT id, title FROM tb_post LIMIT 1
    ALTER TYPE mood RENAME VALUE 'bad' TO 'sad'
    ALTER DOMAIN word SET NOT NULL
    ALTER TYPE pair ADD ATTRIBUTE c int
    ALTER FUNCTION shout(text) RESET search_path
    ALTER FUNCTION shout(text) VOLATILE
    ALTER FUNCTION shout(text) OWNER TO pg_monitor
    REVOKE EXECUTE ON FUNCTION shout(text) FROM PUBLIC
    GRANT INSERT ON tb_post TO pg_monitor
    GRANT SELECT (title) ON tb_post TO pg_read_all_data
    GRANT SELECT ON tb_post TO pg_monitor WITH GRANT OPTION
    REVOKE SELECT ON tb_post FROM pg_monitor
    GRANT USAGE ON SCHEMA tenant_a TO pg_monitor
    ALTER SCHEMA tenant_a OWNER TO pg_monitor
    ALTER DEFAULT PRIVILEGES IN SCHEMA tenant_a GRANT SELECT ON TABLES TO pg_monitor
    CREATE COLLATION mine FROM "C"
    CREATE TABLE another ()
    CREATE MATERIALIZED VIEW counted AS SELECT 1 AS one
""".strip().splitlines()


@pytest.fixture(scope="module")
async def database(make_database) -> AsyncIterator[str]:
    async with make_database() as database:
        yield database.url


@pytest.fixture
async def driver(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection, in a transaction with the three schemas, that is rolled back."""
    connection = await asyncpg.connect(database)
    transaction = connection.transaction()
    await transaction.start()
    for name in NAMES:
        await connection.execute(SCHEMA.format(name=name))
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_alike_whatever_the_name(driver: asyncpg.Connection) -> None:
    plain, dashed, keyword = [await fingerprint(driver, name) for name in NAMES]
    assert plain.lines == dashed.lines == keyword.lines
    assert plain.digest == dashed.digest
    assert not plain.difference(dashed)
    assert len(plain.lines) > 40


async def test_the_digest_is_the_same_in_sql(driver: asyncpg.Connection) -> None:
    found = await digests(driver, [*NAMES, "missing"])
    one = (await fingerprint(driver, "tenant_a")).digest
    assert found == dict.fromkeys(NAMES, one)


@pytest.mark.parametrize("change", [change.strip() for change in CHANGES])
async def test_every_change_shows(driver: asyncpg.Connection, change: str) -> None:
    await driver.execute(f"SET LOCAL search_path = tenant_a; {change}")
    changed, untouched = [await fingerprint(driver, name) for name in NAMES[:2]]
    difference = untouched.difference(changed)
    assert difference
    assert changed.digest != untouched.digest
    found = await digests(driver, NAMES)
    assert found == {
        "tenant_a": changed.digest,
        "tenant-b": untouched.digest,
        "Order": untouched.digest,
    }


async def test_rows_do_not_count(driver: asyncpg.Connection) -> None:
    before = await fingerprint(driver, "tenant_a")
    await driver.execute("INSERT INTO tenant_a.tb_post (title) VALUES ('y')")
    assert await fingerprint(driver, "tenant_a") == before


async def test_comments_count_when_asked_for(driver: asyncpg.Connection) -> None:
    await driver.execute("COMMENT ON TABLE tenant_a.tb_post IS 'other'")
    ours, theirs = [await fingerprint(driver, name) for name in NAMES[:2]]
    assert not ours.difference(theirs)
    ours, theirs = [await fingerprint(driver, name, comments=True) for name in NAMES[:2]]
    assert str(ours.difference(theirs)) == (
        "- comment table {tenant}.tb_post: other\n+ comment table {tenant}.tb_post: posts"
    )


async def test_a_mention_of_another_tenant_shows(driver: asyncpg.Connection) -> None:
    await driver.execute(
        """ALTER TABLE tenant_a.tb_post ADD FOREIGN KEY (user_id) REFERENCES "tenant-b".tb_user;
           CREATE SCHEMA tenant_a2;
           CREATE TABLE tenant_a2.t (like_it int);
           ALTER TABLE tenant_a.tb_post ADD FOREIGN KEY (id) REFERENCES tenant_a.tb_user;
           CREATE VIEW tenant_a.near AS SELECT * FROM tenant_a2.t"""
    )
    lines = "\n".join((await fingerprint(driver, "tenant_a")).lines)
    assert 'REFERENCES "tenant-b".tb_user(id)' in lines
    assert "REFERENCES {tenant}.tb_user(id)" in lines
    assert "FROM tenant_a2.t" in lines  # only the whole name is the tenant's


async def test_the_tenants_own_role_counts_as_the_tenant(driver: asyncpg.Connection) -> None:
    for schema, role in (("tenant_a", "role_of_a"), ("tenant-b", "role-of-b")):
        await driver.execute(f'CREATE ROLE "{role}"; GRANT USAGE ON SCHEMA "{schema}" TO "{role}"')
    a, b = await fingerprint(driver, "tenant_a"), await fingerprint(driver, "tenant-b")
    assert a.difference(b)
    a = await fingerprint(driver, "tenant_a", alias="role_of_a")
    b = await fingerprint(driver, "tenant-b", alias="role-of-b")
    assert a == b
    found = await digests(
        driver, NAMES[:2], aliases={"tenant_a": "role_of_a", "tenant-b": "role-of-b"}
    )
    assert set(found.values()) == {a.digest}


async def test_what_an_extension_brought_is_its_own(driver: asyncpg.Connection) -> None:
    known = await driver.fetchval(
        "SELECT name FROM pg_available_extensions WHERE name IN ('pg_trgm', 'vector') LIMIT 1"
    )
    if known is None:
        pytest.skip("this PostgreSQL has neither pg_trgm nor vector")
    before = await fingerprint(driver, "tenant_a")
    await driver.execute(f"CREATE EXTENSION {known} SCHEMA tenant_a")
    added = before.difference(await fingerprint(driver, "tenant_a"))
    assert [line for line in added.unexpected if not line.startswith("other extension")] == []
    assert added.missing == ()


async def test_the_search_path_is_what_it_was(driver: asyncpg.Connection) -> None:
    await driver.execute('SET LOCAL search_path = "tenant-b", pg_temp')
    await fingerprint(driver, "tenant_a")
    assert await driver.fetchval("SHOW search_path") == '"tenant-b", pg_temp'


async def test_no_transaction_is_left(database: str) -> None:
    connection = await asyncpg.connect(database)
    assert (await fingerprint(connection, "missing")).lines == ()
    assert not connection.is_in_transaction()
    assert await connection.fetchval("SHOW search_path") == '"$user", public'
    await connection.close()
