"""Configuration: `fraiseql.toml` and the environment, read once into frozen objects.

The way of a file: `toml` (text to tables) with `lines` (where each key stands), `interpolate`
(`${NAME}`), `rules` (one value), `reading` (one section), `keys` and `checks` (one key against
another), `model` (the whole), `load` (the ways in).
"""

from __future__ import annotations

from .load import load_config, parse_config, with_overrides
from .model import Config
from .secret import Secret, SecretUrl, redact_url
from .sections import (
    ALGORITHMS,
    SEAL_SETTING,
    SEALED,
    Auth,
    Database,
    Graphql,
    Migrations,
    Multitenancy,
    Pooler,
    Project,
    Routing,
    Seal,
    Server,
    StartupCheck,
    Strategy,
)

__all__ = [
    "ALGORITHMS",
    "SEALED",
    "SEAL_SETTING",
    "Auth",
    "Config",
    "Database",
    "Graphql",
    "Migrations",
    "Multitenancy",
    "Pooler",
    "Project",
    "Routing",
    "Seal",
    "Secret",
    "SecretUrl",
    "Server",
    "StartupCheck",
    "Strategy",
    "load_config",
    "parse_config",
    "redact_url",
    "with_overrides",
]
