"""The rows: a hundred small tenants, some to write into, one whale, one with a million entries.

They go into the example blog's own tables (its roles, policies, views and indexes). Ids are MD5
digests of a number, so the load generator, pgbench and this file agree on them without a list.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import asyncpg
from terminal import say

from example_app import database
from example_app.urls import Urls, locate

__all__ = [
    "MILLION",
    "PLANS",
    "WHALE",
    "Size",
    "Tenant",
    "load_tenants",
    "prepare",
    "remove_written",
    "tenants",
    "uuid_text",
]

_DATABASE = "fraiseql_bench"
_ENTRIES = Path(__file__).with_name("sql") / "entries.sql"
_COMMENTS_PER_POST = 3
_LOADED = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = (
    *("tenant", "policy", "index", "query", "statement", "parser", "planner", "commit"),
    *("rollback", "snapshot", "tuple", "page", "buffer", "cursor", "schema", "column"),
    *("trigger", "sequence", "vacuum", "replica", "shard", "checkpoint", "latch", "relation"),
)


class Size(NamedTuple):
    """How many tenants there are, and how many rows of each table one of them has."""

    tenants: int
    users: int
    posts: int
    comments_per_post: float


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant by its number; everything of it follows from that."""

    number: int
    size: Size

    @property
    def id(self) -> str:
        """Its id."""
        return uuid_text(f"tenant:{self.number}")

    def user(self, number: int) -> str:
        """The id of a user, from 1."""
        return uuid_text(f"user:{self.number}:{number}")

    def post(self, number: int) -> str:
        """The id of a post, from 1."""
        return uuid_text(f"post:{self.number}:{number}")

    def posted_at(self, number: int) -> str:
        """When a post was made: the later, the higher its number."""
        step = timedelta(days=700) / self.size.posts
        return _moment(step * (self.size.posts - number + 1))


PLANS: dict[str, Size] = {
    "small": Size(tenants=100, users=10, posts=1_000, comments_per_post=_COMMENTS_PER_POST),
    "written": Size(tenants=10, users=10, posts=1_000, comments_per_post=0),
    "whale": Size(tenants=1, users=1_000, posts=300_000, comments_per_post=1 / 3),
    "million": Size(tenants=1, users=1, posts=1, comments_per_post=0),  # but see `entries.sql`
}
"""Who there is. Only the "written" ones are ever written to, so the others never change."""


def tenants(plan: str) -> list[Tenant]:
    """The tenants of a plan, numbered over all plans from 1."""
    first = 1
    for name, size in PLANS.items():
        if name == plan:
            return [Tenant(first + index, size) for index in range(size.tenants)]
        first += size.tenants
    raise KeyError(plan)


WHALE = tenants("whale")[0]
MILLION = tenants("million")[0]


def uuid_text(name: str) -> str:
    """A UUID that PostgreSQL finds with `md5(name)::uuid`."""
    digits = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


async def prepare(admin_url: str) -> Urls:
    """Make sure that the rows are there; made anew when this file or the blog's SQL changed.

    Args:
        admin_url: A superuser of the server.
    """
    urls = locate(admin_url, _DATABASE)
    if await _mark_of(urls) == _mark():
        return await database.prepare(admin_url, database=_DATABASE, progress=say)
    await database.drop(urls)
    urls = await database.prepare(admin_url, database=_DATABASE, progress=say)
    connection = await asyncpg.connect(urls.migrator_url)
    try:
        for plan in PLANS:
            say(f"loading: {plan}")
            await _load(connection, plan)
        say("loading: a million entries")
        await connection.execute(_ENTRIES.read_text().replace(":tenant", f"'{MILLION.id}'"))
    finally:
        await connection.close()
    connection = await asyncpg.connect(urls.admin_url)
    try:
        say("vacuuming")
        await connection.execute("VACUUM (FREEZE, ANALYZE)")
        await connection.execute("CHECKPOINT")
        await connection.execute(f"COMMENT ON DATABASE {_DATABASE} IS '{_mark()}'")
    finally:
        await connection.close()
    return urls


