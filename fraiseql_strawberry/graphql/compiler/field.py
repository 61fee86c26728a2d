"""One field of an operation as a statement, for the resolvers of the standard lane."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from graphql import GraphQLResolveInfo

from ...errors import SchemaError
from ...sql.catalog import Catalog
from ...sql.parameters import converter, parameter_type
from ...sql.plan import (
    Aggregate,
    Connection,
    Document,
    Field,
    Filter,
    Keys,
    Nested,
    Parameter,
    Plan,
    Select,
    Value,
)
from ...sql.render import render
from ..json_text import JSONText, decode
from ..relation import RelationField
from .arguments import TENANT, Known, Values
from .attributes import AttributeBuilder
from .builder import Builder
from .columns import column_ref, tenant_ref
from .comparing import comparable_values
from .fields import (
    Aggregated,
    Connected,
    FieldIndex,
    Opaque,
    Related,
    Root,
    Written,
    without_obstacle,
)
from .finished import Finished, FinishedRows
from .given import given_arguments
from .hydrate import Rows
from .index import SchemaIndex
from .nulls import Nulls
from .reason import SteppedAside
from .settings import Settings
from .shape import Shape
from .statement import Convert, Cost, Statement
from .writing import BoundWrite, Writing
from .written import read_written

__all__ = ["FieldCompiler", "Load", "batch_key"]

_VALUE = "v"
# How PostgreSQL's row_to_json writes the one column of that name.
_BEFORE, _AFTER = f'{{"{_VALUE}":', "}"


@dataclass(frozen=True)
class FieldRead:
    """One shape of a field.

    Args:
        statement: What is run.
        rows: What makes its value of the JSON.
        nulls: What may be wrong with the JSON; None where nothing in it is finished.
    """

    statement: Statement
    rows: Rows
    nulls: Nulls | None = None

    @cached_property
    def any_number(self) -> bool:
        """Whether the JSON may hold other numbers than whole ones of 32 bits."""
        return any(map(_may_be_any_number, self.statement.plan.roots))

    @property
    def whole(self) -> bool:
        """Whether the JSON is one finished value."""
        return isinstance(self.rows, FinishedRows) and self.statement.plan.keys is None


class Load:
    """A statement with its arguments, which knows what its JSON means.

    Args:
        reading: The statement.
        args: Its arguments.
        many: Whether the field is a list.
    """

    __slots__ = ("_many", "_read", "args")

    def __init__(self, reading: FieldRead, args: list[Any], many: bool) -> None:
        self._read = reading
        self._many = many
        self.args = args

    @property
    def plan(self) -> Plan:
        """What is read."""
        return self._read.statement.plan

    def sql(self, schema: str | None = None) -> str:
        """The query, which gives one JSON value; `schema` qualifies its sources."""
        return self._read.statement.rendered.text(schema)

    def of(self, keys: Sequence[Sequence[Any]]) -> Load:
        """The same for the rows of these keys.

        Args:
            keys: For each key column, its value in each row.
        """
        above = self._read.statement.plan.keys
        assert above is not None
        for ref, parameter, column in zip(above.columns, above.parameters, keys, strict=True):
            convert = _nullable(converter(ref.type))
            self.args[parameter.slot] = [convert(value) for value in column]
        return self

    def violates(self, text: str | None) -> bool:
        """Whether something finished in the JSON text breaks a promise of the GraphQL schema.

        Then the field is read again without finishing, so that the error is graphql-core's own.
        """
        nulls = self._read.nulls
        return nulls is not None and text is not None and nulls.found_in(text.encode())

    def value(self, text: str | None, *, as_text: bool = False) -> Any:
        """The value of the field: an instance, a list of them, something finished, or None.

        For `FieldCompiler.related`, a list with the value for each parent.

        Args:
            text: The statement's JSON.
            as_text: Whether a field that is finished as a whole stays JSON text.
        """
        if text is None:
            return self._value(None)
        if as_text and self._read.whole:
            value = text[len(_BEFORE) : -len(_AFTER)]
            return None if value == "null" else Finished(JSONText(value.encode()))
        data = decode(text, any_number=self._read.any_number)
        if isinstance(data, list):
            return [self._value(rows) for rows in cast(list[Any], data)]
        return self._value(data[_VALUE])

    def _value(self, rows: Any) -> Any:
        makes = self._read.rows
        return makes.many(rows or []) if self._many else makes.one(rows)


def batch_key(info: GraphQLResolveInfo[Any]) -> Hashable:
    """Equal for fields whose values one statement can read for all their parents."""
    return (info.parent_type.name, *map(id, info.field_nodes))


class FieldCompiler:
    """Compiles single fields, and remembers them by the nodes of their document.

    Args:
        index: The schema.
        catalog: The columns.
        settings: The bounds.
    """

    def __init__(self, index: SchemaIndex, catalog: Catalog, settings: Settings) -> None:
        self._index = index
        self._catalog = catalog
        self._settings = settings
        self._known: dict[Hashable, _Field] = {}
        self._objects: dict[Hashable, FieldRead] = {}

    def root(
        self,
        info: GraphQLResolveInfo[Any],
        *,
        finishing: bool = False,
        tenant_id: str | None = None,
    ) -> Load:
        """The statement of a root field that reads a source.

        Args:
            info: graphql-core's, of the field being resolved.
            finishing: Whether the executor takes finished values.
            tenant_id: Whose request it is; cursors are one tenant's.

        Raises:
            BadUserInput: When an argument cannot be served.
            SchemaError: When the source does not fit the type.
        """
        field = self._field(info)
        if not isinstance(field, Root):
            raise SchemaError(f"{info.parent_type.name}.{info.field_name} reads no source")
        return self._cached(info).load(info, field, None, finishing=finishing, tenant_id=tenant_id)

    def related(
        self,
        info: GraphQLResolveInfo[Any],
        field: RelationField,
        parents: Sequence[Any],
        *,
        finishing: bool = False,
    ) -> Load:
        """The statement of a relation for many rows at once.

        Args:
            info: graphql-core's, of one of the fields with this `batch_key`.
            field: The relation.
            parents: The instances; the value is a list in their order.
            finishing: Whether the executor takes finished values.

        Raises:
            BadUserInput: When an argument cannot be served.
            SchemaError: When a parent lacks the attribute that the relation starts from.
        """
        related = self._field(info)
        if not isinstance(related, Related):
            raise SchemaError(f"{info.parent_type.name}.{field.python_name} is no relation")
        keys = [
            [_key_of(parent, name, field) for parent in parents] for name in related.relation.local
        ]
        return self._cached(info).load(info, related, keys, finishing=finishing)

    def written(self, info: GraphQLResolveInfo[Any], *, finishing: bool = False) -> Load:
        """The statement that reads what a field wrote; its value is a list, by `Load.of`.

        Args:
            info: graphql-core's, of the field being resolved.
            finishing: Whether the executor takes finished values.

        Raises:
            BadUserInput: When an argument cannot be served.
            SchemaError: When the source does not fit the type.
        """
        return self._cached(info).load(info, self._written(info), None, finishing=finishing)

    def bind_write(self, info: GraphQLResolveInfo[Any]) -> BoundWrite:
        """The statements that write what a field is given.

        Args:
            info: graphql-core's, of the field being resolved.

        Raises:
            BadUserInput: When an argument cannot be served.
            SchemaError: When its arguments do not fit the table or the function.
        """
        return self._cached(info).bind_write(info, self._written(info))

    def _written(self, info: GraphQLResolveInfo[Any]) -> Written:
        field = self._field(info)
        if not isinstance(field, Written):
            raise SchemaError(f"{info.parent_type.name}.{info.field_name} returns no sql_source")
        return field

    def by_columns(self, cls: type[Any], columns: Mapping[str, Any]) -> Load:
        """The statement that reads one object with all its attributes.

        Args:
            cls: A type of the schema, decorated with `sql_source`.
            columns: What identifies the row.

        Raises:
            SchemaError: When the type has no source, or a column does not exist.
            BadUserInput: When a value cannot be one of its column's.
        """
        object_ = self._index.object_of(cls)
        if object_.source is None:
            raise SchemaError(f"{cls.__name__} has no sql_source: name one in @fraiseql.type(…)")
        builder = AttributeBuilder(self._index, self._catalog, self._settings, {}, {})
        filters: list[Filter] = []
        for name, value in columns.items():
            scalar = object_.scalar_of(name)
            ref = column_ref(self._catalog, object_.source, name, scalar, f"load({cls.__name__})")
            convert, array = comparable_values(ref, scalar, many=ref.type.array)
            slot = builder.slots.add(Known(value), _nullable(convert), name)
            filters.append(Filter(ref, Parameter(slot, parameter_type(ref.type), array)))
        key = (cls, *columns)
        found = self._objects.get(key)
        if found is None:
            below = builder.all(object_, object_.source)
            source = self._catalog.located(object_.source)
            tenant = tenant_ref(self._catalog, object_.source)
            select = Select(source, below.fields, tuple(filters), tenant=tenant)
            plan = Plan((Nested(_VALUE, select, many=False, nullable=True),))
            found = self._objects[key] = FieldRead(_statement(plan, builder, ()), below.hydrate)
        return Load(found, builder.slots.constants, many=False)

    def _field(self, info: GraphQLResolveInfo[Any]) -> FieldIndex | None:
        return without_obstacle(
            self._index.object(info.parent_type.name).fields.get(info.field_name)
        )

    def _cached(self, info: GraphQLResolveInfo[Any]) -> _Field:
        key = batch_key(info)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _Field(self._index, self._catalog, self._settings, info)
            if len(self._known) > self._settings.max_fields:
                del self._known[next(iter(self._known))]
        return found


class _Field:
    """The shapes of one field of a document; it keeps the nodes whose ids are its key alive."""

    def __init__(
        self,
        index: SchemaIndex,
        catalog: Catalog,
        settings: Settings,
        info: GraphQLResolveInfo[Any],
    ) -> None:
        self._index = index
        self._catalog = catalog
        self._settings = settings
        self._nodes = tuple(info.field_nodes)
        self._parent = index.object(info.parent_type.name)
        self._fragments = dict(info.fragments)
        definitions = info.operation.variable_definitions or ()
        nodes = [*self._nodes, *self._fragments.values()]
        self._shape = Shape(index.schema, definitions, nodes, strict=False)
        self._readings: dict[Hashable, FieldRead] = {}
        self._writing: Writing | None = None

    def bind_write(self, info: GraphQLResolveInfo[Any], field: Written) -> BoundWrite:
        if self._writing is None:
            user = f"{info.parent_type.name}.{info.field_name}"
            self._writing = Writing(self._index, self._catalog, self._settings, field, user)
        try:
            given = given_arguments(self._nodes[0], field.arguments, _variable_values(info))
        except SteppedAside as aside:
            raise SchemaError(aside.reason) from aside
        return self._writing.bind(given)

    def load(
        self,
        info: GraphQLResolveInfo[Any],
        field: Root | Related | Written,
        keys: list[list[Any]] | None,
        *,
        finishing: bool,
        tenant_id: str | None = None,
    ) -> Load:
        values = {**_variable_values(info), TENANT: tenant_id}
        key = (finishing, *self._shape.of(values))
        found = self._readings.get(key)
        if found is None:
            found = self._readings[key] = self._compile(field, values, finishing=finishing)
            if len(self._readings) > self._settings.max_shapes:
                del self._readings[next(iter(self._readings))]
        statement = found.statement
        try:
            args = statement.arguments(values)
        except SteppedAside as aside:
            raise SchemaError(aside.reason) from aside
        # What was written is read row by row, whatever the field is; a page is one object.
        many = field.many and not isinstance(field, (Connected, Written))
        load = Load(found, args, many)
        return load if keys is None else load.of(keys)

    def _compile(
        self, field: Root | Related | Written, values: Values, *, finishing: bool
    ) -> FieldRead:
        builder = AttributeBuilder(
            self._index,
            self._catalog,
            self._settings,
            self._fragments,
            values,
            finishing=finishing,
        )

        def build(reader: Builder) -> tuple[Nested | Connection | Aggregate, Cost, Rows]:
            if isinstance(field, Aggregated):
                return reader.aggregate(_VALUE, field, self._nodes)
            if isinstance(field, Connected):
                return reader.connection(_VALUE, field, self._nodes)
            if isinstance(field, Root):
                return reader.root(_VALUE, field, self._nodes)
            if isinstance(field, Written):
                return read_written(reader, _VALUE, field, self._nodes)
            return reader.related(_VALUE, self._parent, None, field, self._nodes)

        keys = None
        try:
            seen = isinstance(self._parent.fields[self._nodes[0].name.value], Opaque)
            nested, cost, rows = build(builder) if seen else builder.finish(self._nodes, build)
            if not isinstance(field, Root):
                columns = nested.join.local if isinstance(nested, Nested) and nested.join else ()
                keys = Keys(columns, tuple(builder.key_parameter(ref) for ref in columns))
        except SteppedAside as aside:
            raise SchemaError(aside.reason) from aside
        # The field's own null is graphql-core's to judge: it gets None.
        plan = Plan((replace(nested, nullable=True),), keys)
        nulls = Nulls(plan) if builder.finished else None
        return FieldRead(_statement(plan, builder, (cost,)), rows, nulls)


def _may_be_any_number(field: Field) -> bool:
    match field:
        case Value():
            kind, marked = field.scalar.kind, field.marked
            return kind in ("float", "json") or (kind == "int" and not marked)
        case Nested():
            return any(map(_may_be_any_number, field.select.fields))
        case Document():
            return any(map(_may_be_any_number, field.fields))
        case Connection() | Aggregate():
            return True  # how many rows there are has no bound
        case _:
            return False


def _statement(plan: Plan, builder: Builder, costs: tuple[Cost, ...]) -> Statement:
    settings = builder.settings
    rendered = render(plan, first_parameter=settings.first_parameter)
    return Statement(plan, rendered, builder.slots, costs, settings.max_cost)


def _nullable(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _key_of(parent: Any, name: str, field: RelationField) -> Any:
    try:
        return getattr(parent, name)
    except AttributeError as error:
        cls = type(parent).__name__
        raise SchemaError(
            f"{cls}.{field.python_name} starts from {name!r}, which this {cls} does not have: "
            f"declare `{name}: fraiseql.Private[…]` and fill it"
        ) from error


def _variable_values(info: GraphQLResolveInfo[Any]) -> Values:
    # Strawberry hands resolvers the coerced values alone, graphql-core with where they are from.
    values: Any = info.variable_values
    return cast(Values, values) if isinstance(values, dict) else values.coerced
