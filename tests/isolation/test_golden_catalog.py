"""The catalog says that every object of the example is as it was meant to be, without exception.

Each test lists everything of its kind, so that a table, policy, view, index or grant that is added
later must be added here too, by somebody who has thought about tenants.
"""

from __future__ import annotations

import asyncpg
import pytest
from asyncpg import exceptions as pg

TABLES = ("tb_user", "tb_post", "tb_comment")

Connection = asyncpg.Connection


async def test_role_attributes(superuser: Connection) -> None:
    rows = await superuser.fetch(
        """
        SELECT rolname, rolcanlogin, rolbypassrls, rolinherit,
               rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication AS privileged
        FROM pg_roles WHERE rolname LIKE 'app%' AND rolname IN ('app', 'app_owner', 'app_migrator')
        """
    )
    assert {row["rolname"]: tuple(row)[1:] for row in rows} == {
        "app": (True, False, False, False),
        "app_owner": (False, False, True, False),
        "app_migrator": (True, True, True, False),
    }
    memberships = await superuser.fetch(
        "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'app'::regrole"
    )
    assert memberships == []


async def test_only_the_two_roles_may_connect(superuser: Connection) -> None:
    rows = await superuser.fetch(
        """
        SELECT COALESCE(rolname, 'public') AS role, array_agg(privilege_type ORDER BY 1) AS may
        FROM pg_database, aclexplode(datacl) LEFT JOIN pg_roles ON pg_roles.oid = grantee
        WHERE datname = current_database() AND grantee <> datdba
        GROUP BY 1
        """
    )
    assert {row["role"]: sorted(row["may"]) for row in rows} == {
        "app": ["CONNECT"],
        "app_migrator": ["CONNECT", "CREATE"],
    }


async def test_public_may_not_even_look_into_a_schema(superuser: Connection) -> None:
    rows = await superuser.fetch(
        """
        SELECT nspname, pg_get_userbyid(grantee) AS role, privilege_type
        FROM pg_namespace, aclexplode(nspacl)
        WHERE nspname IN ('app', 'fraiseql', 'public') AND grantee <> nspowner
        """
    )
    assert {tuple(row) for row in rows} == {("app", "app", "USAGE"), ("fraiseql", "app", "USAGE")}


async def test_no_default_tenant_is_set_anywhere(
    superuser: Connection, app_role: Connection
) -> None:
    presets = await superuser.fetch(
        "SELECT entry FROM pg_db_role_setting, unnest(setconfig) AS entry WHERE entry LIKE 'app.%'"
    )
    assert presets == []
    assert await app_role.fetchval("SELECT current_setting('app.tenant_id', true)") is None


async def test_a_tenant_has_one_of_five_statuses(superuser: Connection) -> None:
    for status in ("provisioning", "active", "suspended", "archived", "deleting"):
        await superuser.execute("UPDATE fraiseql.tenants SET status = $1", status)
    with pytest.raises(pg.CheckViolationError):
        await superuser.execute("UPDATE fraiseql.tenants SET status = 'paused'")


async def test_every_table_in_app_is_enabled_forced_and_has_both_policies(
    superuser: Connection,
) -> None:
    tables = await superuser.fetch(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')"
    )
    assert {tuple(row) for row in tables} == {(table, True, True) for table in TABLES}

    bound = "(tenant_id = ( SELECT fraiseql.current_tenant_id() AS current_tenant_id))"
    policies = await superuser.fetch(
        "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname IN ('app', 'fraiseql', 'public')"
    )
    assert sorted(tuple(row) for row in policies) == sorted(
        (table, name, kind, ["public"], "ALL", bound, bound)
        for table in TABLES
        for name, kind in (("tenant_access", "PERMISSIVE"), ("tenant_fence", "RESTRICTIVE"))
    )


async def test_every_view_is_security_invoker_and_no_barrier(superuser: Connection) -> None:
    views = await superuser.fetch(
        "SELECT relname, relkind, reloptions FROM pg_class"
        " WHERE relnamespace = 'app'::regnamespace AND relkind IN ('v', 'm')"
    )
    assert {(row["relname"], row["relkind"], *row["reloptions"]) for row in views} == {
        (view, b"v", "security_invoker=true") for view in ("v_user", "v_post", "v_comment")
    }


