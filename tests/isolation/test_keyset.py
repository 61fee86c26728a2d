"""Connections on PostgreSQL: pages by cursors give all rows once, in the order of the list.

The lists that they are compared with have judges of their own (`test_compiler.py`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from graphql import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fraiseql_strawberry as fraiseql
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import BadUserInput, SchemaError
from fraiseql_strawberry.graphql.compiler import (
    Bound,
    Compiled,
    SchemaIndex,
    Settings,
    compile_operation,
    normalise,
    verify,
)
from tests.isolation.wide.database import Wide, open_wide
from tests.isolation.wide.rows import CLEAN
from tests.isolation.wide.types import CONFIG, Shelf, Thing, found_things

MakeTenancy = Callable[..., Tenancy]
BOUNDS = Settings(first_parameter=1, max_cost=10**12)


@fraiseql.query(sql_source="v_thing", order_by="-number", relay=True, auto_params=True)
def paged_things() -> list[Thing]: ...


schema = fraiseql.build_schema([paged_things, found_things], config=CONFIG)
INDEX = SchemaIndex(schema, {"Slug": "string"})
PAGES = """query ($o: [PostOrderBy!], $w: ThingWhere, $f: Int, $a: String, $l: Int, $b: String) {
  pagedThings(orderBy: $o, where: $w, first: $f, after: $a, last: $l, before: $b) {
    edges { cursor node { number aText owner { name } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount
  } }""".replace("PostOrderBy", "ThingOrderBy")
# A field with a resolver, so that instances have to be made.
RESOLVED = PAGES.replace("number aText", "number doubled aText")
LIST = """query ($o: [ThingOrderBy!], $w: ThingWhere) {
  foundThings(orderBy: $o, where: $w) { number aText owner { name } } }"""

COLUMNS = [
    *("number", "aText", "anInt", "aLong", "aDouble", "aDecimal", "aFlag", "aUuid", "aDate"),
    *("aStamp", "aZonedStamp", "aStatus", "aColor", "aLevel", "aBig", "aShort"),
]
DIRECTIONS = [
    *("ASC", "DESC", "ASC_NULLS_FIRST", "ASC_NULLS_LAST", "DESC_NULLS_FIRST", "DESC_NULLS_LAST")
]
KEYS = st.builds(
    lambda name, direction: {name: direction}, st.sampled_from(COLUMNS), st.sampled_from(DIRECTIONS)
)


@pytest.fixture(scope="module")
async def wide(admin_url: str) -> AsyncIterator[Wide]:
    async with open_wide(admin_url, INDEX) as opened:
        verify(INDEX, opened.catalog, BOUNDS)
        yield opened


@pytest.fixture(scope="module")
async def tenancy(wide: Wide, make_tenancy: MakeTenancy) -> AsyncIterator[Tenancy]:
    urls = Urls(wide.url, wide.url, wide.url, wide.url, wide.url)
    async with make_tenancy(urls, graphql={"max_cost": 10**9}) as running:
        yield running


Ask = Callable[[str, dict[str, Any]], Any]


async def fast(wide: Wide, text: str, variables: dict[str, Any], tenant: str = CLEAN[0]) -> Any:
    program = compile_operation(
        INDEX, parse(text), None, wide.catalog, BOUNDS, lifted=normalise(text)
    )
    assert isinstance(program, Compiled), program
    bound = program.bind(variables, normalise(text).literals, tenant)
    assert isinstance(bound, Bound), bound
    answer = await wide.read(tenant, bound.sql(), bound.args)
    assert answer is not None
    assert not bound.violates(answer.encode())
    nothing = json.loads(await wide.read(None, bound.sql(), bound.args) or "")
    for page in nothing.values():  # fail closed: without the tenant there is no row
        assert not page or (page["edges"] == [] and page["totalCount"] == 0), page
    return json.loads(answer)


async def standard(
    tenancy: Tenancy, text: str, variables: dict[str, Any], tenant: str = CLEAN[0]
) -> Any:
    async with tenancy.as_tenant(tenant):
        answer = await schema.execute(text, variable_values=variables)
    assert answer.errors is None, answer.errors
    return answer.data


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    order=st.lists(KEYS, max_size=3),
    size=st.integers(1, 5),
    where=st.sampled_from([None, {"aFlag": {"eq": True}}]),
    resolved=st.booleans(),
)
async def test_pages_are_the_list(
    wide: Wide, tenancy: Tenancy, order: Any, size: int, where: Any, resolved: bool
) -> None:
    chosen = {"o": [*order, {"id": "ASC"}], "w": where}
    rows = (await fast(wide, LIST, chosen))["foundThings"]

    async def ask(variables: dict[str, Any]) -> Any:
        variables = {**chosen, **variables}
        one = await fast(wide, PAGES, variables)
        other = await standard(tenancy, RESOLVED if resolved else PAGES, variables)
        for edge in other["pagedThings"]["edges"]:
            doubled = edge["node"].pop("doubled", None)
            assert doubled in (None, 2 * edge["node"]["number"])
        assert one == other
        return one["pagedThings"]

    assert await _walk(ask, "f", "a", "hasNextPage", "endCursor", size, len(rows)) == rows
    found = await _walk(ask, "l", "b", "hasPreviousPage", "startCursor", size, len(rows))
    assert found == rows


async def _walk(
    ask: Any, length: str, cursor: str, more: str, next_: str, size: int, total: int
) -> list[Any]:
    """All rows, by walking from one end to the other."""
    found: list[Any] = []
    position = None
    while True:
        page = await ask({length: size, cursor: position})
        nodes = [edge["node"] for edge in page["edges"]]
        found = [*found, *nodes] if length == "f" else [*nodes, *found]
        info = page["pageInfo"]
        assert page["totalCount"] == total
        assert len(nodes) <= size
        cursors = [edge["cursor"] for edge in page["edges"]] or [None]
        assert (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
        behind = info["hasPreviousPage" if length == "f" else "hasNextPage"]
        assert behind == (position is not None)
        if not info[more]:
            return found
        assert len(found) <= total
        position = info[next_]


async def test_both_bounds_at_once(wide: Wide) -> None:
    everything = (await fast(wide, PAGES, {}))["pagedThings"]["edges"]
    between = {"a": everything[1]["cursor"], "b": everything[5]["cursor"]}
    page = (await fast(wide, PAGES, between))["pagedThings"]["edges"]
    assert page == everything[2:5]
    last = (await fast(wide, PAGES, {**between, "l": 2}))["pagedThings"]["edges"]
    assert last == everything[3:5]


def _cursor(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def refusals(wide: Wide, tenancy: Tenancy, variables: Any) -> str:
    """The message of both lanes."""
    with pytest.raises(BadUserInput) as caught:
        await fast(wide, PAGES, variables)
    async with tenancy.as_tenant(CLEAN[0]):
        answer = await schema.execute(PAGES, variable_values=variables)
    assert answer.errors
    assert answer.errors[0].message == str(caught.value)
    return str(caught.value)


async def test_cursors_of_others_are_refused(wide: Wide, tenancy: Tenancy) -> None:
    mine = (await fast(wide, PAGES, {"f": 1}))["pagedThings"]["pageInfo"]["endCursor"]
    theirs = (await fast(wide, PAGES, {"f": 1}, CLEAN[1]))["pagedThings"]["pageInfo"]["endCursor"]
    assert "of another tenant, or of another order" in await refusals(wide, tenancy, {"a": theirs})
    other = {"a": mine, "o": [{"number": "ASC"}]}
    assert "of another tenant, or of another order" in await refusals(wide, tenancy, other)
    assert "of another tenant" in await refusals(wide, tenancy, {"l": 1, "b": theirs})


async def test_what_is_no_cursor_is_refused(wide: Wide, tenancy: Tenancy) -> None:
    mine = (await fast(wide, PAGES, {"f": 1}))["pagedThings"]["pageInfo"]["endCursor"]
    version, digest, _ = base64.b64decode(mine).decode().split(".", 2)
    good = f"{version}.{digest}."
    texts = [
        *("", "1.", "nonsense", good, good + "[]", good + '["1"]', good + "{}", good + "["),
        *(good + '["x", "y"]', good + "[1, 2]", good + '["1", "y"]', good + '[true, "1"]'),
        good + '["' + "9" * 30 + '", "aaaaaaaa-0000-4000-8000-000000000001"]',
        good + "[" * 5000,
    ]
    for cursor in [*map(_cursor, texts), "é", "=", mine[:-5], mine + "A" * 10_000]:
        assert "is no cursor" in await refusals(wide, tenancy, {"a": cursor}), cursor
    newer = _cursor(f"2.{digest}.[]")
    assert "of another version" in await refusals(wide, tenancy, {"a": newer})


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"f": 1, "l": 1}, "exclude each other"),
        ({"f": -1}, "'first': must be from 0 to 1000"),
        ({"l": 1001}, "'last': must be from 0 to 1000"),
        ({"o": [{"owner": {"name": "ASC"}}]}, "cannot be a key of a cursor"),
        ({"o": [{"anInterval": "ASC"}]}, "'an_interval' cannot be a key of a cursor"),
    ],
)
async def test_pages_that_cannot_be_served(
    wide: Wide, tenancy: Tenancy, variables: Any, message: str
) -> None:
    assert message in await refusals(wide, tenancy, variables)


async def test_a_source_without_a_unique_column_has_no_connection(wide: Wide) -> None:
    @fraiseql.query(sql_source="v_shelf", order_by="title", relay=True)
    def shelves() -> list[Shelf]: ...

    index = SchemaIndex(fraiseql.build_schema([shelves], config=CONFIG))
    with pytest.raises(SchemaError, match=r'its order needs a unique column.* no column "id"'):
        verify(index, wide.catalog, BOUNDS)


async def test_only_what_is_asked_for_is_read(wide: Wide) -> None:
    text = "{ pagedThings(first: 2) { totalCount } }"
    program = compile_operation(INDEX, parse(text), None, wide.catalog, BOUNDS)
    assert isinstance(program, Compiled)
    bound = program.bind({}, (), CLEAN[0])
    assert isinstance(bound, Bound)
    assert json.loads(await wide.read(CLEAN[0], bound.sql(), bound.args) or "") == {
        "pagedThings": {"totalCount": 12}
    }
    text = "{ pagedThings(first: 2) { edges { node { id } } } }"
    program = compile_operation(INDEX, parse(text), None, wide.catalog, BOUNDS)
    assert isinstance(program, Compiled)
    bound = program.bind({}, (), CLEAN[0])
    assert isinstance(bound, Bound)
    assert "count(" not in bound.sql()
