"""One run of Alembic over one place, in one transaction that ends with the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep
from alembic.util import to_tuple
from sqlalchemy import Connection

from ...config import Strategy
from ...errors import SetupError
from ...sql.golden import HAS_CITUS, identifier
from .places import Place, Revisions
from .recording import Recording
from .rules import Rules
from .scripts import Scripts
from .texts import BEGIN, END, HOME, SET_FOUND

__all__ = ["ROLES", "Roles", "Visit", "changes_something", "configure_offline", "migrate_in_place"]

ROLES = "fraiseql_strawberry.roles"
"""Under which the operations find `Roles` in the options of Alembic's context."""

_SET = (
    "SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS s (name, value)"
)
# What a visit itself decides of Alembic's `context.configure`.
_OURS = frozenset(
    {"connection", "url", "as_sql", "version_table", "version_table_schema"}
    | {"transaction_per_migration", "transactional_ddl", "output_buffer", "literal_binds"}
)


@dataclass(frozen=True, slots=True)
class Roles:
    """What the operations need to know of a deployment.

    Args:
        owner: The role that objects are handed over to.
        application: The role that the service connects as.
        id_type: The type of tenant columns, in SQL.
        setting: The setting that policies read.
        strategy: How tenants are kept apart.
        citus: Whether tables are distributed over servers.
    """

    owner: str | None
    application: str | None
    id_type: str
    setting: str
    strategy: Strategy = "row"
    citus: bool = False

    @classmethod
    def of(cls, rules: Rules, *, citus: bool = False) -> Roles:
        """The part of the rules that operations see, and what the database has."""
        return cls(
            rules.owner, rules.application, rules.id_type, rules.setting, rules.strategy, citus
        )


class Visit:
    """What env.py is to do: the steps to a revision, in one transaction.

    Args:
        place: The place.
        rules: How places are migrated.
        scripts: The revisions.
        target: The revision to go to.
        recording: Takes down what is said, where that is wanted.
        finish: Called with the connection as the last thing in the transaction.
    """

    def __init__(
        self,
        place: Place,
        rules: Rules,
        scripts: Scripts,
        *,
        target: str = "heads",
        recording: Recording | None = None,
        finish: Callable[[Connection], object] | None = None,
    ) -> None:
        self.place = place
        self.rules = rules
        self.entered = False
        self.before: Revisions = ()
        self.after: Revisions = ()
        self.at: str | None = None  # the revision that is being applied
        self._scripts = scripts
        self._target = target
        self._recording = recording
        self._finish = finish

    def enter(self, connection: Connection) -> None:
        """Run env.py, which calls `run`.

        Args:
            connection: In SQLAlchemy's greenlet, and in no transaction. It keeps the place's
                settings, since what cannot run in a transaction needs the path as well: nobody
                else may use it afterwards.

        Raises:
            SetupError: It does not.
        """
        self._connection = connection
        self._scripts.enter(self, self._steps, destination_rev=self._target)
        if not self.entered:
            raise SetupError(
                f"{self._scripts.directory.env_py_location} does not call "
                "fraiseql_strawberry.alembic.run(), so nothing was migrated"
            )

    def run(self, environment: EnvironmentContext, metadata: Any, options: dict[str, Any]) -> None:
        """Migrate: called by env.py, from `fraiseql_strawberry.alembic.run`.

        Args:
            environment: Alembic's.
            metadata: The user's tables, for autogenerate.
            options: The user's own options of `context.configure`.

        Raises:
            SetupError: An option is ours to decide.
        """
        self.entered = True
        migrate_in_place(
            environment,
            self._connection,
            self.place,
            self.rules,
            metadata,
            options,
            began=self._began,
            ending=self._ending,
        )

    def _began(self, context: MigrationContext) -> None:
        if self._recording is not None:
            self._recording.attach(context)

    def _ending(self, connection: Connection, after: Revisions) -> None:
        self.after = after
        if self._finish is not None:
            self._finish(connection)

    def _steps(self, heads: Revisions, context: MigrationContext) -> Iterator[RevisionStep]:
        self.before = tuple(sorted(heads))
        recording = self._recording
        if recording is not None:
            recording.start()
        for step in self._scripts.steps(self.before, self._target):
            self.at = step.revision.revision  # type: ignore[attr-defined]
            yield step
        self.at = None
        if recording is not None:
            recording.stop()


