"""What two answers could have in common: the objects in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

__all__ = ["objects_in"]


def objects_in(answer: Any) -> Iterator[str]:
    """Every object with an id, or with values of its own, as text that can be compared."""
    if isinstance(answer, list):
        for item in cast("list[Any]", answer):
            yield from objects_in(item)
    elif isinstance(answer, dict):
        values = cast("dict[str, Any]", answer)
        if "edges" in values:  # a page of Relay's: two tenants may have as many rows
            yield from objects_in(values["edges"])
            return
        plain = {
            k: v for k, v in values.items() if not isinstance(v, (dict, list)) and v is not None
        }
        named = {k: v for k, v in plain.items() if k == "id" or k.endswith(("Id", "_id"))}
        if "id" in plain:
            yield json.dumps({"id": plain["id"]}, default=str)
        elif len(plain) > len(named) and plain.keys() - {"__typename"}:
            yield json.dumps(plain, default=str, sort_keys=True)
        for value in values.values():
            yield from objects_in(value)
