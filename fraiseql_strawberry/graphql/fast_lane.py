"""The fast lane: an operation of source fields is one statement, and its bytes go out untouched.

One of fields that write through SQL is a transaction for each of them (see `write_lane`).

It answers an operation, or says why it steps aside; then nothing has been sent, and the standard
lane, which is Strawberry itself, answers instead. All guards of `guard.py` stand in both.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

from starlette.requests import Request
from starlette.types import Scope

from ..errors import BadUserInput
from ..events import OperationServed, notify
from ..isolation.protocol import CompiledQuery
from ..runtime import Runtime
from ..scope import RequestScope, enter_scope
from ..session import refuse_nested
from ..trouble import is_outdated, translate
from .compiler import Bound, BoundMutation, StepAside
from .context import Context, make_context
from .executor import has_own_executor
from .guard import middleware_request
from .middleware import Outcome as Ending
from .middleware import run_middleware
from .onlookers import unsafe_extension
from .outcome import Outcome
from .persisted import named
from .plans import PlanEntry, bind
from .served import ServedSchema
from .write_lane import Unfinished, ending_of, write_all

__all__ = [
    "Aside",
    "FastLane",
    "GraphQLRequest",
    "closed_by",
    "lane_of",
    "read_request",
    "server_timing",
]


class GraphQLRequest(NamedTuple):
    """One operation as a client sends it."""

    query: str
    variables: Mapping[str, Any] | None
    operation_name: str | None
    extensions: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Aside:
    """The operation was not answered here.

    Args:
        reason: Why, for `/metrics` and `Server-Timing`.
        guarded: Whether the middlewares have run already; they run once per operation.
        outcomes: What root fields that were written have come to, by response key.
    """

    reason: str
    guarded: bool = False
    outcomes: Mapping[str, Outcome] = field(default_factory=dict[str, Outcome])


def server_timing(lane: str, reason: str, seconds: float) -> str:
    """The value of a `Server-Timing` header: the lane, why it was taken, and its time.

    Args:
        lane: "fast" or "standard".
        reason: Why.
        seconds: How long the operation took.
    """
    why = "".join(letter for letter in reason if letter.isascii() and letter not in '"\\;,')
    return f'lane;desc="{lane}: {why}";dur={seconds * 1000:.2f}'


def lane_of(served: ServedSchema) -> FastLane | None:
    """The fast lane of a schema; None where something in the schema could see the difference."""
    if not served.lanes:
        served.lanes.append(FastLane(served.runtime, served) if closed_by(served) is None else None)
    return served.lanes[0]


def closed_by(served: ServedSchema) -> str | None:
    """What keeps the fast lane closed for every operation of a schema, or None."""
    if not served.runtime.config.graphql.fast_lane:
        return "[graphql] fast_lane = false"
    if has_own_executor(served.schema):
        return "the schema has an execution context class of its own"
    unsafe = unsafe_extension(served.schema)
    if unsafe is not None:
        return f"the schema extension {unsafe} does not say fraiseql_safe = True"
    return None


def read_request(decoded: object) -> GraphQLRequest | None:
    """A plain GraphQL request, or None for what only the standard lane knows how to answer."""
    if not isinstance(decoded, dict):
        return None
    body = cast(dict[str, Any], decoded)
    query, variables, name = body.get("query"), body.get("variables"), body.get("operationName")
    names = named(body)
    if (
        (type(query) is not str and (query is not None or names is None))
        or (variables is not None and type(variables) is not dict)
        or (name is not None and type(name) is not str)
        or (names is None and body.get("extensions") not in (None, {}))  # 0, false are none either
    ):
        return None
    return GraphQLRequest(query or "", variables, name, names)


class FastLane:
    """Answers operations of one schema with one statement each.

    Args:
        runtime: The tenancy.
        served: The schema.
    """

    def __init__(self, runtime: Runtime, served: ServedSchema) -> None:
        self._runtime = runtime
        self._served = served
        self.persisted = served.persisted

    async def answer(
        self,
        request: GraphQLRequest,
        scope: RequestScope,
        asgi: Scope | None,
        context: Context | None = None,
    ) -> bytes | Aside:
        """The JSON text of the operation's `data`, or why there is none.

        Args:
            request: What the client asked.
            scope: The request's scope, resolved.
            asgi: The ASGI scope, for middlewares that look at headers.
            context: What the application's context getter gave, where it has run already.

        Raises:
            TenancyError: When a guard refuses it, as the standard lane would.
        """
        started = time.perf_counter()
        revision = self._served.known(scope.tenant_id)
        if revision is None:
            # Reading a catalog is a statement, and none is sent before the guards have answered.
            return Aside("starting")
        entry, literals = revision.plans.find(request.query, request.operation_name)
        compiled = entry.compiled
        if compiled is None:
            return Aside(entry.reason)
        if not entry.scopes <= scope.claims.scopes:
            return Aside("scope")  # a field error, which Strawberry knows how to place
        try:
            bound = bind(compiled, request.variables, literals, scope.tenant_id)
        except BadUserInput:
            return Aside("input")
        if isinstance(bound, StepAside):
            return Aside(bound.reason)
        if isinstance(bound, BoundMutation) and asgi is not None and asgi.get("method") == "GET":
            return Aside("GET")  # a link in a foreign page must write nothing
        if self._served.middleware:
            answer = await self._around(entry, bound, scope, asgi, context)
        else:
            answer = await self._run(bound, scope)
        if self._runtime.observers and isinstance(answer, bytes):
            self._observe(entry, scope, "compiled", started)
        return answer

    async def _run(self, bound: Bound | BoundMutation, scope: RequestScope) -> bytes | Aside:
        if isinstance(bound, BoundMutation):
            return await self._write(bound, scope)
        runtime = self._runtime
        tenant_id = scope.require_tenant()
        await runtime.admit(tenant_id)
        refuse_nested()
        try:
            text = await runtime.read_as(tenant_id, cast(CompiledQuery, bound))
        except Exception as error:
            known = translate(error)
            if known is not None:
                raise known from error
            if not is_outdated(error):
                raise
            self._served.forget(tenant_id)
            return Aside("catalog")  # the standard lane reads it, and the statement runs again
        if text is None:
            return Aside("null")
        data = text.encode()
        if bound.violates(data):
            return Aside("null")  # run again, so that the errors are Strawberry's own
        return data

    async def _write(self, bound: BoundMutation, scope: RequestScope) -> bytes | Aside:
        runtime, tenant_id = self._runtime, scope.require_tenant()
        await runtime.admit(tenant_id)
        refuse_nested()
        try:
            return await write_all(runtime, tenant_id, bound)
        except Unfinished as unfinished:
            outcomes = unfinished.outcomes
            if any(each.error and is_outdated(each.error) for each in outcomes.values()):
                self._served.forget(tenant_id)
            return Aside(unfinished.reason, outcomes=outcomes)

    async def _around(
        self,
        entry: PlanEntry,
        bound: Bound | BoundMutation,
        scope: RequestScope,
        asgi: Scope | None,
        context: Context | None,
    ) -> bytes | Aside:
        assert entry.facts is not None
        answers: list[bytes | Aside] = []

        async def endpoint() -> Ending:
            answers.append(await self._run(bound, scope))
            return ending_of(getattr(answers[0], "outcomes", {}))

        if context is None:
            request = None if asgi is None else Request(asgi)
            context = make_context(self._runtime, scope, {"request": request})
        headers = asgi["headers"] if asgi is not None else ()
        seen = middleware_request(context, entry.facts, headers)
        with enter_scope(scope):
            await run_middleware(self._served.middleware, seen, endpoint)
        answer = answers[0]
        return replace(answer, guarded=True) if isinstance(answer, Aside) else answer

    def _observe(self, entry: PlanEntry, scope: RequestScope, reason: str, started: float) -> None:
        assert entry.facts is not None
        notify(
            self._runtime.observers,
            OperationServed(
                scope.tenant_id,
                entry.facts.name,
                entry.facts.type,
                "fast",
                reason,
                time.perf_counter() - started,
            ),
        )
