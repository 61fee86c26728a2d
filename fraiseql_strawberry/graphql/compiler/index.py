"""What a Strawberry schema says of each of its types and fields."""

from __future__ import annotations

import builtins
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, cast, get_args

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
)
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.private import is_private

from ...errors import SchemaError
from ...sql.scalars import Scalar
from ...sql.source import Source
from ..aggregate_part import ROWS, PartField
from ..definition import OPERATION, Operation
from ..relation import RelationField
from ..scalars import scalar_kind
from .core import named_type, nullable_type
from .fields import (
    Aggregated,
    AggregatedPart,
    Argument,
    Arguments,
    Attribute,
    Connected,
    Embedded,
    FieldIndex,
    Leaf,
    Opaque,
    Related,
    Root,
    Written,
    without_obstacle,
)
from .python_scalars import enum_of_annotation, scalar_of_annotation

__all__ = ["SOURCE", "ObjectIndex", "SchemaIndex"]

SOURCE = "__fraiseql_source__"
"""Where a decorated class keeps its source."""

_DEFINITION = "strawberry-definition"


class ObjectIndex:
    """One object type of the schema."""

    def __init__(self, index: SchemaIndex, type_: GraphQLObjectType) -> None:
        self._index = index
        self.name = type_.name
        self.type = type_
        definition = type_.extensions.get(_DEFINITION)
        self.definition = definition if isinstance(definition, StrawberryObjectDefinition) else None

    @property
    def cls(self) -> builtins.type[Any]:
        """The decorated class."""
        assert self.definition is not None
        return self.definition.origin

    @cached_property
    def source(self) -> Source | None:
        """The source that the class was decorated with; subclasses do not inherit it."""
        return vars(self.cls).get(SOURCE) if self.definition else None

    @cached_property
    def onlooker(self) -> str | None:
        """What of the user's runs for each object of the type, so that rows have to become some."""
        if self.definition is None:
            return None
        if hasattr(self.cls, "__post_init__"):
            return f"{self.name} has a __post_init__"
        if cast(Any, self.definition).is_type_of is not None:
            return f"{self.name} has an is_type_of"
        if self.cls.__getattribute__ is not object.__getattribute__:
            return f"{self.name} has a __getattribute__"
        return None

    @cached_property
    def fields(self) -> Mapping[str, FieldIndex]:
        """What each GraphQL field is."""
        return {name: self._field(name, field) for name, field in self.type.fields.items()}

    @cached_property
    def attributes(self) -> Mapping[str, Attribute]:
        """The attributes that rows fill: fields without code, and private ones."""
        found: dict[str, Attribute] = {}
        declared = (
            {field.python_name: field for field in self.definition.fields}
            if self.definition
            else {}
        )
        for plain in dataclasses.fields(self.cls):
            field = declared.get(plain.name)
            if field is None and not isinstance(plain, StrawberryField):
                annotation = _evaluated(plain.type, self.cls)
            elif field is not None and type(field) is StrawberryField and not _resolver(field):
                annotation = field.type
            else:
                continue
            if get_object_definition(_innermost(annotation)) is None:
                found[plain.name] = Attribute(
                    scalar_of_annotation(annotation),
                    _required(plain),
                    enum_of_annotation(annotation),
                )
        return found

    @cached_property
    def embedded(self) -> Mapping[str, Embedded]:
        """The attributes that are objects inside of a row's JSON, by their Python names."""
        fields = map(without_obstacle, self.fields.values())
        return {field.python_name: field for field in fields if isinstance(field, Embedded)}

    @cached_property
    def relations(self) -> Mapping[str, Related]:
        """The relations, by their Python names."""
        found: dict[str, Related] = {}
        for name, field in self.fields.items():
            behind = without_obstacle(field)
            if isinstance(behind, Related):
                declared = self.type.fields[name].extensions[_DEFINITION]
                found[declared.python_name] = behind
        return found

    def scalar_of(self, column: str) -> Scalar | None:
        """The scalar of the attribute that a column fills, if one does."""
        attribute = self.attributes.get(column) if self.definition else None
        return attribute.scalar if attribute else None

    def _field(self, name: str, field: GraphQLField) -> FieldIndex:
        behind = self._behind(field)
        reason = self._obstacle(name, field.extensions.get(_DEFINITION), behind)
        if reason is not None or behind is None:
            return Opaque(f"{self.name}.{name} {reason}", behind)
        return behind

    def _behind(
        self, field: GraphQLField
    ) -> Leaf | Embedded | Related | Root | AggregatedPart | Written | None:
        declared = field.extensions.get(_DEFINITION)
        if not isinstance(declared, StrawberryField):
            return None
        type_, nullable, depth, item_nullable = _unwrapped(cast(Any, field).type)
        rows = isinstance(type_, GraphQLObjectType) and depth <= 1
        operation = declared.metadata.get(OPERATION)
        if isinstance(operation, Operation):
            return self._of_operation(operation, field) if rows else None
        if isinstance(declared, PartField):
            return self._part(declared, type_, _arguments(field))
        if isinstance(declared, RelationField):
            if not rows:
                return None
            return Related(declared.relation, type_.name, depth == 1, nullable, _arguments(field))
        if _resolver(declared):
            return None
        name = declared.python_name
        if isinstance(type_, (GraphQLScalarType, GraphQLEnumType)):
            return Leaf(name, self._index.scalar(type_, depth, item_nullable), nullable)
        if rows:
            required = _required(declared)
            return Embedded(name, type_.name, depth == 1, nullable, item_nullable, required)
        return None

    def _of_operation(self, operation: Operation, field: GraphQLField) -> Root | Written | None:
        type_, nullable, depth, item_nullable = _unwrapped(cast(Any, field).type)
        many, arguments = depth == 1, _arguments(field)
        if operation.write is not None:
            return Written(operation.write, type_.name, many, nullable, item_nullable, arguments)
        if operation.source is None:
            return None
        return self._index.root(Root(operation.source, type_.name, many, nullable, arguments))

    def _part(self, field: PartField, type_: Any, arguments: Arguments) -> AggregatedPart:
        if isinstance(type_, GraphQLObjectType):
            return AggregatedPart(field.meaning, type_.name, None, arguments)
        return AggregatedPart(
            field.meaning, None, self._index.scalar(type_, 0, item_nullable=False), arguments
        )

    def _obstacle(self, name: str, field: Any, behind: FieldIndex | None) -> str | None:
        """What of the user's stands between a column and the response."""
        if not isinstance(field, StrawberryField):
            return "is not a Strawberry field"
        if field.permission_classes:
            return "has a permission class"
        if field.extensions:
            return "has a field extension"
        match behind:
            case Root() | Written():
                return None  # scopes are the caller's to check: they belong to the request
            case Related():
                return None if type(field) is RelationField else "has a resolver"
            case AggregatedPart():
                known = behind.target or behind.scalar
                return None if known else "is a scalar of the application's own"
            case Leaf() | Embedded():
                if type(field) is not StrawberryField:
                    return "has a resolver"
                if not self._index.default_resolver_is_getattr:
                    return "goes through a default resolver of the schema's own"
                known = isinstance(behind, Embedded) or behind.scalar
                return None if known else "is a scalar of the application's own"
            case _:
                return "has a resolver" if _resolver(field) else "is neither a column nor an object"


