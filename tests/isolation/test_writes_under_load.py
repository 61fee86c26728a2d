"""32 clients write at once, with violations, deadlocks and cancellations: nothing is lost or twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from tests.isolation.notes.schema import FIELDS
from tests.isolation.notes.tables import create_notes, stored
from tests.service import Client, serving
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

CLIENTS = 32
CREATE = (
    "mutation ($slug: String!, $stars: Int) { createNote(slug: $slug, stars: $stars) { slug } }"
)
BULK = "mutation ($notes: [NewNote!]!) { createNotes(notes: $notes) { slug } }"
CHANGE = "mutation ($c: [NoteChange!]!) { changeNotes(changes: $c) { id } }"


@pytest.fixture(scope="module")
async def notes(blog: Urls, witness: Witness) -> Witness:
    await create_notes(witness)
    return witness


@pytest.fixture(params=[True, False], ids=["fast lane", "standard lane"])
async def served(
    request: pytest.FixtureRequest,
    notes: Witness,
    blog: Urls,
    make_tenancy: Callable[..., Tenancy],
) -> AsyncIterator[tuple[Client, Tenancy]]:
    tenancy = make_tenancy(blog, database={"pool_size": 5}, graphql={"fast_lane": request.param})
    app = FastAPI(lifespan=tenancy.lifespan)
    schema = fraiseql.build_schema(FIELDS)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    async with serving(app) as client:
        yield client, tenancy
    await notes.everywhere("DELETE FROM tb_note")


class Tally:
    """What the clients were told of each slug."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.failed: set[str] = set()
        self.unknown: set[str] = set()  # cancelled: either way, but never twice

    def told(self, slugs: list[str], answer: Any) -> None:
        done = answer.get("errors") is None and answer["data"] is not None
        (self.acknowledged if done else self.failed).update(slugs)


async def _writer(client: Client, token: str, number: int, rounds: int, tally: Tally) -> None:
    chance = random.Random(number)
    for turn in range(rounds):
        slugs = [f"c{number}-{turn}-{part}" for part in range(3)]
        kind = chance.randrange(5)
        if kind == 0:  # a violation undoes the whole list
            rows: list[dict[str, Any]] = [{"slug": slug} for slug in slugs]
            rows[chance.randrange(3)]["stars"] = 9
            await _send(client, token, BULK, {"notes": rows}, slugs, tally)
        elif kind == 1:
            rows = [{"slug": slug} for slug in slugs]
            await _send(client, token, BULK, {"notes": rows}, slugs, tally)
        elif kind == 2:  # the client goes away in the middle of it
            sending = asyncio.create_task(
                _send(client, token, CREATE, {"slug": slugs[0]}, slugs[:1], Tally())
            )
            await asyncio.sleep(chance.random() * 0.02)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            tally.unknown.add(slugs[0])
        elif kind == 3:
            stars = 9
            await _send(client, token, CREATE, {"slug": slugs[0], "stars": stars}, slugs[:1], tally)
        else:
            await _send(client, token, CREATE, {"slug": slugs[0]}, slugs[:1], tally)


async def _send(
    client: Client, token: str, text: str, variables: dict[str, Any], slugs: list[str], tally: Tally
) -> None:
    answer = await client.graphql(text, token, variables=variables)
    tally.told(slugs, answer.json())


async def _fight(client: Client, token: str, ids: list[str], rounds: int) -> list[str]:
    """Two rows, in either order: the deadlocks of the textbook."""
    codes: list[str] = []
    for turn in range(rounds):
        order = ids if turn % 2 else ids[::-1]
        changes = [{"id": id_, "stars": turn % 6} for id_ in order]
        answer = (await client.graphql(CHANGE, token, variables={"c": changes})).json()
        codes += [error["extensions"]["code"] for error in answer.get("errors", ())]
    return codes


async def _load(
    served: tuple[Client, Tenancy],
    notes: Witness,
    token: Callable[..., str],
    assert_clean: Callable[[Tenancy], Any],
    rounds: int,
) -> None:
    client, tenancy = served
    tallies = {ACME: Tally(), GLOBEX: Tally()}
    ids = [
        (await client.data(CREATE.replace("{ slug }", "{ id }"), token(), variables={"slug": s}))[
            "createNote"
        ]["id"]
        for s in ("left", "right")
    ]
    limits = httpx2.Limits(max_connections=CLIENTS + 8)
    async with httpx2.AsyncClient(base_url=client.url, timeout=60, limits=limits) as http:
        many = Client(http)
        writers = [
            _writer(many, token(tenant), number, rounds, tallies[tenant])
            for number, tenant in enumerate([ACME, GLOBEX] * (CLIENTS // 2))
        ]
        fights = [_fight(many, token(), ids[:: (-1) ** n], rounds) for n in range(4)]
        outcomes = await asyncio.gather(*fights, *writers)
    codes = [code for outcome in outcomes[:4] for code in outcome or ()]
    assert set(codes) <= {"CONFLICT", "TENANT_BUSY"}, codes
    await assert_clean(tenancy)
    for tenant, tally in tallies.items():
        found = set(await stored(notes, tenant)) - {"left", "right"}
        assert tally.acknowledged <= found
        assert not tally.failed & found
        assert found <= tally.acknowledged | tally.unknown
        assert tally.acknowledged
        assert tally.failed


async def test_what_is_acknowledged_is_there_once(
    served: tuple[Client, Tenancy],
    notes: Witness,
    token: Callable[..., str],
    assert_clean: Callable[[Tenancy], Any],
) -> None:
    await _load(served, notes, token, assert_clean, rounds=4)


async def test_a_deadlock_is_a_conflict_and_nothing_is_written(
    served: tuple[Client, Tenancy], notes: Witness, token: Callable[..., str]
) -> None:
    client, _ = served
    create = CREATE.replace("{ slug }", "{ id }")
    left, right = [
        (await client.data(create, token(), variables={"slug": slug}))["createNote"]["id"]
        for slug in ("left", "right")
    ]
    table = "app.tb_note" if notes.urls.strategy == "row" else "tb_note"
    update = f"UPDATE {table} SET body = 'by another' WHERE id = $1"
    another = await notes.of(ACME)
    transaction = another.transaction()
    await transaction.start()
    await another.execute(update, right)
    changes = [{"id": left, "stars": 5}, {"id": right, "stars": 5}]
    asking = asyncio.create_task(client.graphql(CHANGE, token(), variables={"c": changes}))
    await asyncio.sleep(0.3)  # it has the left one and waits for the right; it is the first to look
    await another.execute(update, left)
    answer = (await asking).json()
    await transaction.rollback()
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"] == {"code": "CONFLICT", "reason": "concurrent"}
    assert {note["stars"] for note in (await stored(notes, ACME)).values()} == {0}


@pytest.mark.slow
async def test_what_is_acknowledged_is_there_once_for_a_long_time(
    served: tuple[Client, Tenancy],
    notes: Witness,
    token: Callable[..., str],
    assert_clean: Callable[[Tenancy], Any],
) -> None:
    await _load(served, notes, token, assert_clean, int(os.environ.get("FRAISEQL_ROUNDS", "100")))
