"""Documents that differ in inline literals only, executed as one document with variables.

`{ post(id: "1f…") { title } }` with a new id each time is a new document to Strawberry each time:
parsed, validated, and its fields compiled. Here it is read once. Its literals become variables
that no client can name, and each request brings their values. What is executed was parsed from a
text without the literals of any request, because logs quote the text that a node came from, and
this one serves every tenant (SECURITY.md, invariant 1).
"""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    Source,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_location,
    is_abstract_type,
    parse,
    parse_type,
    visit,
)

from .compiler import Lifted
from .compiler.core import argument_type, nullable_type
from .compiler.literals import Literals
from .compiler.reason import SteppedAside
from .onlookers import info_is_seen
from .scalars import scalar_kind

__all__ = ["LiftedDocument", "liftable"]

_DEFINITION = "strawberry-definition"
_BUILT_IN = frozenset({"string", "id", "int", "float"})
_OURS = frozenset(
    {"uuid", "date", "time", "datetime", "interval", "decimal", "bigint", "base16", "base64"}
)
_DIRECTIVES = frozenset({"skip", "include"})
_BLANK_STRING, _BLANK_FLOAT, _BLANK_INT = '"?"', "0.0", "0"


def liftable(schema: GraphQLSchema, document: DocumentNode, normal: Lifted) -> tuple[int, ...]:
    """Which literals of a valid document may be variables without anybody seeing a difference.

    Those of built-in scalars and of ours. Where a resolver gets `info`, which holds the nodes of
    its field and of those below, only strings that stay strings: `info.selected_fields` shows
    other literals as they were written, and variables as they were coerced.

    Args:
        schema: The schema.
        document: The document.
        normal: Its literals.

    Returns:
        Their numbers; none for subscriptions, and for documents with directives other than
        `@skip` and `@include`.
    """
    finder = _Finder(schema, normal.starts)
    visit(document, TypeInfoVisitor(finder.type_info, finder))
    if finder.unusual:
        return ()
    return tuple(
        number
        for number, literal in enumerate(normal.literals)
        if number in finder.types
        and _may_vary(literal, finder.types[number], seen=finder.is_seen(number))
    )


def _may_vary(literal: str, type_: Any, *, seen: bool) -> bool:
    kind = _kind(type_)
    if seen:
        return literal[0] == '"' and kind in ("string", "id")
    return kind in _BUILT_IN or kind in _OURS


def _kind(type_: Any) -> str | None:
    inner, _ = nullable_type(type_)
    return scalar_kind(inner) if isinstance(inner, GraphQLScalarType) else None


class LiftedDocument:
    """A document whose literals are variables.

    Args:
        schema: The schema.
        text: One text of it.
        document: That text, parsed and valid.
        normal: Its literals.
        numbers: Which of them become variables, as `liftable` says.

    Raises:
        SteppedAside: When a literal may not vary on its own.
    """

    __slots__ = ("_blank", "_literals", "_numbers", "_source", "_variables", "node")

    def __init__(
        self,
        schema: GraphQLSchema,
        text: str,
        document: DocumentNode,
        normal: Lifted,
        numbers: Sequence[int],
    ) -> None:
        starts = tuple(normal.starts[number] for number in numbers)
        literals = tuple(normal.literals[number] for number in numbers)
        self._literals = Literals(schema, document, Lifted(normal.key, literals, starts))
        self._numbers = tuple(numbers)
        blank, self._blank = _blanked(text, normal, frozenset(numbers))
        self._source = Source(blank)
        # A name with a space: no client can write it in a document.
        names = {self._blank.starts[number]: f"literal {number}" for number in numbers}
        rewriter = _Rewriter(TypeInfo(schema), names)
        node = visit(parse(self._source), TypeInfoVisitor(rewriter.type_info, rewriter))
        if len(rewriter.types) != len(names):
            raise SteppedAside("a literal is not where it seems to be")
        self.node = _defining(node, rewriter.types)
        self._variables = tuple(
            (name, _reader(literal, rewriter.types[name]))
            for literal, name in zip(literals, names.values(), strict=True)
        )

    @property
    def text(self) -> str:
        """The text without its literals."""
        return self._source.body

    def variables(self, normal: Lifted) -> dict[str, Any] | None:
        """The variables of one request, or None when a literal is invalid for its argument.

        Args:
            normal: The literals of its text.
        """
        literals = tuple([normal.literals[number] for number in self._numbers])
        coerced: dict[Any, Any] = {}
        variables: dict[str, Any] = {}
        try:
            self._literals.coerce(literals, coerced)
            for number, (name, read) in enumerate(self._variables):
                variables[name] = read(literals[number], coerced[number])
        except (SteppedAside, ValueError):
            return None
        return variables

    def relocate(self, errors: Iterable[GraphQLError], text: str, normal: Lifted) -> None:
        """Make errors point into the text of the request that they answer.

        Args:
            errors: The errors of its execution; they are changed.
            text: Its text.
            normal: The literals of it.
        """
        source = Source(text)
        for error in errors:
            if error.source is self._source and error.positions:
                positions = [self._moved(position, normal) for position in error.positions]
                error.source, error.positions = source, positions
                error.locations = [get_location(source, position) for position in positions]

    def _moved(self, position: int, normal: Lifted) -> int:
        number = bisect_right(self._blank.starts, position) - 1
        if number < 0:
            return position
        here, there = self._blank, normal
        if position == here.starts[number]:
            return there.starts[number]
        end = here.starts[number] + len(here.literals[number])
        return there.starts[number] + len(there.literals[number]) + position - end


