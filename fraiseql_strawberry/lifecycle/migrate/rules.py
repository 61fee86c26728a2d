"""What the configuration says of migrations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from ...config import Config, Strategy
from ...config.secret import SecretUrl
from ...errors import SetupError
from ...isolation import SchemaNames
from ...sql.golden import CONTROL_SCHEMA, identifier
from .places import Place

__all__ = ["Rules", "alembic_config_path", "migrator_url"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How every place of a deployment is migrated.

    Args:
        strategy: How tenants are kept apart.
        home: The schema of tables, where the strategy gives tenants none of their own.
        version_table: The name of the version table.
        owner: The role that objects are handed over to, if there is one.
        application: The role that the service connects as, if it is known.
        id_type: The type of tenant columns, in SQL.
        setting: The setting that policies read.
        lock_timeout_ms: How long a statement waits for a lock, in milliseconds.
        attempts: How often a place is tried when it had to wait too long.
        exempt: Tables and views that the last checks pass over.
        shared: Schemas that stand behind the tenant's own in the search path.
        pattern: What the names of tenants' schemas are LIKE; empty where they have none.
    """

    strategy: Strategy = "row"
    home: str = "app"
    version_table: str = "alembic_version"
    owner: str | None = None
    application: str | None = None
    id_type: str = "uuid"
    setting: str = "app.tenant_id"
    lock_timeout_ms: int = 3000
    attempts: int = 10
    exempt: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    pattern: str = ""

    @classmethod
    def of(cls, config: Config) -> Rules:
        """The rules of a configuration."""
        multitenancy, migrations = config.multitenancy, config.migrations
        uuids = multitenancy.id_type == "uuid"
        by_schema = multitenancy.strategy == "schema"
        names = SchemaNames(multitenancy.schema_template, uuids=uuids)
        url = config.database.url
        return cls(
            strategy=multitenancy.strategy,
            home=migrations.schema,
            version_table=migrations.version_table,
            owner=migrations.owner,
            application=None if url is None else make_url(url.reveal()).username,
            id_type="uuid" if uuids else "text",
            setting=multitenancy.setting,
            lock_timeout_ms=migrations.lock_timeout_ms,
            attempts=migrations.lock_attempts,
            exempt=migrations.exempt,
            shared=multitenancy.shared_schemas if by_schema else (),
            pattern=names.pattern if by_schema else "",
        )

    @property
    def version_schema(self) -> str | None:
        """What Alembic is told of the version table's schema.

        Where tenants have schemas it is told nothing, and finds the table by the search path: so
        the statements of a migration are the same for every tenant.
        """
        return {"row": CONTROL_SCHEMA, "database": self.home, "schema": None}[self.strategy]

    def settings(self, place: Place) -> dict[str, str]:
        """The settings that hold while a place is migrated, by name."""
        return {
            # pg_temp last: without a mention it is searched first. The control schema is not in
            # it: what stands there would be taken for tables of the application.
            "search_path": ", ".join(map(identifier, (place.schema, *self.shared, "pg_temp"))),
            "lock_timeout": str(self.lock_timeout_ms),
            "statement_timeout": "0",
            # A role that policies hold would update 0 rows and say nothing; so it is an error
            # (SECURITY.md, the seven, 4).
            "row_security": "off",
            "fraiseql.strategy": self.strategy,
            "fraiseql.schema": place.schema,
            "fraiseql.version_table": place.version_table(self.version_table),
            "fraiseql.exempt": "\n".join(self.exempt),
            "fraiseql.tenants": self.pattern,
            **self._roles(),
        }

    def control_settings(self) -> dict[str, str]:
        """The settings with which the control schema is made, where there is none."""
        return {"fraiseql.strategy": "", "fraiseql.schema": CONTROL_SCHEMA, **self._roles()}

    def _roles(self) -> dict[str, str]:
        return {
            "fraiseql.owner": self.owner or "",
            "fraiseql.application": self.application or "",
        }


def alembic_config_path(config: Config) -> Path:
    """Where Alembic's configuration is: beside `fraiseql.toml`, or in the working folder."""
    folder = config.path.absolute().parent if config.path is not None else Path.cwd()
    return folder / config.migrations.alembic


def migrator_url(config: Config) -> SecretUrl:
    """The URL of the role that migrates, and of the control database.

    Raises:
        SetupError: The configuration has neither `migrator_url` nor `admin_url`.
    """
    url = config.database.migrator_url or config.database.admin_url
    if url is None:
        raise SetupError(
            "migrations need a role that may change tables: set [database] migrator_url, such as "
            '"${MIGRATOR_DATABASE_URL}", or admin_url'
        )
    return url
