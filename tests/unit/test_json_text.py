"""JSON text keeps every number, with orjson and without."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any
from uuid import UUID

import pytest

from fraiseql_strawberry.graphql import json_text
from fraiseql_strawberry.graphql.json_text import JSONText, decode, decode_request, encode


@pytest.fixture(params=["orjson", "json"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "json":
        monkeypatch.setattr(json_text, "orjson", None)
    return request.param


HUGE = 123456789012345678901234567890


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-1", -1),
        ("1.10", 1.1),
        (str(HUGE), HUGE),
        (str(-HUGE), -HUGE),
        ("18446744073709551616", 2**64),
        ("1e300", 1e300),
        ("1e400", 10**400),
        ("-1.5e400", -15 * 10**399),
        ("1e-400", 0.0),
        ('"NaN"', "NaN"),
        ('"Infinity"', "Infinity"),
        ("[1,null,{}]", [1, None, {}]),
    ],
)
def test_numbers_are_what_they_were(text: str, value: Any) -> None:
    assert decode(text) == value
    assert decode(text.encode()) == value
    again = encode({"v": decode(text)})
    assert json.loads(again, parse_float=str) == json.loads(
        f'{{"v":{json.dumps(value)}}}', parse_float=str
    )


@pytest.mark.parametrize("text", ["-0", "-0.0"])
def test_a_negative_zero_keeps_its_sign(text: str) -> None:
    assert math.copysign(1, decode(text)) == -1
    assert encode(decode(text)) == b"-0.0"


@pytest.mark.parametrize("text", ["1e999999999", "1.5e5000"])
def test_a_number_that_would_fill_the_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too large"):
        decode(text)


def test_whole_numbers_of_32_bits_take_the_quick_way() -> None:
    text = '{"a":[2147483647,-2147483648,"x"],"b":true,"c":null}'
    assert decode(text, any_number=False) == json.loads(text)


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": [None, True, 0.1, "ü\u2028"]},
        {"huge": HUGE},
        {"surrogate": "\ud800"},
        {1: "a key that is no string"},
        {"of a class": UUID(int=7).int},
    ],
)
def test_what_is_written_is_json_without_white_space(value: Any) -> None:
    written = encode(value)
    assert json.loads(written) == json.loads(json.dumps(value))
    assert b": " not in written
    assert b", " not in written


@pytest.mark.parametrize("value", [object(), dt.date(2024, 1, 1), dt.datetime.now(dt.UTC), {1, 2}])
def test_what_has_no_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode({"v": value})


def test_text_is_written_as_it_is(library: str) -> None:
    text = b'{"n": 1.10, "m":[-0, 1e400]}'
    written = encode({"data": {"a": JSONText(text), "b": JSONText(b"[]"), "c": 1}})
    assert json.loads(written) == {"data": {"a": json.loads(text), "b": [], "c": 1}} or (
        library == "json"
    )
    assert (text in written) is (library == "orjson")
    assert json.loads(written)["data"]["a"]["n"] == 1.1


def test_text_beside_what_orjson_cannot_write() -> None:
    written = encode({"a": JSONText(b"[1,1e400]"), "b": HUGE})
    assert json.loads(written) == {"a": [1, 10**400], "b": HUGE}


def test_a_request_is_read() -> None:
    assert decode_request(b'{"query":"{ a }","variables":{"n":1.5}}')["variables"] == {"n": 1.5}
    assert decode_request(b'{"n":%d}' % HUGE) == {"n": HUGE}


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":NaN}', b'{"a":-Infinity}', b"\xff"])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller says so in its own words
        decode_request(body)
