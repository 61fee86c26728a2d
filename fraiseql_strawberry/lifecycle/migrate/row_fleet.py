"""Row isolation: all tenants share one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import Config
from ...config.secret import SecretUrl
from ...errors import SetupError
from ...sql.golden import CONTROL_SCHEMA
from .connecting import Driver
from .places import EVERYBODY, Place, Revisions, Selection
from .rules import Rules, migrator_url
from .versions import read_versions

__all__ = ["RowFleet"]


class RowFleet:
    """The fleet of one (see `Fleet`)."""

    def __init__(self, config: Config) -> None:
        self.rules = Rules.of(config)
        self.control = migrator_url(config)

    @property
    def in_control(self) -> bool:
        """The tables stand beside the ledger (see `Fleet.in_control`)."""
        return True

    @property
    def listened(self) -> SecretUrl | None:
        """Services listen beside the ledger (see `Fleet.listened`)."""
        return None

    async def places(self, control: Driver, selection: Selection) -> list[Place]:
        """The one place (see `Fleet.places`)."""
        if selection:
            raise SetupError(
                '[multitenancy] strategy = "row": all tenants share their tables, so none can be '
                "migrated by itself"
            )
        return [Place(EVERYBODY, self.control, self.rules.home, CONTROL_SCHEMA)]

    async def revisions(
        self, control: Driver, places: Sequence[Place], *, recheck: bool = False
    ) -> Mapping[Place, Revisions]:
        """What its version table says (see `Fleet.revisions`)."""
        found = await read_versions(control, self.rules.version_table, [CONTROL_SCHEMA])
        return {place: found[place.version_schema] for place in places}
