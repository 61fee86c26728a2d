"""What the tenants of a soak do, all at once and at random, and what must come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any
from urllib.parse import quote
from uuid import UUID

from websockets.exceptions import WebSocketException

from tests.soak.application import CANCEL
from tests.soak.client import Answer, Broken, HttpClient, Stuck, open_socket
from tests.soak.ledger import Ledger

__all__ = ["KINDS", "Suspensions", "Tally", "Worker"]

_TURNED_AWAY = ("no tenant", "another's header")  # what is right there is a refusal
_HOWS = ("commit", "rollback", "savepoint", "commit and go on", "rollback and go on")


class Suspensions:
    """Since when each tenant has been suspended, as it was acknowledged.

    Args:
        bound: Seconds after which nothing of a suspended tenant may succeed.
    """

    def __init__(self, bound: float) -> None:
        self.bound = bound
        self.since: dict[UUID, float] = {}

    def must_fail(self, tenant: UUID) -> float | None:
        """When it was suspended, if that was so long ago that a request that begins now must fail."""
        since = self.since.get(tenant)
        return since if since is not None and monotonic() - since > self.bound else None


@dataclass
class Tally:
    """What came of the operations, by kind."""

    begun: int = 0
    of_kind: Counter[str] = field(default_factory=Counter[str])
    done: Counter[str] = field(default_factory=Counter[str])
    interrupted: Counter[str] = field(default_factory=Counter[str])
    answers: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list)


class Worker:
    """One client: it does one thing after the other on a connection of its own.

    Args:
        port: Where the service listens.
        ledger: What was promised.
        tally: What came of it.
        suspensions: Who must be refused.
        tokens: A token for each tenant.
        random: What it does.
        calm: Whether nothing is cancelled and nobody goes away.
    """

    def __init__(
        self,
        port: int,
        *,
        ledger: Ledger,
        tally: Tally,
        suspensions: Suspensions,
        tokens: dict[UUID, str],
        random: Random,
        calm: bool = False,
    ) -> None:
        self.http = HttpClient(port)
        self.port, self.ledger, self.tally = port, ledger, tally
        self.suspensions, self.tokens, self.random, self.calm = suspensions, tokens, random, calm
        self.tenants = list(tokens)

    async def step(self) -> None:
        """Do something, for somebody."""
        (kind,) = self.random.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
        tenant = self.random.choice(self.tenants)
        self.kind = kind
        self.tally.begun += 1
        self.tally.of_kind[kind] += 1
        suspended = self.suspensions.must_fail(tenant)
        try:
            done = await KINDS[kind][1](self, tenant)
        except Stuck:
            self.wrong("no answer in half a minute")
        except (Broken, OSError, WebSocketException):
            self.tally.answers["cut off"] += 1
        else:
            self.tally.done[kind] += done
            served = done and kind not in _TURNED_AWAY
            if served and suspended is not None and suspended == self.suspensions.since.get(tenant):
                self.ledger.too_late(kind)

    def wrong(self, what: str) -> None:
        """Something that no cut and no cancellation explains."""
        self.tally.answers["wrong"] += 1
        self.tally.wrong.append(f"{self.kind}: {what}"[:300])

    async def ask(
        self, request: str, tenant: UUID | None, body: Any = None, **headers: str
    ) -> Answer:
        """Send a request of a tenant's; some are cancelled, and from some the client walks away."""
        leave = None
        if tenant is not None:
            headers["Authorization"] = f"Bearer {self.tokens[tenant]}"
            fate = 1.0 if self.calm else self.random.random()
            if fate < 0.08:
                late = " late" if self.random.random() < 0.5 else ""
                headers[CANCEL] = f"{self.random.randint(1, 25)}{late}"
            elif fate < 0.11:
                leave = self.random.uniform(0, 0.02)
            if fate < 0.11:
                self.tally.interrupted[self.kind] += 1
        answer = await self.http.ask(request, headers, body, leave=leave)
        self.ledger.look(f"{answer.head}{answer.text}", tenant, self.kind)
        self.tally.answers[_named(answer)] += 1
        return answer

    async def graphql(self, query: str, tenant: UUID | None, **headers: str) -> Answer:
        """POST an operation."""
        return await self.ask("POST /graphql", tenant, {"query": query}, **headers)

    def refused(self, titles: Iterable[str]) -> None:
        """These were not written: the request was turned away."""
        for title in titles:
            self.ledger.failed(title)


