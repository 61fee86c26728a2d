from __future__ import annotations

import pytest

from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.sql.catalog import Catalog, quoted, source_names
from fraiseql_strawberry.sql.source import Source
from tests.unit.compiler_blog import ROWS, rows


def test_identifiers_are_quoted() -> None:
    assert quoted('a"; DROP TABLE b; --') == '"a""; DROP TABLE b; --"'


def test_names_lead_back_to_their_sources() -> None:
    sources = [Source("v"), Source('odd"name', "my.schema")]
    assert source_names([*sources, Source("v")]) == ['"my.schema"."odd""name"', '"v"']
    catalog = Catalog.read([row for name in source_names(sources) for row in rows(name, id="uuid")])
    assert set(catalog.sources) == set(sources)


def test_the_revision_changes_with_any_column() -> None:
    before = Catalog.read(ROWS)
    assert Catalog.read(ROWS).revision == before.revision
    for key, value in [
        ("type", "int4"),
        ("column", "other"),
        ("is_array", True),
        ("readable", False),
    ]:
        changed = [{**ROWS[0], key: value}, *ROWS[1:]]
        assert Catalog.read(changed).revision != before.revision


@pytest.mark.parametrize(
    ("types", "document"),
    [
        ({"id": "uuid", "data": "jsonb"}, "data"),
        ({"id": "uuid", "data": "json"}, None),
        ({"id": "uuid", "data": "jsonb[]"}, None),
        ({"id": "uuid"}, None),
    ],
)
def test_a_document_column_is_found_out(types: dict[str, str], document: str | None) -> None:
    catalog = Catalog.read(rows('"v"', **types))
    assert catalog.columns_of(Source("v")).document == document


def test_a_missing_source_is_named_with_its_nearest() -> None:
    with pytest.raises(SchemaError, match=r'"v_pots".*did you mean "v_post"'):
        Catalog.read(ROWS).columns_of(Source("v_pots"))
