"""Which keys verify tokens, and with which algorithms.

There is one kind of key: HMAC secrets, or public keys. Both at once would let a client sign a
token with the public key as if it were the secret (RFC 8725 section 2.1, "algorithm confusion").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path as FilePath

from .mistakes import Mistake
from .reading import Reader
from .rules import UNSET
from .secret import Secret
from .sections import Auth

__all__ = ["read_auth", "short_secrets"]

_HMAC = ("secret", "secrets")
_PUBLIC = ("public_key", "jwks_url", "issuers")
_PUBLIC_ALGORITHMS = ("RS256", "ES256")
_LARGEST_PEM = 65_536
_ENOUGH_BYTES = 32  # RFC 7518 section 3.2, for HS256


def read_auth(reader: Reader, notices: list[Mistake]) -> Auth:
    """Read `[auth]`, and choose the kind of key.

    Public keys win over secrets of the same layer, which are then not even interpolated; a later
    layer (an override) wins over an earlier one. Without any, `JWT_SECRET` is the secret.

    Args:
        reader: The reader; what is wrong goes to its mistakes.
        notices: What is odd but not wrong is added here.
    """
    public = {name: reader.rank(("auth", name)) for name in _PUBLIC if _is_set(reader, name)}
    hmac = {name: reader.rank(("auth", name)) for name in _HMAC if reader.raw(("auth", name))}
    top = max([*public.values(), *hmac.values()], default=0)
    public = {name: rank for name, rank in public.items() if rank == top}
    if public:
        unused = [name for name, rank in hmac.items() if rank == top]
        for name in unused:
            hint = "Take it out: tokens are verified with public keys"
            notices.append(
                reader.mistake(("auth", name), f"is not used beside {min(public)}", hint)
            )
        hmac = {}
    hmac = {name: rank for name, rank in hmac.items() if rank == top and _is_set(reader, name)}
    skipped = tuple(name for name in (*_HMAC, *_PUBLIC) if name not in (*public, *hmac))
    auth = reader.section(Auth, ("auth",), skip=skipped)
    for pair in (public, hmac):
        for first, second in pairwise(pair):
            reader.complain(("auth", second), f"and {first} are both set", "Keep one of them")
    if auth.public_key:
        auth = replace(auth, public_key=_public_key(reader, auth.public_key))
    if auth.issuers and auth.issuer is not None:
        hint = "Take it out: each of the issuers is held to its own name"
        reader.complain(("auth", "issuer"), "and issuers are both set", hint)
    if not public and not hmac and not reader.mistakes:  # another mistake may be the cause
        auth = replace(auth, secret=_secret_of_environment(reader))
    return _with_algorithms(reader, auth)


def short_secrets(auth: Auth) -> list[str]:
    """The key (`secret` or `secrets`) of each HMAC secret that is easy to guess."""
    name = "secrets" if auth.secrets else "secret"
    return [name for secret in auth.verifying_secrets if secret.size < _ENOUGH_BYTES][:1]


def _is_set(reader: Reader, name: str) -> bool:
    return reader.key(("auth", name)) not in (UNSET, ())


def _secret_of_environment(reader: Reader) -> Secret | None:
    secret = reader.origin.env.get("JWT_SECRET")
    if secret:
        return Secret(secret)
    written = any(isinstance(layer.tables.get("auth"), Mapping) for layer in reader.origin.layers)
    # An empty variable, or a section without a key, would turn authentication off unnoticed.
    if secret is not None:
        reader.complain(
            ("auth", "secret"),
            "cannot be taken from the environment: JWT_SECRET is empty",
            "Set it to 32 random bytes or more, or unset it to run without authentication",
        )
    elif written:
        reader.complain(
            ("auth", "secret"),
            "is not given, nor any other key to verify tokens with",
            "Set the environment variable JWT_SECRET, or give public_key, jwks_url or issuers",
        )
    return None


def _public_key(reader: Reader, given: str) -> str | None:
    """The PEM text, read from its file where a path is given."""
    path = ("auth", "public_key")
    text = given if "-----BEGIN" in given else _read_pem(reader, given)
    if text is None:
        return None
    if "PRIVATE KEY-----" in text:
        reader.complain(
            path,
            "is a private key, which must not be here",
            "Give the public half: `openssl pkey -in private.pem -pubout`",
        )
    elif "-----BEGIN " not in text or "-----END " not in text:
        reader.complain(
            path, "must be a PEM public key", "It begins with -----BEGIN PUBLIC KEY-----"
        )
    else:
        return text
    return None


def _read_pem(reader: Reader, given: str) -> str | None:
    file = reader.origin.folder / FilePath(given)
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST_PEM).decode()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, or not UTF-8
        reason = (getattr(error, "strerror", None) or "not a text file").lower()
        hint = "Give PEM text, or the path of a file relative to this one"
        reader.complain(("auth", "public_key"), f"cannot be read from its file: {reason}", hint)
        return None


def _with_algorithms(reader: Reader, auth: Auth) -> Auth:
    path = ("auth", "algorithms")
    public = auth.by_public_keys
    if reader.key(path) is UNSET:
        return replace(auth, algorithms=_PUBLIC_ALGORITHMS) if public else auth
    hmac = [name for name in auth.algorithms if name.startswith("HS")]
    others = [name for name in auth.algorithms if not name.startswith("HS")]
    if not auth.algorithms:
        reader.complain(path, "must not be empty", "Name the algorithms that your tokens use")
    elif hmac and others:
        reader.complain(
            path,
            f"must not mix {hmac[0]} with {others[0]}",
            "A client could sign with the public key as if it were the secret; keep one kind",
        )
    elif hmac and public:
        reader.complain(
            path,
            f"must not name {hmac[0]} beside public keys",
            "A client could sign with the public key as if it were the secret",
        )
    elif others and auth.verifying_secrets:
        hint = "Give public_key or jwks_url instead of a secret, or use HS256"
        reader.complain(path, f"names {others[0]}, which needs a public key", hint)
    return auth