def _named(answer: Answer) -> str:
    """The status, and the code of the first error."""
    body = answer.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    code = errors[0].get("extensions", {}).get("code", "an error") if errors else ""
    return f"{answer.status} {code}".strip()


def _data(answer: Answer, name: str) -> Any:
    body = answer.json()
    return (body.get("data") or {}).get(name) if isinstance(body, dict) else None


# --- Reads ------------------------------------------------------------------------------------------


async def _fast(self: Worker, tenant: UUID) -> bool:
    answer = await self.graphql("{ notes(limit: 5) { id title content } }", tenant)
    return _data(answer, "notes") is not None


async def _standard(self: Worker, tenant: UUID) -> bool:
    answer = await self.graphql("{ titles notes(limit: 3) { title } again: titles }", tenant)
    return _data(answer, "again") is not None


async def _rest(self: Worker, tenant: UUID) -> bool:
    return (await self.ask("GET /notes", tenant)).status == 200


async def _read_back(self: Worker, tenant: UUID) -> bool:
    """What was acknowledged is there, in each of the ways to read it."""
    row = self.ledger.row(tenant, self.random.random())
    if row is None:
        return False
    id, watermark = row
    if self.random.random() < 0.5:
        answer = await self.graphql(f'{{ note(id: "{id}") {{ id title }} }}', tenant)
        found = _data(answer, "note")
        missing = answer.status == 200 and '"note":null' in answer.text.replace(" ", "")
        missing = missing and "errors" not in answer.text
    else:
        answer = await self.ask(f"GET /notes/{id}", tenant)
        found, missing = answer.json(), answer.status == 404
    if missing:
        self.ledger.lost(f"{watermark} was acknowledged and cannot be read")
    if answer.status == 200 and found and found["title"] != watermark:
        self.ledger.lost(f"in place of {watermark} there is {found['title']}")
    return answer.status == 200 and bool(found)


async def _reach_over(self: Worker, tenant: UUID) -> bool:
    """By its id, another tenant's row is not there."""
    other = self.random.choice([one for one in self.tenants if one != tenant])
    row = self.ledger.row(other, self.random.random())
    if row is None:
        return False
    if self.random.random() < 0.5:
        answer = await self.graphql(f'{{ note(id: "{row[0]}") {{ id title content }} }}', tenant)
        return answer.text.replace(" ", "") == '{"data":{"note":null}}'
    return (await self.ask(f"GET /notes/{row[0]}", tenant)).status == 404


# --- Writes -----------------------------------------------------------------------------------------


async def _write(self: Worker, tenant: UUID) -> bool:
    how = self.random.choice(_HOWS)
    title, other = (self.ledger.begin(tenant, f"{how}, {n}") for n in ("first", "second"))
    kept = {
        "commit": (title,),
        "rollback": (),
        "savepoint": (title,),
        "commit and go on": (title, other),
        "rollback and go on": (other,),
    }[how]
    for one in {title, other} - set(kept):
        self.ledger.failed(one)  # whatever happens, it is not to be there
    target = f"/notes?title={title}&other={other}&how={quote(how)}"
    answer = await self.ask(f"POST {target}", tenant)
    if answer.status == 200:
        found = answer.json()
        for one in kept:
            id = found["id"] if one == kept[0] else None
            self.ledger.done(one, tenant, id)
            if one not in found["seen"] and self.calm:
                self.ledger.lost(f"{one} was not seen by the session that wrote it")
    elif answer.status in (401, 403) and how != "commit and go on":
        self.refused(kept)  # but a tenant may be suspended after its first transaction
    return answer.status == 200 or (how == "rollback" and answer.status == 409)


