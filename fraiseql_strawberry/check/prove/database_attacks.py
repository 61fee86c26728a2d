"""The attacks of the database strategy: what a tenant's own credentials open beside its database.

Each tenant's connection is one to its own database, so attacks go after that border: another
database with the same role, what the registry hands out, and extensions that lead elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
from sqlalchemy import text

from ...config import Config
from ...config.secret import Secret
from ...errors import SetupError, TenancyError
from ...isolation.tenant_password import PasswordRules
from ...isolation.tenant_url import TenantUrl, TenantUrlRules, parse_tenant_url
from ...runtime import Runtime
from ...scope import RequestScope, enter_scope
from .attempt import Action, Attempt, Outcome, Who, merged

__all__ = ["attack_databases", "place_of"]

_CONNECT_SECONDS = 10.0

# The database itself, whatever names and addresses lead to it.
_WHERE = """
SELECT (SELECT oid FROM pg_database WHERE datname = current_database())::text
  || ' ' || pg_postmaster_start_time()::text
"""
_READABLE = """
SELECT format('%I.%I', n.nspname, c.relname) AS sql
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY 1
"""
# Functions of dblink, and servers of postgres_fdw and others, that the role may use.
_DOORS = """
SELECT 'dblink' AS door FROM pg_extension AS e
WHERE e.extname = 'dblink' AND EXISTS (
  SELECT FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.objid
  WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    AND d.classid = 'pg_proc'::regclass AND p.proname IN ('dblink', 'dblink_connect')
    AND has_function_privilege(p.oid, 'EXECUTE')
    AND has_schema_privilege(p.pronamespace, 'USAGE'))
UNION ALL
SELECT 'the foreign server ' || s.srvname FROM pg_foreign_server AS s
WHERE has_server_privilege(s.oid, 'USAGE')
UNION ALL
SELECT 'the role ' || r.rolname FROM pg_roles AS r
WHERE r.rolname IN ('pg_read_server_files', 'pg_execute_server_program', 'pg_write_server_files')
  AND pg_has_role(session_user, r.oid, 'MEMBER')
