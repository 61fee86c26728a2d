"""The rules, in the order of SECURITY.md's table."""

from __future__ import annotations

from ..finding import Rule
from . import functions, roles, schemas, seal, server, tables, views

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = tuple(
    found
    for module in (roles, tables, views, functions, seal, schemas, server)
    for found in vars(module).values()
    if isinstance(found, Rule)
)
