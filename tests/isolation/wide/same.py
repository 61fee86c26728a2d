"""Whether an answer is the one that was expected, its keys in the order that GraphQL promises."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["is_empty", "same"]


def same(answer: str, expected: Any) -> bool:
    """Compare a JSON text with values; those that have a `matches` say themselves what they mean."""
    return _same(json.loads(answer), expected)


def _same(actual: Any, expected: Any) -> bool:
    match expected:
        case dict():
            return (
                isinstance(actual, dict)
                and list(actual) == list(expected)
                and all(_same(actual[key], value) for key, value in expected.items())
            )
        case list():
            return (
                isinstance(actual, list)
                and len(actual) == len(expected)
                and all(map(_same, actual, expected))
            )
        case bool():
            return actual is expected
    matches = getattr(expected, "matches", None)
    if matches is not None:
        return matches(actual)
    return not isinstance(actual, bool) and actual == expected


def is_empty(value: Any, type_names: Any, *, paged: bool) -> bool:
    """Whether nothing of anybody's is in an answer: no row, no number, no text but `__typename`.

    Args:
        value: The answer.
        type_names: What `__typename` may be.
        paged: Whether facts of a page are asked for: one behind a cursor of the client's says that
            there is something in front of it.
    """
    match value:
        case dict():
            return all(is_empty(member, type_names, paged=paged) for member in value.values())
        case True:
            return paged
        case str():
            return value in type_names
        case _:
            return not value