class _Finder(Visitor):
    """Finds the types of the arguments that literals are given to, and who could look at them."""

    def __init__(self, schema: GraphQLSchema, starts: Sequence[int]) -> None:
        super().__init__()
        self.type_info = TypeInfo(schema)
        self.types: dict[int, Any] = {}
        self._schema = schema
        self.unusual = False
        self._numbers = {start: number for number, start in enumerate(starts)}
        self._seen: set[int] = set()
        self._in_fragments: set[int] = set()
        self._in_fragment = False
        self._onlookers = 0
        self._any_onlooker = False

    def is_seen(self, number: int) -> bool:
        """Whether a resolver gets an `info` that holds the literal."""
        # Where a fragment is spread is not looked up.
        return number in self._seen or (self._any_onlooker and number in self._in_fragments)

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        if node.operation is OperationType.SUBSCRIPTION:
            # Its events are executed long after its literals have gone.
            self.unusual = True

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        self._in_fragment = True

    def leave_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        self._in_fragment = False

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value not in _DIRECTIVES:
            self.unusual = True

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if self._has_onlooker(node):
            self._onlookers += 1
            self._any_onlooker = True

    def leave_field(self, node: FieldNode, *_: Any) -> None:
        if self._has_onlooker(node):
            self._onlookers -= 1

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        location, argument = node.value.loc, self.type_info.get_argument()
        number = self._numbers.get(location.start) if location is not None else None
        if number is None or argument is None or self.type_info.get_directive() is not None:
            return
        self.types[number] = argument_type(argument)
        if self._onlookers:
            self._seen.add(number)
        if self._in_fragment:
            self._in_fragments.add(number)

    def _has_onlooker(self, node: FieldNode) -> bool:
        name, parent = node.name.value, self.type_info.get_parent_type()
        if name.startswith("__"):
            return False
        types: Any = (
            self._schema.get_possible_types(parent) if is_abstract_type(parent) else (parent,)
        )
        return any(info_is_seen(type_.fields[name].extensions.get(_DEFINITION)) for type_ in types)


class _Rewriter(Visitor):
    """Puts a variable in the place of each literal."""

    def __init__(self, type_info: TypeInfo, names: Mapping[int, str]) -> None:
        super().__init__()
        self.type_info = type_info
        self.types: dict[str, Any] = {}
        self._names = names

    def enter_argument(self, node: ArgumentNode, *_: Any) -> ArgumentNode | None:
        location = node.value.loc
        name = self._names.get(location.start) if location is not None else None
        if name is None:
            return None
        self.types[name] = argument_type(self.type_info.get_argument())
        variable = VariableNode(name=NameNode(value=name), loc=location)
        return ArgumentNode(name=node.name, value=variable, loc=node.loc)


def _defining(document: DocumentNode, types: Mapping[str, Any]) -> DocumentNode:
    """The document with the variables defined in each operation, whether it uses them or not."""
    definitions = tuple(
        VariableDefinitionNode(
            variable=VariableNode(name=NameNode(value=name)),
            type=parse_type(str(type_), no_location=True),
        )
        for name, type_ in types.items()
    )
    return dataclasses.replace(
        document,
        definitions=tuple(
            dataclasses.replace(
                node, variable_definitions=(*(node.variable_definitions or ()), *definitions)
            )
            if isinstance(node, OperationDefinitionNode)
            else node
            for node in document.definitions
        ),
    )


def _blanked(text: str, normal: Lifted, numbers: frozenset[int]) -> tuple[str, Lifted]:
    """The text with nothing to read in some of its literals, and all of its literals."""
    pieces: list[str] = []
    literals: list[str] = []
    starts: list[int] = []
    end = length = 0
    for number, (literal, start) in enumerate(zip(normal.literals, normal.starts, strict=True)):
        blank = _blank(literal) if number in numbers else literal
        length += start - end
        starts.append(length)
        literals.append(blank)
        length += len(blank)
        pieces += text[end:start], blank
        end = start + len(literal)
    blanked = "".join((*pieces, text[end:]))
    return blanked, Lifted(normal.key, tuple(literals), tuple(starts))


def _blank(literal: str) -> str:
    if literal[0] == '"':
        return _BLANK_STRING
    return _BLANK_INT if literal.lstrip("-").isdigit() else _BLANK_FLOAT


def _reader(literal: str, type_: Any) -> Callable[[str, Any], Any]:
    """From a literal and its coerced value to the value of a variable that is coerced to it."""
    kind = _kind(type_)
    if kind == "float":
        return _finite
    if kind in _BUILT_IN:
        return _as_coerced
    # Other scalars coerce a literal as the JSON value that it looks like.
    if literal[0] == '"':
        return _text
    return _int if _blank(literal) == _BLANK_INT else _float


def _finite(_: str, coerced: float) -> float:
    if not math.isfinite(coerced):
        raise ValueError("a variable cannot be what a literal can")
    return coerced


def _as_coerced(_: str, coerced: Any) -> Any:
    return coerced


def _text(literal: str, _: Any) -> str:
    return literal[1:-1]


def _int(literal: str, _: Any) -> int:
    return int(literal)


def _float(literal: str, _: Any) -> float:
    return float(literal)
