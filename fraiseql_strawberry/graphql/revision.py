"""What a schema is over one revision of the catalog: everything that was compiled for it."""

from __future__ import annotations

from ..sql.catalog import Catalog
from .compiler import FieldCompiler, SchemaIndex, Settings
from .documents import Documents
from .plans import Plans

__all__ = ["Revision"]


class Revision:
    """Statements that fit one catalog, shared by all tenants whose places have it.

    Args:
        index: The schema.
        documents: Its documents.
        settings: The bounds.
        catalog: The columns of its sources.
    """

    __slots__ = ("__weakref__", "catalog", "fields", "plans")

    def __init__(
        self, index: SchemaIndex, documents: Documents, settings: Settings, catalog: Catalog
    ) -> None:
        self.catalog = catalog
        self.fields = FieldCompiler(index, catalog, settings)
        self.plans = Plans(index, documents, settings, catalog)
