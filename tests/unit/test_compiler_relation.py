"""`relation`: what follows from its annotation, and what it refuses."""

from __future__ import annotations

import copy
from uuid import UUID

import pytest
import strawberry

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.graphql.relation import RelationField
from fraiseql_strawberry.sql.source import OrderKey, Relation, Source, Through


@fraiseql.type(sql_source="v_other")
class Other:
    id: UUID


def field(annotation: object, **options: object) -> RelationField:
    cls = type(
        "Cls", (), {"__annotations__": {"other": annotation}, "other": fraiseql.relation(**options)}
    )
    declared = strawberry.type(cls).__strawberry_definition__.fields[0]
    assert isinstance(declared, RelationField)
    return declared


@pytest.mark.parametrize(
    ("annotation", "options", "relation"),
    [
        (Other, {}, Relation(("other_id",), ("id",))),
        (Other | None, {"local": "o", "remote": "p"}, Relation(("o",), ("p",))),
        (list[Other], {"remote": "cls_id"}, Relation(("id",), ("cls_id",))),
        (
            list[Other] | None,
            {"local": "a, b", "remote": ("c", "d"), "order_by": "-e", "limit": 3},
            Relation(("a", "b"), ("c", "d"), None, (OrderKey("e", descending=True),), 3),
        ),
        (
            list[Other],
            {"through": ("app.link", "cls_id", "other_id")},
            Relation(("id",), ("id",), Through(Source("link", "app"), ("cls_id",), ("other_id",))),
        ),
    ],
)
def test_what_is_not_said_follows_from_the_annotation(
    annotation: object, options: dict[str, object], relation: Relation
) -> None:
    declared = field(annotation, **options)
    assert declared.relation == relation
    assert copy.copy(declared).relation == relation


@pytest.mark.parametrize(
    ("annotation", "options", "message"),
    [
        (list[Other], {}, "needs the column of the other source that points here"),
        (Other, {"local": "a, b"}, "differ in length"),
        (list[Other], {"through": ("link", "a, b", "c")}, "differ in length"),
        (Other, {"through": ("link", "a", "b")}, "through= needs a list annotation"),
    ],
)
def test_what_cannot_be_known_is_refused(
    annotation: object, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        _ = field(annotation, **options).relation


def test_lists_take_limit_and_offset() -> None:
    assert [a.python_name for a in field(list[Other], remote="x").arguments] == ["limit", "offset"]
    assert field(Other).arguments == []


def test_a_relation_is_no_argument_of_the_constructor() -> None:
    @fraiseql.type(sql_source="v_owner")
    class Owner:
        id: int
        other: Other = fraiseql.relation()

    assert Owner(id=1) == Owner(id=1)
    assert "other" not in repr(Owner(id=1))


def test_options_of_strawberry_go_through() -> None:
    declared = field(Other, name="theOther", description="d", deprecation_reason="old")
    assert declared.graphql_name == "theOther"
    assert (declared.description, declared.deprecation_reason) == ("d", "old")
