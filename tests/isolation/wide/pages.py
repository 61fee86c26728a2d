"""The judge of connections: a page is a slice of the list, and a cursor is the place of a row in it.

The form of cursors is written down here a second time: clients keep them over deployments.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from graphql import GraphQLError

from tests.isolation.wide.found import Related, in_order

__all__ = ["CursorText", "Place", "Unjudged", "page_of"]

MAX_LIMIT = 1000
DEFAULT_LIMIT = 3
DEFAULT_ORDER = [{"number": "DESC"}]
_NEVER_NULL = "a_zoned_stamp"


class Unjudged(Exception):
    """A row breaks a promise on which the order of the pages rests."""


@dataclass(frozen=True)
class Place:
    """The cursor of a row, for whichever tenant asks.

    Args:
        order: What the client orders by; None where it does not.
        number: Which of the tenant's rows.
        tenant: Whose cursor it is instead.
    """

    order: Any
    number: int
    tenant: str | None = None

    def cursor(self, tenant: str, rows: Sequence[Any]) -> str:
        """The text that this tenant's client has got."""
        keys = _keys(self.order or DEFAULT_ORDER)
        row = rows[self.number % len(rows)]
        return _cursor(self.tenant or tenant, keys, row)


class CursorText(str):
    """A cursor that may write numbers in another way, as PostgreSQL does."""

    __slots__ = ()

    def matches(self, actual: Any) -> bool:
        return isinstance(actual, str) and _plain(actual) == _plain(self)


def page_of(
    tenant: str, related: Related, everything: list[Any], kept: list[Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    """What a connection says of `kept`, which are some of the rows of `everything`."""
    order = arguments.get("order_by") or DEFAULT_ORDER
    order = order if isinstance(order, list) else [order]
    if any(isinstance(way, dict) for key in order for way in key.values()):
        raise GraphQLError("a column of another row is no key of a cursor")
    first, last = arguments.get("first"), arguments.get("last")
    after, before = arguments.get("after"), arguments.get("before")
    if first is not None and last is not None:
        raise GraphQLError("both ways at once")
    length = last if first is None else first
    length = DEFAULT_LIMIT if length is None else length
    if not 0 <= length <= MAX_LIMIT:
        raise GraphQLError("the length")
    keys = _keys(order)
    lowest_first = "DESC" if keys[-1][1] else "ASC"
    rows = in_order(related, "Thing", everything, [*order, {"id": lowest_first}])
    start, end = (_row(tenant, keys, rows, cursor) for cursor in (after, before))
    bounded = after is not None or before is not None
    if bounded and any(key[0] == _NEVER_NULL for key in keys) and _has_null(rows):
        raise Unjudged
    wanted = {row["id"] for row in kept}
    found = [row for row in rows[0 if start is None else start + 1 : end] if row["id"] in wanted]
    backwards = last is not None
    more = len(found) > length
    page = found[len(found) - min(length, len(found)) :] if backwards else found[:length]
    cursors = [CursorText(_cursor(tenant, keys, row)) for row in page]
    return {
        "edges": [{"cursor": text, "node": row} for text, row in zip(cursors, page, strict=True)],
        "page_info": {
            "has_next_page": before is not None if backwards else more,
            "has_previous_page": more if backwards else after is not None,
            "start_cursor": next(iter(cursors), None),
            "end_cursor": next(reversed(cursors), None),
        },
        "total_count": len(kept),
    }


_Key = tuple[str, bool, str | None]


def _keys(order: list[Any]) -> list[_Key]:
    keys: list[_Key] = []
    for key in order:
        ((name, way),) = key.items()
        column = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        _, _, nulls = way.partition("_NULLS_")
        keys.append((column, way.startswith("DESC"), nulls.lower() or None))
    return [*keys, ("id", keys[-1][1], None)]


def _prefix(tenant: str, keys: list[_Key]) -> str:
    told = json.dumps([tenant, keys]).encode()
    digest = hashlib.blake2b(told, digest_size=9).digest()
    return f"1.{base64.urlsafe_b64encode(digest).decode()}."


def _cursor(tenant: str, keys: list[_Key], row: Any) -> str:
    values = [_written(column, row[column]) for column, _, _ in keys]
    return base64.b64encode((_prefix(tenant, keys) + json.dumps(values)).encode()).decode()


def _written(column: str, value: Any) -> Any:
    whole = value is None or isinstance(value, bool) or column == _NEVER_NULL
    return value if whole else str(value)


def _row(tenant: str, keys: list[_Key], rows: list[Any], cursor: str | None) -> int | None:
    """Where the row of a cursor is; None where there is no cursor."""
    if cursor is None:
        return None
    prefix, values = _prefix(tenant, keys), _plain(cursor)
    if values is None or not base64.b64decode(cursor).decode().startswith(prefix):
        raise GraphQLError("no cursor of this order")
    return next(place for place, row in enumerate(rows) if row["id"] == values[-1])


def _plain(cursor: str) -> list[Any] | None:
    """Its values; None for what is no cursor."""
    try:
        text = base64.b64decode(cursor, validate=True).decode()
        version, _, values = text.split(".", 2)
        return [_number(value) for value in json.loads(values)] if version == "1" else None
    except (binascii.Error, ValueError):
        return None


def _number(value: Any) -> Any:
    try:
        return str(Decimal(value).normalize()) if isinstance(value, str) else value
    except ArithmeticError:
        return value


def _has_null(rows: list[Any]) -> bool:
    return any(row[_NEVER_NULL] is None for row in rows)
