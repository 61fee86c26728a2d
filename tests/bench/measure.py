"""Rounds: every contestant in turn, again and again, so that what disturbs one disturbs all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import dataset
from contestants import CONTESTANTS, PGBENCH, Service
from kinds import Kind, Request, raw_stream
from load import Load
from machine import cpu_seconds
from pages import behind_pages
from pgbench import PgBench
from postgres import Postgres
from sameness import check_pgbench, compare, plain

__all__ = ["Measurement", "Track"]

_COMPARED = 5  # requests of each kind whose answers are compared


@dataclass(frozen=True, slots=True)
class Measurement:
    """One contestant, one kind, one round; times in seconds, processor times per request."""

    contestant: str
    kind: str
    round: int
    requests: int
    seconds: float
    p50: float
    p99: float
    server_cpu: float | None
    postgres_cpu: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    def as_json(self) -> dict[str, Any]:
        """For the result file."""
        return {**asdict(self), "rate": self.rate}


class Track:
    """All that is running.

    Args:
        postgres: The database server.
        services: The running contestants.
        pgbench: pgbench, where there is one.
        token: Gives the token of a tenant's user.
        connections: How many send requests.
    """

    def __init__(
        self,
        postgres: Postgres,
        services: dict[str, Service],
        pgbench: PgBench | None,
        token: Callable[[dataset.Tenant, int], str],
        connections: int,
    ) -> None:
        self.postgres = postgres
        self.services = services
        self._pgbench = pgbench
        self._token = token
        self._connections = connections
        self._streams: dict[tuple[str, str], list[bytes]] = {}

    async def run(self, kind: Kind, *, rounds: int, seconds: float) -> list[Measurement]:
        """Compare the answers, warm up, then measure in interleaved rounds.

        Raises:
            LoadError: A contestant gives errors, or something else than the others.
        """
        names = [name for name in self.services if kind.name not in CONTESTANTS[name].absent]
        await self._check(kind, names)
        endless = {name: itertools.cycle(await self._stream(kind, name)) for name in names}
        for name in names:
            await self._serve(kind, name, endless[name], seconds)
        if self._pgbench is not None:
            names.append(PGBENCH)
        found: list[Measurement] = []
        for round_ in range(rounds):
            turn = round_ % len(names)
            for name in names[turn:] + names[:turn]:
                if name == PGBENCH:
                    one = await self._measure_pgbench(kind, round_, seconds)
                else:
                    one = await self._measure(kind, name, round_, endless[name], seconds)
                found.append(one)
        self._streams.clear()
        return found

    async def _check(self, kind: Kind, names: list[str]) -> None:
        answers: dict[str, list[Any]] = {}
        for name in names:
            requests = (await self._stream(kind, name))[:_COMPARED]
            async with Load(self.services[name].port, 1) as load:
                answers[name] = [plain(kind, body) for body in await load.bodies(requests)]
        if answers:
            compare(kind, answers)
        if self._pgbench is not None and answers:
            expected = next(iter(answers.values()))
            requests = self._requests(kind, "service")[:_COMPARED]
            await check_pgbench(kind, self.postgres.urls.app_url, requests, expected)
        await self._clean(kind)

    async def _serve(self, kind: Kind, name: str, stream: Iterator[bytes], seconds: float) -> None:
        async with Load(self.services[name].port, self._connections) as load:
            await load.run(stream, seconds / 2)
        await self._clean(kind)

    async def _measure(
        self, kind: Kind, name: str, round_: int, stream: Iterator[bytes], seconds: float
    ) -> Measurement:
        service = self.services[name]
        async with Load(service.port, self._connections) as load:
            await load.run(stream, seconds / 5)
            server, postgres = cpu_seconds(service.pid), self.postgres.cpu_seconds()
            outcome = await load.run(stream, seconds)
            server = cpu_seconds(service.pid) - server
            postgres = self.postgres.cpu_seconds() - postgres
        await self._clean(kind)
        return Measurement(
            name,
            kind.name,
            round_,
            outcome.requests,
            outcome.seconds,
            outcome.quantile(0.5),
            outcome.quantile(0.99),
            server / outcome.requests,
            postgres / outcome.requests,
        )

    async def _measure_pgbench(self, kind: Kind, round_: int, seconds: float) -> Measurement:
        assert self._pgbench is not None
        outcome, postgres = await self._pgbench.run(kind, seconds, self.postgres)
        await self._clean(kind)
        return Measurement(
            PGBENCH,
            kind.name,
            round_,
            outcome.requests,
            outcome.seconds,
            outcome.quantile(0.5),
            outcome.quantile(0.99),
            None,
            postgres / outcome.requests,
        )

    async def _clean(self, kind: Kind) -> None:
        if kind.writes:
            await dataset.remove_written(self.postgres.urls.admin_url)

    def _requests(self, kind: Kind, dialect: str) -> list[Request]:
        return kind.stream(dialect=dialect)

    async def _stream(self, kind: Kind, name: str) -> list[bytes]:
        # Cursors are whose they are; all else is the same for who understands the same documents.
        dialect = CONTESTANTS[name].dialect
        key = kind.name, name if kind.pages else dialect
        if key not in self._streams:
            requests = self._requests(kind, dialect)
            if kind.pages:
                service = self.services[name]
                requests = await behind_pages(requests, service, self._token, kind.pages)
            self._streams[key] = raw_stream(requests, self._token)
        return self._streams[key]
