"""What a root field of the fast lane's has come to, for the standard lane to put in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .compiler import Finished

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A value that has been committed, or the error that undid it.

    Args:
        data: Its decoded JSON.
        error: The error; None where there is a value.
    """

    data: Any = None
    error: Exception | None = None

    def value(self) -> Any:
        """The value, as the executor takes it without looking at it; raises the error."""
        if self.error is not None:
            raise self.error
        return None if self.data is None else Finished(self.data)
