"""`relation`: a field whose value is rows of another source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any, cast

import strawberry
from graphql import FieldNode, GraphQLResolveInfo
from strawberry.annotation import StrawberryAnnotation
from strawberry.permission import PermissionExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from ..errors import SchemaError
from ..sql.source import OrderKey, Relation, Source, Through, parse_order_by

__all__ = [
    "NOT_READ",
    "RELATED",
    "Prefetched",
    "RelationField",
    "prefetched",
    "relation",
]

RELATED = "_fraiseql_related"
"""Where an instance keeps what was read with it: response key → (the field's nodes, value)."""

Prefetched = tuple[tuple[FieldNode, ...], str]
"""Where in a document a relation was read ahead for: the field's nodes and its response key."""

NOT_READ: Any = object()
"""In the place of a value that was not read with its parent; None is one that was."""

_KEY = "fraiseql"
_NOTHING: dict[str, Any] = {}

Columns = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class _Declared:
    """What `relation(…)` was given; the rest follows from the annotation and the name."""

    local: tuple[str, ...]
    remote: tuple[str, ...]
    through: Through | None
    order_by: tuple[OrderKey, ...]
    limit: int | None


class RelationField(StrawberryField):
    """A Strawberry field that knows its `Relation` (kept in `metadata`, which copies keep)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]
        # Related rows are read, never given: `Post(id=…, title=…)` stays a complete constructor.
        self.init = self.compare = self.repr = False

    @property
    def many(self) -> bool:
        """Whether the annotation is a list."""
        return isinstance(_without_optional(self.type), StrawberryList)

    @property
    def relation(self) -> Relation:
        """The columns of both sides.

        Raises:
            SchemaError: When they cannot be known from what the decorator was given.
        """
        declared: _Declared = self.metadata[_KEY]
        many, name = self.many, self.python_name
        local = declared.local or (("id",) if many else (f"{name}_id",))
        remote = declared.remote or (("id",) if declared.through or not many else ())
        through = declared.through
        if not remote:
            raise SchemaError(
                f"relation {name!r}: a list needs the column of the other source that points "
                f'here: relation(remote="…_id"), or through=("link_table", "this_id", "other_id")'
            )
        pairs = (
            ((local, through.local), (through.remote, remote)) if through else ((local, remote),)
        )
        for left, right in pairs:
            if len(left) != len(right):
                raise SchemaError(f"relation {name!r}: {left} and {right} differ in length")
        if through and not many:
            raise SchemaError(f"relation {name!r}: through= needs a list annotation")
        return Relation(local, remote, through, declared.order_by, declared.limit)

    @property
    def is_basic_field(self) -> bool:
        """False: the resolver needs `info`, to know the alias the value was read under."""
        return False

    @property
    def arguments(self) -> list[StrawberryArgument]:
        """`limit` and `offset` on lists."""
        if self._arguments is None:
            self._arguments = [_int_argument("limit"), _int_argument("offset")] if self.many else []
        return self._arguments

    @arguments.setter
    def arguments(self, value: list[StrawberryArgument]) -> None:
        self._arguments = value

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """What was read with the parent row, or else what the batching loader finds."""
        value = prefetched(source, info._raw_info)
        if value is NOT_READ:
            return info.context.fraiseql_load_related(self, source, info)
        return value


def prefetched(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
    """The value of a relation that was read with its parent, or `NOT_READ`.

    Args:
        source: The parent.
        info: graphql-core's, of the field being resolved.
    """
    related: dict[str, tuple[tuple[FieldNode, ...], Any]] = getattr(source, RELATED, _NOTHING)
    found = related.get(cast(str, info.path.key))
    if found is not None:
        # A resolver may return the same object elsewhere in the response, where the same key
        # stands for other arguments and another selection.
        nodes, here = found[0], info.field_nodes
        if len(nodes) == len(here) and all(map(is_, nodes, here)):
            return found[1]
    return NOT_READ


def relation(
    *,
    local: Columns | None = None,
    remote: Columns | None = None,
    through: tuple[str, Columns, Columns] | None = None,
    order_by: str | tuple[str, ...] | None = None,
    limit: int | None = None,
    **options: Any,
) -> Any:
    """Make an annotated attribute lead to rows of another source.

    The annotation says which: `User` or `User | None` is one row, `list[Comment]` many. Lists
    take the GraphQL arguments `limit` and `offset`. The other type needs a `sql_source`.

    Args:
        local: Columns of this type's source, `"user_id"` or `"region, number"`; for one row
            `<attribute>_id` unless said otherwise, for a list `id`.
        remote: Columns of the other type's source that equal them; `id` for one row.
        through: For many-to-many, the link table and its columns towards this type and towards
            the other: `("tb_post_tag", "post_id", "tag_id")`.
        order_by: The order of a list: `"-created_at, id"`.
        limit: Rows of a list where the client names no limit; `[graphql] default_limit` by default.
        **options: Whatever `strawberry.field` takes (`name`, `description`, …).

    Returns:
        The field; its value is read with the parent's statement where it can be.
    """
    link = None
    if through is not None:
        table, to_local, to_remote = through
        link = Through(Source.parse(table), _columns(to_local), _columns(to_remote))
    declared = _Declared(_columns(local), _columns(remote), link, parse_order_by(order_by), limit)
    template = strawberry.field(**options)
    return RelationField(
        graphql_name=template.graphql_name,
        type_annotation=template.type_annotation,
        description=template.description,
        permission_classes=template.permission_classes,
        metadata={**template.metadata, _KEY: declared},
        deprecation_reason=template.deprecation_reason,
        directives=template.directives,
        # StrawberryField adds this one itself, from permission_classes.
        extensions=[e for e in template.extensions if not isinstance(e, PermissionExtension)],
    )


def _columns(text: Columns | None) -> tuple[str, ...]:
    if text is None:
        return ()
    parts = text.split(",") if isinstance(text, str) else text
    return tuple(part.strip() for part in parts)


def _without_optional(type_: Any) -> Any:
    if isinstance(type_, LazyType):
        type_ = type_.resolve_type()
    return type_.of_type if isinstance(type_, StrawberryOptional) else type_


def _int_argument(name: str) -> StrawberryArgument:
    return StrawberryArgument(name, None, StrawberryAnnotation(int | None))
