"""The tenant is ambient, is set once, and is never another request's."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fraiseql_strawberry.errors import TenantSwitchRefused, Unauthorized
from fraiseql_strawberry.fastapi import ScopeMiddleware, scope_of
from fraiseql_strawberry.scope import (
    RequestScope,
    current_scope,
    enter_operation,
    enter_scope,
    find_scope,
)

A, B = "aaaaaaaa-1111-4111-8111-111111111111", "bbbbbbbb-2222-4222-8222-222222222222"


def test_a_tenant_is_bound_once() -> None:
    scope = RequestScope()
    with pytest.raises(Unauthorized, match="Missing tenant context"):
        scope.require_tenant()
    scope.bind(A, "claim")
    scope.bind(A, "middleware")
    assert (scope.require_tenant(), scope.source) == (A, "claim")
    with pytest.raises(TenantSwitchRefused):
        scope.bind(B, "middleware")
    assert scope.tenant_id == A


def test_outside_of_any_request() -> None:
    assert find_scope() is None
    with pytest.raises(Unauthorized, match="as_tenant"):
        current_scope()


def test_scopes_are_left_as_they_were_found() -> None:
    outer, inner = RequestScope(A), RequestScope(B)
    with enter_scope(outer):
        with enter_scope(inner):
            assert current_scope() is inner
        assert current_scope() is outer
        with pytest.raises(LookupError), enter_scope(inner):
            raise LookupError
        assert current_scope() is outer
    assert find_scope() is None


async def test_what_is_found_out_later_is_seen_in_a_thread_that_started_before() -> None:
    started, bound = threading.Event(), threading.Event()

    def work() -> str | None:
        started.set()
        bound.wait(5)
        return current_scope().tenant_id

    with enter_scope(RequestScope()) as scope:
        task = asyncio.create_task(asyncio.to_thread(work))
        await asyncio.to_thread(started.wait, 5)
        scope.bind(A, "claim")
        bound.set()
        assert await task == A


async def test_a_thread_may_find_out_the_tenant() -> None:
    with enter_scope(RequestScope()) as scope:
        await asyncio.to_thread(lambda: current_scope().bind(A, "middleware"))
        assert scope.tenant_id == A


async def test_tasks_of_a_request_keep_its_scope_and_others_have_none() -> None:
    async def seen() -> str | None:
        await asyncio.sleep(0)
        scope = find_scope()
        return None if scope is None else scope.tenant_id

    async def request(tenant: str) -> list[str | None]:
        with enter_scope(RequestScope(tenant)):
            return await asyncio.gather(seen(), asyncio.create_task(seen()))

    assert await asyncio.gather(request(A), request(B), seen()) == [[A, A], [B, B], None]


def test_an_operation_belongs_to_its_scope() -> None:
    scope = RequestScope(A)
    assert scope.operation is None
    with enter_operation(scope) as first:
        first.unit = "the unit"
        assert current_scope() is scope
        assert scope.unit == "the unit"
        with enter_operation(scope):  # another operation of the same job
            assert scope.unit is None
        assert scope.unit == "the unit"
        with enter_scope(RequestScope(B)) as other:  # as_tenant(…) inside of the operation
            assert other.operation is None
            assert other.unit is None
    assert scope.operation is None


async def test_operations_at_once_do_not_mix() -> None:
    scope = RequestScope(A)

    async def operation(name: str) -> str:
        with enter_operation(scope) as state:
            state.unit = name
            await asyncio.sleep(0)
            return scope.unit

    assert await asyncio.gather(operation("one"), operation("two")) == ["one", "two"]


# --- ASGI -----------------------------------------------------------------------------------------


async def test_a_server_that_shares_its_state_shares_no_tenant() -> None:
    """The specification asks for a copy per request; one server that forgets it is enough."""
    state: dict[str, Any] = {}
    first = scope_of({"type": "http", "state": state})
    first.bind(A, "claim")
    assert scope_of({"type": "http", "state": state}).tenant_id is None
    assert state == {}


def test_a_copy_of_the_asgi_scope_is_the_same_request() -> None:
    asgi: dict[str, Any] = {"type": "http"}
    scope = scope_of(asgi)
    assert scope_of({**asgi, "path": "/mounted"}) is scope_of(asgi) is scope


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_middleware_opens_a_scope_for_the_whole_call(kind: str) -> None:
    seen: list[RequestScope | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(find_scope())
        if scope.get("fail"):
            raise LookupError

    middleware = ScopeMiddleware(app)
    for failing in (False, True, False):
        try:
            await middleware({"type": kind, "fail": failing}, None, None)  # type: ignore[arg-type]
        except LookupError:
            assert failing
        assert find_scope() is None
    assert len({id(scope) for scope in seen}) == 3
    assert None not in seen


async def test_a_lifespan_has_no_scope() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert find_scope() is None

    await ScopeMiddleware(app)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
