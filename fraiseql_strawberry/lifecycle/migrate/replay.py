"""What Alembic said to one tenant, said to another: one message, one transaction, all checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from ...sql.golden import literal
from .connecting import Driver
from .one import back_off
from .places import Place, Revisions
from .report import Result, failure_of, is_contention
from .rules import Rules
from .texts import BEGIN, CALL_BEGIN, CALL_END, END, SET_FOUND

__all__ = ["Script"]


@dataclass(frozen=True, slots=True)
class Script:
    """The statements between two revisions, the same for every tenant.

    Args:
        before: The revisions that a place must have.
        after: Those that it has afterwards.
        statements: What was said.
        functions: Whether the database has the functions of `install_functions`.
    """

    before: Revisions
    after: Revisions
    statements: Sequence[str]
    functions: bool = False

    def text(self, place: Place, rules: Rules, *, also: Sequence[str] = ()) -> str:
        """The transaction as SQL, such as psql would run.

        Args:
            place: Where it is to be run.
            rules: How places are migrated.
            also: Further statements for the end of the transaction.
        """
        settings = {**rules.settings(place), "fraiseql.expected": ",".join(self.before)}
        calls = ", ".join(
            f"set_config({literal(name)}, {literal(value)}, true)"
            for name, value in settings.items()
        )
        begin, end = (CALL_BEGIN, CALL_END) if self.functions else (BEGIN, END)
        settle = (f"SELECT {calls}", SET_FOUND, begin)
        parts = ("BEGIN", *settle, *self.statements, end, *also, "COMMIT")
        # A statement may end with a comment.
        return "\n;\n".join(parts)

    def shown(self, place: Place, rules: Rules) -> str:
        """The transaction as people read it: without the checks, the lock and the ledger.

        Args:
            place: Where it would be run.
            rules: How places are migrated.
        """
        settings = rules.settings(place)
        path = f"SET LOCAL search_path = {settings['search_path']}"
        patience = f"SET LOCAL lock_timeout = {settings['lock_timeout']}"
        return "\n".join((f"BEGIN;\n{path};\n{patience};", *self.statements, "COMMIT;"))

    async def run(
        self, driver: Driver, place: Place, rules: Rules, *, also: Sequence[str] = ()
    ) -> Result:
        """Run it, again where a lock was not free in time.

        Args:
            driver: A connection to the place's database, in no transaction.
            place: The place.
            rules: How places are migrated.
            also: Further statements for the end of the transaction.

        Returns:
            What became of it; PostgreSQL's error is in it, and not raised.
        """
        started = time.perf_counter()
        text = self.text(place, rules, also=also)
        for attempt in range(1, rules.attempts + 1):
            try:
                await driver.execute(text)
            except asyncpg.PostgresError as error:
                if driver.is_closed():
                    raise
                await driver.execute("ROLLBACK")
                if attempt < rules.attempts and is_contention(error):
                    await asyncio.sleep(back_off(attempt))
                    continue
                seconds = time.perf_counter() - started
                failure = failure_of(error, attempts=attempt)
                return Result(place, self.before, self.before, seconds, failure, replayed=True)
            seconds = time.perf_counter() - started
            return Result(place, self.before, self.after, seconds, replayed=True)
        raise AssertionError("there is at least one attempt")
