"""What a value must be: one small rule per kind of key.

A rule turns what a file or an override holds into the value of a section, or raises `RuleError`.
Its messages never quote the value: anything may be a secret that was put in the wrong place.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from .interpolate import Text
from .secret import Secret, url_passwords

__all__ = [
    "UNSET",
    "Rule",
    "RuleError",
    "Unset",
    "choice",
    "flag",
    "many",
    "matching",
    "number",
    "text_of",
    "whole",
    "words",
]

# The value of the section's field, or `UNSET`; `RuleError` where the value is not accepted.
Rule = Callable[[object], object]


class RuleError(Exception):
    """A rule does not accept a value; `index` is the place of the wrong element in a list."""

    def __init__(self, message: str, hint: str | None = None, index: int | None = None) -> None:
        self.message, self.hint, self.index = message, hint, index
        super().__init__(message)


class Unset:
    """The type of `UNSET`: the value of a key that is not given, or given as an empty string."""


UNSET = Unset()


def flag(value: object) -> object:
    """True or false; a variable may say it in text."""
    if isinstance(value, bool):
        return value
    text = _said_by_variable(value)
    if text in ("true", "false"):
        return text == "true"
    if text == "":
        return UNSET
    quoted = isinstance(value, Text) and value.value in ("true", "false")
    hint = "Write it without quotes" if quoted else None
    raise RuleError(f"must be true or false{_not_a(value)}", hint)


def whole(low: int, high: int) -> Rule:
    """A whole number from `low` to `high`."""

    def read(value: object) -> object:
        found, text = value, _said_by_variable(value)
        if text == "":
            return UNSET
        if text is not None and re.fullmatch(r"-?[0-9]{1,18}", text):
            found = int(text)
        wrong = _not_a(value)
        if isinstance(found, int) and not isinstance(found, bool):
            if low <= found <= high:
                return found
            wrong = ""
        quoted = text is None and isinstance(value, Text) and value.value.isdecimal()
        hint = "Write it without quotes" if quoted else None
        raise RuleError(f"must be a whole number from {low} to {high}{wrong}", hint)

    return read


def number(high: float) -> Rule:
    """A number above zero, up to `high`."""

    def read(value: object) -> object:
        found, text = value, _said_by_variable(value)
        if text == "":
            return UNSET
        if text is not None and re.fullmatch(r"[0-9]{1,15}(?:\.[0-9]{1,15})?", text):
            found = float(text)
        wrong = _not_a(value)
        if isinstance(found, int | float) and not isinstance(found, bool):
            if 0 < found <= high:  # nan and inf are not
                return float(found)
            wrong = ""
        raise RuleError(f"must be a number above 0, and at most {high:g}{wrong}")

    return read


def words(what: str = "a text") -> Rule:
    """A text on one line."""

    def read(value: object) -> object:
        text = text_of(value, what)
        if not text.isprintable():
            raise RuleError(f"must be {what} on one line, without control characters")
        if "://" in text and url_passwords(text):
            raise RuleError("must not hold a password", 'Secrets come from "${…}"')
        return text or UNSET

    return read


def matching(pattern: str, what: str) -> Rule:
    """A text that matches `pattern` as a whole; `what` says in words what that is."""
    # Always fullmatch: a pattern that ends in "$" admits a trailing newline.
    matches = re.compile(pattern, re.ASCII).fullmatch

    def read(value: object) -> object:
        text = text_of(value, what)
        if text and not matches(text):
            raise RuleError(f"must be {what}")
        return text or UNSET

    return read


def choice(*names: str, refused: Mapping[str, str] | None = None) -> Rule:
    """One of a few names; `refused` says why some others are none, by their small letters."""
    quoted = [f'"{name}"' for name in names]
    what = " or ".join((", ".join(quoted[:-1]), quoted[-1]))
    by_letters = {name.lower(): name for name in names}

    def read(value: object) -> object:
        text = text_of(value, what)
        if text in names:
            return text
        if _said_by_variable(value) == "":
            return UNSET
        small = text.lower()[:100]
        if refused and small in refused:
            raise RuleError(f'must not be "{small}"', refused[small])
        near = difflib.get_close_matches(small, by_letters, 1, 0.5)
        raise RuleError(
            f"must be {what}", f'Did you mean "{by_letters[near[0]]}"?' if near else None
        )

    return read


def many(rule: Rule, *, or_one: bool = False) -> Rule:
    """A list of what `rule` accepts; with `or_one`, a text stands for a list of one."""

    def read(value: object) -> object:
        if isinstance(value, Text | str) and or_one:
            value = (value,)
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise RuleError(f"must be a list{_not_a(value)}", "Write it in brackets: […]")
        found: list[object] = []
        for index, item in enumerate(cast("Sequence[object]", value)):
            try:
                found.append(rule(item))
            except RuleError as error:
                raise RuleError(error.message, error.hint, index) from None
        return tuple(item for item in found if item is not UNSET)

    return read


def text_of(value: object, what: str) -> str:
    """The text that a value is.

    Raises:
        RuleError: It is none; the message says that it must be `what`.
    """
    if isinstance(value, Text):
        return value.value
    if isinstance(value, str):
        return value
    in_quotes = isinstance(value, int | float) and not isinstance(value, bool)
    raise RuleError(f"must be {what}{_not_a(value)}", "Write it in quotes" if in_quotes else None)


def _said_by_variable(value: object) -> str | None:
    """The text of a string that refers to a variable: it may stand for a number or a flag."""
    return value.value if isinstance(value, Text) and value.referenced else None


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    ((Text, str, Secret), "a text"),
    (Mapping, "a table"),
    (Sequence, "a list"),
    ((dt.date, dt.time), "a date or time"),
)


def _not_a(value: object) -> str:
    if _said_by_variable(value) is not None:
        return "; the variable's value is not one"
    kind = next((name for kind, name in _KINDS if isinstance(value, kind)), type(value).__name__)
    return f", not {kind}"
