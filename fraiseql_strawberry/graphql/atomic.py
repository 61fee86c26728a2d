"""`atomic=True`: one transaction for the whole GraphQL operation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType

from graphql import GraphQLError
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import ExecutionContext, ExecutionResult

from ..errors import TenancyError
from ..runtime import Runtime
from ..scope import current_scope
from ..trouble import translate

__all__ = ["AtomicUnit"]


class _Undo(Exception):
    """An error of the operation rolls its transaction back."""


class AtomicUnit:
    """Opens one session that every resolver of the operation shares, one at a time.

    It commits when the operation has ended without an error, and before the response is sent;
    any error, in a child or a sibling too, undoes all of it.

    Args:
        runtime: The tenancy.
        operation: Whose result says how it ended.
    """

    def __init__(self, runtime: Runtime, operation: ExecutionContext) -> None:
        self._runtime = runtime
        self._operation = operation
        self._stack = AsyncExitStack()
        self._turn = asyncio.Lock()
        self._session: AsyncSession | None = None

    async def __aenter__(self) -> AtomicUnit:
        scope = current_scope()
        self._session = await self._stack.enter_async_context(self._runtime.session())
        scope.unit = self
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_scope().unit = None
        result = self._operation.result
        if error is None and result is not None and result.errors:
            kind, error = _Undo, _Undo()
        try:
            await self._stack.__aexit__(kind, error, traceback)
        except _Undo:
            assert result is not None
            self._operation.result = ExecutionResult(data=None, errors=result.errors)
        except Exception as failed:
            if failed is error:
                raise
            # The commit failed: nothing of what the resolvers returned is true.
            known = failed if isinstance(failed, TenancyError) else translate(failed)
            original = known or failed
            self._operation.result = ExecutionResult(
                data=None, errors=[GraphQLError(str(original), original_error=original)]
            )

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[AsyncSession]:
        """The shared session, for one resolver at a time; what it changed is flushed after."""
        assert self._session is not None
        async with self._turn:
            yield self._session
            await self._session.flush()
