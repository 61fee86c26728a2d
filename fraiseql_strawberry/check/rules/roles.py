"""R: what the application role is and may do."""

from __future__ import annotations

from collections.abc import Iterator

from ...sql.catalog import quoted
from ..facts import Facts
from ..finding import Found, Severity, rule

__all__ = ["R01", "R02", "R03", "R04", "R05"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


@rule(
    "R01",
    _ERROR,
    "the application role is a superuser or bypasses row-level security",
    why="No policy applies to it: every query sees every tenant's rows.",
    at_startup=True,
)
def R01(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """Superuser or BYPASSRLS."""
    server = facts.server
    role = quoted(server.role)
    if server.superuser:
        yield Found(server.role, "is a superuser", f"ALTER ROLE {role} NOSUPERUSER;")
    if server.bypasses_rls:
        yield Found(server.role, "has BYPASSRLS", f"ALTER ROLE {role} NOBYPASSRLS;")


@rule(
    "R02",
    _ERROR,
    "the application role can become a privileged role, or an owner of tables",
    why="One SET ROLE, and no policy applies; an owner can also switch policies off.",
    at_startup=True,
)
def R02(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Memberships."""
    server, role = facts.server, quoted(facts.server.role)
    for name in server.privileged_roles:
        yield Found(
            server.role,
            f"is a member of {name}, which policies do not hold",
            f"REVOKE {quoted(name)} FROM {role};",
        )
    for name in sorted(set(server.owning_roles) - set(server.privileged_roles)):
        yield Found(
            server.role,
            f"is a member of {name}, which owns tables",
            f"REVOKE {quoted(name)} FROM {role};",
        )


@rule(
    "R03",
    _ERROR,
    "the application role may TRUNCATE, or make references or triggers",
    why="TRUNCATE ignores policies, REFERENCES tells which keys exist, TRIGGER runs code in "
    "other people's statements.",
)
def R03(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """TRUNCATE, REFERENCES, TRIGGER."""
    if facts.server.superuser:
        return
    role = quoted(facts.server.role)
    for relation in facts.relations.values():
        if relation.odd_privileges and relation.reachable and not relation.owned:
            names = ", ".join(relation.odd_privileges)
            fix = f"REVOKE {names} ON {relation.sql} FROM PUBLIC, {role};"
            yield Found(relation.label, f"{facts.server.role} has {names} on it", fix)


@rule(
    "R04",
    _WARNING,
    "the application role may create objects",
    why="A temporary table, or one in a schema of the path, stands in front of the real one.",
)
def R04(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Temporary tables, and CREATE in a schema."""
    server, role = facts.server, quoted(facts.server.role)
    if server.superuser:
        return
    if server.may_create_temp:
        fix = f"REVOKE TEMPORARY ON DATABASE {quoted(server.database)} FROM PUBLIC, {role};"
        yield Found(server.database, f"{server.role} may create temporary tables", fix)
    for schema in facts.schemas:
        if schema.may_create:
            fix = f"REVOKE CREATE ON SCHEMA {quoted(schema.name)} FROM PUBLIC, {role};"
            yield Found(schema.name, f"{server.role} may create objects in it", fix)


@rule(
    "R05",
    _ERROR,
    "sessions begin as a tenant, as another role, or without row security",
    why="A transaction that forgot its tenant would not see nothing, but that tenant's rows.",
    at_startup=True,
)
def R05(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Presets of the setting, of `role` and of `row_security`."""
    for preset in facts.presets:
        if preset.name.lower() not in (facts.setting.lower(), "role", "row_security"):
            continue
        whom = "ALL" if preset.role == "ALL" else quoted(preset.role)
        where = f" IN DATABASE {quoted(preset.database)}" if preset.database else ""
        yield Found(
            preset.name,
            f"is set for {preset.role}" + (f" in {preset.database}" if preset.database else ""),
            f"ALTER ROLE {whom}{where} RESET {preset.name};",
        )
