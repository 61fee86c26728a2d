"""The rules, in the order of SECURITY.md's table."""

from __future__ import annotations

from ..finding import Rule
from . import functions, indexes, keys, roles, row_security, schemas, seal, server, views

__all__ = ["RULES"]

_CHAPTERS = "RTVFKMS"

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            found
            for module in (
                roles,
                row_security,
                keys,
                indexes,
                views,
                functions,
                seal,
                schemas,
                server,
            )
            for found in vars(module).values()
            if isinstance(found, Rule)
        ),
        key=lambda rule: (_CHAPTERS.index(rule.id[0]), rule.id),
    )
)
