from __future__ import annotations

import pytest

from fraiseql_strawberry.sql.catalog import ColumnType
from fraiseql_strawberry.sql.scalars import (
    Scalar,
    document_type,
    fits,
    literal,
    members_stored,
    output,
    stored_as,
)

STATE = (("DRAFT", "DRAFT", "draft"), ("LIVE", "LIVE", "live"))
LEVEL = (("LOW", "LOW", 1), ("TOP", "HIGH", 2))


@pytest.mark.parametrize(
    ("text", "sql"), [("a", "'a'"), ("it's", "'it''s'"), ("a\\b'", " E'a\\\\b'''")]
)
def test_a_constant_is_quoted(text: str, sql: str) -> None:
    assert literal(text) == sql


@pytest.mark.parametrize(
    ("kind", "type_", "sql"),
    [
        ("string", "text", "c"),
        ("string", "uuid", "c"),
        ("string", "timestamptz", "c::text"),
        ("id", "int8", "c::text"),
        ("int", "int4", "c"),
        ("float", "float4", "c"),
        ("float", "numeric", "c::float8"),
        ("decimal", "numeric", "c::text"),
        ("bigint", "int8", "c::text"),
        ("datetime", "timestamptz", "c"),
        ("base16", "bytea", "upper(encode(c, 'hex'))"),
        ("base64", "bytea", "translate(encode(c, 'base64'), E'\\n', '')"),
        ("json", "jsonb", "c"),
        ("json", "uuid", "c"),
    ],
)
def test_a_scalar_is_written_by_its_column(kind: str, type_: str, sql: str) -> None:
    assert fits(Scalar(kind), ColumnType(type_))
    assert output(Scalar(kind), "c", ColumnType(type_), marked=True) == sql


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("uuid", "text"),
        ("int", "text"),
        ("datetime", "date"),
        ("base64", "text"),
        ("boolean", "int4"),
    ],
)
def test_a_scalar_does_not_fit_every_column(kind: str, type_: str) -> None:
    assert not fits(Scalar(kind), ColumnType(type_))


def test_lists_need_arrays() -> None:
    assert not fits(Scalar("int", 1), ColumnType("int4"))
    assert not fits(Scalar("int"), ColumnType("int4", array=True))
    assert fits(Scalar("int", 2), ColumnType("int4", array=True))
    assert not fits(Scalar("decimal", 2), ColumnType("numeric", array=True))
    assert fits(Scalar("json", 1), ColumnType("jsonb"))


@pytest.mark.parametrize(
    ("scalar", "type_", "sql"),
    [
        (Scalar("int", 1), "int4", "c"),
        (Scalar("decimal", 1), "numeric", "c::text[]"),
        (
            Scalar("base16", 1),
            "bytea",
            "ARRAY(SELECT upper(encode(v, 'hex')) FROM unnest(c) AS e(v)) END",
        ),
    ],
)
def test_a_list_is_written_item_by_item(scalar: Scalar, type_: str, sql: str) -> None:
    written = output(scalar, "c", ColumnType(type_, array=True), marked=True)
    assert written.removeprefix("CASE WHEN c IS NOT NULL THEN ") == sql


def test_an_int_that_may_be_too_large_is_marked_for_the_fast_lane_only() -> None:
    for type_ in ("int8", "numeric", "float8"):
        assert "u0000" in output(Scalar("int"), "c", ColumnType(type_), marked=True)
        assert output(Scalar("int"), "c", ColumnType(type_), marked=False) == "c"


def test_an_enum_is_stored_as_values_or_as_names() -> None:
    scalar = Scalar("enum", members=STATE)
    labels = ColumnType("state", schema=None, labels=("live", "draft", "old"))
    assert stored_as(scalar, labels) == {"draft": "DRAFT", "live": "LIVE"}
    names = ColumnType("state", schema=None, labels=("LIVE", "DRAFT"))
    assert stored_as(scalar, names) == {"DRAFT": "DRAFT", "LIVE": "LIVE"}
    assert members_stored(scalar, names) == {"draft": "DRAFT", "live": "LIVE"}
    assert stored_as(scalar, ColumnType("text")) == {"draft": "DRAFT", "live": "LIVE"}
    assert stored_as(scalar, ColumnType("state", schema=None, labels=("live",))) is None
    assert stored_as(scalar, ColumnType("bool")) is None


def test_an_enum_of_numbers() -> None:
    scalar = Scalar("enum", members=LEVEL)
    assert stored_as(scalar, ColumnType("int2")) == {1: "LOW", 2: "TOP"}
    assert stored_as(scalar, ColumnType("text")) == {"LOW": "LOW", "HIGH": "TOP"}
    assert document_type(scalar) == ColumnType("int8")


def test_an_enum_whose_labels_are_its_names_needs_no_case() -> None:
    names = ColumnType("state", schema=None, labels=("LIVE", "DRAFT"))
    assert output(Scalar("enum", members=STATE), "c", names, marked=True) == "c"
    more = ColumnType("state", schema=None, labels=("LIVE", "DRAFT", "OLD"))
    assert "CASE" in output(Scalar("enum", members=STATE), "c", more, marked=True)
