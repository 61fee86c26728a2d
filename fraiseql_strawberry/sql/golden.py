"""The SQL that keeps tenants apart by policies, written in one place.

`init` writes it into its templates, the operations for Alembic execute it, and the example's files
are compared with it. Why each line is there stands in docs/explanation/golden-sql.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy.dialects.postgresql.base import PGDialect

__all__ = [
    "COMMANDS",
    "CONTROL_SCHEMA",
    "HAS_CITUS",
    "HELPER",
    "POLICIES",
    "Command",
    "Kind",
    "create_helper",
    "create_policy",
    "create_view",
    "disable_row_security",
    "distribute_function",
    "distribute_table",
    "drop_policy",
    "enable_row_security",
    "grant_access",
    "hand_over",
    "identifier",
    "literal",
    "qualified",
    "revoke_access",
    "undistribute_table",
]

CONTROL_SCHEMA = "fraiseql"
HELPER = f"{CONTROL_SCHEMA}.current_tenant_id()"
HAS_CITUS = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"

Command = Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"]
COMMANDS: tuple[Command, ...] = ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE")

Kind = Literal["TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FUNCTION", "TYPE", "SCHEMA"]

# One admits; the other, being RESTRICTIVE, is AND-ed to whatever admits (SECURITY.md, row
# strategy: a second permissive policy is OR-ed in).
POLICIES: dict[str, bool] = {"tenant_access": True, "tenant_fence": False}

_ACCESS = {
    # Not TRUNCATE (it ignores policies), REFERENCES or TRIGGER.
    "TABLE": "SELECT, INSERT, UPDATE, DELETE",
    "VIEW": "SELECT",
    "SEQUENCE": "USAGE",
    "FUNCTION": "EXECUTE",
    "TYPE": "USAGE",
    "SCHEMA": "USAGE",
}
_preparer = PGDialect().identifier_preparer


def identifier(name: str) -> str:
    """A name as SQL reads it, in quotes where it needs them."""
    return _preparer.quote(name)


def qualified(name: str, schema: str | None = None) -> str:
    """A name with its schema, where one is given."""
    return f"{identifier(schema)}.{identifier(name)}" if schema else identifier(name)


def literal(text: str) -> str:
    """A text as SQL reads it literally (PostgreSQL manual, 4.1.2)."""
    quoted = "'" + text.replace("'", "''") + "'"
    # With a backslash its meaning would depend on standard_conforming_strings.
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def create_helper(setting: str = "app.tenant_id", id_type: str = "uuid") -> str:
    """The function that gives the transaction's tenant, or NULL.

    Args:
        setting: The setting that holds it. It is unknown on a fresh connection (hence the `true`)
            and an empty string on a reused one (hence NULLIF).
        id_type: The type of tenant columns, in SQL.
    """
    return (
        f"CREATE FUNCTION {HELPER} RETURNS {id_type}\n"
        "  LANGUAGE sql STABLE PARALLEL SAFE\n"
        f"  RETURN NULLIF(current_setting('{setting}', true), '')::{id_type}"
    )


def enable_row_security(table: str) -> Sequence[str]:
    """ENABLE, or policies are only text; FORCE, or the owner is exempt.

    Args:
        table: The table, as SQL reads it.
    """
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    )


def disable_row_security(table: str) -> Sequence[str]:
    """The way back."""
    return (
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    )


def create_policy(
    table: str,
    name: str,
    *,
    permissive: bool = True,
    command: Command = "ALL",
    column: str = "tenant_id",
    inlined: bool = False,
) -> str:
    """A policy that is bound to the tenant, in what it shows and in what it takes.

    Args:
        table: The table, as SQL reads it.
        name: The policy's name.
        permissive: Whether it admits; else it only ever takes away.
        command: What it is for.
        column: The column that holds the tenant.
        inlined: Call the helper for each row, as Citus wants it on distributed tables. Otherwise a
            sub-SELECT makes it an InitPlan: once per query, and an index condition.
    """
    value = HELPER if inlined else f"(SELECT {HELPER})"
    bound = f"({identifier(column)} = {value})"
    conditions = ""
    if command != "INSERT":
        conditions += f"\n  USING {bound}"
    if command not in ("SELECT", "DELETE"):
        conditions += f"\n  WITH CHECK {bound}"
    kind = "PERMISSIVE" if permissive else "RESTRICTIVE"
    return (
        f"CREATE POLICY {identifier(name)} ON {table} AS {kind} FOR {command} TO PUBLIC{conditions}"
    )


def distribute_table(table: str, column: str = "tenant_id") -> str:
    """Let Citus put each tenant's rows on one shard.

    Tables that are distributed by a column of one type are co-located: a tenant's rows of all of
    them are on one server, so that they can be joined and can refer to each other by foreign keys
    that begin with the tenant (https://docs.citusdata.com, "Distributing Data").

    Args:
        table: The table, as SQL reads it.
        column: The column that holds the tenant.
    """
    return f"SELECT create_distributed_table({literal(table)}, {literal(column)})"


def undistribute_table(table: str) -> str:
    """The way back: all rows on the coordinator."""
    return f"SELECT undistribute_table({literal(table)})"


def distribute_function(function: str = HELPER) -> str:
    """Let Citus make a function on the workers, where policies call it."""
    return f"SELECT create_distributed_function({literal(function)})"


def drop_policy(table: str, name: str) -> str:
    """The way back."""
    return f"DROP POLICY {identifier(name)} ON {table}"


def create_view(view: str, query: str, *, replace: bool = False) -> str:
    """A view that reads its tables as whoever asks, and not as its owner.

    `CREATE OR REPLACE VIEW` drops the option without a word, so it is said each time
    (SECURITY.md, the seven, 3).

    Args:
        view: The view, as SQL reads it.
        query: The SELECT.
        replace: Whether there may be one already.
    """
    verb = "CREATE OR REPLACE VIEW" if replace else "CREATE VIEW"
    return f"{verb} {view} WITH (security_invoker = true) AS\n  {query.strip().rstrip(';')}"


def grant_access(kind: Kind, name: str, role: str) -> str:
    """What the service needs, and no more.

    Args:
        kind: What the object is.
        name: The object, as SQL reads it.
        role: The role, not quoted.
    """
    return f"GRANT {_ACCESS[kind]} ON {_granted(kind)}{name} TO {identifier(role)}"


def revoke_access(kind: Kind, name: str, role: str) -> str:
    """The way back."""
    return f"REVOKE {_ACCESS[kind]} ON {_granted(kind)}{name} FROM {identifier(role)}"


def _granted(kind: Kind) -> str:
    return "" if kind in ("TABLE", "VIEW") else f"{kind} "


def hand_over(kind: Kind, name: str, role: str) -> str:
    """Give an object to a role that never logs in; object by object, not REASSIGN OWNED.

    Args:
        kind: What the object is.
        name: The object, as SQL reads it; a function with its argument types.
        role: The new owner, not quoted; CURRENT_USER is the migrator itself.
    """
    owner = role if role == "CURRENT_USER" else identifier(role)
    return f"ALTER {kind} {name} OWNER TO {owner}"
