"""All places of a deployment: what they are, and at which revision each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ...config import Config
from ...config.secret import SecretUrl
from .connecting import Driver
from .database_fleet import DatabaseFleet
from .places import Place, Revisions, Selection
from .row_fleet import RowFleet
from .rules import Rules
from .schema_fleet import SchemaFleet

__all__ = ["Fleet", "open_fleet"]


class Fleet(Protocol):
    """The places of one strategy."""

    rules: Rules
    control: SecretUrl
    """The migrator's URL of the control database, which has the ledger."""

    async def places(self, control: Driver, selection: Selection) -> list[Place]:
        """The places of the tenants that are meant, in the order of their ids.

        Raises:
            SetupError: A tenant that is named has no place, or there are no tags.
            ServiceUnavailable: When a database cannot be reached.
        """
        ...

    async def revisions(
        self, control: Driver, places: Sequence[Place], *, recheck: bool = False
    ) -> Mapping[Place, Revisions]:
        """At which revision each place is; one query for all where one database can say.

        Args:
            control: A connection to the control database.
            places: The places.
            recheck: Ask every place itself, where else the ledger is believed.

        Raises:
            ServiceUnavailable: When a database cannot be reached.
        """
        ...

    @property
    def in_control(self) -> bool:
        """Whether the places are in the control database, so that one transaction reaches both."""
        ...

    @property
    def listened(self) -> SecretUrl | None:
        """The migrator's URL of the database in which services listen; None: the control one."""
        ...


def open_fleet(config: Config) -> Fleet:
    """The fleet that a configuration describes; nothing is connected to yet.

    Raises:
        SetupError: There is no migrator's URL.
    """
    strategies = {"row": RowFleet, "schema": SchemaFleet, "database": DatabaseFleet}
    return strategies[config.multitenancy.strategy](config)
