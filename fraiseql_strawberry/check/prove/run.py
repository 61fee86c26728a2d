"""Runs all attacks over one database."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import text

from ...config import Config
from ...errors import SetupError
from ...isolation import SchemaNames
from ...runtime import Runtime
from ...seal import tenant_values
from ..database import check_connection
from ..facts import Facts, Relation
from .attempt import Attempt, Proof
from .belongings import AdminWitness
from .database_attacks import attack_databases, place_of
from .functions import attack_functions, not_called
from .ground import Ground
from .routines import Routine, read_routines
from .row_attacks import attack_relation
from .schema_attacks import attack_schemas

__all__ = ["prove_database", "prove_databases"]

Progress = Callable[[int, int, str], object]


async def prove_database(
    config: Config,
    connection: asyncpg.Connection[Any],
    tenants: tuple[str, str] | None = None,
    *,
    functions: Collection[str] = (),
    on_clone: asyncpg.Connection[Any] | None = None,
    progress: Progress = lambda done, total, name: None,
) -> Proof:
    """Attack everything that the application role can reach.

    Args:
        config: The strategy and the setting.
        connection: The application role's own; nothing is committed on it but a `SELECT 1`.
        tenants: Two tenants; made up for the row strategy where none are named.
        functions: Names of functions that may be called, in the row strategy; what they do is
            rolled back, as far as PostgreSQL can.
        on_clone: The administrator's connection, where the database is a clone: every function is
            called, and what it does is committed.
        progress: Told how many relations are done, of how many, and which is next.

    Raises:
        SetupError: Two tenants are needed and there are none, or there is no such function.
    """
    began, started = datetime.now(UTC), time.perf_counter()
    facts, _ = await check_connection(config, connection, rules=())
    multitenancy = config.multitenancy
    attempts: list[Attempt] = []
    shared: tuple[str, ...] = ()
    if multitenancy.strategy != "row" and (functions or on_clone is not None):
        raise SetupError("functions are attacked where rows are isolated by policies: strategy row")
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
        routines = await read_routines(connection, facts.server.role)
        called = routines if on_clone is not None else _allowed(routines, functions)
        witness = None if on_clone is None else AdminWitness(on_clone)
        attempts += await attack_functions(ground, facts, called, pair, witness=witness)
        attempts += not_called([one for one in routines if one not in called])
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
            "where each tenant has a database, attacks need the registry: prove_databases"
        )
    return Proof(
        facts.server.database,
        facts.server.role,
        multitenancy.strategy,
        _versions(facts.server.version_text),
        pair,
        began,
        time.perf_counter() - started,
        tuple(attempts),
        shared,
    )


async def prove_databases(runtime: Runtime, tenants: tuple[str, str]) -> Proof:
    """Attack the border between two tenants' databases.

    Args:
        runtime: The tenancy of a deployment with a database for each tenant, started.
        tenants: Two tenants that are registered.

    Raises:
        SetupError: One of them has no database.
        TenantUnavailable: One of them is not served.
    """
    began, started = datetime.now(UTC), time.perf_counter()
    places = [await place_of(runtime, tenant) for tenant in tenants]
    attempts = await attack_databases(runtime, tenants)
    async with runtime.as_tenant(tenants[0]), runtime.session() as session:
        server = (await session.scalars(text("SHOW server_version"))).one()
    return Proof(
        " and ".join(place.database for place in places),
        " and ".join(sorted({place.user for place in places})),
        "database",
        _versions(server),
        tenants,
        began,
        time.perf_counter() - started,
        tuple(attempts),
    )


def _versions(server: str) -> dict[str, str]:
    return {
        "PostgreSQL": server,
        "Python": platform.python_version(),
        "fraiseql-strawberry": version("fraiseql-strawberry"),
    }


def _holds_tenants(facts: Facts, relation: Relation) -> bool:
    return facts.tenant_column in relation.columns or facts.leads_to_tenants(relation.oid)


def _allowed(routines: Sequence[Routine], names: Collection[str]) -> list[Routine]:
    for name in names:
        if not any(one.is_named(name) for one in routines):
            known = ", ".join(one.name for one in routines)
            raise SetupError(
                f"the application role can call no function {name!r}; it can call {known or 'none'}"
            )
    return [one for one in routines if any(one.is_named(name) for name in names)]
