"""The facts, one class for each kind of object; each is a row of the query of its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ...sql.catalog import quoted
from ...sql.golden import HELPER

__all__ = [
    "Default",
    "Facts",
    "ForeignKey",
    "Function",
    "Index",
    "Policy",
    "Preset",
    "Relation",
    "Schema",
    "Server",
]


@dataclass(frozen=True, slots=True)
class Server:
    """The server, the database and the application role (`server.sql`)."""

    version: int
    version_text: str
    database: str
    role: str
    superuser: bool
    bypasses_rls: bool
    may_create_temp: bool
    public_may_connect: bool
    privileged_roles: tuple[str, ...]
    owning_roles: tuple[str, ...]
    asks: bool
    statement_timeout: str
    lock_timeout: str
    idle_timeout: str
    citus: bool


@dataclass(frozen=True, slots=True)
class Preset:
    """A setting that sessions start with (`presets.sql`)."""

    role: str
    database: str | None
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema and what the application role may do in it (`schemas.sql`)."""

    name: str
    may_use: bool
    may_create: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or materialised view (`relations.sql`)."""

    oid: int
    schema: str
    name: str
    kind: str
    partition: bool
    rls: bool
    forced: bool
    owner: str
    owner_bypasses_rls: bool
    owned: bool
    invoker: bool
    barrier: bool
    reachable: bool
    may_select: bool
    may_write: bool
    odd_privileges: tuple[str, ...]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    not_null: tuple[str, ...]
    random_ids: tuple[str, ...]
    defaults: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name for people: `app.tb_post`."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """The name for PostgreSQL."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def is_table(self) -> bool:
        """Whether rows are stored in it, or in its partitions."""
        return self.kind in ("r", "p", "f")

    @property
    def used(self) -> bool:
        """Whether the application role can read or write it."""
        return self.reachable and (self.may_select or self.may_write)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that applies to the application role (`policies.sql`); `*` is FOR ALL."""

    relation: int
    name: str
    permissive: bool
    command: str
    qual: str | None
    with_check: str | None


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `columns` holds None for an expression (`indexes.sql`)."""

    relation: int
    name: str
    is_unique: bool
    is_primary: bool
    method: str
    columns: tuple[str | None, ...]
    leaky: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; actions as in `pg_constraint`: a, r, c, n, d (`foreign_keys.sql`)."""

    name: str
    relation: int
    referenced: int
    on_delete: str
    on_update: str
    columns: tuple[str, ...]
    referenced_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the application (`functions.sql`)."""

    schema: str
    signature: str
    name: str
    definer: bool
    leakproof: bool
    pinned: bool
    executable: bool
    is_trigger: bool
    owner: str
    reads_setting: bool
    search_path: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Default:
    """A column default that leads to another schema (`defaults.sql`)."""

    schema: str
    name: str
    column: str
    other_schema: str
    other: str


@dataclass(frozen=True)
class Facts:
    """Everything the rules look at.

    Args:
        server: The server and the application role.
        presets: Settings that sessions start with.
        schemas: The schemas.
        relations: Tables and views, by oid.
        policies: The policies, by relation.
        indexes: The indexes, by relation.
        foreign_keys: The foreign keys.
        reads: For each view, what it reads.
        parents: For each partition, its parent.
        functions: The functions.
        defaults: Defaults that leave their schema.
        tenant_column: The column that names a row's tenant.
        setting: The setting that policies read.
        sealed_as: The type of tenant columns, in SQL, where policies believe a tenant only under
            a seal.
        schema_pattern: What tenants' schemas are named like, for the schema strategy.
        behind_pooler: Whether the connection goes through a pooler that nobody declared.
    """

    server: Server
    presets: tuple[Preset, ...] = ()
    schemas: tuple[Schema, ...] = ()
    relations: Mapping[int, Relation] = field(default_factory=dict[int, Relation])
    policies: Mapping[int, tuple[Policy, ...]] = field(
        default_factory=dict[int, tuple[Policy, ...]]
    )
    indexes: Mapping[int, tuple[Index, ...]] = field(default_factory=dict[int, tuple[Index, ...]])
    foreign_keys: tuple[ForeignKey, ...] = ()
    reads: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    parents: Mapping[int, int] = field(default_factory=dict[int, int])
    functions: tuple[Function, ...] = ()
    defaults: tuple[Default, ...] = ()
    tenant_column: str = "tenant_id"
    setting: str = "app.tenant_id"
    sealed_as: str | None = None
    schema_pattern: str | None = None
    behind_pooler: bool = False

    @cached_property
    def tables(self) -> tuple[Relation, ...]:
        """The tables."""
        return tuple(relation for relation in self.relations.values() if relation.is_table)

    @cached_property
    def tenant_tables(self) -> tuple[Relation, ...]:
        """The tables with a tenant column that the application role can reach."""
        return tuple(t for t in self.tables if self.tenant_column in t.columns and t.used)

    @cached_property
    def holds_tenants(self) -> frozenset[int]:
        """Every table with a tenant column, whoever can reach it."""
        return frozenset(t.oid for t in self.tables if self.tenant_column in t.columns)

    @cached_property
    def helpers(self) -> frozenset[str]:
        """Names of functions that read the setting; of a seal, only the one that verifies it."""
        if self.sealed_as is not None:
            return frozenset({HELPER.partition(".")[2].removesuffix("()")})
        return frozenset(f.name for f in self.functions if f.reads_setting)

    def leads_to_tenants(self, view: int) -> bool:
        """Whether a view reads a table with a tenant column, through other views too."""
        seen: set[int] = set()
        waiting = [view]
        while waiting:
            for below in self.reads.get(waiting.pop(), ()):
                if below in self.holds_tenants:
                    return True
                if below not in seen:
                    seen.add(below)
                    waiting.append(below)
        return False
