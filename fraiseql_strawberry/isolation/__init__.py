"""How a tenant is kept apart: one module per strategy, one protocol over them."""

from __future__ import annotations

from .database import DatabaseIsolation
from .listening import OwnDatabases, SharedDatabase
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
    "OwnDatabases",
    "RowIsolation",
    "SchemaIsolation",
    "SchemaNames",
    "SharedDatabase",
    "engine_by_schema",
]
