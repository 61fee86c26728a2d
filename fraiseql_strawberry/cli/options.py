"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..config import Config, load_config
from ..errors import SetupError
from ..tenant import canonical_tenant_id

__all__ = ["AsJson", "ConfigPath", "TenantId", "read_config", "read_tenant"]

DEFAULT_CONFIG = Path("fraiseql.toml")

ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="FRAISEQL_CONFIG",
        metavar="PATH",
        help="The configuration; ./fraiseql.toml, or without one the environment alone.",
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

TenantId = Annotated[str, typer.Option("--tenant", metavar="ID", help="The tenant's id.")]


def read_config(path: Path | None) -> Config:
    """The configuration that a command works with.

    Args:
        path: What `--config` or `FRAISEQL_CONFIG` says. Without it, `./fraiseql.toml` where there
            is one, else what the environment says (`DATABASE_URL`, `JWT_SECRET`).

    Raises:
        ConfigError: It cannot be read, or something in it is wrong.
    """
    if path is None and not DEFAULT_CONFIG.exists():
        return Config.from_env()
    return load_config(path or DEFAULT_CONFIG)


def read_tenant(text: str, config: Config) -> str:
    """A tenant's id in its canonical form.

    Raises:
        SetupError: It is not of the form that `id_type` names.
    """
    id_type = config.multitenancy.id_type
    canonical = canonical_tenant_id(text, id_type)
    if canonical is None:
        example = "11111111-1111-4111-8111-111111111111" if id_type == "uuid" else "acme"
        raise SetupError(
            f"--tenant {text!r} is no tenant id: [multitenancy] id_type is {id_type!r}, "
            f"so write one like {example}"
        )
    return canonical
