"""What a client reads of an error: its code and message, never SQL, a URL or a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from graphql import GraphQLError
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types import ExecutionResult

from ..errors import BadUserInput, Forbidden, TenancyError, TenantUnavailable
from ..trouble import translate

__all__ = ["Refused", "coded", "public_errors", "refused", "unavailable"]

_log = logging.getLogger("fraiseql_strawberry")


class Refused(ExecutionResult):
    """The result of an operation of which nothing was executed: it has no `data` at all."""

    def __init__(self, errors: list[GraphQLError], error: TenancyError | None = None) -> None:
        super().__init__(data=None, errors=errors)
        self.error = error


def refused(error: TenancyError) -> Refused:
    """The result that says why nothing was executed."""
    return Refused([_public(GraphQLError(error.message, original_error=error))], error)


def unavailable(data: Mapping[str, Any] | None, errors: Iterable[GraphQLError]) -> bool:
    """Whether nothing could be answered because the tenant has no place: no schema, no database.

    Such a tenant must look like one that is unknown or suspended, which no field was executed for
    (SECURITY.md, invariant 15). A field that has a value is told as it is: it may have written.

    Args:
        data: What was executed.
        errors: Those of it, as a client reads them.
    """
    codes = {(error.extensions or {}).get("code") for error in errors}
    if TenantUnavailable.code not in codes:
        return False
    return data is None or all(value is None for value in data.values())


def public_errors(errors: list[GraphQLError]) -> list[GraphQLError]:
    """Each error as a client may read it; harmless when it was applied before."""
    return [_public(error) for error in errors]


def coded(error: GraphQLError, code: str) -> GraphQLError:
    """The error with `extensions.code`, unless it has one."""
    if error.extensions and "code" in error.extensions:
        return error
    error.extensions = {**(error.extensions or {}), "code": code}
    return error


def _public(error: GraphQLError) -> GraphQLError:
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if original is None:
        # GraphQL's own words: a syntax or validation error, or a null where none may be.
        return coded(error, "INTERNAL_SERVER_ERROR" if error.path else BadUserInput.code)
    if isinstance(original, StrawberryInputCoercionError):
        return coded(error, BadUserInput.code)  # Strawberry finds it in a literal, at its field
    if isinstance(original, GraphQLError):
        # Raised by the application, for its client to read; or a variable that does not fit.
        return coded(error, TenancyError.code if error.path else BadUserInput.code)
    known = original if isinstance(original, TenancyError) else translate(original)
    if known is None and isinstance(original, PermissionError):
        known = Forbidden()
    if known is not None and known.status != 500:
        if known.hint:
            _log.info("%s: %s", known.code, known.hint)
        return _published(known, error)
    reference = str(uuid4())
    _log.error("internal error %s: %s", reference, original, exc_info=original)
    return _published(TenancyError(extensions={"id": reference}), error)


def _published(known: TenancyError, error: GraphQLError) -> GraphQLError:
    return GraphQLError(
        known.message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=known.extensions,
    )
