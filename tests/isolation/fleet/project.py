"""A user's project: fraiseql.toml, alembic.ini, env.py and revisions, in a folder of its own."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from example_app.database import Urls
from fraiseql_strawberry.config import Config, load_config
from fraiseql_strawberry.lifecycle.migrate.fleet import open_fleet
from fraiseql_strawberry.lifecycle.migrate.report import Report
from fraiseql_strawberry.lifecycle.migrate.runner import Options, Runner
from fraiseql_strawberry.lifecycle.migrate.scripts import Scripts

INI = """\
[alembic]
script_location = %(here)s/migrations
path_separator = os
"""
ENV = """\
from fraiseql_strawberry.alembic import run
run()
"""
TOML = """\
[database]
url = "{app}"
migrator_url = "{migrator}"

[multitenancy]
strategy = "{strategy}"
id_type = "{id_type}"
{more}

[migrations]
owner = "app_owner"
{migrations}
"""
REVISION = """\
import uuid

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}


def upgrade():
{upgrade}


def downgrade():
{downgrade}
"""


@dataclass
class Project:
    """The files, and what is done with them."""

    folder: Path
    urls: Urls
    strategy: str
    id_type: str = "slug"
    more: str = ""
    migrations: str = ""
    env: str = ENV
    written: list[str] = field(default_factory=list)

    def write(self) -> Project:
        (self.folder / "migrations/versions").mkdir(parents=True)
        (self.folder / "alembic.ini").write_text(INI)
        (self.folder / "migrations/env.py").write_text(self.env)
        template = Path(__file__).parents[3] / "fraiseql_strawberry/alembic/template/script.py.mako"
        (self.folder / "migrations/script.py.mako").write_text(template.read_text())
        (self.folder / "fraiseql.toml").write_text(self.toml())
        return self

    def toml(self) -> str:
        return TOML.format(
            app=self.urls.app_url,
            migrator=self.urls.migrator_url,
            strategy=self.strategy,
            id_type=self.id_type,
            more=self.more,
            migrations=self.migrations,
        )

    def revision(self, revision: str, upgrade: str, downgrade: str = "pass") -> None:
        """Add a revision after the last one."""
        text = REVISION.format(
            revision=revision,
            down=self.written[-1] if self.written else None,
            upgrade=textwrap.indent(textwrap.dedent(upgrade).strip(), "    "),
            downgrade=textwrap.indent(textwrap.dedent(downgrade).strip(), "    "),
        )
        (self.folder / f"migrations/versions/{revision}.py").write_text(text)
        self.written.append(revision)

    @property
    def config(self) -> Config:
        return load_config(self.folder / "fraiseql.toml")

    @property
    def scripts(self) -> Scripts:
        return Scripts.of(self.config)

    def runner(self, options: Options | None = None, **more: Any) -> Runner:
        return Runner(open_fleet(self.config), self.scripts, options or Options(workers=2), **more)

    async def migrate(self, **options: Any) -> Report:
        return await self.runner(Options(**{"workers": 2, **options})).run()


TENANT = """
CREATE SCHEMA "{schema}" AUTHORIZATION app_owner;
GRANT USAGE ON SCHEMA "{schema}" TO app;
"""
FIRST = """
op.create_table(
    "tb_post",
    sa.Column("id", sa.Uuid(), primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("title", sa.Text(), nullable=False),
)
op.create_tenant_view("v_post", "SELECT id, title FROM tb_post")
op.grant_tenant_access("tb_post")
op.grant_tenant_access("v_post", "view")
op.hand_over("tb_post")
op.hand_over("v_post", "view")
"""
"""The first revision of most projects."""


async def make_schemas(urls: Urls, tenants: list[str]) -> None:
    """Schemas of tenants, with nothing in them."""
    connection = await asyncpg.connect(urls.migrator_url)
    try:
        for tenant in tenants:
            await connection.execute(TENANT.format(schema=f"tenant_{tenant}"))
    finally:
        await connection.close()
