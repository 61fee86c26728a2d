"""The keys of sealed mode: made and rotated while the service runs.

A new key is written to the database first, and given to the service only when every server
believes it; the old one is believed for a while longer. So there is no moment in which a seal of
the service's is refused.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import asyncpg

from ..config import SEAL_SETTING, Config, Secret, SecretUrl
from ..engine import asyncpg_url
from ..errors import ServiceUnavailable, SetupError
from ..seal import Sealer, key_id, key_pads
from ..trouble import translated
from .administrator import Administrator, Driver
from .queries import named_queries

__all__ = ["SealKey", "list_seal_keys", "rotate_seal_key"]

_QUERIES = named_queries("seal_keys")
_KEY_BYTES = 32
_PROBE_SECONDS = 60
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class SealKey:
    """A key that PostgreSQL knows.

    Args:
        id: What it is called; the key itself is nowhere shown.
        made_at: When it was made.
        retires_at: From when on its seals are refused; None for the present one.
    """

    id: str
    made_at: datetime
    retires_at: datetime | None


async def list_seal_keys(config: Config) -> list[SealKey]:
    """The keys that PostgreSQL knows, the newest first.

    Args:
        config: For `[database] admin_url`.

    Raises:
        SetupError: There is no table of keys.
    """
    async with _administrator(config) as driver:
        return [SealKey(**row) for row in await driver.fetch(_QUERIES["list"])]


async def rotate_seal_key(
    config: Config, file: Path, *, keep: float, patience: float = 30.0
) -> SealKey:
    """Make a key, and hand it to the service.

    Cut short at any point it can be run again: a key that nobody was given harms nobody, and the
    others retire only at the end.

    Args:
        config: For `[database]` and the lifetime of seals.
        file: Where the key goes; readable by whoever could read the file before, or by its
            owner alone.
        keep: Seconds for which the seals of the other keys are believed.
        patience: Seconds for each server to believe the new one.

    Returns:
        The new key.

    Raises:
        SetupError: There is no table of keys.
        ServiceUnavailable: A server did not believe the new key in time; nothing has changed.
    """
    key = Secret(secrets.token_urlsafe(_KEY_BYTES))
    name = key_id(key)
    async with _administrator(config) as driver:
        async with driver.transaction():
            await driver.execute(_QUERIES["forget_retired"])
            await driver.execute(_QUERIES["add"], name, *key_pads(key))
        database = config.database
        for url in filter(None, (database.url, *database.replica_urls)):
            await _wait_until_believed(url, Sealer(lambda: key, _PROBE_SECONDS), patience)
        _write(file, key)
        async with driver.transaction():
            await driver.execute(_QUERIES["retire_others"], name, keep)
        rows = await driver.fetch(_QUERIES["list"])
    return next(SealKey(**row) for row in rows if row["id"] == name)


@asynccontextmanager
async def _administrator(config: Config) -> AsyncGenerator[Driver]:
    administrator = Administrator.of(config)
    try:
        async with administrator.connect() as driver:
            yield driver
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise SetupError(
            "there is no table fraiseql.seal_keys: make it and the helper first, with "
            "`fraiseql-strawberry init --sealed`, op.create_tenant_helper() or, in a database that "
            "has policies already, `fraiseql-strawberry check --fix-sql FILE`"
        ) from error
    finally:
        await administrator.close()


async def _wait_until_believed(url: SecretUrl, seal: Sealer, patience: float) -> None:
    """A replica learns of a key only when it has replayed it."""
    plain = asyncpg_url(url.reveal()).set(drivername="postgresql")
    until = time.monotonic() + patience
    with translated():
        driver = await asyncpg.connect(
            plain.render_as_string(hide_password=False), timeout=10, statement_cache_size=0
        )
        try:
            while not await _believes(driver, seal):
                if time.monotonic() > until:
                    raise ServiceUnavailable(
                        hint=f"{url.redacted} does not believe the new key. Nothing was handed "
                        "over; is it a replica that lags, or does its helper not verify seals?"
                    )
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await driver.close()


async def _believes(driver: Driver, seal: Sealer) -> bool:
    tenant = str(uuid4())
    async with driver.transaction():
        row = await driver.fetchrow(_QUERIES["believed"], SEAL_SETTING, seal(tenant))
    return row is not None and row["tenant"] == tenant


def _write(file: Path, key: Secret) -> None:
    """As a whole or not at all: a service may read it at any moment."""
    new = file.with_name(f".{file.name}.{uuid4().hex}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(key.reveal() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        if file.exists():  # the service may be another user than this command
            shutil.copymode(file, new)
            with suppress(PermissionError):
                os.chown(new, file.stat().st_uid, file.stat().st_gid)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
