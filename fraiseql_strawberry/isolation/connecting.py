"""How a tenant's connections are made: on a permit, and looked at before their first use."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import asyncpg
from asyncpg import exceptions as postgres

from ..config import Pooler
from ..errors import PlacementRefused, ServiceUnavailable, TenancyError, TenantBusy
from ..leftovers import behind_pooler
from ..sql.setting import set_calls
from ..trouble import is_cut
from .cancelling import CancellingConnection
from .membership import Membership
from .tenant_url import TenantUrl

__all__ = ["ConnectOptions", "Connector"]

_IDENTITY = (
    resources.files("fraiseql_strawberry.isolation")
    .joinpath("tenant_database.sql")
    .read_text("utf-8")
)

# A server that is switched off says nothing: after as many seconds the socket is an error.
_SILENCE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 25_000}


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """What all tenants' connections have in common.

    Args:
        connect_timeout: Seconds that connecting may take, where the URL does not say.
        settings: Settings of PostgreSQL that everything relies on, by name.
        pooler: The mode of the pooler in front of PostgreSQL.
        setting: The setting that holds the tenant.
    """

    connect_timeout: float = 3.0
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    pooler: Pooler = "none"
    setting: str = "app.tenant_id"


class Connector:
    """Makes the connections of one tenant; SQLAlchemy's dialect calls it in asyncpg's place.

    Args:
        tenant_id: The canonical tenant.
        url: Its database.
        options: What all tenants' connections have in common.
        membership: The budget and the gates.
    """

    def __init__(
        self, tenant_id: str, url: TenantUrl, options: ConnectOptions, membership: Membership
    ) -> None:
        self._tenant_id = tenant_id
        self._url = url
        self._options = options
        self._membership = membership
        self._kind = CancellingConnection
        if options.pooler != "none":
            kept = self._settings() if options.pooler == "session" else {}
            self._kind = behind_pooler(CancellingConnection, options.setting, kept)
        self._seconds = url.connect_timeout or options.connect_timeout

    async def __call__(self, *_: Any, **__: Any) -> asyncpg.Connection:
        """Connect, with nothing of what SQLAlchemy would pass: all of it stands in the URL.

        Raises:
            ServiceUnavailable: The server cannot be reached, or refuses the role.
            PlacementRefused: It led to another database, or the role is a superuser.
            TenantBusy: The server takes no more connections.
        """
        membership = self._membership
        membership.use_permit()
        try:
            async with asyncio.timeout(self._seconds):
                connection = await self._connect()
        except BaseException as error:
            # The loop closes the socket in its next turn.
            asyncio.get_running_loop().call_soon(membership.budget.give_back)
            if isinstance(error, Exception):
                raise self._failed(error) from _cause(error)
            raise
        connection.add_termination_listener(lambda _: membership.budget.give_back())
        try:
            async with asyncio.timeout(self._seconds):
                await self._identify(connection)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, Exception):
                raise self._failed(error) from _cause(error)
            raise
        membership.server.passed()
        membership.tenant.passed()
        return connection

    async def _connect(self) -> CancellingConnection:
        url, pooler = self._url, self._options.pooler
        password = url.password
        secret = await asyncio.to_thread(password.read) if password.file else password.read()
        # The one that every pooler takes.
        start = {"application_name": url.application_name or f"t:{self._tenant_id}"}
        caching: dict[str, Any] = {"statement_cache_size": 0}
        if pooler != "transaction":  # which would know nothing of a statement that was prepared
            # 0 means no bound, on its length and on its age.
            caching = {"max_cacheable_statement_size": 0, "max_cached_statement_lifetime": 0}
        if pooler == "none":
            start |= self._settings()
        connection: CancellingConnection = await asyncpg.connect(
            host=url.host,
            port=url.port,
            user=url.user,
            password=secret.reveal(),  # "" too: None would be looked for in the environment
            database=url.database,
            ssl=url.sslmode,
            server_settings=start,
            connection_class=self._kind,
            **caching,
        )
        connection.turns = self._membership.budget.cancels
        _notice_silence(connection)
        return connection

    def _settings(self) -> dict[str, str]:
        return {
            **self._options.settings,
            # A compiled read has a LIMIT that PostgreSQL cannot know (see `planning`).
            "plan_cache_mode": "force_generic_plan",
            self._options.setting: self._tenant_id,
        }

    async def _identify(self, connection: asyncpg.Connection) -> None:
        pooler = self._options.pooler
        found = await connection.fetchrow(_IDENTITY)
        assert found is not None
        if pooler == "none" and found["pid"] != connection.get_server_pid():
            raise PlacementRefused(
                hint="a pooler stands in front of its database. Add to fraiseql.toml:\n[database]\n"
                'pooler = "transaction"\nor, where its pool_mode is session:\n[database]\n'
                'pooler = "session"'
            )
        if found["database"] != self._url.database:
            raise PlacementRefused(
                hint=f"its database_url names the database {self._url.database!r} and leads to "
                f"{found['database']!r}"
            )
        if found["superuser"]:
            raise PlacementRefused(
                hint=f"its role {found['role']!r} is a superuser or a member of one's role, and "
                "could read every tenant's database of the server"
            )
        if pooler == "session":  # which refuses them at the start
            calls = set_calls(self._settings(), local=False)
            await connection.execute(f"SELECT {', '.join(calls)}")

    def _failed(self, error: Exception) -> TenancyError:
        """The client's error, which the gates remember for a moment."""
        hint = f"tenant {self._tenant_id}, {self._url}: {_said(error)}"
        if isinstance(error, OSError | postgres.CannotConnectNowError) or is_cut(error):
            failure = ServiceUnavailable(hint=hint)
            self._membership.server.failed(failure)
            return failure
        self._membership.server.passed()  # it answered; but it will not have this tenant
        if isinstance(error, PlacementRefused):
            failure = PlacementRefused(hint=hint)
        elif isinstance(error, postgres.TooManyConnectionsError):
            failure = TenantBusy(hint=hint)
        else:
            failure = ServiceUnavailable(hint=hint)
        self._membership.tenant.failed(failure)
        return failure


def _said(error: Exception) -> str:
    if isinstance(error, TenancyError):
        return error.hint or error.message
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    # The message of another kind of error could quote what it was made of.
    told = isinstance(error, postgres.PostgresError | OSError)
    return f"{type(error).__name__}: {error}" if told else type(error).__name__


def _cause(error: Exception) -> Exception | None:
    return None if isinstance(error, PlacementRefused) else error


def _notice_silence(connection: Any) -> None:
    plug = connection._transport.get_extra_info("socket")
    if plug is None:
        return
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SILENCE.items():
        if hasattr(socket, name):  # the names differ between systems
            plug.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
