"""Row isolation: the operations make what the golden SQL makes, and what is unsafe is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from example_app.database import Urls
from fraiseql_strawberry.errors import SetupError
from fraiseql_strawberry.lifecycle.fingerprint import fingerprint
from fraiseql_strawberry.lifecycle.migrate.places import EVERYBODY, Selection
from tests.isolation.fleet.project import Project

GOLDEN = """
from fraiseql_strawberry.alembic import tenant_column

uid = lambda: sa.Column(
    "id", sa.Uuid(), nullable=False, server_default=sa.text("gen_random_uuid()"))
now = lambda: sa.Column(
    "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))
text = lambda name: sa.Column(name, sa.Text(), nullable=False)

op.execute("ALTER DEFAULT PRIVILEGES FOR ROLE app_migrator REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
op.create_tenant_helper()
op.create_table(
    "tb_user", tenant_column(), uid(), text("name"), text("email"),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="tb_user_pkey"),
    sa.UniqueConstraint("tenant_id", "email", name="tb_user_tenant_id_email_key"),
)
op.create_table(
    "tb_post", tenant_column(), uid(), sa.Column("user_id", sa.Uuid()), text("title"),
    text("content"),
    sa.Column("published", sa.Boolean(), nullable=False, server_default=sa.text("false")), now(),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="tb_post_pkey"),
)
op.create_table(
    "tb_comment", tenant_column(), uid(), sa.Column("post_id", sa.Uuid(), nullable=False),
    sa.Column("user_id", sa.Uuid(), nullable=False), text("content"), now(),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="tb_comment_pkey"),
)
op.create_tenant_foreign_key(
    "tb_post_tenant_id_user_id_fkey", "tb_post", "tb_user", ["user_id"])
op.create_tenant_foreign_key(
    "tb_comment_tenant_id_post_id_fkey", "tb_comment", "tb_post", ["post_id"], ondelete="CASCADE")
op.create_tenant_foreign_key(
    "tb_comment_tenant_id_user_id_fkey", "tb_comment", "tb_user", ["user_id"])
new = sa.text("created_at DESC")
op.create_index("tb_post_recent", "tb_post", ["tenant_id", new, "id"])
op.create_index("tb_post_published", "tb_post", ["tenant_id", "published", new, "id"])
op.create_index("tb_comment_thread", "tb_comment", ["tenant_id", "post_id", "created_at", "id"])
op.create_index("tb_post_author", "tb_post", ["tenant_id", "user_id"])
op.create_index("tb_comment_author", "tb_comment", ["tenant_id", "user_id"])
columns = {
    "user": "id, name, email, tenant_id",
    "post": "id, user_id, title, content, published, created_at, tenant_id",
    "comment": "id, post_id, user_id, content, created_at, tenant_id",
}
for name in columns:
    op.enable_tenant_rls(f"tb_{name}")
    op.create_tenant_view(f"v_{name}", f"SELECT {columns[name]} FROM tb_{name}")
    op.grant_tenant_access(f"tb_{name}")
    op.grant_tenant_access(f"v_{name}", "view")
    op.hand_over(f"tb_{name}")
    op.hand_over(f"v_{name}", "view")
"""
BACK = """
for name in ("comment", "post", "user"):
    op.take_back(f"tb_{name}")
    op.take_back(f"v_{name}", "view")
    op.revoke_tenant_access(f"tb_{name}")
    op.revoke_tenant_access(f"v_{name}", "view")
    op.drop_tenant_view(f"v_{name}")
    op.disable_tenant_rls(f"tb_{name}")
    op.drop_table(f"tb_{name}")
op.drop_tenant_helper()
"""
SMALL = """
op.create_tenant_helper()
op.create_table("tb_plain", sa.Column("id", sa.Integer(), primary_key=True))
op.create_table("tb_child", sa.Column("id", sa.Integer(), primary_key=True),
                sa.Column("plain_id", sa.Integer()))
