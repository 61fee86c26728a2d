"""Fields whose whole subtree is compiled: their JSON is PostgreSQL's, and graphql-core takes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
import strawberry
from graphql.execution.incremental.incremental_executor import IncrementalExecutor
from strawberry.directive import DirectiveLocation, DirectiveValue
from strawberry.extensions import FieldExtension, SchemaExtension

import fraiseql_strawberry as fraiseql
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.graphql.compiler import SchemaIndex
from fraiseql_strawberry.graphql.json_text import QUICK, JSONText, encode
from tests.isolation.wide.database import Wide, open_wide
from tests.isolation.wide.rows import CLEAN, DIRTY, make_rows

TENANT = CLEAN[0]
ROWS = make_rows(TENANT)
PEOPLE = sorted(ROWS["tb_person"], key=lambda row: row["id"])


class Loud(FieldExtension):
    async def resolve_async(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        found = await next_(source, info, **arguments)
        assert all(isinstance(each, Person) for each in found)
        return found


@fraiseql.type(sql_source="v_person")
class Person:
    id: UUID
    name: str
    boss_id: fraiseql.Private[UUID | None]
    boss: Person | None = fraiseql.relation()
    staff: list[Person] = fraiseql.relation(remote="boss_id", order_by="id")
    things: list[Thing] = fraiseql.relation(remote="owner_id", order_by="number")

    @strawberry.field
    def shout(self) -> str:
        return f"{self.name}!"


@fraiseql.type(sql_source="v_thing")
class Thing:
    number: int
    a_json: strawberry.scalars.JSON | None
    a_double: float
    owner: Person | None = fraiseql.relation()

    @strawberry.field
    def twice(self) -> int:
        return 2 * self.number


@fraiseql.type(sql_source="v_person")
class Prepared:
    name: str

    def __post_init__(self) -> None:
        self.name = self.name.upper()


@fraiseql.type(sql_source="v_person")
class Told:
    name: str

    @classmethod
    def is_type_of(cls, value: object, info: Any) -> bool:
        return isinstance(value, cls)


@fraiseql.type(sql_source="v_person")
class Watched:
    name: str

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        return value.upper() if name == "name" else value


@fraiseql.query(sql_source="v_person", order_by="id")
def people(limit: int = 20) -> list[Person]: ...


@fraiseql.query(sql_source="v_person", id_arg="id")
def person(id: UUID) -> Person | None: ...


@fraiseql.query(sql_source="v_person", order_by="id")
def someone(name: str) -> Person: ...


@fraiseql.query(sql_source="v_person", order_by="id", extensions=[Loud()])
def extended() -> list[Person]: ...


@fraiseql.query(sql_source="v_person", order_by="id")
def prepared() -> list[Prepared]: ...


@fraiseql.query(sql_source="v_person", order_by="id")
def told() -> list[Told]: ...


@fraiseql.query(sql_source="v_person", order_by="id")
def watched() -> list[Watched]: ...


@fraiseql.query(sql_source="v_thing", order_by="number")
def things(limit: int = 20) -> list[Thing]: ...


@fraiseql.query
async def hello() -> str:
    return "hello"


@fraiseql.mutation
async def read_person(info, session: fraiseql.TenantSession, id: UUID) -> Person:
    return await fraiseql.load(Person, session, id=id)


@strawberry.directive(locations=[DirectiveLocation.FIELD])
def backwards(value: DirectiveValue[Any]) -> Any:
    return value[::-1]


FIELDS = [people, person, someone, extended, prepared, told, watched, things, hello, read_person]
schema = fraiseql.build_schema(FIELDS)


class Seeing(SchemaExtension):
    """Its hook is called for each field that is executed."""

    seen: ClassVar[list[str]] = []

    def resolve(self, next_: Any, root: Any, info: Any, **arguments: Any) -> Any:
        self.seen.append(info.field_name)
        return next_(root, info, **arguments)


class Safe(Seeing):
    fraiseql_safe = True


@pytest.fixture(scope="module")
async def wide(admin_url: str) -> AsyncIterator[Wide]:
    async with open_wide(admin_url, SchemaIndex(schema)) as opened:
        yield opened


@pytest.fixture(scope="module")
async def tenancy(wide: Wide, make_tenancy: Callable[..., Tenancy]) -> AsyncIterator[Tenancy]:
    urls = Urls(wide.url, wide.url, wide.url, wide.url, wide.url)
    async with make_tenancy(urls, graphql={"fast_lane": False}) as running:
        yield running


class Client:
    """Runs operations, and keeps the statements that they take."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self.statements: list[str] = []

    async def answer(self, text: str, served: Any = schema, tenant: str = TENANT) -> Any:
        isolation: Any = self._tenancy.isolation
        read = isolation.read

        async def counted(tenant_id: str, query: Any) -> str | None:
            self.statements.append(query.sql())
            return await read(tenant_id, query)

        self.statements.clear()
        isolation.read = counted
        try:
            async with self._tenancy.as_tenant(tenant):
                return await served.execute(text)
        finally:
            isolation.read = read

    async def __call__(self, text: str, served: Any = schema) -> Any:
        answer = await self.answer(text, served)
        assert answer.errors is None, answer.errors
        return answer.data

    def finished(self, key: str) -> bool:
        """Whether a response key stands in the last statement: only finished JSON has any."""
        return f' AS "{key}"' in self.statements[-1]


