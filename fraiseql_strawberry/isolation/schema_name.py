"""A tenant's schema: its name is a pure function of the tenant's id."""

from __future__ import annotations

from functools import lru_cache

from ..errors import TenantUnavailable
from ..tenant import canonical_tenant_id

__all__ = ["SchemaNames"]

# PostgreSQL cuts longer names, and two tenants would share a schema (SECURITY.md, schema strategy).
_MAX_BYTES = 63
_CACHED = 10_000
_HEX_DIGITS = 32


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
        name = self._name(tenant_id)
        if len(name.encode()) > _MAX_BYTES:
            raise TenantUnavailable(
                hint=f"the schema of tenant {tenant_id} would have a name of more than "
                f"{_MAX_BYTES} bytes: shorten [multitenancy] schema_template"
            )
        return name

    def _name(self, tenant_id: str) -> str:
        part = tenant_id.replace("-", "") if self._uuids else tenant_id
        return f"{self._prefix}{part}{self._suffix}"

    def tenant_of(self, schema: str) -> str | None:
        """The canonical id of the tenant whose schema it is, or None where it is nobody's."""
        part = schema.removeprefix(self._prefix).removesuffix(self._suffix)
        if self._uuids and len(part) == _HEX_DIGITS:
            part = "-".join((part[:8], part[8:12], part[12:16], part[16:20], part[20:]))
        tenant_id = canonical_tenant_id(part, "uuid" if self._uuids else "slug")
        if tenant_id is None or self._name(tenant_id) != schema:
            return None
        return tenant_id

    def translation(self, other: SchemaNames) -> tuple[str, str]:
        """How PostgreSQL's `regexp_replace` makes names of the same tenants by another template.

        Args:
            other: How their roles are named, say.

        Returns:
            A pattern and a replacement.
        """
        return f"^{self._prefix}(.*){self._suffix}$", rf"{other._prefix}\1{other._suffix}"

    @property
    def pattern(self) -> str:
        """What the names of all tenants' schemas are LIKE."""
        prefix, suffix = (
            part.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
            for part in (self._prefix, self._suffix)
        )
        return f"{prefix}_%{suffix}"
