"""`fraiseql-strawberry migrate`: all tenants to head, and how they stand.

Alembic comes with the extra `migrations`; without it the command says so.
"""

from __future__ import annotations

try:
    from .commands import migrate
except ImportError:
    from .missing import migrate

__all__ = ["migrate"]
