"""Runs all attacks over one database."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import asyncpg

from ...config import Config
from ...errors import SetupError
from ...isolation import SchemaNames
from ...seal import tenant_values
from ..database import check_connection
from ..facts import Facts, Relation
from .attempt import Attempt, Proof
from .ground import Ground
from .row_attacks import attack_relation
from .schema_attacks import attack_schemas

__all__ = ["prove_database"]

Progress = Callable[[int, int, str], object]


async def prove_database(
    config: Config,
    connection: asyncpg.Connection[Any],
    tenants: tuple[str, str] | None = None,
    *,
    progress: Progress = lambda done, total, name: None,
) -> Proof:
    """Attack everything that the application role can reach.

    Args:
        config: The strategy and the setting.
        connection: The application role's own; nothing is committed on it but a `SELECT 1`.
        tenants: Two tenants; made up for the row strategy where none are named.
        progress: Told how many relations are done, of how many, and which is next.

    Raises:
        SetupError: When two tenants are needed and there are none.
    """
    began, started = datetime.now(UTC), time.perf_counter()
    facts, _ = await check_connection(config, connection, rules=())
    multitenancy = config.multitenancy
    attempts: list[Attempt] = []
    shared: tuple[str, ...] = ()
    if multitenancy.strategy == "row":
        pair = tenants or (str(uuid4()), str(uuid4()))
        ground = Ground(
            connection,
            multitenancy.bound_setting,
            tenant_values(config),
            citus=facts.server.citus,
        )
        targets = [one for one in facts.relations.values() if one.used]
        of_tenants = [one for one in targets if _holds_tenants(facts, one)]
        shared = tuple(one.label for one in targets if one not in of_tenants)
        for number, relation in enumerate(of_tenants):
            progress(number, len(of_tenants), relation.label)
            attempts += await attack_relation(ground, facts, relation, pair)
    elif multitenancy.strategy == "schema":
        if tenants is None:
            raise SetupError("name two tenants that have a schema: --tenants A B")
        pair = tenants
        names = SchemaNames(multitenancy.schema_template, uuids=multitenancy.id_type == "uuid")
        ground = Ground(connection, "search_path")
        schemas = (names.of(pair[0]), names.of(pair[1]))
        roles = multitenancy.role_template is not None
        attempts += await attack_schemas(ground, facts, schemas, roles=roles)
    else:
        raise SetupError(
            "where each tenant has a database there is nothing in it to get through to: "
            "check that PUBLIC may not connect (S02), with fraiseql-strawberry check"
        )
    return Proof(
        facts.server.database,
        facts.server.role,
        multitenancy.strategy,
        {
            "PostgreSQL": facts.server.version_text,
            "Python": platform.python_version(),
            "fraiseql-strawberry": version("fraiseql-strawberry"),
        },
        pair,
        began,
        time.perf_counter() - started,
        tuple(attempts),
        shared,
    )


def _holds_tenants(facts: Facts, relation: Relation) -> bool:
    return facts.tenant_column in relation.columns or facts.leads_to_tenants(relation.oid)
