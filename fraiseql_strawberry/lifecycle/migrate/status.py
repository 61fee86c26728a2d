"""The fleet by revision: who is where, and what happened last."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import SetupError
from .connecting import open_driver
from .fleet import Fleet
from .ledger import Entry, latest_entries
from .places import Place, Revisions, Selection
from .scripts import Scripts

__all__ = ["Standing", "fleet_status"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one tenant is.

    Args:
        place: The place.
        revisions: The revisions that it is at; none where it was never migrated.
        behind: How many revisions are to be applied; None where its revision is not known here.
        last: The last entry of the ledger, if there is any.
    """

    place: Place
    revisions: Revisions
    behind: int | None
    last: Entry | None


async def fleet_status(
    fleet: Fleet, scripts: Scripts, selection: Selection, *, recheck: bool = False
) -> list[Standing]:
    """Where each tenant is, in the order of their ids.

    Args:
        fleet: The places.
        scripts: The user's Alembic directory.
        selection: Which tenants.
        recheck: Ask each place for its revision, where else the ledger is believed.

    Raises:
        ServiceUnavailable: When a database cannot be reached.
    """
    async with open_driver(fleet.control) as control:
        places = await fleet.places(control, selection)
        revisions = await fleet.revisions(control, places, recheck=recheck)
        entries = await latest_entries(control, [place.tenant for place in places])
    return [
        Standing(
            place, revisions[place], _behind(scripts, revisions[place]), entries.get(place.tenant)
        )
        for place in places
    ]


def _behind(scripts: Scripts, revisions: Revisions) -> int | None:
    try:
        return len(scripts.pending(revisions))
    except SetupError:
        return None
