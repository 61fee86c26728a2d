"""What is written for Citus: statements that name their tenant, policies, set-up. Letter by letter."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from graphql import parse
from typer.testing import CliRunner

from fraiseql_strawberry.alembic.operations.distribution import DistributeTenantTable
from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.cli.scaffold import Names, scaffold
from fraiseql_strawberry.graphql.compiler import Bound, Compiled, compile_operation, normalise
from fraiseql_strawberry.lifecycle.migrate.visit import ROLES, Roles
from fraiseql_strawberry.sql import golden
from fraiseql_strawberry.sql.catalog import Catalog, ColumnType, SourceColumns
from fraiseql_strawberry.sql.plan import ColumnRef, Exists, Hop, Join, Nested, Order, Plan, Select
from fraiseql_strawberry.sql.render import render
from fraiseql_strawberry.sql.setting import set_local
from fraiseql_strawberry.sql.source import Source
from tests.unit.compiler_blog import INDEX, ROWS, Settings, rows

ACME = "11111111-1111-4111-8111-111111111111"


def distributed(*, but: str = "", column: str = "tenant_id", type_: str = "uuid") -> Catalog:
    """The blog's catalog, every source of it over tables that are distributed by tenant; the
    source named `but` does not show it."""
    found: list[dict[str, Any]] = []
    for source in dict.fromkeys(row["source"] for row in ROWS):
        own = [row for row in ROWS if row["source"] == source]
        if source != but:
            own += rows(source, **{column: type_})
        found += [{**row, "distributed_by": column} for row in own]
    return Catalog.read(found)


def compiled(text: str, catalog: Catalog) -> str:
    program = compile_operation(
        INDEX, parse(text), None, catalog, Settings(), lifted=normalise(text)
    )
    assert isinstance(program, Compiled), program
    bound = program.bind({}, normalise(text).literals)
    assert isinstance(bound, Bound), bound
    return bound.sql()


# --- Statements -------------------------------------------------------------------------------------


def test_every_row_that_is_read_is_the_tenants() -> None:
    sql = compiled("{ posts(limit: 2) { id author { name } } }", distributed())
    assert sql == (
        'SELECT row_to_json(t$) FROM (SELECT ARRAY(SELECT t$2 FROM (SELECT t$1."id" AS "id", '
        '(SELECT t$4 FROM (SELECT t$3."name" AS "name" FROM "v_user" AS t$3 '
        'WHERE t$3."id" = t$1."user_id" AND t$3."tenant_id" = $1::text::uuid) AS t$4) AS "author" '
        'FROM "v_post" AS t$1 WHERE t$1."tenant_id" = $1::text::uuid '
        'ORDER BY t$1."created_at" DESC LIMIT $2::int8) AS t$2) AS "posts") AS t$'
    )


def test_link_tables_are_named_too() -> None:
    assert (
        'JOIN "app"."tb_friend" AS t$5 ON t$5."friend_id" = t$3."id" '
        'AND t$5."tenant_id" = $1::text::uuid '
        'WHERE t$5."user_id" = t$1."id" AND t$3."tenant_id" = $1::text::uuid LIMIT'
        in compiled("{ users { friends { name } } }", distributed())
    )


def test_the_rows_of_a_condition_or_an_order_are_named_too() -> None:
    key, tenant = (ColumnRef(name, ColumnType("uuid")) for name in ("id", "tenant_id"))
    for order in ((), (Order(key),)):
        hop = Hop(Source("u"), Join((key,), (key,)), order, tenant)
        select = Select(
            Source("v"), (), (Exists(hop, ()),), (Order(key, hops=(hop,)),), tenant=tenant
        )
        text = render(Plan((Nested("v", select, many=True, nullable=True),))).text()
        assert text.count('"tenant_id" = $1::text::uuid') == 3


def test_the_column_is_the_one_that_distributes() -> None:
    catalog = distributed(column="org", type_="text")
    assert 'WHERE t$1."org" = $1::text::text' in compiled("{ posts { id } }", catalog)


def test_a_source_that_does_not_show_it_is_told_apart() -> None:
    catalog = distributed(but='"v_user"')
    sql = compiled("{ posts { author { name } } }", catalog)
    assert 'WHERE t$3."id" = t$1."user_id") AS t$4' in sql
    assert catalog.scattered() == {Source("v_user"): "tenant_id"}
    assert distributed().scattered() == {}
    assert Catalog.read(ROWS).scattered() == {}


def test_a_key_of_a_document_is_not_what_distributes() -> None:
    columns = {"data": Catalog.read(rows('"v"', data="jsonb")).sources[Source("v")].columns["data"]}
    source = SourceColumns.of(columns, None, "tenant_id")
    assert source.holds("tenant_id")
    assert source.tenant is None


def test_another_distribution_is_another_revision() -> None:
    plain = [*ROWS, *rows('"v_post"', tenant_id="uuid")]
    moved = [{**row, "distributed_by": "tenant_id"} for row in plain]
    assert Catalog.read(plain).revision != Catalog.read(moved).revision


def test_explain_writes_the_tenant_out() -> None:
    tenant = ColumnRef("tenant_id", ColumnType("uuid"))
    plan = Plan((Nested("v", Select(Source("v"), (), tenant=tenant), many=True, nullable=True),))
    text = render(plan, tenant=f"'{ACME}'").text()
    assert f"WHERE t$1.\"tenant_id\" = '{ACME}'::uuid" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        ("a'b", "'a''b'"),
        ("a\\", "E'a\\\\'"),
        ("'; SELECT 1; --", "'''; SELECT 1; --'"),
    ],
)
def test_a_setting_is_quoted(value: str, text: str) -> None:
    assert set_local("app.tenant_id", value) == f"SET LOCAL app.tenant_id = {text}"


# --- Set-up -----------------------------------------------------------------------------------------


def test_tables_and_functions_are_distributed_by_name() -> None:
    assert golden.distribute_table("app.tb_post") == (
        "SELECT create_distributed_table('app.tb_post', 'tenant_id')"
    )
    assert golden.distribute_table('"a\'b"', "org") == (
        "SELECT create_distributed_table('\"a''b\"', 'org')"
    )
    assert golden.undistribute_table("app.tb_post") == "SELECT undistribute_table('app.tb_post')"
    assert golden.distribute_function() == (
        "SELECT create_distributed_function('fraiseql.current_tenant_id()')"
    )


def test_init_writes_what_citus_takes() -> None:
    names = Names("shop", "shop", "app")
    sql = scaffold("row", names, citus=True)["row_level_security.sql"]
    assert "(SELECT fraiseql.current_tenant_id())" not in sql
    assert sql.count("tenant_id = fraiseql.current_tenant_id())") == 4
    assert "SELECT id, title, created_at, tenant_id FROM app.tb_note" in sql
    steps = [
        "GRANT EXECUTE ON FUNCTION fraiseql.current_tenant_id()",
        "SELECT create_distributed_function('fraiseql.current_tenant_id()');\nALTER FUNCTION",
        "CREATE TABLE app.tb_note",
        "SELECT create_distributed_table('app.tb_note', 'tenant_id');\n",
        "CREATE POLICY",
        "CREATE VIEW",
    ]
    places = [sql.index(step) for step in steps]
    assert places == sorted(places)
    plain = scaffold("row", names)
    assert "create_distributed" not in plain["row_level_security.sql"]
    assert "(SELECT fraiseql.current_tenant_id())" in plain["row_level_security.sql"]


def test_init_on_the_command_line(tmp_path: Path) -> None:
    run = CliRunner().invoke
    told = run(app, ["init", "--citus", "--output-dir", str(tmp_path)])
    assert told.exit_code == 0
    assert "create_distributed_table" in (tmp_path / "row_level_security.sql").read_text()
    refused = run(app, ["init", "--citus", "--strategy", "schema", "--output-dir", str(tmp_path)])
    assert refused.exit_code == 2
    assert "tenants create" in refused.stderr
    refused = run(app, ["init", "--citus", "--sealed", "--output-dir", str(tmp_path)])
    assert refused.exit_code == 2
    assert "--sealed" in refused.stderr


def migrated(code: str, *, citus: bool) -> list[str]:
    """What a revision says to a database with Citus, or without."""
    out = io.StringIO()
    roles = Roles("app_owner", "app", "uuid", "app.tenant_id", citus=citus)
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": out, ROLES: roles}
    )
    exec(code, {"op": Operations(context)})
    return [part.strip() for part in out.getvalue().split(";") if part.strip()]


def test_a_migration_is_the_same_with_and_without() -> None:
    helper = "op.create_tenant_helper()"
    assert "SELECT create_distributed_function('fraiseql.current_tenant_id()')" in migrated(
        helper, citus=True
    )
    assert not any("distributed" in said for said in migrated(helper, citus=False))

    there = DistributeTenantTable("tb_post", "blog")
    assert there.reverse().reverse() == there
    table = "op.distribute_tenant_table('tb_post', schema='blog')"
    distribute = "SELECT create_distributed_table('blog.tb_post', 'tenant_id')"
    assert migrated(table, citus=True) == [distribute]
    assert migrated(table, citus=False) == []
    back = "op.undistribute_tenant_table('tb_post', schema='blog')"
    assert migrated(back, citus=True) == ["SELECT undistribute_table('blog.tb_post')"]
    assert migrated(back, citus=False) == []


@pytest.mark.parametrize("code", ["op.enable_tenant_rls('t'{})", "op.create_tenant_policy('t'{})"])
@pytest.mark.parametrize("citus", [True, False])
def test_policies_hold_a_sub_select_only_where_they_may(code: str, *, citus: bool) -> None:
    text = "\n".join(migrated(code.format(""), citus=citus))
    assert ("(SELECT fraiseql" in text) is not citus
    for inlined in (True, False):  # what is said counts
        text = "\n".join(migrated(code.format(f", inlined={inlined}"), citus=citus))
        assert ("(SELECT fraiseql" in text) is not inlined
