"""WebSockets over a real socket: they end with the token and with the tenant that opened them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import strawberry
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.auth import mint_token
from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.tenant import TenantStatus

Token = Callable[..., str]
SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
SUSPEND = "UPDATE fraiseql.tenants SET status = 'suspended' WHERE id = $1"


@strawberry.type
class Query:
    @strawberry.field
    def name(self) -> str:
        return "nobody's"

    @strawberry.field
    def broken(self) -> str | None:
        raise LookupError("postgresql://app:s3cret@db/blog")


# What the subscriptions of the tests have sent, and where each of them ended.
SENT: list[str] = []


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        SENT.append("began")
        try:
            for number in range(1_000_000):
                yield number
                await asyncio.sleep(0.005)
        finally:
            SENT.append("ended")

    @strawberry.subscription
    async def quiet(self) -> AsyncIterator[int]:
        SENT.append("began")
        try:
            yield 0
            await asyncio.sleep(3600)
        finally:
            SENT.append("ended")

    @strawberry.subscription
    async def broken(self) -> AsyncIterator[int]:
        yield 1
        raise LookupError("postgresql://app:s3cret@db/blog")


@pytest.fixture
async def admin(fresh_blog: Urls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_blog.admin_url)
    yield connection
    await connection.close()


@pytest.fixture
def tenancy(fresh_blog: Urls, make_tenancy: Callable[..., Tenancy]) -> Tenancy:
    routing = {"refresh_seconds": 3600}  # only an announcement can make it ask again
    return make_tenancy(
        fresh_blog,
        multitenancy={"tenants_table": "fraiseql.tenants", "routing": routing},
        auth={"leeway": 0},
    )


@pytest.fixture
async def url(tenancy: Tenancy, serve: Any) -> AsyncIterator[str]:
    schema = strawberry.Schema(Query, subscription=Subscription, extensions=[tenancy.extension])
    app = FastAPI(lifespan=tenancy.lifespan)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    SENT.clear()
    async with serve(app) as client:
        yield client.url.replace("http://", "ws://") + "/graphql"


class Socket:
    """A client of the protocol graphql-transport-ws."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.transport = connection.transport

    async def send(self, **message: Any) -> None:
        await self._connection.send(json.dumps(message))

    async def send_raw(self, message: str | bytes) -> None:
        await self._connection.send(message)

    async def next(self) -> Any:
        async with asyncio.timeout(5):
            return json.loads(await self._connection.recv())

    async def init(self) -> None:
        await self.send(type="connection_init")
        assert await self.next() == {"type": "connection_ack"}

    async def ask(self, query: str, id: str = "1") -> Any:
        await self.send(id=id, type="subscribe", payload={"query": query})
        return await self.next()

    async def closed(self, seconds: float) -> tuple[int, str]:
        """How it was closed, within that time; what still arrives until then is let pass."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self._connection.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


@asynccontextmanager
async def socket(url: str, token: str | None, **headers: str) -> AsyncIterator[Socket]:
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    async with connect(
        url, subprotocols=["graphql-transport-ws"], additional_headers=headers
    ) as connection:
        yield Socket(connection)


async def test_operations_over_a_socket(url: str, token: Token) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        answer = await acme.ask("{ name }")
        assert answer == {"id": "1", "type": "next", "payload": {"data": {"name": "nobody's"}}}
        assert await acme.next() == {"id": "1", "type": "complete"}
        assert (await acme.ask("subscription { ticks }"))["payload"]["data"] == {"ticks": 0}


async def test_a_suspension_closes_the_sockets_of_that_tenant(
    url: str, token: Token, admin: asyncpg.Connection, tenancy: Tenancy
) -> None:
    async with socket(url, token(ACME)) as acme, socket(url, token(GLOBEX)) as globex:
        for client in (acme, globex):
            await client.init()
            await client.ask("subscription { ticks }")
        await asyncio.sleep(0.2)  # it listens
        await admin.execute(SUSPEND, ACME)
        assert await acme.closed(1) == (4403, "Tenant not available")
        assert (await globex.next())["type"] == "next"
        assert await ended() == 1
        with pytest.raises(TimeoutError):
            await globex.closed(0.3)
        await admin.execute("DELETE FROM fraiseql.tenants WHERE id = $1", GLOBEX)
        assert await globex.closed(1) == (4403, "Tenant not available")
    assert await ended() == 2


async def ended() -> int:
    await asyncio.sleep(0.05)
    return SENT.count("ended")


async def test_within_the_process_it_is_at_once(url: str, token: Token, tenancy: Tenancy) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        await acme.ask("subscription { ticks }")
        assert tenancy.registry is not None
        tenancy.registry.set_status(str(ACME), TenantStatus.SUSPENDED)
        before = time.perf_counter()
        assert await acme.closed(1) == (4403, "Tenant not available")
        assert time.perf_counter() - before < 0.2


async def test_operations_end_although_the_client_does_not_answer_the_close(
    url: str, token: Token, tenancy: Tenancy
) -> None:
    """One that sends nothing would not notice by itself that nobody listens any more."""
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        await acme.ask("subscription { quiet }")
        acme.transport.pause_reading()
        assert tenancy.registry is not None
        tenancy.registry.set_status(str(ACME), TenantStatus.SUSPENDED)
        await asyncio.sleep(0.2)
        assert SENT == ["began", "ended"]
        acme.transport.resume_reading()
        assert await acme.closed(1) == (4403, "Tenant not available")


@pytest.mark.parametrize("subscribed", [True, False], ids=["subscribed", "idle"])
async def test_a_socket_ends_with_its_token(url: str, token: Token, subscribed: bool) -> None:
    started = time.time()
    async with socket(url, token(ACME, lifetime=2)) as acme:
        await acme.init()
        if subscribed:
            await acme.ask("subscription { ticks }")
        assert await acme.closed(4) == (4401, "The token has expired")
    assert 1 <= time.time() - started < 3
    assert (["began", "ended"] if subscribed else []) == SENT


async def test_a_socket_that_outlived_its_timer_serves_nothing(
    url: str, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that sleeps stops the clock of the timers, not that of the token."""
    async with socket(url, token(ACME, lifetime=60)) as acme:
        await acme.init()
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 61)
        await acme.send(id="1", type="subscribe", payload={"query": "{ name }"})
        assert await acme.closed(1) == (4401, "The token has expired")


