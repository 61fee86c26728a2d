"""From decorated functions to a Strawberry schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type
from strawberry.types import ExecutionContext
from strawberry.types.base import has_object_definition
from strawberry.types.field import StrawberryField

from ..errors import SchemaError
from .definition import MutationField
from .extension import TenancyExtension
from .middleware import Middleware
from .scalars import SCALARS

__all__ = ["Schema", "build_schema"]

_ROOTS = ("Query", "Mutation", "Subscription")


class Schema(strawberry.Schema):
    """A Strawberry schema that knows its middlewares."""

    fraiseql_middleware: tuple[Middleware, ...] = ()

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: `public_errors` has logged what is a fault, with the id the client reads.

        Strawberry would log each error of a client's with a stack trace.
        """


def build_schema(
    source: ModuleType | Iterable[Any],
    *more: Any,
    middleware: Sequence[Middleware] | None = None,
    extensions: Sequence[Any] = (),
    config: StrawberryConfig | None = None,
    **options: Any,
) -> Schema:
    """Make a schema of a module, or of the fields themselves.

    Taken from a module, in the order of definition: fields made by `query`, `mutation` and
    `subscription`, middlewares, and hand-written Strawberry root types named `Query`, `Mutation`
    and `Subscription`, whose fields are added. Hand-written `strawberry.field`s of a module are
    fields of `Query`; put mutations into a class.

    Args:
        source: The module, or an iterable of fields, middlewares and root types.
        *more: Further fields, where `source` is one of them.
        middleware: The middlewares, outermost first; by default those found in `source`.
        extensions: Strawberry schema extensions of the application's, outside of ours.
        config: Strawberry's configuration; our scalars are added to its map.
        **options: Whatever `strawberry.Schema` takes (`types`, `directives`, …).

    Raises:
        SchemaError: When there is no query, one name stands for two fields, or a generated
            argument names a column that its type does not have.
    """
    parts = _parts(source, more)
    roots: dict[str, list[StrawberryField]] = {name: [] for name in _ROOTS}
    for part in parts:
        if isinstance(part, StrawberryField):
            roots[_root_of(part)].append(part)
        elif has_object_definition(part) and part.__name__ in _ROOTS:
            roots[part.__name__] += part.__strawberry_definition__.fields
    if not roots["Query"]:
        raise SchemaError(
            f"{_named(source)} has no query: decorate a function with @fraiseql.query"
        )
    config = config if config is not None else StrawberryConfig()
    config.scalar_map = {**SCALARS, **config.scalar_map}
    try:
        schema = Schema(
            query=_root_type("Query", roots["Query"]),
            mutation=_root_type("Mutation", roots["Mutation"]),
            subscription=_root_type("Subscription", roots["Subscription"]),
            extensions=[*extensions, TenancyExtension],
            config=config,
            **options,
        )
    except TypeError as error:
        # graphql-core makes one of whatever is raised while it asks for a type's fields.
        if isinstance(error.__cause__, SchemaError):
            raise error.__cause__ from None
        raise
    found = [part for part in parts if isinstance(part, Middleware)]
    schema.fraiseql_middleware = tuple(found if middleware is None else middleware)
    return schema


def _parts(source: ModuleType | Iterable[Any], more: tuple[Any, ...]) -> list[Any]:
    if isinstance(source, ModuleType):
        return [*vars(source).values(), *more]
    if isinstance(source, (StrawberryField, type)):
        return [source, *more]
    return [*source, *more]


def _root_of(field: StrawberryField) -> str:
    if isinstance(field, MutationField):
        return "Mutation"
    return "Subscription" if field.is_subscription else "Query"


def _root_type(name: str, fields: list[StrawberryField]) -> Any:
    seen: dict[str | None, StrawberryField] = {}
    for field in fields:
        other = seen.setdefault(field.graphql_name or field.python_name, field)
        if other is not field:
            raise SchemaError(f"{name} has two fields named {field.python_name!r}; rename one")
    return create_type(name, list(seen.values())) if fields else None


def _named(source: object) -> str:
    return source.__name__ if isinstance(source, ModuleType) else "the schema"
