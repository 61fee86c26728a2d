"""Rows behind a cursor, and cursors themselves, as SQL.

The first key bounds the rows on its own, so that an index is entered at the cursor however deep
the page is ("seek method"); a row comparison does so with all of its keys, where they have one
direction and none of them may be null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["KeysetKey", "behind", "cursor"]


@dataclass(frozen=True, slots=True)
class KeysetKey:
    """One key of an order, as SQL.

    Args:
        column: The expression that reads it.
        value: The cursor's, as SQL.
        descending: Whether the highest value comes first.
        nulls_first: Whether nulls come first.
        nullable: Whether there may be any.
    """

    column: str
    value: str
    descending: bool
    nulls_first: bool
    nullable: bool


def behind(keys: Sequence[KeysetKey]) -> str:
    """The condition of rows that come after the cursor's in the order of these keys."""
    plain = not any(key.nullable for key in keys)
    if plain and len({key.descending for key in keys}) == 1:
        sign = "<" if keys[0].descending else ">"
        columns, values = (", ".join(part) for part in zip(*map(_pair, keys), strict=True))
        return f"ROW({columns}) {sign} ROW({values})"
    condition = _behind(keys)
    first = keys[0]
    if first.nullable:
        return condition
    return f"{first.column} {'<=' if first.descending else '>='} {first.value} AND {condition}"


def _behind(keys: Sequence[KeysetKey]) -> str:
    first, rest = keys[0], keys[1:]
    further = f"{first.column} {'<' if first.descending else '>'} {first.value}"
    same = f"{first.column} = {first.value}"
    if first.nullable:
        same = f"{first.column} IS NOT DISTINCT FROM {first.value}"
        if first.nulls_first:
            further = f"{further} OR ({first.value} IS NULL AND {first.column} IS NOT NULL)"
        else:
            further = f"{further} OR ({first.value} IS NOT NULL AND {first.column} IS NULL)"
    return f"({further} OR ({same} AND {_behind(rest)}))" if rest else f"({further})"


def _pair(key: KeysetKey) -> tuple[str, str]:
    return key.column, key.value


def cursor(prefix: str, values: Sequence[str]) -> str:
    """The cursor of a row.

    Args:
        prefix: What it begins with, as SQL: its version, and whose it is in which order.
        values: The row's values of the keys, as SQL.
    """
    text = f"{prefix} || json_build_array({', '.join(values)})::text"
    # encode() breaks lines after 76 characters (RFC 2045).
    return f"translate(encode(convert_to({text}, 'UTF8'), 'base64'), E'\\n', '')"