class SchemaIndex:
    """What the compiler knows of a schema; made once, filled as types are asked for.

    Args:
        schema: The Strawberry schema, ours or hand-written.
        scalars: GraphQL names of the user's own scalars whose text is that of a kind in
            `sql.scalars`: `{"Slug": "string"}`.
    """

    def __init__(self, schema: strawberry.Schema, scalars: Mapping[str, str] | None = None) -> None:
        self.schema: GraphQLSchema = schema._schema  # pyright: ignore[reportPrivateUsage]
        self.default_resolver_is_getattr = schema.config.default_resolver is getattr
        self._declared_scalars = dict(scalars or {})
        self._objects: dict[str, ObjectIndex] = {}

    def object(self, name: str) -> ObjectIndex:
        """The object type of that name."""
        found = self._objects.get(name)
        if found is None:
            type_ = cast(GraphQLObjectType, self.schema.type_map[name])
            found = self._objects[name] = ObjectIndex(self, type_)
        return found

    def object_of(self, cls: type[Any]) -> ObjectIndex:
        """The object type that a class was decorated to.

        Raises:
            SchemaError: When the class is not in the schema.
        """
        for object_ in self.objects():
            if object_.definition is not None and object_.cls is cls:
                return object_
        raise SchemaError(f"{cls.__name__} is no type of this schema")

    def field_type(self, name: str, python_name: str) -> Any:
        """The GraphQL type of an object type's field, by the field's name in Python."""
        for field in cast(GraphQLObjectType, self.schema.type_map[name]).fields.values():
            if field.extensions[_DEFINITION].python_name == python_name:
                return field.type
        raise KeyError(python_name)

    def root(self, root: Root) -> Root:
        """A root field as what its type makes of it: rows, a page of them, or what they come to."""
        if root.query.aggregate:
            return self.aggregated(root)
        return self.connected(root) if root.query.relay else root

    def connected(self, root: Root) -> Connected:
        """A root field whose type is a connection."""
        edge = named_type(self.field_type(root.target, "edges"))
        node = named_type(self.field_type(edge.name, "node"))
        return Connected(
            root.query, node.name, True, root.nullable, root.arguments, connection=root.target
        )

    def aggregated(self, root: Root) -> Aggregated:
        """A root field whose type was generated for what rows come to.

        Raises:
            SchemaError: When the type of the rows is not in the schema.
        """
        rows: type[Any] = vars(self.object(root.target).cls)[ROWS]
        try:
            name = self.object_of(rows).name
        except SchemaError as error:
            raise SchemaError(
                f"{root.target} is of {rows.__name__} rows, and {rows.__name__} is no type of this "
                f"schema: build it with types=[{rows.__name__}]"
            ) from error
        return Aggregated(
            *(root.query, name, False, root.nullable, root.arguments), aggregate=root.target
        )

    def objects(self) -> Iterator[ObjectIndex]:
        """All object types, without those of introspection."""
        for name, type_ in self.schema.type_map.items():
            if isinstance(type_, GraphQLObjectType) and not name.startswith("__"):
                yield self.object(name)

    def sources(self) -> frozenset[Source]:
        """Every source that a decorator names, link tables too."""
        found: set[Source | None] = set()
        for object_ in self.objects():
            found.add(object_.source)
            for field in object_.fields.values():
                if isinstance(field, Root):
                    found.add(field.query.source)
                elif isinstance(field, Related) and field.relation.through:
                    found.add(field.relation.through.source)
        found.update(field.write.source for _, field in self.writes() if field.write.kind != "call")
        return frozenset(source for source in found if source is not None)

    def writes(self) -> Iterator[tuple[str, Written]]:
        """Every field that writes through SQL, whatever of the user's stands around it."""
        for object_ in self.objects():
            for name, field in object_.fields.items():
                behind = without_obstacle(field)
                if isinstance(behind, Written):
                    yield f"{object_.name}.{name}", behind

    def scalar(
        self, type_: GraphQLScalarType | GraphQLEnumType, depth: int, item_nullable: bool
    ) -> Scalar | None:
        """How the fast lane writes a leaf; None for a scalar of the user's that is not declared."""
        if isinstance(type_, GraphQLEnumType):
            wrapped: Any = getattr(type_, "wrapped_cls", None)
            if wrapped is None:
                return None
            members = tuple(
                (name, wrapped(value.value).name, value.value)
                for name, value in type_.values.items()
            )
            return Scalar("enum", depth, item_nullable, members)
        kind = self._declared_scalars.get(type_.name) or scalar_kind(type_)
        return Scalar(kind, depth, item_nullable) if kind else None


