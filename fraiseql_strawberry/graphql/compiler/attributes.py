"""What the standard lane reads of rows: attributes of the decorated classes, and relations ahead.

What is selected is read, or everything where code of the user's may look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import FieldNode

from ...sql.catalog import Catalog
from ...sql.parameters import parameter_type
from ...sql.plan import ColumnRef, Field, Nested, Parameter, Value
from ...sql.source import Source
from ..relation import Prefetched
from .arguments import Known
from .builder import Builder, Expanded
from .columns import leaf_ref
from .fields import Leaf, Opaque, Related, without_obstacle
from .hydrate import RowHydrator, parser
from .index import ObjectIndex
from .selection import collect, subselections
from .statement import Cost

__all__ = ["AttributeBuilder"]


class AttributeBuilder(Builder):
    """Reads attributes under keys of its own: what is selected, or all where code may look."""

    def expand(self, object_: ObjectIndex, source: Source, nodes: Sequence[FieldNode]) -> Expanded:
        """Attributes and relations, and what makes an instance of them."""
        row = _Row(object_, source, self.catalog)
        grouped = collect(
            self.index.schema,
            object_.type,
            subselections(nodes),
            self.fragments,
            self.values,
            strict=False,
        )
        if hasattr(object_.cls, "__post_init__"):
            row.read_all()
        costs: list[Cost] = []
        for key, below in grouped.items():
            field = object_.fields.get(below[0].name.value)
            match field:
                case Leaf():
                    row.read(field.python_name)
                case Related():
                    nested, cost, hydrator = self.related(row.key(), object_, source, field, below)
                    row.prefetched(nested, (tuple(below), key), hydrator)
                    costs.append(cost)
                case Opaque():
                    row.read_all()
                case _:
                    continue  # __typename
        return Expanded(tuple(row.fields), tuple(costs), row.hydrator())

    def all(self, object_: ObjectIndex, source: Source) -> Expanded:
        """Everything that rows of a source can fill, and no relation."""
        row = _Row(object_, source, self.catalog)
        row.read_all()
        return Expanded(tuple(row.fields), (), row.hydrator())

    def key_parameter(self, ref: ColumnRef) -> Parameter:
        """The array of one key column, bound for each batch."""
        slot = self.slots.add(Known(None), lambda value: value, ref.name)
        return Parameter(slot, parameter_type(ref.type), array=True)


class _Row:
    """Collects what is read of a row, and into which attributes."""

    def __init__(self, object_: ObjectIndex, source: Source, catalog: Catalog) -> None:
        self.fields: list[Field] = []
        self._object = object_
        self._source = source
        self._catalog = catalog
        self._columns: dict[str, tuple[str, str, Any]] = {}
        self._related: list[tuple[str, Prefetched, RowHydrator, bool]] = []

    def key(self) -> str:
        """A key that the row does not have yet."""
        return f"c{len(self.fields)}"

    def read(self, attribute: str) -> None:
        """Read an attribute from its column."""
        if attribute in self._columns:
            return
        declared = self._object.attributes.get(attribute)
        user = f"{self._object.name}.{attribute}"
        ref, scalar = leaf_ref(
            self._catalog, self._source, attribute, declared.scalar if declared else None, user
        )
        key = self.key()
        self.fields.append(Value(key, ref, scalar, nullable=True))
        parse = parser(scalar, ref.type, declared.enum if declared else None)
        self._columns[attribute] = (key, attribute, parse)

    def read_all(self) -> None:
        """Read every attribute, and what relations start from: code of the user's may look."""
        own = self._catalog.columns_of(self._source).columns
        for name, attribute in self._object.attributes.items():
            if attribute.required or name in own:
                self.read(name)
        for field in self._object.fields.values():
            behind = without_obstacle(field)
            if isinstance(behind, Related):
                for name in behind.relation.local:
                    self.read(name)

    def prefetched(self, nested: Nested, at: Prefetched, hydrator: RowHydrator) -> None:
        """Keep a relation that is read with the row."""
        self.fields.append(nested)
        self._related.append((nested.key, at, hydrator, nested.many))

    def hydrator(self) -> RowHydrator:
        """What makes instances of such rows."""
        return RowHydrator(self._object.cls, tuple(self._columns.values()), tuple(self._related))
