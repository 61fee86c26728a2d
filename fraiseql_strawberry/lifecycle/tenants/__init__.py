"""`tenancy.tenants`: everything that is done with a tenant as a whole.

| module | is about |
|---|---|
| `deployment` | what all of it works on |
| `looking` | records and receipts |
| `making` | new tenants, and what they are copied from |
| `status` | suspended, resumed, archived |
| `files` | exported and restored, moved to another server |
| `deleting` | gone |
"""

from __future__ import annotations

from ...runtime import Runtime
from .deleting import Deleting
from .files import Files
from .making import Making
from .status import Status

__all__ = ["Tenants", "tenants_of"]


class Tenants(Making, Status, Files, Deleting):
    """Creates, changes, suspends, exports, imports and deletes tenants, as the administrator.

    Every method can be called again after it was cut short, and goes on where it was.

    Args:
        runtime: The deployment, which hears at once of what has changed.
        migrations: What makes a tenant's tables; by default what `[multitenancy] migrations` names.
    """


def tenants_of(runtime: Runtime) -> Tenants:
    """The one `Tenants` of a deployment.

    Args:
        runtime: The deployment.
    """
    face = runtime.extras.get(Tenants)
    if face is None:
        face = runtime.extras[Tenants] = Tenants(runtime)
    return face
