"""Start-up refuses an application role that row-level security does not hold."""

from __future__ import annotations

from importlib import resources
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import UnsafeDatabase

__all__ = ["verify_role"]

_ROLE = (
    resources.files("fraiseql_strawberry.isolation")
    .joinpath("role.sql")
    .read_text(encoding="utf-8")
)


async def verify_role(connection: AsyncConnection) -> None:
    """Refuse a role that sees every tenant's rows whatever the policies say.

    Args:
        connection: A connection of the application role.

    Raises:
        UnsafeDatabase: When the role is a superuser, has BYPASSRLS, is a member of such a role,
            or owns tables without FORCE ROW LEVEL SECURITY; with the SQL that mends it.
    """
    row = (await connection.exec_driver_sql(_ROLE)).mappings().one()
    problem = _problem(dict(row))
    if problem is not None:
        raise UnsafeDatabase(problem[0], fix=problem[1])


def _problem(row: dict[str, Any]) -> tuple[str, str] | None:
    role = _quoted(row["role"])
    if row["is_superuser"]:
        return (
            f"The application role {role} is a superuser: row-level security does not apply to it.",
            f"ALTER ROLE {role} NOSUPERUSER;",
        )
    if row["bypasses_rls"]:
        return (
            f"The application role {role} has BYPASSRLS: row-level security does not apply to it.",
            f"ALTER ROLE {role} NOBYPASSRLS;",
        )
    if row["privileged_roles"]:
        return (
            f"The application role {role} can become a role that row-level security does not hold.",
            "\n".join(f"REVOKE {_quoted(name)} FROM {role};" for name in row["privileged_roles"]),
        )
    if row["owned_unforced"]:
        return (
            (
                f"The application role {role} owns tables that do not FORCE row-level security: "
                "an owner sees every row of them."
            ),
            "\n".join(
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n"
                f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"
                for table in row["owned_unforced"]
            ),
        )
    return None


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
