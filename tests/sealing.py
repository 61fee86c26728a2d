"""A blog whose policies believe a tenant only under a seal."""

from __future__ import annotations

from typing import Any

import asyncpg

from example_app.database import Urls
from fraiseql_strawberry.config import Secret
from fraiseql_strawberry.seal import key_id, key_pads
from fraiseql_strawberry.sql import golden, sealed

__all__ = ["KEY", "SEALED", "add_key", "seal_blog"]

KEY = Secret("the-key-of-the-tests-which-nobody-else-has")

SEALED: dict[str, Any] = {"setting": "sealed", "seal": {"key": KEY}}
"""What `[multitenancy]` says of such a blog."""


async def seal_blog(urls: Urls) -> None:
    """Put the helper of sealed mode in the place of the plain one, as `check --fix-sql` says."""
    admin = await asyncpg.connect(urls.admin_url)
    try:
        for statement in (
            *sealed.create_seal_keys(),
            golden.hand_over("TABLE", sealed.SEAL_KEYS, "app_owner"),
            sealed.create_sealed_helper(replace=True),
        ):
            await admin.execute(statement)
        await add_key(admin, KEY)
    finally:
        await admin.close()


async def add_key(admin: asyncpg.Connection, key: Secret) -> None:
    """Let PostgreSQL believe the seals of a key."""
    await admin.execute(
        f"INSERT INTO {sealed.SEAL_KEYS} (id, inner_pad, outer_pad) VALUES ($1, $2, $3)",
        key_id(key),
        *key_pads(key),
    )