async def _mutate(self: Worker, tenant: UUID) -> bool:
    """Two fields and perhaps one that fails: each root field is a transaction of its own."""
    titles = [self.ledger.begin(tenant, self.kind) for _ in range(3)]
    self.ledger.failed(titles[2])
    query = f'mutation {{ a: add(title: "{titles[0]}") b: add(title: "{titles[1]}")'
    failing = self.random.random() < 0.5
    query += f' c: fail(title: "{titles[2]}") }}' if failing else " }"
    answer = await self.graphql(query, tenant)
    done = [bool(_data(answer, name)) for name in "ab"]
    for ok, title, name in zip(done, titles, "ab", strict=False):
        if ok:
            self.ledger.done(title, tenant, _data(answer, name))
    # A 403 may come of the second: a tenant is suspended at any moment, between two fields too.
    return all(done)


async def _mutate_atomically(self: Worker, tenant: UUID) -> bool:
    """All of an operation, or nothing."""
    titles = [self.ledger.begin(tenant, self.kind) for _ in range(3)]
    failing = self.random.random() < 0.5
    third = f'c: {"failAtomic" if failing else "addAtomic"}(title: "{titles[2]}")'
    query = f'mutation {{ a: addAtomic(title: "{titles[0]}") b: addAtomic(title: "{titles[1]}")'
    if failing:
        for title in titles:
            self.ledger.failed(title)
    answer = await self.graphql(f"{query} {third} }}", tenant)
    if not failing and all(_data(answer, name) for name in "abc"):
        for title, name in zip(titles, "abc", strict=True):
            self.ledger.done(title, tenant, _data(answer, name))
        return True
    if answer.status in (401, 403):
        self.refused(titles)
    return failing and answer.status == 200


# --- Sockets, and those who are nobody --------------------------------------------------------------


async def _socket(self: Worker, tenant: UUID) -> bool:
    """A query, a mutation and a subscription on one WebSocket."""
    title = self.ledger.begin(tenant, self.kind)
    good = 0
    async with open_socket(self.port, self.tokens[tenant]) as socket:
        for query in (
            "{ notes(limit: 3) { title } titles }",
            f'mutation {{ add(title: "{title}") }}',
            "subscription { events }",
        ):
            if not self.calm and self.random.random() < 0.05:
                self.tally.interrupted[self.kind] += 1
                return False  # the client goes, the operation runs
            messages = await socket.run(query)
            self.ledger.look(str(messages), tenant, self.kind)
            payloads = [m["payload"] for m in messages if m["type"] == "next"]
            good += bool(payloads) and not any("errors" in one for one in payloads)
            for payload in payloads:
                if id := (payload.get("data") or {}).get("add"):
                    self.ledger.done(title, tenant, id)
    return good == 3


async def _nobody(self: Worker, tenant: UUID) -> bool:
    if self.random.random() < 0.5:
        answer = await self.graphql("{ titles notes { title } }", None)
    else:
        answer = await self.ask("GET /notes", None)
    if answer.status != 401:
        self.wrong(f"without a tenant: {answer.status} {answer.text}")
    return answer.status == 401


async def _mismatched(self: Worker, tenant: UUID) -> bool:
    other = self.random.choice([one for one in self.tenants if one != tenant])
    header = {"X-Tenant-ID": str(other)}
    if self.random.random() < 0.5:
        answer = await self.graphql("{ titles notes { title } }", tenant, **header)
    else:
        answer = await self.ask("GET /notes", tenant, **header)
    if answer.status not in (403, 499):
        self.wrong(f"with another tenant's header: {answer.status} {answer.text}")
    return answer.status == 403


KINDS: dict[str, tuple[int, Callable[[Worker, UUID], Awaitable[bool]]]] = {
    "fast lane": (22, _fast),
    "standard lane": (11, _standard),
    "REST read": (11, _rest),
    "read back": (12, _read_back),
    "another's id": (6, _reach_over),
    "REST write": (16, _write),
    "mutation": (8, _mutate),
    "atomic mutation": (5, _mutate_atomically),
    "WebSocket": (1, _socket),
    "no tenant": (4, _nobody),
    "another's header": (4, _mismatched),
}
