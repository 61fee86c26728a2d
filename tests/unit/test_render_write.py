"""Statements that write: their text, and the gap where a tenant's schema goes."""

from __future__ import annotations

from fraiseql_strawberry.sql.column_type import ColumnType
from fraiseql_strawberry.sql.render_write import (
    Assignment,
    Condition,
    render_call,
    render_create,
    render_delete,
    render_exists,
    render_update,
)
from fraiseql_strawberry.sql.source import Source

NOTE = Source("tb_note")
UUID, TEXT, INT = ColumnType("uuid"), ColumnType("text"), ColumnType("int4")
SLUG, BODY = Assignment("slug", TEXT), Assignment("body", TEXT)
ID = Condition("id", UUID)


def test_create() -> None:
    assert render_create(NOTE, "id", [SLUG, BODY]).text() == (
        'WITH w$ AS (INSERT INTO "tb_note" AS t$ ("slug", "body") VALUES ($1::text, $2::text) '
        'RETURNING t$."id") SELECT (SELECT "id" FROM w$)'
    )


def test_a_name_of_the_tenants_own_is_qualified() -> None:
    assert 'INSERT INTO "tenant_1"."tb_note" AS t$' in render_create(NOTE, "id", [SLUG]).text(
        "tenant_1"
    )
    shared = Source("tb_note", "shared")
    assert 'INSERT INTO "shared"."tb_note" AS t$' in render_create(shared, "id", [SLUG]).text("x")


def test_a_row_of_defaults() -> None:
    assert (
        'INSERT INTO "tb_note" AS t$ DEFAULT VALUES RETURNING'
        in render_create(NOTE, "id", []).text()
    )


def test_the_statement_brings_the_tenant_where_the_column_has_no_default() -> None:
    tenant = Assignment("tenant_id", UUID)
    assert (
        '("slug", "tenant_id") VALUES ($1::text, '
        "NULLIF(current_setting('app.tenant_id', true), '')::uuid)"
    ) in render_create(NOTE, "id", [SLUG], tenant=tenant, setting="app.tenant_id").text()


def test_upsert() -> None:
    text = render_create(NOTE, "id", [SLUG, BODY], on_conflict=("tenant_id", "slug")).text()
    assert 'ON CONFLICT ("tenant_id", "slug") DO UPDATE SET "body" = EXCLUDED."body"' in text
    text = render_create(NOTE, "id", [SLUG], on_conflict=("tenant_id", "slug")).text()
    assert 'DO UPDATE SET "slug" = EXCLUDED."slug"' in text


def test_update() -> None:
    assert render_update(NOTE, ID, [BODY]).text() == (
        'WITH w$ AS (UPDATE "tb_note" AS t$ SET "body" = $2::text WHERE t$."id" = $1::uuid '
        'RETURNING t$."id") SELECT (SELECT "id" FROM w$)'
    )
    assert render_update(NOTE, ID, []).text() == (
        'SELECT (SELECT t$."id" FROM "tb_note" AS t$ WHERE t$."id" = $1::uuid)'
    )


def test_a_version_is_compared_and_counted_up() -> None:
    text = render_update(NOTE, ID, [BODY], version=Condition("version", INT)).text()
    assert 'SET "body" = $3::text, "version" = t$."version" + 1 ' in text
    assert 'WHERE t$."id" = $1::uuid AND t$."version" = $2::int8 ' in text
    moment = Condition("updated_at", ColumnType("timestamptz"))
    text = render_update(NOTE, ID, [BODY], version=moment).text()
    assert '"updated_at" = clock_timestamp() ' in text
    assert 't$."updated_at" = $2::text::timestamptz ' in text


def test_delete_and_exists() -> None:
    assert render_delete(NOTE, ID, version=Condition("version", INT)).text() == (
        'WITH w$ AS (DELETE FROM "tb_note" AS t$ WHERE t$."id" = $1::uuid AND '
        't$."version" = $2::int8 RETURNING t$."id") SELECT (SELECT "id" FROM w$)'
    )
    assert render_exists(NOTE, ID).text() == (
        'SELECT EXISTS (SELECT FROM "tb_note" AS t$ WHERE t$."id" = $1::uuid)'
    )


def test_calls() -> None:
    function = Source("fn_note")
    given = [Assignment("p_slug", TEXT), Assignment("meta", ColumnType("jsonb"))]
    assert render_call(function, given, column=None, many=False).text() == (
        'SELECT (SELECT r$.v FROM "fn_note"("p_slug" => $1::text, "meta" => $2::text::jsonb) '
        "AS r$(v))"
    )
    assert render_call(function, given[:1], column="id", many=True).text() == (
        'SELECT r$."id" FROM "fn_note"("p_slug" => $1::text) AS r$'
    )


def test_types_of_the_applications_own() -> None:
    mood = Assignment("mood", ColumnType("mood", False, None, ("good", "bad")))
    tags = Assignment("tags", ColumnType("text", array=True))
    text = render_create(NOTE, "id", [mood, tags]).text("t")
    assert 'VALUES ($1::text::"t"."mood", $2::text[])' in text
