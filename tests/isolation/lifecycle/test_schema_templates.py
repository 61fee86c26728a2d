"""New schemas come from a template that was really migrated, and none from a copy that differs."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from fraiseql_strawberry.errors import SetupError, TenantConflict
from fraiseql_strawberry.lifecycle import TenantRecord, dump, schema_template
from fraiseql_strawberry.lifecycle.fingerprint import fingerprint
from fraiseql_strawberry.lifecycle.migrations import MigrationTarget, SqlScripts
from fraiseql_strawberry.lifecycle.places import SchemaPlaces
from fraiseql_strawberry.tenant import TenantStatus
from tests.isolation.lifecycle.conftest import ACME, GLOBEX, OpenShop, Shop, scripts_of

SCHEMAS = "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^(tenant|fraiseql_)' ORDER BY 1"


def places(shop: Shop) -> SchemaPlaces:
    found = shop.tenants.parts.places
    assert isinstance(found, SchemaPlaces)
    return found


async def schemas(shop: Shop) -> list[str]:
    return [row["nspname"] for row in await shop.admin.fetch(SCHEMAS)]


async def alike(shop: Shop, one: str, other: str) -> None:
    difference = (await fingerprint(shop.admin, one)).difference(
        await fingerprint(shop.admin, other)
    )
    assert not difference, str(difference)


async def test_a_copy_is_what_the_migrations_make(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        copied = await shop.tenants.create("Acme", id=ACME)
        await shop.admin.execute(f"CREATE SCHEMA migrated AUTHORIZATION {shop.service}_owner")
        target = MigrationTarget(shop.tenants.parts.administrator.url_of(), "migrated")
        await SqlScripts(scripts_of(shop)).upgrade(target)
        await shop.admin.execute(
            f"GRANT USAGE ON SCHEMA migrated TO {shop.service};"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON migrated.customer, migrated.invoice,"
            f" migrated.folder, migrated.setting, migrated.v_customer TO {shop.service};"
            f"GRANT USAGE, SELECT ON SEQUENCE migrated.invoice_number_seq TO {shop.service};"
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {shop.service}_migrator IN SCHEMA migrated"
            f" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {shop.service};"
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {shop.service}_migrator IN SCHEMA migrated"
            f" GRANT USAGE, SELECT ON SEQUENCES TO {shop.service}"
        )
        await alike(shop, copied.placement["schema"], "migrated")
        # Rows that migrations write, the revision among them, are copied too.
        assert await shop.count(ACME, "setting") == 1
        assert await places(shop).revision(copied) == await SqlScripts(scripts_of(shop)).head()


@pytest.mark.parametrize(("id_type", "tenant"), [("uuid", ACME), ("slug", "a-c-m-e")])
async def test_functions_find_the_tables_of_their_own_schema(
    open_shop: OpenShop, id_type: str, tenant: str
) -> None:
    async with open_shop("schema", id_type=id_type) as shop:
        record = await shop.tenants.create("Acme", id=tenant)
        await shop.fill(tenant, rows=3, who="acme")
        schema = record.placement["schema"]
        assert await shop.admin.fetchval(f'SELECT "{schema}".customers()') == 3


async def test_migrations_are_run_once_for_many_tenants(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        runs = 0
        upgrade = SqlScripts.upgrade

        class Counted(SqlScripts):
            async def upgrade(self, target: MigrationTarget) -> None:
                nonlocal runs
                runs += 1
                await upgrade(self, target)

        shop.tenants.parts._given = Counted(scripts_of(shop))
        await asyncio.gather(*(shop.tenants.create(f"Tenant {n}") for n in range(6)))
        assert runs == 1
        assert len(await shop.tenants.list(status=TenantStatus.ACTIVE)) == 6


async def test_without_pg_dump_each_tenant_is_migrated(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dump, "_candidates", lambda: iter(()))
    dump.find_pg_dump.cache_clear()
    async with open_shop("schema") as shop:
        with caplog.at_level(logging.WARNING):
            record = await shop.tenants.create("Acme", id=ACME)
            await shop.tenants.create("Globex", id=GLOBEX)
        assert caplog.text.count("migrated one by one, not copied: no pg_dump") == 1
        assert await shop.count(ACME) == 0
        assert await places(shop).revision(record) is not None
        assert not [name for name in await schemas(shop) if name.startswith("fraiseql_")]
    dump.find_pg_dump.cache_clear()


# A function's text names the schema that it was made in, so a copy would read the template's rows.
NAMES_ITSELF = """
DO $$
BEGIN
  EXECUTE format('CREATE FUNCTION spy() RETURNS bigint LANGUAGE sql AS %L',
                 format('SELECT count(*) FROM "%s".customer', current_schema()));
