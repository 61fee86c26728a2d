"""Every section and key of `fraiseql.toml`, with its type, its default and its rule.

A key whose type is `bool` or a `Literal` needs no rule of its own. `None` means "not given".
The meaning of each key stands in docs/reference/configuration.md, which a test compares with
these sections.
"""

from __future__ import annotations

from .auth import ALGORITHMS, Auth
from .check import Check
from .database import Database, Pooler
from .graphql import Graphql
from .limits import Limits
from .migrations import Migrations
from .multitenancy import Multitenancy, StartupCheck, Strategy
from .project import Project
from .routing import Routing
from .seal import SEAL_SETTING, SEALED, Seal
from .server import Server

__all__ = [
    "ALGORITHMS",
    "SEALED",
    "SEAL_SETTING",
    "Auth",
    "Check",
    "Database",
    "Graphql",
    "Limits",
    "Migrations",
    "Multitenancy",
    "Pooler",
    "Project",
    "Routing",
    "Seal",
    "Server",
    "StartupCheck",
    "Strategy",
]
