"""Where verification keys come from: a seam, and the keys that the configuration itself holds."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Protocol

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from ..errors import ConfigError
from .algorithms import SUPPORTED, fits

__all__ = ["KeySource", "StaticKeys", "secret_key"]

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_MINIMUM_SECRET_BYTES = 32
_MINIMUM_RSA_BITS = 2048


class KeySource(Protocol):
    """Gives the keys that may have signed a token; a source may fetch them, hence `async`."""

    @property
    def revision(self) -> int:
        """A number that changes whenever a key is added or taken away: cached tokens go then."""
        ...

    async def find(self, algorithm: str, kid: str | None) -> Sequence[Key]:
        """The keys to try for a token.

        Args:
            algorithm: A pinned algorithm. Only keys made for it may be given back: a public RSA
                key used as an HMAC secret would let anyone sign.
            kid: The token's key id, unverified: a name to look up, never a place to read.

        Raises:
            ServiceUnavailable: When the keys cannot be had at the moment.
        """
        ...


class StaticKeys:
    """Keys from the configuration: one or several secrets, and public keys in PEM.

    While secrets are rotated both are listed and each is tried; a PEM text may hold several
    keys for the same reason.

    Args:
        algorithms: The pinned algorithms; each key must fit one of them.
        secrets: HMAC secrets, the newest first.
        public_key: PEM text: public keys or certificates.
        production: Whether a secret under 32 bytes is refused; elsewhere `config/` warns of it.

    Raises:
        ConfigError: When there is no key, or one is unsafe, unreadable or fits no algorithm.
    """

    __slots__ = ("_algorithms", "_keys", "_production", "_revision")

    def __init__(
        self,
        *,
        algorithms: Sequence[str] = ("HS256",),
        secrets: Sequence[str] = (),
        public_key: str | None = None,
        production: bool = False,
    ) -> None:
        self._algorithms = tuple(algorithms)
        self._production = production
        self._keys = self._load(secrets, public_key)
        self._revision = 0

    @property
    def revision(self) -> int:
        """How often the keys were replaced."""
        return self._revision

    async def find(self, algorithm: str, kid: str | None) -> Sequence[Key]:
        """All keys made for the algorithm; `kid` says nothing about keys that have no name."""
        return self._keys.get(algorithm, ())

    def replace(self, *, secrets: Sequence[str] = (), public_key: str | None = None) -> None:
        """Use other keys from now on; every cached token is verified again.

        Raises:
            ConfigError: When the new keys cannot be used; the old ones then stay.
        """
        keys = self._load(secrets, public_key)
        # In this order: a verification that read the new revision must not have the old keys,
        # or its token would stay cached beyond the rotation.
        self._keys = keys
        self._revision += 1

    def __repr__(self) -> str:
        return f"StaticKeys(algorithms={list(self._algorithms)}, revision={self._revision})"

    def _load(
        self, secrets: Sequence[str], public_key: str | None
    ) -> Mapping[str, tuple[Key, ...]]:
        keys: list[Key] = [secret_key(text, production=self._production) for text in secrets]
        if public_key is not None:
            keys += _public_keys(public_key)
        if not keys:
            raise ConfigError("[auth] has no key", hint="Set secret, secrets or public_key")
        for key in keys:
            if not any(fits(name, key) for name in self._algorithms):
                usable = ", ".join(name for name in SUPPORTED if fits(name, key))
                raise ConfigError(
                    f"[auth] has a key that fits none of algorithms = {list(self._algorithms)}",
                    hint=f"That key is for {usable}",
                )
        # An algorithm may stay without a key: no token of it is then accepted.
        return {name: tuple(k for k in keys if fits(name, k)) for name in self._algorithms}


def secret_key(secret: str, *, production: bool = False) -> OctKey:
    """Make an HMAC key of a secret.

    Args:
        secret: The secret as text; its UTF-8 bytes are the key.
        production: Whether a secret under 32 bytes is refused.

    Raises:
        ConfigError: When it is empty, a public or private key, or too short for production.
    """
    raw = secret.encode()
    if not raw:
        raise ConfigError("[auth] secret is empty", hint=_HOW_TO_MAKE_ONE)
    if "-----BEGIN " in secret or secret.startswith(("ssh-", "ecdsa-")):
        raise _not_a_secret()
    if production and len(raw) < _MINIMUM_SECRET_BYTES:
        raise ConfigError(
            f"[auth] secret is shorter than {_MINIMUM_SECRET_BYTES} bytes and can be guessed",
            hint=_HOW_TO_MAKE_ONE,
        )
    try:
        with warnings.catch_warnings():
            # joserfc's own warning of short secrets: config/ warns, by file and line.
            warnings.simplefilter("ignore", SecurityWarning)
            return OctKey.import_key(raw)
    except ValueError:
        # joserfc found a public key or certificate in another encoding.
        raise _not_a_secret() from None


_HOW_TO_MAKE_ONE = 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'


def _not_a_secret() -> ConfigError:
    return ConfigError(
        "[auth] secret holds a public or private key; whoever has the public one could sign",
        hint="Put a public key into [auth] public_key and name its algorithm, such as RS256",
    )


def _public_keys(text: str) -> list[Key]:
    blocks = list(_PEM_BLOCK.finditer(text))
    if not blocks:
        raise ConfigError(
            "[auth] public_key holds no PEM block",
            hint="It is the text from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----",
        )
    return [_public_key(block.group(), block.group(1)) for block in blocks]


def _public_key(pem: str, label: str) -> Key:
    if "PRIVATE" in label:
        raise ConfigError(
            "[auth] public_key holds a private key, which a verifier must not have",
            hint="Take out the public half: openssl pkey -in private.pem -pubout",
        )
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            with warnings.catch_warnings():
                # joserfc's warning of short RSA keys: they are refused below.
                warnings.simplefilter("ignore", SecurityWarning)
                key = kind.import_key(pem)
        except JoseError:
            continue  # a key, but of another kind
        except ValueError:
            break
        if isinstance(key, RSAKey) and key.raw_value.key_size < _MINIMUM_RSA_BITS:
            raise ConfigError(
                f"[auth] public_key has fewer than {_MINIMUM_RSA_BITS} bits",
                hint="RFC 7518, section 3.3 asks for 2048 bits or more",
            )
        if isinstance(key, OKPKey) and key.curve_name != "Ed25519":
            break
        return key
    raise ConfigError(
        "[auth] public_key cannot be read",
        hint="It must be an RSA, P-256, P-384, P-521 or Ed25519 key in PEM",
    )
