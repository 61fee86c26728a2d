"""What a field that writes is refused for, before the first request."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
import strawberry

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.graphql.compiler import SchemaIndex, verify
from fraiseql_strawberry.sql.catalog import Catalog
from tests.unit.compiler_blog import SETTINGS, rows


@fraiseql.type(sql_source="v_note")
class Note:
    id: UUID
    slug: str


@strawberry.input
class Change:
    id: UUID
    slug: str | None = None


@strawberry.input
class OfTenant:
    slug: str
    tenant_id: UUID


@fraiseql.query(sql_source="v_note")
def notes() -> list[Note]: ...


NOTE = {"tenant_id": "uuid", "id": "uuid", "slug": "text", "stars": "int4", "made": "int4"}
ROWS = [*rows('"v_note"', id="uuid", slug="text"), *rows('"tb_note"', **NOTE)]


def column(**more: bool) -> dict[str, bool]:
    plain = {"default": False, "generated": False, "not_null": True, "insert": True, "update": True}
    return {**plain, **more}


def writes(**table: Any) -> list[dict[str, Any]]:
    fact = {
        "columns": {**{name: column() for name in NOTE}, "made": column(generated=True)},
        "view": False,
        "insert": True,
        "update": True,
        "delete": True,
        "may_delete": True,
        "unique": [["slug", "tenant_id"], ["id", "tenant_id"]],
        **table,
    }
    text = {"name": "text", "schema": "pg_catalog", "array": False, "labels": None}
    function = {
        "schema": None,
        "execute": True,
        "defaults": 1,
        "set": False,
        "void": False,
        "modes": None,
        "names": ["slug", "p_body"],
        "arguments": [text, text],
        "columns": None,
    }
    return [
        {"kind": "table", "name": '"tb_note"', "fact": json.dumps(fact)},
        {"kind": "function", "name": '"fn_note"', "fact": json.dumps(function)},
        {
            "kind": "function",
            "name": '"fn_nothing"',
            "fact": json.dumps({**function, "void": True}),
        },
        {
            "kind": "function",
            "name": '"fn_secret"',
            "fact": json.dumps({**function, "execute": False}),
        },
    ]


def check(field: Any, **table: Any) -> None:
    index = SchemaIndex(fraiseql.build_schema([notes, field]))
    verify(index, Catalog.read(ROWS, writes(**table)), SETTINGS)


def field(function: Any, source: str = "tb_note", **options: Any) -> Any:
    return fraiseql.mutation(sql_source=source, **options)(function)


def plain(slug: str) -> Note: ...
def misspelt(slugg: str) -> Note: ...
def by_id(id: UUID, slug: str | None = None) -> Note: ...
def without_id(slug: str) -> Note: ...
def maybe_id(slug: str, id: UUID | None = None) -> Note: ...
def generated(slug: str, made: int) -> Note: ...
def wrong(slug: str, stars: bool) -> Note: ...
def change(input: Change) -> Note: ...
def of_tenant(input: OfTenant) -> Note: ...
def versioned(id: UUID, stars: int | None = None, slug: str | None = None) -> Note: ...
def keys(ids: list[UUID]) -> list[Note]: ...
def keys_for_one(ids: list[UUID]) -> Note: ...
def one_for_many(slug: str) -> list[Note]: ...
def extra(slug: str, body: str | None = None, other: str | None = None) -> Note: ...
def bodiless(body: str) -> Note: ...


def test_what_fits() -> None:
    check(field(plain, operation="create", on_conflict="slug"))
    check(field(by_id, operation="update"))
    check(field(keys, operation="delete"))
    check(field(plain, "fn_note"))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: field(misspelt, operation="create"), 'no column "slugg"; did you mean "slug"?'),
        (lambda: field(without_id, operation="update"), 'needs an argument "id"'),
        (lambda: field(maybe_id, operation="update"), 'needs an argument "id"'),
        (lambda: field(by_id, operation="delete"), "a delete gives no column a value"),
        (lambda: field(generated, operation="create"), "PostgreSQL generates it"),
        (lambda: field(wrong, operation="create"), "is boolean, which stars of type int4"),
        (lambda: field(change, operation="update"), "slug is null by default"),
        (lambda: field(of_tenant, operation="create"), "names the tenant's column"),
        (lambda: field(versioned, operation="update", version="stars"), 'an argument "stars"'),
        (lambda: field(keys_for_one, operation="delete"), "so it must return a list"),
        (lambda: field(one_for_many, operation="create"), "one argument must be a list of rows"),
        (lambda: field(plain, operation="create", on_conflict="stars"), "there are: slug; id"),
        (lambda: field(plain, "fn_nota"), 'no function "fn_nota".*did you mean "fn_note"?'),
        (lambda: field(plain, "fn_nothing"), "must return the key"),
        (lambda: field(plain, "fn_secret"), "GRANT EXECUTE ON FUNCTION fn_secret"),
        (lambda: field(extra, "fn_note"), 'has no argument "other"'),
        (lambda: field(bodiless, "fn_note"), "wants slug, which is no argument"),
    ],
)
def test_what_does_not(made: Any, says: str) -> None:
    with pytest.raises(SchemaError, match=says.replace("?", r"\?").replace("(", r"\(")):
        check(made())


@pytest.mark.parametrize(
    ("operation", "refusing"),
    [("create", "insert"), ("update", "update"), ("delete", "delete"), ("delete", "may_delete")],
)
def test_what_the_role_may_not_write(operation: Any, refusing: str) -> None:
    function = {"create": plain, "update": by_id, "delete": keys}[operation]
    with pytest.raises(SchemaError, match="from the application role"):
        check(field(function, operation=operation), **{refusing: False})


def test_what_the_decorator_refuses() -> None:
    def of(slug: str, tenant_id: UUID) -> Note: ...

    for options, says in [
        ({"operation": "create"}, "name the table in sql_source"),
        ({"sql_source": "tb_note", "operation": "replace"}, "is none of create, update, delete"),
        ({"sql_source": "tb_note", "tenant": False}, "needs a tenant"),
        ({"sql_source": "t", "operation": "update", "on_conflict": "a"}, 'operation="create" only'),
        ({"sql_source": "t", "operation": "create", "version": "v"}, "version goes with"),
    ]:
        with pytest.raises(SchemaError, match=says):
            fraiseql.mutation(**options)(plain)
    with pytest.raises(SchemaError, match="tenant's column is never an input"):
        fraiseql.mutation(sql_source="tb_note", operation="create")(of)
