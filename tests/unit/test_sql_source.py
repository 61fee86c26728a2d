from __future__ import annotations

import pytest

from fraiseql_strawberry.sql.source import OrderKey, Source, parse_order_by


@pytest.mark.parametrize(
    ("text", "source"),
    [("v_post", Source("v_post")), ("app.v_post", Source("v_post", "app"))],
)
def test_a_source_is_named_with_or_without_its_schema(text: str, source: Source) -> None:
    assert Source.parse(text) == source
    assert str(source) == text


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (None, ()),
        ("", ()),
        ("title", (OrderKey("title"),)),
        ("-created_at, id", (OrderKey("created_at", descending=True), OrderKey("id"))),
        (("-a", "b"), (OrderKey("a", descending=True), OrderKey("b"))),
    ],
)
def test_an_order_is_read(text: str | tuple[str, ...] | None, keys: tuple[OrderKey, ...]) -> None:
    assert parse_order_by(text) == keys