async def test_who_is_not_served_gets_no_socket(
    url: str, token: Token, admin: asyncpg.Connection
) -> None:
    await admin.execute(SUSPEND, ACME)
    await asyncio.sleep(0.2)
    for refused, code in (
        (token(ACME), 4403),
        (mint_token(SECRET, tenant="33333333-3333-4333-8333-333333333333"), 4403),
        ("no token at all", 4401),
        (token(GLOBEX) + "x", 4401),
    ):
        async with socket(url, refused) as client:
            assert (await client.closed(1))[0] == code
    async with socket(url, token(ACME), **{"X-Tenant-ID": str(GLOBEX)}) as client:
        assert await client.closed(1) == (4403, "The tenant header does not match the token")


async def test_without_a_token_there_is_a_socket_and_nothing_on_it(url: str) -> None:
    async with socket(url, None) as nobody:
        await nobody.init()
        answer = await nobody.ask("subscription { ticks }")
        assert answer["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"
    assert SENT == []


@pytest.mark.parametrize("operation", ["{ broken }", "subscription { broken }"])
async def test_errors_are_masked_on_a_socket_too(url: str, token: Token, operation: str) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        answer = await acme.ask(operation)
        if operation.startswith("subscription"):
            assert answer["payload"]["data"] == {"broken": 1}
            answer = await acme.next()
        [error] = answer["payload"]["errors"]
        assert error["message"] == "Internal server error"
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


@pytest.mark.parametrize(
    "operation", ["subscription { ticks }", "subscription A { ticks } subscription B { ticks }"]
)
async def test_a_subscription_is_guarded_like_any_operation(
    url: str, token: Token, operation: str, tenancy: Tenancy, admin: asyncpg.Connection
) -> None:
    async with socket(url, None) as nobody:
        await nobody.init()
        answer = await nobody.ask(operation)
        errors = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
        assert errors[0]["extensions"]["code"] in ("UNAUTHORIZED", "BAD_USER_INPUT")
    assert SENT == []


async def test_while_the_registry_says_nothing_sockets_stay(
    url: str, token: Token, admin: asyncpg.Connection, tenancy: Tenancy
) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        await asyncio.sleep(0.2)
        await admin.execute("ALTER TABLE fraiseql.tenants RENAME TO elsewhere")
        await admin.execute("UPDATE fraiseql.elsewhere SET status = 'suspended'")
        with pytest.raises(TimeoutError):
            await acme.closed(1.5)
        answer = await acme.ask("{ name }")
        assert answer["payload"]["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        async with socket(url, token(ACME)) as another:
            assert (await another.closed(1))[0] == 1013
        await admin.execute("ALTER TABLE fraiseql.elsewhere RENAME TO tenants")
        assert await acme.closed(3) == (4403, "Tenant not available")


async def test_nothing_is_left_of_a_socket_that_its_client_closed(
    url: str, token: Token, tenancy: Tenancy
) -> None:
    before = asyncio.all_tasks()
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        await acme.ask("subscription { ticks }")
    assert await ended() == 1
    assert tenancy.registry is not None
    tenancy.registry.set_status(str(ACME), TenantStatus.SUSPENDED)
    await asyncio.sleep(0.1)
    assert {task for task in asyncio.all_tasks() - before if "sockets" in repr(task)} == set()


@pytest.mark.parametrize(
    "message",
    [
        "not JSON",
        "[" * 100_000,
        '{"id": NaN}',
        "7",
        "[]",
        "null",
        "{}",
        '{"type": 1}',
        '{"type": "unheard of"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ name }"}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": "{ name }"}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 7}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ name }", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ name }", "operationName": 1}}',
        '{"type": "complete", "id": {}}',
        b"bytes",
    ],
    ids=lambda message: repr(message[:40]),
)
async def test_a_message_that_is_none_closes_the_socket(
    url: str, token: Token, message: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        await acme.send_raw(message)
        assert (await acme.closed(1))[0] == 4400
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_message_is_no_longer_than_a_body(url: str, token: Token) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        query = f"{{ name }} # {'x' * 90_000}"
        await acme.send(id="1", type="subscribe", payload={"query": query})
        assert (await acme.next())["payload"]["data"] == {"name": "nobody's"}
        await acme.send(id="2", type="subscribe", payload={"query": query, "more": "x" * 1_000_000})
        assert (await acme.closed(1))[0] == 1009


async def test_operations_of_a_socket_are_counted(url: str, token: Token) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        for number in range(101):
            payload = {"query": "subscription { quiet }"}
            await acme.send(id=f"{number}", type="subscribe", payload=payload)
        answers = [await acme.next() for _ in range(101)]
        assert [answer["id"] for answer in answers if answer["type"] == "error"] == ["100"]


@pytest.mark.parametrize("text", ["{", "{ nonsense }", "{ " + "a: name " * 31 + "}"])
async def test_a_document_that_is_refused_is_no_fault(
    url: str, token: Token, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.init()
        answer = await acme.ask(text)
        assert answer["type"] == "error"
        assert answer["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert (await acme.ask("{ name }", id="2"))["payload"]["data"] == {"name": "nobody's"}
    # A hand-written schema has Strawberry's own logging of errors.
    faults = [each for each in caplog.records if each.name != "strawberry.execution"]
    assert [record for record in faults if record.levelname == "ERROR"] == []


async def test_a_page_of_another_origin_gets_none(url: str, token: Token) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(url, token(ACME), Origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403


def test_the_old_protocol_is_refused(tenancy: Tenancy) -> None:
    schema = strawberry.Schema(Query, extensions=[tenancy.extension])
    with pytest.raises(SchemaError, match="graphql-transport-ws"):
        fraiseql.GraphQLRouter(
            schema,
            tenancy=tenancy,
            subscription_protocols=["graphql-transport-ws", "graphql-ws"],
        )
