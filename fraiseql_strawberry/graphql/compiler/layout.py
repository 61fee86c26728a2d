"""Which column or parameter each argument of a field that writes is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import GraphQLInputObjectType

from ...sql.render_write import Assignment, Condition
from ...sql.source import Source
from ...sql.write_catalog import FunctionFacts
from .targets import Target

__all__ = ["Layout"]


@dataclass(slots=True)
class Layout:
    """What the catalog makes of a field's arguments.

    Args:
        source: The table, view or function, with its schema where that is not the current one.
        targets: By Python name, of arguments and of the fields of input objects.
        objects: The arguments that are input objects whose fields are columns.
        bulk: The argument that is a list of such objects, a row each.
        keys: The argument that is a list of keys, a row each.
        nulls: The fields of input objects whose default of null stands for nothing.
        key: The column that says which row is meant; None where a row is made.
        tenant: The tenant's column, where the statement has to give it a value.
        conflict: The columns of the unique index whose conflict makes an insert an update.
        function: What is called; None for tables.
    """

    source: Source
    targets: dict[str, Target] = field(default_factory=dict[str, Target])
    objects: dict[str, GraphQLInputObjectType] = field(
        default_factory=dict[str, GraphQLInputObjectType]
    )
    bulk: str | None = None
    keys: str | None = None
    nulls: set[str] = field(default_factory=set[str])
    key: Condition | None = None
    tenant: Assignment | None = None
    conflict: tuple[str, ...] = ()
    function: FunctionFacts | None = None

    @property
    def rows(self) -> str | None:
        """The argument that decides how many rows there are; None for one row."""
        return self.bulk or self.keys

    @property
    def names(self) -> Mapping[str, str]:
        """What the client calls each column."""
        return {each.assignment.name: each.name for each in self.targets.values()}
