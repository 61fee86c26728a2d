"""What `prove` runs: the attacks of a strategy, on the database itself or on a clone of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sqlalchemy import make_url

from ..check import check_connection
from ..check.prove import Attempt, Proof, prove_database, prove_databases
from ..check.prove.belongings import AdminWitness
from ..check.prove.graphql import attack_fields
from ..check.prove.mutations import attack_mutations
from ..config import Config
from ..errors import SetupError
from ..lifecycle.administrator import Administrator, Driver
from ..lifecycle.clone import cloned
from ..tenancy import Tenancy
from .check import connect
from .target import load_schema

__all__ = ["Wanted", "run_proof"]

Progress = Callable[[int, int, str], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    Args:
        database: Another database than the configuration's, as its application role.
        tenants: Two tenants, if any were named.
        schema: Where a GraphQL schema is.
        scopes: What callers of mutations may do.
        clone: Whether a clone is attacked.
        functions: Names of functions that may be called without one.
    """

    database: str | None
    tenants: tuple[str, str] | None
    schema: str | None
    scopes: tuple[str, ...]
    clone: bool
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Clone:
    """Two connections to a clone, and the configuration of a service on it."""

    config: Config
    application: Driver
    admin: Driver


async def run_proof(config: Config, wanted: Wanted, progress: Progress) -> Proof:
    """Attack what was asked for.

    Args:
        config: The deployment.
        wanted: What was asked for.
        progress: Told how many relations are done, of how many, and which is next.

    Raises:
        SetupError: What was asked for does not fit the deployment.
    """
    strategy = config.multitenancy.strategy
    if strategy != "row" and (wanted.clone or wanted.functions):
        raise SetupError('--clone and --allow-function are for [multitenancy] strategy = "row"')
    if strategy == "database":
        return await _prove_databases(config, wanted)
    if wanted.clone:
        return await _prove_clone(config, wanted, progress)
    connection = await connect(config, _url(config, wanted))
    try:
        proof = await prove_database(
            config, connection, wanted.tenants, functions=wanted.functions, progress=progress
        )
    finally:
        await connection.close()
    if wanted.schema is not None:
        async with Tenancy(config) as tenancy:
            proof = proof.with_attempts(await _attack_fields(tenancy, wanted))
    return proof


async def _prove_databases(config: Config, wanted: Wanted) -> Proof:
    if wanted.tenants is None:
        raise SetupError("name two tenants that have a database: --tenants A B")
    async with Tenancy(config) as tenancy:
        proof = await prove_databases(tenancy, wanted.tenants)
        return proof.with_attempts(await _attack_fields(tenancy, wanted))


async def _prove_clone(config: Config, wanted: Wanted, progress: Progress) -> Proof:
    url = _url(config, wanted)
    async with _on_clone(config, url) as clone:
        proof = await prove_database(
            config, clone.application, wanted.tenants, on_clone=clone.admin, progress=progress
        )
        if wanted.schema is not None and wanted.tenants is not None:
            facts, _ = await check_connection(config, clone.application, rules=())
            async with Tenancy(clone.config) as tenancy:
                proof = proof.with_attempts(await _attack_fields(tenancy, wanted))
                mutations = await attack_mutations(
                    tenancy,
                    load_schema(wanted.schema),
                    facts,
                    AdminWitness(clone.admin),
                    wanted.tenants,
                    scopes=wanted.scopes,
                )
                proof = proof.with_attempts(mutations)
    return replace(proof, database=f"{make_url(url).database} (a clone of it)")


async def _attack_fields(tenancy: Tenancy, wanted: Wanted) -> list[Attempt]:
    if wanted.schema is None or wanted.tenants is None:
        return []
    return await attack_fields(tenancy, load_schema(wanted.schema), wanted.tenants)


@asynccontextmanager
async def _on_clone(config: Config, url: str) -> AsyncGenerator[_Clone]:
    administrator, place = Administrator.of(config), make_url(url)
    try:
        async with cloned(administrator, place.database or "", place.username or "") as name:
            there = place.set(database=name).render_as_string(hide_password=False)
            application = await connect(config, there)
            try:
                async with administrator.connect(name) as admin:
                    yield _Clone(_served(config, there, administrator, name), application, admin)
            finally:
                await application.close()
    finally:
        await administrator.close()


def _served(config: Config, url: str, administrator: Administrator, name: str) -> Config:
    """The deployment as it would be on the clone: nothing of it leads back to the original."""
    return config.override(
        database={
            "url": url,
            "admin_url": administrator.url_of(name).reveal(),
            "migrator_url": None,
            "listen_url": None,
            "replica_urls": None,
        },
        # What it would refuse is what the attacks are to show.
        multitenancy={"startup_check": "off"},
    )


def _url(config: Config, wanted: Wanted) -> str:
    return wanted.database or config.require_database_url().reveal()
