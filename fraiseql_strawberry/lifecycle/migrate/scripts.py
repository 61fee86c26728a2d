"""The user's Alembic directory: revisions, and how to run their env.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic.config import Config as AlembicConfig
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ...config import Config
from ...errors import SetupError
from .places import Revisions
from .rules import alembic_config_path

__all__ = ["VISIT", "Scripts"]

VISIT = "fraiseql_strawberry.visit"
"""Under which env.py finds what it is to do, in the attributes of Alembic's configuration."""

_KNOWN = 1000


class Scripts:
    """The revisions, loaded once; `ScriptDirectory` imports every one of them.

    Args:
        path: `alembic.ini`, or a `pyproject.toml` with `[tool.alembic]`.

    Raises:
        SetupError: There is none, or Alembic cannot read the directory that it names.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SetupError(
                f"there is no {path}: run `fraiseql-strawberry migrate init`, or set "
                "[migrations] alembic to where Alembic's configuration is"
            )
        self.path = path
        toml = path.suffix == ".toml"
        self.config = AlembicConfig(
            file_=None if toml else str(path), toml_file=str(path) if toml else None
        )
        try:
            self.directory = ScriptDirectory.from_config(self.config)
            self.heads: Revisions = tuple(sorted(self.directory.get_heads()))
        except CommandError as error:
            raise SetupError(f"{path}: {error}") from error
        except Exception as error:  # whatever the user's revisions do when they are imported
            said = f"{type(error).__name__}: {error}"
            raise SetupError(f"{path}: a revision cannot be loaded: {said}") from error
        self.pending = lru_cache(_KNOWN)(self._pending)

    @classmethod
    def of(cls, config: Config) -> Scripts:
        """The directory that a configuration names (see `alembic_config_path`)."""
        return cls(alembic_config_path(config))

    def resolve(self, target: str) -> Revisions:
        """The revisions that a name means: "heads", part of an id, "head".

        Raises:
            SetupError: It means none, or "head" where there are several.
        """
        try:
            found = self.directory.get_revisions(target)
        except CommandError as error:
            raise SetupError(f"{self.path}: {error}") from error
        return tuple(sorted(script.revision for script in found))

    def _pending(self, current: Revisions, target: str = "heads") -> Revisions:
        """The revisions between a place's and the target's, the first to be run first.

        Raises:
            SetupError: The place is at a revision that is not in the directory.
        """
        try:
            steps = self.steps(current, target)
        except CommandError as error:
            raise SetupError(
                f"{error}: was it migrated by a newer version of the code, or is "
                f"{self.directory.dir} not complete?"
            ) from error
        return tuple(step.revision.revision for step in steps)  # type: ignore[attr-defined]

    def knows(self, revisions: Revisions) -> bool:
        """Whether all of these are in the directory."""
        try:
            for revision in revisions:
                self.directory.get_revision(revision)
        except CommandError:
            return False
        return True

    def steps(self, current: Revisions, target: str) -> list[RevisionStep]:
        """What Alembic is to run; the call is that of `alembic upgrade`."""
        steps: list[Any] = self.directory._upgrade_revs(target, current)  # type: ignore[arg-type]
        return steps

    def enter(
        self,
        visit: object,
        steps: Callable[[Revisions, MigrationContext], Iterator[RevisionStep]],
        **options: Any,
    ) -> None:
        """Run env.py, which finds `visit` in the attributes of the configuration.

        Args:
            visit: What it is to do.
            steps: Gives the steps to run, from the revisions of the place.
            **options: Of `EnvironmentContext`.
        """
        self.config.attributes[VISIT] = visit
        try:
            with EnvironmentContext(self.config, self.directory, fn=steps, **options):
                self.directory.run_env()
        finally:
            del self.config.attributes[VISIT]