@pytest.fixture
def run(tenancy: Tenancy) -> Client:
    return Client(tenancy)


NAMES = [{"k": row["name"]} for row in PEOPLE]


async def test_a_field_beside_hand_written_ones_is_finished(run: Client) -> None:
    data = await run("{ hello people { k: name kind: __typename boss { b: name } } }")
    by_id = {row["id"]: row["name"] for row in PEOPLE}
    boss = [by_id.get(row["boss_id"]) for row in PEOPLE]
    assert data == {
        "hello": "hello",
        "people": [
            {"k": row["name"], "kind": "Person", "boss": boss and {"b": boss}}
            for row, boss in zip(PEOPLE, boss, strict=True)
        ],
    }
    assert list(data["people"][0]) == ["k", "kind", "boss"]
    assert len(run.statements) == 1
    assert run.finished("k")
    assert run.finished("b")


async def test_one_row_and_none(run: Client) -> None:
    row = PEOPLE[0]
    data = await run(
        f'{{ a: person(id: "{row["id"]}") {{ k: name }} b: person(id: "{TENANT}") {{ k: name }} }}'
    )
    assert data == {"a": {"k": row["name"]}, "b": None}
    assert run.finished("k")


async def test_below_a_resolver_of_the_applications_relations_are_finished(run: Client) -> None:
    data = await run(
        "{ people { k: name shout staff { s: name } things(limit: 1) { n: number } } }"
    )
    for row, person in zip(PEOPLE, data["people"], strict=True):
        staff = [{"s": p["name"]} for p in PEOPLE if p["boss_id"] == row["id"]]
        mine = [{"n": t["number"]} for t in ROWS["tb_thing"] if t["owner_id"] == row["id"]]
        expected = {
            "k": row["name"],
            "shout": f"{row['name']}!",
            "staff": staff,
            "things": mine[:1],
        }
        assert person == expected
    assert len(run.statements) == 1
    assert not run.finished("k")
    assert run.finished("s")
    assert run.finished("n")


async def test_relations_of_what_a_mutation_returns_are_finished(run: Client) -> None:
    row = PEOPLE[0]
    text = f'mutation {{ readPerson(id: "{row["id"]}") {{ k: name boss {{ b: name }} staff {{ s: name shout }} }} }}'
    data = await run(text)
    by_id = {p["id"]: {"b": p["name"]} for p in PEOPLE}
    staff = [
        {"s": p["name"], "shout": f"{p['name']}!"} for p in PEOPLE if p["boss_id"] == row["id"]
    ]
    expected = {"k": row["name"], "boss": by_id.get(row["boss_id"]), "staff": staff}
    assert data["readPerson"] == expected
    assert sorted(' AS "b"' in statement for statement in run.statements) == [False, True]
    assert not any(' AS "s"' in statement for statement in run.statements)


@pytest.mark.parametrize("field", ["prepared", "told", "watched", "extended"])
async def test_what_code_of_the_applications_looks_at_is_no_finished_value(
    run: Client, field: str
) -> None:
    changed = str.upper if field in ("prepared", "watched") else str
    data = await run(f"{{ hello {field} {{ k: name }} }}")
    assert data[field] == [{"k": changed(row["name"])} for row in PEOPLE]
    assert not run.finished("k")


async def test_a_directive_of_the_applications_looks_at_its_field_only(run: Client) -> None:
    directed = fraiseql.build_schema(FIELDS, directives=[backwards])
    data = await run("{ people @backwards { k: name } }", directed)
    assert data["people"] == NAMES[::-1]
    assert not run.finished("k")
    data = await run("{ people { k: name @backwards } }", directed)
    assert data["people"] == [{"k": name["k"][::-1]} for name in NAMES]
    assert not run.finished("k")
    data = await run("{ hello @backwards people { k: name } }", directed)
    assert data == {"hello": "olleh", "people": NAMES}
    assert run.finished("k")


async def test_skip_and_include_are_decided_by_each_request(run: Client) -> None:
    assert (await run("{ people { k: name @skip(if: true) n: id } }"))["people"][0].keys() == {"n"}
    assert run.finished("n")
    assert await run("{ hello people @include(if: false) { k: name } }") == {"hello": "hello"}


async def test_a_hook_that_is_called_for_each_field_still_is(run: Client) -> None:
    seeing = fraiseql.build_schema(FIELDS, extensions=[Seeing])
    Seeing.seen.clear()
    assert (await run("{ people { k: name } }", seeing))["people"] == NAMES
    assert Seeing.seen == ["people", *["name"] * len(PEOPLE)]
    assert not run.finished("k")


async def test_but_not_where_it_says_that_it_does_not_care(run: Client) -> None:
    safe = fraiseql.build_schema(FIELDS, extensions=[Safe])
    Seeing.seen.clear()
    assert (await run("{ people { k: name } }", safe))["people"] == NAMES
    assert Seeing.seen == ["people"]
    assert run.finished("k")


