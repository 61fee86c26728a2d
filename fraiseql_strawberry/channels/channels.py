"""Who listens where: one connection for each database that somebody subscribes to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Protocol

from ..errors import TenantBusy
from .ear import Ear
from .subscriber import Subscriber

__all__ = ["Channels", "Places"]


class Places(Protocol):
    """Where a tenant's changes are heard: what a strategy knows of LISTEN."""

    most: int
    """How many databases may be listened to at a time."""

    def check(self) -> None:
        """Refuse a configuration under which nothing would be heard.

        Raises:
            SetupError: With what mends it.
        """
        ...

    def of(self, tenant_id: str) -> str:
        """The key of the database that announces the tenant's changes."""
        ...

    def name_of(self, tenant_id: str) -> str | None:
        """What announcements call the tenant; None where a database has one tenant's only."""
        ...

    def connect(self, tenant_id: str) -> AbstractAsyncContextManager[Any]:
        """A connection of asyncpg's to that database, for LISTEN alone.

        Raises:
            TenancyError: When it cannot be had.
        """
        ...


class Channels:
    """The subscriptions of one process.

    Args:
        places: Where tenants' changes are heard.
        waiting: How many changes may wait for a subscriber.
    """

    def __init__(self, places: Places, *, waiting: int) -> None:
        self.places = places
        self._waiting = waiting
        self._ears: dict[str, Ear] = {}

    @asynccontextmanager
    async def subscribe(self, tenant_id: str, channel: str) -> AsyncGenerator[Subscriber]:
        """For the block, a queue of what is announced of a tenant on a channel.

        Args:
            tenant_id: The canonical tenant, admitted.
            channel: The channel.

        Raises:
            TenantBusy: When too many databases are listened to already.
            ServiceUnavailable: When LISTEN cannot be had.
        """
        ear, subscriber = self._ear(tenant_id), Subscriber(self._waiting)
        try:
            await ear.join(subscriber, channel, self.places.name_of(tenant_id))
            yield subscriber
        finally:
            ear.leave(subscriber, channel)

    def moved(self, tenant_id: str | None) -> None:
        """Hear no more of a tenant where its database was: it may be another one now.

        Args:
            tenant_id: The tenant that has changed; None, for all, says of none that it has moved.
        """
        if tenant_id is not None and self.places.name_of(tenant_id) is None:
            ear = self._ears.get(self.places.of(tenant_id))
            if ear is not None:
                ear.close()

    async def stop(self) -> None:
        """End every subscription and close every connection."""
        ears = tuple(self._ears.values())
        for ear in ears:
            ear.close()
        for ear in ears:
            await ear.closed()

    def _ear(self, tenant_id: str) -> Ear:
        place = self.places.of(tenant_id)
        ear = self._ears.get(place)
        if ear is None:
            if len(self._ears) >= self.places.most:
                raise TenantBusy(hint=f"{len(self._ears)} databases are listened to already")
            connect = partial(self.places.connect, tenant_id)
            ear = self._ears[place] = Ear(connect, partial(self._forget, place))
        return ear

    def _forget(self, place: str, ear: Ear) -> None:
        if self._ears.get(place) is ear:
            del self._ears[place]
