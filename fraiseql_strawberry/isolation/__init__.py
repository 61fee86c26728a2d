"""How a tenant is kept apart: one module per strategy, one protocol over them."""

from __future__ import annotations

from .compiled_query import CompiledQuery
from .database import DatabaseIsolation
from .listening import OwnDatabases, SharedDatabase
from .one_engine import OneEngine
from .protocol import Isolation
from .row import RowIsolation
from .schema import SchemaIsolation
from .schema_engine import engine_by_schema
from .schema_name import SchemaNames
from .transaction import Committing, Transaction, Work

__all__ = [
    "Committing",
    "CompiledQuery",
    "DatabaseIsolation",
    "Isolation",
    "OneEngine",
    "OwnDatabases",
    "RowIsolation",
    "SchemaIsolation",
    "SchemaNames",
    "SharedDatabase",
    "Transaction",
    "Work",
    "engine_by_schema",
]
