"""The Strawberry extension: every guard of ours around every operation, whoever's router it is."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import contextmanager

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext, ExecutionResult, StreamExecutionResult
from strawberry.types.graphql import OperationType

from ..errors import (
    DocumentNotTrusted,
    Forbidden,
    TenancyError,
    TenantSwitchRefused,
    TenantUnavailable,
)
from ..events import OperationServed, notify
from ..runtime import Runtime, running
from ..scope import OperationState, enter_operation, find_scope
from .atomic import AtomicUnit
from .context import Context, make_context
from .documents import Document, OperationFacts
from .fast_lane import Aside, GraphQLRequest, lane_of, server_timing
from .guard import Around, admit_operation, middleware_request
from .middleware import Middleware, Outcome
from .public_errors import Refused, public_errors, refused, unavailable
from .readings import Reading
from .served import ServedSchema, served_schema

__all__ = ["TenancyExtension"]


class TenancyExtension(SchemaExtension):
    """Parses and validates from the cache, guards the operation, masks its errors.

    Args:
        runtime: The tenancy; None takes the one of the running request.
        middleware: For schemas that were not made by `build_schema`.
    """

    fraiseql_safe = True  # it sees nothing that the fast lane would not do itself

    def __init__(
        self,
        runtime: Runtime | None = None,
        middleware: Sequence[Middleware] = (),
        *,
        execution_context: ExecutionContext | None = None,
    ) -> None:
        super().__init__(execution_context=execution_context)
        self._runtime = runtime
        self._middleware = middleware
        self._reading: Reading | None = None
        self._found: ServedSchema | None = None
        self._state: OperationState

    def on_operation(self) -> Iterator[None]:  # type: ignore[override]
        """Make the request's scope ambient and its context ours; mask whatever comes out."""
        with self._scope():
            yield
        result = self.execution_context.result
        if result is None or not result.errors:
            return
        result.errors = public_errors(result.errors)
        if unavailable(result.data, result.errors) and not isinstance(result, Refused):
            # Strawberry answers with this object, so it is changed, not replaced.
            result.data, result.errors = None, refused(TenantUnavailable()).errors
            self._answer_with(TenantUnavailable())

    def on_parse(self) -> Iterator[None]:  # type: ignore[override]
        """Take document and validation from the cache; the bounds are checked before anything.

        Both here: each hook of an extension costs as much as looking them up.
        """
        operation = self.execution_context
        if operation.query and operation.graphql_document is None:
            readings = self._served.readings
            self._reading = readings.read(operation.query, operation.validation_rules)
            operation.graphql_document = self._reading.document.node
            if operation.pre_execution_errors is None:
                operation.pre_execution_errors = list(self._reading.document.errors)
        yield

    def on_stream_result(self, result: StreamExecutionResult) -> Iterator[None]:  # type: ignore[override]
        """Mask each result of a stream before it is sent: the operation's end is too late."""
        if isinstance(result, ExecutionResult) and result.errors:
            result.errors = public_errors(result.errors)
        yield

    async def on_execute(self) -> AsyncIterator[None]:  # type: ignore[override]
        """Middlewares, the tenant, its status; then, for atomic operations, one transaction."""
        operation, around = self.execution_context, Around()
        scope = self._context.scope
        self._state.served = self._served
        aside, scope.aside = scope.aside, None
        # For this operation alone: a resolver's own `schema.execute(…)` wants values.
        self._state.json_text, scope.json_text = scope.json_text, False
        started = time.perf_counter()
        facts: OperationFacts | None = None
        try:
            self._refuse_untrusted()
            facts = self._known_document().operation(operation._provided_operation_name)  # pyright: ignore[reportPrivateUsage]
            aside = aside or await self._fast_lane(facts)
            self._state.written = dict(aside.outcomes)
            if operation.result is None:
                await self._enter(around, facts, guarded=aside.guarded)
        except TenancyError as error:
            operation.result = refused(error)
            self._answer_with(error)
        except GraphQLError as error:
            operation.result = Refused([error])
        except Exception as error:  # noqa: BLE001 - a middleware's fault is masked, not repeated
            operation.result = Refused([GraphQLError("", original_error=error)])
        if operation.result is not None:
            if operation.operation_type is OperationType.SUBSCRIPTION:
                # Strawberry looks at the result of other operations only; this it cannot pass.
                raise (operation.result.errors or [GraphQLError("")])[0]
            yield
            return
        assert facts is not None
        assert aside is not None
        try:
            if facts.atomic:
                async with AtomicUnit(self._served.runtime, self._state, operation):
                    with self._literals():
                        yield
            else:
                with self._literals():
                    yield
            await self._leave(around)
        finally:
            around.abandon()
        self._observe(facts, aside, started)

    def _refuse_untrusted(self) -> None:
        """Our router has looked already; Strawberry's own has not, nor what calls the schema."""
        text, scope = self.execution_context.query, self._context.scope
        if scope.source != "code" and not self._served.persisted.admits(text or ""):
            raise DocumentNotTrusted

    def _answer_with(self, error: TenancyError) -> None:
        """Whoever's router it is, the response has the error table's status and headers."""
        response = self._context.get("response")
        if response is not None:
            response.status_code = error.status
            response.headers.update({**error.headers, "Cache-Control": "no-store"})

    def _known_document(self) -> Document:
        if self._reading is None:
            # Another extension parsed it: it is guarded all the same.
            node = self.execution_context.graphql_document
            assert node is not None
            self._reading = Reading(self._served.documents.examine(node))
        return self._reading.document

    @contextmanager
    def _literals(self) -> Generator[None]:
        """For the block that executes it, literals of the text are variables of the document."""
        operation, reading = self.execution_context, self._reading
        if (
            reading is None
            or not reading.variables
            or operation.graphql_document is not reading.document.node
        ):
            yield
            return
        given = operation.variables
        operation.variables = {**(given or {}), **reading.variables}
        try:
            yield
        finally:
            operation.variables = given
            if operation.result is not None and operation.result.errors:
                reading.relocate(operation.result.errors)

    @property
    def _served(self) -> ServedSchema:
        if self._found is None:
            runtime = self._runtime if self._runtime is not None else running().runtime
            schema = self.execution_context.schema
            self._found = served_schema(runtime, schema, self._middleware)
        return self._found

    @property
    def _context(self) -> Context:
        return self.execution_context.context

    @contextmanager
    def _scope(self) -> Generator[None]:
        operation = self.execution_context
        ambient = find_scope()
        if isinstance(operation.context, Context):
            scope = operation.context.scope
            if ambient is not None and ambient.tenant_id not in (None, scope.tenant_id):
                raise TenantSwitchRefused(hint="this context belongs to another tenant's request")
        elif ambient is not None and isinstance(ambient.runtime, Runtime):
            # schema.execute(…) in a job or a test, inside tenancy.as_tenant(…).
            scope = ambient
            operation.context = make_context(ambient.runtime, scope, operation.context)
        else:
            raise Forbidden(
                "Missing tenant context",
                hint="pass context_getter=tenancy.context(…) to the router, or run inside "
                "tenancy.as_tenant(…)",
            )
        with enter_operation(scope) as self._state:
            yield

    async def _fast_lane(self, facts: OperationFacts) -> Aside:
        """Under Strawberry's own router the lane is reached here."""
        operation, context = self.execution_context, self._context
        lane = lane_of(self._served)
        if lane is None or facts.type == "subscription" or operation.query is None:
            return Aside("off" if lane is None else facts.type)
        request = context.get("request")
        answer = await lane.answer(
            GraphQLRequest(
                operation.query,
                operation.variables,
                operation._provided_operation_name,  # pyright: ignore[reportPrivateUsage]
            ),
            context.scope,
            request.scope if request is not None else None,
            context,
        )
        if isinstance(answer, Aside):
            return answer
        operation.result = ExecutionResult(data=json.loads(answer), errors=None)
        return Aside("compiled", guarded=True)

    async def _enter(self, around: Around, facts: OperationFacts, *, guarded: bool) -> None:
        served, context = self._served, self._context

        async def admit() -> None:
            await admit_operation(served.runtime, context, facts)

        if served.middleware and not guarded:
            request = context.get("request")
            headers = request.scope["headers"] if request is not None else ()
            seen = middleware_request(context, facts, headers)
            await around.enter(served.middleware, seen, admit)
        else:
            await admit()

    async def _leave(self, around: Around) -> None:
        if not around.entered:
            return
        operation = self.execution_context
        errors = (operation.result.errors if operation.result else None) or []
        outcome = Outcome(200, tuple(error.formatted for error in public_errors(errors)))
        try:
            await around.leave(outcome)
        except Exception as error:
            if operation.result is None:
                raise
            # Strawberry answers with this object, so it is changed, not replaced.
            operation.result.data = None
            operation.result.errors = [GraphQLError("", original_error=error)]
            if isinstance(error, TenancyError):
                self._answer_with(error)

    def _observe(self, facts: OperationFacts, aside: Aside, started: float) -> None:
        runtime = self._served.runtime
        seconds = time.perf_counter() - started
        response = self._context.get("response")
        if runtime.config.graphql.server_timing and response is not None:
            response.headers["Server-Timing"] = server_timing("standard", aside.reason, seconds)
        if runtime.observers:
            tenant_id = self._context.scope.tenant_id
            event = OperationServed(
                tenant_id, facts.name, facts.type, "standard", aside.reason, seconds
            )
            notify(runtime.observers, event)