def _resolver(field: StrawberryField) -> Any:
    return cast(Any, field).base_resolver


def _required(field: Any) -> bool:
    """Whether a field of a dataclass has no default."""
    return all(d is dataclasses.MISSING for d in (field.default, field.default_factory))


def _unwrapped(type_: Any) -> tuple[Any, bool, int, bool]:
    """The named type, whether the field is nullable, how many lists, whether items are nullable."""
    inner, nullable = nullable_type(type_)
    depth, item_nullable = 0, False
    while isinstance(inner, GraphQLList):
        depth += 1
        inner, item = nullable_type(cast(Any, inner).of_type)
        item_nullable = item_nullable or item
    return inner, nullable, depth, item_nullable


def _arguments(field: GraphQLField) -> Arguments:
    found: dict[str, Argument] = {}
    for name, argument in field.args.items():
        declared = argument.extensions.get(_DEFINITION)
        python_name = declared.python_name if isinstance(declared, StrawberryArgument) else name
        found[name] = Argument(python_name, argument)
    return found


def _evaluated(annotation: Any, cls: type[Any]) -> Any:
    namespace = vars(sys.modules[cls.__module__])
    try:
        evaluated = StrawberryAnnotation(annotation, namespace=namespace).evaluate()
    except NameError:
        return None  # a name of a local scope: the column's type says what it is
    return get_args(evaluated)[0] if is_private(evaluated) else evaluated


def _innermost(annotation: Any) -> Any:
    while hasattr(annotation, "of_type"):
        annotation = annotation.of_type
    return annotation
