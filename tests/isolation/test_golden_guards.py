"""Each guard of the example's SQL was needed: take it out, make the usual mistake, and rows leak.

Every case runs the same attack twice, with the guard and without it, in transactions of a
superuser that are rolled back; the attack itself runs as the role it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import pytest
from asyncpg import exceptions as pg

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls

Connection = asyncpg.Connection

THEIR_POST = blog_of(GLOBEX).posts[0].id
THEIR_ROWS = f"SELECT count(*) FROM tb_post WHERE tenant_id = '{GLOBEX}'"


@dataclass(frozen=True)
class Guard:
    """What keeps tenants apart, and how to see that it does.

    Args:
        name: What the guard is.
        removal: SQL that takes the guard away.
        attack: A query, run as the tenant acme; anything but 0 or a refusal is a leak.
        mistake: SQL that is run in both cases: what somebody does one day.
        preparation: Statements of the attack that yield nothing.
        role: Who attacks.
    """

    name: str
    removal: str
    attack: str = THEIR_ROWS
    mistake: str = "SELECT"
    preparation: str = "SELECT"
    role: str = "app"


GUARDS = [
    Guard("ENABLE", "ALTER TABLE app.tb_post DISABLE ROW LEVEL SECURITY"),
    Guard("FORCE", "ALTER TABLE app.tb_post NO FORCE ROW LEVEL SECURITY", role="app_owner"),
    Guard(
        "NOBYPASSRLS",
        "ALTER ROLE twin_of_app BYPASSRLS",
        role="twin_of_app",
    ),
    Guard(
        "the fence",
        "DROP POLICY tenant_fence ON app.tb_post",
        mistake="CREATE POLICY support_staff ON app.tb_post FOR SELECT USING (true)",
    ),
    Guard(
        "WITH CHECK bound to the tenant",
        "DROP POLICY tenant_fence ON app.tb_user;"
        " ALTER POLICY tenant_access ON app.tb_user WITH CHECK (true)",
        preparation=f"INSERT INTO tb_user (tenant_id, name, email) VALUES ('{GLOBEX}', 'x', 'x')",
        attack="SELECT 1",
    ),
    Guard(
        "USING bound to the tenant",
        "DROP POLICY tenant_fence ON app.tb_post;"
        " ALTER POLICY tenant_access ON app.tb_post USING (true)",
    ),
    Guard(
        "security_invoker",
        "ALTER VIEW app.v_post RESET (security_invoker)",
        mistake="ALTER VIEW app.v_post OWNER TO app_migrator",
        attack=THEIR_ROWS.replace("tb_post", "v_post"),
    ),
    Guard(
        "the tenant in the foreign key",
        "ALTER TABLE app.tb_comment DROP CONSTRAINT tb_comment_tenant_id_post_id_fkey;"
        " ALTER TABLE app.tb_post ADD UNIQUE (id);"
        " ALTER TABLE app.tb_comment ADD FOREIGN KEY (post_id) REFERENCES app.tb_post (id)",
        preparation="INSERT INTO tb_comment (post_id, user_id, content)"
        f" VALUES ('{THEIR_POST}', '{blog_of(ACME).users[0].id}', 'x');"
        " SET CONSTRAINTS ALL IMMEDIATE",
        attack="SELECT 1",
    ),
    Guard(
        "no TRUNCATE",
        "GRANT TRUNCATE ON app.tb_comment TO app",
        preparation=f"TRUNCATE tb_comment; SELECT set_config('app.tenant_id', '{GLOBEX}', true)",
        attack="SELECT (NOT EXISTS (SELECT FROM tb_comment))::int",
    ),
    Guard(
        "no TEMP",
        "DO $$ BEGIN EXECUTE"
        " format('GRANT TEMPORARY ON DATABASE %I TO app', current_database()); END $$",
        preparation="CREATE TEMP TABLE left_behind (id uuid)",
        attack="SELECT 1",
    ),
    Guard(
        "pg_temp last in the search path",
        "SET LOCAL search_path = app, fraiseql",
        # Somebody grants TEMP again, and a table of one request stands before everybody's.
        mistake="DO $$ BEGIN EXECUTE"
        " format('GRANT TEMPORARY ON DATABASE %I TO app', current_database()); END $$",
        preparation="CREATE TEMP TABLE v_post (planted text)",
        attack="SELECT count(*) FROM pg_attribute"
        " WHERE attrelid = 'v_post'::regclass AND attname = 'planted'",
    ),
    Guard(
        "functions are not for PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE app_migrator GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        mistake="SET LOCAL ROLE app_migrator;"
        " CREATE FUNCTION app.posts_in_total() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
        f" RETURN (SELECT count(*) FROM app.tb_post WHERE tenant_id = '{GLOBEX}');"
        " RESET ROLE",
        attack="SELECT app.posts_in_total()",
    ),
]


async def leaks(superuser: Connection, guard: Guard, *, removed: bool) -> bool:
    """Run the attack in a savepoint; True when it got at another tenant."""
    savepoint = superuser.transaction()
    await savepoint.start()
    try:
        await superuser.execute("SET LOCAL search_path = app, fraiseql, pg_temp")
        await superuser.execute("CREATE ROLE twin_of_app IN ROLE app")
        if removed:
            await superuser.execute(guard.removal)
        await superuser.execute(guard.mistake)
        await superuser.execute(f"SET LOCAL ROLE {guard.role}")
        await superuser.execute(f"SELECT set_config('app.tenant_id', '{ACME}', true)")
        await superuser.execute(guard.preparation)
        return bool(await superuser.fetchval(guard.attack))
    except (pg.InsufficientPrivilegeError, pg.ForeignKeyViolationError):
        return False
    finally:
        await savepoint.rollback()


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
async def test_the_guard_is_what_stops_the_attack(superuser: Connection, guard: Guard) -> None:
    assert not await leaks(superuser, guard, removed=False)
    assert await leaks(superuser, guard, removed=True)


async def test_replacing_a_view_drops_security_invoker(superuser: Connection) -> None:
    """Why `6_views.sql` says "every time", and why `check` must look again after a migration."""
    await superuser.execute(
        "CREATE OR REPLACE VIEW app.v_user AS SELECT id, name, email, tenant_id FROM app.tb_user"
    )
    options = "SELECT reloptions FROM pg_class WHERE oid = 'app.v_user'::regclass"
    assert await superuser.fetchval(options) is None


# The form that one writes by hand: it keeps tenants apart as well, within a transaction that has
# set the tenant. Anywhere else it is an error, where the helper function shows no rows.

BY_HAND = """
    CREATE TABLE app.tb_note (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), text text NOT NULL);
    ALTER TABLE app.tb_note ADD COLUMN tenant_id UUID NOT NULL;
    CREATE POLICY note_tenant_isolation ON app.tb_note
      USING (tenant_id = current_setting('app.tenant_id')::uuid);
    ALTER TABLE app.tb_note ENABLE ROW LEVEL SECURITY;
    CREATE VIEW app.v_note WITH (security_invoker = true) AS SELECT id, text FROM app.tb_note;
    GRANT SELECT, INSERT, UPDATE, DELETE ON app.tb_note TO app;
    GRANT SELECT ON app.v_note TO app;
