"""A hand-written schema whose fields answer with what they were given; it needs no database."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, NewType
from uuid import UUID

import strawberry
from strawberry.directive import DirectiveLocation, DirectiveValue
from strawberry.extensions import SchemaExtension
from strawberry.scalars import Base16, Base64
from strawberry.schema.config import StrawberryConfig

from fraiseql_strawberry.graphql.scalars import SCALARS, BigInt

__all__ = ["Echo", "make_schema", "upper"]

Shout = NewType("Shout", str)


@strawberry.enum
class State(enum.Enum):
    DRAFT = "draft"
    LIVE = "live"


class Allow(strawberry.BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return True


def written(selections: Any) -> str:
    """What `info.selected_fields` shows, with the arguments of every field below."""
    return repr(
        [
            (getattr(each, "name", ""), getattr(each, "arguments", {}), written(each.selections))
            for each in selections
        ]
    )


@strawberry.interface
class Node:
    @strawberry.field
    def plain(self, n: int | None = None) -> str:
        return repr(n)

    @strawberry.field
    def seen_in_some(self, n: int | None = None) -> str:
        return repr(n)


@strawberry.type
class Echo(Node):
    answer: str = ""

    @strawberry.field
    def scalars(
        self,
        s: str | None = None,
        n: int | None = None,
        f: float | None = None,
        i: strawberry.ID | None = None,
        flag: bool | None = None,
        uuid: UUID | None = None,
        date: dt.date | None = None,
        moment: dt.datetime | None = None,
        time: dt.time | None = None,
        interval: dt.timedelta | None = None,
        dec: Decimal | None = None,
        big: BigInt | None = None,
        b16: Base16 | None = None,
        b64: Base64 | None = None,
        shout: Shout | None = None,
        state: State | None = None,
        numbers: list[int] | None = None,
    ) -> str:
        return repr([value for name, value in locals().items() if name != "self"])

    @strawberry.field
    def required(self, id: UUID, n: int = 7) -> str:
        return repr((id, n))

    @strawberry.field
    def fails(self, s: str | None = None, n: int | None = None) -> str | None:
        raise ValueError("it fails")

    @strawberry.field
    def child(self, n: int | None = None) -> Echo:
        return Echo(answer=repr(n))

    @strawberry.field
    def node(self) -> Node:
        return Echo()

    @strawberry.field
    def seen(
        self, info: strawberry.Info, s: str = "", n: int = 0, i: strawberry.ID | None = None
    ) -> Echo:
        return Echo(answer=repr((s, n, i, written(info.selected_fields))))

    @strawberry.field
    def seen_in_some(self, info: strawberry.Info, n: int | None = None) -> str:
        return written(info.selected_fields)

    @strawberry.field(permission_classes=[Allow])
    def guarded(self, n: int | None = None) -> str:
        return repr(n)


@strawberry.type
class Change:
    @strawberry.mutation
    def write(self, title: str, n: int = 0) -> Echo:
        return Echo(answer=repr((title, n)))


@strawberry.type
class Ticks:
    @strawberry.subscription
    async def ticks(self, n: int) -> AsyncIterator[int]:
        for number in range(n):
            yield number


@strawberry.directive(locations=[DirectiveLocation.FIELD])
def upper(value: DirectiveValue[str]) -> str:
    return value.upper()


def make_schema(*extensions: type[SchemaExtension] | Any, **options: Any) -> strawberry.Schema:
    """The schema, with schema extensions."""
    scalars = {
        **SCALARS,
        Shout: strawberry.scalar(name="Shout", serialize=str, parse_value=lambda v: v.upper()),
    }
    config = StrawberryConfig(scalar_map=scalars)
    return strawberry.Schema(Echo, Change, Ticks, extensions=extensions, config=config, **options)
