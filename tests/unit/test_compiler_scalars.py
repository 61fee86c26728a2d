"""Scalars of the schema: known by identity, and written as PostgreSQL writes them."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any, NewType
from uuid import UUID

import pytest
import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.schema.config import StrawberryConfig

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.graphql.compiler import SchemaIndex
from fraiseql_strawberry.graphql.compiler.fields import Leaf, Opaque
from fraiseql_strawberry.graphql.compiler.python_scalars import (
    enum_of_annotation,
    scalar_of_annotation,
)
from fraiseql_strawberry.graphql.scalars import SCALARS, BigInt, align_scalars
from fraiseql_strawberry.sql.scalars import Scalar


class Color(enum.Enum):
    RED = 1


Money = NewType("Money", Decimal)
Euros = NewType("Euros", Money)


@pytest.mark.parametrize(
    ("annotation", "scalar"),
    [
        (str, Scalar("string")),
        (UUID | None, Scalar("uuid")),
        (list[dt.date], Scalar("date", 1)),
        (list[int | None] | None, Scalar("int", 1, item_nullable=True)),
        (list[list[float]], Scalar("float", 2)),
        (Annotated[bytes, "x"], Scalar("base64")),
        (dict[str, Any], Scalar("json")),
        (Euros, Scalar("decimal")),
        (BigInt, Scalar("bigint")),
        (Color, Scalar("enum", members=(("RED", "RED", 1),))),
        (list[Color], Scalar("enum", 1, members=(("RED", "RED", 1),))),
        (complex, None),
        (int | str, None),
    ],
)
def test_an_annotation_says_what_is_made_of_the_json(
    annotation: object, scalar: Scalar | None
) -> None:
    assert scalar_of_annotation(annotation) == scalar


def test_an_annotation_names_its_enum() -> None:
    assert enum_of_annotation(list[Color | None]) is Color
    assert enum_of_annotation(int) is None


@pytest.mark.parametrize(
    ("python", "value", "text"),
    [
        (dt.datetime, dt.datetime(2024, 1, 1, microsecond=500000, tzinfo=dt.UTC), "2024-01-01T00:00:00.5+00:00"),
        (dt.time, dt.time(1, 2, 3, 120), "01:02:03.00012"),
        (dt.date, dt.date(2024, 1, 1), "2024-01-01"),
        (dt.timedelta, dt.timedelta(1, 2), "1 day 00:00:02"),
        (Decimal, Decimal("1E+3"), "1000"),
        (Decimal, Decimal("0.00000001"), "0.00000001"),
        (Decimal, 1.5, "1.5"),
        (BigInt, 2**70, str(2**70)),
    ],
)  # fmt: skip
def test_the_standard_lane_writes_as_postgresql_does(python: Any, value: Any, text: str) -> None:
    serialize: Any = SCALARS[python].serialize
    assert serialize(value) == text


@pytest.mark.parametrize("value", [5, "5", "-5", str(2**70), 2**70])
def test_a_big_int_is_read_from_numbers_and_strings(value: object) -> None:
    parse: Any = SCALARS[BigInt].parse_value
    assert parse(value) == int(value)  # type: ignore[call-overload]


@pytest.mark.parametrize("value", [True, 1.5, "1.5", "", "-", "5 ", "\u0665", "9" * 1001, None, []])
def test_what_is_no_big_int_is_refused(value: object) -> None:
    parse: Any = SCALARS[BigInt].parse_value
    with pytest.raises(StrawberryInputCoercionError):
        parse(value)


def test_an_interval_is_read_as_it_is_written() -> None:
    parse: Any = SCALARS[dt.timedelta].parse_value
    assert parse("1 day 02:00:00") == dt.timedelta(1, hours=2)
    for wrong in ("P1D", 5, "999999999999 days"):
        with pytest.raises(StrawberryInputCoercionError):
            parse(wrong)


Slug = NewType("Slug", str)


@strawberry.type
class Row:
    at: dt.datetime
    slug: Slug


@fraiseql.query(sql_source="v")
def rows() -> list[Row]: ...


def hand_written(more: dict[object, Any] | None = None) -> strawberry.Schema:
    @strawberry.type
    class Query:
        found: list[Row] = rows

    slug = strawberry.scalar(name="Slug", serialize=str.upper, parse_value=str)
    config = StrawberryConfig(scalar_map={Slug: slug, **(more or {})})
    return strawberry.Schema(Query, config=config)


def fields(schema: strawberry.Schema, **declared: str) -> Any:
    return SchemaIndex(schema, declared).object("Row").fields


def test_a_scalar_of_the_users_is_only_strawberrys_to_write() -> None:
    schema = hand_written()
    found = fields(schema)
    assert isinstance(found["slug"], Opaque)
    assert found["slug"].reason == "Row.slug is a scalar of the application's own"
    assert found["at"] == Leaf("at", Scalar("datetime"), nullable=False)
    assert fields(schema, Slug="string")["slug"] == Leaf("slug", Scalar("string"), nullable=False)


def test_a_scalar_with_a_known_name_is_not_taken_for_ours() -> None:
    own = strawberry.scalar(name="DateTime", serialize=lambda value: "now", parse_value=str)
    schema = hand_written({dt.datetime: own})
    assert isinstance(fields(schema)["at"], Opaque)
    align_scalars(schema)
    assert schema._schema.type_map["DateTime"].coerce_output_value(None) == "now"


def test_a_hand_written_schema_is_aligned() -> None:
    schema = hand_written()
    other = hand_written()
    align_scalars(schema)
    at = dt.datetime(2024, 1, 1, microsecond=500000, tzinfo=dt.UTC)
    written = [s._schema.type_map["DateTime"].coerce_output_value(at) for s in (schema, other)]
    assert written == ["2024-01-01T00:00:00.5+00:00", "2024-01-01T00:00:00.500000+00:00"]
