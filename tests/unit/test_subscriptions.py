"""What `@fraiseql.subscription` takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry import Change, TenantSession
from fraiseql_strawberry.errors import SchemaError


async def numbers(step: int = 1) -> AsyncGenerator[int, None]:
    yield step


async def with_session(session: TenantSession) -> AsyncGenerator[int, None]:
    yield 1


async def one(change: Change, session: TenantSession) -> int:
    return 1


def plain() -> int:
    return 1


@fraiseql.query
def hello() -> str:
    return "hello"


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (with_session, {}, "info.context.session"),
        (plain, {}, "async generator"),
        (numbers, {"channel": "posts"}, "once for each change"),
        (numbers, {"sql_source": "v_post"}, "channel"),
        (one, {"channel": "Posts; DROP"}, "small letters"),
        (one, {"channel": "a" * 45}, "44"),
        (one, {"channel": "posts\n"}, "small letters"),
        (one, {"channel": "posts", "tenant": False}, "tenant=False"),
        (one, {"channel": "posts", "sql_source": "v_post"}, "never run"),
    ],
)
def test_what_makes_no_sense_is_refused(function: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        fraiseql.subscription(**options)(function)


def test_change_and_session_are_no_arguments_of_the_schema() -> None:
    schema = fraiseql.build_schema(
        [
            hello,
            fraiseql.subscription(numbers),
            fraiseql.subscription(channel="posts", name="posts", description="News.")(one),
        ]
    )
    sdl = schema.as_str().partition("type Subscription")[2]
    assert "numbers(step: Int! = 1): Int!" in sdl
    assert '"""News."""\n  posts: Int!' in sdl
