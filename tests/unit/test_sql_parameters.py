from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from fraiseql_strawberry.sql.catalog import ColumnType
from fraiseql_strawberry.sql.parameters import comparable, converter, parameter_type

UUID_TEXT = "11111111-1111-4111-8111-111111111111"
PLUS_TWO = timezone(timedelta(hours=2))


class State(enum.Enum):
    LIVE = "live"
    GONE = "gone"


@pytest.mark.parametrize(
    ("type_", "value", "argument"),
    [
        ("uuid", UUID(UUID_TEXT), UUID(UUID_TEXT)),
        ("uuid", UUID_TEXT.upper(), UUID(UUID_TEXT)),
        ("text", "a", "a"),
        ("varchar", State.LIVE, "live"),
        ("int4", 5, 5),
        ("int4", "5", 5),
        ("int8", -(2**63), -(2**63)),
        ("float8", 1, 1.0),
        ("float4", 0.1, 0.1),
        ("numeric", 0.1, Decimal("0.1")),
        ("numeric", Decimal("NaN"), None),
        ("bool", False, False),
        ("date", date(9999, 12, 31), "9999-12-31"),
        ("timestamptz", datetime(2024, 1, 1, tzinfo=PLUS_TWO), "2024-01-01T00:00:00+02:00"),
        ("timestamptz", datetime(9999, 12, 31), "9999-12-31T00:00:00+00:00"),  # noqa: DTZ001
        ("timestamp", datetime(2024, 1, 1, 2, tzinfo=PLUS_TWO), "2024-01-01T00:00:00"),
        ("time", time(1, tzinfo=UTC), time(1)),
        ("timetz", time(1), time(1, tzinfo=UTC)),
        ("interval", timedelta(1), timedelta(1)),
        ("bytea", b"\x00", b"\x00"),
        ("jsonb", {"a": [1]}, '{"a": [1]}'),
    ],
)
def test_a_value_becomes_what_the_driver_takes(type_: str, value: Any, argument: Any) -> None:
    converted = converter(ColumnType(type_))(value)
    if argument is None:
        assert converted.is_nan()
    else:
        assert (converted, type(converted)) == (argument, type(argument))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("uuid", "urn:uuid:" + UUID_TEXT),
        ("uuid", "{" + UUID_TEXT + "}"),
        ("uuid", UUID_TEXT + "\n"),
        ("uuid", 5),
        ("text", "a\x00b"),
        ("text", "\ud800"),
        ("int4", "five"),
        ("int4", "\u0665"),
        ("int4", True),
        ("int8", 2**63),
        ("int8", "9" * 5000),
        ("float4", 1e39),
        ("float8", "1"),
        ("numeric", Decimal("1E+100000")),
        ("numeric", Decimal("sNaN")),
        ("numeric", "one"),
        ("bool", 1),
        ("date", datetime(2024, 1, 1, tzinfo=UTC)),
        ("timestamptz", date(2024, 1, 1)),
        ("timestamp", datetime(1, 1, 1, tzinfo=PLUS_TWO)),
        ("time", 1),
        ("interval", 1),
        ("bytea", "text"),
        ("jsonb", {"a": "\x00"}),
        ("jsonb", float("nan")),
        ("json", {}),
        ("point", "(1,2)"),
    ],
)
def test_a_value_that_the_column_cannot_hold_is_refused(type_: str, value: Any) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        converter(ColumnType(type_))(value)


def test_members_of_an_enum_become_what_the_column_stores() -> None:
    text = converter(ColumnType("text"), {"live": "LIVE", "gone": "GONE"})
    assert text(State.LIVE) == "LIVE"
    number = converter(ColumnType("int4"), {"live": 1})
    assert number(State.LIVE) == 1
    with pytest.raises(ValueError, match="member"):
        number(State.GONE)


def test_a_text_is_compared_with_an_enums_labels_only() -> None:
    label = converter(ColumnType("state", schema=None, labels=("live",)))
    assert label("live") == "live"
    with pytest.raises(ValueError, match="label"):
        label("dead")


def test_integers_of_all_widths_take_the_widest_but_in_arrays() -> None:
    assert parameter_type(ColumnType("int2")) == ColumnType("int8")
    assert parameter_type(ColumnType("int2", array=True)) == ColumnType("int2")
    with pytest.raises(ValueError, match="int2"):
        converter(ColumnType("int2", array=True))(40_000)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("int4", "int8", True),
        ("text", "varchar", True),
        ("date", "timestamptz", True),
        ("uuid", "uuid", True),
        ("uuid", "text", False),
        ("int4", "text", False),
    ],
)
def test_keys_of_a_relation_must_be_comparable(left: str, right: str, same: bool) -> None:
    assert comparable(ColumnType(left), ColumnType(right)) is same
    assert not comparable(ColumnType(left), ColumnType(right, array=True))
