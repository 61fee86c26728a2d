"""What the standard lane reads of rows: attributes of the decorated classes, and relations ahead.

What is selected is read, or everything where code of the user's may look. A relation that no such
code can see is read as finished JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from graphql import FieldNode

from ...sql.catalog import Catalog
from ...sql.parameters import parameter_type
from ...sql.plan import Aggregate, ColumnRef, Connection, Document, Field, Nested, Parameter, Value
from ...sql.scalars import Scalar
from ...sql.source import JsonObject, Origin
from ..relation import Prefetched
from .aggregates import AggregateReader
from .arguments import Known, Values
from .builder import Builder, Expanded
from .columns import document_ref, leaf_ref
from .connection_rows import EDGES, PAGE_INFO, TOTAL, ConnectionRows
from .fields import Aggregated, Connected, Embedded, Leaf, Opaque, Related, without_obstacle
from .finished import FinishedBuilder
from .hydrate import RowHydrator, Rows, parser
from .index import ObjectIndex, SchemaIndex
from .reason import SteppedAside
from .response import connection_of
from .selection import Fragments, collect, only_selects, subselections
from .settings import Settings
from .statement import Cost
from .unread import unread_objects

__all__ = ["AttributeBuilder"]

T = TypeVar("T")


class AttributeBuilder(Builder):
    """Reads attributes under keys of its own: what is selected, or all where code may look.

    Args:
        index: The schema.
        catalog: The columns.
        settings: The bounds.
        fragments: The document's fragments.
        values: Coerced variables of the request whose shape this is.
        finishing: Whether fields that can be finished are.
    """

    def __init__(
        self,
        index: SchemaIndex,
        catalog: Catalog,
        settings: Settings,
        fragments: Fragments,
        values: Values,
        *,
        finishing: bool = False,
    ) -> None:
        super().__init__(index, catalog, settings, fragments, values)
        self._finisher = FinishedBuilder(index, catalog, settings, fragments, values)
        self._finisher.slots = self.slots
        self._finishing = finishing
        self.finished = False  # whether it built anything that is

    def finish(self, nodes: Sequence[FieldNode], build: Callable[[Builder], T]) -> T:
        """Build a field as finished JSON where it can be, or else as instances.

        Args:
            nodes: The field's nodes; nothing of the user's stands around the field.
            build: Builds it.
        """
        if self._finishing and only_selects(nodes):
            try:
                with self.slots.undone_by(SteppedAside):
                    built = build(self._finisher)
            except SteppedAside:
                pass  # code of the user's could see the difference
            else:
                self.finished = True
                return built
        return build(self)

    def expand(self, object_: ObjectIndex, source: Origin, nodes: Sequence[FieldNode]) -> Expanded:
        """Attributes, objects and relations, and what makes an instance of them."""
        return self._expand(object_, source, [nodes], everything=False, path=(object_.name,))

    def connection(
        self, key: str, field: Connected, nodes: Sequence[FieldNode]
    ) -> tuple[Connection, Cost, Any]:
        """A page of rows, and what makes an instance of Strawberry's own types of it."""
        page, object_ = self.page(field, nodes), self.index.object(field.target)
        groups, counted = self._asked(self.index.object(field.connection), nodes)
        below = self._expand(
            object_, field.query.source, groups, everything=False, path=(object_.name,)
        )
        fields = [EDGES, PAGE_INFO, *([TOTAL] if counted else [])]
        made = connection_of(key, page, field, fields, [below.fields])
        cost = Cost(page.cost.limit, page.cost.slot, (*page.cost.below, *below.costs))
        return made, cost, ConnectionRows(self.index.object(field.connection).cls, below.hydrate)

    def aggregate(
        self, key: str, field: Aggregated, nodes: Sequence[FieldNode]
    ) -> tuple[Aggregate, Cost, Any]:
        """What rows come to, and what makes values of it."""
        return AggregateReader(self, field, in_response=False).read(key, nodes)

    def _asked(
        self, connection: ObjectIndex, nodes: Sequence[FieldNode]
    ) -> tuple[list[list[FieldNode]], bool]:
        """What is asked of the rows, in groups of one response key; whether they are counted."""
        groups: list[list[FieldNode]] = []
        counted = False
        for below in self._collected(connection, nodes).values():
            match connection.fields.get(below[0].name.value):
                case Embedded(python_name="edges", target=edge):
                    asked = self._collected(self.index.object(edge), below).values()
                    groups += [node for node in asked if node[0].selection_set is not None]
                case Leaf(python_name="total_count"):
                    counted = True
                case _:
                    pass
        return groups, counted

    def all(self, object_: ObjectIndex, source: Origin) -> Expanded:
        """Everything that rows of a source can fill, and no relation."""
        return self._expand(object_, source, [], everything=True, path=(object_.name,))

    def key_parameter(self, ref: ColumnRef) -> Parameter:
        """The array of one key column, bound for each batch."""
        slot = self.slots.add(Known(None), lambda value: value, ref.name)
        return Parameter(slot, parameter_type(ref.type), array=True)

    def _expand(
        self,
        object_: ObjectIndex,
        source: Origin,
        groups: Sequence[Sequence[FieldNode]],
        *,
        everything: bool,
        path: tuple[str, ...],
    ) -> Expanded:
        """Read a row or an object.

        Args:
            object_: Its type.
            source: Where it is.
            groups: The nodes of each response key that it has in the response.
            everything: Whether code of the user's may look at it.
            path: The types that it is inside of since the last that was selected, itself the last.
        """
        row = _Row(object_, source, self.catalog)
        row.everything = everything or object_.onlooker is not None
        for nodes in groups:
            for key, below in self._collected(object_, nodes).items():
                self._read(row, key, below)
        if row.everything:
            row.read_all()
        for name, embedded in object_.embedded.items():
            if name in row.selected:
                self._embed(row, embedded, path)
        return Expanded(tuple(row.fields), tuple(row.costs), row.hydrator())

    def _read(self, row: _Row, key: str, nodes: list[FieldNode]) -> None:
        """Read what one response key asks for; objects wait until all keys have been seen."""
        field = row.object.fields.get(nodes[0].name.value)
        behind = without_obstacle(field)
        if isinstance(behind, Embedded):
            row.select(behind, nodes)
        match field:
            case Leaf():
                row.read(field.python_name)
            case Related():
                nested, cost, rows = self.finish(
                    nodes,
                    lambda builder: builder.related(
                        row.key(), row.object, row.source, field, nodes
                    ),
                )
                row.prefetched(nested, (tuple(nodes), key), rows)
                row.costs.append(cost)
            case Opaque():
                row.everything = True
            case _:
                pass  # __typename

    def _collected(
        self, object_: ObjectIndex, nodes: Sequence[FieldNode]
    ) -> dict[str, list[FieldNode]]:
        return collect(
            self.index.schema,
            object_.type,
            subselections(nodes),
            self.fragments,
            self.values,
            strict=False,
        )

    def _embed(self, row: _Row, field: Embedded, path: tuple[str, ...]) -> None:
        """Read an object of JSON: as it was selected, and whole where code may look."""
        groups = row.selected[field.python_name]
        if groups:
            path = ()
        elif field.target in path:
            row.skip(field)  # a type inside of itself would never end
            return
        target = self.index.object(field.target)
        source = JsonObject(f"{row.object.name}.{field.python_name}")
        below = self._expand(
            target, source, groups, everything=row.everything, path=(*path, target.name)
        )
        document, cost = self.document(row.key(), row.object, row.source, field, below)
        row.embed(document, field.python_name, below.hydrate)
        row.costs.append(cost)