async def test_an_execution_context_class_of_the_applications_stays(run: Client) -> None:
    own = fraiseql.build_schema(FIELDS, execution_context_class=IncrementalExecutor)
    # Strawberry gives it an argument that only its own class takes.
    own._get_custom_context_kwargs = lambda *_, **__: {}
    assert (await run("{ people { k: name } }", own))["people"] == NAMES
    assert own.execution_context_class is IncrementalExecutor
    assert not run.finished("k")


async def test_a_schema_that_we_did_not_build(run: Client, tenancy: Tenancy) -> None:
    @strawberry.type
    class Query:
        people = people

        @strawberry.field
        async def nested(self, info: strawberry.Info) -> str:
            answer = await info.schema.execute("{ people { k: name } }", context_value=info.context)
            return repr(answer.data["people"])

    own = strawberry.Schema(Query, extensions=[tenancy.extension])
    for _ in range(2):
        assert await run("{ people { k: name } }", own) == {"people": NAMES}
        assert run.finished("k")
    assert await run("{ nested }", own) == {"nested": repr(NAMES)}


async def test_nulls_where_there_may_be_none_are_graphql_cores_to_report(
    run: Client, caplog: pytest.LogCaptureFixture
) -> None:
    people = make_rows(DIRTY)["tb_person"]
    nobody = next(row for row in people if row["name"] is None)
    answer = await run.answer(
        f'{{ hello person(id: "{nobody["id"]}") {{ k: name }} }}', tenant=DIRTY
    )
    assert answer.data == {"hello": "hello", "person": None}
    assert [error.path for error in answer.errors] == [["person", "k"]]
    assert "Cannot return null for non-nullable field Person.name" in caplog.text
    assert len(run.statements) == 2
    # Below a parent that became an object, and read in a batch.
    place = sorted(row["id"] for row in people).index(nobody["boss_id"])
    answer = await run.answer("{ people { shout staff { k: name } } }", tenant=DIRTY)
    assert answer.errors[0].path == ["people", place, "staff", 1, "k"]
    assert len(run.statements) == 2
    text = f'mutation {{ readPerson(id: "{nobody["boss_id"]}") {{ staff {{ k: name }} }} }}'
    answer = await run.answer(text, tenant=DIRTY)
    assert answer.errors[0].path == ["readPerson", "staff", 1, "k"]
    assert len(run.statements) == 2


async def test_what_is_not_finished_is_no_reason_to_read_twice(run: Client) -> None:
    answer = await run.answer('{ hello someone(name: "nobody") { k: name } }')
    assert [error.path for error in answer.errors] == [["someone"]]
    assert len(run.statements) == 1
    assert "NaN" in [row["a_double"] for row in make_rows(DIRTY)["tb_thing"]]
    answer = await run.answer("{ things { twice aDouble owner { k: id } } }", tenant=DIRTY)
    assert {error.path[-1] for error in answer.errors} == {"aDouble"}
    assert run.finished("k")
    assert len(run.statements) == 1


NUMBERS = '[-0, 1.10, 1e400, 123456789012345678901234567890, {"n": -0.0}, "NaN"]'


async def test_json_of_the_applications_keeps_its_numbers(
    run: Client, wide: Wide, admin_url: str
) -> None:
    url = urlsplit(admin_url)._replace(path=urlsplit(wide.url).path).geturl()
    admin = await asyncpg.connect(url)
    update = "UPDATE tb_thing SET a_json = $1::text::json, a_double = '-0' WHERE tenant_id = $2"
    await admin.execute(update, NUMBERS, UUID(TENANT))
    await admin.close()
    for also in ("", "twice"):  # finished, and as objects
        # One field at a time: each alone has to be read with care.
        found = (await run(f"{{ hello things {{ aJson {also} }} }}"))["things"][0]["aJson"]
        assert found[2:4] == [10**400, 123456789012345678901234567890]
        assert [str(n) for n in (found[0], found[1], found[4]["n"])] == ["-0.0", "1.1", "-0.0"]
        found = (await run(f"{{ hello things {{ aDouble {also} }} }}"))["things"][0]["aDouble"]
        assert str(found) == "-0.0"
    async with run._tenancy.as_tenant(TENANT) as scope:
        scope.json_text = True
        answer = await schema.execute("{ hello things(limit: 1) { aJson aDouble } }")
    if QUICK:  # orjson writes it as it is
        assert encode(answer.data).decode() == (
            f'{{"hello":"hello","things":[{{"aJson":{NUMBERS},"aDouble":-0}}]}}'
        )


async def test_text_is_for_one_operation_alone(run: Client) -> None:
    async with run._tenancy.as_tenant(TENANT) as scope:
        scope.json_text = True
        for kind in (JSONText, list):
            answer = await schema.execute("{ hello people { k: name } }")
            assert type(answer.data["people"]) is kind
        scope.json_text = True
        answer = await schema.execute(f'{{ hello person(id: "{TENANT}") {{ name }} }}')
        assert answer.data["person"] is None
