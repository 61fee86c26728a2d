"""GraphiQL's page and its files, as responses."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from . import graphiql

__all__ = ["asset_response", "names_document", "page_response"]


def page_response(request: Request) -> HTMLResponse:
    """The page for the endpoint that the request asked."""
    return HTMLResponse(graphiql.page_at(request.scope["path"]), headers=graphiql.HEADERS)


async def asset_response(name: str) -> Response:
    """A file of the page; 404 where there is none of that name."""
    found = graphiql.asset(name)
    if found is None:
        return JSONResponse({"detail": "Not Found"}, status_code=404)
    headers = {**graphiql.ASSET_HEADERS, "ETag": found.etag}
    return Response(found.content, media_type=found.media_type, headers=headers)


def names_document(request: Any) -> bool:
    """Whether a GET names a document: then it wants an answer, and no page."""
    given: Any = request.query_params
    return "extensions" in given or "documentId" in given
