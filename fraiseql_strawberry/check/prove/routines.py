"""What the application role may call, and calls of it whose arguments are made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import resources
from itertools import islice, product
from typing import Any

import asyncpg

from .belongings import Belongings
from .rows import value_of

__all__ = ["MOST_CALLS", "Call", "Routine", "read_routines"]

MOST_CALLS = 64
"""How many combinations of arguments are tried, for each function, tenant and direction."""

_ROUTINES = (
    resources.files("fraiseql_strawberry.check.prove").joinpath("routines.sql").read_text("utf-8")
)
_INTEGERS = ("smallint", "integer", "bigint")
_TEXTS = ("text", "character varying", "citext")

# Each argument of a call: as SQL with `{}` for its parameter, or without one; and its value.
_Made = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Args:
        sql: The statement.
        args: The values of its parameters: ids of a tenant's, and the tenant.
    """

    sql: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure (`routines.sql`)."""

    sql: str
    name: str
    arguments: str
    is_procedure: bool
    returns: str
    variadic: bool
    gives_out: bool
    needed: int
    types: tuple[str, ...]
    enums: tuple[bool, ...]
    names: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name for people: `app.rename(post uuid)`."""
        return f"{self.name}({self.arguments})"

    def is_named(self, text: str) -> bool:
        """Whether a text names it: alone, with its schema, or with its arguments too."""
        return text in (self.name.partition(".")[2], self.name, self.label)

    def unfit(self) -> str | None:
        """Why it cannot be called, or None."""
        if self.gives_out:
            return "a procedure with OUT parameters"
        if self.returns == "refcursor":
            return "its result is a cursor"
        for type_, is_enum in list(zip(self.types, self.enums, strict=True))[: self.needed]:
            if type_ not in (*_INTEGERS, *_TEXTS) and not is_enum and value_of(type_) is None:
                return f"no value of type {type_} can be made up"
        return None

    def calls(self, victim: Belongings) -> list[Call]:
        """Calls with what can be made up, of a tenant's ids where they fit; not all of too many.

        Args:
            victim: Whose ids.
        """
        columns: list[Sequence[_Made]] = []
        for type_, is_enum, name in zip(self.types, self.enums, self.names, strict=True):
            made = list(_candidates(type_, name, victim, is_enum=is_enum))
            if not made:
                break
            columns.append(made)
        lengths = sorted({len(columns), self.needed}, reverse=True)
        every = (one for length in lengths for one in product(*columns[:length]))
        return [self._call(one) for one in islice(every, MOST_CALLS)]

    def _call(self, made: Sequence[_Made]) -> Call:
        args: list[str] = []
        parts: list[str] = []
        for expression, value in made:
            if value is not None:
                args.append(value)
            parts.append(expression.format(f"${len(args)}::text"))
        if self.variadic and len(parts) == len(self.types):
            parts[-1] = f"VARIADIC {parts[-1]}"
        called = f"{self.sql}({', '.join(parts)})"
        sql = f"CALL {called}" if self.is_procedure else f"SELECT ({called})::text"
        return Call(sql, tuple(args))


async def read_routines(connection: asyncpg.Connection[Any], role: str) -> list[Routine]:
    """All that a role may call in schemas of the application's, but for what extensions brought.

    Args:
        connection: Any connection to the database.
        role: The application role.
    """
    names = [field.name for field in fields(Routine)]
    return [
        Routine(**{name: _frozen(row[name]) for name in names})
        for row in await connection.fetch(_ROUTINES, role)
    ]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _candidates(type_: str, name: str, victim: Belongings, *, is_enum: bool) -> Iterator[_Made]:
    if is_enum:
        yield f"enum_first(NULL::{type_})", None
        return
    ids = [one.value for one in victim.ids_like(type_, name)]
    if type_ in _INTEGERS:  # a bound on the number of rows first: a small one would hide a hole
        yield f"1000::{type_}", None
        ids.append("1")
    elif type_ in _TEXTS:  # what LIKE finds everything with
        yield f"'%'::{type_}", None
        yield f"'prove'::{type_}", None
        ids.append(victim.tenant)
    elif type_ == "uuid":
        ids.insert(0 if "tenant" in name else len(ids), victim.tenant)
    elif type_ == "boolean":
        yield "true", None
        yield "false", None
    else:
        made = value_of(type_)
        if made is not None:
            yield made.replace("{", "{{").replace("}", "}}"), None
    for value in dict.fromkeys(ids):
        yield f"{{}}::{type_}", value