class _Row:
    """Collects what is read of a row, and into which attributes."""

    def __init__(self, object_: ObjectIndex, source: Origin, catalog: Catalog) -> None:
        self.fields: list[Field] = []
        self.object = object_
        self.source = source
        self.everything = False
        self.selected: dict[str, list[list[FieldNode]]] = {}
        self.costs: list[Cost] = []
        self._catalog = catalog
        self._columns: dict[str, tuple[str, str, Any]] = {}
        self._related: list[tuple[str, Prefetched, Rows, bool]] = []
        self._embedded: list[tuple[str, str, RowHydrator, bool]] = []

    def key(self) -> str:
        """A key that the row does not have yet."""
        return f"c{len(self.fields)}"

    def select(self, field: Embedded, nodes: list[FieldNode]) -> None:
        """Remember a response key of an object; one that comes from nowhere keeps its default."""
        if field.required or self._catalog.columns_of(self.source).holds(field.python_name):
            self.selected.setdefault(field.python_name, []).append(nodes)

    def read(self, attribute: str) -> None:
        """Read an attribute from its column."""
        if attribute in self._columns:
            return
        declared = self.object.attributes.get(attribute)
        user = f"{self.object.name}.{attribute}"
        ref, scalar = leaf_ref(
            self._catalog, self.source, attribute, declared.scalar if declared else None, user
        )
        key = self.key()
        self.fields.append(Value(key, ref, scalar, nullable=True, marked=False))
        parse = parser(scalar, ref.type, declared.enum if declared else None)
        self._columns[attribute] = (key, attribute, parse)

    def read_all(self) -> None:
        """Read every attribute, and what relations start from: code of the user's may look."""
        own = self._catalog.columns_of(self.source).columns
        for name, attribute in self.object.attributes.items():
            if attribute.required or name in own:
                self.read(name)
        for field in self.object.fields.values():
            behind = without_obstacle(field)
            if isinstance(behind, Related):
                for name in behind.relation.local:
                    self.read(name)
        for name, embedded in self.object.embedded.items():
            if embedded.required or name in own:
                self.selected.setdefault(name, [])

    def prefetched(self, nested: Nested, at: Prefetched, rows: Rows) -> None:
        """Keep a relation that is read with the row."""
        self.fields.append(nested)
        self._related.append((nested.key, at, rows, nested.many))

    def embed(self, document: Document, attribute: str, hydrator: RowHydrator) -> None:
        """Keep an object of the row's JSON, or a list of them."""
        self.fields.append(document)
        self._embedded.append((document.key, attribute, hydrator, document.many))

    def skip(self, field: Embedded) -> None:
        """Leave an object unread: nobody selected it, and its type is inside of itself."""
        user = f"{self.object.name}.{field.python_name}"
        ref = document_ref(self._catalog, self.source, field.python_name, user)
        key = self.key()
        self.fields.append(Value(key, ref, Scalar("json"), nullable=True, marked=False))
        parse = unread_objects(user, many=field.many)
        self._columns[field.python_name] = (key, field.python_name, parse)

    def hydrator(self) -> RowHydrator:
        """What makes instances of such rows."""
        return RowHydrator(
            self.object.cls,
            tuple(self._columns.values()),
            tuple(self._related),
            tuple(self._embedded),
        )
