"""Objects inside of a row's JSON: found in the schema, checked at start-up, read by the statement."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import pytest
import strawberry
from graphql import parse, validate
from strawberry.scalars import Base64

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.cli.explain.described import describe
from fraiseql_strawberry.cli.explain.trees import plan_tree
from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.graphql.compiler import (
    Bound,
    Compiled,
    SchemaIndex,
    Settings,
    StepAside,
    compile_operation,
    verify,
)
from fraiseql_strawberry.sql.catalog import Catalog
from tests.unit.compiler_blog import rows

SETTINGS = Settings(first_parameter=1)


@fraiseql.type
class Author:
    id: UUID
    name: str
    letters: list[Letter] = fraiseql.relation(remote="author_id", limit=2)


@fraiseql.type
class Comment:
    content: str | None
    written_at: datetime
    replies: list[Comment]

    @strawberry.field
    def shout(self) -> str:
        return f"{self.content}!"


@fraiseql.type
class Stamp:
    code: str


@fraiseql.type(sql_source="v_letter")
class Letter:
    id: UUID
    author: Author
    comments: list[Comment | None]
    home: Stamp | None
    stamp: Stamp = strawberry.field(default_factory=lambda: Stamp(code="none"))


@fraiseql.query(sql_source="v_letter")
def letters() -> list[Letter]: ...


INDEX = SchemaIndex(fraiseql.build_schema([letters]))
LETTER = rows('"v_letter"', id="uuid", author_id="uuid", author="jsonb", comments="json")
CATALOG = Catalog.read([*LETTER, *rows('"v_letter"', home="jsonb[]")])


def compiled(text: str, catalog: Catalog = CATALOG) -> Bound | StepAside:
    document = parse(text)
    assert validate(INDEX.schema, document) == []
    program = compile_operation(INDEX, document, None, catalog, SETTINGS)
    return program.bind() if isinstance(program, Compiled) else program


def bind(text: str) -> Bound:
    bound = compiled(text)
    assert isinstance(bound, Bound), bound
    return bound


def test_an_object_of_a_column() -> None:
    assert (
        '(SELECT t$4 FROM (SELECT (t$3."d"->>\'name\') AS "n", \'Author\' AS "__typename" '
        'FROM (SELECT t$1."author" AS "d" OFFSET 0) AS t$3 '
        'WHERE jsonb_typeof(t$3."d") = \'object\') AS t$4) AS "author"'
        in bind("{ letters { author { n: name __typename } } }").sql()
    )


def test_a_list_of_objects_and_what_is_inside_of_them() -> None:
    sql = bind("{ letters { comments { content replies { writtenAt } } } }").sql()
    assert "CASE WHEN jsonb_typeof(to_jsonb(t$1.\"comments\")) = 'array' THEN ARRAY(SELECT (" in sql
    assert (
        'FROM jsonb_array_elements(to_jsonb(t$1."comments")) AS t$3("d")) END AS "comments"' in sql
    )
    assert 'jsonb_array_elements((t$3."d"->\'replies\')) AS t$5("d")' in sql
    assert '(t$5."d"->>\'written_at\')::timestamptz AS "writtenAt"' in sql


def test_a_key_of_the_document_where_there_is_no_column() -> None:
    catalog = Catalog.read(rows('"v_letter"', id="uuid", author_id="uuid", data="jsonb"))
    bound = compiled("{ letters { author { id } } }", catalog)
    assert isinstance(bound, Bound)
    assert 'SELECT (t$1."data"->\'author\') AS "d" OFFSET 0' in bound.sql()
    verify(INDEX, catalog, SETTINGS)


def test_rows_that_an_object_leads_to() -> None:
    sql = bind("{ letters { author { letters { id } } } }").sql()
    assert 'WHERE t$5."author_id" = (t$3."d"->>\'id\')::uuid LIMIT 2' in sql


@fraiseql.type
class Sender:
    letters: list[Letter] = fraiseql.relation(local="author_id", remote="author_id", limit=2)


@fraiseql.type(sql_source="v_letter")
class Envelope:
    author: Sender


def test_an_undeclared_key_takes_the_type_of_the_other_side() -> None:
    @fraiseql.query(sql_source="v_letter")
    def envelopes() -> list[Envelope]: ...

    index = SchemaIndex(fraiseql.build_schema([envelopes]))
    verify(index, CATALOG, SETTINGS)
    program = compile_operation(
        index, parse("{ envelopes { author { letters { id } } } }"), None, CATALOG, SETTINGS
    )
    assert isinstance(program, Compiled)
    bound = program.bind()
    assert isinstance(bound, Bound)
    assert "= (t$3.\"d\"->>'author_id')::uuid" in bound.sql()


def test_objects_are_the_data_of_one_row() -> None:
    def cost(text: str) -> int:
        settings = Settings(max_limit=10, max_cost=0)
        program = compile_operation(INDEX, parse(text), None, CATALOG, settings)
        assert isinstance(program, Compiled)
        with pytest.raises(fraiseql.errors.BadUserInput) as refused:
            program.bind()
        return int(refused.value.message.split()[4])

    assert cost("{ letters { id } }") == 10
    assert cost("{ letters { author { name } } }") == 20
    assert cost("{ letters { comments { content replies { content } } } }") == 30
    assert cost("{ letters { author { letters { id } } } }") == 40


COMMENT = {"content": None, "writtenAt": "2024-01-01T00:00:00+00:00", "replies": []}
SELECTION = """{ letters {
    author { name } comments { content writtenAt replies { content } } home { code }
} }"""


def violates(**change: Any) -> bool:
    letter = {"author": {"name": "a"}, "comments": [COMMENT], "home": None, **change}
    text = json.dumps({"letters": [letter]}, separators=(",", ":"))
    return bind(SELECTION).violates(text.encode())


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"comments": []},
        {"comments": [None, COMMENT]},
        {"comments": [{**COMMENT, "content": ",null"}]},
        {"home": {"code": "[null"}},
    ],
)
def test_what_keeps_its_promises_goes_out(change: dict[str, Any]) -> None:
    assert not violates(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"author": None},
        {"author": {"name": None}},
        {"comments": None},
        {"comments": [{**COMMENT, "replies": None}]},
        {"comments": [{**COMMENT, "replies": [None]}]},
        {"comments": [None, {**COMMENT, "writtenAt": None}]},
        {"home": {"code": None}},
    ],
)
def test_what_breaks_one_does_not(change: dict[str, Any]) -> None:
    assert violates(**change)


def test_code_inside_of_an_object_is_seen_before_any_request() -> None:
    document = parse("{ letters { comments { replies { shout } } } }")
    aside = compile_operation(INDEX, document, None, CATALOG, SETTINGS)
    assert aside == StepAside("Comment.shout has a resolver")


def test_an_object_that_comes_from_nowhere_is_only_strawberrys_to_resolve() -> None:
    aside = compiled("{ letters { id stamp { code } } }")
    assert isinstance(aside, StepAside)
    assert aside.reason == "Letter.stamp is an object without a column or a relation"
    verify(INDEX, CATALOG, SETTINGS)


def without(column: str) -> list[dict[str, Any]]:
    return [row for row in [*LETTER, *rows('"v_letter"', home="jsonb")] if row["column"] != column]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            without("author"),
            r'Letter.author is an object, and v_letter has no column "author": add it to the view',
        ),
        (
            [{**row, "type": "text"} if row["column"] == "author" else row for row in LETTER],
            r"Letter.author is an object, which v_letter.author of type text cannot hold; make it",
        ),
        (
            [{**row, "readable": False} if row["column"] == "author" else row for row in LETTER],
            r"Letter.author: the application role may not read v_letter.author; GRANT",
        ),
        (
            [
                {**row, "readable": row["column"] != "data"}
                for row in rows('"v_letter"', id="uuid", author_id="uuid", data="jsonb")
            ],
            r"Letter.author: the application role may not read v_letter.data; GRANT",
        ),
        (
            [{**r, "type": "int8"} if r["column"] == "author_id" else r for r in LETTER]
            + rows('"v_letter"', home="jsonb"),
            r"Author.letters compares id \(uuid\) with author_id \(int8\)",
        ),
    ],
)
def test_a_catalog_that_does_not_fit(sources: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        verify(INDEX, Catalog.read(sources), SETTINGS)


@fraiseql.type
class Picture:
    bytes: Base64


@fraiseql.type(sql_source="v_letter")
class Album:
    picture: Annotated[Picture, strawberry.lazy("tests.unit.test_compiler_embedded")]


def test_what_json_cannot_hold_is_said_with_its_place() -> None:
    @fraiseql.query(sql_source="v_letter")
    def albums() -> list[Album]: ...

    index = SchemaIndex(fraiseql.build_schema([albums]))
    assert list(index.object("Album").embedded) == ["picture"]
    assert list(index.object("Album").attributes) == []
    catalog = Catalog.read(rows('"v_letter"', data="jsonb"))
    with pytest.raises(
        SchemaError, match=r"Picture.bytes is base64, which the JSON of Album.picture.bytes"
    ):
        verify(index, catalog, SETTINGS)


def test_a_plan_shows_them() -> None:
    plan = bind("{ letters { author { n: name letters { id } } comments { content } } }")
    (described,) = describe(plan.statement.plan)
    author, comments = described["below"]
    assert author == {
        "key": "author",
        "document": "author",
        "rows": "one",
        "columns": ["n: name"],
        "below": [
            {
                "key": "letters",
                "source": "v_letter",
                "rows": "many",
                "where": ["author_id = id of the row above"],
                "limit": 2,
                "columns": ["id"],
            }
        ],
    }
    assert comments == {
        "key": "comments",
        "document": "comments",
        "rows": "many",
        "columns": ["content"],
    }
    tree = plan_tree("Q", [described])
    lines = [str(branch.label) for branch in tree.children[0].children]
    assert lines == ["author: the object author", "comments: objects of comments"]
