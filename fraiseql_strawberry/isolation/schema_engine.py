"""The engine for a schema per tenant."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from ..config import Config
from ..config.secret import SecretUrl
from ..engine import create_engine
from ..sql.catalog import quoted
from .affinity import AffinityPool

__all__ = ["engine_by_schema"]

# Some 45 KB each in the back-end (DESIGN.md, section 5).
_STATEMENTS = 1_000


def engine_by_schema(config: Config, *, url: SecretUrl | None = None) -> AsyncEngine:
    """The engine for a schema per tenant: its connections know some tenants' schemas each.

    Args:
        config: The validated configuration.
        url: Where it connects to, if not to `[database] url`.
    """
    if config.database.pooler == "transaction":
        # A connection knows nothing there: its back-end changes.
        return create_engine(config, url=url)
    path = ", ".join(map(quoted, ("pg_catalog", *config.multitenancy.shared_schemas, "pg_temp")))
    return create_engine(
        config,
        url=url,
        # Outside of a tenant's transaction no name leads to a tenant, nor to `public`.
        settings={"search_path": path, "plan_cache_mode": "force_generic_plan"},
        statements=_STATEMENTS,
        poolclass=AffinityPool,
    )
