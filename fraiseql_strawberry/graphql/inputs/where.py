"""`PostWhere`: what rows of a type a client wants."""

from __future__ import annotations

from typing import Any

from ..relation import RelationField
from .choices import Choice, Narrowing, choices
from .made import InputField, fill, shell
from .meaning import Connective, OnColumn, OnRelation, Quantifier
from .scalar_filters import filter_of

__all__ = ["where_type"]

_WHERE = "__fraiseql_where__"
_RELATION = "__fraiseql_where_relation__"


def where_type(cls: type[Any], narrowing: Narrowing | None = None, prefix: str = "") -> type[Any]:
    """The input type of conditions on a type.

    Args:
        cls: The type.
        narrowing: The fields that conditions may be about; None for all.
        prefix: What the name of a narrowed one begins with.

    Raises:
        SchemaError: When the narrowing names what is not there.
    """
    if narrowing is None:
        known: type[Any] | None = vars(cls).get(_WHERE)
        if known is not None:
            return known
    name = f"{_name(cls) if narrowing is None else prefix}Where"
    made = shell(name)
    if narrowing is None:
        setattr(cls, _WHERE, made)  # before its fields, which may lead back to it
    fields = [
        InputField("and_", list[made], Connective("and"), "and", "All of these hold."),
        InputField("or_", list[made], Connective("or"), "or", "One of these holds."),
        InputField("not_", made, Connective("not"), "not", "This does not hold."),
    ]
    for choice in choices(cls, narrowing):
        field = _field(choice, prefix)
        if field is not None:
            fields.append(field)
    return fill(
        made,
        fields,
        name=name,
        description=f"Which {_name(cls)} rows. All that is given must hold.",
    )


def _field(choice: Choice, prefix: str) -> InputField | None:
    field, name = choice.field, choice.field.python_name
    if isinstance(field, RelationField):
        assert choice.target is not None
        below = f"{prefix}{_capital(name)}"
        if field.many:
            annotation = _relation_filter(choice.target, choice.narrowing, below)
        else:
            annotation = where_type(choice.target, choice.narrowing, below)
        return InputField(name, annotation, OnRelation(name), field.graphql_name)
    assert choice.scalar is not None
    annotation = filter_of(choice.scalar, choice.enum)
    if annotation is None:
        return None
    return InputField(name, annotation, OnColumn(name), field.graphql_name)


def _relation_filter(target: type[Any], narrowing: Narrowing | None, prefix: str) -> type[Any]:
    if narrowing is None:
        known: type[Any] | None = vars(target).get(_RELATION)
        if known is not None:
            return known
    name = f"{_name(target) if narrowing is None else prefix}RelationFilter"
    made = shell(name)
    if narrowing is None:
        setattr(target, _RELATION, made)
    where = where_type(target, narrowing, prefix)
    fields = [
        InputField("some", where, Quantifier("some"), description="One of them is so."),
        InputField(
            "every", where, Quantifier("every"), description="All of them are so, or there is none."
        ),
        InputField("none", where, Quantifier("none"), description="None of them is so."),
    ]
    return fill(
        made,
        fields,
        name=name,
        description=f"Which {_name(target)} rows belong to a row. All that is given must hold.",
    )


def _name(cls: type[Any]) -> str:
    definition: Any = vars(cls)["__strawberry_definition__"]
    return definition.name


def _capital(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
