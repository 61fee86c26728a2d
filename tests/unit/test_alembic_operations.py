"""Each operation says its SQL, knows its way back, and is written into revisions by name."""

from __future__ import annotations

import io
from typing import Any

import pytest
from alembic.autogenerate import render_python_code
from alembic.operations import MigrateOperation, Operations
from alembic.operations.ops import UpgradeOps
from alembic.runtime.migration import MigrationContext

from fraiseql_strawberry.alembic.operations.access import (
    GrantTenantAccess,
    HandOver,
    RevokeTenantAccess,
    TakeBack,
)
from fraiseql_strawberry.alembic.operations.column import AddTenantColumn, DropTenantColumn
from fraiseql_strawberry.alembic.operations.helper import CreateTenantHelper, DropTenantHelper
from fraiseql_strawberry.alembic.operations.keys import (
    CreateTenantPrimaryKey,
    DropTenantPrimaryKey,
)
from fraiseql_strawberry.alembic.operations.operation import TenantOperation
from fraiseql_strawberry.alembic.operations.security import (
    CreateTenantPolicy,
    DisableTenantRls,
    DropTenantPolicy,
    EnableTenantRls,
)
from fraiseql_strawberry.alembic.operations.view import CreateTenantView, DropTenantView
from fraiseql_strawberry.errors import SetupError
from fraiseql_strawberry.lifecycle.migrate.visit import ROLES, Roles

ACME = "11111111-1111-4111-8111-111111111111"
EACH: list[TenantOperation] = [
    CreateTenantHelper(),
    DropTenantHelper(),
    EnableTenantRls("tb_post"),
    EnableTenantRls("tb_post", "blog", "org_id", inlined=True, policies=False),
    DisableTenantRls("tb_post"),
    CreateTenantPolicy("tb_post"),
    CreateTenantPolicy("tb_post", "fence", "blog", permissive=False, command="SELECT"),
    DropTenantPolicy("tb_post", "fence", permissive=False),
    AddTenantColumn("tb_post"),
    AddTenantColumn("tb_post", existing=ACME),
    DropTenantColumn("tb_post", column="org_id"),
    CreateTenantPrimaryKey("tb_post"),
    CreateTenantPrimaryKey("tb_post", ("a", "b"), name="key"),
    DropTenantPrimaryKey("tb_post"),
    CreateTenantView("v_post", "SELECT 'a:b %' FROM tb_post"),
    CreateTenantView("v_post", "SELECT 2", replace=True, replaced="SELECT 1"),
    DropTenantView("v_post", "SELECT 1"),
    GrantTenantAccess("tb_post"),
    GrantTenantAccess("shout(text)", "function", to="other"),
    RevokeTenantAccess("v_post", "view"),
    HandOver("tb_post"),
    HandOver("mood", "type", schema="blog", to="other"),
    TakeBack("v_post", "view"),
]
known = pytest.mark.parametrize("operation", EACH, ids=repr)


def said(*operations: MigrateOperation, code: str = "", roles: Roles | None = None) -> str:
    """What Alembic writes in its offline mode."""
    out = io.StringIO()
    known = Roles("app_owner", "app", "uuid", "app.tenant_id")
    context = MigrationContext.configure(
        dialect_name="postgresql",
        opts={"as_sql": True, "output_buffer": out, ROLES: roles or known},
    )
    op = Operations(context)
    for operation in operations:
        op.invoke(operation)
    if code:
        exec(code, {"op": op})
    return out.getvalue()


@known
def test_there_and_back(operation: Any) -> None:
    assert operation.reverse().reverse() == operation
    assert said(operation) != said(operation.reverse())


@known
def test_what_is_written_into_a_revision_does_the_same(operation: TenantOperation) -> None:
    code = render_python_code(UpgradeOps([operation]))
    line = code.splitlines()[1].strip()
    assert line.startswith(f"op.{operation.operation}(")
    assert said(code=line) == said(operation)


@known
def test_alembic_check_can_show_it(operation: TenantOperation) -> None:
    assert operation.to_diff_tuple()[0] == operation.operation


def test_the_arguments_are_only_those_that_differ() -> None:
    assert render_python_code(UpgradeOps([EnableTenantRls("tb_post")])).splitlines()[1].strip() == (
        "op.enable_tenant_rls('tb_post')"
    )


def test_types_and_settings_are_the_configurations() -> None:
    roles = Roles(None, None, "text", "blog.tenant")
    text = said(CreateTenantHelper(), AddTenantColumn("tb_post"), roles=roles)
    assert "RETURNS text" in text
    assert "current_setting('blog.tenant', true)" in text
    assert "ADD COLUMN tenant_id text NOT NULL" in text
    assert "OWNER" not in text


@pytest.mark.parametrize("operation", [HandOver("tb_post"), GrantTenantAccess("tb_post")], ids=repr)
def test_a_role_that_nobody_named(operation: TenantOperation) -> None:
    with pytest.raises(SetupError, match="say to="):
        said(operation, roles=Roles(None, None, "uuid", "app.tenant_id"))


def test_a_command_that_is_none() -> None:
    with pytest.raises(ValueError, match="must be one of ALL, SELECT"):
        said(code="op.create_tenant_policy('tb_post', command='MERGE')")


def test_a_view_whose_query_is_lost() -> None:
    with pytest.raises(SetupError, match="no way back"):
        DropTenantView("v_post").reverse()


@pytest.mark.parametrize(
    ("ondelete", "wanted"),
    [
        (None, "REFERENCES tb_user (tenant_id, id);"),
        ("CASCADE", "ON DELETE CASCADE;"),
        ("SET NULL", "ON DELETE SET NULL (user_id);"),
    ],
)
def test_a_reference_within_the_tenant(ondelete: str | None, wanted: str) -> None:
    text = said(
        code="op.create_tenant_foreign_key('fk', 'tb_post', 'tb_user', ['user_id'], "
        f"ondelete={ondelete!r})"
    )
    assert "FOREIGN KEY(tenant_id, user_id)" in text
    assert text.strip().endswith(wanted)
