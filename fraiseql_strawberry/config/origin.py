"""What a configuration was read from, kept so that overrides pass the very same validation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, NoReturn, Self

from .lines import Path
from .toml import Document

__all__ = ["Layer", "Origin"]


class Layer:
    """One set of tables; a later layer wins over an earlier one.

    Args:
        tables: The sections as nested mappings.
        name: What messages call it: the file, or "overrides".
        document: The TOML document; without one, strings are taken as they are.
    """

    __slots__ = ("document", "name", "tables")

    def __init__(
        self, tables: Mapping[str, Any], name: str, document: Document | None = None
    ) -> None:
        self.tables, self.name, self.document = tables, name, document

    @property
    def is_file(self) -> bool:
        """Whether a person wrote it into a file: references are replaced, secrets are wrong."""
        return self.document is not None

    def line(self, path: Path) -> int | None:
        """The line of `path` in the file."""
        return self.document.line(path) if self.document else None


class Origin:
    """The layers, the environment and the folder that relative paths start from.

    It holds secrets, so it is opaque: no `repr`, no pickle, and `asdict` does not look inside.
    """

    __slots__ = ("env", "folder", "layers")

    def __init__(
        self,
        layers: tuple[Layer, ...] = (),
        env: Mapping[str, str] | None = None,
        folder: FilePath = FilePath(),
    ) -> None:
        self.layers, self.env, self.folder = layers, dict(env or {}), folder

    def with_layer(self, layer: Layer) -> Origin:
        """The same origin with one more layer on top."""
        return Origin((*self.layers, layer), self.env, self.folder)

    def with_env(self, **variables: str) -> Origin:
        """The same origin with some environment variables changed."""
        return Origin(self.layers, {**self.env, **variables}, self.folder)

    @property
    def name(self) -> str:
        """What messages call the whole: the file, or "the environment"."""
        return self.layers[0].name if self.layers else "the environment"

    def __repr__(self) -> str:
        return "Origin(***)"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("a configuration cannot be pickled: its secrets would be written out")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__getstate__()
