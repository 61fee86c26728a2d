"""The command line: `fraiseql-strawberry`, also `python -m fraiseql_strawberry`.

Each command is a module of its name; `application` puts them together, `failures` says how they
end, `target` finds what an argument such as `blog.schema` names.
"""

from __future__ import annotations

from .application import app

__all__ = ["main"]


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    app(prog_name="fraiseql-strawberry")
