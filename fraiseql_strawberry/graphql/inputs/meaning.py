"""What a field of a generated input type stands for, for whoever compiles a value of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

import strawberry
from graphql import GraphQLInputField

__all__ = [
    "MEANING",
    "Connective",
    "Meaning",
    "OnColumn",
    "OnRelation",
    "Operator",
    "Ordering",
    "Quantifier",
    "meaning_of",
]

MEANING = "fraiseql_meaning"
"""Where a field's `metadata` keeps it."""


@dataclass(frozen=True, slots=True)
class OnColumn:
    """Something about a column: the attribute of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class OnRelation:
    """Something about the rows that a relation leads to.

    Args:
        name: The attribute.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Connective:
    """Conditions taken together."""

    kind: Literal["and", "or", "not"]


@dataclass(frozen=True, slots=True)
class Quantifier:
    """How many of the related rows a condition is about."""

    kind: Literal["some", "every", "none"]


@dataclass(frozen=True, slots=True)
class Operator:
    """A comparison.

    Args:
        name: "eq", "starts_with", …; `compiler.comparing` knows them.
    """

    name: str


Meaning = OnColumn | OnRelation | Connective | Quantifier | Operator


@strawberry.enum(description="A direction of an order, and where nulls go in it.")
class Ordering(Enum):
    """A direction of an order; without more, nulls count as the highest value."""

    ASC = "asc"
    DESC = "desc"
    ASC_NULLS_FIRST = "asc first"
    ASC_NULLS_LAST = "asc last"
    DESC_NULLS_FIRST = "desc first"
    DESC_NULLS_LAST = "desc last"


def meaning_of(field: GraphQLInputField) -> Meaning:
    """What a field of a generated input type stands for.

    Raises:
        KeyError: When the type was not generated.
    """
    return field.extensions["strawberry-definition"].metadata[MEANING]
