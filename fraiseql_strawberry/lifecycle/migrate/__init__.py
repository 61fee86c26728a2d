"""Brings the tables of every tenant to the newest revision of the user's Alembic directory.

| module | is about |
|---|---|
| `places` | one place: a schema or a database that has tables and a revision |
| `fleet` | all places of a deployment: one module per strategy |
| `rules` | what the configuration says of migrations |
| `scripts` | the user's Alembic directory |
| `visit` | one run of Alembic over one place, in one transaction |
| `recording`, `replay` | what a run said, to be said again elsewhere without Alembic |
| `one` | one place, with its retries |
| `plan` | what is to be done |
| `runner`, `crew`, `worker` | many places at a time |
| `ledger` | what was done, when, and what failed |
| `report` | results and failures |
"""
