"""Who is served, and where: tenant → status and placement.

| module | is about |
|---|---|
| `live` | `LiveRegistry`: a registry at work, as the configuration describes it |
| `cache` | `Registry`: what is known of tenants, and for how long it is believed |
| `outage` | what happens while the registry does not answer |
| `source` | the protocol of where tenants are written down |
| `tenants_table` | the application's own table of tenants |
| `routing_table` | the table that says which database a tenant has |
| `rows` | one row of either, by its id, whichever columns there are |
| `connections` | engines of few connections that give up soon |
| `listener` | hears of changes by LISTEN |
| `poller` | hears of changes by asking for a counter, where LISTEN is not delivered |
| `changes` | the SQL that announces changes to both |
"""

from .cache import Registry
from .changes import ANNOUNCE_CHANGES
from .connections import registry_engine
from .listener import Listener
from .live import LiveRegistry
from .poller import Poller
from .routing_table import RoutingTable
from .source import TenantSource
from .tenants_table import TenantsTable

__all__ = [
    "ANNOUNCE_CHANGES",
    "Listener",
    "LiveRegistry",
    "Poller",
    "Registry",
    "RoutingTable",
    "TenantSource",
    "TenantsTable",
    "registry_engine",
]
