"""Where tenants are kept, as the administrator sees it: one module per strategy.

| module | is about |
|---|---|
| `protocol` | what every strategy does |
| `row` | rows in shared tables |
| `schema` | a schema for each tenant |
| `database` | a database for each tenant |
"""

from .database import DatabasePlaces
from .protocol import Places
from .row import RowPlaces
from .schema import SchemaPlaces

__all__ = ["DatabasePlaces", "Places", "RowPlaces", "SchemaPlaces"]
