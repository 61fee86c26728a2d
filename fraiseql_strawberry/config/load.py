"""The ways to a `Config`: from a file, from a text, and with overrides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .model import Config
from .origin import Layer, Origin
from .toml import parse_document, read_text

__all__ = ["load_config", "parse_config", "with_overrides"]


def load_config(path: str | Path, env: Mapping[str, str] | None = None) -> Config:
    """Read a `fraiseql.toml`.

    Args:
        path: The file.
        env: The environment variables; those of the process by default.

    Raises:
        ConfigError: The file cannot be read, or something in it is wrong.
    """
    path = Path(path)
    return _parse(read_text(path), str(path), env, path)


def parse_config(
    text: str, *, file: str = "fraiseql.toml", env: Mapping[str, str] | None = None
) -> Config:
    """Read the text of a `fraiseql.toml`.

    Args:
        text: The text.
        file: The name for messages.
        env: The environment variables; those of the process by default.

    Raises:
        ConfigError: Something in it is wrong.
    """
    return _parse(text, file, env, None)


def with_overrides(config: Config, overrides: Mapping[str, Mapping[str, Any]]) -> Config:
    """`Config.override` with the sections in one mapping.

    Args:
        config: The configuration to start from; it stays as it is.
        overrides: The keys to change by section.

    Raises:
        ConfigError: A key or value is wrong, or no longer fits the others.
    """
    return config.override(**overrides)


def _parse(text: str, file: str, env: Mapping[str, str] | None, path: Path | None) -> Config:
    document = parse_document(text, file)
    layer = Layer(document.tables, file, document)
    folder = path.parent if path else Path()
    return Config.from_origin(Origin((layer,), os.environ if env is None else env, folder), path)
