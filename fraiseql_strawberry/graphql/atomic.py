"""`atomic=True`: one transaction for the whole GraphQL operation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from graphql import GraphQLError
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.types import ExecutionContext

from ..errors import NestedAcquisition, TenancyError
from ..runtime import Runtime
from ..scope import OperationState
from ..session import was_cut
from ..trouble import translate, translated_after_cut

__all__ = ["AtomicUnit"]


class _Undo(Exception):
    """An error of the operation rolls its transaction back."""


class _Turn:
    """Whether a resolver still has the shared session; its child tasks inherit it."""

    over = False


_turn: ContextVar[_Turn | None] = ContextVar("fraiseql_turn", default=None)


class AtomicUnit:
    """Opens one session that every resolver of the operation shares, one at a time.

    It commits when the operation has ended without an error, and before the response is sent;
    any error, in a child or a sibling too, undoes all of it.

    Args:
        runtime: The tenancy.
        state: The operation, to which its sessions belong from now on.
        operation: Whose result says how it ended.
    """

    def __init__(
        self, runtime: Runtime, state: OperationState, operation: ExecutionContext
    ) -> None:
        self._runtime = runtime
        self._state = state
        self._operation = operation
        self._stack = AsyncExitStack()
        self._free = asyncio.Lock()
        self._session: AsyncSession | None = None

    async def __aenter__(self) -> Self:
        self._session = await self._stack.enter_async_context(self._runtime.session())
        self._state.unit = self
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._state.unit = None
        result = self._operation.result
        if error is None and result is not None and result.errors:
            kind, error = _Undo, _Undo()
            # Strawberry answers with this object, so it is changed, here and below, not replaced.
            result.data = None
        try:
            await self._stack.__aexit__(kind, error, traceback)
        except Exception as failed:
            if failed is error or result is None:
                raise
            # The commit failed: nothing of what the resolvers returned is true.
            known = failed if isinstance(failed, TenancyError) else translate(failed)
            original = known or failed
            result.data = None
            result.errors = [GraphQLError(str(original), original_error=original)]

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[AsyncSession]:
        """The shared session, for one resolver at a time; what it changed is flushed after.

        Raises:
            NestedAcquisition: When the code that awaits this one has the turn: it would wait for
                itself.
        """
        session = self._session
        assert session is not None
        above = _turn.get()
        if above is not None and not above.over:
            raise NestedAcquisition(hint="this operation is atomic: use the session you have")
        async with self._free:
            mine = _Turn()
            _turn.set(mine)
            try:
                with translated_after_cut(lambda: was_cut(session)):
                    yield session
                    await session.flush()
            finally:
                mine.over = True
