"""Which lane an operation takes and why, with the statements that it sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_variable_values,
    specified_rules,
)

from ...errors import SetupError
from ...graphql.compiler import Bound, BoundMutation, FieldCompiler
from ...graphql.compiler.fields import Root, without_obstacle
from ...graphql.compiler.selection import collect
from ...graphql.documents import Document, OperationFacts
from ...graphql.executor import takes_finished
from ...graphql.fast_lane import closed_by, lane_of
from ...graphql.plans import bind
from ...graphql.served import ServedSchema
from ...sql.plan import Plan
from ...sql.render import render
from ...sql.scalars import literal

__all__ = ["Choice", "Operation", "Planned", "choose"]

# The same rules as the lane's own, so that the document is parsed and validated once.
_RULES = tuple(specified_rules)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client would send.

    Args:
        text: The document.
        name: `operationName`, or None.
        variables: The variables.
    """

    text: str
    name: str | None
    variables: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """One statement of an operation, its parameters numbered from `$1`.

    Args:
        field: The response key of the root field that it serves; None for the whole operation.
        plan: What is read.
        sql: The statement, for sources found by the search path.
        args: The values of its parameters.
    """

    field: str | None
    plan: Plan
    sql: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What would become of an operation.

    Args:
        facts: The operation.
        lane: "fast" or "standard".
        reason: Why.
        statements: What is known before it runs: everything in the fast lane; in the standard
            lane the root fields that read a source.
    """

    facts: OperationFacts
    lane: str
    reason: str
    statements: tuple[Planned, ...]


async def choose(served: ServedSchema, operation: Operation, tenant_id: str) -> Choice:
    """Decide as a request would.

    Args:
        served: The schema.
        operation: What a client would send.
        tenant_id: For whom, since tenants' tables may differ; it has been admitted.

    Raises:
        SetupError: The document, or the schema behind it, is wrong.
        BadUserInput: An argument cannot be served.
    """
    document = _document(served, operation.text)
    facts = _found(lambda: document.operation(operation.name))
    revision = await served.revision(tenant_id)
    lane = lane_of(served)
    entry, literals = revision.plans.find(operation.text, operation.name)
    reason = entry.reason
    if lane is None:
        reason = closed_by(served) or "off"
    elif facts.type != "query" and entry.compiled is None:
        reason = f"it is a {facts.type}"
    elif entry.compiled is not None:
        bound = bind(entry.compiled, operation.variables, literals, tenant_id)
        if isinstance(bound, Bound):
            planned = _whole(bound, tenant_id)
            return Choice(facts, "fast", "one statement answers all of it", (planned,))
        if isinstance(bound, BoundMutation):
            # What writes is not run to be explained.
            return Choice(facts, "fast", "a transaction for each field that writes", ())
        reason = bound.reason
    statements = tuple(
        _root_fields(served, revision.fields, document, facts, operation.variables, tenant_id)
    )
    return Choice(facts, "standard", reason, statements)


def _document(served: ServedSchema, text: str) -> Document:
    document = _found(lambda: served.documents.get(text, _RULES))
    if document.errors:
        raise SetupError(_sentence(document.errors))
    return document


def _found(find: Any) -> Any:
    try:
        return find()
    except GraphQLError as error:
        raise SetupError(_sentence([error])) from error


def _sentence(errors: list[GraphQLError]) -> str:
    return "\n".join(f"{error.message}{_place(error)}" for error in errors)


def _place(error: GraphQLError) -> str:
    at = (error.locations or [None])[0]
    return f" (line {at.line}, column {at.column} of the query)" if at else ""


def _whole(bound: Bound, tenant_id: str) -> Planned:
    plan = bound.statement.plan
    return Planned(None, plan, _sql(plan, tenant_id), tuple(bound.args))


def _sql(plan: Plan, tenant_id: str) -> str:
    return render(plan, tenant=literal(tenant_id)).text()


@dataclass(frozen=True, slots=True)
class _Field:
    """As much of graphql-core's `GraphQLResolveInfo` as the compiler of single fields reads."""

    field_name: str
    field_nodes: list[FieldNode]
    parent_type: GraphQLObjectType
    fragments: dict[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode
    variable_values: Any


def _root_fields(
    served: ServedSchema,
    fields: FieldCompiler,
    document: Document,
    facts: OperationFacts,
    variables: Mapping[str, Any],
    tenant_id: str,
) -> Iterator[Planned]:
    """The statements of the root fields that read a source, as Strawberry's resolvers send them."""
    schema, node = served.index.schema, facts.node
    parent = schema.get_root_type(node.operation)
    assert parent is not None
    values = get_variable_values(schema, node.variable_definitions or (), dict(variables))
    if isinstance(values, list):
        raise SetupError(_sentence(values))
    fragments = {
        part.name.value: part
        for part in document.node.definitions
        if isinstance(part, FragmentDefinitionNode)
    }
    selected = collect(
        schema, parent, [node.selection_set], fragments, values.coerced, strict=False
    )
    known = served.index.object(parent.name).fields
    for key, nodes in selected.items():
        if isinstance(without_obstacle(known.get(nodes[0].name.value)), Root):
            info = _Field(nodes[0].name.value, nodes, parent, fragments, node, values)
            load = fields.root(cast(Any, info), finishing=takes_finished(served.schema))
            yield Planned(key, load.plan, _sql(load.plan, tenant_id), tuple(load.args))
