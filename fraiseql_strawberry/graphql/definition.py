"""What the decorators say of a root field, as plain data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from graphql import GraphQLResolveInfo
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from ..sql.source import Source, SourceQuery
from ..sql.write import SourceWrite

__all__ = [
    "ARGUMENTS",
    "OPERATION",
    "SUBSCRIPTION",
    "MutationField",
    "Operation",
    "OperationField",
    "QueryField",
    "SessionParameter",
    "SourceResolver",
    "Subscription",
    "SubscriptionField",
]

ARGUMENTS = "fraiseql_arguments"
"""Where a field's `metadata` keeps what makes the arguments that its signature does not have."""

OPERATION = "fraiseql"
"""Where a field's `metadata` keeps its `Operation`; copies of the field keep it too."""

SUBSCRIPTION = "fraiseql_subscription"
"""Where it keeps its `Subscription`."""


@dataclass(frozen=True, slots=True)
class SessionParameter:
    """The argument of a resolver that is a tenant session."""

    name: str
    sync: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """What the decorator said of a root field.

    Args:
        kind: "query", "mutation" or "subscription".
        tenant: Whether a tenant is needed; sign-up and log-in have none.
        atomic: Whether the whole GraphQL operation is one transaction.
        scopes: The scopes that the caller needs.
        source: Where the rows come from; None for a field with a body.
        info: Whether that body takes `info`.
        write: What is written through SQL; None for a field with a body.
    """

    kind: Literal["query", "mutation", "subscription"]
    tenant: bool = True
    atomic: bool = False
    scopes: frozenset[str] = frozenset()
    source: SourceQuery | None = None
    info: bool = True
    write: SourceWrite | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """What the decorator said of a subscription, besides its `Operation`.

    Args:
        channel: What is listened to; None for a generator of the application's.
        rows: The source that the event's row is read from; None where a body says what it is.
        key: The column that an announcement's key is compared with.
    """

    channel: str | None = None
    rows: Source | None = None
    key: str = "id"


class SourceResolver(StrawberryResolver[Any]):
    """The resolver of a root field that reads a source, or writes to one."""

    read: Callable[[GraphQLResolveInfo[Any]], Awaitable[Any]]
    """Its value, from graphql-core's `info` alone."""


class OperationField(StrawberryField):
    """A Strawberry field that knows its `Operation` (kept in `metadata`, which copies keep)."""

    @property
    def operation(self) -> Operation:
        """What the decorator said."""
        return self.metadata[OPERATION]

    @property
    def source_query(self) -> SourceQuery | None:
        """Where the rows come from; None for a field with a body."""
        return self.operation.source


class QueryField(OperationField):
    """A root field of `Query`."""

    @property
    def rows_type(self) -> Any:
        """What the function's annotation says."""
        return self.type

    @property
    def arguments(self) -> list[StrawberryArgument]:
        """Those of the signature, and those that are generated of the type that is read."""
        arguments = super().arguments
        generated = self.metadata.get(ARGUMENTS)
        # Made when the schema is: the type may be a forward reference until then.
        return (
            arguments if generated is None else [*arguments, *generated.arguments(self.rows_type)]
        )

    @arguments.setter
    def arguments(self, value: list[StrawberryArgument]) -> None:
        self._arguments = value


class MutationField(OperationField):
    """A root field of `Mutation`."""


class SubscriptionField(OperationField):
    """A root field of `Subscription`."""

    @property
    def subscription(self) -> Subscription:
        """What the decorator said besides."""
        return self.metadata[SUBSCRIPTION]
