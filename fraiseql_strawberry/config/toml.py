"""A TOML text as plain tables with the line of each key; what is not TOML is a `ConfigError`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError, UnexpectedEofError

from fraiseql_strawberry.errors import ConfigError

from .lines import Path, key_lines, line_of, redefinition

__all__ = ["Document", "parse_document", "read_text"]

_LARGEST = 1_000_000
_POSITION = re.compile(r" at line \d+ col \d+")


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """What a TOML text holds.

    Args:
        tables: Its tables as plain Python objects.
        lines: The line of each key, table and element.
        file: The name of the file, for messages.
    """

    tables: dict[str, Any]
    lines: dict[Path, int]
    file: str

    def line(self, path: Path) -> int | None:
        """The line of `path`, or of the nearest thing around it."""
        return line_of(path, self.lines)


def read_text(path: FilePath) -> str:
    """The text of a configuration file.

    Raises:
        ConfigError: It is missing, unreadable, too large or not UTF-8.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file",
            file=file,
            hint="`fraiseql-strawberry init` writes one",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot be read: {reason}", file=file) from None
    if len(content) > _LARGEST:
        raise ConfigError(f"is larger than {_LARGEST} bytes", file=file)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "is not UTF-8 text", file=file, line=line, hint="Save it as UTF-8"
        ) from None


def parse_document(text: str, file: str) -> Document:
    """Parse a TOML text.

    Args:
        text: The text.
        file: The name of its file, for messages.

    Raises:
        ConfigError: The text is not TOML; the message has the line, the column where it is
            known, and no part of the text but the names of keys.
    """
    try:
        text.encode()
        tables: dict[str, Any] = tomlkit.parse(text).unwrap()
    except ParseError as error:
        raise _parse_error(error, text, file) from None
    except (TOMLKitError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # tomlkit tells of keys that are defined twice, and of a few odd documents, without a
        # position. No cause is chained: its traceback could quote a secret.
        raise _undated_error(text, file) from None
    return Document(tables, key_lines(text), file)


def _parse_error(error: ParseError, text: str, file: str) -> ConfigError:
    reason = _POSITION.sub("", str(error))
    if "already exists" in reason or "Redefinition" in reason:
        return _undated_error(text, file)
    # tomlkit counts by str.splitlines, which also breaks at U+2028 and form feeds; editors and
    # TOML itself break at line feeds only.
    before = "".join(text.splitlines(keepends=True)[: error.line - 1])
    index = min(len(before) + error.col, len(text))
    # tomlkit quotes the character that it met: it may be the first of a secret without quotes.
    reason, _, met = reason.partition(": ")
    if isinstance(error, UnexpectedEofError) or (met == r"'\x00'" and "\0" not in text):
        reason, index = "Unexpected end of file", len(text.rstrip())
    elif reason.startswith("Invalid character"):
        reason = "Invalid escape or character in a string"
    hint = "Text values need quotes" if reason == "Unexpected character" else None
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    message = f"not valid TOML: {reason[:1].lower()}{reason[1:]} (column {column})"
    return ConfigError(message, file=file, line=line, hint=hint)


def _undated_error(text: str, file: str) -> ConfigError:
    twice = redefinition(text)
    if twice is None:
        return ConfigError("not valid TOML", file=file, hint="Check it with a TOML linter")
    name = ".".join(str(part) for part in twice.path)
    what = f"the table [{name}]" if twice.kind in ("table", "implied") else f'the key "{name}"'
    return ConfigError(
        f"not valid TOML: {what} is defined twice",
        file=file,
        line=twice.line,
        hint="Merge the two",
    )
