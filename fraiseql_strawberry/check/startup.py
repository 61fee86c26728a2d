"""What the start of a service looks at: whatever shows rows to the wrong tenant now."""

from __future__ import annotations

import logging
from typing import Any, cast

import asyncpg

from ..errors import UnsafeDatabase
from ..isolation import OneEngine
from ..runtime import Runtime
from .database import check_connection
from .finding import Finding, Severity
from .rules import RULES

__all__ = ["refuse_unsafe_database"]

_log = logging.getLogger("fraiseql_strawberry")
_RULES = tuple(rule for rule in RULES if rule.at_startup)


async def refuse_unsafe_database(runtime: Runtime) -> None:
    """Run the rules about rows that leak now; `[multitenancy] startup_check` says what follows.

    Args:
        runtime: The tenancy, whose isolation is open.

    Raises:
        UnsafeDatabase: For an error, under "enforce"; with the SQL that mends it.
        ServiceUnavailable: When the database cannot be reached.
    """
    config, isolation = runtime.config, runtime.isolation
    mode = config.multitenancy.startup_check
    # Where each tenant has a database, its first connection is looked at (isolation/database.py).
    if mode == "off" or not isinstance(isolation, OneEngine):
        return
    async with isolation.connected() as connection:
        raw = await connection.get_raw_connection()
        driver = cast("asyncpg.Connection[Any]", raw.driver_connection)
        _, found = await check_connection(config, driver, rules=_RULES)
    errors = [one for one in found if one.severity is Severity.ERROR]
    if errors and mode == "enforce":
        raise UnsafeDatabase(
            "The database does not keep tenants apart:\n" + "\n".join(map(_line, errors)),
            fix="\n".join(one.fix for one in errors),
        )
    for one in found:
        _log.warning("%s; mend it with: %s", _line(one), one.fix)


def _line(one: Finding) -> str:
    return f"{one.rule.id} {one.object}: {one.message}"
