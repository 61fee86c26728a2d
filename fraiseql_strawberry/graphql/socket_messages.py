"""Messages of a WebSocket, looked at before they are believed: their length, and their shape."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any, cast

from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived

from .json_text import refuse_constant
from .persisted import named

__all__ = ["SocketMessages", "fault_of"]

_TOO_LARGE = 1009  # RFC 6455, section 7.4.1


class SocketMessages(ASGIWebSocketAdapter):
    """Reads messages, none of which is longer than the body of a request may be."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object]:
        """The messages, until the socket is closed.

        Raises:
            NonTextMessageReceived: For a binary message.
            NonJsonMessageReceived: For what is no JSON, however it breaks the parser.
        """
        limit: int = cast(Any, self).view.max_message_characters
        try:
            while self.ws.application_state != WebSocketState.DISCONNECTED:
                text = await self.ws.receive_text()
                if len(text) > limit:
                    await self.close(_TOO_LARGE, f"A message is longer than {limit} characters")
                    return
                try:
                    message = json.loads(text, parse_constant=refuse_constant)
                except (ValueError, RecursionError) as error:
                    raise NonJsonMessageReceived from error
                yield message
        except KeyError as error:
            raise NonTextMessageReceived from error
        except WebSocketDisconnect:
            return


def fault_of(message: object) -> str | None:
    """What is wrong with a message of the protocol graphql-transport-ws; None for nothing.

    Strawberry takes its parts as they come, and fails in a task that nobody awaits.
    """
    if not isinstance(message, dict):
        return "A message must be a JSON object"
    parts = cast("dict[str, Any]", message)
    if not isinstance(parts.get("type"), str):
        return "A message must have a type"
    if parts["type"] not in ("subscribe", "complete"):
        return None
    if not isinstance(parts.get("id"), str):
        return "An operation must have an id"
    return _operation_fault(parts.get("payload")) if parts["type"] == "subscribe" else None


def _operation_fault(payload: object) -> str | None:
    if not isinstance(payload, dict):
        return "The payload must be a JSON object with a query"
    operation = cast("dict[str, Any]", payload)
    query = operation.get("query")
    # One that names its document need not send it along (see `persisted`).
    if not isinstance(query, str) and (query is not None or named(operation) is None):
        return "The query must be a string"
    if not isinstance(operation.get("variables"), dict | None):
        return "The variables must be a JSON object"
    if not isinstance(operation.get("operationName"), str | None):
        return "The operationName must be a string"
    return None
