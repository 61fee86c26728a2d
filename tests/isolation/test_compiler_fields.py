"""The standard lane over compiled fields: instances, relations read ahead or in batches, no N+1."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import AsyncIterator, Callable
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


@strawberry.enum
class Status(enum.Enum):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"


class Nobody(strawberry.BasePermission):
    message = "not you"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


class Everybody(strawberry.BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        # It may look at what was not selected.
        return source.name is not None


@fraiseql.type(sql_source="v_person")
class Person:
    id: UUID
    name: str
    boss_id: fraiseql.Private[UUID | None]
    note: fraiseql.Private[str] = "a default that no column fills"
    boss: Person | None = fraiseql.relation()
    staff: list[Person] = fraiseql.relation(remote="boss_id", order_by="id")
    things: list[Thing] = fraiseql.relation(remote="owner_id", order_by="number")
    hidden: str = strawberry.field(name="hidden", permission_classes=[Nobody], default="")
    guarded: list[Thing] = fraiseql.relation(
        remote="owner_id", order_by="number", permission_classes=[Everybody]
    )

    @strawberry.field
    def shout(self, mark: str = "!") -> str:
        return f"{self.name}{mark} {self.boss_id} {self.note}"

    @strawberry.field
    def me(self) -> Person:
        return self

    @strawberry.field
    async def later(self) -> str:
        return self.name


@fraiseql.type(sql_source="v_shelf")
class Shelf:
    region: str
    number: int
    things: list[Thing] = fraiseql.relation(
        local="region, number", remote="shelf_region, shelf_number", order_by="number"
    )

    @strawberry.field
    def me(self) -> Shelf:
        return self


@fraiseql.type(sql_source="v_tag")
class Tag:
    id: int
    label: str


@fraiseql.type(sql_source="v_thing")
class Thing:
    id: UUID
    number: int
    a_zoned_stamp: dt.datetime
    a_status: Status | None
    owner: Person | None = fraiseql.relation()
    shelf: Shelf | None = fraiseql.relation(
        local="shelf_region, shelf_number", remote="region, number"
    )
    tags: list[Tag] = fraiseql.relation(
        through=("tb_thing_tag", "thing_id", "tag_id"), order_by="id"
    )

    def __post_init__(self) -> None:
        self.made = (self.number, self.a_status)

    @strawberry.field
    def kind(self) -> str:
        return f"{type(self.id).__name__} {type(self.a_zoned_stamp).__name__} {self.made[1]}"

    @strawberry.field
    def me(self) -> Thing:
        return self


@fraiseql.query(sql_source="v_person", order_by="id")
def people(limit: int = 20) -> list[Person]: ...


@fraiseql.query(sql_source="v_thing", order_by="number")
def things(limit: int = 20, a_status: Status | None = None) -> list[Thing]: ...


@fraiseql.query(sql_source="v_shelf", order_by="region, number")
def shelves() -> list[Shelf]: ...


@fraiseql.query(sql_source="v_thing", id_arg="id")
def thing(id: UUID) -> Thing | None: ...


@fraiseql.mutation
async def read_person(info, session: fraiseql.TenantSession, id: UUID) -> Person:
    return await fraiseql.load(Person, session, id=id)


@fraiseql.mutation
async def make_person(info) -> Person:
    return Person(id=UUID(ROWS["tb_person"][1]["id"]), name="made by hand", boss_id=None)


@fraiseql.mutation
async def make_bare_thing(info) -> Thing:
    return Thing(
        id=UUID(ROWS["tb_thing"][0]["id"]),
        number=1,
        a_zoned_stamp=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        a_status=Status.DRAFT,
    )


schema = fraiseql.build_schema(
    [people, things, shelves, thing, read_person, make_person, make_bare_thing]
)


@pytest.fixture(scope="module")
async def tenancy(admin_url: str, make_tenancy: Callable[..., Tenancy]) -> AsyncIterator[Tenancy]:
    async with open_wide(admin_url, SchemaIndex(schema)) as wide:
        urls = Urls(wide.url, wide.url, wide.url, wide.url, wide.url)
        async with make_tenancy(urls, graphql={"max_depth": 30}) as running:
            yield running


class Client:
    """Runs operations as one tenant, and counts the statements that they take."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self.statements: list[str] = []

    async def __call__(self, text: str, **variables: Any) -> Any:
        isolation: Any = self._tenancy.isolation
        read = isolation.read

        async def counted(tenant_id: str, query: Any) -> str | None:
            self.statements.append(query.sql())
            return await read(tenant_id, query)

        self.statements.clear()
        isolation.read = counted
        try:
            async with self._tenancy.as_tenant(TENANT):
                answer = await schema.execute(text, variable_values=variables)
        finally:
            isolation.read = read
        if answer.errors:
            raise answer.errors[0]
        return answer.data


