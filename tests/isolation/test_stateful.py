"""A model of two tenants' rows, and whatever a service does, in any order (SECURITY.md, invariants 1 to 9).

Hypothesis chooses the steps; the model says what each read must find, a witness on a connection
of its own says what is stored, and after each step the connections that lie in the pool are clean.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.errors import NestedAcquisition, TenantSwitchRefused, Unauthorized
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

TENANTS = st.sampled_from([ACME, GLOBEX])
NAMES = "SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM v_user"
INSERT = text("INSERT INTO tb_user (name, email) VALUES (:name, :name)")
ORPHAN = text("INSERT INTO tb_post (user_id, title, content) VALUES (:nobody, 'x', 'x')")
IDLE = ("fraiseql", "idle")
POOL = 3  # one connection for an open session of each tenant, one for everything else


class Names(NamedTuple):
    """The compiled form of `NAMES`."""

    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        return NAMES.replace("v_user", f'"{schema}".v_user') if schema else NAMES


@fraiseql.query
async def names(session: TenantSession) -> list[str]:
    return await session.scalar(text(NAMES)) or []


@fraiseql.mutation
async def add(session: TenantSession, name: str) -> str:
    await session.execute(INSERT, {"name": name})
    return name


@fraiseql.mutation(atomic=True)
async def add_atomic(session: TenantSession, name: str) -> str | None:
    await session.execute(INSERT, {"name": name})
    return name


@fraiseql.mutation(atomic=True)
async def fail_atomic() -> str | None:
    raise LookupError("on purpose")


SCHEMA = fraiseql.build_schema([names, add, add_atomic, fail_atomic])


class OpenSession:
    """A session that stays open from one step to another, in a task of its own."""

    def __init__(self, tenancy: Tenancy, tenant: UUID) -> None:
        self.pending: list[str] = []
        self._orders: asyncio.Queue[Any] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(tenancy, tenant))

    async def _run(self, tenancy: Tenancy, tenant: UUID) -> None:
        async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
            while True:
                work, reply = await self._orders.get()
                if work is None:
                    return
                reply.set_result(await work(session))

    async def do(self, work: Callable[[AsyncSession], Awaitable[Any]]) -> Any:
        reply = asyncio.get_running_loop().create_future()
        self._orders.put_nowait((work, reply))
        await asyncio.wait((reply, self._task), return_when=asyncio.FIRST_COMPLETED)
        return reply.result() if reply.done() else await self._task

    async def commit(self) -> None:
        self._orders.put_nowait((None, None))
        await self._task

    async def cancel(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Service(RuleBasedStateMachine):
    """The system beside its model."""

    urls: Urls
    make_tenancy: Callable[..., Tenancy]
    assert_clean: Callable[[Tenancy], Awaitable[None]]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model: dict[UUID, set[str]] = {ACME: set(), GLOBEX: set()}
        self.open: dict[UUID, OpenSession] = {}

    def run(self, work: Awaitable[Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(10):
                return await work

        return self.loop.run_until_complete(bounded())

    def teardown(self) -> None:
        async def end() -> None:
            for session in self.open.values():
                await session.cancel()
            await self.assert_clean(self.tenancy)
            await self.tenancy.stop()
            await self.witness.close()

        self.run(end())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    @initialize()
    def start(self) -> None:
        async def start() -> None:
            self.witness = Witness(self.urls)
            await self.witness.everywhere("TRUNCATE tb_user CASCADE")
            self.tenancy = self.make_tenancy(self.urls, database={"pool_size": POOL})
            await self.tenancy.start()

        self.run(start())

    # --- Reads: equal to the model, no more and no less (1, 2) ----------------------------------

    @rule(tenant=TENANTS)
    def read_compiled(self, tenant: UUID) -> None:
        async def read() -> None:
            async with self.tenancy.as_tenant(str(tenant)):
                assert set(json.loads(await self.tenancy.read(Names()) or "")) == self.model[tenant]

        self.run(read())

    @rule(
        tenant=TENANTS,
        interruptions=st.lists(st.sampled_from(["commit", "rollback", "savepoint", "error"])),
    )
    def read_again_and_again(self, tenant: UUID, interruptions: list[str]) -> None:
        async def read() -> None:
            async with self.tenancy.as_tenant(str(tenant)), self.tenancy.session() as session:
                for interruption in interruptions:
                    assert set(await session.scalar(text(NAMES))) == self.model[tenant]
                    await _interrupt(session, interruption)
                assert set(await session.scalar(text(NAMES))) == self.model[tenant]

        self.run(read())

    @rule()
    def read_without_a_tenant(self) -> None:
        """No tenant, no statement (4); the engine itself sees nothing."""

        async def read() -> None:
            before = await self.witness.statements()
            for work in (self.tenancy.read(Names()), self.tenancy.session().__aenter__()):
                with pytest.raises(Unauthorized):
                    await work
            assert await self.witness.statements() == before
            if self.urls.strategy == "row":
                async with self.tenancy.isolation.engine_for(str(ACME)).connect() as connection:
                    assert (await connection.scalar(text(NAMES))) == []

        self.run(read())

    # --- Writes: acknowledged and there, or failed and absent (3, 8) ------------------------------

    @rule(tenant=TENANTS, how=st.sampled_from(["plain", "body fails", "commit fails"]))
    def write(self, tenant: UUID, how: str) -> None:
        async def write() -> None:
            name = self.new_name(tenant)
            try:
                async with self.tenancy.as_tenant(str(tenant)), self.tenancy.session() as session:
                    await session.execute(INSERT, {"name": name})
                    if how == "commit fails":
                        await session.execute(ORPHAN, {"nobody": uuid4()})
                    if how == "body fails":
                        raise LookupError
            except (LookupError, DBAPIError):
                assert how != "plain"
            else:
                assert how == "plain"
                self.model[tenant].add(name)

        self.run(write())

    @rule(tenant=TENANTS, atomic=st.booleans(), failing=st.booleans())
    def mutate(self, tenant: UUID, atomic: bool, failing: bool) -> None:
        async def mutate() -> None:
            field = "addAtomic" if atomic else "add"
            first, second = self.new_name(tenant), self.new_name(tenant)
            # Without atomic=True the third one is not unique, and only it is undone.
            third = "failAtomic" if atomic else f'{field}(name: "{first}")'
            query = f'mutation {{ a: {field}(name: "{first}") b: {field}(name: "{second}")'
            async with self.tenancy.as_tenant(str(tenant)):
                result = await SCHEMA.execute(query + (f" c: {third} }}" if failing else " }"))
            assert bool(result.errors) is failing
            if not (atomic and failing):
                self.model[tenant] |= {first, second}

        self.run(mutate())

    @rule(tenant=TENANTS, delay=st.floats(0, 0.008))
    def write_and_cancel(self, tenant: UUID, delay: float) -> None:
        """Cancelled anywhere: there or not there, as the witness says (6)."""

        async def cancelled() -> None:
            name = self.new_name(tenant)
            acknowledged = False

            async def write() -> None:
                nonlocal acknowledged
                async with self.tenancy.as_tenant(str(tenant)):
                    async with self.tenancy.session() as session:
                        await session.execute(INSERT, {"name": name})
                    acknowledged = True
                    await self.tenancy.read(Names())

            task = asyncio.create_task(write())
            await asyncio.sleep(delay)
            task.cancel()
            await asyncio.wait([task])
            stored = await self.witness.owners("SELECT FROM tb_user WHERE name = $1", name)
            assert stored or not acknowledged
            if stored:
                assert stored == [tenant]
                self.model[tenant].add(name)

        self.run(cancelled())

    # --- Sessions that stay open while others work (9) --------------------------------------------

    @rule(tenant=TENANTS)
    def write_in_an_open_session(self, tenant: UUID) -> None:
        async def write() -> None:
            if tenant not in self.open:
                self.open[tenant] = OpenSession(self.tenancy, tenant)
            session, name = self.open[tenant], self.new_name(tenant)
            await session.do(lambda session: session.execute(INSERT, {"name": name}))
            session.pending.append(name)

        self.run(write())

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def read_in_an_open_session(self, data: st.DataObject) -> None:
        tenant = data.draw(st.sampled_from(sorted(self.open)))
        session = self.open[tenant]
        seen = self.run(session.do(lambda session: session.scalar(text(NAMES))))
        assert set(seen) == self.model[tenant] | set(session.pending)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), end=st.sampled_from(["commit", "cancel"]))
    def end_an_open_session(self, data: st.DataObject, end: str) -> None:
        tenant = data.draw(st.sampled_from(sorted(self.open)))
        session = self.open.pop(tenant)
        self.run(getattr(session, end)())
        if end == "commit":
            self.model[tenant] |= set(session.pending)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def misuse_an_open_session(self, data: st.DataObject) -> None:
        """A session's tenant never changes (7); a second one inside of it is refused."""
        tenant = data.draw(st.sampled_from(sorted(self.open)))

        async def misuse(session: AsyncSession) -> None:
            async with self.tenancy.as_tenant(str(other(tenant))):
                with pytest.raises(TenantSwitchRefused):
                    await session.scalar(text(NAMES))
                with pytest.raises(NestedAcquisition):
                    await self.tenancy.read(Names())
            with pytest.raises(NestedAcquisition):
                async with self.tenancy.session() as inner:
                    await inner.scalar(text(NAMES))

        self.run(self.open[tenant].do(misuse))

    # --- Always -----------------------------------------------------------------------------------

    @invariant()
    def the_witness_agrees(self) -> None:
        if not hasattr(self, "witness"):
            return

        async def look() -> None:
            for tenant, names in self.model.items():
                rows = await self.witness.fetch(tenant, "SELECT name FROM tb_user")
                assert {row["name"] for row in rows} == names
                assert all(name.startswith(str(tenant)) for name in names)

        self.run(look())

    @invariant()
    def connections_lie_clean_in_the_pool(self) -> None:
        if not hasattr(self, "tenancy"):
            return

        async def look() -> None:
            # A connection that was thrown away ends when its server process has noticed.
            while await self.checked_out() != len(self.open):
                await asyncio.sleep(0.005)
            while await self.states() != expected:
                await asyncio.sleep(0.01)

        expected = {f"t:{tenant}": "idle in transaction" for tenant in self.open}
        self.run(look())

    # --- The rest ---------------------------------------------------------------------------------

    def new_name(self, tenant: UUID) -> str:
        """A row's watermark: its tenant, and which row it is."""
        return f"{tenant} {uuid4()}"

    async def states(self) -> dict[str, str]:
        """The connections that are not idle and unbound, by what they say they do."""
        rows = await self.witness.activity("application_name", "state")
        if self.urls.strategy == "database":  # each is one tenant's for good, and says so
            return {name: state for _, name, state in rows if state != "idle"}
        return {name: state for _, name, state in rows if (name, state) != IDLE}

    async def checked_out(self) -> int:
        """The connections that are in use, of all engines."""
        pools: set[Any] = set()
        for tenant in (ACME, GLOBEX):
            async with self.tenancy.isolation.engine(str(tenant)) as engine:
                pools.add(engine.pool)
        return sum(pool.checkedout() for pool in pools)


def other(tenant: UUID) -> UUID:
    return GLOBEX if tenant == ACME else ACME


async def _interrupt(session: AsyncSession, how: str) -> None:
    match how:
        case "commit":
            await session.commit()
        case "rollback":
            await session.rollback()
        case "savepoint":
            savepoint = await session.begin_nested()
            await session.execute(INSERT, {"name": "never"})
            await savepoint.rollback()
        case _:
            with pytest.raises(DBAPIError):
                await session.execute(text("SELECT 1 / 0"))
            await session.rollback()


def test_the_invariants(
    fresh_blog: Urls,
    make_tenancy: Callable[..., Tenancy],
    assert_clean: Callable[[Tenancy], Awaitable[None]],
    admin_url: str,
) -> None:
    async def defer() -> None:
        witness = Witness(fresh_blog)
        await witness.defer_checks()
        await witness.close()

    with asyncio.Runner() as runner:
        runner.run(defer())
    machine = type(
        "BlogService",
        (Service,),
        {
            "urls": fresh_blog,
            "make_tenancy": staticmethod(make_tenancy),
            "assert_clean": staticmethod(assert_clean),
        },
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.reuse, Phase.generate],  # shrinking would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
