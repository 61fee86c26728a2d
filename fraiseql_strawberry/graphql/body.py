"""Request bodies: read once, never more than the limit, and handed on as if untouched."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from ..errors import BadUserInput

__all__ = ["BodyTooLarge", "read_body", "replay"]


_DRAINED = 50


class BodyTooLarge(BadUserInput):
    """The body is longer than `[graphql] max_body_bytes`."""

    status = 413


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Read the whole body.

    A 30 MB body took 4.6 s to refuse (SECURITY.md, GraphQL), because it was kept and decoded;
    here what is too much is thrown away as it comes.

    Args:
        scope: The ASGI scope.
        receive: ASGI.
        limit: Bytes at most.

    Raises:
        BodyTooLarge: When it is longer.
        ClientDisconnect: When the client went away first.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif not message.get("more_body", False) or size > _DRAINED * limit:
            # What was still to come has been read and thrown away, up to a point: a client that
            # is cut off while it sends never reads why.
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body again, then whatever comes after it."""
    pending = True

    async def again() -> Message:
        nonlocal pending
        if pending:
            pending = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request body exceeds the limit of {limit} bytes")
