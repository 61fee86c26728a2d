"""JSON as RFC 8259 means it: no NaN, no Infinity, and no key that stands twice."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["StrictDecoder"]


class StrictDecoder(json.JSONDecoder):
    """A decoder for signed content, where a lenient reading is a difference to be exploited.

    Of two equal keys Python keeps the last and other parsers the first: what a proxy checked
    is then not what is used here (RFC 7519, section 4 allows to refuse them).
    """

    def __init__(self, **_: Any) -> None:
        super().__init__(object_pairs_hook=_distinct, parse_constant=_no_constant)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in a JSON object")
    return members


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")
