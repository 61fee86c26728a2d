"""The parts of `lifecycle.py`: what is measured of the lives of tenants.

| module | is about |
|---|---|
| `project` | the service that is measured: its database and its Alembic directory |
| `provision` | new tenants: warm, cold, and migrated from the beginning |
| `fleet` | many schemas that are migrated |
| `archives` | a large tenant that is exported, imported and deleted |
| `watching` | a process, its time and its memory |
| `outcome` | what was wanted, and what was found |
"""