"""
ACME = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def project(empty_database: Urls, tmp_path: Path) -> Project:
    return Project(tmp_path, empty_database, "row", id_type="uuid").write()


@pytest.fixture
async def driver(project: Project) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(project.urls.migrator_url)
    yield connection
    await connection.close()


async def test_the_operations_make_the_golden_sql(
    project: Project, driver: asyncpg.Connection, blog: Urls
) -> None:
    project.revision("r1", GOLDEN)
    report = await project.migrate()
    assert [result.place.tenant for result in report.migrated] == [EVERYBODY]
    golden = await asyncpg.connect(blog.admin_url)
    expected = await fingerprint(golden, "app")
    helper = await golden.fetchval(
        "SELECT pg_get_functiondef('fraiseql.current_tenant_id()'::regprocedure)"
    )
    rights = "SELECT proacl::text, proowner::regrole::text FROM pg_proc WHERE proname = $1"
    of_helper = await golden.fetchrow(rights, "current_tenant_id")
    await golden.close()
    found = await fingerprint(driver, "app")
    assert str(expected.difference(found)) == ""
    assert helper == await driver.fetchval(
        "SELECT pg_get_functiondef('fraiseql.current_tenant_id()'::regprocedure)"
    )
    assert of_helper == await driver.fetchrow(rights, "current_tenant_id")


async def test_and_take_it_back(project: Project, driver: asyncpg.Connection) -> None:
    project.revision("r1", "pass")
    await project.migrate()
    before = await fingerprint(driver, "app")
    project.revision("r2", GOLDEN)
    project.revision("r3", BACK)
    report = await project.migrate()
    assert report.failed == []
    after = await fingerprint(driver, "app")
    assert str(before.difference(after)) == ""


async def test_a_sealed_helper_and_its_way_back(
    project: Project, driver: asyncpg.Connection
) -> None:
    toml = project.folder / "fraiseql.toml"
    toml.write_text(
        toml.read_text().replace("[multitenancy]", '[multitenancy]\nsetting = "sealed"')
    )
    project.revision("r1", "op.create_tenant_helper()")
    assert (await project.migrate()).failed == []
    owners = await driver.fetchrow(
        "SELECT proowner::regrole::text AS helper, prosecdef, relowner::regrole::text AS keys, "
        "has_table_privilege('app', c.oid, 'SELECT') AS readable, "
        "has_function_privilege('app', p.oid, 'EXECUTE') AS callable "
        "FROM pg_proc AS p, pg_class AS c "
        "WHERE proname = 'current_tenant_id' AND relname = 'seal_keys'"
    )
    assert dict(owners) == {
        "helper": "app_owner",
        "prosecdef": True,
        "keys": "app_owner",
        "readable": False,
        "callable": True,
    }
    project.revision("r2", "op.drop_tenant_helper()")
    assert (await project.migrate()).failed == []
    assert await driver.fetchval("SELECT to_regclass('fraiseql.seal_keys')") is None


async def test_keys_and_columns_of_tables_that_are_there(
    project: Project, driver: asyncpg.Connection
) -> None:
    project.revision("r1", SMALL + "op.execute('INSERT INTO tb_plain VALUES (1), (2)')")
    project.revision(
        "r2",
        f"""
        op.add_tenant_column("tb_plain", existing="{ACME}")
        op.create_tenant_primary_key("tb_plain")
        op.add_tenant_column("tb_child")
        op.create_tenant_primary_key("tb_child")
        op.create_tenant_foreign_key(
            "child_plain", "tb_child", "tb_plain", ["plain_id"], ondelete="SET NULL")
        op.enable_tenant_rls("tb_plain")
        op.enable_tenant_rls("tb_child")
        """,
    )
    report = await project.migrate()
    assert report.failed == []
    lines = (await fingerprint(driver, "app")).lines
    assert "constraint tb_plain.tb_plain_pkey: PRIMARY KEY (tenant_id, id)" in lines
    assert (
        "constraint tb_child.child_plain: FOREIGN KEY (tenant_id, plain_id) "
        "REFERENCES {tenant}.tb_plain(tenant_id, id) ON DELETE SET NULL (plain_id)"
    ) in lines
    default = "not null default fraiseql.current_tenant_id()"
    assert f"column tb_plain.tenant_id uuid {default} place 2" in lines
    await driver.execute("SET row_security = off")
    owners = await driver.fetch("SELECT tenant_id::text FROM app.tb_plain")
    assert [row[0] for row in owners] == [ACME, ACME]


UNSAFE = {
    "T01": "op.add_tenant_column('tb_plain')",
    "V01": """
        op.add_tenant_column("tb_plain")
        op.enable_tenant_rls("tb_plain")
        op.execute("CREATE VIEW v_inner WITH (security_invoker = true) AS SELECT * FROM tb_plain")
        op.execute("CREATE VIEW v_outer AS SELECT * FROM v_inner")
    """,
    "V02": """
        op.add_tenant_column("tb_plain")
        op.enable_tenant_rls("tb_plain")
        op.execute("CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM tb_plain")
        op.execute("GRANT SELECT ON counted TO app")
    """,
}


@pytest.mark.parametrize(("rule", "upgrade"), UNSAFE.items(), ids=UNSAFE)
async def test_what_opens_tenants_to_each_other_fails(
    project: Project, driver: asyncpg.Connection, rule: str, upgrade: str
) -> None:
    project.revision("r1", SMALL)
    await project.migrate()
    project.revision("r2", upgrade)
    report = await project.migrate()
    (failed,) = report.failed
    assert failed.failure is not None
    (finding,) = failed.failure.findings
    assert finding.rule == rule
    assert await driver.fetchval("SELECT version_num FROM fraiseql.alembic_version") == "r1"
    # The SQL that mends it, at the end of the same migration.
    text = (project.folder / "migrations/versions/r2.py").read_text()
    fixed = text.replace(
        "\n\n\ndef downgrade", f"\n    op.execute({finding.fix!r})\n\n\ndef downgrade"
    )
    (project.folder / "migrations/versions/r2.py").write_text(fixed)
    report = await project.migrate()
    assert report.failed == []


async def test_a_table_that_is_exempt(project: Project) -> None:
    project.migrations = 'exempt = ["app.tb_plain"]'
    (project.folder / "fraiseql.toml").write_text(project.toml())
    project.revision("r1", SMALL + UNSAFE["T01"])
    assert (await project.migrate()).failed == []


async def test_a_migrator_that_policies_hold_is_told(
    project: Project, driver: asyncpg.Connection, empty_database: Urls
) -> None:
    """It would update no row, and say nothing (SECURITY.md, the seven, 4)."""
    project.revision("r1", GOLDEN)
    await project.migrate()
    admin = await asyncpg.connect(empty_database.admin_url)
    name = f"held_{empty_database.database}"
    await admin.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'held' IN ROLE app_owner;"
        f" GRANT CONNECT ON DATABASE {empty_database.database} TO {name};"
        f" ALTER TABLE fraiseql.alembic_version OWNER TO {name};"
        f" GRANT ALL ON fraiseql.migration_ledger, fraiseql.migration_runs TO {name};"
        f" GRANT USAGE, CREATE ON SCHEMA fraiseql TO {name}"
    )
    held = empty_database.migrator_url.split("@")[1]
    toml = project.toml().replace(
        f'migrator_url = "{empty_database.migrator_url}"',
        f'migrator_url = "postgresql://{name}:held@{held}"',
    )
    (project.folder / "fraiseql.toml").write_text(toml)
    project.revision("r2", "op.execute(\"UPDATE tb_post SET title = 'x'\")")
    report = await project.migrate()
    (failed,) = report.failed
    assert failed.failure is not None
    assert "row-level security" in failed.failure.message
    await admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    await admin.close()


async def test_nobody_need_own_what_is_made(project: Project, driver: asyncpg.Connection) -> None:
    toml = project.toml().replace('owner = "app_owner"', "")
    (project.folder / "fraiseql.toml").write_text(toml)
    project.revision("r1", SMALL)
    assert (await project.migrate()).failed == []
    owners = await driver.fetch(
        "SELECT DISTINCT nspowner::regrole::text FROM pg_namespace"
        " WHERE nspname IN ('app', 'fraiseql')"
    )
    assert [row[0] for row in owners] == ["app_migrator"]


async def test_no_tenant_can_be_migrated_by_itself(project: Project) -> None:
    project.revision("r1", SMALL)
    with pytest.raises(SetupError, match="share their tables"):
        await project.migrate(selection=Selection((ACME,)))