END
$$
"""


async def test_a_copy_that_differs_is_not_used(
    open_shop: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_shop("schema") as shop:
        # In double quotes the name is not replaced as an identifier would be.
        (scripts_of(shop) / "1.sql").write_text(NAMES_ITSELF)
        with pytest.raises(SetupError, match=r"cannot be copied|differs"):
            await places(shop).templates.build(SqlScripts(scripts_of(shop)))
        assert not [name for name in await schemas(shop) if name.startswith("fraiseql_")]
        with caplog.at_level(logging.WARNING):
            record = await shop.tenants.create("Acme", id=ACME)
        assert "migrated one by one" in caplog.text
        await shop.fill(ACME, rows=2)
        assert await shop.admin.fetchval(f"SELECT {record.placement['schema']}.spy()") == 2


async def test_a_copy_with_other_rows_is_not_used(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = schema_template.dump_schema

    async def repainted(*args: Any, **more: Any) -> dump.SchemaScript:
        script = await described(*args, **more)
        return dump.SchemaScript(script.text.replace("'green'", "'blue'"), script.name)

    monkeypatch.setattr(schema_template, "dump_schema", repainted)
    async with open_shop("schema") as shop:
        with pytest.raises(SetupError, match="other rows than the migrations wrote"):
            await shop.tenants.renew_template()
        record = await shop.tenants.create("Acme", id=ACME)
        colour = await shop.admin.fetchval(
            f"SELECT value FROM {record.placement['schema']}.setting WHERE name = 'colour'"
        )
        assert colour == "green"


async def test_what_a_killed_build_left_does_not_stand_in_the_way(open_shop: OpenShop) -> None:
    """A whole schema that nobody finished: pg_dump would wait for a drop that is not committed."""
    async with open_shop("schema") as shop:
        orphan = f"fraiseql_template_{'0' * 10}"
        await shop.admin.execute(f"CREATE SCHEMA {orphan} AUTHORIZATION {shop.service}_owner")
        target = MigrationTarget(shop.tenants.parts.administrator.url_of(), orphan)
        await SqlScripts(scripts_of(shop)).upgrade(target)
        async with asyncio.timeout(30):
            report = await shop.tenants.renew_template()
        assert [name for name in await schemas(shop) if name.startswith("fraiseql_template_")] == [
            report.template
        ]


async def test_the_template_is_swapped_and_never_changed(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        await shop.tenants.create("Acme", id=ACME)
        (first,) = [name for name in await schemas(shop) if name.startswith("fraiseql_template_")]
        before = await fingerprint(shop.admin, first)
        (scripts_of(shop) / "1.sql").write_text("CREATE TABLE coupon (code text PRIMARY KEY)")
        newer = SqlScripts(scripts_of(shop))
        template = await places(shop).templates.build(newer)
        assert (await fingerprint(shop.admin, first)) == before
        await shop.tenants.close()  # as in a new process, which has the new migrations
        await shop.tenants.create("Globex", id=GLOBEX)
        assert await shop.count(GLOBEX, "coupon") == 0
        assert await places(shop).templates.prune() == [first]
        left = [name for name in await schemas(shop) if name.startswith("fraiseql_")]
        assert left == [template.name]


async def test_what_an_unfinished_build_left_is_removed(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        await shop.admin.execute(
            f"CREATE SCHEMA fraiseql_template_orphan AUTHORIZATION {shop.service}_owner"
        )
        await shop.tenants.create("Acme", id=ACME)
        assert "fraiseql_template_orphan" not in await schemas(shop)


async def test_a_schema_that_is_there_before_its_tenant_is_refused(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        await shop.admin.execute(f"CREATE SCHEMA tenant_{ACME.replace('-', '')}")
        with pytest.raises(TenantConflict, match="a schema tenant_1111"):
            await shop.tenants.create("Acme", id=ACME)
        assert await shop.tenants.list() == []


async def test_nothing_says_which_tables(open_shop: OpenShop) -> None:
    async with open_shop("schema", migrations=None) as shop:
        with pytest.raises(SetupError, match=r"set \[multitenancy\] migrations"):
            await shop.tenants.create("Acme", id=ACME)


async def test_what_is_not_the_tenants_does_not_go_with_it(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        record = await shop.tenants.create("Acme", id=ACME)
        schema = record.placement["schema"]
        await shop.admin.execute(f"CREATE VIEW public.report AS SELECT name FROM {schema}.customer")
        deletion = await shop.tenants.deletion(ACME)
        with pytest.raises(TenantConflict, match="view"):
            await shop.tenants.delete(ACME, deletion.token)
        assert await shop.admin.fetchval("SELECT count(*) FROM public.report") == 0
        await shop.admin.execute("DROP VIEW public.report")
        receipt = await shop.tenants.delete(ACME, deletion.token)
        assert receipt.finished_at is not None


async def test_a_role_of_its_own_has_what_the_service_had(open_shop: OpenShop) -> None:
    async with open_shop("schema", role_template="shop_{id}") as shop:

        async def first_rows(session: Any, tenant: TenantRecord) -> None:
            seen.append(await session.scalar(text("SELECT current_user::text")))

        seen: list[str] = []
        with pytest.raises(SetupError, match=r"_migrator: permission denied .*roles\.sql"):
            await shop.tenants.create("Acme", id=ACME, seed=first_rows)
        await shop.admin.execute(f"ALTER ROLE {shop.service}_migrator CREATEROLE")
        await shop.admin.execute(
            f"GRANT {shop.service} TO {shop.service}_migrator WITH ADMIN OPTION"
        )
        await shop.tenants.create("Acme", id=ACME, seed=first_rows)
        assert seen == [f"shop_{ACME.replace('-', '')}"]
        await shop.tenants.create("Globex", id=GLOBEX)
        await shop.fill(ACME, rows=2)
        assert await shop.count(ACME) == 2
        service = await asyncpg.connect(shop.tenancy.config.require_database_url().reveal())
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(f"SELECT * FROM tenant_{ACME.replace('-', '')}.customer")
        async with service.transaction():
            await service.execute(f"SET LOCAL ROLE shop_{GLOBEX.replace('-', '')}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(f"SELECT * FROM tenant_{ACME.replace('-', '')}.customer")
        await service.close()
        for tenant_id in (ACME, GLOBEX):
            deletion = await shop.tenants.deletion(tenant_id)
            await shop.tenants.delete(tenant_id, deletion.token)
        roles = await shop.admin.fetch("SELECT FROM pg_roles WHERE rolname ~ '^shop_[0-9a-f]{32}$'")
        assert roles == []


async def test_sql_files_make_a_place_and_do_not_change_one(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no folder"):
        SqlScripts(tmp_path / "nothing")
    with pytest.raises(SetupError, match=r"no \.sql file"):
        SqlScripts(tmp_path)


async def test_other_sql_files_are_refused_for_a_place_that_is_there(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        record = await shop.tenants.create("Acme", id=ACME)
        (scripts_of(shop) / "1.sql").write_text("CREATE TABLE coupon (code text PRIMARY KEY)")
        url = shop.tenants.parts.administrator.url_of()
        with pytest.raises(SetupError, match="use Alembic"):
            await SqlScripts(scripts_of(shop)).upgrade(
                MigrationTarget(url, record.placement["schema"])
            )
