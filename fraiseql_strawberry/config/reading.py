"""From the tables of a file, and overrides on top of them, to the frozen sections."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from .interpolate import Text, VariableError, has_reference, interpolate
from .lines import Path
from .mistakes import Mistake, header, label
from .origin import Layer, Origin
from .rules import UNSET, Rule, RuleError, choice, flag
from .secret_rules import is_exposed
from .sections import (
    Auth,
    Check,
    Database,
    Graphql,
    Limits,
    Migrations,
    Multitenancy,
    Project,
    Routing,
    Seal,
    Server,
)
from .unknown import unknown_key

__all__ = ["RULES", "SECTIONS", "Reader", "rules_of"]

SECTIONS: dict[Path, type[Any]] = {
    ("project",): Project,
    ("database",): Database,
    ("server",): Server,
    ("auth",): Auth,
    ("multitenancy",): Multitenancy,
    ("multitenancy", "routing"): Routing,
    ("multitenancy", "limits"): Limits,
    ("multitenancy", "seal"): Seal,
    ("graphql",): Graphql,
    ("check",): Check,
    ("migrations",): Migrations,
}

_S = TypeVar("_S")


def rules_of(section: type[Any]) -> dict[str, Rule]:
    """The rule of each key of a section; sections inside it are left out."""
    rules: dict[str, Rule] = {}
    for name, hint in get_type_hints(section, include_extras=True).items():
        if get_origin(hint) is Annotated:
            rules[name] = hint.__metadata__[0]
        elif get_origin(hint) is Literal:
            rules[name] = choice(*get_args(hint))
        elif hint is bool:
            rules[name] = flag
    return rules


RULES = {path: rules_of(section) for path, section in SECTIONS.items()}
# The names that may stand in each table: its keys and the tables inside it.
_NAMES: dict[Path, tuple[str, ...]] = {
    path: (*RULES.get(path, ()), *(str(sub[-1]) for sub in SECTIONS if sub[:-1] == path))
    for path in ((), *SECTIONS)
}


class Reader:
    """Reads the sections of one origin and collects what is wrong with them."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.mistakes: list[Mistake] = []
        self.exposed: list[Path] = []  # keys whose secret stands in the file in plain text
        self._read: dict[Path, object] = {}

    def check_names(self) -> None:
        """Find the keys and sections that do not exist, used or not."""
        for layer in self.origin.layers:
            for path, known in _NAMES.items():
                for name in map(str, self._table(layer, path, complain=True)):
                    if name not in known:
                        self._add(layer, (*path, name), *unknown_key(path, name, _NAMES))

    def section(
        self, kind: type[_S], path: Path, *, idle: bool = False, skip: tuple[str, ...] = ()
    ) -> _S:
        """Read one section.

        Args:
            kind: Its class.
            path: Where it stands.
            idle: The section is not used: strings that refer to variables are left alone.
            skip: Keys that are not used, and keep their defaults.
        """
        found = {
            name: self.key((*path, name), idle=idle) for name in RULES[path] if name not in skip
        }
        return kind(**{name: value for name, value in found.items() if value is not UNSET})

    def key(self, path: Path, *, idle: bool = False) -> Any:
        """The value of one key, or `UNSET` where it is not given or not valid."""
        if path not in self._read:
            self._read[path] = self._read_key(path, idle)
        return self._read[path]

    def raw(self, path: Path) -> object:
        """What the last layer that has the key gives it; None where it is not given.

        None in an override takes the key back: its default holds again.
        """
        layer = self._layer(path)
        return self._table(layer, path[:-1])[str(path[-1])] if layer else None

    def rank(self, path: Path) -> int:
        """The number of the last layer that has the key `path`; -1 where none has."""
        for rank in range(len(self.origin.layers) - 1, -1, -1):
            if path[-1] in self._table(self.origin.layers[rank], path[:-1]):
                return rank
        return -1

    def complain(self, path: Path, message: str, hint: str | None = None) -> None:
        """Add a mistake about `path`; the message goes on where its name ends."""
        self.mistakes.append(self.mistake(path, message, hint))

    def mistake(self, path: Path, message: str, hint: str | None = None) -> Mistake:
        """A mistake about `path`, at the place that gives it."""
        layer = self._layer(path) or next(iter(self.origin.layers), None)
        file, line = (layer.name, layer.line(path)) if layer else (self.origin.name, None)
        return Mistake(f"{label(path)} {message}", hint, file, line)

    def _layer(self, path: Path) -> Layer | None:
        rank = self.rank(path)
        return self.origin.layers[rank] if rank >= 0 else None

    def _read_key(self, path: Path, idle: bool) -> object:
        layer, raw = self._layer(path), self.raw(path)
        if layer is None or raw is None:
            return UNSET
        section, name = path[:-1], str(path[-1])
        if idle and layer.is_file and _refers(raw):
            return UNSET
        rule = RULES[section][name]
        try:
            given = self._interpolated(raw, path, layer) if layer.is_file else raw
            value = rule(given)
        except VariableError:
            return UNSET  # _interpolated has added the mistake, with the line of the element
        except RuleError as error:
            wrong = path if error.index is None else (*path, error.index)
            self._add(layer, wrong, f"{label(wrong)} {error.message}", error.hint)
            return UNSET
        default = _default(SECTIONS[section], name)
        optional = default is None or (isinstance(given, Text) and given.referenced)
        if value is UNSET and not optional:
            self._add(layer, path, f"{label(path)} must not be empty")
        if layer.is_file and is_exposed(given, value):
            self.exposed.append(path)
        return value

    def _interpolated(self, raw: object, path: Path, layer: Layer) -> object:
        if isinstance(raw, list):
            items = enumerate(cast("list[object]", raw))
            return [self._interpolated(item, (*path, index), layer) for index, item in items]
        if not isinstance(raw, str):
            return raw
        try:
            return interpolate(raw, self.origin.env)
        except VariableError as error:
            self._add(layer, path, f"{label(path)}: {error.message}", error.hint)
            raise

    def _table(self, layer: Layer, path: Path, *, complain: bool = False) -> Mapping[str, Any]:
        """The table at `path` of a layer; empty where there is none."""
        table: Mapping[str, Any] = layer.tables
        for depth, part in enumerate(path, start=1):
            inner = table.get(str(part))
            if inner is None:
                return {}
            if not isinstance(inner, Mapping):
                if complain and depth == len(path):
                    hint = f"Write {header(path)} on a line of its own, and its keys below"
                    self._add(layer, path, f"{header(path)} must be a table", hint)
                return {}
            table = cast("Mapping[str, Any]", inner)
        return table

    def _add(self, layer: Layer, path: Path, message: str, hint: str | None = None) -> None:
        self.mistakes.append(Mistake(message, hint, layer.name, layer.line(path)))


def _refers(raw: object) -> bool:
    if isinstance(raw, list):
        return any(_refers(item) for item in cast("list[object]", raw))
    return isinstance(raw, str) and has_reference(raw)


def _default(section: type[Any], name: str) -> object:
    return next(field.default for field in dataclasses.fields(section) if field.name == name)
