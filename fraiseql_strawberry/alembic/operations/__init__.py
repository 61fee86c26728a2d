"""The operations that this package adds to `alembic.op`.

| module | operations |
|---|---|
| `helper` | `create_tenant_helper`, `drop_tenant_helper` |
| `column` | `add_tenant_column`, `drop_tenant_column` |
| `keys` | `create_tenant_primary_key`, `drop_tenant_primary_key`, `create_tenant_foreign_key` |
| `security` | `enable_tenant_rls` and `create_tenant_policy`, with their ways back |
| `distribution` | `distribute_tenant_table`, `undistribute_tenant_table` |
| `view` | `create_tenant_view`, `drop_tenant_view` |
| `access` | `grant_tenant_access`, `revoke_tenant_access`, `hand_over`, `take_back` |
"""

from __future__ import annotations

from . import access, column, distribution, helper, keys, security, view
from .operation import TenantOperation

__all__ = [
    "TenantOperation",
    "access",
    "column",
    "distribution",
    "helper",
    "keys",
    "security",
    "view",
]