@pytest.fixture
def run(tenancy: Tenancy) -> Client:
    return Client(tenancy)


PEOPLE = sorted(ROWS["tb_person"], key=lambda row: row["id"])
THINGS = ROWS["tb_thing"]


def things_of(person: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"number": t["number"]} for t in THINGS if t["owner_id"] == person["id"]]


async def test_a_resolver_sees_every_column_of_its_row(run: Client) -> None:
    data = await run('{ people { shout(mark: "?") later } }')
    assert data["people"] == [
        {
            "shout": f"{p['name']}? {p['boss_id']} a default that no column fills",
            "later": p["name"],
        }
        for p in PEOPLE
    ]
    assert len(run.statements) == 1


async def test_only_what_is_selected_is_read(run: Client) -> None:
    await run("{ people { name me { name } } }")
    assert '"boss_id"' in run.statements[0]
    await run("{ people { name ... on Person { id } } things { kind number } }")
    assert [s for s in run.statements if "v_person" in s and '"boss_id"' not in s]


async def test_attributes_are_python_values(run: Client) -> None:
    data = await run("query ($s: Status) { things(aStatus: $s) { kind aStatus } }", s="DRAFT")
    assert len(data["things"]) == len([t for t in THINGS if t["a_status"] == "draft"]) > 0
    assert {t["kind"].split()[0] for t in data["things"]} == {"UUID"}
    assert {t["kind"].split()[2] for t in data["things"]} == {"Status.DRAFT"}


async def test_relations_are_read_with_their_row(run: Client) -> None:
    below = "a: things(limit: 1) { number } b: things(offset: 1) { number me { number } }"
    data = await run(f"{{ people {{ shout {below} }} }}")
    assert len(run.statements) == 1
    for person, row in zip(data["people"], PEOPLE, strict=True):
        expected = things_of(row)
        assert person["a"] == expected[:1]
        assert person["b"] == [{**t, "me": t} for t in expected[1:]]


async def test_siblings_that_were_not_read_ahead_take_one_statement(run: Client) -> None:
    data = await run("{ people { me { things { number owner { name } } boss { name } } } }")
    assert len(run.statements) == 3
    names = {p["id"]: p["name"] for p in PEOPLE}
    for person, row in zip(data["people"], PEOPLE, strict=True):
        owner = {"owner": {"name": row["name"]}}
        assert person["me"]["things"] == [{**t, **owner} for t in things_of(row)]
        boss = names.get(row["boss_id"])
        assert person["me"]["boss"] == (boss and {"name": boss})


async def test_batches_over_composite_keys_and_link_tables(run: Client) -> None:
    data = await run(
        "{ shelves { me { things(limit: 1, offset: 1) { number } } } "
        "things { me { shelf { region number } tags { id } } } }"
    )
    assert len(run.statements) == 5
    for shelf, row in zip(
        data["shelves"],
        sorted(ROWS["tb_shelf"], key=lambda s: (s["region"], s["number"])),
        strict=True,
    ):
        on_it = [
            {"number": t["number"]}
            for t in THINGS
            if (t["shelf_region"], t["shelf_number"]) == (row["region"], row["number"])
        ]
        assert shelf["me"]["things"] == on_it[1:2]
    for thing_, row in zip(data["things"], THINGS, strict=True):
        links = [link for link in ROWS["tb_thing_tag"] if link["thing_id"] == row["id"]]
        assert thing_["me"]["tags"] == [{"id": link["tag_id"]} for link in links]
        there = [
            {"region": s["region"], "number": s["number"]}
            for s in ROWS["tb_shelf"]
            if (s["region"], s["number"]) == (row["shelf_region"], row["shelf_number"])
        ]
        assert thing_["me"]["shelf"] == (there[0] if there else None)