async def remove_written(admin_url: str) -> None:
    """Take back what the contestants wrote, so that the next one meets the same tables."""
    connection = await asyncpg.connect(admin_url)
    try:
        ids = [tenant.id for tenant in tenants("written")]
        await connection.execute(
            "DELETE FROM app.tb_post WHERE tenant_id = ANY($1::uuid[]) AND created_at >= $2",
            ids,
            _LOADED,
        )
        await connection.execute("VACUUM app.tb_post")
    finally:
        await connection.close()


async def _mark_of(urls: Urls) -> str | None:
    connection = await asyncpg.connect(urls.server_url)
    try:
        return await connection.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1",
            _DATABASE,
        )
    finally:
        await connection.close()


def _mark() -> str:
    sql = Path(database.__file__).with_name("sql")
    files = [*sorted(sql.glob("*.sql")), _ENTRIES, Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


async def _load(connection: asyncpg.Connection, plan: str) -> None:
    await load_tenants(connection, tenants(plan), plan)


async def load_tenants(
    connection: asyncpg.Connection, of_plan: list[Tenant], plan: str = "many"
) -> None:
    """Load all rows of these tenants into the blog's tables."""
    await connection.copy_records_to_table(
        "tenants",
        schema_name="fraiseql",
        columns=("id", "name", "plan"),
        records=[(tenant.id, f"Tenant {tenant.number}", plan) for tenant in of_plan],
    )
    tables: dict[str, tuple[tuple[str, ...], Callable[[Tenant], Iterator[str]]]] = {
        "tb_user": (("tenant_id", "id", "name", "email"), _users),
        "tb_post": (
            ("tenant_id", "id", "user_id", "title", "content", "published", "created_at"),
            _posts,
        ),
        "tb_comment": (
            ("tenant_id", "id", "post_id", "user_id", "content", "created_at"),
            _comments,
        ),
    }
    for table, (columns, rows) in tables.items():
        await connection.copy_to_table(
            table,
            schema_name="app",
            columns=columns,
            source=_chunks(line for tenant in of_plan for line in rows(tenant)),
        )


async def _chunks(lines: Iterator[str]) -> AsyncIterator[bytes]:
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == 5_000:
            yield "".join(chunk).encode()
            chunk.clear()
            await asyncio.sleep(0)
    yield "".join(chunk).encode()


def _users(tenant: Tenant) -> Iterator[str]:
    for number in range(1, tenant.size.users + 1):
        yield (
            f"{tenant.id}\t{tenant.user(number)}\tAuthor {number} of {tenant.number}\t"
            f"author{number}@tenant{tenant.number}.example\n"
        )


def _posts(tenant: Tenant) -> Iterator[str]:
    chance = random.Random(tenant.number)
    for number in range(1, tenant.size.posts + 1):
        user = tenant.user(chance.randint(1, tenant.size.users))
        text = " ".join(chance.choices(_WORDS, k=30))
        published = "t" if chance.random() < 0.8 else "f"
        yield (
            f"{tenant.id}\t{tenant.post(number)}\t{user}\tPost {number} on {text[:24].strip()}\t"
            f"{text}\t{published}\t{tenant.posted_at(number)}\n"
        )


def _comments(tenant: Tenant) -> Iterator[str]:
    chance = random.Random(-tenant.number)
    step = timedelta(days=700) / tenant.size.posts
    for number in range(1, round(tenant.size.posts * tenant.size.comments_per_post) + 1):
        post = chance.randint(1, tenant.size.posts)
        user = tenant.user(chance.randint(1, tenant.size.users))
        text = " ".join(chance.choices(_WORDS, k=10))
        at = _moment(step * (tenant.size.posts - post + 1) - timedelta(seconds=number % 1_000))
        yield (
            f"{tenant.id}\t{uuid_text(f'comment:{tenant.number}:{number}')}\t{tenant.post(post)}\t"
            f"{user}\t{text}\t{at}\n"
        )


def _moment(before: timedelta) -> str:
    """A time that Python and PostgreSQL write alike: six digits after the point, the last not 0."""
    moment = _LOADED - before
    micros = moment.microsecond // 10 * 10 + 7
    return moment.replace(microsecond=micros).isoformat()
