"""An operation of fields that write through SQL → what is written and read for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLInputObjectType,
    OperationDefinitionNode,
    OperationType,
)

from ...errors import SchemaError
from ...sql.catalog import Catalog
from ...sql.parameters import converter, parameter_type
from ...sql.plan import Constant, Keys, Parameter, Plan
from ...sql.render import render
from .arguments import Known, Values
from .asked import field_of
from .core import argument_type, named_type
from .fields import Written
from .given import given_arguments
from .index import ObjectIndex, SchemaIndex
from .literals import NOTHING_LIFTED, Lifted, Literals
from .nulls import Nulls
from .reason import StepAside, SteppedAside
from .response import ResponseBuilder, require_sources, root_object
from .selection import Fragments, collect
from .settings import Settings
from .shape import Shape
from .statement import Statement
from .targets import input_fields
from .variables import Variables
from .writing import BoundWrite, Writing
from .written import read_written

__all__ = ["BoundMutation", "BoundPart", "CompiledMutation", "ReadBack", "compile_mutation"]

_VALUE = "v"
_NO_VARIABLES: Mapping[str, Any] = {}


class ReadBack:
    """The compiled read of what a field has written.

    Args:
        statement: What is run.
        args: Its arguments, but for the keys.
        nulls: What may be wrong with its JSON.
    """

    __slots__ = ("_nulls", "args", "statement")

    def __init__(self, statement: Statement, args: list[Any], nulls: Nulls) -> None:
        self.statement = statement
        self.args = args
        self._nulls = nulls

    def of(self, keys: Sequence[Sequence[Any]]) -> ReadBack:
        """The same for the rows of these keys: one list for each key column."""
        above = self.statement.plan.keys
        assert above is not None
        for ref, parameter, column in zip(above.columns, above.parameters, keys, strict=True):
            convert = converter(ref.type)
            self.args[parameter.slot] = [None if key is None else convert(key) for key in column]
        return self

    def sql(self, schema: str | None = None) -> str:
        """The query, which gives one JSON array; `schema` qualifies its sources."""
        return self.statement.rendered.text(schema)

    def violates(self, text: str | None) -> bool:
        """Whether the JSON text breaks a promise of the GraphQL schema."""
        return text is not None and self._nulls.found_in(text.encode())


@dataclass(frozen=True, slots=True)
class BoundPart:
    """One root field of a request.

    Args:
        key: Its response key.
        field: The field.
        write: What is written; None for `__typename`.
        read: How it is read back.
        text: The value of `__typename`.
    """

    key: str
    field: Written | None = None
    write: BoundWrite | None = None
    read: ReadBack | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class BoundMutation:
    """What one request writes, field by field."""

    parts: tuple[BoundPart, ...]


_Part = tuple[str, Constant | Written, FieldNode, Writing | None, Statement | None, Nulls | None]


class CompiledMutation:
    """An operation whose root fields all write through SQL.

    Args:
        index: The schema.
        catalog: The columns, and what may be written.
        settings: The bounds.
        operation: The operation.
        fragments: The document's fragments.
        variables: Its variables.
        literals: Its lifted literals.
        shape: What of a request's values decides the statements.
    """

    def __init__(
        self,
        index: SchemaIndex,
        catalog: Catalog,
        settings: Settings,
        operation: OperationDefinitionNode,
        fragments: Fragments,
        variables: Variables,
        literals: Literals,
        shape: Shape,
    ) -> None:
        self._index = index
        self._catalog = catalog
        self._settings = settings
        self._operation = operation
        self._fragments = fragments
        self._variables = variables
        self._literals = literals
        self._shape = shape
        self._shapes: dict[tuple[Any, ...], tuple[_Part, ...] | StepAside] = {}

    def bind(
        self, variables: Mapping[str, Any] | None = None, literals: tuple[str, ...] = ()
    ) -> BoundMutation | StepAside:
        """The statements of one request with their arguments; nothing has been written yet.

        Raises:
            BadUserInput: When a value cannot be served.
        """
        try:
            values = self._variables.coerce(variables or _NO_VARIABLES)
            self._literals.coerce(literals, values)
            return BoundMutation(tuple(self._bind(part, values) for part in self._parts(values)))
        except SteppedAside as aside:
            return StepAside(aside.reason)

    def _bind(self, part: _Part, values: Values) -> BoundPart:
        key, field, node, writing, statement, nulls = part
        if isinstance(field, Constant):
            return BoundPart(key, text=field.text)
        assert writing is not None
        assert statement is not None
        assert nulls is not None
        given = given_arguments(node, field.arguments, values, self._literals.numbers)
        read = ReadBack(statement, statement.arguments(values), nulls)
        return BoundPart(key, field, writing.bind(given), read)

    def _parts(self, values: Values) -> tuple[_Part, ...]:
        key = self._shape.of(values)
        found = self._shapes.get(key)
        if found is None:
            try:
                found = self._compile(values)
            except SteppedAside as aside:
                found = StepAside(aside.reason)
            except SchemaError as error:
                found = StepAside(str(error))
            self._shapes[key] = found
            if len(self._shapes) > self._settings.max_shapes:
                del self._shapes[next(iter(self._shapes))]
        if isinstance(found, StepAside):
            raise SteppedAside(found.reason)
        return found

    def _compile(self, values: Values) -> tuple[_Part, ...]:
        root = root_object(self._index, self._operation)
        selections = [self._operation.selection_set]
        grouped = collect(self._index.schema, root.type, selections, self._fragments, values)
        return tuple(self._part(root, key, nodes, values) for key, nodes in grouped.items())

    def _part(self, root: ObjectIndex, key: str, nodes: list[FieldNode], values: Values) -> _Part:
        field = field_of(root, key, nodes)
        if isinstance(field, Constant):
            return key, field, nodes[0], None, None, None
        if not isinstance(field, Written):
            raise SteppedAside(f"{root.name}.{nodes[0].name.value} does not write through SQL")
        _refuse_onlookers(field)
        user = f"{root.name}.{nodes[0].name.value}"
        writing = Writing(self._index, self._catalog, self._settings, field, user)
        numbers = self._literals.numbers
        builder = ResponseBuilder(
            self._index, self._catalog, self._settings, self._fragments, values, numbers
        )
        nested, cost, _ = read_written(builder, _VALUE, field, nodes)
        assert nested.join is not None
        (ref,) = nested.join.local
        slot = builder.slots.add(Known(None), lambda value: value, ref.name)
        keys = Keys((ref,), (Parameter(slot, parameter_type(ref.type), array=True),))
        plan = Plan((nested,), keys)
        rendered = render(plan, first_parameter=self._settings.first_parameter)
        statement = Statement(plan, rendered, builder.slots, (cost,), self._settings.max_cost)
        return key, field, nodes[0], writing, statement, Nulls(plan)


def compile_mutation(
    index: SchemaIndex,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    catalog: Catalog,
    settings: Settings,
    *,
    lifted: Lifted = NOTHING_LIFTED,
) -> CompiledMutation | StepAside:
    """Compile an operation of a valid document.

    Args:
        index: The schema.
        document: The document, parsed with locations and validated.
        operation: The operation.
        catalog: The columns of the schema's sources, and what may be written.
        settings: The bounds.
        lifted: What `normalise` took out of the document's text.

    Returns:
        The operation, ready to bind requests; or why the standard lane has to serve it.
    """
    if operation.operation is not OperationType.MUTATION:
        return StepAside(f"a {operation.operation.value}")
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    definitions = operation.variable_definitions or ()
    try:
        shape = Shape(index.schema, definitions, [operation, *fragments.values()])
        if shape.fixed:
            require_sources(index, operation, fragments)
        return CompiledMutation(
            index,
            catalog,
            settings,
            operation,
            fragments,
            Variables(index.schema, definitions),
            Literals(index.schema, document, lifted),
            shape,
        )
    except SteppedAside as aside:
        return StepAside(aside.reason)


def _refuse_onlookers(field: Written) -> None:
    """An input of the application's own that looks at itself is made in the standard lane."""
    below = [named_type(argument_type(a.definition)) for a in field.arguments.values()]
    seen: set[str] = set()
    while below:
        type_ = below.pop()
        if not isinstance(type_, GraphQLInputObjectType) or type_.name in seen:
            continue
        seen.add(type_.name)
        definition: Any = type_.extensions.get("strawberry-definition")
        if hasattr(getattr(definition, "origin", None), "__post_init__"):
            raise SteppedAside(f"{type_.name} has a __post_init__")
        below += [named_type(form.type) for form in input_fields(type_)]
