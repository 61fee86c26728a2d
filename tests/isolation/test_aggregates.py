"""Aggregates on PostgreSQL, in both lanes, held against Python over the rows themselves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any

import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.extensions import SchemaExtension

import fraiseql_strawberry as fraiseql
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import BadUserInput
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
from tests.isolation.wide.rows import CLEAN, DIRTY, TENANTS
from tests.isolation.wide.types import CONFIG, Note, Thing, found_notes, found_things

MakeTenancy = Callable[..., Tenancy]
BOUNDS = Settings(first_parameter=1, max_cost=10**12)


@fraiseql.query(sql_source="v_thing", aggregate=True, auto_params=True)
def things_aggregate(a_flag: bool | None = None) -> list[Thing]: ...


@fraiseql.query(sql_source="v_note", aggregate=True, auto_params=True)
def notes_aggregate() -> list[Note]: ...


class Watching(SchemaExtension):
    """It may look at every value, so that nothing is finished JSON."""

    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        return _next(root, info, *args, **kwargs)


FIELDS = [found_things, things_aggregate, found_notes, notes_aggregate]
schema = fraiseql.build_schema(FIELDS, config=CONFIG)
watched = fraiseql.build_schema(FIELDS, config=CONFIG, extensions=[Watching])
INDEX = SchemaIndex(schema, {"Slug": "string"})

WHOLE = ("aSmall", "anInt", "aLong", "aBig", "aHuge")
NUMBERS = (*WHOLE, "aSingle", "aDouble", "aDecimal", "anAmount")
ORDERED = (
    *(*NUMBERS, "aText", "aShort", "aDate", "aTime", "aZonedTime", "aStamp", "aZonedStamp"),
    *("anInterval", "aSlug"),
)
GROUPED = (*ORDERED, "id", "aFlag", "aUuid", "aStatus", "aColor", "aLevel")
VALUES = f"""count min {{ {" ".join(ORDERED)} }} max {{ {" ".join(ORDERED)} __typename }}
  sum {{ {" ".join(NUMBERS)} }} avg {{ {" ".join(NUMBERS)} }}"""
ALL = f"query ($w: ThingWhere, $f: Boolean) {{ thingsAggregate(where: $w, aFlag: $f) {{ {VALUES} }} }}"
LIST = f"query ($w: ThingWhere) {{ foundThings(where: $w) {{ {' '.join(GROUPED)} }} }}"
WHERES = [
    None,
    {"aFlag": {"eq": True}},
    {"number": {"lt": 3}},
    {"number": {"lt": -1}},
    {"tags": {"some": {"id": {"isNull": False}}}},
]


def enum_name(name: str) -> str:
    """`aBig` as the enum of columns has it."""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)


def groups(columns: Sequence[str], values: str = VALUES) -> str:
    names = ", ".join(map(enum_name, columns))
    return f"""query ($w: ThingWhere, $n: Int) {{ thingsAggregate(where: $w) {{
      groupBy(columns: [{names}], limit: $n) {{ keys {{ {" ".join(columns)} }} {values} }} }} }}"""


@pytest.fixture(scope="module")
async def wide(admin_url: str) -> AsyncIterator[Wide]:
    async with open_wide(admin_url, INDEX) as opened:
        verify(INDEX, opened.catalog, BOUNDS)
        yield opened


@pytest.fixture(scope="module")
async def tenancy(wide: Wide, make_tenancy: MakeTenancy) -> AsyncIterator[Tenancy]:
    urls = Urls(wide.url, wide.url, wide.url, wide.url, wide.url)
    async with make_tenancy(urls, graphql={"max_cost": 10**9, "fast_lane": False}) as running:
        yield running


def bound_of(wide: Wide, text: str, variables: dict[str, Any] | None, tenant: str) -> Bound:
    document, lifted = parse(text), normalise(text)
    assert validate(INDEX.schema, document) == []
    program = compile_operation(INDEX, document, None, wide.catalog, BOUNDS, lifted=lifted)
    assert isinstance(program, Compiled), program
    bound = program.bind(variables, lifted.literals, tenant)
    assert isinstance(bound, Bound), bound
    return bound


async def fast(wide: Wide, text: str, variables: Any = None, tenant: str = CLEAN[0]) -> Any:
    bound = bound_of(wide, text, variables, tenant)
    answer = await wide.read(tenant, bound.sql(), bound.args)
    assert answer is not None
    assert not bound.violates(answer.encode())
    return json.loads(answer)


async def both(
    wide: Wide, tenancy: Tenancy, text: str, variables: Any = None, tenant: str = CLEAN[0]
) -> Any:
    """What all lanes answer: the fast one, the standard one, and that with instances."""
    answer = await fast(wide, text, variables, tenant)
    for judge in (schema, watched):
        async with tenancy.as_tenant(tenant):
            other = await judge.execute(text, variable_values=variables)
        assert other.errors is None, other.errors
        assert _text(other.data) == _text(answer)
    return answer


def _text(data: Any) -> str:
    """With the order of keys; 1 and 1.0 are one Float."""
    return json.dumps(json.loads(json.dumps(data), parse_int=float))


def _exact(values: Iterable[Any]) -> list[Fraction]:
    return [Fraction(str(value)) for value in values if value is not None]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    where=st.sampled_from(WHERES),
    flag=st.sampled_from([None, True]),
    tenant=st.sampled_from(CLEAN),
)
async def test_all_rows(
    wide: Wide, tenancy: Tenancy, where: Any, flag: bool | None, tenant: str
) -> None:
    found = await both(wide, tenancy, ALL, {"w": where, "f": flag}, tenant)
    conditions = [c for c in (where, flag and {"aFlag": {"eq": flag}}) if c]
    rows = (await fast(wide, LIST, {"w": {"and": conditions}}, tenant))["foundThings"]
    _compare(found["thingsAggregate"], rows)


def _compare(found: Any, rows: list[Any]) -> None:
    assert found["count"] == len(rows)
    for name in NUMBERS:
        if any(row[name] == "NaN" for row in rows):
            assert found["sum"][name] == found["avg"][name] == found["max"][name] == "NaN"
            continue
        values = _exact(row[name] for row in rows)
        least, greatest = (found[kind][name] for kind in ("min", "max"))
        total, average = found["sum"][name], found["avg"][name]
        if not values:
            assert (least, greatest, total, average) == (None,) * 4
            continue
        assert (Fraction(str(least)), Fraction(str(greatest))) == (min(values), max(values))
        assert isinstance(total, str) == (name in (*WHOLE, "aDecimal"))
        if isinstance(total, str):
            assert Fraction(total) == sum(values)
        assert float(total) == pytest.approx(float(sum(values)), rel=1e-5)
        assert float(average) == pytest.approx(float(sum(values) / len(values)), rel=1e-5)
    for name in ("aText", "aShort", "aSlug"):
        texts = [row[name] for row in rows if row[name] is not None]
        assert found["min"][name] == min(texts, key=str.encode, default=None)
        assert found["max"][name] == max(texts, key=str.encode, default=None)


@pytest.mark.parametrize("columns", [[name] for name in GROUPED])
async def test_groups_of_a_column(wide: Wide, tenancy: Tenancy, columns: list[str]) -> None:
    await _check_groups(wide, tenancy, columns, None)


@pytest.mark.parametrize("where", WHERES)
async def test_groups_of_columns(wide: Wide, tenancy: Tenancy, where: Any) -> None:
    await _check_groups(wide, tenancy, ["aFlag", "aStatus"], where)


async def _check_groups(wide: Wide, tenancy: Tenancy, columns: list[str], where: Any) -> None:
    found = await both(wide, tenancy, groups(columns), {"w": where})
    rows = (await fast(wide, LIST, {"w": where}))["foundThings"]

    def key(row: Any) -> str:
        return json.dumps({name: row[name] for name in columns})

    parts = {k: list(v) for k, v in groupby(sorted(rows, key=key), key)}
    made = found["thingsAggregate"]["groupBy"]
    assert sorted(json.dumps(group["keys"]) for group in made) == sorted(parts)
    for group in made:
        _compare(group, parts[json.dumps(group["keys"])])


async def test_groups_are_in_the_order_of_their_keys_and_bounded(
    wide: Wide, tenancy: Tenancy
) -> None:
    text = groups(["aText"], "count")
    everything = (await both(wide, tenancy, text))["thingsAggregate"]["groupBy"]
    keys = [group["keys"]["aText"] for group in everything]
    assert keys == sorted(keys, key=lambda text: (text is None, (text or "").encode()))
    first = (await both(wide, tenancy, text, {"n": 2}))["thingsAggregate"]["groupBy"]
    assert first == everything[:2]
    assert len(everything) > 2


async def test_aliases_fragments_and_conditions(wide: Wide, tenancy: Tenancy) -> None:
    name = "x" * 80  # longer than a name of PostgreSQL's
    text = """query ($c: [ThingAggregateColumn!]!, $skip: Boolean!) {
      a: thingsAggregate { n: count b: max { t: aText, ...F } c: max { anInt } __typename
        one: groupBy(columns: $c) { __typename count keys { k: aFlag @skip(if: $skip) } }
        two: groupBy(columns: A_LEVEL) { keys { aLevel } max { anInt } } }
      empty: thingsAggregate { __typename }
      objects: thingsAggregate { min { __typename } }
    } fragment F on ThingAggregateMax { anInt u: aText }"""
    for skip in (True, False):
        found = await both(wide, tenancy, text, {"c": ["A_FLAG"], "skip": skip})
        assert ("k" in found["a"]["one"][0]["keys"]) != skip
    long = f"{{ thingsAggregate {{ {name}: count max {{ {name}: anInt }} }} }}"
    async with tenancy.as_tenant(CLEAN[0]):
        answer = await schema.execute(long)
    assert answer.errors is None
    assert answer.data is not None
    assert answer.data["thingsAggregate"][name] == 12


async def test_an_array_of_json(wide: Wide, tenancy: Tenancy) -> None:
    """A source of `id + data jsonb`."""
    text = """{ notesAggregate { count max { title pages writtenAt } sum { pages price weight }
      groupBy(columns: [DONE, COLOR]) { keys { done color } count } } }"""
    found = (await both(wide, tenancy, text))["notesAggregate"]
    rows = (await fast(wide, "{ foundNotes(limit: 1000) { pages done color } }"))["foundNotes"]
    assert found["count"] == len(rows) > 0
    assert int(found["sum"]["pages"]) == sum(row["pages"] for row in rows)
    for group in found["groupBy"]:
        same = [r for r in rows if (r["done"], r["color"]) == tuple(group["keys"].values())]
        assert group["count"] == len(same) > 0


async def test_what_graphql_cannot_express_is_the_standard_lanes_error(
    wide: Wide, tenancy: Tenancy
) -> None:
    texts = [
        "{ thingsAggregate { max { aLong } } }",
        "{ thingsAggregate { groupBy(columns: [A_COLOR]) { keys { aColor } } } }",
    ]
    for text in texts:
        bound = bound_of(wide, text, None, DIRTY)
        answer = await wide.read(DIRTY, bound.sql(), bound.args)
        assert answer is not None
        assert bound.violates(answer.encode()), answer
        for judge in (schema, watched):
            async with tenancy.as_tenant(DIRTY):
                other = await judge.execute(text)
            assert other.errors, text


@pytest.mark.parametrize("text", [ALL, groups(["aFlag"])])
async def test_each_tenant_has_its_own_and_nobody_has_none(wide: Wide, text: str) -> None:
    """Row-level security decides what there is to count: without a tenant it is nothing."""
    counts = {
        tenant: (await fast(wide, "{ thingsAggregate { count } }", None, tenant))
        for tenant in TENANTS
    }
    for tenant in TENANTS:
        rows = (await fast(wide, "{ foundThings { id } }", None, tenant))["foundThings"]
        assert counts[tenant]["thingsAggregate"]["count"] == len(rows) > 0
    bound = bound_of(wide, text, None, CLEAN[0])
    found = json.loads(await wide.read(None, bound.sql(), bound.args) or "")["thingsAggregate"]
    if "groupBy" in found:
        assert found["groupBy"] == []
    else:
        assert found["count"] == 0
        assert set(found["sum"].values()) == {None}
        assert found["max"].pop("__typename")
        assert set(found["max"].values()) == set(found["min"].values()) == {None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("groupBy(columns: []) { count }", "'columns': name at least one"),
        ("groupBy(columns: [A_FLAG], limit: 1001) { count }", "must be from 0 to 1000"),
        ("groupBy(columns: [A_FLAG]) { keys { aText } }", "group by its column too"),
    ],
)
async def test_groups_that_cannot_be_served(
    wide: Wide, tenancy: Tenancy, text: str, message: str
) -> None:
    text = f"{{ thingsAggregate {{ {text} }} }}"
    with pytest.raises(BadUserInput, match=message):
        await fast(wide, text)
    for judge in (schema, watched):
        async with tenancy.as_tenant(CLEAN[0]):
            answer = await judge.execute(text)
        assert answer.errors
        assert message in answer.errors[0].message


async def test_groups_count_for_the_cost(wide: Wide) -> None:
    text = "{ thingsAggregate { groupBy(columns: [A_FLAG]) { count } } }"
    program = compile_operation(
        INDEX, parse(text), None, wide.catalog, Settings(first_parameter=1, max_cost=900)
    )
    assert isinstance(program, Compiled)
    with pytest.raises(BadUserInput, match="may read 1001 rows"):
        program.bind({})


async def test_rows_are_read_once_for_all_values_and_once_for_each_grouping(wide: Wide) -> None:
    assert bound_of(wide, ALL, None, CLEAN[0]).sql().count('"v_thing"') == 1
    assert bound_of(wide, groups(["aFlag"]), None, CLEAN[0]).sql().count('"v_thing"') == 1
