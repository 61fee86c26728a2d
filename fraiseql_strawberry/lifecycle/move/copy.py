"""A whole database on another server: `pg_dump` into `pg_restore`, and no file between them.

They know owners, grants, settings of roles in the database, and its own; memory is bounded by the
pipe.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ...errors import TenantConflict
from ..administrator import Administrator
from ..dump import find_pg_dump, libpq_environment

__all__ = ["copy_database"]


async def copy_database(source: Administrator, target: Administrator, name: str) -> None:
    """Copy a database to a server where there is none of that name.

    Args:
        source: Connects to the server that has it.
        target: Connects to the server that gets it; the roles are there already.
        name: What it is called on both.

    Raises:
        TenantConflict: It could not be copied; the message is that of the program.
        SetupError: There is no `pg_dump` that can read it.
    """
    async with source.connect(name) as driver:
        major = driver.get_server_version().major
    program = Path(await asyncio.to_thread(find_pg_dump, major))
    read, write = os.pipe()
    try:
        dumping = await asyncio.create_subprocess_exec(
            *(str(program), "--format=custom", "--compress=0", "--create", "--no-tablespaces"),
            env={**os.environ, **libpq_environment(source.url_of(name)), "PGAPPNAME": name},
            stdout=write,
            stderr=asyncio.subprocess.PIPE,
        )
        restoring = await asyncio.create_subprocess_exec(
            *(str(program.with_name("pg_restore")), "--create", "--exit-on-error"),
            f"--dbname={target.database}",  # the other one is made from there
            env={**os.environ, **libpq_environment(target.url_of()), "PGAPPNAME": name},
            stdin=read,
            stderr=asyncio.subprocess.PIPE,
        )
    finally:
        os.close(read)
        os.close(write)
    await _both(dumping, restoring)


async def _both(dumping: asyncio.subprocess.Process, restoring: asyncio.subprocess.Process) -> None:
    try:
        (_, dumped), (_, restored) = await asyncio.gather(
            dumping.communicate(), restoring.communicate()
        )
    except BaseException:
        for process in (dumping, restoring):
            if process.returncode is None:
                process.kill()
            await process.wait()
        raise
    # Where pg_restore has failed, pg_dump only says that nobody listens.
    for process, program, said in (
        (restoring, "pg_restore", restored),
        (dumping, "pg_dump", dumped),
    ):
        if process.returncode:
            raise TenantConflict(f"{program} failed: {said.decode(errors='replace').strip()}")
