"""Reads from replicas, for tenants whose latest writes have arrived there.

| module | is about |
|---|---|
| `reads` | `Replicas`: which replica a compiled read goes to, if any |
| `replica` | one replica: whether it answers, and how far it has come |
| `writes` | which tenants wrote lately, and how far a replica must have come to show it |
"""

from __future__ import annotations

from .reads import Answer, Replicas
from .replica import Replica
from .writes import RecentWrites, mark

__all__ = ["Answer", "RecentWrites", "Replica", "Replicas", "mark"]
