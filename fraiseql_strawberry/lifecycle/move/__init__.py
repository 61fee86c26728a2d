"""A tenant's database goes to another server.

| module | is about |
|---|---|
| `steps` | the steps, in an order in which each may be cut short |
| `state` | what the record says of a move that is under way |
| `source` | the database that is left: nobody else reaches it any more |
| `copy` | `pg_dump` into `pg_restore` |
"""

from .steps import Moving

__all__ = ["Moving"]
