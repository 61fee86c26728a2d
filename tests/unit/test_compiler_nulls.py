from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.compiler_blog import bind

POST = {
    "id": "1",
    "title": "a",
    "rating": 1.5,
    "views": 1,
    "state": "LIVE",
    "author": {"name": "b"},
}
SELECTION = "{ posts { id title rating views state author { name } } }"


def violates(text: str, data: Any) -> bool:
    return bind(text).violates(json.dumps(data, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"rating": None},
        {"state": None},
        {"title": '"title":null'},
        {"title": "NaN"},
        {"title": "Infinity"},
        {"title": ":null"},
    ],
)
def test_what_keeps_its_promises_goes_out(change: dict[str, Any]) -> None:
    assert not violates(SELECTION, {"posts": [POST, {**POST, **change}]})
    assert not violates(SELECTION, {"posts": []})


@pytest.mark.parametrize(
    "change",
    [
        {"title": None},
        {"views": None},
        {"views": "\x00"},
        {"state": "\x00"},
        {"author": None},
        {"author": {"name": None}},
        {"rating": "NaN"},
        {"rating": "-Infinity"},
    ],
)
def test_what_breaks_one_does_not(change: dict[str, Any]) -> None:
    assert violates(SELECTION, {"posts": [POST, {**POST, **change}]})


def test_a_root_field_may_be_null_or_may_not() -> None:
    id_ = "11111111-1111-4111-8111-111111111111"
    assert not violates(f'{{ post(id: "{id_}") {{ id }} }}', {"post": None})
    assert violates("{ posts { id } }", {"posts": None})


def test_a_key_that_is_nullable_elsewhere_is_looked_at() -> None:
    text = "{ posts { x: title } users { posts { x: rating } } }"
    users = [{"posts": [{"x": None}]}]
    assert not violates(text, {"posts": [{"x": "a"}], "users": users})
    assert violates(text, {"posts": [{"x": None}], "users": users})
