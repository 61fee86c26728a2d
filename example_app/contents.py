"""What stands in each database of a blog: files of SQL, and then what the tenants wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncpg

from example_app.data import Blog, read_blogs
from example_app.urls import Urls
from fraiseql_strawberry.registry import ANNOUNCE_CHANGES

__all__ = ["HOME", "Content", "Progress", "contents", "run_formatted", "sql"]

_SQL = Path(__file__).parent / "sql"
_ANNOUNCED = ("announce_changes", "7_registry")
_ROW = ("3_schemas", "4_tables", "5_policies", "6_views", *_ANNOUNCED, "8_owners")
_CONTROL = ("control/tenants", *_ANNOUNCED)
_REGISTRY = ("control/tenant_databases",)
HOME = ("tenant/1_home", "tenant/2_tables", "tenant/3_views", "tenant/4_owners")

Progress = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Content:
    """What one database holds.

    Args:
        urls: Where it is.
        marked: The schema whose comment says what the database was made from.
        once: The files that are run once.
        each: The files that are run for each tenant, with `blog.home` set.
        listed: Whether `fraiseql.tenants` is among them.
        blogs: The tenants whose rows it holds.
    """

    urls: Urls
    marked: str
    once: Sequence[str] = ()
    each: Sequence[str] = ()
    listed: bool = False
    blogs: Sequence[Blog] = ()

    @property
    def mark(self) -> str:
        """What the database says it was made from; another version's may not fit the code."""
        text = "".join(sql(step) for step in (*self.once, *self.each))
        return f"example_app {hashlib.sha256(text.encode()).hexdigest()}"

    async def fill(
        self,
        migrator: asyncpg.Connection,
        progress: Progress,
        *,
        run: Callable[[str], Awaitable[object]] | None = None,
    ) -> None:
        """Create all and load all; the caller's transaction leaves nothing half-made.

        Args:
            migrator: Whoever makes it.
            progress: Told each step.
            run: Runs the file of a name, if not as a whole.
        """

        async def whole(step: str) -> None:
            await migrator.execute(sql(step))

        run = run or whole
        progress("creating tables, policies and views")
        for step in self.once:
            await run(step)
        for blog in self.blogs:
            progress(f"loading {blog.name}: {len(blog.posts)} posts")
            await migrator.execute(
                "SELECT set_config('blog.home', $1, true)", self.urls.home(blog.tenant_id)
            )
            for step in self.each:
                await run(step)
            await self._load(migrator, blog)
        await run_formatted(migrator, "COMMENT ON SCHEMA %I IS %L", self.marked, self.mark)

    async def _load(self, migrator: asyncpg.Connection, blog: Blog) -> None:
        if self.listed:
            await migrator.copy_records_to_table(
                "tenants",
                schema_name="fraiseql",
                columns=("id", "name", "plan"),
                records=[(blog.tenant_id, blog.name, blog.plan)],
            )
        home = self.urls.home(blog.tenant_id)
        shared = self.urls.strategy == "row"  # the tenant is a column
        for table, rows in blog.tables.items():
            await migrator.copy_records_to_table(
                table,
                schema_name=home,
                columns=(*(("tenant_id",) if shared else ()), *rows[0]._fields),
                records=[(*((blog.tenant_id,) if shared else ()), *row) for row in rows],
            )
            await run_formatted(migrator, "ANALYZE %I.%I", home, table)


def contents(urls: Urls) -> list[Content]:
    """The databases of a blog, in the order in which they are made: the registry comes last."""
    blogs = read_blogs()
    if urls.strategy == "row":
        return [Content(urls, "app", once=_ROW, listed=True, blogs=blogs)]
    if urls.strategy == "schema":
        control = Content(urls, "fraiseql", once=_CONTROL, each=HOME, listed=True, blogs=blogs)
        return [control]
    homes = [Content(urls.of(blog.tenant_id), "app", each=HOME, blogs=(blog,)) for blog in blogs]
    return [*homes, Content(urls, "fraiseql", once=_REGISTRY)]


@cache
def sql(name: str) -> str:
    """The text of a file of `sql/`; `announce_changes` is the library's own."""
    if name == "announce_changes":
        return ANNOUNCE_CHANGES
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


async def run_formatted(connection: asyncpg.Connection, command: str, *values: str) -> None:
    """Run a command that takes no parameters; PostgreSQL's own `format` quotes the values."""
    [(quoted,)] = await connection.fetch("SELECT format($1, VARIADIC $2::text[])", command, values)
    await connection.execute(quoted)
