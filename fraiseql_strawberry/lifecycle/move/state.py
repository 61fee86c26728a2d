"""What a tenant's record says of a move: enough to go on with it, or back.

A placement is `{"database": …}` on the administrator's own server, with `"server"` elsewhere.
While the tenant moves it also has `"moving"`; once it is served from the new server, and the old
one has something left, `"left"`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...tenant import TenantStatus
from ..records import TenantRecord

__all__ = ["Left", "Move", "at_rest"]

_PREFIX = "fraiseql_moving_"


@dataclass(frozen=True, slots=True)
class Move:
    """A move that is under way.

    Args:
        to: The server, as "host:port"; None for the administrator's own.
        was: The tenant's status before.
        names: What its databases were called meanwhile, on both servers; no service knows them.
            Each attempt has its own, since a `pg_restore` may outlive the process that began it.
    """

    to: str | None
    was: TenantStatus
    names: Sequence[str]

    @classmethod
    def begin(cls, record: TenantRecord, to: str | None) -> Move:
        """The move of a tenant that is where its record says."""
        return cls(to, record.status, [_new_name()])

    def again(self) -> Move:
        """Another attempt."""
        return replace(self, names=[*self.names, _new_name()])

    @property
    def name(self) -> str:
        """What they are called in this attempt."""
        return self.names[-1]

    @classmethod
    def of(cls, record: TenantRecord) -> Move | None:
        """What the record says, if the tenant is being moved."""
        told = record.placement.get("moving")
        if told is None:
            return None
        return cls(told["to"], TenantStatus(told["was"]), told["names"])

    def placement(self, record: TenantRecord) -> dict[str, Any]:
        """The placement of a tenant that is being moved."""
        told = {"to": self.to, "was": str(self.was), "names": [*self.names]}
        return {**record.placement, "moving": told}

    def source(self, record: TenantRecord) -> TenantRecord:
        """The record as if the database that is left were the tenant's, under its other name."""
        return replace(record, placement=_place(self.name, record.placement.get("server")))

    def copy(self, record: TenantRecord) -> TenantRecord:
        """The record as if the copy were the tenant's, under its other name."""
        return replace(record, placement=_place(self.name, self.to))


@dataclass(frozen=True, slots=True)
class Left:
    """Databases that are nobody's since a move has ended.

    Args:
        server: Where they are.
        names: What they are called.
    """

    server: str | None
    names: Sequence[str]

    @classmethod
    def of(cls, record: TenantRecord) -> Left | None:
        """What the record says, if anything is left."""
        told = record.placement.get("left")
        return None if told is None else cls(told["server"], told["names"])

    def placement(self, database: str, server: str | None) -> dict[str, Any]:
        """The placement of a tenant that is there."""
        told = {"server": self.server, "names": [*self.names]}
        return {**_place(database, server), "left": told}


def at_rest(placement: Mapping[str, Any]) -> dict[str, Any]:
    """A placement without what a move has written into it."""
    return {key: value for key, value in placement.items() if key not in ("moving", "left")}


def _new_name() -> str:
    return _PREFIX + secrets.token_hex(8)


def _place(database: str, server: str | None) -> dict[str, Any]:
    return {"database": database, **({} if server is None else {"server": server})}
