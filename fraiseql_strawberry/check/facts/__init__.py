"""What the catalog says of a database, as plain data that rules are pure functions of."""

from __future__ import annotations

from .model import (
    Default,
    Facts,
    ForeignKey,
    Function,
    Index,
    Policy,
    Preset,
    Relation,
    Schema,
    Server,
)
from .read import read_facts

__all__ = [
    "Default",
    "Facts",
    "ForeignKey",
    "Function",
    "Index",
    "Policy",
    "Preset",
    "Relation",
    "Schema",
    "Server",
    "read_facts",
]
