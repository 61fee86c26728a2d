"""What does not fit is said at start-up, with the nearest name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import strawberry

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.graphql.compiler import SchemaIndex, verify
from fraiseql_strawberry.sql.catalog import Catalog
from tests.unit.compiler_blog import CATALOG, INDEX, ROWS, SETTINGS, rows


def check(*fields: Any, sources: list[dict[str, Any]]) -> None:
    verify(SchemaIndex(fraiseql.build_schema(list(fields))), Catalog.read(sources), SETTINGS)


def test_a_schema_that_fits() -> None:
    verify(INDEX, CATALOG, SETTINGS)


def without(column: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["column"] != column]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (without("title"), r'Post.title: v_post has no column "title"'),
        (without("user_id"), r'Post.user_id: v_post has no column "user_id"'),
        (without("friend_id"), r'app.tb_friend has no column "friend_id"'),
        (without("created_at"), r"Post.created_at"),
        (
            [{**row, "type": "text"} if row["column"] == "views" else row for row in ROWS],
            r"Post.views is int, which v_post.views of type text cannot hold",
        ),
        (
            [{**row, "readable": False} if row["column"] == "views" else row for row in ROWS],
            r"Post.views: the application role may not read v_post.views; GRANT SELECT",
        ),
        (
            [{**row, "labels": ["draft"]} if row["column"] == "state" else row for row in ROWS],
            r"Post.state is enum, which v_post.state of type state cannot hold",
        ),
        (
            [{**r, "type": "text"} if r["source"] == '"app"."tb_friend"' else r for r in ROWS],
            r"User.friends compares id \(uuid\) with user_id \(text\)",
        ),
        ([r for r in ROWS if r["source"] != '"v_user"'], r'finds no view or table "v_user"'),
    ],
)
def test_a_catalog_that_does_not_fit(sources: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        verify(INDEX, Catalog.read(sources), SETTINGS)


@fraiseql.type
class Thing:
    id: UUID


THINGS = rows('"v_thing"', id="uuid", tags="text[]", name="text", extra="json")


def test_an_argument_without_a_column() -> None:
    @fraiseql.query(sql_source="v_thing")
    def things(nam: str | None = None) -> list[Thing]: ...

    with pytest.raises(
        SchemaError, match=r'Query.things\(nam:\): v_thing has no column "nam"; did you mean "name"'
    ):
        check(things, sources=THINGS)


def test_an_order_without_a_column() -> None:
    @fraiseql.query(sql_source="v_thing", order_by="-nmae")
    def things() -> list[Thing]: ...

    with pytest.raises(
        SchemaError, match=r'order_by: v_thing has no column "nmae"; did you mean "name"'
    ):
        check(things, sources=THINGS)


def test_an_order_of_free_text() -> None:
    @fraiseql.query(sql_source="v_thing")
    def things(order_by: str | None = None) -> list[Thing]: ...

    with pytest.raises(SchemaError, match="annotate it with an enum"):
        check(things, sources=THINGS)


def test_an_array_compared_with_one_value() -> None:
    @fraiseql.query(sql_source="v_thing")
    def things(tags: str | None = None) -> list[Thing]: ...

    with pytest.raises(SchemaError, match="an array: take a list"):
        check(things, sources=THINGS)


def test_a_filter_on_json() -> None:
    @fraiseql.query(sql_source="v_thing")
    def things(extra: strawberry.scalars.JSON | None = None) -> list[Thing]: ...

    with pytest.raises(SchemaError, match=r"make v_thing\.extra jsonb"):
        check(things, sources=THINGS)


def test_a_default_limit_beyond_the_highest() -> None:
    @fraiseql.query(sql_source="v_thing")
    def things(limit: int = 5000) -> list[Thing]: ...

    with pytest.raises(SchemaError, match="the default limit 5000 is not from 0 to"):
        check(things, sources=THINGS)


@fraiseql.type(sql_source="v_thing")
class Parent:
    id: UUID
    parts: list[Thing] = fraiseql.relation(remote="id")


def test_a_relation_to_a_type_without_a_source() -> None:
    @fraiseql.query(sql_source="v_thing")
    def parents() -> list[Parent]: ...

    with pytest.raises(SchemaError, match="leads to Thing, which has no sql_source"):
        check(parents, sources=THINGS)


def test_a_document_stands_for_missing_columns() -> None:
    @fraiseql.query(sql_source="v_thing")
    def things(anything: str | None = None) -> list[Thing]: ...

    check(things, sources=rows('"v_thing"', id="uuid", data="jsonb"))
