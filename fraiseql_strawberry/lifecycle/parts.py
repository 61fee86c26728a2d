"""What the lifecycle is made of, put together from a configuration when it is first needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ..config import Config
from ..errors import SetupError
from ..isolation.schema_name import SchemaNames
from ..runtime import Runtime
from ..seal import tenant_values
from .administrator import Administrator
from .control import service_role
from .delete import Deleting
from .migrate.rules import alembic_config_path
from .migrations import Migrations, SqlScripts
from .move import Moving
from .places import DatabasePlaces, Places, RowPlaces, SchemaPlaces
from .provision import Provisioning
from .records import Records
from .routes import Routes
from .servers import Servers
from .shelve import Shelving
from .standing import Standing

try:
    from .migrate.alembic_migrations import AlembicMigrations
except ImportError:  # the extra `migrations` is not installed
    AlembicMigrations = None

__all__ = ["LifecycleParts"]


class LifecycleParts:
    """The parts of one deployment; each is made on its first use.

    Args:
        runtime: The deployment.
        migrations: What makes a tenant's tables; by default what `[multitenancy] migrations` names,
            or else Alembic, where its configuration is.
    """

    def __init__(self, runtime: Runtime, migrations: Migrations | None = None) -> None:
        self.runtime = runtime
        self.config: Config = runtime.config
        self.records = Records(self.config.multitenancy.id_type)
        self._given = migrations

    @cached_property
    def administrator(self) -> Administrator:
        """The administrator's connections.

        Raises:
            SetupError: The configuration names none.
        """
        return Administrator.of(self.config)

    @cached_property
    def migrations(self) -> Migrations | None:
        """What makes a tenant's tables, if anything does.

        Raises:
            SetupError: The folder is not there, or there is nothing in it.
        """
        named = self.config.multitenancy.migrations
        if self._given is not None:
            return self._given
        if named is None:
            return self._alembic()
        here = self.config.path.parent if self.config.path else Path()
        return SqlScripts(here / named)

    def _alembic(self) -> Migrations | None:
        if not alembic_config_path(self.config).is_file():
            return None
        if AlembicMigrations is None:
            raise SetupError(
                'the tables of tenants are made by Alembic: pip install "fraiseql-strawberry'
                '[migrations]"'
            )
        return AlembicMigrations(self.config)

    @cached_property
    def places(self) -> Places:
        """How tenants are kept, under the strategy of this deployment."""
        multitenancy = self.config.multitenancy
        service = service_role(self.config)
        if multitenancy.strategy == "row":
            return RowPlaces(
                self.administrator,
                self.records,
                setting=multitenancy.bound_setting,
                service=service,
                seal=tenant_values(self.config),
            )
        return self.schemas if multitenancy.strategy == "schema" else self.databases

    @cached_property
    def databases(self) -> DatabasePlaces:
        """The places of tenants that have a database each."""
        multitenancy = self.config.multitenancy
        return DatabasePlaces(
            self.administrator,
            self.records,
            names=SchemaNames(multitenancy.database_template, uuids=multitenancy.id_type == "uuid"),
            routes=Routes(self.config),
            servers=Servers(self.administrator, multitenancy.routing.allowed_hosts),
            migrations=self.migrations,
            setting=multitenancy.setting,
            service=service_role(self.config),
        )

    @cached_property
    def schemas(self) -> SchemaPlaces:
        """The places of tenants that have a schema each."""
        multitenancy = self.config.multitenancy
        uuids = multitenancy.id_type == "uuid"
        roles = multitenancy.role_template
        return SchemaPlaces(
            self.administrator,
            self.records,
            names=SchemaNames(multitenancy.schema_template, uuids=uuids),
            migrations=self.migrations,
            service=service_role(self.config),
            owner=self.config.migrations.owner,
            roles=SchemaNames(roles, uuids=uuids) if roles else None,
            shared=multitenancy.shared_schemas,
        )

    @cached_property
    def provisioning(self) -> Provisioning:
        """Makes tenants."""
        return Provisioning(self.administrator, self.records, self.places)

    @cached_property
    def standing(self) -> Standing:
        """Says whether tenants are served."""
        return Standing(self.administrator, self.records, self.places, self.runtime.changed)

    @cached_property
    def shelving(self) -> Shelving:
        """Puts tenants away into files."""
        return Shelving(self.administrator, self.records, self.places, self.standing)

    @cached_property
    def moving(self) -> Moving:
        """Moves tenants to other servers.

        Raises:
            SetupError: They have no databases of their own.
        """
        strategy = self.config.multitenancy.strategy
        if strategy != "database":
            raise SetupError(
                f"strategy = {strategy!r}: only a tenant with its own database moves to another "
                "server. Otherwise export it, and import the file where it is to be"
            )
        changed = self.runtime.changed
        return Moving(
            *(self.administrator, self.records, self.databases, self.standing), changed=changed
        )

    @cached_property
    def deleting(self) -> Deleting:
        """Deletes tenants."""
        return Deleting(
            self.administrator, self.records, self.places, self.standing, self.runtime.changed
        )

    async def close(self) -> None:
        """Close the administrator's connections; the parts are made anew when needed again."""
        administrator = self.__dict__.get("administrator")
        for name, part in vars(type(self)).items():
            if isinstance(part, cached_property):
                self.__dict__.pop(name, None)
        if administrator is not None:
            await administrator.close()
