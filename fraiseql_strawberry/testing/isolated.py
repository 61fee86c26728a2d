"""`assert_isolated`: every route and every query field, asked as two tenants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import httpx2
from fastapi.routing import APIRoute, iter_route_contexts

from ..check.overlap import objects_in
from ..check.walk import Walked, walk_queries
from .client import TestClient
from .tokens import schemas_of

__all__ = ["assert_isolated"]

Headers = Mapping[str, str]


async def assert_isolated(
    app: Any,
    client: TestClient,
    one: Headers,
    other: Headers,
    *,
    skip: Collection[str] = (),
) -> list[str]:
    """Ask every GET route and every query field as two tenants, over HTTP.

    Both need rows, or there is nothing to see: a field in which either has none fails too.

    Args:
        app: The FastAPI application.
        client: Speaks to it.
        one: Headers of a user of one tenant.
        other: Headers of a user of another tenant.
        skip: What need not be reached, or is the same for all: `"Query.post"`, `"GET /health"`.

    Returns:
        What was compared.

    Raises:
        AssertionError: When an object is in both answers; or when something was not reached, and
            is not named in `skip`.
    """
    walk = _Walk(client, (one, other))
    for schema in schemas_of(app):
        for walked in walk_queries(schema._schema):  # pyright: ignore[reportPrivateUsage]
            if f"Query.{walked.field}" not in skip:
                await walk.field(walked)
    for path in _paths(app, client.path):
        if f"GET {path}" not in skip:
            await walk.route(path)
    assert not walk.problems, "\n".join(walk.problems)
    assert walk.compared, "nothing was compared: the app has no query field and no route"
    return walk.compared


class _Walk:
    def __init__(self, client: TestClient, tenants: tuple[Headers, Headers]) -> None:
        self._client = client
        self._tenants = tenants
        self.compared: list[str] = []
        self.problems: list[str] = []

    async def field(self, walked: Walked) -> None:
        name = f"Query.{walked.field}"
        if walked.document is None:
            self._missed(name, walked.reason)
            return
        body = {"query": walked.document}
        answers = [await self._ask("POST", self._client.path, h, json=body) for h in self._tenants]
        bodies = [answer.json() for answer in answers]
        if errors := [body["errors"] for body in bodies if body.get("errors")]:
            self._missed(name, str(errors[0][0].get("message")))
        else:
            self._compare(name, [body["data"] for body in bodies])

    async def route(self, path: str) -> None:
        name = f"GET {path}"
        if "{" in path:
            self._missed(name, "its path has a parameter")
            return
        answers = [await self._ask("GET", path, headers) for headers in self._tenants]
        statuses = [answer.status_code for answer in answers]
        if statuses != [200, 200]:
            self._missed(name, f"HTTP {statuses}")
            return
        try:
            self._compare(name, [answer.json() for answer in answers])
        except ValueError:
            self._missed(name, "it answers no JSON")

    async def _ask(self, method: str, path: str, headers: Headers, **more: Any) -> httpx2.Response:
        return await self._client.request(method, path, headers=headers, **more)

    def _missed(self, name: str, why: str) -> None:
        self.problems.append(f"{name} was not reached: {why}")

    def _compare(self, name: str, answers: list[Any]) -> None:
        first, second = (set(objects_in(answer)) for answer in answers)
        if not first or not second:
            self._missed(name, "a tenant has no rows there")
        elif both := first & second:
            self.problems.append(f"{name} LEAKS: {len(both)} objects are in both answers")
        else:
            self.compared.append(name)


def _paths(app: Any, graphql: str) -> list[str]:
    documentation = {
        app.docs_url,
        app.redoc_url,
        app.openapi_url,
        app.swagger_ui_oauth2_redirect_url,
    }
    found: list[str] = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        path: str = getattr(context, "path", "") or getattr(route, "path", "")
        reads = isinstance(route, APIRoute) and "GET" in (route.methods or ())
        of_graphql = f"{path}/".startswith(f"{graphql.rstrip('/')}/")  # GraphiQL's files too
        if reads and not of_graphql and path not in documentation:
            found.append(path)
    return found
