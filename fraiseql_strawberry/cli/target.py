"""What an argument such as `blog.schema` or `blog.app:app` names: a module, or something in one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import strawberry

from ..errors import SetupError
from ..graphql.schema import build_schema

__all__ = ["load_schema", "load_target", "schema_of"]

T = TypeVar("T")


def load_target(text: str) -> object:
    """Import a module, or something in it, with the working folder on the path.

    Args:
        text: `package.module`, or `package.module:attribute` (dots are allowed in both).

    Raises:
        SetupError: It cannot be imported; the message says why and what may have been meant.
    """
    name, colon, attribute = text.partition(":")
    if "/" in name or name.endswith(".py"):
        dotted = name.removeprefix("./").removesuffix(".py").replace("/", ".")
        meant = f"{dotted}{colon}{attribute}"
        raise SetupError(f"{text!r} is a file; name the module in it: {meant}")
    if not all(part.isidentifier() for part in name.split(".")) or (colon and not attribute):
        raise SetupError(f"{text!r} names nothing: write module, or module:attribute")
    found: Any = _import(name)
    for part in attribute.split(".") if attribute else ():
        if not hasattr(found, part):
            raise SetupError(f"{name} has no {attribute!r}{_nearest(part, dir(found))}")
        found = getattr(found, part)
    return found


def load_schema(text: str) -> strawberry.Schema:
    """The schema that an argument names.

    Args:
        text: Where a `strawberry.Schema` is, or a module of decorated fields.

    Raises:
        SetupError: It cannot be imported, or is no schema.
    """
    return schema_of(load_target(text), text)


def schema_of(value: object, text: str) -> strawberry.Schema:
    """A schema as it is, or the one that `build_schema` makes of a module.

    Args:
        value: What was found.
        text: The argument that named it.

    Raises:
        SetupError: It is neither.
    """
    if isinstance(value, strawberry.Schema):
        return value
    if isinstance(value, ModuleType):
        return _explained(lambda: build_schema(value), f"{text} cannot be made a schema")
    raise SetupError(
        f"{text} is a {type(value).__name__}: name a strawberry.Schema (module:attribute), "
        "or a module of decorated fields"
    )


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return _explained(lambda: importlib.import_module(name), f"{name} cannot be imported")
    except SetupError as error:
        missing = error.__cause__
        if not isinstance(missing, ModuleNotFoundError) or not _is_part(missing.name, name):
            raise
        raise SetupError(_no_module(missing.name or name, here)) from error


def _is_part(missing: str | None, name: str) -> bool:
    """Whether what is missing is the module itself or a package around it."""
    return missing is not None and f"{name}.".startswith(f"{missing}.")


def _no_module(name: str, here: str) -> str:
    package, _, last = name.rpartition(".")
    inside = getattr(sys.modules.get(package), "__path__", None) if package else [here]
    known = [module.name for module in pkgutil.iter_modules(inside)] if inside else []
    where = f"in the package {package}" if package else f"in {here} or on Python's path"
    return f"there is no module {last!r} {where}{_nearest(last, known)}"


def _explained(run: Callable[[], T], failed: str) -> T:
    """Run code of the user's: whatever goes wrong in it is one line that says where."""
    try:
        return run()
    except SetupError:
        raise
    except (Exception, SystemExit) as error:
        where = _place(error)
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise SetupError(f"{failed}: {reason}{where}") from error


def _place(error: BaseException) -> str:
    """The innermost line of the traceback that is neither ours nor an installed library's."""
    if isinstance(error, SyntaxError):
        return ""  # its text has the place
    here = Path.cwd()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(here) and "site-packages" not in path.parts:
            return f" ({path.relative_to(here)}:{frame.lineno})"
    return ""


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, [one for one in known if not one.startswith("_")], 1)
    return f"; did you mean {near[0]!r}?" if near else ""
