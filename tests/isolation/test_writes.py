"""Writes through SQL: both lanes, every strategy, over HTTP; a witness sees what is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from tests.isolation.notes.schema import FIELDS
from tests.isolation.notes.tables import create_notes, stored
from tests.service import Client, serving
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

Token = Callable[..., str]


@pytest.fixture(scope="module", params=[True, False], ids=["fast lane", "standard lane"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module")
async def notes(blog: Urls, witness: Witness) -> Witness:
    await create_notes(witness)
    return witness


@pytest.fixture(scope="module")
async def tenancy(
    notes: Witness, blog: Urls, make_tenancy: Callable[..., Tenancy], fast_lane: bool
) -> Tenancy:
    return make_tenancy(blog, graphql={"fast_lane": fast_lane, "server_timing": True})


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy) -> AsyncIterator[Client]:
    app = FastAPI(lifespan=tenancy.lifespan)
    schema = fraiseql.build_schema(FIELDS)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    async with serving(app) as client:
        yield client


@pytest.fixture
async def ask(client: Client, token: Token, notes: Witness) -> AsyncIterator[Any]:
    """`await ask(text, tenant=…, variables=…)`: the whole answer; the notes are gone afterwards."""

    async def ask(text: str, tenant: UUID = ACME, **more: Any) -> Any:
        answer = await client.graphql(text, token(tenant), **more)
        return answer.json()

    yield ask
    await notes.everywhere("DELETE FROM tb_note")


def codes(answer: Any) -> list[str]:
    return [error["extensions"]["code"] for error in answer["errors"]]


async def test_the_lane_that_was_asked_for_answers(
    client: Client, token: Token, ask: Any, fast_lane: bool
) -> None:
    answer = await client.graphql('mutation { createNote(slug: "a") { slug } }', token())
    assert answer.json() == {"data": {"createNote": {"slug": "a"}}}
    lane = answer.headers["server-timing"]
    assert ("fast: compiled" in lane) == fast_lane, lane


async def test_create_gives_defaults_to_what_is_absent_and_null_to_null(
    ask: Any, notes: Witness
) -> None:
    text = """mutation ($slug: String!, $body: String, $stars: Int) {
      createNote(slug: $slug, body: $body, stars: $stars) { slug body stars author { name } } }"""
    answer = await ask(text, variables={"slug": "a", "body": None})
    assert answer == {
        "data": {"createNote": {"slug": "a", "body": None, "stars": 0, "author": None}}
    }
    answer = await ask(text, variables={"slug": "b", "stars": None})
    assert answer["data"] == {"createNote": None}
    assert answer["errors"][0]["extensions"] == {
        "code": "BAD_USER_INPUT",
        "constraint": "not null",
        "field": "stars",
    }
    assert set(await stored(notes, ACME)) == {"a"}


async def test_each_constraint_names_the_field_and_never_a_value(ask: Any, notes: Witness) -> None:
    await ask('mutation { createNote(slug: "taken") { id } }')
    for arguments, kind, field in [
        ('slug: "taken"', "unique", "slug"),
        (f'slug: "x", userId: "{uuid4()}"', "foreign key", "userId"),
        ('slug: "x", stars: 6', "check", "stars"),
        (f'slug: "{"secret" * 10}"', "check", "slug"),
    ]:
        answer = await ask(f"mutation {{ createNote({arguments}) {{ id }} }}")
        assert answer["data"] == {"createNote": None}
        (error,) = answer["errors"]
        assert error["path"] == ["createNote"]
        assert error["locations"]
        assert error["extensions"] == {
            "code": "BAD_USER_INPUT",
            "constraint": kind,
            "field": field,
        }
        assert "tb_note" not in str(error)
        assert "secret" not in str(error)
        assert "taken" not in str(error).replace("is taken", "")
    assert set(await stored(notes, ACME)) == {"taken"}


async def test_what_does_not_fit_its_type_is_the_clients(ask: Any) -> None:
    answer = await ask(
        'mutation { createNote(slug: "a\\u0000") { id } other: createNote(slug: "b") { slug } }'
    )
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert answer["data"] == {"createNote": None, "other": {"slug": "b"}}


async def test_a_row_that_others_refer_to_is_not_deleted(ask: Any) -> None:
    user = blog_of(ACME).users[0].id
    await ask(f'mutation {{ createNote(slug: "a", userId: "{user}") {{ id }} }}')
    answer = await ask(f'mutation {{ deleteUser(id: "{user}") {{ id }} }}')
    assert answer["data"] == {"deleteUser": None}
    assert answer["errors"][0]["extensions"] == {
        "code": "BAD_USER_INPUT",
        "constraint": "foreign key",
    }


async def test_an_earlier_field_that_fails_stops_no_other(ask: Any, notes: Witness) -> None:
    answer = await ask(
        'mutation { __typename a: createNote(slug: "one") { slug } b: createNote(slug: "one") { slug } '
        'c: createNote(slug: "two") { slug stars } }'
    )
    assert answer["data"] == {
        "__typename": "Mutation",
        "a": {"slug": "one"},
        "b": None,
        "c": {"slug": "two", "stars": 0},
    }
    (error,) = answer["errors"]
    assert error["path"] == ["b"]
    assert set(await stored(notes, ACME)) == {"one", "two"}


async def test_a_field_that_must_not_be_null_ends_the_operation(ask: Any, notes: Witness) -> None:
    answer = await ask(
        """mutation { a: demandNote(input: {slug: "one"}) { slug }
                      b: demandNote(input: {slug: "one"}) { slug }
                      c: demandNote(input: {slug: "two"}) { slug } }"""
    )
    assert answer["data"] is None
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert set(await stored(notes, ACME)) == {"one"}


async def test_null_spreads_as_strawberry_lets_it(ask: Any, notes: Witness) -> None:
    """The row breaks a promise of the schema: it is written once all the same."""
    answer = await ask(
        'mutation { a: createNote(slug: "one") { slug } b: createStrictNote(slug: "two") { slug body } '
        'c: createStrictNote(slug: "three", body: "x") { slug body } }'
    )
    assert answer["data"] == {
        "a": {"slug": "one"},
        "b": None,
        "c": {"slug": "three", "body": "x"},
    }
    (error,) = answer["errors"]
    assert error["path"] == ["b", "body"]
    assert codes(answer) == ["INTERNAL_SERVER_ERROR"]
    assert set(await stored(notes, ACME)) == {"one", "two", "three"}


async def test_bulk_is_all_or_nothing_and_in_order(ask: Any, notes: Witness) -> None:
    text = "mutation ($notes: [NewNote!]!) { createNotes(notes: $notes) { slug body stars } }"
    rows = [{"slug": f"s{n}", **({"stars": n % 6} if n % 2 else {})} for n in range(100)]
    answer = await ask(text, variables={"notes": rows})
    assert [note["slug"] for note in answer["data"]["createNotes"]] == [r["slug"] for r in rows]
    assert [n["stars"] for n in answer["data"]["createNotes"]] == [r.get("stars", 0) for r in rows]
    again = [{"slug": "new"}, {"slug": "s3"}]
    answer = await ask(text, variables={"notes": again})
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["constraint"] == "unique"
    assert "new" not in await stored(notes, ACME)
    assert (await ask(text, variables={"notes": []}))["data"] == {"createNotes": []}
    answer = await ask(text, variables={"notes": [{"slug": f"{n}"} for n in range(1001)]})
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert len(await stored(notes, ACME)) == 100


async def test_upsert(ask: Any, notes: Witness) -> None:
    text = 'mutation { putNote(slug: "a", body: "%s") { id body } }'
    first = (await ask(text % "one"))["data"]["putNote"]
    second = (await ask(text % "two"))["data"]["putNote"]
    assert first["id"] == second["id"]
    assert (await stored(notes, ACME))["a"]["body"] == "two"
    other = (await ask(text % "three", tenant=GLOBEX))["data"]["putNote"]
    assert other["id"] != first["id"]
    assert (await stored(notes, ACME))["a"]["body"] == "two"


async def test_update_leaves_alone_what_is_absent(ask: Any, notes: Witness) -> None:
    note = (await ask('mutation { createNote(slug: "a", body: "b", stars: 3) { id } }'))["data"]
    id_ = note["createNote"]["id"]
    text = (
        "mutation ($id: UUID!, $body: String) { updateNote(id: $id, body: $body) { body stars } }"
    )
    answer = await ask(text, variables={"id": id_})
    assert answer["data"] == {"updateNote": {"body": "b", "stars": 3}}
    answer = await ask(text, variables={"id": id_, "body": None})
    assert answer["data"] == {"updateNote": {"body": None, "stars": 3}}
    answer = await ask(text, variables={"id": str(uuid4()), "body": "x"})
    assert answer == {"data": {"updateNote": None}}


async def test_bulk_update_finds_every_row_or_changes_none(ask: Any, notes: Witness) -> None:
    made = [
        (await ask(f'mutation {{ createNote(slug: "{n}") {{ id }} }}'))["data"]["createNote"]["id"]
        for n in "ab"
    ]
    text = "mutation ($c: [NoteChange!]!) { changeNotes(changes: $c) { slug stars body } }"
    changes = [{"id": made[1], "stars": 2}, {"id": made[0], "body": "x"}]
    answer = await ask(text, variables={"c": changes})
    assert answer["data"]["changeNotes"] == [
        {"slug": "b", "stars": 2, "body": None},
        {"slug": "a", "stars": 0, "body": "x"},
    ]
    changes = [{"id": made[0], "stars": 5}, {"id": str(uuid4()), "stars": 5}]
    answer = await ask(text, variables={"c": changes})
    assert answer["errors"][0]["extensions"] == {"code": "NOT_FOUND", "index": 1}
    assert (await stored(notes, ACME))["a"]["stars"] == 0


@pytest.mark.parametrize(
    ("field", "type_", "column"),
    [("reviseNote", "Int", "version"), ("touchNote", "DateTime", "updatedAt")],
)
async def test_a_version_that_is_no_more_is_a_conflict(
    ask: Any, notes: Witness, field: str, type_: str, column: str
) -> None:
    made = await ask(f'mutation {{ createNote(slug: "a") {{ id {column} }} }}')
    note = made["data"]["createNote"]
    text = (
        f"mutation ($id: UUID!, $v: {type_}!, $body: String) "
        f"{{ {field}(id: $id, {column}: $v, body: $body) {{ {column} body }} }}"
    )
    read = {"id": note["id"], "v": note[column]}
    first = await ask(text, variables={**read, "body": "one"})
    assert first["data"][field]["body"] == "one"
    assert first["data"][field][column] != note[column]
    second = await ask(text, variables={**read, "body": "two"})
    assert second["data"] == {field: None}
    assert second["errors"][0]["extensions"] == {"code": "CONFLICT", "reason": "version"}
    assert (await stored(notes, ACME))["a"]["body"] == "one"
    gone = await ask(text, variables={**read, "id": str(uuid4())})
    assert gone == {"data": {field: None}}


async def test_delete_gives_what_was_there(ask: Any, notes: Witness) -> None:
    made = [
        (await ask(f'mutation {{ createNote(slug: "{n}") {{ id }} }}'))["data"]["createNote"]["id"]
        for n in "abc"
    ]
    answer = await ask(f'mutation {{ deleteNote(id: "{made[0]}") {{ slug }} }}')
    assert answer == {"data": {"deleteNote": {"slug": "a"}}}
    answer = await ask(f'mutation {{ deleteNote(id: "{made[0]}") {{ slug }} }}')
    assert answer == {"data": {"deleteNote": None}}
    text = "mutation ($ids: [UUID!]!) { deleteNotes(ids: $ids) { slug } }"
    answer = await ask(text, variables={"ids": [made[2], made[0], made[1]]})
    assert answer == {"data": {"deleteNotes": [{"slug": "c"}, None, {"slug": "b"}]}}
    assert await stored(notes, ACME) == {}


async def test_a_function_takes_the_arguments_by_name(ask: Any, notes: Witness) -> None:
    answer = await ask(
        """mutation { a: callNote(slug: "a") { slug body } b: callNote(slug: "b", body: null) { body }
          c: callNote(slug: "c", meta: {moodOfDay: "good", at: "2026-01-02T03:04:05Z"}) { slug } }"""
    )
    assert answer == {
        "data": {
            "a": {"slug": "a", "body": "from the function"},
            "b": {"body": None},
            "c": {"slug": "c"},
        }
    }
    assert (await stored(notes, ACME))["c"]["meta"] == (
        '{"at": "2026-01-02T03:04:05+00:00", "mood_of_day": "good"}'
    )
    answer = await ask('mutation { copyNotes(prefix: "p") { slug } }')
    assert [note["slug"] for note in answer["data"]["copyNotes"]] == ["p1", "p2", "p3"]
    answer = await ask('mutation { callNote(slug: "a") { slug } }')
    assert answer["errors"][0]["extensions"] == {
        "code": "BAD_USER_INPUT",
        "constraint": "unique",
        "field": "slug",
    }


async def test_atomic_undoes_all_of_it(ask: Any, notes: Witness) -> None:
    answer = await ask(
        'mutation { a: atomicNote(slug: "a") { slug } b: createNote(slug: "b") { slug } }'
    )
    assert answer == {"data": {"a": {"slug": "a"}, "b": {"slug": "b"}}}
    answer = await ask(
        'mutation { c: atomicNote(slug: "c") { slug } b: createNote(slug: "b") { slug } }'
    )
    assert answer["data"] is None
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert set(await stored(notes, ACME)) == {"a", "b"}


async def test_beside_hand_written_fields(ask: Any) -> None:
    answer = await ask('mutation { a: createNote(slug: "a") { slug } handWritten }')
    assert answer == {"data": {"a": {"slug": "a"}, "handWritten": "by hand"}}


async def test_scopes(ask: Any, client: Client, token: Token, notes: Witness) -> None:
    text = 'mutation { a: createNote(slug: "a") { slug } createScopedNote(slug: "s") { slug } }'
    answer = await ask(text)
    assert answer["data"] == {"a": {"slug": "a"}, "createScopedNote": None}
    assert codes(answer) == ["FORBIDDEN"]
    text = 'mutation { createScopedNote(slug: "s") { slug } }'
    allowed = await client.data(text, token(scopes=["write:notes"]))
    assert allowed == {"createScopedNote": {"slug": "s"}}


async def test_another_tenants_row_is_not_there(ask: Any, notes: Witness) -> None:
    made = await ask('mutation { createNote(slug: "mine", body: "x") { id } }', tenant=GLOBEX)
    id_ = made["data"]["createNote"]["id"]
    before = await stored(notes, GLOBEX)
    assert await ask(f'mutation {{ updateNote(id: "{id_}", body: "y") {{ id }} }}') == {
        "data": {"updateNote": None}
    }
    assert await ask(f'mutation {{ deleteNote(id: "{id_}") {{ id }} }}') == {
        "data": {"deleteNote": None}
    }
    answer = await ask(f'mutation {{ reviseNote(id: "{id_}", version: 7, body: "y") {{ id }} }}')
    assert answer == {"data": {"reviseNote": None}}, "a conflict would tell that it exists"
    answer = await ask(f'mutation {{ changeNotes(changes: [{{id: "{id_}", stars: 1}}]) {{ id }} }}')
    assert codes(answer) == ["NOT_FOUND"]
    user = blog_of(GLOBEX).users[0].id
    answer = await ask(f'mutation {{ createNote(slug: "a", userId: "{user}") {{ id }} }}')
    assert answer["errors"][0]["extensions"]["constraint"] == "foreign key"
    assert await stored(notes, GLOBEX) == before
    assert await stored(notes, ACME) == {}


async def test_a_policy_that_refuses_a_row_looks_like_no_row(
    ask: Any, notes: Witness, strategy: str
) -> None:
    if strategy != "row":
        pytest.skip("the others have no policies")
    answer = await ask('mutation { createNote(slug: "refused") { id } }')
    assert answer["data"] == {"createNote": None}
    assert answer["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    assert await stored(notes, ACME) == {}


async def test_a_link_writes_nothing(client: Client, token: Token, notes: Witness) -> None:
    answer = await client.get(
        "/graphql", token(), params={"query": 'mutation { createNote(slug: "a") { id } }'}
    )
    assert answer.status_code in (400, 405)
    assert await stored(notes, ACME) == {}


async def test_nothing_is_left_on_any_connection(
    ask: Any, tenancy: Tenancy, assert_clean: Callable[[Tenancy], Any]
) -> None:
    for _ in range(3):
        await ask('mutation { createNote(slug: "a") { id } b: createNote(slug: "a") { id } }')
    await assert_clean(tenancy)
