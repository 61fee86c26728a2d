"""Looks at the database of a deployment, as its application role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import asyncpg

from ..config import Config
from ..isolation import SchemaNames
from .facts import Facts, read_facts
from .finding import Finding, Rule
from .rules import RULES
from .run import findings

__all__ = ["check_connection"]


async def check_connection(
    config: Config,
    connection: asyncpg.Connection[Any],
    *,
    rules: Iterable[Rule] = RULES,
    role: str | None = None,
) -> tuple[Facts, list[Finding]]:
    """Run rules over the database that a connection leads to.

    Args:
        config: The strategy, the setting, and what is ignored.
        connection: The application role's; or anybody's, with `role`.
        rules: The rules.
        role: The application role, where it is not the one that is connected.

    Returns:
        What the catalog says, and what the rules find in it, the worst first.
    """
    multitenancy = config.multitenancy
    by_schema = multitenancy.strategy == "schema"
    names = SchemaNames(multitenancy.schema_template, uuids=multitenancy.id_type == "uuid")
    facts = await read_facts(
        connection,
        role or await connection.fetchval("SELECT session_user::text"),
        setting=multitenancy.bound_setting,
        sealed_as=_id_type(config) if multitenancy.sealed else None,
        schema_pattern=names.pattern if by_schema else None,
        pooler_declared=config.database.pooler != "none",
    )
    found = findings(facts, multitenancy.strategy, rules=rules, ignored=config.check.ignored)
    return facts, found


def _id_type(config: Config) -> str:
    return "uuid" if config.multitenancy.id_type == "uuid" else "text"
