"""From the result of an operation to its HTTP response: body, status, headers, media type."""

from __future__ import annotations

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from strawberry.types import ExecutionResult

from ..errors import TenancyError
from ..fastapi import answer_error
from .public_errors import Refused

__all__ = ["answer_coded", "finish", "has_data", "negotiated"]

# A refusal that concerns the whole request, not one field of it.
_REQUEST_CODES = {
    "UNAUTHORIZED": 401,
    "TENANT_MISMATCH": 403,
    "TENANT_UNAVAILABLE": 403,
    "RATE_LIMITED": 429,
    "TENANT_BUSY": 503,
    "SERVICE_UNAVAILABLE": 503,
    "PERSISTED_QUERY_NOT_IN_LIST": 400,
}
_GRAPHQL_JSON = "application/graphql-response+json"


async def answer_coded(request: Request, error: TenancyError, vary: str) -> Response:
    """The response of a request that was refused before Strawberry had it.

    Args:
        request: The request.
        error: Why.
        vary: What else than the URL decides on it.
    """
    response = await answer_error(request, error)
    response.headers["Vary"] = vary
    return response


def has_data(result: ExecutionResult) -> bool:
    """Whether anything was executed: otherwise the body has no `data`."""
    if isinstance(result, Refused):
        return False
    return result.data is not None or any(error.path is not None for error in result.errors or ())


def finish(response: Response, body: Any, vary: str) -> None:
    """Give a response the status of the error table, and headers that keep it out of caches.

    Args:
        response: The response; it is changed.
        body: Its body, before it was encoded.
        vary: What else than the URL decides on it.
    """
    code = _request_code(body)
    if code is not None:
        response.status_code = _REQUEST_CODES.get(code, TenancyError.status)
        retry_after = body["errors"][0]["extensions"].get("retryAfter")
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        if code == "UNAUTHORIZED":
            response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = vary


def negotiated(request: Request, response: Response) -> Response:
    """The media type that the client prefers, and its rule: nothing executed is a 400.

    Source: GraphQL over HTTP, section 6.4.2 (`application/graphql-response+json`).
    """
    if _GRAPHQL_JSON in request.headers.get("accept", "") and response.media_type != "text/html":
        response.headers["Content-Type"] = _GRAPHQL_JSON
        if response.status_code == 200 and bytes(response.body).startswith(b'{"errors"'):
            response.status_code = 400
    return response


def _request_code(body: Any) -> str | None:
    """The code of a refusal of the whole request: no field of it has a value."""
    answer: dict[str, Any] = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    if not answer.get("errors"):
        return None
    data = answer.get("data")
    if data and any(value is not None for value in data.values()):
        return None
    code: str | None = answer["errors"][0].get("extensions", {}).get("code")
    if code == TenancyError.code and "data" not in answer:
        return code
    return code if code in _REQUEST_CODES else None
