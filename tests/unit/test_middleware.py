"""The chain by itself: order, once, sync or async, and what its mistakes become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.auth import Claims
from fraiseql_strawberry.errors import BadUserInput, Unauthorized, UsageError
from fraiseql_strawberry.graphql.middleware import (
    MiddlewareRequest,
    Outcome,
    RequestAuth,
    run_middleware,
)


@pytest.fixture
def request_() -> MiddlewareRequest:
    return MiddlewareRequest({}, RequestAuth(Claims()), {}, "Named", "query")


class Operation:
    """The innermost call; counts."""

    def __init__(self) -> None:
        self.ran = 0

    async def __call__(self) -> Outcome:
        self.ran += 1
        return Outcome(200)


def sync_returning(request: Any, next: Any) -> Any:
    return next(request)


async def async_returning(request: Any, next: Any) -> Any:
    return next(request)


async def async_awaiting(request: Any, next: Any) -> Any:
    return await next(request)


async def async_discarding(request: Any, next: Any) -> None:
    await next(request)


def sync_wrapping(request: Any, next: Any) -> Any:
    async def later() -> Any:
        return next(request)

    return later()


FORMS = [sync_returning, async_returning, async_awaiting, async_discarding, sync_wrapping]


def chain(*functions: Callable[..., Any]) -> list[Any]:
    return [fraiseql.middleware(function) for function in functions]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [0, 1, 3])
async def test_every_form_calls_the_operation_once(
    request_: MiddlewareRequest, form: Any, length: int
) -> None:
    operation = Operation()
    outcome = await run_middleware(chain(*[form] * length), request_, operation)
    assert (outcome.status, operation.ran) == (200, 1)


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("second", FORMS)
async def test_forms_mix(request_: MiddlewareRequest, first: Any, second: Any) -> None:
    operation = Operation()
    outcome = await run_middleware(chain(first, second, first), request_, operation)
    assert (outcome.status, operation.ran) == (200, 1)


async def test_the_order(request_: MiddlewareRequest) -> None:
    steps: list[str] = []

    def step(name: str) -> Any:
        async def around(request: Any, next: Any) -> Any:
            steps.append(f"{name} in")
            try:
                return await next(request)
            finally:
                steps.append(f"{name} out")

        return around

    await run_middleware(chain(step("a"), step("b")), request_, Operation())
    assert steps == ["a in", "b in", "b out", "a out"]


@pytest.mark.parametrize("answer", [None, "done", Outcome(200), 7])
async def test_next_never_is_a_mistake(request_: MiddlewareRequest, answer: object) -> None:
    operation = Operation()
    with pytest.raises(UsageError, match="without calling next"):
        await run_middleware(chain(lambda request, next: answer), request_, operation)
    assert operation.ran == 0


async def test_next_twice_is_a_mistake(request_: MiddlewareRequest) -> None:
    async def twice(request: Any, next: Any) -> Any:
        await next(request)
        return await next(request)

    operation = Operation()
    with pytest.raises(UsageError, match="twice"):
        await run_middleware(chain(twice, sync_returning), request_, operation)
    assert operation.ran == 1


@pytest.mark.parametrize(("said", "read"), [("", "Missing tenant context"), ("No!", "No!")])
async def test_a_permission_error_is_a_401(
    request_: MiddlewareRequest, said: str, read: str
) -> None:
    def refuse(request: Any, next: Any) -> Any:
        raise PermissionError(said) if said else PermissionError

    operation = Operation()
    with pytest.raises(Unauthorized) as refused:
        await run_middleware(chain(sync_returning, refuse), request_, operation)
    assert refused.value.status == 401
    assert refused.value.message == read
    assert operation.ran == 0


async def test_errors_of_ours_pass_through(request_: MiddlewareRequest) -> None:
    async def refuse(request: Any, next: Any) -> Any:
        raise BadUserInput("not like this")

    with pytest.raises(BadUserInput, match="not like this"):
        await run_middleware(chain(async_awaiting, refuse), request_, Operation())


async def test_an_outer_one_may_catch_and_go_on(request_: MiddlewareRequest) -> None:
    """The operation has run; what the inner one raised afterwards is the outer one's to judge."""

    async def forgiving(request: Any, next: Any) -> None:
        with pytest.raises(LookupError):
            await next(request)

    async def failing(request: Any, next: Any) -> None:
        await next(request)
        raise LookupError

    outcome = await run_middleware(chain(forgiving, failing), request_, Operation())
    assert outcome.status == 200


async def test_what_another_request_object_says_is_ignored(request_: MiddlewareRequest) -> None:
    """`next` takes the request for the form's sake; the next one sees the operation's own."""
    seen: list[object] = []

    def other(request: Any, next: Any) -> Any:
        return next("something else")

    def look(request: Any, next: Any) -> Any:
        seen.append(request)
        return next(request)

    await run_middleware(chain(other, look), request_, Operation())
    assert seen == [request_]


def test_the_decorator_keeps_the_function() -> None:
    marked = fraiseql.middleware(sync_returning)
    assert marked.function is sync_returning
    assert marked("request", lambda request: ("next", request)) == ("next", "request")  # type: ignore[arg-type]
