"""The files that `init` writes: templates in `templates/`, with the names filled in.

In a template `:"role"` stands for an identifier and `:'role'` for a text, as in psql; `:role:`
stands for the name as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

from ..config import Strategy
from ..registry import ANNOUNCE_CHANGES
from ..sql import golden
from ..sql.sealed import SEAL_KEYS, create_seal_keys, create_sealed_helper

__all__ = ["Names", "scaffold"]

_TEMPLATES = resources.files("fraiseql_strawberry.cli").joinpath("templates")
_VARIABLE = re.compile(r""":(?:"(?P<identifier>\w+)"|'(?P<text>\w+)'|(?P<plain>\w+):)""")

_TABLE = "app.tb_note"

# What making a tenant takes: a database, and the settings that the service's role has in it.
_MIGRATOR_MAY = {
    "migrator_may": "NOCREATEDB NOCREATEROLE",
    "migrator_why": "",
    "with_admin": "",
}
_MIGRATOR_MAKES_DATABASES = {
    "migrator_may": "CREATEDB CREATEROLE",
    "migrator_why": " It makes tenants' databases, and sets\n"
    "  -- there what is set for the service's role here; before PostgreSQL 16 CREATEROLE lets it\n"
    "  -- change other roles as well.",
    "with_admin": " WITH ADMIN OPTION",
}

# Without a tenant nothing is found by name where each tenant has a schema. One schema of a path
# has to be there: SQLAlchemy asks for current_schema() first, and if that is pg_temp, PostgreSQL
# would create it for a role that may not have it.
_SEARCH_PATH = {
    "row": "app, fraiseql, pg_temp",
    "schema": "pg_catalog, pg_temp",
    "database": "app, fraiseql, pg_temp",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the files call things.

    Args:
        project: The service, for people.
        database: Its database.
        role: The role it connects as.
    """

    project: str
    database: str
    role: str

    @property
    def owner(self) -> str:
        """The role that owns every object and never logs in."""
        return f"{self.role}_owner"

    @property
    def migrator(self) -> str:
        """The role that migrations connect as."""
        return f"{self.role}_migrator"


# Each of these is a whole piece of row_level_security.sql, or nothing.
_PLAIN = {
    "query": "SELECT id, title, created_at FROM app.tb_note",
    "distribute_function": "",
    "distribute_table": "",
    "policy_form": "The sub-SELECT runs once per query, not per row.",
    "view_form": "",
}
_CITUS = {
    "query": "SELECT id, title, created_at, tenant_id FROM app.tb_note",
    "distribute_function": f"""-- On the workers too, since policies call it there.
{golden.distribute_function()};
""",
    "distribute_table": f"""
--    Each tenant's rows on one server. Tables that foreign keys lead to are distributed first.
{golden.distribute_table(_TABLE)};
""",
    "policy_form": "No sub-SELECT: Citus refuses it.",
    "view_form": "\n--    With the tenant, or a read cannot say which server it asks.",
}


def scaffold(
    strategy: Strategy, names: Names, *, sealed: bool = False, citus: bool = False
) -> dict[str, str]:
    """The text of each file, by its name.

    Args:
        strategy: How tenants are kept apart. Policies are part of row isolation only.
        names: What things are called.
        sealed: Whether policies believe a tenant only under a seal.
        citus: Whether tables of row isolation are distributed by tenant.
    """
    parts = _CITUS if citus else _PLAIN
    values = {
        "project": names.project,
        "database": names.database,
        "role": names.role,
        "owner": names.owner,
        "migrator": names.migrator,
        "search_path": _SEARCH_PATH[strategy],
        **(_MIGRATOR_MAKES_DATABASES if strategy == "database" else _MIGRATOR_MAY),
        "multitenancy": _read(f"multitenancy_{strategy}.toml").rstrip("\n"),
        "helper": golden.create_helper(),
        "admin_url": "# admin_url",
        "row_security": ";\n".join(golden.enable_row_security(_TABLE)),
        "policies": ";\n".join(
            golden.create_policy(_TABLE, name, permissive=permissive, inlined=citus)
            for name, permissive in golden.POLICIES.items()
        ),
        "view": golden.create_view("app.v_note", parts["query"]),
        **parts,
        "id_type": "text" if strategy == "schema" else "uuid",  # as the fraiseql.toml says
        "announce_changes": ANNOUNCE_CHANGES,
    }
    if sealed:
        values |= {
            "multitenancy": _read("multitenancy_sealed.toml").rstrip("\n"),
            "helper": ";\n".join(
                (
                    *create_seal_keys(),
                    golden.hand_over("TABLE", SEAL_KEYS, names.owner),
                    create_sealed_helper(),
                )
            ),
            "admin_url": "admin_url",
        }
    files = {
        "fraiseql.toml": _fill("fraiseql.toml", values),
        "roles.sql": _fill("roles.sql", values),
    }
    if strategy == "row":
        files["row_level_security.sql"] = _fill("row_level_security.sql", values)
    tenants = "registry.sql" if strategy == "database" else "tenants.sql"
    files[tenants] = _fill(tenants, values)
    return files


def _fill(template: str, values: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match["identifier"]:
            return '"' + values[match["identifier"]].replace('"', '""') + '"'
        if match["text"]:
            return "'" + values[match["text"]].replace("'", "''") + "'"
        return values[match["plain"]]

    return _VARIABLE.sub(value, _read(template))


def _read(template: str) -> str:
    return _TEMPLATES.joinpath(template).read_text(encoding="utf-8")
