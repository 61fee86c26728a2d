"""Keys found by OIDC discovery, from small issuers that really speak HTTP."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from fraiseql_strawberry.auth import (
    InvalidToken,
    IssuerVerifiers,
    TokenRules,
    TokenVerifier,
    discovered_keys,
)
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.errors import ServiceUnavailable
from fraiseql_strawberry.verification import build_verifier

WELL_KNOWN = "/.well-known/openid-configuration"


class Issuer:
    """An OpenID provider at a path of its own."""

    def __init__(self, path: str = "/realm", host: str = "127.0.0.1") -> None:
        self.key = ECKey.generate_key("P-256")
        self.kid = "shared"
        self.down = False
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                found = None if issuer.down else issuer.documents.get(self.path)
                body = json.dumps(found).encode()
                self.send_response(503 if issuer.down else 404 if found is None else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer((host, 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.root = f"http://{host}:{self._server.server_port}"
        self.url = f"{self.root}{path}"
        self.metadata: Any = {"issuer": self.url, "jwks_uri": f"{self.root}/keys"}
        self.path = path.rstrip("/")

    @property
    def documents(self) -> dict[str, Any]:
        public = {**self.key.as_dict(private=False), "kid": self.kid}
        return {
            f"{self.path}{WELL_KNOWN}": self.metadata,
            "/keys": {"keys": [public]},
            "/moved": {"keys": [public]},
        }

    def rotate(self, kid: str) -> None:
        self.key, self.kid = ECKey.generate_key("P-256"), kid

    def sign(self, *, issuer: str | None = None, **header: Any) -> str:
        now = int(time.time())
        claims = {"sub": "u", "tenant_id": "t", "iat": now, "exp": now + 600}
        claims["iss"] = issuer or self.url
        return jwt.encode({"alg": "ES256", "kid": self.kid, **header}, claims, self.key)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_issuer() -> Iterator[Callable[..., Issuer]]:
    made: list[Issuer] = []

    def make(path: str = "/realm", host: str = "127.0.0.1") -> Issuer:
        made.append(Issuer(path, host))
        return made[-1]

    yield make
    for one in made:
        one.close()


def verifier_of(clock: Clock, *issuers: str) -> IssuerVerifiers:
    rules = {issuer: TokenRules(algorithms=("ES256",), issuer=issuer) for issuer in issuers}
    return IssuerVerifiers(
        {
            issuer: TokenVerifier(rule, discovered_keys(issuer, ("ES256",), clock=clock))
            for issuer, rule in rules.items()
        }
    )


@pytest.mark.parametrize("path", ["", "/", "/realm", "/realm/"])
async def test_keys_are_found_from_the_issuer(
    make_issuer: Callable[..., Issuer], clock: Clock, path: str
) -> None:
    issuer = make_issuer(path)
    verifier = verifier_of(clock, issuer.url)
    token = issuer.sign()
    for _ in range(2):  # the first one changes the keys, for which all is forgotten
        assert (await verifier.verify(token)).tenant_id == "t"
    assert verifier.verify_cached(token) is not None
    assert issuer.asked == [f"{issuer.path}{WELL_KNOWN}", "/keys"]


async def test_a_token_of_one_issuer_is_never_held_against_anothers_keys(
    make_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    a, b = make_issuer("/a"), make_issuer("/b")  # both call their key the same
    verifier = verifier_of(clock, a.url, b.url)
    await verifier.verify(a.sign())
    await verifier.verify(b.sign())
    for forged in (a.sign(issuer=b.url), b.sign(issuer=a.url)):
        with pytest.raises(InvalidToken):
            await verifier.verify(forged)
        assert verifier.verify_cached(forged) is None


async def test_an_issuer_that_is_not_listed_is_not_asked(
    make_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    good, other = make_issuer(), make_issuer()
    verifier = verifier_of(clock, good.url)
    names = [other.url, f"{good.url}/", good.url.upper(), good.root, ""]
    for name in names:
        with pytest.raises(InvalidToken):
            await verifier.verify(other.sign(issuer=name or " "))
    with pytest.raises(InvalidToken):
        await verifier.verify("a.b.c")
    claims = base64.urlsafe_b64encode(b'{"iss": ["' + good.url.encode() + b'"]}').decode()
    for odd in (claims.rstrip("="), "W10", "bnVsbA", "", "é", "[" * 9000):
        with pytest.raises(InvalidToken):
            await verifier.verify(f"eyJhbGciOiJFUzI1NiJ9.{odd}.c")
    assert other.asked == good.asked == []


@pytest.mark.parametrize("wrong", ["another", "with a slash", "none", "no object"])
async def test_the_document_names_the_issuer_to_the_letter(
    make_issuer: Callable[..., Issuer], clock: Clock, wrong: str
) -> None:
    issuer = make_issuer()
    keys = issuer.metadata["jwks_uri"]
    issuer.metadata = {
        "another": {"issuer": "https://id.example", "jwks_uri": keys},
        "with a slash": {"issuer": f"{issuer.url}/", "jwks_uri": keys},
        "none": {"jwks_uri": keys},
        "no object": [issuer.url],
    }[wrong]
    with pytest.raises(ServiceUnavailable):
        await verifier_of(clock, issuer.url).verify(issuer.sign())
    assert "/keys" not in issuer.asked


@pytest.mark.parametrize(
    "uri", [None, 7, "", "http://keys.example/k", "file:///etc/passwd", "ftp://127.0.0.1/k"]
)
async def test_keys_are_fetched_over_https_only(
    make_issuer: Callable[..., Issuer],
    clock: Clock,
    uri: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # which Authlib would heed
    issuer = make_issuer()
    issuer.metadata["jwks_uri"] = uri
    with pytest.raises(ServiceUnavailable):
        await verifier_of(clock, issuer.url).verify(issuer.sign())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux listens on all of 127.0.0.0/8")
async def test_a_host_that_only_authlib_would_ask_is_not_asked(
    make_issuer: Callable[..., Issuer], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    issuer, elsewhere = make_issuer(), make_issuer(host="127.0.0.2")
    issuer.metadata["jwks_uri"] = elsewhere.metadata["jwks_uri"]
    with pytest.raises(ServiceUnavailable):
        await verifier_of(clock, issuer.url).verify(issuer.sign())
    assert elsewhere.asked == []


async def test_rotation_and_keys_that_move(
    make_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = make_issuer()
    verifier = verifier_of(clock, issuer.url)
    old = issuer.sign()
    await verifier.verify(old)
    issuer.rotate("next")
    issuer.metadata["jwks_uri"] = f"{issuer.root}/moved"
    clock.now += 11
    await verifier.verify(issuer.sign())
    assert issuer.asked[-1] == "/moved"
    with pytest.raises(InvalidToken):
        await verifier.verify(old)
    asked = len(issuer.asked)
    for number in range(20):  # at most one refetch in ten seconds
        with pytest.raises(InvalidToken):
            await verifier.verify(issuer.sign(kid=f"unknown-{number}"))
    assert len(issuer.asked) == asked


async def test_an_outage_is_one_issuers_own(
    make_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    a, b = make_issuer("/a"), make_issuer("/b")
    a.down = True
    verifier = verifier_of(clock, a.url, b.url)
    with pytest.raises(ServiceUnavailable):
        await verifier.verify(a.sign())
    await verifier.verify(b.sign())
    b.down = True
    clock.now += 3_700
    await verifier.verify(b.sign())  # its keys are known
    a.down = False
    await verifier.verify(a.sign())


async def test_what_a_token_says_of_its_key_is_ignored(
    make_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    issuer, thief = make_issuer(), make_issuer()
    verifier = verifier_of(clock, issuer.url)
    own = thief.key.as_dict(private=False)
    for header in (
        {"jwk": own},
        {"jku": f"{thief.root}/keys"},
        {"x5u": f"{thief.root}/keys"},
        {"x5c": ["MIIB"]},
        {"jwk": own, "jku": f"{thief.root}/keys", "x5u": f"{thief.root}/keys"},
    ):
        with pytest.raises(InvalidToken):
            await verifier.verify(thief.sign(issuer=issuer.url, **header))
        # A good token with them is good, by the issuer's own key.
        await verifier.verify(issuer.sign(**header))
    assert thief.asked == []


async def test_the_configuration_makes_it(make_issuer: Callable[..., Issuer]) -> None:
    a, b = make_issuer("/a"), make_issuer("/b")
    config = Config.from_env({}).override(
        auth={"issuers": [a.url, b.url], "algorithms": ["ES256"], "tenant_claim": "tenant_id"}
    )
    verifier = build_verifier(config)
    assert verifier is not None
    for issuer in (a, b):
        assert (await verifier.verify(issuer.sign())).tenant_id == "t"
    with pytest.raises(InvalidToken):
        await verifier.verify(a.sign(issuer=b.url))
