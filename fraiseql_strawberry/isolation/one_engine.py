"""What the strategies share whose tenants all live in one database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Session

from ..config import Pooler
from ..errors import ServiceUnavailable
from ..sql.setting import set_calls
from ..trouble import translate_connects
from .pooler import verify_pooler
from .reading import Reads
from .role import verify_role

__all__ = ["OneEngine"]


class OneEngine:
    """One engine for all tenants, with what keeps it and closes it.

    Args:
        engine: The application role's engine.
        reads: Runs the compiled reads.
        owned: Whether the engine is ours to tune and to close, or the application's own.
        pooler: The mode of the pooler in front of PostgreSQL.
        carried: Settings that each transaction brings, since a transaction pooler refuses them
            at start-up, and what is set for a session there reaches others.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        reads: Reads,
        owned: bool = True,
        pooler: Pooler = "none",
        carried: Mapping[str, str] | None = None,
    ) -> None:
        translate_connects(engine)
        self._engine = engine
        self._owned = owned
        self._pooler: Pooler = pooler
        self._carried_settings = dict(carried or {})
        self._carried = set_calls(self._carried_settings, local=True)
        self._reads = reads

    async def _verify_at_start(self) -> None:
        try:
            await verify_pooler(self._engine, self._pooler)
        except DBAPIError as error:
            raise _unavailable(error) from error
        await self.verify()

    async def verify(self) -> None:
        """Look at the role once more (see `Isolation.verify`)."""
        async with self.connected() as connection:
            await verify_role(connection)
            await self._look(connection)

    async def _look(self, connection: AsyncConnection) -> None:
        """What else a strategy has to know of the database; nothing by default."""

    def prepare_session(self, session: Session, tenant_id: str) -> None:
        """Sessions need nothing (see `Isolation.prepare_session`)."""

    def catalog_sql(self, sql: str) -> str:
        """The catalog is all there is to know (see `Isolation.catalog_sql`)."""
        return sql

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
                if self._carried:
                    await connection.exec_driver_sql(f"SELECT {', '.join(self._carried)}")
                yield connection
        except DBAPIError as error:
            raise _unavailable(error) from error


def _unavailable(error: DBAPIError) -> ServiceUnavailable:
    # The driver's own words: SQLAlchemy adds a link to its manual.
    said = getattr(error, "orig", error)
    return ServiceUnavailable(hint=f"the database did not answer: {said}")
