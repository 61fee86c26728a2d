"""What a tenant is, and the one place where its id is brought into canonical form."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["IdType", "Tenant", "TenantStatus", "canonical_tenant_id"]

IdType = Literal["uuid", "slug"]

# ASCII only, and always with fullmatch: uuid.UUID() also takes "+aaaaaaaa-…", "0x…", "_" and
# full-width digits, so that two spellings collide (SECURITY.md, the seven, 6), and a pattern
# that ends in "$" admits a trailing newline.
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", re.ASCII)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,54})", re.ASCII)
_NIL = "00000000-0000-0000-0000-000000000000"


class TenantStatus(enum.StrEnum):
    """Where a tenant is in its life; only an active one is served."""

    PROVISIONING = "provisioning"
    MIGRATING = "migrating"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer of the service.

    Args:
        id: The canonical id: a lower-case hyphenated UUID, or a slug.
        name: What people call it.
        plan: The plan it pays for.
        status: Where it is in its life.
        placement: What the isolation strategy needs to find it: nothing, a schema or a database.
    """

    id: str
    name: str | None = None
    plan: str | None = None
    status: TenantStatus = TenantStatus.ACTIVE
    placement: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)

    @property
    def active(self) -> bool:
        """Whether requests of this tenant are served."""
        return self.status is TenantStatus.ACTIVE

    @property
    def suspended(self) -> bool:
        """Whether this tenant exists but is not served."""
        return not self.active


def canonical_tenant_id(value: object, id_type: IdType = "uuid") -> str | None:
    """Bring an id from outside into the one form that is compared, cached and sent to PostgreSQL.

    Args:
        value: Whatever a token or a header held.
        id_type: The one form this deployment uses.

    Returns:
        The canonical id, or None when `value` is not an id of that form. The function is
        injective on what it accepts up to the letter case of UUIDs, so two tenants never share
        a schema, a database or a cache key.
    """
    if not isinstance(value, str):
        return None
    if id_type == "slug":
        return value if _SLUG.fullmatch(value) else None
    if not _UUID.fullmatch(value):
        return None
    canonical = value.lower()
    return None if canonical == _NIL else canonical
