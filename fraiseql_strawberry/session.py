"""Sessions that cannot exist without a tenant, and connections that no request can hoard.

A session binds its tenant on `after_begin`, so every transaction it ever begins is bound: after
a commit, after a rollback (SECURITY.md, the seven, 2). Before it takes a connection it asks its
`Lease`, which lets one request hold two at the most and refuses to take one while another is
held further up the awaiting chain, where two requests on a pool of two would dead-lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache
from threading import get_ident
from typing import Any, cast

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.util.concurrency import await_, in_greenlet

from .bridge import bridged_method
from .errors import NestedAcquisition, TenantSwitchRefused
from .isolation import Isolation
from .replicas import mark
from .scope import RequestScope, find_scope
from .turns import TenantTurns

__all__ = [
    "Lease",
    "bound_session_class",
    "end_session",
    "holds_connection",
    "open_session",
    "refuse_nested",
    "was_cut",
]

_chain: ContextVar[tuple[Lease, ...]] = ContextVar("fraiseql_leases", default=())


class Lease:
    """The right of one session to hold a connection.

    Opening a session puts its lease on the chain of the running context (child tasks inherit
    it) and takes nothing; the first statement of a transaction takes a permit of the request,
    and the end of the transaction gives it back.
    """

    __slots__ = ("_above", "_scope", "_tenant_id", "_turns", "closed", "held")

    def __init__(self, scope: RequestScope, turns: TenantTurns, tenant_id: str) -> None:
        self._scope = scope
        self._turns = turns
        self._tenant_id = tenant_id
        self.held = False
        self.closed = False
        self._above = tuple(lease for lease in _chain.get() if not lease.closed)
        _chain.set((*self._above, self))

    def take(self) -> None:
        """Wait for a permit; called inside SQLAlchemy's greenlet, before the check-out.

        Raises:
            NestedAcquisition: When the code that awaits this one holds a connection itself.
        """
        if not self.held:
            await_(self._take())

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[None]:
        """Hold a permit for a block that takes a connection without a session.

        Raises:
            NestedAcquisition: As `take`.
        """
        await self._take()
        try:
            yield
        finally:
            self.release()
            self.closed = True

    async def _take(self) -> None:
        _refuse_below(self._above)
        await self._scope.slots.acquire()
        try:
            await self._turns.wait(self._tenant_id)
        except BaseException:
            self._scope.slots.release()
            raise
        self.held = True

    def release(self) -> None:
        """Give the permit back; harmless when none is held."""
        if self.held:
            self.held = False
            self._turns.give_back(self._tenant_id)
            self._scope.slots.release()


def refuse_nested() -> None:
    """Refuse to take a connection here and now.

    Raises:
        NestedAcquisition: When the code that awaits this one holds a connection itself.
    """
    _refuse_below(_chain.get())


def holds_connection() -> bool:
    """Whether a session of the code that runs here is open with a connection."""
    return any(lease.held for lease in _chain.get())


def _refuse_below(leases: tuple[Lease, ...]) -> None:
    if any(lease.held for lease in leases):
        raise NestedAcquisition(
            hint="a tenant session is open with a connection further up; use that session, "
            "or close it before you open another"
        )


class TenantBound(Session):
    """Mixed into the sync session class: asks the lease before each check-out."""

    _lease: Lease
    _bound: Connection | None = None
    _isolation: Isolation
    _tenant_id: str
    _loop: asyncio.AbstractEventLoop
    _thread: int

    def get_bind(self, *args: Any, **kwargs: Any) -> Engine | Connection:
        """Called by SQLAlchemy before every statement: the place where a permit is taken."""
        ambient = find_scope()
        if ambient is not None and ambient.tenant_id not in (None, self._tenant_id):
            # One session, one tenant: an identity map once returned B's object after a switch.
            raise TenantSwitchRefused(
                hint="this session belongs to another tenant than the request"
            )
        if self._lease.closed:
            raise TenantSwitchRefused(hint="this session's block has ended; open another")
        if in_greenlet():
            self._lease.take()
        return super().get_bind(*args, **kwargs)


# A SyncTenantSession is used in a worker thread, where nothing can be awaited: what talks to
# the database goes over the bridge. Lazy loads and refreshes end in execute() as well.
for _name in [
    "execute",
    "scalar",
    "scalars",
    "get",
    "get_one",
    "flush",
    "commit",
    "rollback",
    "refresh",
    "merge",
    "delete",
    "connection",
    "begin",
    "begin_nested",
    "bulk_save_objects",
    "bulk_insert_mappings",
    "bulk_update_mappings",
    "close",
    "reset",
    "invalidate",
]:
    setattr(TenantBound, _name, bridged_method(TenantBound, _name))


@event.listens_for(TenantBound, "after_begin", propagate=True)
def _bind_tenant(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    # A savepoint inherits the setting of its transaction and gives it back unharmed.
    if isinstance(session, TenantBound) and not transaction.nested:
        try:
            session._isolation.bind(connection, session._tenant_id)  # pyright: ignore[reportPrivateUsage]
            mark(connection, session._tenant_id)  # pyright: ignore[reportPrivateUsage]
        except BaseException:
            # SQLAlchemy keeps the connection in the transaction: whoever caught this error
            # would go on without a tenant, and see nothing where there is something.
            connection.invalidate()
            raise
        session._bound = connection  # pyright: ignore[reportPrivateUsage]


@event.listens_for(TenantBound, "after_transaction_end", propagate=True)
def _release(session: Session, transaction: SessionTransaction) -> None:
    if isinstance(session, TenantBound) and transaction.parent is None:
        session._lease.release()  # pyright: ignore[reportPrivateUsage]


@cache
def bound_session_class(
    session_class: type[AsyncSession],
) -> tuple[type[AsyncSession], type[Session]]:
    """The user's session class with a tenant-bound sync class below it.

    Args:
        session_class: `AsyncSession` or a class of the user's that inherits from it.

    Returns:
        The async class as it is, and its `sync_session_class` with `TenantBound` mixed in.
    """
    sync_class = session_class.sync_session_class
    bound = (
        TenantBound if sync_class is Session else type("TenantBound", (TenantBound, sync_class), {})
    )
    return session_class, bound


def open_session(
    isolation: Isolation,
    tenant_id: str,
    scope: RequestScope,
    *,
    engine: AsyncEngine,
    turns: TenantTurns,
    session_class: type[AsyncSession] = AsyncSession,
) -> AsyncSession:
    """Make a session of one tenant; nothing is checked out until its first statement.

    Args:
        isolation: The strategy that binds it.
        tenant_id: The canonical tenant; it never changes.
        scope: The request or job whose permits it takes.
        engine: The engine that the strategy keeps for the tenant.
        turns: How many connections the tenant may hold.
        session_class: The user's own `AsyncSession` class, if any.

    Returns:
        A session whose objects stay readable after its commit.
    """
    async_class, sync_class = bound_session_class(session_class)
    session = async_class(
        engine,
        sync_session_class=sync_class,
        expire_on_commit=False,
    )
    bound = cast(TenantBound, session.sync_session)
    bound._isolation, bound._tenant_id = isolation, tenant_id  # pyright: ignore[reportPrivateUsage]
    bound._loop = asyncio.get_running_loop()  # pyright: ignore[reportPrivateUsage]
    bound._thread = get_ident()  # pyright: ignore[reportPrivateUsage]
    isolation.prepare_session(bound, tenant_id)
    bound._lease = Lease(scope, turns, tenant_id)  # pyright: ignore[reportPrivateUsage]
    return session


def was_cut(session: AsyncSession) -> bool:
    """Whether the connection of a session's transaction is gone, and the transaction is not over.

    Args:
        session: One that `open_session` made.
    """
    bound = cast(TenantBound, session.sync_session)._bound  # pyright: ignore[reportPrivateUsage]
    return bound is not None and bound.invalidated


def end_session(session: AsyncSession) -> None:
    """Mark the session's block as ended: its permit is back, and it can begin nothing more."""
    lease = cast(TenantBound, session.sync_session)._lease  # pyright: ignore[reportPrivateUsage]
    lease.release()
    lease.closed = True
