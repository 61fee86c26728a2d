"""For your Alembic directory: an env.py of three lines, and operations that keep tenants apart.

    from fraiseql_strawberry.alembic import run
    from blog.models import metadata

    run(target_metadata=metadata)

Importing this package adds the operations to `alembic.op`: `op.enable_tenant_rls("tb_post")` and
the others of docs/reference/migrations.md.
"""

from __future__ import annotations

from . import operations
from .columns import tenant_column
from .environment import run

__all__ = ["operations", "run", "tenant_column"]
