"""`${NAME}` and `${NAME:-default}` in the strings of `fraiseql.toml`.

The syntax and the meaning of `:-` (the default also replaces an empty variable) are those of the
POSIX shell, "Parameter Expansion". `$${` stands for a plain `${`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Text", "VariableError", "has_reference", "interpolate"]

_REFERENCE = re.compile(
    r"(?P<escape>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{",
    re.ASCII,
)


class VariableError(Exception):
    """A reference that cannot be replaced; it names the variable and never quotes the text."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}. {hint}")


@dataclass(frozen=True, slots=True, repr=False)
class Text:
    """A string of the file after interpolation.

    Args:
        value: The text in effect.
        written: What of it stands in the file itself: each variable's value is left out.
        referenced: Whether the string refers to any variable.
    """

    value: str
    written: str
    referenced: bool = False

    def __repr__(self) -> str:
        return "Text(***)"  # it may hold a secret


def has_reference(text: str) -> bool:
    """Whether `text` refers to a variable, rightly or wrongly written."""
    return any(not match["escape"] for match in _REFERENCE.finditer(text))


def interpolate(text: str, env: Mapping[str, str]) -> Text:
    """Replace the references to environment variables in `text`.

    Args:
        text: The string as the file holds it.
        env: The environment variables.

    Raises:
        VariableError: A variable without a default is missing or empty, or a reference is
            malformed.
    """
    value: list[str] = []
    written: list[str] = []
    referenced, end = False, 0
    for match in _REFERENCE.finditer(text):
        plain = text[end : match.start()]
        end = match.end()
        if match["escape"]:
            value.append(f"{plain}${{")
            written.append(f"{plain}${{")
            continue
        referenced = True
        found, fallback = _resolve(match, env)
        value.append(plain + found)
        written.append(plain + fallback)
    value.append(text[end:])
    written.append(text[end:])
    return Text("".join(value), "".join(written), referenced)


def _resolve(match: re.Match[str], env: Mapping[str, str]) -> tuple[str, str]:
    """The value of one reference, and the part of it that the file itself holds."""
    name, default = match["name"], match["default"]
    if name is None:
        raise VariableError(
            "a ${…} is not closed, or names no variable",
            "Write ${NAME} or ${NAME:-default}; a plain ${ is written $${",
        )
    if default is not None and "${" in default:
        raise VariableError(
            f"the default of ${{{name}}} holds a second ${{…}}", "A default is plain text"
        )
    if found := env.get(name):
        try:
            found.encode()
        except UnicodeEncodeError:
            raise VariableError(
                f"the environment variable {name} is not UTF-8 text", "Set it to UTF-8 text"
            ) from None
        return found, ""
    if default is not None:
        return default, default
    state = "is empty" if name in env else "is not set"
    near = difflib.get_close_matches(name, [known for known in env if env[known]], 1, 0.8)
    hint = f"Did you mean ${{{near[0]}}}?" if near else "Set it in the environment"
    raise VariableError(
        f"the environment variable {name} {state}", f"{hint} (or write ${{{name}:-default}})"
    )
