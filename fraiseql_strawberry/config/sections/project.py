"""What the service is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..rules import words

__all__ = ["Project"]


@dataclass(frozen=True, slots=True)
class Project:
    """`[project]`: what the service is called."""

    name: Annotated[str, words()] = "fraiseql"
