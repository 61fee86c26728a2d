"""`auto_params=…`: the arguments that a query gets without being written in its signature."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional, get_object_definition

from ...errors import SchemaError
from .choices import Narrowing, innermost
from .order import order_type
from .where import where_type

__all__ = ["AutoParams", "Automatic", "automatic"]

AutoParams = bool | Collection[str] | Mapping[str, bool | Sequence[str]]
"""All four, some by name, or by name with the columns that they are for."""

_NAMES = ("where", "order_by", "limit", "offset")
_SAYS = {
    "where": "Which rows.",
    "order_by": "The order, the most important key first.",
    "limit": "How many rows at the most.",
    "offset": "How many rows are skipped.",
}


@dataclass(frozen=True, slots=True)
class Automatic:
    """The arguments that a field gets.

    Args:
        function: The decorated function's name.
        wanted: Their names, and the columns that each is for; None for all.
    """

    function: str
    wanted: tuple[tuple[str, tuple[str, ...] | None], ...]

    def arguments(self, type_: Any) -> list[StrawberryArgument]:
        """The arguments, whose types are made of the field's own.

        Args:
            type_: What the function's annotation says.

        Raises:
            SchemaError: When the field is no list of rows.
        """
        cls = innermost(type_)
        definition = get_object_definition(cls)
        many = isinstance(_without_optional(type_), StrawberryList)
        if definition is None or not many:
            raise SchemaError(
                f"{self.function}(): where, order_by, limit and offset are for lists of a "
                "@fraiseql.type; take auto_params out"
            )
        return [self._argument(name, cls, names) for name, names in self.wanted]

    def _argument(self, name: str, cls: Any, names: tuple[str, ...] | None) -> StrawberryArgument:
        prefix = "".join(p[:1].upper() + p[1:] for p in self.function.split("_"))
        narrowing = Narrowing(names, f"{self.function}(), {name}") if names else None
        match name:
            case "where":
                annotation: Any = where_type(cls, narrowing, prefix)
            case "order_by":
                annotation = list[order_type(cls, narrowing, prefix)]
            case _:
                annotation = int
        return StrawberryArgument(
            name, None, StrawberryAnnotation(annotation | None), description=_SAYS[name]
        )


def automatic(
    function: str,
    auto_params: AutoParams,
    where: Sequence[str] | None,
    declared: Collection[str],
    *,
    relay: bool = False,
    aggregate: bool = False,
) -> Automatic | None:
    """Read what the decorator was given.

    Args:
        function: The function's name, for errors.
        auto_params: See `AutoParams`.
        where: The columns that `where` is for; it is then an argument in any case.
        declared: What the function's own signature has, which is left as it is.
        relay: Whether the field is a connection, which has pages of its own.
        aggregate: Whether it is what all rows come to, without an order.

    Raises:
        SchemaError: For a name that is no such argument.
    """
    wanted = _wanted(function, auto_params)
    if where is not None:
        wanted["where"] = _columns(function, "where", where)
    for name in wanted:
        if name not in _NAMES:
            raise SchemaError(
                f"{function}(): auto_params knows {', '.join(_NAMES)}, and no {name!r}"
            )
    if relay:
        if auto_params is not True and {"limit", "offset"} & wanted.keys():
            raise SchemaError(f"{function}(): a connection takes first and last, and no limit")
        wanted = {name: wanted[name] for name in wanted if name not in ("limit", "offset")}
    if aggregate:
        if auto_params is not True and wanted.keys() - {"where"}:
            raise SchemaError(f"{function}(): an aggregate is of all rows: it takes where only")
        wanted = {name: wanted[name] for name in wanted if name == "where"}
    kept = tuple((name, wanted[name]) for name in _NAMES if name in wanted and name not in declared)
    return Automatic(function, kept) if kept else None


def _wanted(function: str, auto_params: AutoParams) -> dict[str, tuple[str, ...] | None]:
    wanted: dict[str, tuple[str, ...] | None] = {}
    if auto_params is True:
        wanted = dict.fromkeys(_NAMES)
    elif isinstance(auto_params, Mapping):
        chosen = cast(Mapping[str, bool | Sequence[str]], auto_params)
        for name, names in chosen.items():
            if names is not False:
                wanted[name] = None if names is True else _columns(function, name, names)
    elif auto_params is not False:
        names_only: Collection[str] = auto_params
        wanted = dict.fromkeys([names_only] if isinstance(names_only, str) else names_only)
    return wanted


def _columns(function: str, name: str, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not names or name in ("limit", "offset"):
        raise SchemaError(f'{function}(): name the columns in a list: {name}=["title"]')
    return tuple(names)


def _without_optional(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, StrawberryOptional) else type_
