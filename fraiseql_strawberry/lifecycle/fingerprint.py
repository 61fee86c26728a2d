"""What a schema holds, as lines of text: two schemas are alike when their lines are.

Everything that DDL can say is described: tables, columns, defaults, constraints, indexes, views
with their options, functions, triggers, policies, row security, owners, grants, types, sequences.
Rows are not, nor the revision that a version table holds. The schema's own name is left out
wherever it occurs, so the schemas of two tenants can be compared; a mention of another tenant's
schema stays, and shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, TypeAlias

import asyncpg

__all__ = ["Difference", "Fingerprint", "digests", "fingerprint"]

Driver: TypeAlias = "asyncpg.Connection[Any]"

_LINES = (
    resources.files("fraiseql_strawberry.lifecycle")
    .joinpath("sql", "fingerprint.sql")
    .read_text("utf-8")
)
# The same digest as `Fingerprint.digest`, without moving the lines.
_DIGESTS = f"""
    SELECT schema,
           encode(sha256(convert_to(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), 'UTF8')),
                  'hex') AS digest
    FROM ({_LINES}) AS lines GROUP BY schema
"""  # noqa: S608 - our own text
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be done to make two schemas alike.

    Args:
        missing: Lines that only the expected one has.
        unexpected: Lines that only the other one has.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.missing or self.unexpected)

    def __str__(self) -> str:
        """The lines as in a diff, what belongs together side by side."""
        signed = [(line, "-") for line in self.missing] + [(line, "+") for line in self.unexpected]
        return "\n".join(f"{sign} {line}" for line, sign in sorted(signed))


@dataclass(frozen=True)
class Fingerprint:
    """The lines of one schema, sorted by their bytes."""

    lines: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the lines, as hex digits."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()

    def difference(self, other: Fingerprint) -> Difference:
        """What `other` lacks, and what it has too much, to be like this one."""
        ours, theirs = set(self.lines), set(other.lines)
        return Difference(
            tuple(line for line in self.lines if line not in theirs),
            tuple(line for line in other.lines if line not in ours),
        )


async def fingerprint(
    driver: Driver, schema: str, *, alias: str | None = None, comments: bool = False
) -> Fingerprint:
    """Describe one schema.

    Args:
        driver: A connection that may look at everything, such as the migrator's; a transaction that
            it is in goes on, and what it has not committed yet is described too.
        schema: The schema's name, not quoted. One that does not exist has no lines.
        alias: Another name that means the same tenant, such as its role.
        comments: Whether comments count.
    """
    async with _names_in_full(driver):
        rows = await driver.fetch(_LINES, [schema], [alias], comments)
    return Fingerprint(tuple(sorted((row["line"] for row in rows), key=str.encode)))


async def digests(
    driver: Driver,
    schemas: Sequence[str],
    *,
    aliases: Mapping[str, str] | None = None,
    comments: bool = False,
) -> dict[str, str]:
    """The digests of many schemas: a thousand of some dozen objects take a few seconds.

    Args:
        driver: As for `fingerprint`.
        schemas: Their names; those that do not exist are not in the answer.
        aliases: Other names of theirs, by schema.
        comments: Whether comments count.
    """
    found: dict[str, str] = {}
    known = aliases or {}
    async with _names_in_full(driver):
        for start in range(0, len(schemas), _AT_ONCE):
            some = list(schemas[start : start + _AT_ONCE])
            also = [known.get(schema) for schema in some]
            rows = await driver.fetch(_DIGESTS, some, also, comments)
            found.update((row["schema"], row["digest"]) for row in rows)
    return found


@asynccontextmanager
async def _names_in_full(driver: Driver) -> AsyncGenerator[None]:
    """PostgreSQL leaves out the names of schemas that the search path leads to."""
    if not driver.is_in_transaction():
        async with driver.transaction(readonly=True):
            await driver.execute("SET LOCAL search_path = ''")
            yield
        return
    path = await driver.fetchval("SELECT current_setting('search_path')")
    await driver.execute("SELECT set_config('search_path', '', true)")
    yield  # after an error the transaction is lost, and its settings with it
    await driver.execute("SELECT set_config('search_path', $1, true)", path)
