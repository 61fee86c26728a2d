"""Inline literals as parameters: documents that differ in them only are one document.

`{ post(id: "1f…") { title } }` with a new id each time would be parsed and compiled each time.
Here the literal is taken out of the text, and coerced again on each request by its argument's
type. Only `name: literal` pairs are lifted, of fields and of the input objects they are given,
never items of lists, variable definitions or directives, nor texts with escapes: there a literal
may decide whether the document is valid. Equal literals stay recognisable as equal in the key,
since fields of one response key must have equal arguments (GraphQL specification, 5.3.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FloatValueNode,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    IntValueNode,
    ListValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Undefined,
    ValueNode,
    Visitor,
    visit,
)

from .core import argument_type, coerce_literal, input_type, nullable_type
from .reason import SteppedAside
from .selection import response_key

__all__ = ["MISPLACED", "NOTHING_LIFTED", "Lifted", "Literals", "normalise"]

# Characters that a string may hold and still be lifted: none that ends, escapes or invalidates it.
_PLAIN = r'[^"\\\x00-\x1f\ud800-\udfff]'

# A block string, a string, a comment, or an argument list, which has no parentheses inside but in
# strings and comments. Should the text be read out of step here (comments and commas may stand
# anywhere), a literal is found where the parser finds none; `Literals` notices.
_PART = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n\r]|\\.)*"|\#[^\n\r]*|'
    rf'\((?P<list>[^()"\#]*(?:"(?!""){_PLAIN}*"[^()"\#]*)*)\)',
    re.DOTALL | re.ASCII,
)
_DIRECTIVE = re.compile(r"@\s*[_A-Za-z]\w*\s*\Z", re.ASCII)
_LONGEST_DIRECTIVE = 80
# A literal behind a colon, or another string, which is stepped over.
_LITERAL = re.compile(
    rf'(?:(?<=:)\s*(?:(?P<string>"{_PLAIN}*")|'
    r"(?P<float>-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+))|(?P<int>-?(?:0|[1-9]\d*)))"
    rf'(?![\w.]))|"{_PLAIN}*"',
    re.ASCII,
)
_NESTED = re.compile(r"[\[\]{}]")
_DEFINITIONS = re.compile(r"[\s,]*\$", re.ASCII)
_MARK = "\x00"
_MAX_CHARACTERS = 20_000
_INT_DIGITS = 11


@dataclass(frozen=True, slots=True)
class Lifted:
    """A document's text without its lifted literals.

    Args:
        key: Equal for documents that differ in lifted literals only.
        literals: The literals, as they stood in the text.
        starts: Where each stood.
    """

    key: str
    literals: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()


NOTHING_LIFTED = Lifted("")
MISPLACED = "a literal is not where it seems to be"
"""Why a document is not read without its literals: there is none for the parser, or not for a type,
such as inside of a JSON value."""


def normalise(text: str, *, nested: bool = True) -> Lifted:
    """Take the literals out of a document that has not been parsed yet.

    Args:
        text: The document.
        nested: Whether those inside of input objects are taken too.
    """
    if "(" not in text or _MARK in text or len(text) > _MAX_CHARACTERS:
        return Lifted(text)
    literals: list[str] = []
    starts: list[int] = []
    pieces: list[str] = []
    end = 0
    for part in _PART.finditer(text):
        begin, stop = part.span("list")
        if begin < 0 or ":" not in part["list"] or _DEFINITIONS.match(text, begin, stop):
            continue
        if not nested and _NESTED.search(part["list"]):
            continue
        if "@" in text and _DIRECTIVE.search(text, max(0, begin - _LONGEST_DIRECTIVE), begin - 1):
            continue
        for literal in _LITERAL.finditer(text, begin, stop):
            kind = literal.lastgroup
            if kind is None:
                continue
            token = literal[kind]
            if token in literals:
                mark = f"{_MARK}{kind[0]}{literals.index(token)}"
            else:
                mark = f"{_MARK}{kind[0]}{len(literals)}"
            pieces += text[end : literal.start(kind)], mark
            end = literal.end(kind)
            literals.append(token)
            starts.append(literal.start(kind))
    if not literals:
        return Lifted(text)
    return Lifted("".join((*pieces, text[end:])), tuple(literals), tuple(starts))


class Literals:
    """The lifted literals of a compiled document.

    Args:
        schema: The schema.
        document: The document, parsed from its whole text.
        lifted: What was taken out of that text.

    Raises:
        SteppedAside: When the parser sees something else where a literal was taken.
    """

    __slots__ = ("_coercers", "numbers")

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, lifted: Lifted) -> None:
        self.numbers: Mapping[int, int] = {start: n for n, start in enumerate(lifted.starts)}
        finder = _ArgumentFinder(TypeInfo(schema), self.numbers)
        if self.numbers:
            visit(document, TypeInfoVisitor(finder.type_info, finder))
        coercers: list[Callable[[str], Any]] = []
        for start, token in zip(lifted.starts, lifted.literals, strict=True):
            found = finder.found.get(start)
            if found is None or found[0] != start + len(token):
                raise SteppedAside(MISPLACED)
            coercers.append(_coercer(token, found[1]))
        if finder.lifted & finder.kept:
            # Fields of one response key have equal arguments: that was checked for this text only.
            raise SteppedAside("one argument's literal is lifted here and kept there")
        self._coercers = tuple(coercers)

    def coerce(self, literals: tuple[str, ...], values: dict[Any, Any]) -> None:
        """Add the values of a request's literals, under their numbers.

        Args:
            literals: As `normalise` took them from a text of the same key.
            values: Where they are added.

        Raises:
            SteppedAside: When one is invalid for its argument.
        """
        for number, coerce in enumerate(self._coercers):
            value = coerce(literals[number])
            if value is Undefined:
                raise SteppedAside("an invalid literal")
            values[number] = value


class _ArgumentFinder(Visitor):
    def __init__(self, type_info: TypeInfo, starts: Mapping[int, int]) -> None:
        super().__init__()
        self.type_info = type_info
        self.found: dict[int, tuple[int, Any]] = {}
        self.lifted: set[tuple[str | int, ...]] = set()
        self.kept: set[tuple[str | int, ...]] = set()
        self._starts = starts

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        for argument in node.arguments or ():
            place = (response_key(node), argument.name.value)
            for path, literal in _literals(argument.value, place):
                is_lifted = literal.loc is not None and literal.loc.start in self._starts
                (self.lifted if is_lifted else self.kept).add(path)

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        argument = self.type_info.get_argument()
        if argument is not None:
            self._find(node.value, argument_type(argument))

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        self._find(node.value, input_type(self.type_info))

    def _find(self, node: ValueNode, type_: Any) -> None:
        location = node.loc
        if location is not None and location.start in self._starts and type_ is not None:
            self.found[location.start] = (location.end, type_)


def _literals(
    node: ValueNode, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], ValueNode]]:
    """The numbers and strings of an argument, with where they are."""
    match node:
        case IntValueNode() | FloatValueNode() | StringValueNode():
            yield path, node
        case ObjectValueNode():
            for field in node.fields:
                yield from _literals(field.value, (*path, field.name.value))
        case ListValueNode():
            for number, item in enumerate(node.values):
                yield from _literals(item, (*path, number))
        case _:
            pass


def _coercer(token: str, type_: Any) -> Callable[[str], Any]:
    """The function from a token to its value, exactly as graphql-core coerces the literal."""
    inner, _ = nullable_type(type_)
    if token[0] == '"':
        if inner is GraphQLString:
            return _text
        if isinstance(inner, GraphQLScalarType) and _has_default_literal(inner):
            return _parsed(inner)
        return lambda text: coerce_literal(StringValueNode(value=text[1:-1]), type_)
    if "." in token or "e" in token or "E" in token:
        return lambda text: coerce_literal(FloatValueNode(value=text), type_)
    if inner is GraphQLInt:
        return _int
    return lambda text: coerce_literal(IntValueNode(value=text), type_)


# Limits and ids are the most frequent literals: for them, the same as graphql-core without its
# nodes.
def _has_default_literal(type_: GraphQLScalarType) -> bool:
    own = getattr(type_.parse_literal, "__func__", None)
    return type_.coerce_input_literal is None and own is GraphQLScalarType.parse_literal


def _parsed(type_: GraphQLScalarType) -> Callable[[str], Any]:
    coerce = type_.coerce_input_value

    def parse(text: str) -> Any:
        try:
            return coerce(text[1:-1])
        except Exception:  # noqa: BLE001 # whatever a scalar raises makes the value invalid
            return Undefined

    return parse


def _text(text: str) -> str:
    return text[1:-1]


def _int(text: str) -> Any:
    value = int(text) if len(text) <= _INT_DIGITS else GRAPHQL_MAX_INT + 1
    return value if GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT else Undefined
