"""The column that says whose a row is, for the tables of a target metadata."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Text, Uuid, text

from ..sql.golden import HELPER
from ..tenant import IdType

__all__ = ["TENANT_COLUMN", "tenant_column"]

TENANT_COLUMN = "tenant_id"


def tenant_column(id_type: IdType = "uuid", **options: Any) -> Column[Any]:
    """The column `tenant_id`: not null, and the transaction's tenant by default.

    Args:
        id_type: The form of tenant ids, as in `[multitenancy] id_type`.
        **options: Further options of SQLAlchemy's `Column`, such as `primary_key=True`.
    """
    kind = Uuid() if id_type == "uuid" else Text()
    return Column(TENANT_COLUMN, kind, nullable=False, server_default=text(HELPER), **options)
