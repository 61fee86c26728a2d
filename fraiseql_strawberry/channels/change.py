"""What a notification says: which row changed, how, and whose it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

__all__ = ["Announcement", "Change", "read_announcement"]

_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """A row that was announced on a channel.

    Nothing of it is proof: whoever may send SQL to the database can NOTIFY. So it has no content,
    and what is shown of the row is read as the subscriber's tenant.

    Args:
        key: The row's key, as PostgreSQL writes it as text.
        operation: "insert", "update" or "delete", or a word of the application's own.
    """

    key: str
    operation: str


class Announcement(NamedTuple):
    """A change, and what the notification says of its tenant."""

    tenant: str
    change: Change


def read_announcement(payload: str) -> Announcement | None:
    """The content of a notification; None where it is none that `announce_rows` would send.

    Args:
        payload: PostgreSQL keeps it below 8,000 bytes.
    """
    try:
        decoded: Any = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(decoded, dict):
        return None
    said = cast("dict[str, Any]", decoded)
    texts = [said.get(name) for name in ("tenant", "key", "operation")]
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts):
        return None
    tenant, key, operation = cast("list[str]", texts)
    return Announcement(tenant, Change(key, operation))
