"""What the compiler hands to a strategy: one statement of one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["CompiledQuery"]


class CompiledQuery(Protocol):
    """A statement that the compiler made, with the parameters of one request."""

    @property
    def args(self) -> Sequence[Any]:
        """The values of the parameters; the first is `$2`, since `$1` is the tenant."""
        ...

    def sql(self, schema: str | None = None) -> str:
        """The inner query, which gives one JSON value; `schema` qualifies its sources."""
        ...
