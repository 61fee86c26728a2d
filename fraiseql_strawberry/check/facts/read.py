"""Reads the facts: one query for each kind of object, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib import resources
from typing import Any, TypeVar

import asyncpg

from ...errors import SetupError
from .model import (
    Default,
    Facts,
    ForeignKey,
    Function,
    Index,
    Policy,
    Preset,
    Relation,
    Schema,
    Server,
)

__all__ = ["read_facts"]

T = TypeVar("T")
R = TypeVar("R", Policy, Index)

_FOLDER = resources.files("fraiseql_strawberry.check.facts")


async def read_facts(
    connection: asyncpg.Connection[Any],
    role: str,
    *,
    setting: str = "app.tenant_id",
    sealed_as: str | None = None,
    tenant_column: str = "tenant_id",
    schema_pattern: str | None = None,
    pooler_declared: bool = False,
) -> Facts:
    """Read what the catalog says, as one role may see it.

    Args:
        connection: Any connection to the database; the application role's own sees its timeouts.
        role: The application role.
        setting: The setting that policies read.
        sealed_as: The type of tenant columns, in SQL, where policies want a seal.
        tenant_column: The column that names a row's tenant.
        schema_pattern: What tenants' schemas are LIKE, for the schema strategy.
        pooler_declared: Whether the configuration knows of a pooler.

    Raises:
        SetupError: When there is no such role.
    """
    async with connection.transaction():
        servers = await _rows(connection, Server, "server", role)
        if not servers:
            raise SetupError(f"there is no role {role!r} on this server")
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        relations = await _rows(connection, Relation, "relations", role)
        reads = await connection.fetch(_sql("reads"))
        parents = await connection.fetch(_sql("partitions"))
        return Facts(
            server=servers[0],
            presets=tuple(await _rows(connection, Preset, "presets", role)),
            schemas=tuple(await _rows(connection, Schema, "schemas", role)),
            relations={relation.oid: relation for relation in relations},
            policies=_grouped(await _rows(connection, Policy, "policies", role)),
            indexes=_grouped(await _rows(connection, Index, "indexes")),
            foreign_keys=tuple(await _rows(connection, ForeignKey, "foreign_keys")),
            reads=_pairs((row["view"], row["relation"]) for row in reads),
            parents={row["child"]: row["parent"] for row in parents},
            functions=tuple(await _rows(connection, Function, "functions", role, setting)),
            defaults=tuple(await _rows(connection, Default, "defaults")),
            tenant_column=tenant_column,
            setting=setting,
            sealed_as=sealed_as,
            schema_pattern=schema_pattern,
            behind_pooler=not pooler_declared and pid != connection.get_server_pid(),
        )


def _sql(name: str) -> str:
    return _FOLDER.joinpath(f"{name}.sql").read_text("utf-8")


async def _rows(
    connection: asyncpg.Connection[Any], kind: type[T], name: str, *args: str
) -> list[T]:
    names = [field.name for field in fields(kind)]  # pyright: ignore[reportArgumentType]
    rows = await connection.fetch(_sql(name), *args)
    return [kind(**{name: _frozen(row[name]) for name in names}) for row in rows]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _grouped(rows: Iterable[R]) -> Mapping[int, tuple[R, ...]]:
    found: dict[int, list[R]] = {}
    for row in rows:
        found.setdefault(row.relation, []).append(row)
    return {key: tuple(values) for key, values in found.items()}


def _pairs(pairs: Iterable[tuple[int, int]]) -> Mapping[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for left, right in pairs:
        found.setdefault(left, []).append(right)
    return {key: tuple(values) for key, values in found.items()}
