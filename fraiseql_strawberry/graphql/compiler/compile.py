"""An operation → statements, one per shape, whose JSON text is the finished `data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    OperationType,
)

from ...errors import SchemaError
from ...sql.catalog import Catalog
from ...sql.render import render
from .arguments import TENANT, Values
from .index import SchemaIndex
from .literals import NOTHING_LIFTED, Lifted, Literals
from .nulls import Nulls
from .reason import StepAside, SteppedAside
from .response import ResponseBuilder, require_sources
from .selection import Fragments
from .settings import Settings
from .shape import Shape
from .statement import Statement
from .variables import Variables

__all__ = ["Bound", "Compiled", "compile_operation"]

_NO_VARIABLES: Mapping[str, Any] = {}


class Bound:
    """One request's statement and arguments."""

    __slots__ = ("_nulls", "args", "statement")

    def __init__(self, statement: Statement, args: list[Any], nulls: Nulls) -> None:
        self.statement = statement
        self.args = args
        self._nulls = nulls

    def sql(self, schema: str | None = None) -> str:
        """The query, which gives one JSON value; `schema` qualifies its sources."""
        return self.statement.rendered.text(schema)

    def violates(self, text: bytes) -> bool:
        """Whether the JSON text breaks a promise of the GraphQL schema.

        Then the operation runs again in the standard lane, where the error is Strawberry's own.
        """
        return self._nulls.found_in(text)


class Compiled:
    """An operation that one statement serves, in as many shapes as its requests have.

    Args:
        index: The schema.
        catalog: The columns.
        settings: The bounds.
        operation: The operation.
        fragments: The document's fragments.
        variables: Its variables.
        literals: Its lifted literals.
        shape: What of a request's values decides the statement.
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
        self._statements: dict[tuple[Any, ...], tuple[Statement, Nulls] | StepAside] = {}

    def bind(
        self,
        variables: Mapping[str, Any] | None = None,
        literals: tuple[str, ...] = (),
        tenant_id: str | None = None,
    ) -> Bound | StepAside:
        """The statement of one request with its arguments.

        Args:
            variables: As the request brought them.
            literals: As `normalise` took them from its text.
            tenant_id: Whose request it is; cursors are one tenant's.

        Returns:
            What to run, or why the standard lane has to: an invalid value, for one.

        Raises:
            BadUserInput: When a limit, an offset or a filter cannot be served, or the limits
                multiply to more rows than allowed.
        """
        try:
            values = self._variables.coerce(variables or _NO_VARIABLES)
            self._literals.coerce(literals, values)
            values[TENANT] = tenant_id
            statement, nulls = self._statement(values)
            return Bound(statement, statement.arguments(values), nulls)
        except SteppedAside as aside:
            return StepAside(aside.reason)

    def _statement(self, values: Values) -> tuple[Statement, Nulls]:
        key = self._shape.of(values)
        found = self._statements.get(key)
        if found is None:
            try:
                found = self._compile(values)
            except SteppedAside as aside:
                found = StepAside(aside.reason)
            except SchemaError as error:
                found = StepAside(str(error))
            self._statements[key] = found
            if len(self._statements) > self._settings.max_shapes:
                del self._statements[next(iter(self._statements))]
        if isinstance(found, StepAside):
            raise SteppedAside(found.reason)
        return found

    def _compile(self, values: Values) -> tuple[Statement, Nulls]:
        builder = ResponseBuilder(
            self._index,
            self._catalog,
            self._settings,
            self._fragments,
            values,
            self._literals.numbers,
        )
        plan, costs = builder.operation(self._operation)
        rendered = render(plan, first_parameter=self._settings.first_parameter)
        statement = Statement(plan, rendered, builder.slots, costs, self._settings.max_cost)
        return statement, Nulls(plan)


def compile_operation(
    index: SchemaIndex,
    document: DocumentNode,
    operation_name: str | None,
    catalog: Catalog,
    settings: Settings,
    *,
    lifted: Lifted = NOTHING_LIFTED,
) -> Compiled | StepAside:
    """Compile an operation of a valid document.

    Args:
        index: The schema.
        document: The document, parsed with locations and validated.
        operation_name: Which operation; None for the only one.
        catalog: The columns of the schema's sources.
        settings: The bounds.
        lifted: What `normalise` took out of the document's text.

    Returns:
        The operation, ready to bind requests; or why the standard lane has to serve it. One
        shape of it may still step aside when it is bound.
    """
    operations = [n for n in document.definitions if isinstance(n, OperationDefinitionNode)]
    named = [
        o
        for o in operations
        if operation_name is None or (o.name and o.name.value == operation_name)
    ]
    if len(named) != 1:
        return StepAside("the operation is not known")
    (operation,) = named
    if operation.operation is not OperationType.QUERY:
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
        return Compiled(
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
