"""A migration's first and last statement as functions, where a database has many places."""

from __future__ import annotations

import asyncpg

from .connecting import Driver
from .texts import FUNCTIONS, LEDGER_QUERIES

__all__ = ["install_functions"]


async def install_functions(driver: Driver) -> bool:
    """Make the functions, or bring them to this version; False where the role may not.

    Args:
        driver: A connection to the database of the places, in no transaction.
    """
    for name, body in FUNCTIONS.items():
        known = await driver.fetchval(LEDGER_QUERIES["function_body"], f"fraiseql.{name}()")
        if known == body:
            continue
        try:
            sql = LEDGER_QUERIES["make_function"].format(name=name, body=body)
            async with driver.transaction():
                await driver.execute(sql)
        except asyncpg.InsufficientPrivilegeError:
            return False
    return True
