"""Ready copies of a template, so that a sign-up waits for a rename and nothing else."""

from __future__ import annotations

from typing import cast

from .administrator import Driver
from .queries import named_queries
from .template import TEMPLATE_PREFIX, Template

__all__ = ["NOBODYS", "WARM_PREFIX", "WarmPool"]

WARM_PREFIX = "fraiseql_warm_"

NOBODYS = tuple(prefix.replace("_", r"\_") + "%" for prefix in (TEMPLATE_PREFIX, WARM_PREFIX))
"""What the names of templates and of warm places are LIKE."""
_QUERIES = named_queries("warm")


class WarmPool:
    """The copies that are nobody's yet, as they are written down."""

    async def claim(self, driver: Driver, template: Template) -> str | None:
        """Take one that was made from a template, in the transaction that renames it.

        If that is rolled back, the copy is nobody's again.

        Returns:
            Its name, or None when there is none.
        """
        return cast("str | None", await driver.fetchval(_QUERIES["claim"], template.id))

    async def count(self, driver: Driver, template: Template) -> int:
        """How many there are of a template."""
        return cast(int, await driver.fetchval(_QUERIES["count"], template.id))

    async def add(self, driver: Driver, template: Template, name: str) -> None:
        """Write a new one down."""
        await driver.execute(_QUERIES["add"], name, template.id)

    async def outdated(self, driver: Driver, kind: str) -> list[str]:
        """Those of earlier templates; nobody claims one before the transaction ends."""
        return [row["name"] for row in await driver.fetch(_QUERIES["outdated"], kind)]

    async def remove(self, driver: Driver, name: str) -> None:
        """Write down that one is gone."""
        await driver.execute(_QUERIES["remove"], name)