async def test_one_object_in_two_places_keeps_its_answers_apart(run: Client) -> None:
    data = await run(
        "{ people { things(limit: 1) { number } me { things(limit: 2) { id number } } } }"
    )
    for person, row in zip(data["people"], PEOPLE, strict=True):
        expected = things_of(row)
        assert person["things"] == expected[:1]
        assert [{"number": t["number"]} for t in person["me"]["things"]] == expected[:2]


async def test_a_fragment_that_two_operations_share_binds_the_variables_of_each(
    run: Client,
) -> None:
    text = (
        "query A($n: Int) { people { me { ...F } } } "
        "query B($m: Boolean!, $n: Int = 2) { people { me { shout @include(if: $m) ...F } } } "
        "fragment F on Person { things(limit: $n) { number } }"
    )
    for name, variables, length in [("A", {"n": 1}, 1), ("B", {"m": True}, 2), ("A", {}, 99)]:
        async with run._tenancy.as_tenant(TENANT):
            answer = await schema.execute(text, variable_values=variables, operation_name=name)
        assert answer.errors is None
        assert [p["me"]["things"] for p in answer.data["people"]] == [
            things_of(p)[:length] for p in PEOPLE
        ]


async def test_permission_classes_stand_before_relations_and_columns(run: Client) -> None:
    data = await run("{ people { guarded(limit: 1) { number } } }")
    assert [p["guarded"] for p in data["people"]] == [things_of(p)[:1] for p in PEOPLE]
    assert len(run.statements) == 2
    with pytest.raises(Exception, match="not you"):
        await run("{ people { hidden } }")


async def test_load_reads_what_the_session_sees_and_its_relations_in_batches(run: Client) -> None:
    person = ROWS["tb_person"][0]
    data = await run(
        "mutation ($id: UUID!) { readPerson(id: $id) { name shout things { number owner { name } } "
        "staff { name boss { id } } } }",
        id=person["id"],
    )
    read = data["readPerson"]
    assert read["name"] == person["name"]
    assert read["things"] == [{**t, "owner": {"name": person["name"]}} for t in things_of(person)]
    staff = [p for p in PEOPLE if p["boss_id"] == person["id"]]
    assert read["staff"] == [{"name": p["name"], "boss": {"id": person["id"]}} for p in staff]
    assert len(run.statements) == 2


async def test_an_object_made_by_hand_leads_on_where_it_can(run: Client) -> None:
    data = await run("mutation { makePerson { name boss { name } things { number } } }")
    assert data["makePerson"] == {
        "name": "made by hand",
        "boss": None,
        "things": things_of(ROWS["tb_person"][1]),
    }
    data = await run("mutation { makeBareThing { kind tags { id } } }")
    assert data["makeBareThing"]["kind"] == "UUID datetime Status.DRAFT"


async def test_an_object_without_its_key_says_what_to_declare(
    run: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("ERROR"), pytest.raises(GraphQLError, match="Internal server error"):
        await run("mutation { makeBareThing { owner { name } } }")
    assert "Thing.owner starts from 'owner_id'" in caplog.text
    assert "declare `owner_id: fraiseql.Private[…]` and fill it" in caplog.text


async def test_compiled_fields_are_kept_and_bounded(tenancy: Tenancy, run: Client) -> None:
    await run("{ people { shout } }")
    text = "{ people(limit: %d) { shout } }"
    for limit in range(1, 30):
        data = await run(text % limit)
        assert len(data["people"]) == min(limit, len(PEOPLE))
    # One text of SQL, whatever the literal: PostgreSQL prepares it once.
    sql = set()
    for limit in (3, 4):
        await run(text % limit)
        sql.update(run.statements)
    assert len(sql) == 1
