"""Keys from the configuration: each fits its algorithm, and unsafe ones never get in."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from fraiseql_strawberry.auth import StaticKeys
from fraiseql_strawberry.auth.algorithms import SUPPORTED
from fraiseql_strawberry.errors import ConfigError

SECRET = "a-secret-of-more-than-32-bytes-for-tests"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = {
    "RS256": RSA,
    "PS512": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}


def public_pem(private: object) -> str:
    public = private.public_key()  # type: ignore[attr-defined]
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(private: object) -> str:
    return private.private_bytes(  # type: ignore[attr-defined]
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ).decode()


async def test_each_secret_is_a_candidate_in_order() -> None:
    keys = StaticKeys(secrets=[SECRET + "new", SECRET + "old"])
    found = await keys.find("HS256", None)
    assert [key.raw_value for key in found] == [
        b"%s%s" % (SECRET.encode(), x) for x in (b"new", b"old")
    ]


@pytest.mark.parametrize("algorithm", list(PRIVATE))
async def test_a_pem_key_is_found_for_its_algorithm_only(algorithm: str) -> None:
    keys = StaticKeys(algorithms=[algorithm], public_key=public_pem(PRIVATE[algorithm]))
    assert len(await keys.find(algorithm, None)) == 1
    for other in set(SUPPORTED) - {algorithm}:
        assert not await keys.find(other, None)


async def test_a_public_key_is_never_a_candidate_for_hmac() -> None:
    keys = StaticKeys(
        algorithms=["HS256", "RS256"], secrets=[SECRET], public_key=public_pem(PRIVATE["RS256"])
    )
    (hmac_key,) = await keys.find("HS256", None)
    (rsa_key,) = await keys.find("RS256", None)
    assert hmac_key.key_type == "oct"
    assert rsa_key.key_type == "RSA"


async def test_a_pem_text_may_hold_several_keys_while_they_are_rotated() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    text = f"the old one\n{public_pem(PRIVATE['ES256'])}\nthe new one\n{public_pem(other)}"
    keys = StaticKeys(algorithms=["ES256"], public_key=text)
    assert len(await keys.find("ES256", "any")) == 2


async def test_a_certificate_holds_a_public_key() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(RSA.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(RSA, hashes.SHA256())
    )
    text = certificate.public_bytes(Encoding.PEM).decode()
    assert len(await StaticKeys(algorithms=["RS256"], public_key=text).find("RS256", None)) == 1


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_no_key_at_all_is_refused(algorithm: str) -> None:
    with pytest.raises(ConfigError, match="no key"):
        StaticKeys(algorithms=[algorithm])


@pytest.mark.parametrize(
    ("algorithms", "key", "usable"),
    [
        (["ES256"], "ES384", "ES384"),
        (["RS256", "ES256"], "EdDSA", "EdDSA, Ed25519"),
        (["HS256"], "RS256", "RS256, RS384, RS512, PS256, PS384, PS512"),
    ],
)
def test_a_key_that_fits_no_algorithm_is_refused(
    algorithms: list[str], key: str, usable: str
) -> None:
    with pytest.raises(ConfigError, match=rf"That key is for {usable}$"):
        StaticKeys(algorithms=algorithms, public_key=public_pem(PRIVATE[key]))


def test_a_secret_beside_public_key_algorithms_only_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"That key is for HS256, HS384, HS512$"):
        StaticKeys(algorithms=["RS256"], secrets=[SECRET], public_key=public_pem(RSA))


async def test_an_algorithm_may_stay_without_a_key() -> None:
    keys = StaticKeys(algorithms=["RS256", "ES256"], public_key=public_pem(RSA))
    assert len(await keys.find("RS256", None)) == 1
    assert not await keys.find("ES256", None)


@pytest.mark.parametrize(
    "secret", ["", public_pem(RSA), private_pem(RSA), "ssh-rsa AAAAB3NzaC1yc2E"]
)
def test_no_secret_and_asymmetric_keys_are_refused_as_secrets(secret: str) -> None:
    with pytest.raises(ConfigError, match="secret"):
        StaticKeys(secrets=[secret])


def test_a_public_key_without_its_armour_is_refused_as_a_secret_too() -> None:
    # The loader of joserfc finds a PEM block behind leading text.
    with pytest.raises(ConfigError, match="public_key"):
        StaticKeys(secrets=["x\n" + public_pem(RSA)])


@pytest.mark.parametrize("secret", ["abcd", "your-256-bit-secret", "x" * 31, "é" * 15])
async def test_production_refuses_a_short_secret(secret: str) -> None:
    assert await StaticKeys(secrets=[secret]).find("HS256", None)
    with pytest.raises(ConfigError, match="32 bytes") as caught:
        StaticKeys(secrets=[secret], production=True)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("secret", ["x" * 32, "é" * 16])
async def test_production_takes_a_secret_of_32_bytes(secret: str) -> None:
    assert await StaticKeys(secrets=[secret], production=True).find("HS256", None)


def test_one_short_secret_among_several_is_refused_in_production() -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        StaticKeys(secrets=[SECRET, "short"], production=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no PEM block"),
        ("/etc/keys/jwt.pem", "no PEM block"),
        (private_pem(RSA), "private key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "cannot be read"),
        ("-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----", "cannot be read"),
        (public_pem(ed448.Ed448PrivateKey.generate()), "cannot be read"),
        (public_pem(x25519.X25519PrivateKey.generate()), "cannot be read"),
        (public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "2048"),
    ],
)
def test_what_is_no_usable_public_key_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        StaticKeys(algorithms=["RS256", "ES256", "EdDSA"], public_key=text)
    assert "MII" not in str(caught.value)


async def test_replacing_the_keys_changes_the_revision() -> None:
    keys = StaticKeys(secrets=[SECRET])
    before = keys.revision
    keys.replace(secrets=[SECRET + "new"])
    assert keys.revision != before
    (key,) = await keys.find("HS256", None)
    assert key.raw_value == (SECRET + "new").encode()


async def test_keys_that_cannot_be_used_leave_the_old_ones_in_place() -> None:
    keys = StaticKeys(secrets=[SECRET])
    before = keys.revision
    with pytest.raises(ConfigError):
        keys.replace(secrets=[SECRET], public_key=public_pem(RSA))
    assert keys.revision == before
    assert len(await keys.find("HS256", None)) == 1


def test_no_secret_in_repr() -> None:
    assert SECRET not in repr(StaticKeys(secrets=[SECRET]))
