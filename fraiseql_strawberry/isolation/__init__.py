"""How a tenant is kept apart: one module per strategy, one protocol over them."""

from __future__ import annotations

from .database import DatabaseIsolation
from .one_engine import OneEngine
from .protocol import CompiledQuery, Isolation
from .row import RowIsolation
from .schema import SchemaIsolation, engine_by_schema
from .schema_name import SchemaNames

__all__ = [
    "CompiledQuery",
    "DatabaseIsolation",
    "Isolation",
    "OneEngine",
    "RowIsolation",
    "SchemaIsolation",
    "SchemaNames",
    "engine_by_schema",
]
