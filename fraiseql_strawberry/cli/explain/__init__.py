"""`fraiseql-strawberry sql`: what becomes of a GraphQL operation, told without running it.

`lane` decides as a request would and has the statements, `postgres` asks PostgreSQL for its plan,
`described` makes plain data of a plan, `trees` and `layout` make it readable.
"""

from __future__ import annotations

from .lane import Choice, Operation, Planned, choose
from .postgres import PostgresPlan, as_tenant, explain
from .report import Seen, report, show

__all__ = [
    "Choice",
    "Operation",
    "Planned",
    "PostgresPlan",
    "Seen",
    "as_tenant",
    "choose",
    "explain",
    "report",
    "show",
]
