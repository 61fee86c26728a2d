"""Alembic as the lifecycle of tenants asks for it: where head is, and one place brought there."""

from __future__ import annotations

from typing import Protocol

from ...config import Config
from ...config.secret import SecretUrl
from ...errors import MigrationFailed
from .connecting import open_driver
from .one import migrate_one
from .places import EVERYBODY, Place, Revisions
from .report import Failure
from .rules import Rules
from .scripts import Scripts
from .versions import read_versions

__all__ = ["AlembicMigrations"]


class Target(Protocol):
    """A place without a tenant: a template, or one that is being made."""

    @property
    def url(self) -> SecretUrl:
        """The URL of its database, for a role that may change tables."""
        ...

    @property
    def schema(self) -> str | None:
        """The schema that is the tenant's; None where the whole database is."""
        ...


class AlembicMigrations:
    """Makes the tables of new tenants with the user's Alembic directory.

    Args:
        config: The configuration; its `[migrations] alembic` names the directory.

    Raises:
        SetupError: There is no such directory.
    """

    def __init__(self, config: Config) -> None:
        self._rules = Rules.of(config)
        self._scripts = Scripts.of(config)

    async def head(self) -> str:
        """The newest revision; several are joined by commas, where branches were not merged."""
        return ",".join(self._scripts.heads)

    async def revision(self, target: Target) -> str | None:
        """The revision that a place is at, or None when it was never migrated."""
        return ",".join(await self._revisions(self._place(target))) or None

    async def upgrade(self, target: Target) -> None:
        """Bring a place to head, in one transaction; harmless when it is there.

        A place that newer code has migrated is left as it is.

        Raises:
            MigrationFailed: It could not be; it is as it was.
            ServiceUnavailable: When the database cannot be reached.
        """
        place = self._place(target)
        if not self._scripts.knows(await self._revisions(place)):
            return
        result = await migrate_one(place, self._rules, self._scripts)
        if result.failure is not None:
            raise MigrationFailed(_said(place, result.failure))

    async def _revisions(self, place: Place) -> Revisions:
        async with open_driver(place.url) as driver:
            table = self._rules.version_table
            versions = await read_versions(driver, table, [place.version_schema])
        return versions[place.version_schema]

    def _place(self, target: Target) -> Place:
        home = target.schema or self._rules.home
        version_schema = target.schema or self._rules.version_schema or home
        return Place(EVERYBODY, target.url, home, version_schema)


def _said(place: Place, failure: Failure) -> str:
    at = f" at revision {failure.revision}" if failure.revision else ""
    lines = [f"the migration of the schema {place.schema} failed{at}: {failure.message}"]
    lines += [f"{finding.rule} {finding.name}: {finding.fix}" for finding in failure.findings]
    return "\n".join(lines)
