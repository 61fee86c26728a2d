"""What binds a transaction to its tenant: settings that end with it, in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import AutocommitRefused
from ..sql.scalars import literal
from ..sql.setting import set_calls

__all__ = ["Binding"]


class Binding:
    """Sets a transaction's settings with one statement, as PostgREST does.

    `set_config(…, true)` makes them end with the transaction: a session-level SET would leak to
    the next check-out and through PgBouncer (SECURITY.md, row strategy).

    Args:
        names: The settings whose values each transaction brings.
        also: A further expression to select, which sees the settings; its parameters come after
            theirs.
        carried: Further settings and their values, where a pooler refuses them at start-up.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        also: str | None = None,
        carried: Mapping[str, str] | None = None,
    ) -> None:
        calls = [f"set_config('{name}', ${n}, true)" for n, name in enumerate(names, 1)]
        calls += set_calls({"plan_cache_mode": "auto", **(carried or {})}, local=True)
        self._names = tuple(names)
        self._carried = tuple(set_calls(carried or {}, local=True))
        if also is not None:
            calls.append(also)
        self._sql = f"SELECT {', '.join(calls)}"

    def apply(self, connection: Connection, values: tuple[str, ...]) -> Any:
        """Bind the transaction that has just begun; returns the last value selected.

        Args:
            connection: The connection, in SQLAlchemy's greenlet.
            values: One for each name.

        Raises:
            AutocommitRefused: Where there is no transaction, so the settings would be lost at once.
        """
        driver: Any = connection.connection.dbapi_connection
        if connection.dialect.detect_autocommit_setting(driver):
            raise AutocommitRefused(
                hint="a tenant session needs a transaction: take isolation_level='AUTOCOMMIT' out, "
                "or use info.context['admin_db'] for statements that cannot run in one"
            )
        return connection.exec_driver_sql(self._sql, values).one()[-1]

    def opening(self, values: tuple[str, ...], *, also: str | None = None) -> str:
        """BEGIN and the binding as statements without parameters: one round trip.

        Args:
            values: One for each name, in canonical form.
            also: A further expression, which sees the settings and raises an error where they
                lead nowhere.
        """
        pairs = zip(self._names, values, strict=True)
        calls = [f"set_config('{name}', {literal(value)}, true)" for name, value in pairs]
        # Compiled statements have one good plan each, as the engine's connections are told.
        calls += self._carried
        if also is not None:
            calls.append(also)
        return f"BEGIN; SELECT {', '.join(calls)}"

    async def apply_to(self, driver: Any, values: tuple[str, ...]) -> None:
        """Bind the transaction that has begun on asyncpg's own connection.

        Args:
            driver: The connection.
            values: One for each name, sent as parameters.
        """
        await driver.fetchrow(self._sql, *values)

    async def apply_async(self, connection: AsyncConnection, values: tuple[str, ...]) -> Any:
        """The same, outside of a greenlet."""
        return await connection.run_sync(self.apply, values)
