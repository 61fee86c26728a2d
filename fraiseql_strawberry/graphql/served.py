"""A schema as one tenancy serves it: its documents, its catalog, its compiled statements."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncSession
from strawberry import Schema

from ..errors import SchemaError
from ..runtime import Runtime
from ..sql.catalog import CATALOG_SQL, Catalog, source_names
from ..sql.write_catalog import WRITES_SQL
from .announced import check_announced, check_heard
from .compiler import SchemaIndex, Settings, verify
from .documents import Documents
from .executor import install_executor
from .limits import Limits
from .middleware import Middleware
from .onlookers import document_is_seen
from .persisted import PersistedDocuments, read_trusted
from .readings import Readings
from .revision import Revision
from .scalars import align_scalars
from .shortcuts import shorten

__all__ = ["ServedSchema", "served_schema"]

_log = logging.getLogger("fraiseql_strawberry")

_PLACES = 20_000
_SCATTERED = (
    'the view "%s" reads tables that Citus distributes by "%s" and does not show that column: '
    "each read of it asks every shard, and Citus may refuse a relation to it. Mend it with "
    "CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS SELECT …, %s FROM …"
)
_DOUBT_SECONDS = 1.0
_DOUBTS = 1_000


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
        shorten(schema)
        install_executor(schema)
        self.runtime = runtime
        self.schema = schema
        self.middleware = tuple(middleware)
        self.documents = Documents(
            schema._schema,  # pyright: ignore[reportPrivateUsage]
            Limits(
                max_depth=graphql.max_depth,
                max_aliases=graphql.max_aliases,
                max_tokens=graphql.max_tokens,
                max_fields=graphql.max_fields,
                max_merges=graphql.max_merges,
                max_characters=graphql.max_characters,
                max_introspection_depth=graphql.max_introspection_depth,
            ),
            introspection=graphql.introspection,
        )
        self.readings = Readings(
            self.documents,
            schema._schema,  # pyright: ignore[reportPrivateUsage]
            lifting=not document_is_seen(schema),
        )
        self.persisted = PersistedDocuments(
            read_trusted(runtime.config), automatic=graphql.persisted_queries
        )
        self.index = SchemaIndex(schema)
        self.settings = Settings(
            max_limit=graphql.max_limit,
            default_limit=graphql.default_limit,
            max_cost=graphql.max_cost,
            setting=runtime.config.multitenancy.setting,
        )
        self.lanes: list[Any] = []  # its fast lane, or None, once that has been decided
        self._names = source_names(self.index.sources())
        # Asked for only where something writes through SQL: it is a statement more.
        written = [field.write.source for _, field in self.index.writes()]
        self._written = source_names((*written, *self.index.sources())) if written else []
        self._by_place: dict[str, Revision] = {}
        # Places with the same catalog, which is nearly all of them, share what was compiled.
        self._by_digest: WeakValueDictionary[str, Revision] = WeakValueDictionary()
        self._reading: dict[str, asyncio.Lock] = {}
        self._doubted: dict[str, float] = {}
        runtime.when_changed(self.forget)

    def known(self, tenant_id: str | None) -> Revision | None:
        """The revision of a tenant's place, where its catalog has been read already."""
        place = self.runtime.place_of(tenant_id)
        return None if place is None else self._by_place.get(place)

    async def prepare(self) -> None:
        """Hold the decorated types against the database, before the first request.

        Where tenants have a place each, some may be a migration behind: one that fits is enough.

        Raises:
            SchemaError: When a source or one of its columns is missing, with the nearest name.
            SetupError: When a subscription would hear nothing.
        """
        problem = None
        check_heard(self.schema, self.runtime.channels.places)
        for place in await self.runtime.isolation.places():
            catalog = await self._read(place)
            try:
                verify(self.index, catalog, self.settings)
                check_announced(self.schema, self.index, catalog)
            except SchemaError as error:
                problem = problem or error
            else:
                self._learn(place, catalog)
                return
        if problem is not None:
            raise problem

    async def revision(self, tenant_id: str, session: AsyncSession | None = None) -> Revision:
        """What the schema is in a tenant's place; its catalog is read on first use.

        Args:
            tenant_id: The tenant, admitted.
            session: The session of the code that asks, whose connection is then used: one that
                holds a connection must not wait for another.

        Raises:
            TenantUnavailable: When the tenant has no place.
        """
        place = self.runtime.place_of(tenant_id)
        assert place is not None
        known = self._by_place.get(place)
        if known is not None:
            return known
        if session is not None and self._names:
            connection = await session.connection()
            found: list[list[dict[str, Any]]] = [[], []]
            for sql, names, rows in zip(self._queries, self._asked, found, strict=True):
                if names:
                    result = await connection.exec_driver_sql(sql, (names,))
                    rows += [dict(row) for row in result.mappings()]
            return self._learn(place, Catalog.read(*found))
        lock = self._reading.setdefault(place, asyncio.Lock())
        try:
            async with lock:
                return self._by_place.get(place) or self._learn(place, await self._read(place))
        finally:
            self._reading.pop(place, None)

    def forget(self, tenant_id: str | None) -> None:
        """Read the catalog of a tenant's place anew, or of all of them: it may have changed."""
        place = None if tenant_id is None else self.runtime.place_of(tenant_id)
        if place is None:
            self._by_place.clear()
        else:
            self._by_place.pop(place, None)

    def doubt(self, tenant_id: str) -> bool:
        """Forget the catalog of a tenant's place because something does not fit it.

        A service that was deployed before its migration must notice when that has run. At most
        once in a second, since a field that does not fit may be asked for all day long.

        Returns:
            Whether it was forgotten, so that trying again makes sense.
        """
        place, now = self.runtime.place_of(tenant_id), time.monotonic()
        if place is None or now - self._doubted.get(place, -_DOUBT_SECONDS) < _DOUBT_SECONDS:
            return False
        if len(self._doubted) >= _DOUBTS:
            self._doubted.clear()
        self._doubted[place] = now
        self.forget(tenant_id)
        return True

    @property
    def _asked(self) -> tuple[list[str], list[str]]:
        return self._names, self._written

    @property
    def _queries(self) -> tuple[str, str]:
        return self.runtime.isolation.catalog_sql(CATALOG_SQL), WRITES_SQL

    async def _read(self, place: str) -> Catalog:
        isolation = self.runtime.isolation
        rows, writes = [
            await isolation.catalog(place, sql, names) if names else ()
            for sql, names in zip(self._queries, self._asked, strict=True)
        ]
        return Catalog.read(rows, writes)

    def _learn(self, place: str, catalog: Catalog) -> Revision:
        revision = self._by_digest.get(catalog.revision)
        if revision is None:
            revision = Revision(self.index, self.documents, self.settings, catalog)
            self._by_digest[catalog.revision] = revision
            try:
                verify(self.index, catalog, self.settings)
            except SchemaError as error:
                # A migration behind, or ahead: what does not touch the difference is served.
                _log.warning("the database of %s does not fit the schema: %s", place, error)
            for source, column in catalog.scattered().items():
                _log.warning(_SCATTERED, source, column, source, column)
        self._by_place[place] = revision
        if len(self._by_place) > _PLACES:
            del self._by_place[next(iter(self._by_place))]
        return revision


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
