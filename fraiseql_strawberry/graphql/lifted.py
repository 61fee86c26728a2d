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
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NameNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    Source,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_location,
    parse,
    parse_type,
    visit,
)

from .compiler import Lifted
from .compiler.core import argument_type, input_type
from .compiler.literals import Literals
from .compiler.reason import SteppedAside
from .liftable import BUILT_IN, kind_of

__all__ = ["LiftedDocument"]

_BLANK_STRING, _BLANK_FLOAT, _BLANK_INT = '"?"', "0.0", "0"


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


class _Rewriter(Visitor):
    """Puts a variable in the place of each literal."""

    def __init__(self, type_info: TypeInfo, names: Mapping[int, str]) -> None:
        super().__init__()
        self.type_info = type_info
        self.types: dict[str, Any] = {}
        self._names = names

    def enter_argument(self, node: ArgumentNode, *_: Any) -> ArgumentNode | None:
        argument = self.type_info.get_argument()
        variable = argument and self._variable(node.value, argument_type(argument))
        return variable and ArgumentNode(name=node.name, value=variable, loc=node.loc)

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> ObjectFieldNode | None:
        variable = self._variable(node.value, input_type(self.type_info))
        return variable and ObjectFieldNode(name=node.name, value=variable, loc=node.loc)

    def _variable(self, node: ValueNode, type_: Any) -> VariableNode | None:
        location = node.loc
        name = self._names.get(location.start) if location is not None else None
        if name is None:
            return None
        self.types[name] = type_
        return VariableNode(name=NameNode(value=name), loc=location)


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
    kind = kind_of(type_)
    if kind == "float":
        return _finite
    if kind in BUILT_IN:
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
