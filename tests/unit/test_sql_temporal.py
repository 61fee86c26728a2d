from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.sql.temporal import (
    format_date,
    format_datetime,
    format_interval,
    format_time,
    parse_date,
    parse_datetime,
    parse_interval,
    parse_time,
)


@pytest.mark.parametrize(
    "text", ["2024-02-29", "infinity", "-infinity", "0044-03-15 BC", "10000-01-01"]
)
def test_a_date_keeps_its_text(text: str) -> None:
    assert format_date(parse_date(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29T01:02:03.5+00:00",
        "2024-02-29T01:02:03",
        "infinity",
        "-infinity",
        "0044-03-15T00:00:00 BC",
        "10000-01-01T00:00:00+00:00",
    ],
)
def test_a_timestamp_keeps_its_text(text: str) -> None:
    assert format_datetime(parse_datetime(text)) == text


def test_infinity_compares_like_the_latest_moment_of_its_column() -> None:
    assert parse_datetime("infinity", UTC) > datetime(2024, 1, 1, tzinfo=UTC)
    assert parse_datetime("-infinity", UTC) < datetime(2024, 1, 1, tzinfo=UTC)
    assert parse_date("infinity") > date(2024, 1, 1)


@pytest.mark.parametrize(
    "text",
    ["01:02:03", "01:02:03.5", "24:00:00", "01:02:03+02", "01:02:03.25+05:30", "01:02:03-08"],
)
def test_a_time_keeps_its_text(text: str) -> None:
    assert format_time(parse_time(text)) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00:00:00", timedelta()),
        ("1 day", timedelta(1)),
        ("2 days 03:04:05.6", timedelta(2, hours=3, minutes=4, seconds=5.6)),
        ("-1 days +22:03:04", timedelta(hours=-2, minutes=3, seconds=4)),
        ("1 year 2 mons -3 days", timedelta(365 + 60 - 3)),
        ("-03:04:05", -timedelta(hours=3, minutes=4, seconds=5)),
        ("36:00:00", timedelta(hours=36)),
    ],
)
def test_an_interval_has_a_value_and_keeps_its_text(text: str, value: timedelta) -> None:
    assert parse_interval(text) == value
    assert format_interval(parse_interval(text)) == text


@pytest.mark.parametrize("text", ["", "P1D", "1 fortnight", "1 day 2 hours"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="interval"):
        parse_interval(text)


@given(st.timedeltas())
def test_every_interval_is_read_back(value: timedelta) -> None:
    assert parse_interval(format_interval(value)) == value


@given(st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=5.5))])))
def test_every_timestamp_is_read_back(value: datetime) -> None:
    assert datetime.fromisoformat(format_datetime(value)) == value


@given(st.times())
def test_every_time_is_read_back(value: time) -> None:
    assert time.fromisoformat(format_time(value)) == value
