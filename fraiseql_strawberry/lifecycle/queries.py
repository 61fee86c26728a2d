"""Named queries out of a `.sql` file: `-- name: find` begins one (the shape is procrastinate's)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

__all__ = ["named_queries", "read_sql"]

_FOLDER = resources.files("fraiseql_strawberry.lifecycle").joinpath("sql")
_NAME = re.compile(r"^-- name: (\w+)$\n", re.MULTILINE)


def read_sql(name: str) -> str:
    """The text of a `.sql` file of this package.

    Args:
        name: The file's name, without `.sql`.
    """
    return _FOLDER.joinpath(f"{name}.sql").read_text("utf-8")


def named_queries(name: str) -> Mapping[str, str]:
    """The queries of a `.sql` file of this package, by name.

    Args:
        name: The file's name, without `.sql`.
    """
    _, *parts = _NAME.split(read_sql(name))
    return MappingProxyType(dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True)))