def migrate_in_place(
    environment: EnvironmentContext,
    connection: Connection,
    place: Place,
    rules: Rules,
    metadata: Any,
    options: dict[str, Any],
    *,
    began: Callable[[MigrationContext], object] | None = None,
    ending: Callable[[Connection, Revisions], object] | None = None,
) -> None:
    """Let Alembic do what it was called for, in one transaction between our first and last words.

    Args:
        environment: Alembic's.
        connection: In no transaction; it keeps the place's settings.
        place: The place.
        rules: How places are migrated.
        metadata: The user's tables.
        options: The user's own options of `context.configure`.
        began: Called before the first migration.
        ending: Called after the checks with the connection and the place's revisions.

    Raises:
        SetupError: An option is ours to decide.
    """
    upgrades: list[str] = []

    def applied(step: MigrationInfo, **_: Any) -> None:
        if step.is_upgrade:
            upgrades.append(str(step.up_revision_id))

    settings = rules.settings(place)
    if not changes_something(environment):
        # Reflection sees all that the path leads to: autogenerate would drop the tables of shared
        # schemas, since they are not in the metadata.
        settings["search_path"] = f"{identifier(place.schema)}, pg_temp"
    connection.exec_driver_sql(_SET, ([*settings], [*settings.values()]))
    # What reflection takes for "no schema".
    connection.dialect.default_schema_name = place.schema
    # Schemas and databases are distributed as a whole, and tables in them need nothing.
    citus = rules.strategy == "row" and bool(connection.exec_driver_sql(HAS_CITUS).scalar())
    known = _options(rules, options, citus=citus)
    known["on_version_apply"] = (*to_tuple(known.get("on_version_apply"), default=()), applied)
    connection.commit()
    environment.configure(connection=connection, target_metadata=metadata, **known)
    context = environment.get_context()
    reads_only = context.opts.get("dont_mutate", False)
    with environment.begin_transaction():
        if not reads_only:
            if rules.strategy != "schema":
                connection.exec_driver_sql(HOME)
            connection.exec_driver_sql(SET_FOUND)
            connection.exec_driver_sql(BEGIN)
        if began is not None:
            began(context)
        environment.run_migrations()
        if upgrades:
            connection.exec_driver_sql(END)
        if ending is not None:
            ending(connection, tuple(sorted(context.get_current_heads())))


def changes_something(environment: EnvironmentContext) -> bool:
    """Whether Alembic was called for an upgrade, a downgrade or a stamp: it has a destination."""
    try:
        environment.get_revision_argument()
    except KeyError:
        return False
    return True


def configure_offline(
    environment: EnvironmentContext,
    rules: Rules,
    metadata: Any,
    options: dict[str, Any],
    *,
    output_buffer: TextIO | None = None,
) -> None:
    """Let Alembic write SQL instead of running it.

    Args:
        environment: Alembic's.
        rules: How places are migrated.
        metadata: The user's tables.
        options: The user's own options of `context.configure`.
        output_buffer: Where to; Alembic's own choice by default.

    Raises:
        SetupError: An option is ours to decide.
    """
    environment.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        literal_binds=True,
        output_buffer=output_buffer,
        target_metadata=metadata,
        **_options(rules, options),
    )


def _options(rules: Rules, options: dict[str, Any], *, citus: bool = False) -> dict[str, Any]:
    """The options of `context.configure`: the user's and ours.

    Raises:
        SetupError: An option is ours to decide.
    """
    if taken := sorted(_OURS & options.keys()):
        raise SetupError(
            f"env.py: run() decides {', '.join(taken)} itself: a tenant is one transaction, and "
            "fraiseql.toml says where it is"
        )
    return {
        "version_table": rules.version_table,
        "version_table_schema": rules.version_schema,
        ROLES: Roles.of(rules, citus=citus),
        **options,
    }
