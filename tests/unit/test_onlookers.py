"""Who could look at an operation's document, and who at its result."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import strawberry
from graphql.execution.incremental.incremental_executor import IncrementalExecutor
from strawberry.extensions import MaskErrors, QueryDepthLimiter, SchemaExtension

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.graphql.onlookers import (
    document_is_seen,
    info_is_seen,
    result_is_seen,
    unsafe_extension,
)
from tests.unit.compiler_blog import INDEX
from tests.unit.echo_schema import make_schema, upper


class Looking(SchemaExtension):
    """Could read `execution_context.graphql_document`."""


class Blind(SchemaExtension):
    fraiseql_safe = True


class Heir(Blind):
    """It may see more than its parent."""


class Unsafe(MaskErrors):
    """The application's own, whatever it inherits from."""


@pytest.mark.parametrize(
    ("extensions", "options", "seen"),
    [
        ((), {}, False),
        ((Blind, MaskErrors), {}, False),
        ((Looking,), {}, True),
        ((Blind, Unsafe), {}, True),
        ((Heir,), {}, True),
        ((lambda: QueryDepthLimiter(max_depth=3),), {}, True),
        ((), {"directives": [upper]}, True),
        ((), {"execution_context_class": IncrementalExecutor}, True),
    ],
)
def test_a_document_is_seen_by_what_stands_around_every_operation(
    extensions: Any, options: Any, seen: bool
) -> None:
    assert document_is_seen(make_schema(*extensions, **options)) is seen


@strawberry.type
class Small:
    answer: str = ""


class Own(strawberry.Schema):
    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return await super().execute(*args, **kwargs)


@pytest.mark.parametrize(
    ("extensions", "options", "seen"),
    [
        ((), {}, False),
        ((Blind,), {}, False),
        ((MaskErrors,), {}, True),
        ((Looking,), {}, True),
        ((Heir,), {}, True),
        ((lambda: QueryDepthLimiter(max_depth=3),), {}, True),
        ((), {"execution_context_class": IncrementalExecutor}, True),
    ],
)
def test_a_result_is_seen_by_whoever_does_not_say_otherwise(
    extensions: Any, options: Any, seen: bool
) -> None:
    assert result_is_seen(make_schema(*extensions, **options)) is seen


def test_a_result_is_seen_by_a_schema_that_executes_in_its_own_way() -> None:
    assert result_is_seen(Own(query=Small))
    assert not result_is_seen(strawberry.Schema(query=Small))


@pytest.mark.parametrize(
    ("extensions", "name"),
    [
        ((Blind,), None),
        ((Blind, Heir), "Heir"),
        ((lambda: QueryDepthLimiter(max_depth=3),), "<lambda>"),
    ],
)
def test_an_extension_is_safe_only_by_its_own_word(extensions: Any, name: str | None) -> None:
    assert unsafe_extension(make_schema(*extensions)) == name


@fraiseql.query
async def with_info(info: Any, id: UUID) -> str:
    return str(id)


@fraiseql.query
async def without_info(id: UUID) -> str:
    return str(id)


@pytest.mark.parametrize(
    ("field", "seen"),
    [
        ("Query.withInfo", True),
        ("Query.withoutInfo", False),
        ("Echo.scalars", False),
        ("Echo.answer", False),
        ("Echo.seen", True),
        ("Echo.guarded", True),
        ("Post.author", False),
        ("Post.shout", False),
        ("User.posts", False),
        ("User.secret", True),
    ],
)
def test_info_is_seen_by_resolvers_that_take_it_and_by_what_stands_around_them(
    field: str, seen: bool
) -> None:
    type_, name = field.split(".")
    query = fraiseql.build_schema([with_info, without_info])._schema
    schemas = {"Query": query, "Echo": make_schema()._schema}
    schema = schemas.get(type_, INDEX.schema)
    definition: Any = schema.type_map[type_]
    assert info_is_seen(definition.fields[name].extensions["strawberry-definition"]) is seen


def test_what_is_no_strawberry_field_may_look() -> None:
    assert info_is_seen(None)
    assert not info_is_seen(strawberry.field())
