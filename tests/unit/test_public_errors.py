"""What a client reads of an error: a code, a message that is meant for it, and nothing else."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from asyncpg import exceptions as pg
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from strawberry.exceptions import StrawberryInputCoercionError

from fraiseql_strawberry.errors import (
    BadUserInput,
    Forbidden,
    NestedAcquisition,
    ServiceUnavailable,
    TenancyError,
    TenantBusy,
    TenantUnavailable,
    Unauthorized,
    UsageError,
)
from fraiseql_strawberry.graphql.public_errors import Refused, public_errors, refused, unavailable

SECRET = "postgresql://u:s3cr3t@h/db SELECT 1"


def published(original: BaseException, **located: Any) -> GraphQLError:
    located.setdefault("path", ["field"])
    [error] = public_errors([GraphQLError(str(original), original_error=original, **located)])  # type: ignore[arg-type]
    return error


@pytest.mark.parametrize(
    "original",
    [
        RuntimeError(SECRET),
        KeyError(SECRET),
        ValueError(SECRET),
        AssertionError(SECRET),
        OSError(SECRET),
        TimeoutError(SECRET),
        RecursionError(SECRET),
        UsageError(SECRET, hint=SECRET),
        NestedAcquisition(hint=SECRET),
        TenancyError(SECRET),
        pg.UndefinedTableError(SECRET),
        pg.UniqueViolationError(SECRET),
        DBAPIError(SECRET, None, pg.UndefinedColumnError(SECRET)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_was_not_foreseen_is_masked(
    original: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    error = published(original)
    assert error.message == "Internal server error"
    assert error.path == ["field"]
    assert error.extensions is not None
    assert set(error.extensions) == {"code", "id"}
    assert error.extensions["code"] == "INTERNAL_SERVER_ERROR"
    assert "s3cr3t" not in str(error.formatted)
    assert error.original_error is None  # an extension that reads it would show it after all
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert error.extensions["id"] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is original


@pytest.mark.parametrize(
    ("original", "message", "extensions"),
    [
        (BadUserInput("Too long", extensions={"argument": "x"}), "Too long",
         {"code": "BAD_USER_INPUT", "argument": "x"}),
        (Forbidden("Missing scope: a"), "Missing scope: a", {"code": "FORBIDDEN"}),
        (PermissionError(SECRET), "Forbidden", {"code": "FORBIDDEN"}),
        (Unauthorized(hint=SECRET), "Missing tenant context", {"code": "UNAUTHORIZED"}),
        (TenantUnavailable(hint=SECRET), "Tenant not available", {"code": "TENANT_UNAVAILABLE"}),
        (TenantBusy(hint=SECRET), "The service is busy", {"code": "TENANT_BUSY", "retryAfter": 1}),
        (PoolTimeout(SECRET), "The service is busy", {"code": "TENANT_BUSY", "retryAfter": 1}),
        (pg.QueryCanceledError(SECRET), "The service is busy", {"code": "TENANT_BUSY", "retryAfter": 1}),
        (ServiceUnavailable(hint=SECRET), "Service temporarily unavailable",
         {"code": "SERVICE_UNAVAILABLE", "retryAfter": 5}),
        (pg.AdminShutdownError(SECRET), "Service temporarily unavailable",
         {"code": "SERVICE_UNAVAILABLE", "retryAfter": 5}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)  # fmt: skip
def test_what_is_known_has_its_code_and_its_own_words(
    original: Exception, message: str, extensions: dict[str, Any]
) -> None:
    error = published(original)
    assert (error.message, error.extensions) == (message, extensions)
    assert "s3cr3t" not in str(error.formatted)


def test_hints_are_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        published(Unauthorized(hint="send a token"))
    assert "send a token" in caplog.text


def test_graphqls_own_words_stay() -> None:
    [invalid, null] = public_errors(
        [GraphQLError("Cannot query field 'x'."), GraphQLError("Cannot return null", path=["a"])]
    )
    assert (invalid.message, invalid.extensions) == (
        "Cannot query field 'x'.",
        {"code": "BAD_USER_INPUT"},
    )
    assert null.extensions == {"code": "INTERNAL_SERVER_ERROR"}


def test_a_variable_that_does_not_fit() -> None:
    inner = GraphQLError("Int cannot represent 'x'")
    [error] = public_errors([GraphQLError("Variable '$n' has…", original_error=inner)])
    assert (error.message, error.extensions) == ("Variable '$n' has…", {"code": "BAD_USER_INPUT"})


def test_what_the_application_says_to_its_client_stays() -> None:
    said = GraphQLError("Come back tomorrow", extensions={"code": "CLOSED"})
    error = published(said, extensions={"code": "CLOSED"})
    assert (error.message, error.extensions) == ("Come back tomorrow", {"code": "CLOSED"})


def test_a_wrapped_error_is_judged_by_what_it_wraps() -> None:
    wrapped = GraphQLError("outer", original_error=RuntimeError(SECRET))
    error = published(wrapped)
    assert error.message == "Internal server error"
    assert "s3cr3t" not in str(error.formatted)


def test_publishing_twice_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    first = public_errors([GraphQLError(SECRET, path=["a"], original_error=RuntimeError(SECRET))])
    second = public_errors(first)
    assert [error.formatted for error in second] == [error.formatted for error in first]
    assert len(caplog.records) == 1


def test_a_refusal_has_the_errors_body() -> None:
    result = refused(Unauthorized(hint=SECRET))
    assert isinstance(result, Refused)
    assert result.data is None
    assert [error.formatted for error in result.errors or ()] == Unauthorized().body()["errors"]


def test_a_refusal_for_a_mistake_of_the_applications_is_masked_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    [error] = refused(UsageError(SECRET, hint="call next(request)")).errors or ()
    assert error.message == "Internal server error"
    assert error.extensions is not None
    assert error.extensions["id"] in caplog.text
    assert "call next(request)" in caplog.text


@pytest.mark.parametrize(
    ("data", "original", "expected"),
    [
        (None, TenantUnavailable(), True),
        ({}, TenantUnavailable(), True),
        ({"a": None, "b": None}, TenantUnavailable(), True),
        ({"a": None, "b": 0}, TenantUnavailable(), False),  # b may have written
        (None, Unauthorized(), False),
        (None, RuntimeError(SECRET), False),
    ],
)
def test_a_tenant_without_a_place_refuses_the_whole_operation(
    data: dict[str, Any] | None, original: Exception, expected: bool
) -> None:
    errors = [published(RuntimeError(SECRET)), published(original)]
    assert unavailable(data, errors) is expected


def test_an_input_that_strawberry_refuses_at_its_field_is_the_clients_mistake() -> None:
    error = published(StrawberryInputCoercionError("exactly one key"), path=["posts"])
    assert error.message == "exactly one key"
    assert error.extensions == {"code": BadUserInput.code}
