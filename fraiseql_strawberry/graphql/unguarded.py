"""What is refused when a router is made, since nothing would guard it."""

from __future__ import annotations

from collections.abc import Sequence

from strawberry import Schema
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL

from ..errors import SchemaError
from .extension import TenancyExtension

__all__ = ["refuse_unguarded", "refuse_unwatched"]


def refuse_unguarded(schema: Schema) -> None:
    """Refuse a schema without our extension.

    Raises:
        SchemaError: It has none.
    """
    extensions = (getattr(extension, "func", extension) for extension in schema.extensions)
    if not any(isinstance(e, type) and issubclass(e, TenancyExtension) for e in extensions):
        raise SchemaError(
            "this schema has none of our guards: make it with build_schema(…), or add "
            "extensions=[tenancy.extension]"
        )


def refuse_unwatched(protocols: Sequence[str]) -> None:
    """Refuse the old protocol of subscriptions, whose sockets would outlive their token.

    Raises:
        SchemaError: It is among the protocols.
    """
    if GRAPHQL_WS_PROTOCOL in protocols:
        raise SchemaError(
            f"the protocol {GRAPHQL_WS_PROTOCOL} is not served: take its successor, "
            f"{GRAPHQL_TRANSPORT_WS_PROTOCOL}"
        )
