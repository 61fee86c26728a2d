"""Alembic's own commands in a project of ours, run as users run them: in a process."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from example_app.database import Urls
from tests.isolation.fleet.project import FIRST, Project, make_schemas

ROOT = Path(__file__).parents[2]
MODELS = """
import sqlalchemy as sa
from fraiseql_strawberry.alembic import tenant_column

metadata = sa.MetaData()
sa.Table(
    "tb_note", metadata, tenant_column(primary_key=True),
    sa.Column("id", sa.Uuid(), primary_key=True), sa.Column("title", sa.Text()))
sa.Table("tb_country", metadata, sa.Column("code", sa.Text(), primary_key=True))
sa.Table(
    "tb_shared", metadata, tenant_column(), sa.Column("id", sa.Integer(), primary_key=True),
    info={"tenant": False})
"""
ENV = """
from fraiseql_strawberry.alembic import run
from models import metadata
run(target_metadata=metadata)
"""


async def alembic(project: Project, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", *arguments),
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{project.folder}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def newest(project: Project) -> str:
    files = (project.folder / "migrations/versions").glob("*.py")
    return max(files, key=lambda file: file.stat().st_mtime_ns).read_text()


@pytest.fixture
async def rows(empty_database: Urls, tmp_path: Path) -> Project:
    project = Project(
        tmp_path,
        empty_database,
        "row",
        id_type="uuid",
        env=ENV,
        migrations='exempt = ["tb_shared"]',
    ).write()
    (tmp_path / "models.py").write_text(MODELS)
    project.revision("r1", "op.create_tenant_helper()")
    code, said = await alembic(project, "upgrade", "head")
    assert code == 0, said
    return project


async def test_a_new_table_of_tenants_is_protected(rows: Project) -> None:
    code, said = await alembic(rows, "revision", "--autogenerate", "-m", "notes")
    assert code == 0, said
    text = newest(rows)
    upgrade, _, downgrade = text.partition("def downgrade")
    assert "drop_table" not in upgrade  # what stands in fraiseql is not the application's
    assert upgrade.count("op.enable_tenant_rls('tb_note')") == 1
    assert upgrade.count("enable_tenant_rls") == 1  # neither tb_country nor tb_shared
    assert upgrade.index("create_table('tb_note'") < upgrade.index("enable_tenant_rls")
    assert downgrade.index("disable_tenant_rls") < downgrade.index("drop_table('tb_note'")
    code, said = await alembic(rows, "upgrade", "head")
    assert code == 0, said
    code, said = await alembic(rows, "check")
    assert code == 0, said
    code, said = await alembic(rows, "downgrade", "r1")
    assert code == 0, said


@pytest.mark.parametrize(
    ("lost", "wanted"),
    [
        (
            "ALTER TABLE app.tb_note NO FORCE ROW LEVEL SECURITY",
            "op.enable_tenant_rls('tb_note', policies=False)",
        ),
        (
            "ALTER TABLE app.tb_note DISABLE ROW LEVEL SECURITY",
            "op.enable_tenant_rls('tb_note', policies=False)",
        ),
        ("DROP POLICY tenant_access ON app.tb_note", "op.create_tenant_policy('tb_note')"),
        (
            "DROP POLICY tenant_fence ON app.tb_note",
            "op.create_tenant_policy('tb_note', name='tenant_fence', permissive=False)",
        ),
    ],
)
async def test_what_a_table_lost_is_noticed(rows: Project, lost: str, wanted: str) -> None:
    await alembic(rows, "revision", "--autogenerate", "-m", "notes")
    code, said = await alembic(rows, "upgrade", "head")
    assert code == 0, said
    connection = await asyncpg.connect(rows.urls.migrator_url)
    await connection.execute(lost)
    await connection.close()
    code, said = await alembic(rows, "check")
    assert code != 0
    await alembic(rows, "revision", "--autogenerate", "-m", "mend")
    assert wanted in newest(rows)


async def test_alembic_upgrade_ends_with_the_checks_too(rows: Project) -> None:
    rows.revision("r2", "op.create_table('tb_open', sa.Column('tenant_id', sa.Uuid()))")
    code, said = await alembic(rows, "upgrade", "head")
    assert code != 0
    assert "the migration leaves tenants unprotected" in said


async def test_shared_tables_are_not_the_tenants(empty_database: Urls, tmp_path: Path) -> None:
    await make_schemas(empty_database, ["a"])
    project = Project(
        tmp_path, empty_database, "schema", more='shared_schemas = ["reference"]'
    ).write()
    (tmp_path / "migrations/env.py").write_text(
        "import sqlalchemy as sa\n"
        "from fraiseql_strawberry.alembic import run\n"
        "run(target_metadata=sa.MetaData())\n"
    )
    connection = await asyncpg.connect(empty_database.migrator_url)
    await connection.execute("CREATE SCHEMA reference; CREATE TABLE reference.country (code text)")
    await connection.close()
    code, said = await alembic(project, "revision", "--autogenerate", "-m", "none")
    assert code == 0, said
    assert "drop_table" not in newest(project)


async def test_one_tenant_by_name(empty_database: Urls, tmp_path: Path) -> None:
    await make_schemas(empty_database, ["a", "b"])
    project = Project(tmp_path, empty_database, "schema").write()
    project.revision("r1", FIRST)
    code, said = await alembic(project, "upgrade", "head")
    assert code != 0
    assert "which tenant?" in said
    code, said = await alembic(project, "-x", "tenant=b", "upgrade", "head")
    assert code == 0, said
    connection = await asyncpg.connect(empty_database.migrator_url)
    tables = await connection.fetch("SELECT schemaname FROM pg_tables WHERE tablename = 'tb_post'")
    await connection.close()
    assert [row[0] for row in tables] == ["tenant_b"]
