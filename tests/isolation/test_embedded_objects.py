"""Objects inside of a row's JSON where code of the user's looks at them: instances, all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import strawberry
from graphql import GraphQLError

import fraiseql_strawberry as fraiseql
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.graphql.compiler import SchemaIndex
from tests.isolation.wide.database import open_wide
from tests.isolation.wide.rows import CLEAN, make_rows

TENANT = CLEAN[0]
ROWS = make_rows(TENANT)


class Nobody(strawberry.BasePermission):
    message = "not you"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


class Everybody(strawberry.BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        # It may look at what was not selected, inside of objects too.
        return all(stop is None or stop.where() for stop in source.stops or ())


@fraiseql.type
class Country:
    code: str
    capital: Place | None


@fraiseql.type
class Place:
    street: str
    number: int | None
    since: dt.datetime | None
    country: Country | None

    @strawberry.field
    def where(self) -> str:
        return f"{self.street} {self.number} {self.country and self.country.code}"

    @strawberry.field
    def since_type(self) -> str:
        return type(self.since).__name__


@fraiseql.type
class Remark:
    id: UUID
    price: Decimal | None
    remarks: list[Remark]
    person: Person | None = fraiseql.relation()

    def __post_init__(self) -> None:
        self.made = (type(self.id).__name__, type(self.price).__name__)

    @strawberry.field
    def kind(self) -> list[str]:
        return list(self.made)

    @strawberry.field
    def me(self) -> Remark:
        return self

    @strawberry.field
    def depth(self) -> int:
        return 1 + max((remark.depth() for remark in self.remarks), default=0)


@fraiseql.type(sql_source="v_person")
class Person:
    id: UUID
    name: str
    staff: list[Person] = fraiseql.relation(remote="boss_id", order_by="id")

    @strawberry.field
    def me(self) -> Person:
        return self


def nowhere() -> Place:
    return Place(street="nowhere", number=None, since=None, country=None)


@fraiseql.type(sql_source="v_letter")
class Letter:
    id: UUID
    title: str
    sender: Person
    remarks: list[Remark]
    home: Place | None
    stops: list[Place | None] | None
    place: Place | None = strawberry.field(permission_classes=[Everybody])
    others: list[Place] = strawberry.field(permission_classes=[Nobody])

    @strawberry.field
    def summary(self) -> str:
        return f"{self.title}, {self.sender.name}, {self.home and self.home.where()}"


@fraiseql.type(sql_source="v_person")
class Resident:
    id: UUID
    name: str
    home: Place = strawberry.field(default_factory=nowhere)


@fraiseql.type(sql_source="v_letter")
class Home:
    id: UUID
    home: Place | None = strawberry.field(default_factory=nowhere)


@fraiseql.query(sql_source="v_letter", order_by="id")
def homes() -> list[Home]: ...


@fraiseql.query(sql_source="v_letter", order_by="id")
def letters() -> list[Letter]: ...


@fraiseql.query(sql_source="v_person", order_by="id")
def residents() -> list[Resident]: ...


@fraiseql.mutation
async def read_letter(info, session: fraiseql.TenantSession, id: UUID) -> Letter:
    return await fraiseql.load(Letter, session, id=id)


schema = fraiseql.build_schema([letters, homes, residents, read_letter])


@pytest.fixture(scope="module")
async def tenancy(admin_url: str, make_tenancy: Callable[..., Tenancy]) -> AsyncIterator[Tenancy]:
    async with open_wide(admin_url, SchemaIndex(schema)) as wide:
        urls = Urls(wide.url, wide.url, wide.url, wide.url, wide.url)
        async with make_tenancy(urls, graphql={"max_depth": 30}) as running:
            yield running


Run = Callable[..., Any]


@pytest.fixture
def run(tenancy: Tenancy) -> Run:
    async def execute(text: str, **variables: Any) -> Any:
        async with tenancy.as_tenant(TENANT):
            answer = await schema.execute(text, variable_values=variables)
        if answer.errors:
            raise answer.errors[0]
        return answer.data

    return execute


LETTERS = sorted(ROWS["tb_letter"], key=lambda row: row["id"])
REMARKS = [row["data"]["remarks"] for row in LETTERS]


def where(place: Any) -> str | None:
    if not isinstance(place, dict):
        return None
    country = place["country"] if isinstance(place["country"], dict) else None
    return f"{place['street']} {place.get('number')} {country and country['code']}"


async def test_a_resolver_sees_the_objects_of_its_row(run: Run) -> None:
    data = await run("{ letters { summary } }")
    assert [letter["summary"] for letter in data["letters"]] == [
        f"{row['data']['title']}, {row['data']['sender']['name']}, {where(row['home'])}"
        for row in LETTERS
    ]


async def test_a_resolver_of_an_object_sees_all_of_its_keys(run: Run) -> None:
    data = await run("{ letters { home { where sinceType } stops { where } } }")
    assert any(letter["home"] for letter in data["letters"])
    for letter, row in zip(data["letters"], LETTERS, strict=True):
        assert (letter["home"] or {}).get("where") == where(row["home"])
        if letter["home"]:
            expected = "datetime" if row["home"]["since"] else "NoneType"
            assert letter["home"]["sinceType"] == expected
        if row["stops"] is None:
            assert letter["stops"] is None
        else:
            assert [stop and stop["where"] for stop in letter["stops"]] == [
                where(stop) for stop in row["stops"]
            ]


async def test_objects_are_made_as_their_class_says(run: Run) -> None:
    data = await run("{ letters { remarks { kind } } }")
    assert [letter["remarks"] for letter in data["letters"]] == [
        [{"kind": ["UUID", "Decimal" if r["price"] else "NoneType"]} for r in remarks]
        for remarks in REMARKS
    ]


async def test_one_object_under_two_keys_has_what_either_asks_for(run: Run) -> None:
    data = await run(
        "{ letters { a: sender { x: name } b: sender { x: id y: name } "
        "a: sender { z: staff(limit: 9) { name } } c: sender { z: staff(limit: 9) { id } } } }"
    )
    for letter, row in zip(data["letters"], LETTERS, strict=True):
        sender = row["data"]["sender"]
        staff = [p for p in ROWS["tb_person"] if p["boss_id"] == sender["id"]]
        staff.sort(key=lambda person: person["id"])
        assert letter == {
            "a": {"x": sender["name"], "z": [{"name": p["name"]} for p in staff]},
            "b": {"x": sender["id"], "y": sender["name"]},
            "c": {"z": [{"id": p["id"]} for p in staff]},
        }


async def test_a_permission_class_stands_before_an_object(run: Run) -> None:
    data = await run("{ letters { place { street country { code } } } }")
    for letter, row in zip(data["letters"], LETTERS, strict=True):
        place = row["data"].get("place")
        place = place if isinstance(place, dict) else None
        assert (letter["place"] or {}).get("street") == (place or {}).get("street")
    with pytest.raises(GraphQLError, match="not you"):
        await run("{ letters { others { street } } }")


def people(remark: dict[str, Any]) -> Any:
    found = next((p for p in ROWS["tb_person"] if p["id"] == remark["person_id"]), None)
    return found and {"name": found["name"]}


async def test_relations_of_objects_are_found_one_by_one_too(run: Run) -> None:
    ahead = "remarks { person { name } }"
    data = await run(f"{{ letters {{ {ahead} sender {{ me {{ staff {{ name }} }} }} }} }}")
    assert [letter["remarks"] for letter in data["letters"]] == [
        [{"person": people(r)} for r in remarks] for remarks in REMARKS
    ]
    data = await run("{ letters { remarks { me { person { name } } } } }")
    assert [letter["remarks"] for letter in data["letters"]] == [
        [{"me": {"person": people(r)}} for r in remarks] for remarks in REMARKS
    ]


async def test_a_mutation_loads_a_row_with_its_objects(run: Run) -> None:
    for row in LETTERS:
        data = await run(
            "mutation ($id: UUID!) { readLetter(id: $id) { title home { where } "
            "sender { name staff { id } } remarks { kind person { name } } } }",
            id=row["id"],
        )
        letter = data["readLetter"]
        assert letter["sender"]["name"] == row["data"]["sender"]["name"]
        assert (letter["home"] or {}).get("where") == where(row["home"])
        assert [r["person"] for r in letter["remarks"]] == list(map(people, row["data"]["remarks"]))


def ids(remarks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": remark["id"], "remarks": ids(remark["remarks"])} for remark in remarks]


async def test_a_type_inside_of_itself_is_read_as_deep_as_it_is_selected(run: Run) -> None:
    deep = "id remarks { id remarks { id remarks { id } } }"
    data = await run(f"{{ letters {{ summary remarks {{ {deep} }} }} }}")
    for letter, remarks in zip(data["letters"], REMARKS, strict=True):
        assert letter["remarks"] == ids(remarks)
    assert any(below["remarks"] for remarks in REMARKS for r in remarks for below in r["remarks"])


async def test_code_of_a_selected_object_sees_its_own_objects(run: Run) -> None:
    data = await run("{ letters { home { country { capital { where } } } } }")
    capitals = [
        (letter["home"] or {}).get("country", None) and letter["home"]["country"]["capital"]
        for letter in data["letters"]
    ]
    assert {"where": "Bundesplatz None ch"} in capitals


async def test_code_that_looks_deeper_is_told_so(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    # An empty list was read, however deep it is.
    data = await run("{ letters { remarks { remarks { remarks { depth } } } } }")
    deepest = [
        below
        for letter in data["letters"]
        for remark in letter["remarks"]
        for inside in remark["remarks"]
        for below in inside["remarks"]
    ]
    assert deepest
    assert {remark["depth"] for remark in deepest} == {1}
    with caplog.at_level("ERROR"), pytest.raises(GraphQLError, match="Internal server error"):
        await run("{ letters { remarks { depth } } }")
    assert "Remark.remarks holds a type inside of itself" in caplog.text


async def test_an_object_that_comes_from_nowhere_keeps_its_default(run: Run) -> None:
    data = await run("{ residents { name home { street country { code } } } }")
    assert len(data["residents"]) == len(ROWS["tb_person"])
    assert {r["home"]["street"] for r in data["residents"]} == {"nowhere"}
    data = await run("{ homes { home { where } } }")
    assert [home["home"] and home["home"]["where"] for home in data["homes"]] == [
        where(row["home"]) for row in LETTERS
    ]
