"""A client for tests: what is asked comes back as data, and an error is a failed test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import httpx2

__all__ = ["GraphQLFailed", "TestClient"]


class GraphQLFailed(AssertionError):
    """An operation that should have succeeded did not.

    Args:
        status: The HTTP status.
        errors: What the answer said.
    """

    def __init__(self, status: int, errors: list[dict[str, Any]]) -> None:
        self.status = status
        self.errors = errors
        said = "; ".join(str(error.get("message")) for error in errors) or "no errors, and no data"
        super().__init__(f"HTTP {status}: {said}")

    @property
    def codes(self) -> list[str]:
        """`extensions.code` of each error."""
        return [str(error.get("extensions", {}).get("code")) for error in self.errors]


class TestClient:
    """Speaks to an application over HTTP.

    Args:
        url: Where it is served.
        path: Its GraphQL endpoint.
    """

    __test__ = False  # pytest would look for tests in it

    def __init__(self, url: str, path: str = "/graphql") -> None:
        self.url = url
        self.path = path

    async def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        operation_name: str | None = None,
    ) -> dict[str, Any]:
        """Run an operation; returns its `data`.

        Args:
            document: The GraphQL document.
            variables: Its variables.
            headers: Such as `Authorization`.
            operation_name: Which of its operations.

        Raises:
            GraphQLFailed: When there are errors, or no data.
        """
        body = {"query": document, "variables": variables, "operationName": operation_name}
        answer = await self.request("POST", self.path, json=body, headers=headers)
        found = cast("dict[str, Any]", answer.json())
        if found.get("errors") or found.get("data") is None:
            raise GraphQLFailed(answer.status_code, found.get("errors") or [])
        return found["data"]

    mutate = query

    async def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send any HTTP request.

        Args:
            method: GET, POST, …
            path: Below the application's root.
            **options: As httpx2 takes them: `json`, `headers`, `params`.
        """
        async with httpx2.AsyncClient(base_url=self.url, timeout=30) as http:
            return await http.request(method, path, **options)
