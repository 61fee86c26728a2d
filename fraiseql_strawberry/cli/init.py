"""`fraiseql-strawberry init`: the files that a service begins with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..config import Strategy
from ..errors import SetupError
from .apply import apply
from .options import AsJson, ConfigPath
from .scaffold import Names, scaffold
from .terminal import print_json

__all__ = ["init"]

# Short enough for the suffix _migrator within PostgreSQL's 63 bytes.
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,49}")


def init(
    strategy: Annotated[
        Strategy, typer.Option(help="How tenants are kept apart.", case_sensitive=False)
    ] = "row",
    name: Annotated[
        str | None, typer.Option(help="What the service is called; the folder's name by default.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="Its database; by default called as the service.")
    ] = None,
    role: Annotated[
        str,
        typer.Option(help="The role it connects as; its owner's and migrator's begin so too."),
    ] = "app",
    sealed: Annotated[
        bool,
        typer.Option(
            "--sealed",
            help="Policies believe a tenant only under a seal: injected SQL cannot change it.",
        ),
    ] = False,
    citus: Annotated[
        bool, typer.Option("--citus", help="Distribute the tables of row isolation by tenant.")
    ] = False,
    output_dir: Annotated[Path, typer.Option(help="Where the files go.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    apply_it: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Instead, make the tables for work on tenants, as [database] admin_url.",
        ),
    ] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Write a commented fraiseql.toml and the SQL for roles and policies, to be adapted.

    There is no secret in the files: passwords and keys stay in the environment. With --apply no
    file is written: the tables of the schema fraiseql are made, or brought to this version.
    """
    if apply_it:
        apply(config, as_json=as_json)
        return
    if sealed and strategy != "row":
        raise SetupError("--sealed: only policies read a seal; it needs --strategy row")
    folder = output_dir.resolve()
    project = name or folder.name or "service"
    names = Names(
        project=_one_line(project),
        database=_identifier("--database", database or _database_of(project)),
        role=_identifier("--role", role),
    )
    if citus and strategy != "row":
        raise SetupError(
            "--citus is about the tables of --strategy row. With a schema per tenant, "
            "`tenants create` asks Citus itself to place each schema"
        )
    if citus and sealed:
        raise SetupError(
            "--citus with --sealed: a seal would stand in the text that Citus sends to its "
            "workers, and its keys are not there. Take one of them out"
        )
    files = scaffold(strategy, names, sealed=sealed, citus=citus)
    there = [file for file in files if (folder / file).exists()]
    if there and not force:
        raise SetupError(
            f"there is already {' and '.join(there)}: choose another --output-dir, "
            "or overwrite with --force"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    steps = _next_steps(files, output_dir, names, sealed=sealed)
    if as_json:
        written = [str(folder / file) for file in files]
        print_json({"files": written, "next": [command for _, command in steps]})
        return
    for file in files:
        typer.echo(f"wrote {output_dir / file}")
    typer.echo("\nNext:")
    for number, (what, command) in enumerate(steps, start=1):
        typer.echo(f"  {number}. {what}\n     {command}")


def _next_steps(
    files: dict[str, str], folder: Path, names: Names, *, sealed: bool
) -> list[tuple[str, str]]:
    database, role, migrator = names.database, names.role, names.migrator
    url = f"postgresql://{role}:PASSWORD@localhost:5432/{database}"
    admin = f"postgresql://{migrator}:PASSWORD@localhost:5432/{database}"
    as_migrator = f"psql -U {migrator} -d {database} -f"
    steps = [
        ("Create the database, as a superuser:", f"createdb {database}"),
        ("Create the roles:", f"psql -d {database} -f {_quoted(folder / 'roles.sql')}"),
        (
            "Give them passwords (psql sends them hashed):",
            f"psql -d {database} -c '\\password {role}' -c '\\password {migrator}'",
        ),
    ]
    if "row_level_security.sql" in files:
        steps.append(
            (
                "Make its table your own, then run it as the migrator:",
                f"{as_migrator} {_quoted(folder / 'row_level_security.sql')}",
            )
        )
    if "registry.sql" in files:
        steps += [
            (
                "Create the registry, as the migrator:",
                f"{as_migrator} {_quoted(folder / 'registry.sql')}",
            ),
            ("Tell the service where the registry is:", f"export REGISTRY_DATABASE_URL={url}"),
        ]
    else:
        steps += [
            (
                "To refuse unknown and suspended tenants, and with tenants_table in fraiseql.toml:",
                f"{as_migrator} {_quoted(folder / 'tenants.sql')}",
            ),
            ("Tell the service where its database is:", f"export DATABASE_URL={url}"),
        ]
    if sealed:
        steps += [
            ("Tell the work on keys where it is:", f"export ADMIN_DATABASE_URL={admin}"),
            ("Make the key that tenants are sealed with:", "fraiseql-strawberry seal rotate"),
        ]
    return [
        *steps,
        ("And how tokens are signed:", 'export JWT_SECRET="$(openssl rand -base64 48)"'),
        ("Serve a module of decorated fields:", "fraiseql-strawberry serve your_module"),
    ]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _database_of(project: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", project.lower()).strip("_")
    return name if _IDENTIFIER.fullmatch(name) else f"db_{name}"[:50]


def _identifier(option: str, text: str) -> str:
    if not _IDENTIFIER.fullmatch(text) or text.startswith("pg_"):
        raise SetupError(
            f"{option} {text!r}: write small letters, digits and _, 50 at the most, "
            "not beginning with a digit or pg_"
        )
    return text


def _one_line(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        raise SetupError("--name must be plain text, without quotes and backslashes")
    return text
