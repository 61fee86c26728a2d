"""A tenant's schema: its name is a pure function of the tenant's id."""

from __future__ import annotations

from functools import lru_cache

from ..errors import TenantUnavailable

__all__ = ["SchemaNames"]

# PostgreSQL cuts longer names, and two tenants would share a schema (SECURITY.md, schema strategy).
_MAX_BYTES = 63
_CACHED = 10_000


class SchemaNames:
    """Names schemas for tenants, and tells whose a schema is.

    Different tenants never share a schema: the id stands in the name as it is, or as a UUID's 32
    hex digits, and no name is cut.

    Args:
        template: Such as `tenant_{id}`.
        uuids: Whether ids are UUIDs.
    """

    def __init__(self, template: str, *, uuids: bool) -> None:
        self._prefix, _, self._suffix = template.partition("{id}")
        self._uuids = uuids
        self.of = lru_cache(_CACHED)(self._of)

    def _of(self, tenant_id: str) -> str:
        """The schema of a canonical tenant id.

        Raises:
            TenantUnavailable: When the name would be longer than PostgreSQL keeps.
        """
        part = tenant_id.replace("-", "") if self._uuids else tenant_id
        name = f"{self._prefix}{part}{self._suffix}"
        if len(name.encode()) > _MAX_BYTES:
            raise TenantUnavailable(
                hint=f"the schema of tenant {tenant_id} would have a name of more than "
                f"{_MAX_BYTES} bytes: shorten [multitenancy] schema_template"
            )
        return name

    @property
    def pattern(self) -> str:
        """What the names of all tenants' schemas are LIKE."""
        prefix, suffix = (
            part.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
            for part in (self._prefix, self._suffix)
        )
        return f"{prefix}_%{suffix}"