"""


async def test_policies_in_the_bare_form(fresh_blog: Urls) -> None:
    migrator = await asyncpg.connect(fresh_blog.migrator_url)
    await migrator.execute(BY_HAND)
    await migrator.close()

    app_role = await asyncpg.connect(fresh_blog.app_url)
    with pytest.raises(pg.UndefinedObjectError, match="unrecognized configuration parameter"):
        await app_role.fetch("SELECT * FROM v_note")

    for tenant_id, text in ((ACME, "from acme"), (GLOBEX, "from globex")):
        async with app_role.transaction():
            await app_role.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
            insert = "INSERT INTO tb_note (tenant_id, text) VALUES ($1, $2)"
            await app_role.execute(insert, tenant_id, text)
            # On the second turn acme's note is there, and is not seen.
            rows = await app_role.fetch("SELECT text FROM v_note")
            assert [row["text"] for row in rows] == [text]
            with pytest.raises(pg.InsufficientPrivilegeError, match="row-level security"):
                async with app_role.transaction():
                    await app_role.execute(insert, uuid4(), "for somebody else")
            assert await app_role.execute("UPDATE tb_note SET text = text") == "UPDATE 1"

    with pytest.raises(pg.InvalidTextRepresentationError):  # reused, the setting is ""
        await app_role.fetch("SELECT * FROM v_note")
    await app_role.close()