"""


async def attack_databases(runtime: Runtime, tenants: tuple[str, str]) -> list[Attempt]:
    """Try to get from one tenant's database to another's, in both directions.

    Args:
        runtime: The tenancy, started.
        tenants: Two tenants that are registered.

    Raises:
        SetupError: One of them has no database.
    """
    places = {tenant: await place_of(runtime, tenant) for tenant in tenants}
    found: list[Attempt] = []
    for own, other in (tenants, tenants[::-1]):
        found += [one async for one in _connect(own, places[own], other, places[other])]
        found += await _doors(runtime, own)
    found.append(await _handed_out(runtime, tenants))
    found += [await _session(runtime, Who.NONE), await _session(runtime, Who.RANDOM)]
    by_target: dict[str, list[Attempt]] = {}
    for one in found:
        by_target.setdefault(one.target, []).append(one)
    return [one for group in by_target.values() for one in merged(group)]


async def place_of(runtime: Runtime, tenant: str) -> TenantUrl:
    """The database that is registered for a tenant.

    Args:
        runtime: The tenancy, started.
        tenant: The tenant.

    Raises:
        SetupError: It has none.
        TenantUnavailable: It is not served.
    """
    written = None
    if runtime.registry is not None:
        written = (await runtime.registry.admit(tenant)).placement.get("database_url")
    if not isinstance(written, Secret):
        raise SetupError(f"no database is registered for the tenant {tenant}")
    return parse_tenant_url(written.reveal(), _rules(runtime.config))


def _rules(config: Config) -> TenantUrlRules:
    routing = config.multitenancy.routing
    passwords = PasswordRules(routing.password_variables, routing.password_files)
    return TenantUrlRules(routing.allowed_hosts, passwords)


async def _connect(
    own: str, mine: TenantUrl, other: str, theirs: TenantUrl
) -> AsyncIterator[Attempt]:
    """One tenant's role and password, at the other's database."""
    target, said = (
        "another tenant's database",
        f"-- as the role of {own}, at the database of {other}",
    )
    one_role = mine.user == theirs.user
    try:
        connection = await asyncpg.connect(
            host=theirs.host,
            port=theirs.port,
            user=mine.user,
            password=mine.password.read().reveal(),
            database=theirs.database,
            ssl=theirs.sslmode,
            timeout=_CONNECT_SECONDS,
            statement_cache_size=0,
        )
    except asyncpg.PostgresError as error:
        seen = f"refused ({error.sqlstate})"
        yield Attempt(target, Action.CONNECT, Who.OTHER, Outcome.CLOSED, seen, said)
        return
    except OSError as error:
        seen = f"its server cannot be reached: {type(error).__name__}"
        yield Attempt(target, Action.CONNECT, Who.OTHER, Outcome.NOT_TRIED, seen, said)
        return
    # Where one role serves all tenants, only the registry keeps them apart.
    outcome = Outcome.UNCLEAR if one_role else Outcome.HOLE
    why = "; a role for each tenant closes it" if one_role else ""
    try:
        yield Attempt(target, Action.CONNECT, Who.OTHER, outcome, f"it connects{why}", said)
        for row in await connection.fetch(_READABLE):
            yield await _read(connection, row["sql"], outcome, said)
    finally:
        await connection.close()


async def _read(
    connection: asyncpg.Connection, relation: str, outcome: Outcome, said: str
) -> Attempt:
    sql = f"SELECT 1 FROM {relation} LIMIT 1"  # noqa: S608 - quoted
    try:
        row = await connection.fetchval(sql)
    except asyncpg.PostgresError as error:
        outcome, seen = Outcome.CLOSED, f"refused ({error.sqlstate})"
    else:
        seen = "a row of another tenant" if row else "it may be read, and has no row"
    return Attempt(relation, Action.SELECT, Who.OTHER, outcome, seen, f"{said}\n{sql}")


async def _doors(runtime: Runtime, own: str) -> list[Attempt]:
    """What leads out of a tenant's own database, for whoever has another's password."""
    target, action, who = "ways out of a tenant's database", Action.CONNECT, Who.OWN
    async with runtime.as_tenant(own), runtime.session() as session:
        doors = (await session.scalars(text(_DOORS))).all()
    if not doors:
        seen = "no dblink, foreign server or role of the server's files"
        return [Attempt(target, action, who, Outcome.CLOSED, seen)]
    return [
        Attempt(door, action, who, Outcome.UNCLEAR, "it leads out of the tenant's database")
        for door in doors
    ]


async def _handed_out(runtime: Runtime, tenants: tuple[str, str]) -> Attempt:
    """Whether two tenants' sessions are in two databases."""
    found: list[str] = []
    for tenant in tenants:
        async with runtime.as_tenant(tenant), runtime.session() as session:
            found.append((await session.scalars(text(_WHERE))).one())
    target = "what the registry hands out"
    if found[0] == found[1]:
        seen = "both tenants are registered with one database"
        return Attempt(target, Action.CONNECT, Who.OTHER, Outcome.HOLE, seen, _WHERE)
    seen = "each tenant's session is in a database of its own"
    return Attempt(target, Action.CONNECT, Who.OTHER, Outcome.CLOSED, seen)


async def _session(runtime: Runtime, who: Who) -> Attempt:
    """Nobody's session, or that of a tenant which is not there."""
    target = "what the registry hands out"
    try:
        if who is Who.NONE:
            with enter_scope(RequestScope(runtime=runtime)):
                async with runtime.session():
                    pass
        else:
            async with runtime.as_tenant(str(uuid4())), runtime.session():
                pass
    except TenancyError as error:
        seen = f"refused ({error.code})"
        return Attempt(target, Action.CONNECT, who, Outcome.CLOSED, seen)
    return Attempt(target, Action.CONNECT, who, Outcome.HOLE, "a session is opened")
