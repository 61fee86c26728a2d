"""The mistakes found in a configuration, collected so that one error names all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fraiseql_strawberry.errors import ConfigError

from .lines import Path

__all__ = ["Mistake", "config_error", "header", "label"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, where it stands, and how to mend it."""

    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None

    def error(self) -> ConfigError:
        """The mistake as an error of its own."""
        return ConfigError(self.message, file=self.file, line=self.line, hint=self.hint)


def config_error(mistakes: Iterable[Mistake]) -> ConfigError:
    """One error for all mistakes: the first by line, and the others below it in its text."""
    first, *others = sorted(dict.fromkeys(mistakes), key=lambda mistake: mistake.line or 0)
    if not others:
        return first.error()
    also = "\n".join(f"  {other.error()}" for other in others)
    opening = f"{first.hint}\n" if first.hint else "Also:\n"
    return ConfigError(first.message, file=first.file, line=first.line, hint=f"{opening}{also}")


def header(section: Path) -> str:
    """A section as the file writes it: `[multitenancy.routing]`."""
    return f"[{'.'.join(str(part) for part in section)}]"


def label(path: Path) -> str:
    """A path in words: `[multitenancy] strategy`, `item 2 of [auth] secrets`."""
    *section, last = path
    if isinstance(last, int):
        return f"item {last + 1} of {label(tuple(section))}"
    return f"{header(tuple(section))} {last}" if section else header(path)
