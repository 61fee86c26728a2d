from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.config import Secret, SecretUrl
from fraiseql_strawberry.config.duration import duration, duration_ms
from fraiseql_strawberry.config.interpolate import Text
from fraiseql_strawberry.config.rules import (
    UNSET,
    Rule,
    RuleError,
    choice,
    flag,
    many,
    matching,
    number,
    whole,
    words,
)
from fraiseql_strawberry.config.secret_rules import (
    database_url,
    is_exposed,
    secret_text,
    web_url,
)


def plain(text: str) -> Text:
    return Text(text, text)


def variable(text: str) -> Text:
    return Text(text, "", referenced=True)


letters = choice("row", "schema", "database")
name = matching("[a-z]+", "a name")

ACCEPTED: list[tuple[Rule, object, object]] = [
    (flag, True, True),
    (flag, variable("false"), False),
    (flag, variable(""), UNSET),
    (whole(1, 9), 9, 9),
    (whole(-5, 9), variable("-5"), -5),
    (whole(1, 9), variable(""), UNSET),
    (number(9), 2, 2.0),
    (number(9), 0.5, 0.5),
    (number(9), variable("1.5"), 1.5),
    (number(9), variable(""), UNSET),
    (words(), plain("été, été"), "été, été"),
    (words(), "text", "text"),
    (words(), plain(""), UNSET),
    (name, plain("abc"), "abc"),
    (name, variable(""), UNSET),
    (letters, plain("row"), "row"),
    (letters, variable(""), UNSET),
    (many(name), [plain("a"), variable(""), "b"], ("a", "b")),
    (many(name), ("a",), ("a",)),
    (many(name), [], ()),
    (many(name, or_one=True), plain("a"), ("a",)),
    (many(name, or_one=True), plain(""), ()),
    (duration, plain("1.5s"), "1.5s"),
    (duration, variable(""), UNSET),
    (secret_text, plain("s"), Secret("s")),
    (secret_text, Secret("s"), Secret("s")),
    (secret_text, variable(""), UNSET),
    (database_url, plain("postgres://h/d"), SecretUrl("postgres://h/d")),
    (database_url, SecretUrl("postgresql+asyncpg://h"), SecretUrl("postgresql+asyncpg://h")),
    (database_url, variable(""), UNSET),
    (web_url, plain("https://h:1/k?x=1"), "https://h:1/k?x=1"),
    (web_url, plain("http://localhost:8000/k"), "http://localhost:8000/k"),
    (web_url, plain("http://[::1]/k"), "http://[::1]/k"),
    (web_url, variable(""), UNSET),
]


@pytest.mark.parametrize(("rule", "value", "result"), ACCEPTED)
def test_accepted(rule: Rule, value: object, result: object) -> None:
    found = rule(value)
    assert found == result
    assert type(found) is type(result)


REFUSED: list[tuple[Rule, object, str, str | None]] = [
    (flag, 1, "must be true or false, not a whole number", None),
    (flag, plain("true"), "must be true or false, not a text", "Write it without quotes"),
    (flag, variable("yes"), "must be true or false; the variable's value is not one", None),
    (whole(1, 9), 10, "must be a whole number from 1 to 9", None),
    (whole(1, 9), 0, "must be a whole number from 1 to 9", None),
    (whole(0, 9), True, "must be a whole number from 0 to 9, not true or false", None),
    (whole(0, 9), 1.0, "must be a whole number from 0 to 9, not a number", None),
    (
        whole(1, 9),
        plain("5"),
        "must be a whole number from 1 to 9, not a text",
        "Write it without quotes",
    ),
    (whole(1, 9), plain("x"), "must be a whole number from 1 to 9, not a text", None),
    (
        whole(1, 9),
        variable("x"),
        "must be a whole number from 1 to 9; the variable's value is not one",
        None,
    ),
    (
        whole(1, 9),
        variable("5\n"),
        "must be a whole number from 1 to 9; the variable's value is not one",
        None,
    ),
    (
        whole(1, 9),
        variable("\u0665"),
        "must be a whole number from 1 to 9; the variable's value is not one",
        None,
    ),
    (whole(1, 9), variable("99"), "must be a whole number from 1 to 9", None),
    (number(9), 0, "must be a number above 0, and at most 9", None),
    (number(9), 10**400, "must be a number above 0, and at most 9", None),
    (number(9), float("nan"), "must be a number above 0, and at most 9", None),
    (number(9), float("inf"), "must be a number above 0, and at most 9", None),
    (number(9), True, "must be a number above 0, and at most 9, not true or false", None),
    (
        number(9),
        variable("1e3"),
        "must be a number above 0, and at most 9; the variable's value is not one",
        None,
    ),
    (words(), 5, "must be a text, not a whole number", "Write it in quotes"),
    (words(), [1], "must be a text, not a list", None),
    (words(), {}, "must be a text, not a table", None),
    (words(), dt.date(2026, 1, 1), "must be a text, not a date or time", None),
    (words(), Secret("x"), "must be a text, not a text", None),
    (words(), plain("a\nb"), "must be a text on one line, without control characters", None),
    (words(), plain("https://u:hunter2@h"), "must not hold a password", 'Secrets come from "${…}"'),
    (name, plain("abc\n"), "must be a name", None),
    (name, plain("é"), "must be a name", None),
    (letters, plain("rwo"), 'must be "row", "schema" or "database"', 'Did you mean "row"?'),
    (letters, plain("ROW"), 'must be "row", "schema" or "database"', 'Did you mean "row"?'),
    (letters, plain("hunter2"), 'must be "row", "schema" or "database"', None),
    (letters, plain(""), 'must be "row", "schema" or "database"', None),
    (letters, 1, 'must be "row", "schema" or "database", not a whole number', "Write it in quotes"),
    (choice("a", "b", refused={"none": "why"}), plain("None"), 'must not be "none"', "why"),
    (many(name), plain("a"), "must be a list, not a text", "Write it in brackets: […]"),
    (many(name), 1, "must be a list, not a whole number", "Write it in brackets: […]"),
    (many(name), b"a", "must be a list, not a list", "Write it in brackets: […]"),
    (duration, plain("10"), "must be a time with its unit", None),
    (duration, plain("0s"), "must be a time with its unit", None),
    (duration, plain("0.1ms"), "must be a time with its unit", None),
    (duration, plain("25d"), "must be a time with its unit", None),
    (duration, plain("10s\n"), "must be a time with its unit", None),
    (duration, 10, "must be a time with its unit", "Write it in quotes"),
    (database_url, plain("hunter2"), "must be a PostgreSQL URL", None),
    (database_url, plain("mysql://h"), "must be a PostgreSQL URL (the driver is asyncpg)", None),
    (database_url, plain("postgresql+psycopg://h"), "must be a PostgreSQL URL (the driver", None),
    (database_url, plain("postgresql://h/d\n"), "must be a PostgreSQL URL, without spaces", None),
    (database_url, plain("postgresql://h/a b"), "must be a PostgreSQL URL, without spaces", None),
    (
        web_url,
        plain("http://keys.example/k"),
        "must be an https URL (http only to localhost)",
        None,
    ),
    (web_url, plain("https://"), "must be an https URL", None),
    (web_url, plain("https://u:p@h/k"), "must not hold credentials", "Key sets are public"),
    (web_url, plain("https://h:x/k"), "must be an https URL", None),
    (web_url, plain("https://[h/k"), "must be an https URL", None),
    (web_url, plain("https://h/a b"), "must be an https URL, without spaces", None),
    (web_url, plain("file:///etc/passwd"), "must be an https URL", None),
    (secret_text, 5, "must be a text, not a whole number", "Write it in quotes"),
]


