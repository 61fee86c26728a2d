"""The service under soak: both lanes, REST, sockets, and a middleware that cancels requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID

import strawberry
from fastapi import FastAPI, HTTPException
from fastapi.responses import Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.metrics import Metrics
from tests.isolation.cancelled_at import run_cancelled

__all__ = ["CANCEL", "create_app"]

CANCEL = "x-soak-cancel"
INSERT = text("INSERT INTO tb_post (title, content) VALUES (:title, :title) RETURNING id")
TITLES = text("SELECT title FROM v_post ORDER BY created_at DESC, id LIMIT 5")
ONE = text("SELECT id, title, content FROM v_post WHERE id = :id")

How = Literal["commit", "rollback", "savepoint", "commit and go on", "rollback and go on"]


@fraiseql.type(sql_source="v_post")
class Note:
    id: UUID
    title: str
    content: str


@fraiseql.query(sql_source="v_post", order_by="-created_at, id")
def notes(limit: int = 5) -> list[Note]: ...


@fraiseql.query(sql_source="v_post", id_arg="id")
def note(id: UUID) -> Note | None: ...


@fraiseql.query
async def titles(session: TenantSession) -> list[str]:
    return await _titles(session)


@fraiseql.mutation
async def add(session: TenantSession, title: str) -> str:
    return await _insert(session, title)


@fraiseql.mutation
async def fail(session: TenantSession, title: str) -> str | None:
    await _insert(session, title)
    raise LookupError("on purpose")


@fraiseql.mutation(atomic=True)
async def add_atomic(session: TenantSession, title: str) -> str | None:
    return await _insert(session, title)


@fraiseql.mutation(atomic=True)
async def fail_atomic(session: TenantSession, title: str) -> str | None:
    await _insert(session, title)
    raise LookupError("on purpose")


async def _insert(session: AsyncSession, title: str) -> str:
    return str(await session.scalar(INSERT, {"title": title}))


async def _titles(session: AsyncSession) -> list[str]:
    return list(await session.scalars(TITLES))


def _subscription(tenancy: Tenancy) -> type:
    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def events(self) -> AsyncIterator[list[str]]:
            for _ in range(3):
                async with tenancy.session() as session:  # one for each event
                    found = await _titles(session)
                yield found

    return Subscription


def create_app(tenancy: Tenancy, metrics: Metrics) -> Cancelling:
    """The application, and around it what cancels its requests."""
    app = FastAPI()
    tenancy.install(app)
    fields = [notes, note, titles, add, fail, add_atomic, fail_atomic, _subscription(tenancy)]
    schema = fraiseql.build_schema(fields)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")

    @app.get("/notes")
    async def list_notes(session: TenantSession) -> list[str]:
        return await _titles(session)

    @app.get("/notes/{id}")
    async def read_note(session: TenantSession, id: UUID) -> dict[str, Any]:
        found = (await session.execute(ONE, {"id": id})).mappings().one_or_none()
        if found is None:
            raise HTTPException(404, "no such note")
        return dict(found)

    @app.post("/notes")
    async def write_notes(
        session: TenantSession, title: str, other: str, how: How
    ) -> dict[str, Any]:
        """Write `title`, then perhaps `other`, and end the transaction in one of the ways."""
        id = await _insert(session, title)
        match how:
            case "rollback":
                raise HTTPException(409, "on purpose")
            case "savepoint":
                savepoint = await session.begin_nested()
                await _insert(session, other)
                await savepoint.rollback()
            case "commit and go on":
                await session.commit()
                await _insert(session, other)
            case "rollback and go on":
                await session.rollback()
                id = await _insert(session, other)
            case _:
                pass
        return {"id": id, "seen": await _titles(session)}

    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(metrics.render(), media_type=Metrics.media_type)

    return Cancelling(app)


class Cancelling:
    """Cancels a request at the await that its header names, as the server would at its end."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        wanted = dict(scope.get("headers", ())).get(CANCEL.encode())
        if wanted is None:
            await self.app(scope, receive, send)
            return
        n, _, late = wanted.decode().partition(" ")
        answered = asyncio.Event()

        async def watched(message: Any) -> None:
            answered.set()
            await send(message)

        work: Any = self.app(scope, receive, watched)
        await run_cancelled(work, int(n), late=bool(late))
        if not answered.is_set():
            headers = [(b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 499, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
