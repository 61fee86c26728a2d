"""What new tenants are copied from, as it is written down: one template is current, per kind.

A template is never changed while a tenant may be copied from it: another one is made beside it,
and takes its place in one transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import asyncpg

from .administrator import Driver
from .dump import SchemaScript
from .queries import named_queries

__all__ = ["TEMPLATE_PREFIX", "Template", "TemplateKind", "TemplateReport", "Templates", "new_name"]

TemplateKind = Literal["schema", "database"]

TEMPLATE_PREFIX = "fraiseql_template_"
_QUERIES = named_queries("templates")


@dataclass(frozen=True, slots=True)
class Template:
    """One template.

    Args:
        id: Its number.
        kind: Whether it is a schema or a database.
        name: The name of that schema or database.
        revision: What it was migrated to; None where nothing says.
        script: What makes a schema like it.
        renames: Whether a schema that was made so may be renamed and stay right.
    """

    id: int
    kind: TemplateKind
    name: str
    revision: str | None
    script: SchemaScript | None = field(default=None, repr=False)
    renames: bool = True


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """What became of a template that was made anew.

    Args:
        template: The name of the schema or database.
        revision: What it was migrated to.
        removed: The names of the ones before, and of what was left of unfinished ones.
        warmed: How many ready copies were made of it.
    """

    template: str
    revision: str | None
    removed: Sequence[str]
    warmed: int = 0


class Templates:
    """Reads and swaps the templates of one kind.

    Args:
        kind: Schemas or databases.
        scope: What tells them from those of another deployment on the same server.
    """

    def __init__(self, kind: TemplateKind, scope: str = "") -> None:
        self.kind: TemplateKind = kind
        self.prefix = TEMPLATE_PREFIX + scope

    async def current(self, driver: Driver) -> Template | None:
        """The template that tenants are copied from now, if there is one."""
        rows = await driver.fetch(_QUERIES["current"], self.kind)
        return _template(rows[0]) if rows else None

    async def swap(
        self,
        driver: Driver,
        name: str,
        *,
        revision: str | None,
        script: SchemaScript | None = None,
        renames: bool = True,
    ) -> Template:
        """Let tenants be copied from another template from now on; to be run in a transaction."""
        await driver.execute(_QUERIES["swap_out"], self.kind)
        text = None if script is None else script.text
        rows = await driver.fetch(_QUERIES["swap_in"], self.kind, name, revision, text, renames)
        return _template(rows[0])

    async def outdated(self, driver: Driver) -> list[str]:
        """The names of those that had their time."""
        return [row["name"] for row in await driver.fetch(_QUERIES["outdated"], self.kind)]

    async def orphans(self, driver: Driver) -> list[str]:
        """The names of those that nobody finished: for whoever holds the lock of all templates."""
        pattern = self.prefix.replace("_", r"\_") + "%"
        rows = await driver.fetch(_QUERIES[f"{self.kind}s_like"], pattern)
        return [row["name"] for row in rows]

    async def forget(self, driver: Driver, name: str) -> None:
        """Write down that a template is gone; its warm places are nobody's then."""
        await driver.execute(_QUERIES["forget"], self.kind, name)


def new_name(prefix: str) -> str:
    """A name that no other word holds, so that it can be replaced in a script."""
    return prefix + secrets.token_hex(5)


def _template(row: asyncpg.Record) -> Template:
    script = None if row["script"] is None else SchemaScript(row["script"], row["name"])
    return Template(
        row["id"], row["kind"], row["name"], row["revision"], script, bool(row["renames"])
    )
