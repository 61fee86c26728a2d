"""What a migration would say, without any database: for `--dry-run`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep

from ...errors import SetupError
from .places import Revisions
from .rules import Rules
from .scripts import Scripts
from .visit import configure_offline

__all__ = ["OfflineVisit"]


class OfflineVisit:
    """What env.py is to do: write down the SQL between two revisions.

    Args:
        rules: How places are migrated.
        scripts: The revisions.
        current: Where the place is.
        target: The revision to go to.
    """

    def __init__(
        self, rules: Rules, scripts: Scripts, *, current: Revisions, target: str = "heads"
    ) -> None:
        self._rules = rules
        self._scripts = scripts
        self._current = current
        self._target = target
        self._said = io.StringIO()
        self._at: str | None = None

    def enter(self) -> str:
        """Run env.py; returns the SQL, without BEGIN and COMMIT.

        Raises:
            SetupError: A migration asks the database, so nobody can say.
        """
        try:
            self._scripts.enter(
                self,
                self._steps,
                as_sql=True,
                starting_rev=self._current or None,
                destination_rev=self._target,
            )
        except SetupError:
            raise
        except Exception as error:
            if self._at is None:
                raise
            raise SetupError(
                f"revision {self._at} cannot be shown as SQL: {type(error).__name__}: {error}. "
                "If it asks the database, try it on one tenant: --tenant ID"
            ) from error
        return self._said.getvalue().strip()

    def run(self, environment: EnvironmentContext, metadata: Any, options: dict[str, Any]) -> None:
        """Write: called by env.py, from `fraiseql_strawberry.alembic.run`."""
        configure_offline(environment, self._rules, metadata, options, output_buffer=self._said)
        environment.run_migrations()

    def _steps(self, heads: Revisions, context: MigrationContext) -> Iterator[RevisionStep]:
        for step in self._scripts.steps(self._current, self._target):
            self._at = step.revision.revision  # type: ignore[attr-defined]
            yield step
