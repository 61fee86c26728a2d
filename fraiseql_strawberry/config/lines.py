"""On which line of a TOML text each key stands.

tomlkit keeps the text but not the positions, and reports no line for a key that is defined
twice. This scanner reads only the shape of a document (https://toml.io/en/v1.0.0): keys, `=`,
brackets, strings, comments and line ends. It never fails; on a text that is not TOML its answers
mean little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import tomlkit
from tomlkit.exceptions import TOMLKitError

__all__ = ["Definition", "Path", "definitions", "key_lines", "line_of", "redefinition"]

Path = tuple[str | int, ...]
Kind = Literal["key", "dotted", "table", "implied", "element"]

_TOKEN = re.compile(
    r'''(?P<comment>\#[^\n]*)
    | (?P<text>"""(?:\\.|[^\\])*?"{3,5} | \'\'\'.*?\'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<newline>\n)
    | (?P<space>[ \t\r]+)
    | (?P<mark>[][{}=.,])
    | (?P<bare>[^ \t\r\n][^][{}=.,\#"' \t\r\n]*)''',
    re.VERBOSE | re.DOTALL,
)
_DEEPEST = 100  # tomlkit refuses what is nested deeper
# What may not be defined again as what; "implied" is the `a` of a header `[a.b]`.
_CLASHES: dict[Kind, frozenset[Kind]] = {
    "key": frozenset({"key", "dotted", "table", "implied", "element"}),
    "table": frozenset({"key", "dotted", "table"}),
    "dotted": frozenset({"key", "table"}),
    "implied": frozenset({"key"}),
    "element": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Definition:
    """A key, a header or an element of an array, and its line, counted from 1."""

    path: Path
    line: int
    kind: Kind


@dataclass(slots=True)
class _Open:
    """An array or inline table that is not closed yet; `index` is None in a table."""

    path: Path
    index: int | None


def definitions(text: str) -> Iterator[Definition]:
    """Every definition of `text`, in its order."""
    scanner = _Scanner()
    line = 1
    for match in _TOKEN.finditer(text):
        piece, kind = match[0], match.lastgroup
        if kind == "newline":
            scanner.end_line()
        elif kind not in ("comment", "space"):
            yield from scanner.take(piece, line, is_mark=kind == "mark")
            if max(len(scanner.open), len(scanner.key)) > _DEEPEST:
                return
        line += piece.count("\n")


def key_lines(text: str) -> dict[Path, int]:
    """The line of the first definition of each path in `text`."""
    lines: dict[Path, int] = {}
    for definition in definitions(text):
        lines.setdefault(definition.path, definition.line)
    return lines


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """The line of `path`, or of the nearest thing around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def redefinition(text: str) -> Definition | None:
    """The first key or table of `text` that was defined before, which TOML forbids."""
    seen: dict[Path, Kind] = {}
    for found in definitions(text):
        if found.path in seen and seen[found.path] in _CLASHES[found.kind]:
            return found
        if seen.get(found.path) in (None, "implied"):
            seen[found.path] = found.kind
    return None


class _Scanner:
    """The state between two tokens."""

    def __init__(self) -> None:
        self.table: Path = ()
        self.open: list[_Open] = []
        self.key: list[str] = []
        self.header: str | None = None  # the brackets of the header being read
        self.value: Path | None = None  # the key whose value is being read
        self.started = False  # the present element of the innermost array has begun
        self.counts: dict[Path, int] = {}

    def end_line(self) -> None:
        if not self.open:
            self.key, self.header, self.value = [], None, None

    def take(self, piece: str, line: int, *, is_mark: bool) -> Iterator[Definition]:
        if self.header is not None:
            yield from self._take_header(piece, line, is_mark)
        elif self.value is not None or (self.open and self.open[-1].index is not None):
            yield from self._take_value(piece, line, is_mark)
        elif not is_mark:
            self.key.append(_plain(piece))
        elif piece == "[" and not self.open and not self.key:
            self.header = "["
        elif piece == "=" and self.key:
            yield from self._define_key(line)
        elif piece == "}" and self.open:
            self._close()
        elif piece == ",":
            self.key = []

    def _take_header(self, piece: str, line: int, is_mark: bool) -> Iterator[Definition]:
        if not is_mark:
            self.key.append(_plain(piece))
        elif piece == "[" and not self.key:
            self.header = "[["
        elif piece == "]" and self.key:
            path = self._in_arrays(self.key)
            yield from _prefixes(path, 0, line, "implied")
            if self.header == "[[":
                index = self.counts.get(path, 0)
                self.counts[path] = index + 1
                yield Definition(path, line, "implied")
                path = (*path, index)
                yield Definition(path, line, "element")
            else:
                yield Definition(path, line, "table")
            self.table, self.key, self.header = path, [], None
            self.value = None

    def _in_arrays(self, key: list[str]) -> Path:
        """A header's path, through the latest element of each array of tables on the way."""
        path: Path = ()
        for part in key:
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
            path = (*path, part)
        return path

    def _define_key(self, line: int) -> Iterator[Definition]:
        base = self.open[-1].path if self.open else self.table
        path = (*base, *self.key)
        yield from _prefixes(path, len(base), line, "dotted")
        yield Definition(path, line, "key")
        self.key, self.value, self.started = [], path, False

    def _take_value(self, piece: str, line: int, is_mark: bool) -> Iterator[Definition]:
        inner = self.open[-1] if self.open else None
        if is_mark and piece == "," and inner:
            self.started = False
            if inner.index is None:
                self.value = None
            else:
                inner.index += 1
        elif is_mark and piece in "]}":
            self._close()
        elif not self.started or (is_mark and piece in "[{"):
            path = self.value
            if path is None and inner is not None and inner.index is not None:
                path = (*inner.path, inner.index)
                yield Definition(path, line, "element")
            if is_mark and piece in "[{" and path is not None:
                self.open.append(_Open(path, 0 if piece == "[" else None))
                self.value, self.started = None, False
            else:
                self.started = True

    def _close(self) -> None:
        if self.open:
            closed = self.open.pop()
            self.started = True
            # Back in a table, the key whose value ended here waits for its comma.
            inside_array = bool(self.open) and self.open[-1].index is not None
            self.value = None if inside_array else closed.path
            self.key = []


def _prefixes(path: Path, start: int, line: int, kind: Kind) -> Iterator[Definition]:
    for end in range(start + 1, len(path)):
        yield Definition(path[:end], line, kind)


def _plain(piece: str) -> str:
    """The name that a piece of a key stands for."""
    if piece[0] == '"' and "\\" in piece:
        try:
            return next(iter(tomlkit.parse(f"{piece} = 0")))
        except TOMLKitError:
            return piece
    return piece[1:-1] if piece[0] in "\"'" else piece
