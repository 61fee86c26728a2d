"""Tenants whose tables are not what the migrations made."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import SetupError
from ...isolation import SchemaNames
from ..fingerprint import Difference, Fingerprint, digests, fingerprint
from .connecting import Driver, open_driver
from .fleet import Fleet
from .places import Place, Revisions, Selection
from .scripts import Scripts
from .texts import PLACES_QUERIES
from .versions import read_versions

__all__ = ["Comparison", "find_drift"]

_AT_ONCE = 8


@dataclass(slots=True)
class Comparison:
    """What the tenants' tables are, compared with what they should be.

    Args:
        against: What they were held against.
        drifted: What each one lacks (missing), or has too much (unexpected).
        alike: How many are as they should be.
        elsewhere: Tenants at another revision, which cannot be compared.
    """

    against: str
    drifted: dict[Place, Difference] = field(default_factory=dict[Place, Difference])
    alike: int = 0
    elsewhere: list[Place] = field(default_factory=list[Place])


async def find_drift(
    fleet: Fleet,
    scripts: Scripts,
    selection: Selection,
    *,
    against: str | None = None,
    roles: SchemaNames | None = None,
) -> Comparison:
    """Compare the tables of tenants with the template's, or with what most tenants have.

    Args:
        fleet: The places.
        scripts: The user's Alembic directory; tenants at its head are compared.
        selection: Which tenants.
        against: The id of a tenant to compare with, in place of the template.
        roles: Names the role of each tenant, where tenants have any.

    Raises:
        SetupError: There is nothing to compare.
        ServiceUnavailable: When a database cannot be reached.
    """
    if fleet.rules.strategy == "row":
        raise SetupError(
            '[multitenancy] strategy = "row": all tenants share their tables, so none can differ'
        )
    async with open_driver(fleet.control) as control:
        places = await fleet.places(control, Selection())
        revisions = await fleet.revisions(control, places, recheck=True)
        at_head = [place for place in places if revisions[place] == scripts.heads]
        template = None if against else await _template(control, fleet, scripts.heads)
        if not at_head:
            raise SetupError("no tenant is at head, so there is nothing to compare: migrate first")
        found = await _digests(control, fleet, at_head, roles)
        known = await _reference(control, fleet, found, template, against, roles)
        chosen = {place.tenant for place in await fleet.places(control, selection)}
        comparison = Comparison(known.name)
        for place in places:
            if place.tenant not in chosen:
                continue
            if place not in found:
                comparison.elsewhere.append(place)
            elif found[place] == known.lines.digest:
                comparison.alike += 1
            else:
                theirs = await _lines(control, fleet, place, roles)
                comparison.drifted[place] = known.lines.difference(theirs)
    return comparison


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    lines: Fingerprint


async def _reference(
    control: Driver,
    fleet: Fleet,
    found: Mapping[Place, str],
    template: str | None,
    against: str | None,
    roles: SchemaNames | None,
) -> _Reference:
    if template is not None:
        return _Reference("the template", await fingerprint(control, template))
    if against is not None:
        named = [place for place in found if place.tenant == against]
        if not named:
            raise SetupError(f"--against {against}: there is no such tenant at head")
        return _Reference(f"tenant {against}", await _lines(control, fleet, named[0], roles))
    digest, count = Counter(found.values()).most_common(1)[0]
    one = next(place for place, other in found.items() if other == digest)
    name = f"what most have ({count} of {len(found)}), such as {one.tenant}"
    return _Reference(name, await _lines(control, fleet, one, roles))


async def _template(control: Driver, fleet: Fleet, heads: Revisions) -> str | None:
    """The schema that new tenants are copied from, if there is one and it is at head."""
    if not fleet.in_control or not await control.fetchval(PLACES_QUERIES["has_templates"]):
        return None
    name: str | None = await control.fetchval(PLACES_QUERIES["template"])
    if name is None:
        return None
    versions = await read_versions(control, fleet.rules.version_table, [name])
    return name if versions[name] == heads else None


async def _digests(
    control: Driver, fleet: Fleet, places: Sequence[Place], roles: SchemaNames | None
) -> dict[Place, str]:
    if fleet.in_control:
        aliases = {} if roles is None else {p.schema: roles.of(p.tenant) for p in places}
        found = await digests(control, [place.schema for place in places], aliases=aliases)
        return {place: found[place.schema] for place in places if place.schema in found}
    permits = asyncio.Semaphore(_AT_ONCE)
    by_place: dict[Place, str] = {}

    async def look(place: Place) -> None:
        async with permits:
            by_place[place] = (await _lines(control, fleet, place, roles)).digest

    async with asyncio.TaskGroup() as tasks:
        for place in places:
            tasks.create_task(look(place))
    return by_place


async def _lines(
    control: Driver, fleet: Fleet, place: Place, roles: SchemaNames | None
) -> Fingerprint:
    alias = None if roles is None else roles.of(place.tenant)
    if fleet.in_control:
        return await fingerprint(control, place.schema, alias=alias)
    async with open_driver(place.url) as driver:
        return await fingerprint(driver, place.schema, alias=alias)
