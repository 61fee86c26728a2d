"""All tenants: their rows at once, for who says why; or one after the other, each as itself."""

from __future__ import annotations

import asyncio
import contextvars
import getpass
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import SetupError
from ..runtime import Runtime
from ..scope import find_scope
from .administrator import Administrator
from .queries import named_queries
from .records import TenantRecord

__all__ = ["TenantResult", "run_for_each", "session_over_all", "who_runs_this"]

T = TypeVar("T")

_QUERIES = named_queries("everyone")


@dataclass(frozen=True, slots=True)
class TenantResult(Generic[T]):
    """What became of one tenant.

    Args:
        tenant: The tenant.
        value: What the function returned; None where it raised.
        error: What it raised, if it did.
        seconds: How long it took.
    """

    tenant: TenantRecord
    value: T | None
    error: Exception | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the function returned."""
        return self.error is None


@asynccontextmanager
async def session_over_all(
    administrator: Administrator,
    session_class: type[AsyncSession],
    *,
    reason: str,
    used_by: str,
    writes: bool = False,
) -> AsyncGenerator[AsyncSession]:
    """A session of the administrator's, which no policy holds; its use is written down first.

    Args:
        administrator: Whose engine it is on; never that of requests.
        session_class: The application's own `AsyncSession` class.
        reason: Why all tenants' rows are needed at once.
        used_by: By whom.
        writes: Whether it may write; else PostgreSQL refuses to.

    Raises:
        SetupError: There is no reason.
    """
    if not reason.strip():
        raise SetupError('say why: all_tenants(reason="monthly invoice run")')
    # Committed before the first statement: what is rolled back, or killed, was still done.
    async with administrator.transaction() as transaction:
        use = await transaction.driver.fetchval(_QUERIES["begin"], reason, used_by, writes)
    outcome = "failed"
    try:
        async with administrator.transaction(writes=writes) as transaction:
            await transaction.driver.execute(_QUERIES["see_all"], f"all tenants: {use}")
            async with session_class(bind=transaction.sql, expire_on_commit=False) as session:
                yield session
                await session.commit()
        outcome = "done"
    finally:
        async with administrator.transaction() as transaction:
            await transaction.driver.execute(_QUERIES["end"], use, outcome)


async def run_for_each(
    runtime: Runtime,
    tenants: Sequence[TenantRecord],
    work: Callable[[TenantRecord], Awaitable[T]],
    *,
    concurrency: int = 4,
    on_result: Callable[[TenantResult[T]], object] | None = None,
) -> list[TenantResult[T]]:
    """Call a function for each tenant, as that tenant; the error of one does not stop the others.

    Args:
        runtime: The deployment.
        tenants: The tenants.
        work: The function; within it `tenancy.session()` is that tenant's.
        concurrency: How many run at a time.
        on_result: Is called with each result as it comes.

    Returns:
        A result for each tenant, in their order.
    """
    if concurrency < 1:
        raise SetupError(f"concurrency={concurrency}: at least one must run")
    waiting = iter(enumerate(tenants))
    results: dict[int, TenantResult[T]] = {}

    async def worker() -> None:
        for place, tenant in waiting:
            started = time.perf_counter()
            value, error = None, None
            try:
                async with runtime.as_tenant(tenant.id):
                    value = await work(tenant)
            except Exception as caught:  # noqa: BLE001 - it is the result
                error = caught
            result = TenantResult(tenant, value, error, time.perf_counter() - started)
            results[place] = result
            if on_result is not None:
                on_result(result)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(tenants))):
            # A fresh context: whoever called may be a request of one of them.
            group.create_task(worker(), context=contextvars.Context())
    return [results[place] for place in range(len(tenants))]


def who_runs_this() -> str:
    """The user of the running request, or else of the process: for receipts and audit."""
    scope = find_scope()
    if scope is not None and scope.claims.user_id:
        return f"user {scope.claims.user_id}"
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
