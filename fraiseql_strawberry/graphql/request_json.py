"""The JSON of a request: read, checked before Strawberry sees it, and what it names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from cross_web import HTTPException
from strawberry.http import GraphQLRequestData

from .json_text import refuse_constant
from .persisted import PersistedDocuments, named

__all__ = ["add_names", "checked_requests", "read_json", "with_text"]


def read_json(data: str | bytes) -> Any:
    """JSON into Python's values.

    Raises:
        HTTPException: It is none, or too deep, or holds a number that JSON has not.
    """
    try:
        return json.loads(data, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The body is not readable as JSON") from error


def checked_requests(decoded: object) -> list[dict[str, Any]]:
    """The requests of a body: one, or those of a batch.

    Raises:
        HTTPException: One of them is no GraphQL request.
    """
    items = cast("list[object]", decoded) if isinstance(decoded, list) else [decoded]
    for item in items:
        if not isinstance(item, dict):
            raise HTTPException(400, "The body must be a JSON object with a query")
        name = cast("dict[str, Any]", item).get("operationName")
        if name is not None and not isinstance(name, str):
            raise HTTPException(400, "operationName must be a string")
    return cast("list[dict[str, Any]]", items)


def add_names(data: GraphQLRequestData, request: Mapping[str, Any]) -> None:
    """Keep what a request says of a document that it names, which Strawberry would drop."""
    data.extensions = named(request) or data.extensions


def with_text(data: GraphQLRequestData, documents: PersistedDocuments) -> GraphQLRequestData:
    """The request with the text that it names (see `PersistedDocuments.text`)."""
    given = data.extensions
    # Extensions that name a document have been read, and are nobody else's.
    others = None if given is None or named({"extensions": given}) else given
    return replace(data, query=documents.text(data.query, given), extensions=others)
