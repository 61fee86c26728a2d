"""New tenants, what they are copied from, and what is said of them."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from ...tenant import TenantStatus
from ..provision import Fill, NewTenant, Seed, seeded_by
from ..records import TenantRecord
from ..template import TemplateReport
from .looking import Looking

__all__ = ["Making"]

_log = logging.getLogger("fraiseql_strawberry")

_UNFINISHED = (TenantStatus.PROVISIONING, TenantStatus.MIGRATING)


class Making(Looking):
    """Makes tenants."""

    async def create(
        self,
        name: str,
        plan: str = "",
        *,
        id: str | None = None,
        settings: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        seed: Seed | None = None,
    ) -> TenantRecord:
        """Make a tenant: its record, its schema or database at head, and its first rows.

        Args:
            name: What people call it.
            plan: The plan it pays for.
            id: Its id. By default a new UUID, or a slug made of the name.
            settings: The application's own JSON.
            tags: Words to choose tenants by.
            seed: Writes its first rows, with its rights, in the transaction that makes it active.

        Returns:
            The active tenant; the one that is there already, if this was called before.

        Raises:
            BadUserInput: The id is not of the form that `id_type` names.
            TenantConflict: There is another tenant of that id.
            SetupError: Nothing says which tables a tenant has.
        """
        new = NewTenant(
            self._canonical(id) if id is not None else self._new_id(name),
            name,
            plan,
            settings or {},
            tuple(tags),
            origin=None if seed is None else {"seed": True},
        )
        record = await self.parts.provisioning.create(new, self._seeding(seed))
        self._runtime.changed(record.id)
        self._refill_later()
        return record

    async def recover(self, *, seed: Seed | None = None) -> Sequence[TenantRecord]:
        """Finish the tenants whose making was cut short.

        Those that were being imported need their archive again, and those with first rows the
        function that writes them: without, they are left as they are.

        Args:
            seed: What writes the first rows of those that were begun with such a function.

        Returns:
            The tenants that are active now.
        """
        done: list[TenantRecord] = []
        for record in await self.list(status=_UNFINISHED):
            if record.origin is not None and (seed is None or "seed" not in record.origin):
                continue
            fill = self._seeding(seed) if record.origin is not None else None
            done.append(await self.parts.provisioning.finish(record, fill))
            self._runtime.changed(record.id)
        return done

    async def renew_template(self, *, warm: int | None = None) -> TemplateReport:
        """Make the template anew that new tenants are copied from, and ready copies of it.

        `migrate` does it too; tenants that are made meanwhile are copied from the one before.

        Args:
            warm: How many to keep ready; `[multitenancy] warm` by default.

        Raises:
            SetupError: There are no templates under this strategy, or a copy differs from what
                the migrations make: then the template before stays.
        """
        places = self.parts.places
        report = await places.renew_template()
        wanted = self.parts.config.multitenancy.warm if warm is None else warm
        return replace(report, warmed=await places.refill(wanted))

    async def change(
        self,
        tenant_id: str,
        *,
        name: str | None = None,
        plan: str | None = None,
        settings: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
    ) -> TenantRecord:
        """Change its name, plan, settings or tags; what is not given stays.

        Raises:
            TenantNotFound: There is no such tenant.
        """
        parts, canonical = self.parts, self._canonical(tenant_id)
        async with parts.administrator.transaction(lock=f"tenant:{canonical}") as transaction:
            record = await parts.records.change(
                transaction.driver, canonical, name=name, plan=plan, settings=settings, tags=tags
            )
            await parts.places.settle(transaction.driver, record)
        self._runtime.changed(canonical)
        return record

    def _new_id(self, name: str) -> str:
        if self.parts.config.multitenancy.id_type == "uuid":
            return str(uuid4())
        return self._canonical(re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"))

    def _seeding(self, seed: Seed | None) -> Fill | None:
        if seed is None:
            return None
        return seeded_by(seed, self.parts.places, self._runtime.session_class)

    def _refill_later(self) -> None:
        """Put a ready copy in the place of the one that was taken; nobody waits for it."""
        wanted = self.parts.config.multitenancy.warm
        if not wanted or self._background or self.parts.places.name == "row":
            return
        task = asyncio.get_running_loop().create_task(
            self._refill(wanted), context=contextvars.Context()
        )
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _refill(self, wanted: int) -> None:
        try:
            await self.parts.places.refill(wanted)
        except Exception:  # noqa: BLE001 - the next tenant is made without
            _log.exception("the pool of ready places for tenants could not be filled")
