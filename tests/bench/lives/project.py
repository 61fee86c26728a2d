"""The service that is measured: a database, a fraiseql.toml, and years of Alembic revisions."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.config import load_config
from fraiseql_strawberry.lifecycle import apply_control_schema
from fraiseql_strawberry.lifecycle.dump import find_pg_dump

__all__ = ["Project", "new_project"]

_TOML = """\
[database]
url = "${DATABASE_URL}"
admin_url = "${ADMIN_DATABASE_URL}"

[multitenancy]
strategy = "%s"
id_type = "uuid"
tenants_table = "fraiseql.tenants"
database_template = "%s_{id}"
"""
_INI = "[alembic]\nscript_location = %(here)s/migrations\npath_separator = os\n"
_ENV = "from fraiseql_strawberry.alembic import run\n\nrun()\n"
_REVISION = """\
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}


def upgrade():
{upgrade}


def downgrade():
    pass
"""
_TABLE = """\
op.create_table(
    "tb_{n}",
    sa.Column("id", sa.Uuid(), primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("parent_id", sa.Uuid(){reference}),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("about", sa.Text()),
    sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
)
op.create_index("tb_{n}_recent", "tb_{n}", ["created_at", "id"])
"""
# What happens to a table in the years after it was made; each is a revision.
_LATER = (
    """\
op.add_column("tb_{n}", sa.Column("state", sa.Integer(), server_default="0", nullable=False))
op.create_index("tb_{n}_state", "tb_{n}", ["state", "id"])
""",
    'op.create_check_constraint("tb_{n}_named", "tb_{n}", "name <> \'\'")',
    """\
op.drop_index("tb_{n}_recent", "tb_{n}")
op.create_index("tb_{n}_latest", "tb_{n}", [sa.text("created_at DESC"), "id"])
""",
    'op.alter_column("tb_{n}", "created_at", nullable=False)',
    'op.add_column("tb_{n}", sa.Column("code", sa.String(20)))',
    'op.alter_column("tb_{n}", "code", type_=sa.Text())',
    'op.alter_column("tb_{n}", "code", new_column_name="label")',
    'op.execute("UPDATE tb_{n} SET label = name WHERE label IS NULL")',
    'op.create_unique_constraint("tb_{n}_label", "tb_{n}", ["label"])',
)


@dataclass
class Project:
    """One service.

    Args:
        folder: Where its files are.
        urls: Its environment variables.
        bin: Where `psql` is.
    """

    folder: Path
    urls: Mapping[str, str]
    bin: Path
    revisions: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that works for it."""
        return {**os.environ, **self.urls, "PYTHONPATH": str(Path(__file__).parents[3])}

    @property
    def admin_url(self) -> str:
        """The superuser's URL of its database."""
        return self.urls["ADMIN_DATABASE_URL"]

    def tenancy(self) -> Tenancy:
        """What its own code would hold."""
        return Tenancy(load_config(self.folder / "fraiseql.toml", self.urls))

    def psql(self, *arguments: str) -> tuple[str, ...]:
        """The command that runs psql in its database, and stops at the first error."""
        return (
            *(str(self.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"),
            *("-d", self.admin_url, *arguments),
        )

    def command(self, *arguments: str) -> tuple[str, ...]:
        """`fraiseql-strawberry …`."""
        return (sys.executable, "-m", "fraiseql_strawberry", *arguments)

    def revision(self, upgrade: str) -> None:
        """Add a revision after the last one."""
        name = f"r{len(self.revisions):03}"
        text = _REVISION.format(
            revision=name,
            down=self.revisions[-1] if self.revisions else None,
            upgrade=textwrap.indent(upgrade.strip(), "    "),
        )
        (self.folder / f"migrations/versions/{name}.py").write_text(text)
        self.revisions.append(name)


@asynccontextmanager
async def new_project(
    server_url: str, folder: Path, *, strategy: str, tables: int
) -> AsyncIterator[Project]:
    """Make a service with so many tables: a revision for each, and a few more that change it.

    Args:
        server_url: A superuser of the server.
        folder: An empty folder.
        strategy: How it keeps tenants apart.
        tables: How many tables a tenant has.
    """
    name = f"fraiseql_lives_{secrets.token_hex(4)}"
    password = secrets.token_hex(16)
    server = await asyncpg.connect(server_url)
    major = server.get_server_version().major
    try:
        await server.execute(f"CREATE DATABASE {name}")
        await server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        parts = urlsplit(server_url)._replace(path=f"/{name}")
        place = parts.netloc.rpartition("@")[2]
        app_url = parts._replace(netloc=f"{name}:{password}@{place}").geturl()
        urls = {
            "DATABASE_URL": app_url,
            "REGISTRY_DATABASE_URL": app_url,
            "ADMIN_DATABASE_URL": parts.geturl(),
        }
        (folder / "migrations/versions").mkdir(parents=True)
        (folder / "fraiseql.toml").write_text(_TOML % (strategy, name))
        (folder / "alembic.ini").write_text(_INI)
        (folder / "migrations/env.py").write_text(_ENV)
        project = Project(folder, urls, Path(find_pg_dump(major)).parent)
        for n in range(tables):
            reference = f', sa.ForeignKey("tb_{n - 1}.id")' if n else ""
            project.revision(_TABLE.format(n=n, reference=reference))
        for change in _LATER:
            for n in range(tables):
                project.revision(change.format(n=n))
        tenancy = project.tenancy()
        await apply_control_schema(tenancy.config, tenancy.tenants.parts.administrator)
        await tenancy.tenants.close()
        yield project
    finally:
        await _drop(server, name)
        await server.close()


async def _drop(server: asyncpg.Connection, name: str) -> None:
    """The database, its tenants' own, and the templates that these were copied from."""
    scope = hashlib.sha256(name.encode()).hexdigest()[:8]
    rows = await server.fetch(
        "SELECT datname::text AS name FROM pg_database WHERE starts_with(datname::text, $1)"
        " OR datname ~ $2",
        name,
        f"^fraiseql_(template|warm)_{scope}_",
    )
    for row in rows:
        await server.execute(f'ALTER DATABASE "{row["name"]}" IS_TEMPLATE false')
        await server.execute(f'DROP DATABASE IF EXISTS "{row["name"]}" WITH (FORCE)')
    await server.execute(f"DROP ROLE IF EXISTS {name}")
