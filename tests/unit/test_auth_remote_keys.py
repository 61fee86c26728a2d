"""Keys of a small issuer that really speaks HTTP: rotation, unknown ids, an outage."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from fraiseql_strawberry.auth import InvalidToken, RemoteKeys, TokenRules, TokenVerifier
from fraiseql_strawberry.auth.remote_keys import fetch_json
from fraiseql_strawberry.errors import ServiceUnavailable

NOW = 1_790_000_000.0


class Issuer:
    """An identity provider."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.listed: list[Any] = []
        self.fetched = 0
        self.status = 200
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched += 1
                body = json.dumps({"keys": issuer.listed}).encode()
                moved = self.path == "/elsewhere"
                self.send_response(200 if moved else issuer.status)
                if issuer.status == 302 and not moved:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"

    def add(self, kid: str, key: Any = None, **more: Any) -> None:
        self.keys[kid] = key or ECKey.generate_key("P-256")
        self.listed.append({**self.keys[kid].as_dict(private=False), "kid": kid, **more})

    def remove(self, kid: str) -> None:
        self.listed = [one for one in self.listed if one["kid"] != kid]

    def sign(self, kid: str, algorithm: str = "ES256", name: str | None = None) -> str:
        claims = {"sub": "u", "tenant_id": "t", "iat": int(NOW), "exp": int(NOW) + 600}
        return jwt.encode({"alg": algorithm, "kid": name or kid}, claims, self.keys[kid])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def verifier_of(issuer: Issuer, clock: Clock, *algorithms: str) -> TokenVerifier:
    names = algorithms or ("ES256", "RS256")
    keys = RemoteKeys(issuer.url, names, clock=clock)
    return TokenVerifier(TokenRules(algorithms=names), keys, clock=lambda: NOW)


async def test_a_token_of_the_issuer_is_good_and_keys_are_fetched_once(
    issuer: Issuer, clock: Clock
) -> None:
    issuer.add("a")
    verifier = verifier_of(issuer, clock)
    tokens = [issuer.sign("a") for _ in range(20)]
    found = await asyncio.gather(*map(verifier.verify, tokens))
    assert {claims.tenant_id for claims in found} == {"t"}
    assert issuer.fetched == 1


async def test_a_new_key_is_found_and_a_removed_one_is_gone(issuer: Issuer, clock: Clock) -> None:
    issuer.add("old")
    verifier = verifier_of(issuer, clock)
    old = issuer.sign("old")
    await verifier.verify(old)
    issuer.add("new")
    issuer.remove("old")
    clock.now += 11
    await verifier.verify(issuer.sign("new"))
    assert issuer.fetched == 2
    assert verifier.verify_cached(old) is None  # it was verified with a key that is no more
    with pytest.raises(InvalidToken):
        await verifier.verify(old)


async def test_unknown_ids_do_not_make_it_call_all_the_time(issuer: Issuer, clock: Clock) -> None:
    issuer.add("a")
    verifier = verifier_of(issuer, clock)
    for n in range(50):
        with pytest.raises(InvalidToken):
            await verifier.verify(issuer.sign("a", name=f"unknown-{n}"))
    assert issuer.fetched == 1
    clock.now += 11
    with pytest.raises(InvalidToken):
        await verifier.verify(issuer.sign("a", name="unknown"))
    assert issuer.fetched == 2


async def test_an_outage_is_bridged_for_a_day_and_no_longer(issuer: Issuer, clock: Clock) -> None:
    issuer.add("a")
    verifier = verifier_of(issuer, clock)
    await verifier.verify(issuer.sign("a"))
    issuer.status = 503
    clock.now += 3_700
    await verifier.verify(issuer.sign("a"))
    assert issuer.fetched == 2
    clock.now += 86_400
    with pytest.raises(ServiceUnavailable):
        await verifier.verify(issuer.sign("a"))
    issuer.status = 200
    clock.now += 11
    await verifier.verify(issuer.sign("a"))


async def test_without_keys_it_is_a_503_not_a_401(issuer: Issuer, clock: Clock) -> None:
    issuer.add("a")
    issuer.status = 500
    with pytest.raises(ServiceUnavailable):
        await verifier_of(issuer, clock).verify(issuer.sign("a"))


async def test_a_redirect_is_not_followed(issuer: Issuer, clock: Clock) -> None:
    issuer.add("a")
    issuer.status = 302
    with pytest.raises(ServiceUnavailable):
        await verifier_of(issuer, clock).verify(issuer.sign("a"))


async def test_secrets_short_keys_and_other_uses_are_ignored(issuer: Issuer, clock: Clock) -> None:
    issuer.add("good")
    secret = OctKey.import_key(b"a-secret-that-stands-in-a-public-place")
    issuer.keys["secret"] = secret
    issuer.listed.append({**secret.as_dict(private=True), "kid": "secret"})
    issuer.add("encrypts", use="enc")
    issuer.add("other", alg="ES384")
    issuer.listed.append({"kty": "from the future", "kid": "x"})
    issuer.listed.append("nonsense")
    verifier = verifier_of(issuer, clock, "ES256", "HS256")
    await verifier.verify(issuer.sign("good"))
    for kid, algorithm in (("secret", "HS256"), ("encrypts", "ES256"), ("other", "ES256")):
        with pytest.raises(InvalidToken):
            await verifier.verify(issuer.sign(kid, algorithm))


@pytest.mark.filterwarnings("ignore:.*:joserfc.errors.SecurityWarning")
async def test_a_short_rsa_key_is_ignored(issuer: Issuer, clock: Clock) -> None:
    issuer.add("good", RSAKey.generate_key(2048))
    issuer.add("short", RSAKey.generate_key(1024))
    verifier = verifier_of(issuer, clock)
    await verifier.verify(issuer.sign("good", "RS256"))
    with pytest.raises(InvalidToken):
        await verifier.verify(issuer.sign("short", "RS256"))


async def test_one_waiter_gives_up_and_the_others_have_their_keys(
    issuer: Issuer, clock: Clock
) -> None:
    issuer.add("a")
    verifier = verifier_of(issuer, clock)
    first = asyncio.create_task(verifier.verify(issuer.sign("a")))
    second = asyncio.create_task(verifier.verify(issuer.sign("a")))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).tenant_id == "t"
    assert issuer.fetched == 1


class _Endless(BaseHTTPRequestHandler):
    """Answers with valid JSON however much of it is read: an object, and spaces."""

    def do_GET(self) -> None:
        content = b'{"keys": []}' + b" " * 1_000_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_key_set_has_a_bound() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Endless) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(ValueError, match="longer than a megabyte"):
                fetch_json(f"http://127.0.0.1:{server.server_port}/keys")
        finally:
            server.shutdown()
            thread.join()
