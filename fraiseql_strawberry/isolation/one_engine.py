"""What the strategies share whose tenants all live in one database."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..errors import ServiceUnavailable
from ..trouble import translate_connects
from .reading import Reads
from .role import verify_role

__all__ = ["OneEngine"]


class OneEngine:
    """One engine for all tenants, with what keeps it and closes it.

    Args:
        engine: The application role's engine.
        reads: Runs the compiled reads.
        owned: Whether the engine is ours to tune and to close, or the application's own.
    """

    def __init__(self, engine: AsyncEngine, *, reads: Reads, owned: bool = True) -> None:
        translate_connects(engine)
        self._engine = engine
        self._owned = owned
        self._reads = reads

    async def verify(self) -> None:
        """Look at the role once more (see `Isolation.verify`)."""
        async with self.connected() as connection:
            await verify_role(connection)

    async def stop(self) -> None:
        """Close every connection of an engine that is ours."""
        await self._reads.close()
        if self._owned:
            await self._engine.dispose()

    def engine(self, tenant_id: str) -> AbstractAsyncContextManager[AsyncEngine]:
        """All tenants share one engine (see `Isolation.engine`)."""
        return nullcontext(self.engine_for(tenant_id))

    def engine_for(self, tenant_id: str) -> AsyncEngine:
        """The one engine."""
        return self._engine

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[AsyncConnection]:
        """A connection that is bound to no tenant, for catalogs and the role.

        Raises:
            ServiceUnavailable: When the database cannot be reached.
        """
        try:
            async with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            # The driver's own words: SQLAlchemy adds a link to its manual.
            said = getattr(error, "orig", error)
            raise ServiceUnavailable(hint=f"the database did not answer: {said}") from error
