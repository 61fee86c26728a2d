"""ORM statements that say whose rows they are about, so that Citus asks one shard.

SQLAlchemy adds the criteria wherever a mapped class appears in a SELECT, UPDATE or DELETE: in
joins and eager loads, under an alias, in a sub-query. Policies keep tenants apart, not these.
See https://docs.sqlalchemy.org/en/20/orm/session_events.html#adding-global-where-on-criteria.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Table, event
from sqlalchemy.orm import (
    Mapper,
    ORMExecuteState,
    QueryableAttribute,
    Session,
    UserDefinedOption,
    with_loader_criteria,
)
from sqlalchemy.orm.mapper import _all_registries  # pyright: ignore[reportPrivateUsage]
from sqlalchemy.sql.base import ExecutableOption

__all__ = ["DistributedTable", "name_tenant"]


@dataclass(frozen=True, slots=True)
class DistributedTable:
    """A table, and the column whose value says on which shard a row is."""

    schema: str
    name: str
    column: str


class _Named(UserDefinedOption):
    """Says that a statement has the criteria: the loads of its relationships inherit both."""

    propagate_to_loaders = True


def name_tenant(session: Session, tables: frozenset[DistributedTable], tenant_id: str) -> None:
    """Add the tenant to each ORM statement of a session.

    Args:
        session: The session, of this tenant for as long as it lives.
        tables: The distributed tables.
        tenant_id: The canonical tenant.
    """
    options: list[ExecutableOption] = []

    @event.listens_for(session, "do_orm_execute")
    def add(state: ORMExecuteState) -> None:  # pyright: ignore[reportUnusedFunction]
        if not state.is_orm_statement or not (
            state.is_select or state.is_update or state.is_delete
        ):
            return
        if any(isinstance(option, _Named) for option in state.user_defined_options):
            return
        if not options:
            options.extend([*_criteria(tables, tenant_id), _Named()])
        state.statement = state.statement.options(*options)


def _criteria(tables: frozenset[DistributedTable], tenant_id: str) -> list[ExecutableOption]:
    found: list[ExecutableOption] = []
    # Of all classes there are: what a statement joins, or loads on the way, it need not name.
    for mapper in (mapper for mappers in _all_registries() for mapper in mappers.mappers):
        attribute = _attribute(mapper, tables)
        if attribute is not None:
            criteria = attribute == _value(attribute, tenant_id)
            found.append(with_loader_criteria(mapper, criteria, include_aliases=True))
    return found


def _attribute(
    mapper: Mapper[Any], tables: frozenset[DistributedTable]
) -> QueryableAttribute[Any] | None:
    """The mapped attribute: a column of the table's own would not follow an alias."""
    table = mapper.local_table
    if not isinstance(table, Table):
        return None
    # Without a schema it is found by the search path, which has one of that name.
    names = {
        one.column
        for one in tables
        if one.name == table.name and table.schema in (None, one.schema)
    }
    for attribute in mapper.column_attrs:
        if getattr(attribute.columns[0], "name", None) in names:
            return attribute.class_attribute
    return None


def _value(attribute: QueryableAttribute[Any], tenant_id: str) -> object:
    try:
        is_uuid = attribute.type.python_type is UUID
    except NotImplementedError:  # a type of the application's own: PostgreSQL reads the text
        return tenant_id
    return UUID(tenant_id) if is_uuid else tenant_id
