"""What was promised to whom: every row has a watermark of its tenant, every write an outcome."""

from __future__ import annotations

import logging
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from sys import intern
from uuid import UUID

from fraiseql_strawberry.scope import find_scope

__all__ = ["Ledger", "Listener", "Outcome"]

_WATERMARK = re.compile(r"wm-([0-9a-f]{16})-[0-9]+")
_EXAMPLES = 10


class Outcome(Enum):
    """What is known of a write."""

    OPEN = "no answer told"
    DONE = "acknowledged"
    FAILED = "refused"


class Ledger:
    """Counts leaks and losses; both stay 0 as long as isolation holds.

    Args:
        tenants: Those who have rows.
    """

    def __init__(self, tenants: Iterable[UUID]) -> None:
        self._secrets = {tenant: secrets.token_hex(8) for tenant in tenants}
        self._writes: dict[str, Outcome] = {}
        self._by: dict[str, str] = {}
        self._ids: dict[UUID, list[tuple[str, str]]] = {tenant: [] for tenant in self._secrets}
        self.leaks = 0
        self.losses = 0
        self.late = 0
        self.examples: list[str] = []

    @property
    def writes(self) -> Counter[Outcome]:
        """How many writes ended how."""
        return Counter(self._writes.values())

    def begin(self, tenant: UUID, what: str) -> str:
        """The watermark of a row that will be written; until told otherwise its fate is open."""
        what = intern(what)
        watermark = f"wm-{self._secrets[tenant]}-{len(self._writes)}"
        self._writes[watermark] = Outcome.OPEN
        self._by[watermark] = what
        return watermark

    def done(self, watermark: str, tenant: UUID, id: str | None = None) -> None:
        """The service has acknowledged the write."""
        self._writes[watermark] = Outcome.DONE
        if id is not None:
            rows = self._ids[tenant]
            rows.append((id, watermark))
            del rows[:-1000]

    def failed(self, watermark: str) -> None:
        """The service has said, or it was its order, that nothing is to be written."""
        self._writes[watermark] = Outcome.FAILED

    def row(self, tenant: UUID, choice: float) -> tuple[str, str] | None:
        """The id and the watermark of one of a tenant's recent rows."""
        rows = self._ids[tenant]
        return rows[int(choice * len(rows))] if rows else None

    def look(self, text: str, tenant: UUID | None, where: str) -> None:
        """Count every watermark in the text that is another tenant's."""
        own = self._secrets.get(tenant) if tenant is not None else None
        for found in _WATERMARK.finditer(text):
            if found[1] != own:
                self.leaks += 1
                self._note(f"leak in {where}: {found[0]}")

    def lost(self, what: str) -> None:
        """Count a row that should have been there."""
        self.losses += 1
        self._note(f"loss: {what}")

    def too_late(self, what: str) -> None:
        """Count a success of a tenant whose suspension was acknowledged long ago."""
        self.late += 1
        self._note(f"after a suspension: {what}")

    def settle(self, stored: Mapping[UUID, Counter[str]]) -> None:
        """Compare what was promised with what is there, as somebody else sees it."""
        for tenant, titles in stored.items():
            self.look("\n".join(titles), tenant, "a tenant's own table")
        everything = sum(stored.values(), Counter[str]())
        for watermark, outcome in self._writes.items():
            times = everything.pop(watermark, 0)
            if outcome is Outcome.DONE and times == 0:
                self.lost(f"{watermark} of {self._by[watermark]} was acknowledged")
            elif outcome is Outcome.FAILED and times:
                self.lost(f"{watermark} of {self._by[watermark]} was refused and is there")
            elif times > 1:
                self.lost(f"{watermark} is there {times} times")
        for unknown in everything:
            self.lost(f"{unknown} was written by nobody")

    def _note(self, example: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(example)


class Listener(logging.Handler):
    """Reads all that is logged: the lines of a request may hold its own tenant's data only."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger
        self.lines = 0
        self.raised: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Search one line, its stack trace included."""
        self.lines += 1
        if record.exc_info and record.exc_info[0] is not None:
            self.raised[record.exc_info[0].__name__] += 1
        scope = find_scope()
        tenant = UUID(scope.tenant_id) if scope is not None and scope.tenant_id else None
        self._ledger.look(self.format(record), tenant, f"a line of {record.name}")
