"""What both lanes rest on: PostgreSQL writes each scalar as the Python side says it does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraiseql_strawberry.graphql.scalars import SCALARS
from fraiseql_strawberry.sql.catalog import ColumnType
from fraiseql_strawberry.sql.parameters import converter, parameter_type
from fraiseql_strawberry.sql.plan import (
    ColumnRef,
    Constant,
    Filter,
    Nested,
    Parameter,
    Plan,
    Select,
)
from fraiseql_strawberry.sql.render import render
from fraiseql_strawberry.sql.source import Source
from fraiseql_strawberry.sql.temporal import parse_interval


@pytest.fixture(scope="module")
async def connection(admin_url: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(admin_url, server_settings={"TimeZone": "UTC"})
    yield opened
    await opened.close()


def cast(type_: str) -> str:
    """How a statement of ours casts its first parameter for a column of that type."""
    ref = ColumnRef("c", ColumnType(type_))
    filter_ = Filter(ref, Parameter(0, parameter_type(ref.type)))
    select = Select(Source("v"), (Constant("k", "T"),), (filter_,))
    text = render(Plan((Nested("r", select, many=True, nullable=False),))).text()
    return text.partition('"c" = ')[2].partition(")")[0]


ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-3.5)), timezone(timedelta(hours=14))])
EXAMPLES: list[tuple[str, type, st.SearchStrategy[Any]]] = [
    ("date", date, st.dates()),
    ("timestamp", datetime, st.datetimes()),
    ("timestamptz", datetime, st.datetimes(min_value=datetime(1, 1, 3), timezones=ZONES)),  # noqa: DTZ001
    ("time", time, st.times()),
    ("interval", timedelta, st.timedeltas()),
    ("numeric", Decimal, st.decimals(allow_infinity=False, min_value=-(10**40), max_value=10**40)),
]


@pytest.mark.parametrize(("type_", "python", "values"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_a_value_is_written_as_postgresql_writes_it(
    connection: asyncpg.Connection,
    type_: str,
    python: type,
    values: st.SearchStrategy[Any],
    data: st.DataObject,
) -> None:
    value = data.draw(values)
    argument = converter(ColumnType(type_))(value)
    output = "::text" if type_ == "numeric" else ""
    text = await connection.fetchval(f"SELECT to_json(({cast(type_)}){output})::text", argument)
    serialize: Any = SCALARS[python].serialize
    if type_ == "timestamptz":
        value = value.astimezone(UTC)
    assert json.loads(text) == serialize(value)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("date", date.max),
        ("date", date.min),
        ("timestamp", datetime.max),  # noqa: DTZ901
        ("timestamptz", datetime.max.replace(tzinfo=UTC)),
    ],
)
async def test_the_last_moment_is_not_infinity(
    connection: asyncpg.Connection, type_: str, value: Any
) -> None:
    argument = converter(ColumnType(type_))(value)
    assert await connection.fetchval(f"SELECT isfinite({cast(type_)})", argument)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.tuples(
        st.integers(-200, 200),
        st.integers(-40, 40),
        st.integers(-50, 50),
        st.integers(-(10**11), 10**11),
    )
)
async def test_every_interval_is_understood(
    connection: asyncpg.Connection, parts: tuple[int, int, int, int]
) -> None:
    years, months, days, microseconds = parts
    text, value = await connection.fetchrow(
        "SELECT i::text, i FROM (SELECT make_interval(years => $1, months => $2, days => $3) "
        "+ $4 * interval '1 microsecond' AS i) AS x",
        years, months, days, microseconds,
    )  # fmt: skip
    # The driver, too, counts 30 days to a month and 365 to a year.
    assert parse_interval(text) == value


@pytest.mark.parametrize(
    "text", ["'", "\\", "\\'", "a\\nb", '"', "ü", "$1", "%s", "{x}", "\n", "--", "/*"]
)
async def test_constants_of_the_applications_are_only_ever_text(
    connection: asyncpg.Connection, text: str
) -> None:
    select = Select(Source("pg_am"), (Constant("k", text),), limit=1)
    sql = render(Plan((Nested("r", select, many=False, nullable=True),))).text()
    for setting in ("on", "off"):
        async with connection.transaction():
            await connection.execute(
                f"SET LOCAL standard_conforming_strings = {setting}; "
                "SET LOCAL escape_string_warning = off"
            )
            assert json.loads(await connection.fetchval(sql)) == {"r": {"k": text}}
