"""Which tables there are; where the tenants are stands in fraiseql.toml.

`run(target_metadata=Base.metadata)` lets `alembic revision --autogenerate` compare your tables.
"""

from fraiseql_strawberry.alembic import run

run()