async def test_every_object_belongs_to_the_owner_that_cannot_log_in(superuser: Connection) -> None:
    owners = await superuser.fetch(
        """
        SELECT DISTINCT pg_get_userbyid(owner) AS owner FROM (
          SELECT relowner AS owner FROM pg_class
          WHERE relnamespace IN ('app'::regnamespace, 'fraiseql'::regnamespace)
          UNION ALL
          SELECT proowner FROM pg_proc
          WHERE pronamespace IN ('app'::regnamespace, 'fraiseql'::regnamespace)
          UNION ALL
          SELECT nspowner FROM pg_namespace WHERE nspname IN ('app', 'fraiseql')
        ) AS objects
        """
    )
    assert [row["owner"] for row in owners] == ["app_owner"]


async def test_every_index_and_every_key_begins_with_the_tenant(superuser: Connection) -> None:
    indexes = await superuser.fetch(
        "SELECT indexname, substring(indexdef FROM 'btree (.*)$') AS keys, indexdef LIKE '%UNIQUE%'"
        " AS is_unique FROM pg_indexes WHERE schemaname = 'app'"
    )
    assert {tuple(row) for row in indexes} == {
        ("tb_user_pkey", "(tenant_id, id)", True),
        ("tb_user_tenant_id_email_key", "(tenant_id, email)", True),
        ("tb_post_pkey", "(tenant_id, id)", True),
        ("tb_post_recent", "(tenant_id, created_at DESC, id)", False),
        ("tb_post_published", "(tenant_id, published, created_at DESC, id)", False),
        ("tb_post_author", "(tenant_id, user_id)", False),
        ("tb_comment_pkey", "(tenant_id, id)", True),
        ("tb_comment_thread", "(tenant_id, post_id, created_at, id)", False),
        ("tb_comment_author", "(tenant_id, user_id)", False),
    }
    keys = await superuser.fetch(
        "SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint"
        " WHERE contype = 'f' AND connamespace = 'app'::regnamespace"
    )
    assert {row["definition"] for row in keys} == {
        "FOREIGN KEY (tenant_id, user_id) REFERENCES app.tb_user(tenant_id, id)",
        "FOREIGN KEY (tenant_id, post_id) REFERENCES app.tb_post(tenant_id, id) ON DELETE CASCADE",
    }
    assert len(keys) == 3


async def test_the_role_has_these_privileges_and_no_others(superuser: Connection) -> None:
    rows = await superuser.fetch(
        """
        SELECT relname, pg_get_userbyid(grantee) AS role, privilege_type
        FROM pg_class, aclexplode(relacl)
        WHERE relnamespace IN ('app'::regnamespace, 'fraiseql'::regnamespace)
          AND grantee <> relowner
        """
    )
    writes = ("SELECT", "INSERT", "UPDATE", "DELETE")
    assert {tuple(row) for row in rows} == {
        *((table, "app", privilege) for table in TABLES for privilege in writes),
        *((view, "app", "SELECT") for view in ("v_user", "v_post", "v_comment")),
        ("registry_generation", "app", "SELECT"),
    }


async def test_no_function_is_executable_by_public(superuser: Connection) -> None:
    rows = await superuser.fetch(
        """
        SELECT proname, provolatile, grantee::regrole::text AS role
        FROM pg_proc, aclexplode(proacl)
        WHERE pronamespace IN ('app'::regnamespace, 'fraiseql'::regnamespace)
          AND grantee <> proowner
        """
    )
    assert [tuple(row) for row in rows] == [("current_tenant_id", b"s", "app")]


async def test_only_the_trigger_runs_as_its_owner_and_its_names_are_pinned(
    superuser: Connection,
) -> None:
    rows = await superuser.fetch(
        """
        SELECT proname, prosecdef, proconfig FROM pg_proc
        WHERE pronamespace IN ('app'::regnamespace, 'fraiseql'::regnamespace)
        """
    )
    pinned = ["search_path=pg_catalog, pg_temp"]
    assert sorted(tuple(row) for row in rows) == [
        ("announce_changes", False, pinned),
        ("current_tenant_id", False, None),
        ("notify_tenant_change", True, pinned),
    ]


async def test_a_migration_reaches_all_rows_and_the_owner_alone_none(superuser: Connection) -> None:
    backfill = "UPDATE app.tb_post SET published = published"
    await superuser.execute("SET LOCAL ROLE app_migrator")
    assert await superuser.execute(backfill) == "UPDATE 80"
    # FORCE binds the owner too: such a backfill does nothing and does not say so.
    await superuser.execute("RESET ROLE; SET LOCAL ROLE app_owner")
    assert await superuser.execute(backfill) == "UPDATE 0"
