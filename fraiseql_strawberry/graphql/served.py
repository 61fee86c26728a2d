"""A schema as one tenancy serves it: its documents, its catalog, its compiled statements."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession
from strawberry import Schema

from ..runtime import Runtime
from ..sql.catalog import CATALOG_SQL, Catalog, source_names
from .compiler import FieldCompiler, SchemaIndex, Settings, verify
from .documents import Documents
from .limits import Limits
from .middleware import Middleware
from .onlookers import document_is_seen
from .readings import Readings
from .relation import hand_over_prefetched
from .scalars import align_scalars

__all__ = ["ServedSchema", "served_schema"]


class ServedSchema:
    """What is found out once per schema and shared by all of its requests.

    Args:
        runtime: The tenancy.
        schema: The Strawberry schema, ours or hand-written.
        middleware: What runs around each of its operations, outermost first.
    """

    def __init__(self, runtime: Runtime, schema: Schema, middleware: Sequence[Middleware]) -> None:
        graphql = runtime.config.graphql
        align_scalars(schema)
        hand_over_prefetched(schema)
        self.runtime = runtime
        self.schema = schema
        self.middleware = tuple(middleware)
        self.documents = Documents(
            schema._schema,  # pyright: ignore[reportPrivateUsage]
            Limits(graphql.max_depth, graphql.max_aliases, graphql.max_tokens),
            introspection=graphql.introspection,
        )
        self.readings = Readings(
            self.documents,
            schema._schema,  # pyright: ignore[reportPrivateUsage]
            lifting=not document_is_seen(schema),
        )
        self.index = SchemaIndex(schema)
        self.settings = Settings(max_limit=graphql.max_limit, max_cost=graphql.max_cost)
        self.catalog: Catalog | None = None
        self.lanes: list[Any] = []  # its fast lane, or None, once that has been decided
        self._fields: FieldCompiler | None = None
        self._reading = asyncio.Lock()

    async def prepare(self, session: AsyncSession | None = None) -> FieldCompiler:
        """Read the catalog, once, and hold the decorated types against it.

        Args:
            session: The session of the code that asks, whose connection is then used: one that
                holds a connection must not wait for another.

        Raises:
            SchemaError: When a source or one of its columns is missing, with the nearest name.
        """
        if self._fields is not None:
            return self._fields
        names = source_names(self.index.sources())
        if session is not None and names:
            connection = await session.connection()
            result = await connection.exec_driver_sql(CATALOG_SQL, (names,))
            return self._learn([dict(row) for row in result.mappings()])
        async with self._reading:
            if self._fields is None:
                rows: Sequence[Any] = (
                    await self.runtime.isolation.catalog(CATALOG_SQL, names) if names else ()
                )
                return self._learn(rows)
        return self._fields

    def _learn(self, rows: Sequence[Mapping[str, Any]]) -> FieldCompiler:
        catalog = Catalog.read(rows)
        verify(self.index, catalog, self.settings)
        self.catalog = catalog
        self._fields = FieldCompiler(self.index, catalog, self.settings)
        return self._fields


_served: WeakKeyDictionary[Runtime, WeakKeyDictionary[Schema, ServedSchema]] = WeakKeyDictionary()


def served_schema(
    runtime: Runtime, schema: Schema, middleware: Sequence[Middleware] = ()
) -> ServedSchema:
    """The one `ServedSchema` of a tenancy and a schema; made on first use.

    Args:
        runtime: The tenancy.
        schema: The schema.
        middleware: For schemas that were not made by `build_schema`, which know their own.
    """
    schemas = _served.get(runtime)
    if schemas is None:
        schemas = _served[runtime] = WeakKeyDictionary()
    served = schemas.get(schema)
    if served is None:
        own = getattr(schema, "fraiseql_middleware", None)
        served = ServedSchema(runtime, schema, middleware if own is None else own)
        schemas[schema] = served
    return served
