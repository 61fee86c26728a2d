"""Objects that a statement left in their JSON: those of a type inside of the same type.

A selection says how deep such an object is read. Code that nobody selected for, a resolver or a
mutation that loads a row, gets it once; what is further inside stays unread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ...errors import SchemaError

__all__ = ["unread_objects"]


def unread_objects(place: str, *, many: bool) -> Callable[[Any], Any]:
    """The function from JSON to what stands for it unread; what holds no object is itself.

    Args:
        place: The field, for the error of whoever looks inside: "Comment.replies".
        many: Whether it is a list.
    """
    unread = _Unread(place)

    def parse(json: Any) -> Any:
        if not isinstance(json, list if many else dict):
            return None
        return [] if json == [] else unread

    return parse


class _Unread:
    """Raises as soon as anybody looks at it: None would be a lie."""

    __slots__ = ("_fraiseql_place",)

    def __init__(self, place: str) -> None:
        self._fraiseql_place = place

    def __getattr__(self, name: str) -> NoReturn:
        raise self._error()

    def __iter__(self) -> NoReturn:
        raise self._error()

    def __len__(self) -> NoReturn:
        raise self._error()

    def _error(self) -> SchemaError:
        return SchemaError(
            f"{self._fraiseql_place} holds a type inside of itself, which only a selection reads; "
            "read the JSON itself in code of your own: `data: fraiseql.Private[JSON]`"
        )