@pytest.mark.parametrize(("rule", "value", "message", "hint"), REFUSED)
def test_refused(rule: Rule, value: object, message: str, hint: str | None) -> None:
    with pytest.raises(RuleError) as caught:
        rule(value)
    assert caught.value.message.startswith(message)
    if hint:
        assert caught.value.hint == hint
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_the_wrong_element_of_a_list_is_named() -> None:
    with pytest.raises(RuleError) as caught:
        many(name)([plain("a"), plain("B")])
    assert (caught.value.index, caught.value.message) == (1, "must be a name")


def test_durations_in_milliseconds() -> None:
    texts = ["1ms", "10s", "1.5 s", "2min", "1h", "1d"]
    assert [duration_ms(text) for text in texts] == [
        1,
        10_000,
        1500,
        120_000,
        3_600_000,
        86_400_000,
    ]


@pytest.mark.parametrize(
    ("given_", "rule", "exposed"),
    [
        (plain("hunter2"), secret_text, True),
        (variable("hunter2"), secret_text, False),
        (Text("pre-hunter2", "pre-", referenced=True), secret_text, False),
        (
            Text("hunter2", "hunter2", referenced=True),
            secret_text,
            True,
        ),  # its default is in effect
        ("hunter2", secret_text, False),  # an override
        (plain(""), secret_text, False),
        (plain("postgresql://u:p@h"), database_url, True),
        (plain("postgresql://u@h?password=p"), database_url, True),
        (plain("postgresql://u@h?application_name=token"), database_url, False),
        (variable("postgresql://u:p@h"), database_url, False),
        (Text("postgresql://u:p@h", "postgresql://u:@h", referenced=True), database_url, False),
        (Text("postgresql://u:p@h", "postgresql://:p@h", referenced=True), database_url, True),
        ([variable("a"), plain("b")], many(secret_text), True),
        ([variable("a"), plain("")], many(secret_text), False),
        (plain("text"), words(), False),
    ],
)
def test_secrets_that_the_file_itself_holds(given_: object, rule: Rule, exposed: bool) -> None:
    assert is_exposed(given_, rule(given_)) is exposed


RULES: list[Rule] = [
    *(flag, whole(0, 9), number(9), words(), name, letters, many(name), many(secret_text)),
    *(duration, secret_text, database_url, web_url, many(words(), or_one=True)),
]
TEXTS = st.builds(Text, st.text(), st.text(), st.booleans())
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | TEXTS
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.builds(Secret, st.text()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.sampled_from(RULES), ANYTHING)
def test_a_rule_raises_nothing_but_its_own_error(rule: Rule, value: object) -> None:
    message = None
    try:
        found = rule(value)
    except RuleError as error:
        message = error.message
    else:
        assert not isinstance(found, Text | list | Mapping)
    assert message is None or message.startswith("must ")


@given(
    st.sampled_from(RULES),
    st.text(st.characters(codec="utf-8"), min_size=4).map(lambda text: f"Zq{text}9Xw"),
    st.sampled_from(["{}", "https://u:{}@h", "mysql://u:{}@h", "postgresql://u:{}@h /", "row{}"]),
    st.booleans(),
)
def test_a_rule_never_quotes_the_value(
    rule: Rule, secret: str, shape: str, referenced: bool
) -> None:
    said = ""
    try:
        rule(Text(shape.format(secret), "", referenced))
    except RuleError as error:
        said = f"{error.message} {error.hint} {error}"
    assert "Zq" not in said
