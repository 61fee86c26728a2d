"""`tenancy.tenants`: everything that is done with a tenant as a whole."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..errors import BadUserInput, SetupError, TenantConflict
from ..runtime import Runtime
from ..tenant import TenantStatus, canonical_tenant_id
from .administrator import AdminTransaction
from .archive import ArchiveFile, Manifest, Progress, export_tenant, load_archive
from .delete import Deletion
from .everyone import who_runs_this
from .migrations import Migrations
from .parts import LifecycleParts
from .provision import Fill, NewTenant, Seed, seeded_by
from .receipt import Receipt
from .records import TenantRecord
from .shelve import is_shelved
from .template import TemplateReport

__all__ = ["Tenants", "tenants_of"]

_log = logging.getLogger("fraiseql_strawberry")

_UNFINISHED = (TenantStatus.PROVISIONING, TenantStatus.MIGRATING)
_TABLE = "fraiseql.tenants"

Statuses = TenantStatus | str | Collection[TenantStatus | str] | None


class Tenants:
    """Creates, changes, suspends, exports, imports and deletes tenants, as the administrator.

    Every method can be called again after it was cut short, and goes on where it was.

    Args:
        runtime: The deployment, which hears at once of what has changed.
        migrations: What makes a tenant's tables; by default what `[multitenancy] migrations` names.
    """

    def __init__(self, runtime: Runtime, *, migrations: Migrations | None = None) -> None:
        self._runtime = runtime
        self._background: set[asyncio.Task[None]] = set()
        self.parts = LifecycleParts(runtime, migrations)

    async def close(self) -> None:
        """Close the administrator's connections."""
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.parts.close()

    # -- looking ------------------------------------------------------------------------------

    async def get(self, tenant_id: str) -> TenantRecord:
        """The record of a tenant.

        Raises:
            TenantNotFound: There is none.
        """
        async with self.parts.administrator.transaction() as transaction:
            return await self.parts.records.get(transaction.driver, self._canonical(tenant_id))

    async def list(
        self, *, status: Statuses = None, tag: str | None = None, plan: str | None = None
    ) -> Sequence[TenantRecord]:
        """All tenants, or those that fit, in the order of their ids.

        Args:
            status: Only those in this status, or in one of these.
            tag: Only those with this tag.
            plan: Only those on this plan.
        """
        return [record async for record in self.each(status=status, tag=tag, plan=plan)]

    async def each(
        self, *, status: Statuses = None, tag: str | None = None, plan: str | None = None
    ) -> AsyncGenerator[TenantRecord]:
        """The same as `list`, read page by page."""
        wanted = (status,) if isinstance(status, str) else status
        async with self.parts.administrator.transaction(writes=False) as transaction:
            async for record in self.parts.records.each(
                transaction.driver, status=wanted, tag=tag, plan=plan
            ):
                yield record

    # -- making -------------------------------------------------------------------------------

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

    # -- whether it is served -----------------------------------------------------------------

    async def suspend(self, tenant_id: str) -> TenantRecord:
        """Refuse its requests: at once in this process, within a second in those that listen.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It is neither active nor suspended.
        """
        return await self._change_status(tenant_id, TenantStatus.SUSPENDED, TenantStatus.ACTIVE)

    async def resume(self, tenant_id: str) -> TenantRecord:
        """Serve it again.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It is not there to be served: its rows are in a file, for one.
        """
        record = await self.get(tenant_id)
        if is_shelved(record):
            assert record.origin is not None
            raise TenantConflict(
                f"The rows of tenant {record.id} are in the file {record.origin['file']}: import it"
            )
        refused = (TenantStatus.SUSPENDED, TenantStatus.ARCHIVED)
        return await self._change_status(tenant_id, TenantStatus.ACTIVE, *refused)

    async def archive(
        self, tenant_id: str, to: str | Path | None = None, *, progress: Progress | None = None
    ) -> TenantRecord:
        """Keep it, and serve it no more.

        Args:
            tenant_id: The tenant.
            to: A file for its rows, which are removed from the database once they are in it;
                `restore` brings them back. Without a file they stay where they are, and `resume`
                serves them again.
            progress: Is told of each table that is written.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It is neither active nor suspended.
            ArchiveError: The file is there, and is not an archive of what the tenant has now.
        """
        if to is None:
            served = (TenantStatus.ACTIVE, TenantStatus.SUSPENDED)
            return await self._change_status(tenant_id, TenantStatus.ARCHIVED, *served)
        self._refuse_unread_statuses()
        return await self.parts.shelving.shelve(
            self._canonical(tenant_id), Path(to), by=who_runs_this(), progress=progress
        )

    # -- files --------------------------------------------------------------------------------

    async def export(
        self, tenant_id: str, to: str | Path, *, progress: Progress | None = None
    ) -> Manifest:
        """Write all rows of a tenant to a new file: one snapshot, while it is served.

        Args:
            tenant_id: The tenant.
            to: The file; nobody but its owner may read it.
            progress: Is told of each table that is written.

        Returns:
            What the archive says of itself: counts and SHA-256 of each table.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: Its rows are not in the database.
            FileExistsError: The file is there already.
        """
        record = await self.get(tenant_id)
        if record.status is TenantStatus.PROVISIONING or is_shelved(record):
            raise TenantConflict(f"The tenant {record.id} has no rows here: it is {record.status}")
        return await export_tenant(
            self.parts.places, record, Path(to), exported_by=who_runs_this(), progress=progress
        )

    async def restore(
        self,
        archive: str | Path,
        *,
        id: str | None = None,
        name: str | None = None,
        plan: str | None = None,
        skip: Collection[str] = (),
        progress: Progress | None = None,
    ) -> TenantRecord:
        """Make a tenant out of an archive, whatever strategy it was written under.

        Args:
            archive: The file.
            id: The tenant's id; by default the one that it had.
            name: Its name; by default the one that it had.
            plan: Its plan; by default the one that it had.
            skip: The names of tables in the archive that are left out.
            progress: Is told of each table that is filled.

        Returns:
            The active tenant; what its tables hold was compared with the archive, to the byte.

        Raises:
            ArchiveError: The archive is damaged, or does not fit the tables of tenants.
            BadUserInput: The id is not of the form that `id_type` names here.
            TenantConflict: There is a tenant of that id that was not made from this archive.
        """
        file = await asyncio.to_thread(ArchiveFile, Path(archive))
        with file:
            told = file.manifest.tenant
            new = NewTenant(
                self._canonical(id if id is not None else told.get("id")),
                name if name is not None else str(told.get("name") or ""),
                plan if plan is not None else str(told.get("plan") or ""),
                told.get("settings") or {},
                tuple(told.get("tags") or ()),
                origin={"archive": file.digest},
            )

            async def fill(transaction: AdminTransaction, record: TenantRecord) -> None:
                await load_archive(
                    *(self.parts.places, record, transaction.driver, file),
                    skip=skip,
                    progress=progress,
                )

            record = await self.parts.provisioning.create(new, fill)
        self._runtime.changed(record.id)
        return record

    # -- deleting -----------------------------------------------------------------------------

    async def deletion(self, tenant_id: str) -> Deletion:
        """Say what `delete` would take away, with the token that confirms it; changes nothing.

        Raises:
            TenantNotFound: There is no such tenant.
        """
        return await self.parts.deleting.plan(self._canonical(tenant_id))

    async def delete(self, tenant_id: str, confirm: str, *, reason: str | None = None) -> Receipt:
        """Take a tenant away: its rows, its schema or database, its record.

        Args:
            tenant_id: The tenant.
            confirm: The token of its `deletion`.
            reason: Why; the receipt says it.

        Returns:
            The receipt: what there was, by table, and where else the tenant is still named.

        Raises:
            TenantNotFound: There is no such tenant.
            ConfirmationRefused: The token is another tenant's.
            TenantConflict: Something that is not the tenant's would go with it.
        """
        self._refuse_unread_statuses()
        return await self.parts.deleting.delete(
            self._canonical(tenant_id), confirm, by=who_runs_this(), reason=reason
        )

    async def receipts(
        self, tenant_id: str | None = None, *, limit: int = 100
    ) -> Sequence[Receipt]:
        """The receipts of deleted tenants, the newest first."""
        canonical = None if tenant_id is None else self._canonical(tenant_id)
        return await self.parts.deleting.receipts(canonical, limit)

    # -- inside -------------------------------------------------------------------------------

    async def _change_status(
        self, tenant_id: str, status: TenantStatus, *allowed: TenantStatus
    ) -> TenantRecord:
        self._refuse_unread_statuses()
        return await self.parts.standing.change(self._canonical(tenant_id), status, allowed=allowed)

    def _refuse_unread_statuses(self) -> None:
        """A status that no request asks for refuses nobody."""
        multitenancy = self.parts.config.multitenancy
        if multitenancy.strategy != "database" and multitenancy.tenants_table != _TABLE:
            raise SetupError(
                f"the service would not notice: set [multitenancy] tenants_table = {_TABLE!r}"
            )

    def _canonical(self, tenant_id: object) -> str:
        id_type = self.parts.config.multitenancy.id_type
        canonical = canonical_tenant_id(tenant_id, id_type)
        if canonical is None:
            raise BadUserInput(f"{tenant_id!r} is no tenant id: id_type is {id_type!r}")
        return canonical

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


def tenants_of(runtime: Runtime) -> Tenants:
    """The one `Tenants` of a deployment.

    Args:
        runtime: The deployment.
    """
    face = runtime.extras.get(Tenants)
    if face is None:
        face = runtime.extras[Tenants] = Tenants(runtime)
    return face
