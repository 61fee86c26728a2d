"""`tenants suspend` and `tenants resume`."""

from __future__ import annotations

from ..options import AsJson, ConfigPath
from .making import done
from .running import TenantArgument, with_tenants

__all__ = ["resume", "suspend"]


def suspend(tenant: TenantArgument, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Refuse a tenant's requests; its rows stay.

    Services that listen refuse it within a second, others after `refresh_seconds`.
    """
    done(with_tenants(config, lambda tenants: tenants.suspend(tenant)), as_json)


def resume(tenant: TenantArgument, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Serve a suspended or archived tenant again."""
    done(with_tenants(config, lambda tenants: tenants.resume(tenant)), as_json)
