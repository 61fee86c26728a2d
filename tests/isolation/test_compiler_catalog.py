"""The catalog as the application role sees it, and statements for sources of several schemas."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from enum import Enum
from uuid import uuid4

import asyncpg
import pytest
import strawberry
from graphql import parse

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.graphql.compiler import (
    Bound,
    Compiled,
    SchemaIndex,
    Settings,
    compile_operation,
    verify,
)
from fraiseql_strawberry.sql.catalog import CATALOG_SQL, Catalog, ColumnType, source_names
from fraiseql_strawberry.sql.source import Source

DDL = """
CREATE SCHEMA "tenant a"; CREATE SCHEMA tenant_b; CREATE SCHEMA hidden;
CREATE TYPE "tenant a".state AS ENUM ('draft', 'live');
CREATE TYPE tenant_b.state AS ENUM ('draft', 'live');
CREATE TYPE hidden.mood AS ENUM ('good');
CREATE DOMAIN hidden.email AS varchar(100);
CREATE DOMAIN hidden.work_email AS hidden.email;
CREATE TABLE "tenant a".post (id int4 PRIMARY KEY, gone int, state state, secret text);
CREATE TABLE tenant_b.post (id int4 PRIMARY KEY, state tenant_b.state);
ALTER TABLE "tenant a".post DROP COLUMN gone;
CREATE TABLE "tenant a".wide (
    mail hidden.work_email, mails hidden.email[], mood hidden.mood, moods hidden.mood[],
    grid int[][], names name[], one "char", "Quo""ted" text);
INSERT INTO "tenant a".post VALUES (1, 'live', 'x');
INSERT INTO tenant_b.post VALUES (2, 'live'), (3, 'draft');
"""


@pytest.fixture(scope="module")
async def role(admin_url: str) -> AsyncIterator[asyncpg.Connection]:
    name = f"catalog_{uuid4().hex}"
    server = await asyncpg.connect(admin_url)
    await server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    await server.execute(f"CREATE DATABASE {name}")
    inside = await asyncpg.connect(admin_url, database=name)
    await inside.execute('SET search_path = "tenant a", pg_temp; ' + DDL)
    await inside.execute(
        f'GRANT USAGE ON SCHEMA "tenant a", tenant_b TO {name};'
        f'GRANT SELECT (id, state) ON "tenant a".post TO {name};'
        f'GRANT SELECT ON "tenant a".wide, tenant_b.post TO {name}'
    )
    await inside.close()
    connection = await asyncpg.connect(
        admin_url,
        user=name,
        password=name,
        database=name,
        server_settings={"search_path": '"tenant a", pg_temp'},
    )
    yield connection
    await connection.close()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.execute(f"DROP ROLE {name}")
    await server.close()


async def read(connection: asyncpg.Connection, *sources: Source) -> Catalog:
    return Catalog.read(await connection.fetch(CATALOG_SQL, source_names(sources)))


async def test_types_are_followed_to_what_they_are_made_of(role: asyncpg.Connection) -> None:
    found = (await read(role, Source("wide"))).columns_of(Source("wide")).columns
    mood = ("good",)
    assert {name: column.type for name, column in found.items()} == {
        "mail": ColumnType("varchar"),
        "mails": ColumnType("varchar", array=True),
        "mood": ColumnType("mood", schema="hidden", labels=mood),
        "moods": ColumnType("mood", array=True, schema="hidden", labels=mood),
        "grid": ColumnType("int4", array=True),
        "names": ColumnType("name", array=True),
        "one": ColumnType("char"),
        'Quo"ted': ColumnType("text"),
    }


async def test_a_type_of_the_sources_own_schema_moves_with_it(role: asyncpg.Connection) -> None:
    columns = (await read(role, Source("post"))).columns_of(Source("post")).columns
    assert columns["state"].type == ColumnType("state", schema=None, labels=("draft", "live"))
    assert list(columns) == ["id", "state", "secret"]
    assert [column.readable for column in columns.values()] == [True, True, False]
    assert columns["id"].not_null


async def test_sources_are_found_by_path_and_by_schema(role: asyncpg.Connection) -> None:
    asked = [Source("post"), Source("post", "tenant_b"), Source("nothing"), Source("nothing", "no")]
    catalog = await read(role, *asked)
    assert set(catalog.sources) == set(asked[:2])
    assert "secret" not in catalog.columns_of(asked[1]).columns
    with pytest.raises(SchemaError, match='"nothing"'):
        catalog.columns_of(asked[2])


@strawberry.enum
class State(Enum):
    DRAFT = "draft"
    LIVE = "live"


@fraiseql.type(sql_source="post")
class Post:
    id: int
    state: State


@fraiseql.query(sql_source="post", order_by="id")
def posts(state: State | None = None) -> list[Post]: ...


@fraiseql.query(sql_source="post", order_by="id")
def any_posts(state: list[State] | None = None) -> list[Post]: ...


@fraiseql.type(sql_source="post")
class SecretPost:
    secret: str


@fraiseql.query(sql_source="post")
def secrets() -> list[SecretPost]: ...


async def test_a_statement_is_qualified_with_each_tenants_schema(role: asyncpg.Connection) -> None:
    index = SchemaIndex(fraiseql.build_schema([posts, any_posts]))
    catalog = await read(role, *index.sources())
    settings = Settings(first_parameter=1)
    verify(index, catalog, settings)
    for field in ("posts(state: LIVE)", "posts: anyPosts(state: [LIVE])"):
        text = f"{{ {field} {{ id state }} }}"
        program = compile_operation(index, parse(text), None, catalog, settings)
        assert isinstance(program, Compiled)
        bound = program.bind()
        assert isinstance(bound, Bound)
        for schema, id_ in [(None, 1), ("tenant a", 1), ("tenant_b", 2)]:
            answer = await role.fetchval(bound.sql(schema), *bound.args)
            assert json.loads(answer) == {"posts": [{"id": id_, "state": "LIVE"}]}


async def test_a_column_that_may_not_be_read_is_said_at_once(role: asyncpg.Connection) -> None:
    index = SchemaIndex(fraiseql.build_schema([secrets]))
    with pytest.raises(SchemaError, match=r"may not read post\.secret; GRANT SELECT"):
        verify(index, await read(role, *index.sources()), Settings())
