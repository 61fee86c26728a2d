"""A place: a schema or a database that holds tables, and knows at which revision they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...config.secret import SecretUrl
from ...sql.golden import qualified

__all__ = ["EVERYBODY", "Place", "Revisions", "Selection"]

EVERYBODY = "all tenants"
"""What the ledger calls the one place of row isolation."""

Revisions = tuple[str, ...]
"""The revisions that a version table holds, sorted: one, unless branches were not merged."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables of one tenant are, or of all of them under row isolation.

    Args:
        tenant: The tenant's canonical id; `EVERYBODY` under row isolation.
        url: The migrator's URL of the database.
        schema: The schema that tables are made in.
        version_schema: The schema that has the version table.
    """

    tenant: str
    url: SecretUrl = field(repr=False)
    schema: str
    version_schema: str

    def version_table(self, name: str) -> str:
        """The version table, as SQL reads it.

        Args:
            name: What `[migrations] version_table` calls it.
        """
        return qualified(name, self.version_schema)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tenants are meant; all of them where nothing is said.

    Args:
        tenants: Only these, by their canonical ids.
        tags: Only those with one of these tags.
    """

    tenants: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self.tenants or self.tags)
