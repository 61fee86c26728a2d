"""What lasts ends with what admitted it: its token, or its tenant's being served.

Nothing asks now and then. Expiry is one timer per connection; a change of a tenant comes from the
registry.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Protocol

from ..auth import Claims
from ..errors import TenancyError, TenantUnavailable, Unauthorized
from ..runtime import Runtime

__all__ = ["OpenConnection", "OpenConnections", "expired"]

# While the registry does not answer, it is asked again so often about a tenant that has changed.
_ASK_AGAIN_SECONDS = 1.0


class OpenConnection(Protocol):
    """A connection that lasts."""

    @property
    def tenant_id(self) -> str | None:
        """Whose it is, once that is known."""
        ...

    async def refuse(self, error: TenancyError) -> None:
        """End it, and say why; harmless when it has ended already."""
        ...


class OpenConnections:
    """The sockets and streams of one router that are open.

    Args:
        runtime: The tenancy, whose registry says when a tenant is served no more.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._open: set[OpenConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        runtime.when_started(self._watch)

    @contextmanager
    def holding(self, connection: OpenConnection) -> Generator[None]:
        """Around the life of a connection."""
        self._open.add(connection)
        try:
            yield
        finally:
            self._open.discard(connection)

    @contextmanager
    def until_expiry(self, connection: OpenConnection, claims: Claims) -> Generator[float | None]:
        """Around the life of a connection: it is refused when the token that opened it ends.

        Args:
            connection: The connection.
            claims: The token's; empty without one.

        Returns:
            When that is, in seconds since 1970.
        """
        expires_at = claims.expires_at
        if expires_at is None:
            yield None
            return
        now = time.time()
        # A token that `leeway` has admitted after its end is not refused in the same breath.
        leeway = self.runtime.config.auth.leeway if expires_at <= now else 0
        deadline = expires_at + leeway
        timer = asyncio.get_running_loop().call_later(
            deadline - now, lambda: self.spawn(connection.refuse(expired()))
        )
        try:
            yield deadline
        finally:
            timer.cancel()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in a task that belongs to no request."""
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        registry = self.runtime.registry
        if registry is not None:
            registry.watch(self._changed)

    def _changed(self, tenant_id: str | None) -> None:
        registry = self.runtime.registry
        concerned = {connection.tenant_id for connection in self._open}
        for tenant in concerned if tenant_id is None else concerned & {tenant_id}:
            if tenant is not None and registry is not None and registry.peek(tenant) is None:
                self.spawn(self._check(tenant))

    async def _check(self, tenant_id: str) -> None:
        while theirs := [each for each in self._open if each.tenant_id == tenant_id]:
            try:
                await self.runtime.admit(tenant_id)
            except TenantUnavailable as error:
                for connection in theirs:  # none waits for another, whose client may be slow
                    self.spawn(connection.refuse(error))
                return
            except TenancyError:
                # Nobody knows. Its operations are not served in the meantime.
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
            else:
                return


def expired() -> Unauthorized:
    """The refusal of a connection whose token has ended."""
    return Unauthorized("The token has expired")
