"""How tenants are told apart and kept apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from ..rules import many, matching, whole, words
from .limits import Limits
from .names import NAME, table, template
from .routing import Routing
from .seal import SEAL_SETTING, SEALED, Seal

__all__ = ["Multitenancy", "StartupCheck", "Strategy"]

Strategy = Literal["row", "schema", "database"]
StartupCheck = Literal["enforce", "warn", "off"]


@dataclass(frozen=True, slots=True)
class Multitenancy:
    """`[multitenancy]`: how tenants are told apart and kept apart."""

    enabled: bool = True
    strategy: Strategy = "row"
    tenant_header: Annotated[
        str, matching(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", "the name of an HTTP header")
    ] = "X-Tenant-ID"
    trust_header: bool = False
    id_type: Literal["uuid", "slug"] = "uuid"
    setting: Annotated[
        str,
        matching(
            rf"{SEALED}|{NAME}(?:\.{NAME})+",
            f'a PostgreSQL setting such as "app.tenant_id", or "{SEALED}"',
        ),
    ] = "app.tenant_id"
    schema_template: Annotated[str, template] = "tenant_{id}"
    shared_schemas: Annotated[tuple[str, ...], many(matching(NAME, "the name of a schema"))] = ()
    role_template: Annotated[str | None, template] = None
    database_template: Annotated[str, template] = "tenant_{id}"
    tenants_table: Annotated[str | None, table] = None
    migrations: Annotated[str | None, words("the path of a folder")] = None
    warm: Annotated[int, whole(0, 1000)] = 0
    startup_check: StartupCheck = "enforce"
    routing: Routing = field(default_factory=Routing)
    limits: Limits = field(default_factory=Limits)
    seal: Seal = field(default_factory=Seal)

    @property
    def sealed(self) -> bool:
        """Whether PostgreSQL believes a tenant only under a seal."""
        return self.setting == SEALED

    @property
    def bound_setting(self) -> str:
        """The setting that each transaction brings: the tenant itself, or its seal."""
        return SEAL_SETTING if self.sealed else self.setting
