"""Every hostile token gets the same 401; every honest one its claims.

Tokens are built by hand here, so that the library under the verifier cannot refuse to build
the ones that matter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc.jwk import Key

from fraiseql_strawberry.auth import InvalidToken, StaticKeys, TokenRules, TokenVerifier
from fraiseql_strawberry.errors import ConfigError, ServiceUnavailable, Unauthorized

SECRET = "a-secret-of-more-than-32-bytes-for-tests"
NOW = 1_800_000_000.0
TENANT = "11111111-1111-4111-8111-111111111111"

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def claims(**changes: Any) -> dict[str, Any]:
    members = {"sub": "anna", "tenant_id": TENANT, "iat": NOW, "exp": NOW + 3_600, **changes}
    return {name: value for name, value in members.items() if value is not ...}


def token(payload: Any = None, header: Any = None, secret: str | bytes = SECRET) -> str:
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    signed = f"{b64(text(header))}.{b64(text(claims() if payload is None else payload))}"
    key = secret if isinstance(secret, bytes) else secret.encode()
    return f"{signed}.{b64(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def asymmetric_token(algorithm: str, payload: Any = None) -> str:
    signed = f"{b64(text({'alg': algorithm}))}.{b64(text(payload or claims()))}"
    if algorithm == "RS256":
        signature = RSA.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    elif algorithm == "ES256":
        r, s = utils.decode_dss_signature(EC.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = ED.sign(signed.encode())
    return f"{signed}.{b64(signature)}"


def pem(private: Any) -> str:
    return (
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )


def verifier(
    *, secrets: Sequence[str] = (SECRET,), public_key: str | None = None, **rules: Any
) -> TokenVerifier:
    chosen = TokenRules(**rules)
    keys = StaticKeys(algorithms=chosen.algorithms, secrets=secrets, public_key=public_key)
    return TokenVerifier(chosen, keys, clock=Clock())


async def refusal(subject: TokenVerifier, hostile: str) -> InvalidToken:
    """The refusal of a token; asked twice, so that no refused token was remembered."""
    for _ in range(2):
        with pytest.raises(Unauthorized) as caught:
            await subject.verify(hostile)
        assert subject.verify_cached(hostile) is None
    error = caught.value
    assert isinstance(error, InvalidToken)
    assert (error.status, error.code) == (401, "UNAUTHORIZED")
    assert error.message == "Invalid or expired token"
    assert error.hint
    assert error.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return error


# --- Honest tokens ---------------------------------------------------------------------------


async def test_an_honest_token_gives_its_claims() -> None:
    verified = await verifier().verify(token())
    assert verified == claims()
    assert verified.tenant_id == TENANT
    assert verified.user_id == "anna"
    assert verified.expires_at == NOW + 3_600


@pytest.mark.parametrize(
    ("algorithm", "key"), [("RS256", RSA), ("ES256", EC), ("EdDSA", ED), ("Ed25519", ED)]
)
async def test_asymmetric_tokens(algorithm: str, key: Any) -> None:
    subject = verifier(secrets=(), algorithms=(algorithm,), public_key=pem(key))
    assert (await subject.verify(asymmetric_token(algorithm))).tenant_id == TENANT


async def test_every_secret_is_tried_while_they_are_rotated() -> None:
    subject = verifier(secrets=("new-" + SECRET, SECRET))
    assert await subject.verify(token(secret="new-" + SECRET))
    assert await subject.verify(token())
    await refusal(subject, token(secret="older-" + SECRET))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256"},
        {"alg": "HS256", "kid": "../../dev/null"},
        {"alg": "HS256", "kid": "' OR 1=1 --"},
        {"alg": "HS256", "cat": "vendor-specific"},
        {"alg": "HS256", "typ": "at+jwt"},
        {"alg": "HS256", "jku": "https://evil.example/jwks.json", "x5u": "https://evil.example"},
        {"alg": "HS256", "x5t#S256": "a" * 1_000},
    ],
)
async def test_headers_that_say_where_a_key_is_are_not_obeyed(header: dict[str, Any]) -> None:
    assert await verifier().verify(token(header=header))
    await refusal(verifier(), token(header=header, secret=b"attacker"))


@pytest.mark.parametrize(
    "times", [{"iat": ...}, {"exp": NOW + 0.5}, {"nbf": NOW}, {"iat": NOW + 29}]
)
async def test_times_that_are_in_order(times: dict[str, Any]) -> None:
    assert await verifier().verify(token(claims(**times)))


@pytest.mark.parametrize(
    "changes",
    [{"aud": "blog"}, {"aud": ["shop", "blog"]}, {"iss": "https://issuer", "aud": "blog"}],
)
async def test_the_right_audience_and_issuer(changes: dict[str, Any]) -> None:
    rules = {"audience": "blog", **({"issuer": "https://issuer"} if "iss" in changes else {})}
    assert await verifier(**rules).verify(token(claims(**changes)))


# --- Signatures and headers ------------------------------------------------------------------

PUBLIC_PEM = pem(RSA)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AAAA"])
async def test_alg_none_is_refused(name: str, signature: str) -> None:
    unsigned = f"{b64(text({'alg': name}))}.{b64(text(claims()))}.{signature}"
    for subject in (
        verifier(),
        verifier(secrets=(), algorithms=("RS256",), public_key=PUBLIC_PEM),
    ):
        await refusal(subject, unsigned)
    await refusal(verifier(), token(header={"alg": name}))


@pytest.mark.parametrize("name", ["HS384", "HS512", "RS256", "ES256", "EdDSA", "A256GCM", "hs256"])
async def test_an_algorithm_that_is_not_pinned_is_refused(name: str) -> None:
    await refusal(verifier(), token(header={"alg": name}))


@pytest.mark.parametrize("algorithms", [("RS256",), ("RS256", "HS256")])
async def test_the_public_key_is_no_hmac_secret(algorithms: tuple[str, ...]) -> None:
    secrets = (SECRET,) if "HS256" in algorithms else ()
    subject = verifier(secrets=secrets, algorithms=algorithms, public_key=PUBLIC_PEM)
    assert await subject.verify(asymmetric_token("RS256"))
    for spelling in (PUBLIC_PEM, PUBLIC_PEM.strip(), PUBLIC_PEM.replace("\n", "\r\n")):
        await refusal(subject, token(secret=spelling))
        await refusal(subject, token(header={"alg": "RS256"}, secret=spelling))


@pytest.mark.parametrize("secret", [b"", b"\0", b"abcd", b"secret", SECRET.encode()[:-1]])
async def test_a_token_of_another_secret_is_refused(secret: bytes) -> None:
    await refusal(verifier(), token(secret=secret))


async def test_an_embedded_key_is_not_used() -> None:
    jwk = {"kty": "oct", "k": b64(b"attacker-chosen-key-of-32-bytes!!")}
    hostile = token(
        header={"alg": "HS256", "jwk": jwk, "kid": "attacker"},
        secret=b"attacker-chosen-key-of-32-bytes!!",
    )
    await refusal(verifier(), hostile)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["exp"], "exp": 1},
        {"alg": "HS256", "crit": ["b64"], "b64": False},
        {"alg": "HS256", "crit": ["b64"], "b64": True},
        {"alg": "HS256", "crit": ["alg"]},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "crit": None},
        {"alg": "HS256", "crit": 7},
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "b64": True},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "kid": ["a"]},
        {"alg": ["HS256"]},
        {"alg": {"HS256": 1}},
        {"alg": None},
        {"alg": 256},
        {"typ": "JWT"},
        {},
        [],
        ["alg"],
        "alg",
        "HS256",
        7,
        True,
        b"null",
        b"",
        b"{",
        b"{}{}",
        b'{"alg":"none","alg":"HS256"}',
        b'{"alg":"HS256","kid":"a","kid":"b"}',
        b'{"alg":"HS256","x":NaN}',
        b'{"alg":"HS256","x":' + b"[" * 3_000 + b"]" * 3_000 + b"}",
        b"\xff\xfe",
        b'{"alg":"HS256"}\0',
    ],
)
async def test_a_header_out_of_order_is_refused(header: Any) -> None:
    await refusal(verifier(), token(header=header))


async def test_an_unencoded_payload_is_refused_even_if_its_signature_fits() -> None:
    signed = f"{b64(text({'alg': 'HS256', 'b64': False, 'crit': ['b64']}))}.{json.dumps(claims())}"
    signature = b64(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())
    await refusal(verifier(), f"{signed}.{signature}")


# --- Shape -----------------------------------------------------------------------------------

GOOD = token()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        ".",
        "..",
        "...",
        "Bearer",
        HEADER,
        f"{HEADER}.{PAYLOAD}",
        f"{HEADER}.{PAYLOAD}.",
        f".{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}..{SIGNATURE}",
        f"{GOOD}.",
        f"{GOOD}.{SIGNATURE}",
        f"{GOOD}.a.b",
        f"{GOOD} ",
        f" {GOOD}",
        f"{GOOD}\n",
        f"{GOOD}\0",
        f"{GOOD}=",
        f"{GOOD}==",
        f"{GOOD}A",
        f"{GOOD},{GOOD}",
        GOOD[:-1],
        GOOD[:-1] + "é",
        "é" * 100,
        "\ud800" * 3,
        "\uff45\uff59\uff2a" + GOOD[3:],
        f"{HEADER}=.{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}=.{SIGNATURE}",
        f"{HEADER}\n.{PAYLOAD}.{SIGNATURE}",
        json.dumps({"protected": HEADER, "payload": PAYLOAD, "signature": SIGNATURE}),
    ],
)
async def test_anything_around_or_instead_of_a_token_is_refused(hostile: str) -> None:
    subject = verifier()
    assert await subject.verify(GOOD)
    await refusal(subject, hostile)


async def test_the_last_character_cannot_be_varied_without_changing_the_signature() -> None:
    # 32 bytes leave 2 unused bits in the last character: a lenient decoder takes 4 spellings.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for last in alphabet.replace(GOOD[-1], ""):
        await refusal(verifier(), GOOD[:-1] + last)


async def test_a_long_token_is_refused_before_anything_is_parsed() -> None:
    padding_claim = "x" * 4_000
    long_token = token(claims(padding=padding_claim))
    assert await verifier().verify(long_token)
    error = await refusal(verifier(max_token_bytes=len(long_token) - 1), long_token)
    assert "exceeds" in str(error.hint)
    assert await verifier(max_token_bytes=len(long_token)).verify(long_token)
    assert "exceeds" in str((await refusal(verifier(), "x" * 30_000_000)).hint)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"true",
        json.dumps([claims()]).encode(),
        json.dumps(claims()).encode() + b"{}",
        json.dumps(claims()).encode() + b"x",
        json.dumps(claims())[:-1].encode()
        + b',"tenant_id":"22222222-2222-4222-8222-222222222222"}',
        json.dumps(claims(app={}))[:-3].encode() + b'{"a":1,"a":2}}',
        json.dumps(claims())[:-1].encode() + b',"x":NaN}',
        json.dumps(claims())[:-1].encode() + b',"x":-Infinity}',
        json.dumps(claims())[:-1].encode() + b',"x":' + b"[" * 2_500 + b"]" * 2_500 + b"}",
        json.dumps(claims())[:-1].encode() + b',"x":' + b'{"a":' * 800 + b"1" + b"}" * 801,
        json.dumps(claims())[:-1].encode() + b',"x":' + b"[" * 40 + b"]" * 40 + b"}",
        json.dumps(claims())[:-1].encode() + b',"x":' + b"9" * 5_000 + b"}",
        json.dumps(claims())[:-1].encode() + b',"x":"\xff"}',
    ],
)
async def test_a_payload_that_is_no_plain_json_object_is_refused(payload: bytes) -> None:
    await refusal(verifier(), token(payload))


# --- Times -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exp",
    [
        ...,
        None,
        True,
        False,
        0,
        -1,
        "",
        str(int(NOW + 3_600)),
        [NOW + 3_600],
        {},
        NOW - 30,
        NOW - 31,
        NOW + 86_401,
        1e30,
        10**30,
        10**400,
        -(10**400),
        253_402_300_800,
    ],
)
async def test_an_expiry_that_is_absent_past_or_out_of_bounds_is_refused(exp: Any) -> None:
    await refusal(verifier(), token(claims(exp=exp)))
    await refusal(verifier(), token(claims(exp=exp, iat=...)))


@pytest.mark.parametrize("exp", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1e30", b"1E+400"])
async def test_an_expiry_that_is_no_finite_number_is_refused(exp: bytes) -> None:
    without = json.dumps(claims(exp=...))[:-1].encode()
    for payload in (without, json.dumps(claims(exp=..., iat=...))[:-1].encode()):
        await refusal(verifier(max_lifetime=10**12), token(payload + b',"exp":' + exp + b"}"))


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize("value", [True, None, "0", [], {}, NOW + 31, 1e30, 10**400])
async def test_other_times_out_of_order_are_refused(name: str, value: Any) -> None:
    await refusal(verifier(), token(claims(**{name: value})))


@pytest.mark.parametrize("literal", [b"NaN", b"-Infinity", b"-1e400"])
@pytest.mark.parametrize("name", ["iat", "nbf"])
async def test_other_times_that_are_no_finite_number_are_refused(name: str, literal: bytes) -> None:
    payload = json.dumps(claims(**{name: ...}))[:-1].encode()
    await refusal(verifier(), token(payload + f',"{name}":'.encode() + literal + b"}"))


@pytest.mark.parametrize("issued", [NOW, NOW - 1_000, ...])
async def test_the_lifetime_is_counted_from_iat_or_from_now(issued: Any) -> None:
    start = NOW if issued is ... else issued
    subject = verifier(max_lifetime=7_200)
    assert await subject.verify(token(claims(iat=issued, exp=start + 7_200)))
    error = await refusal(subject, token(claims(iat=issued, exp=start + 7_201)))
    assert "max_lifetime" in str(error.hint)


async def test_leeway_is_for_clocks_that_differ() -> None:
    for leeway in (0, 30):
        subject = verifier(leeway=leeway)
        assert await subject.verify(token(claims(exp=NOW - leeway + 0.5)))
        await refusal(subject, token(claims(exp=NOW - leeway)))
        assert await subject.verify(token(claims(nbf=NOW + leeway)))
        await refusal(subject, token(claims(nbf=NOW + leeway + 1)))


# --- Issuer, audience, types -----------------------------------------------------------------


@pytest.mark.parametrize(
    "iss", [..., None, "", "https://issuer/", "https://evil", 7, ["https://issuer"]]
)
async def test_a_wrong_issuer_is_refused(iss: Any) -> None:
    await refusal(verifier(issuer="https://issuer"), token(claims(iss=iss)))


@pytest.mark.parametrize(
    "aud", [..., None, "", [], "shop", ["shop"], ["blo", "g"], 7, {"blog": 1}, [7]]
)
async def test_a_wrong_audience_is_refused(aud: Any) -> None:
    await refusal(verifier(audience="blog"), token(claims(aud=aud)))


async def test_one_of_several_audiences_suffices() -> None:
    subject = verifier(audience=("blog", "shop"))
    for aud in ("blog", "shop", ["wiki", "shop"]):
        assert await subject.verify(token(claims(aud=aud)))
    for aud in ("wiki", ["wiki"], ..., "b"):
        await refusal(subject, token(claims(aud=aud)))


@pytest.mark.parametrize("audience", [None, "", ()])
@pytest.mark.parametrize("aud", ["shop", ["shop"], "", []])
async def test_a_token_for_someone_is_refused_where_no_audience_is_set(
    aud: Any, audience: Any
) -> None:
    error = await refusal(verifier(audience=audience), token(claims(aud=aud)))
    assert "[auth] audience" in str(error.hint)
    assert "shop" not in str(error.hint)


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_id": [TENANT]},
        {"tenant_id": 7},
        {"tenant_id": True},
        {"tenant_id": {"id": TENANT}},
        {"sub": 7},
        {"sub": None},
        {"sub": ["anna"]},
        {"sub": "a\0"},
        {"sub": "\ud800"},
        {"scope": 7},
        {"scope": ["a", 7]},
        {"scope": {"a": True}},
        {"tenants": TENANT},
        {"tenants": [7]},
        {"tenants": {TENANT: {}}},
        {"jti": 7},
    ],
)
async def test_claims_of_a_wrong_type_are_refused(changes: dict[str, Any]) -> None:
    await refusal(verifier(), token(claims(**changes)))


# --- What a refusal says ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hostile", "hint"),
    [
        (token(claims(exp=...)), "missing_claim: exp"),
        (token(claims(exp=NOW - 60)), "expired_token: exp"),
        (token(claims(nbf=NOW + 60)), "invalid_claim: nbf"),
        (token(secret=b"another"), "no key of this service has signed the token"),
        (token(header={"alg": "none"}), "the algorithm is not one of ['HS256']"),
        (token(header={"alg": "HS256", "crit": []}), "unsupported_header"),
    ],
)
async def test_the_log_learns_the_reason(hostile: str, hint: str) -> None:
    assert (await refusal(verifier(), hostile)).hint == hint


@pytest.mark.parametrize(
    "hostile",
    [
        token(header={"alg": "injected\nline"}),
        token(header={"alg": "HS256", "crit": ["injected\nline"]}),
        token(claims(exp="injected\nline")),
        token(claims(aud="injected\nline")),
        token(b'{"injected\\nline'),
        token(secret=b"abcd"),
        GOOD[:-1] + "\xff",
        "injected\nline",
    ],
)
async def test_a_refusal_never_quotes_the_token(hostile: str) -> None:
    error = await refusal(verifier(), hostile)
    report = "".join(traceback.format_exception(error)) + repr(error)
    for part in (*hostile.split("."), "injected"):
        assert len(part) < 5 or part not in report
    assert error.__cause__ is None
    assert error.__context__ is None


@given(st.text(max_size=200) | st.binary(max_size=200).map(b64))
@example(GOOD[:10])
async def test_no_text_gets_anything_but_a_refusal(hostile: str) -> None:
    await refusal(verifier(), hostile)


@given(position=st.integers(0, len(GOOD) - 1), character=st.characters(codec="latin-1"))
async def test_changing_any_character_of_a_good_token_spoils_it(
    position: int, character: str
) -> None:
    spoiled = GOOD[:position] + character + GOOD[position + 1 :]
    if spoiled != GOOD:
        await refusal(verifier(), spoiled)


# Small alphabets: all of Unicode takes a second to tabulate, which the first draw would pay.
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab é\0\ud800", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["exp", "iat", "nbf", "iss", "aud", "sub", "tenant_id", "tenants", "scope"]
        ),
        _values | st.just(NOW + 60),
    )
)
async def test_any_signed_payload_is_refused_or_has_sound_claims(payload: dict[str, Any]) -> None:
    try:
        verified = await verifier().verify(token(payload))
    except InvalidToken:
        return
    assert verified.tenant_id is None or verified.tenant_id == payload["tenant_id"]
    assert verified.user_id is None or verified.user_id == payload["sub"]
    assert all(isinstance(scope, str) for scope in verified.scopes)
    assert verified.expires_at is not None
    assert NOW - 30 < verified.expires_at <= NOW + 86_430


# --- The cache -------------------------------------------------------------------------------


class CountedKeys:
    """A key source that counts how often it is asked, and can change or fail meanwhile."""

    def __init__(self) -> None:
        self.static = StaticKeys(secrets=[SECRET])
        self.asked: list[tuple[str, str | None]] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.failure: Exception | None = None

    @property
    def revision(self) -> int:
        return self.static.revision

    async def find(self, algorithm: str, kid: str | None) -> Sequence[Key]:
        self.asked.append((algorithm, kid))
        found = await self.static.find(algorithm, kid)
        self.meanwhile()
        if self.failure is not None:
            raise self.failure
        return found


async def test_a_verified_token_is_remembered_as_one_object() -> None:
    keys = CountedKeys()
    subject = TokenVerifier(TokenRules(), keys, clock=Clock())
    assert subject.verify_cached(GOOD) is None
    first = await subject.verify(GOOD)
    assert subject.verify_cached(GOOD) is first
    assert await subject.verify(GOOD) is first
    assert keys.asked == [("HS256", None)]


async def test_the_key_id_reaches_the_key_source() -> None:
    keys = CountedKeys()
    subject = TokenVerifier(TokenRules(), keys, clock=Clock())
    await subject.verify(token(header={"alg": "HS256", "kid": "2026-11"}))
    assert keys.asked == [("HS256", "2026-11")]


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS512"}, {"alg": "HS256", "kid": 7}])
async def test_a_header_out_of_order_reaches_no_key_source(header: dict[str, Any]) -> None:
    keys = CountedKeys()
    await refusal(TokenVerifier(TokenRules(), keys, clock=Clock()), token(header=header))
    assert keys.asked == []


async def test_a_remembered_token_expires_like_any_other() -> None:
    clock = Clock()
    subject = TokenVerifier(TokenRules(leeway=30), StaticKeys(secrets=[SECRET]), clock=clock)
    await subject.verify(GOOD)
    clock.now = NOW + 3_629.9
    assert subject.verify_cached(GOOD) is not None
    clock.now = NOW + 3_630
    await refusal(subject, GOOD)


async def test_a_change_of_keys_forgets_all_tokens() -> None:
    keys = StaticKeys(secrets=[SECRET])
    subject = TokenVerifier(TokenRules(), keys, clock=Clock())
    await subject.verify(GOOD)
    keys.replace(secrets=["new-" + SECRET])
    await refusal(subject, GOOD)
    assert await subject.verify(token(secret="new-" + SECRET))
    keys.replace(secrets=["new-" + SECRET, SECRET])
    assert await subject.verify(GOOD)


async def test_a_token_verified_while_the_keys_changed_is_not_remembered() -> None:
    keys = CountedKeys()
    subject = TokenVerifier(TokenRules(), keys, clock=Clock())

    def rotate_while_another_request_is_served() -> None:
        keys.static.replace(secrets=["new-" + SECRET])
        assert subject.verify_cached("another") is None

    keys.meanwhile = rotate_while_another_request_is_served
    await subject.verify(GOOD)
    keys.meanwhile = lambda: None
    await refusal(subject, GOOD)


async def test_it_remembers_no_more_than_it_may() -> None:
    keys = CountedKeys()
    subject = TokenVerifier(TokenRules(), keys, cache_size=2, clock=Clock())
    tokens = [token(claims(sub=str(number))) for number in range(3)]
    for each in tokens:
        await subject.verify(each)
    assert [subject.verify_cached(each) is not None for each in tokens] == [False, True, True]


async def test_keys_that_cannot_be_had_are_not_the_token_s_fault() -> None:
    keys = CountedKeys()
    keys.failure = ServiceUnavailable(hint="the JWKS cannot be reached")
    with pytest.raises(ServiceUnavailable):
        await TokenVerifier(TokenRules(), keys, clock=Clock()).verify(GOOD)


async def test_a_key_source_that_breaks_lets_nobody_in() -> None:
    keys = CountedKeys()
    keys.failure = RuntimeError(f"failed on {GOOD}")
    await refusal(TokenVerifier(TokenRules(), keys, clock=Clock()), GOOD)


# --- Rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        {"algorithms": ()},
        {"algorithms": ("none",)},
        {"algorithms": ("HS256", "none")},
        {"algorithms": ("hs256",)},
        {"algorithms": ("ES256K",)},
        {"leeway": -1},
        {"max_lifetime": 0},
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(rules))):
        TokenRules(**rules)
