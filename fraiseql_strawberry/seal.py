"""Seals: a tenant that PostgreSQL believes, because only the service could have written it.

`tenant|expiry|MAC` takes the place of the bare tenant in the setting that policies read, so SQL
that was injected into a resolver can call `set_config` and still be no other tenant (SECURITY.md,
the seven, 7). The MAC is HMAC-SHA256 (RFC 2104); `sql/sealed.py` is what verifies it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from .config import Config, Secret
from .errors import SetupError

__all__ = ["KeyFile", "Sealer", "key_id", "key_pads", "tenant_values"]

_log = logging.getLogger("fraiseql_strawberry")

_BLOCK = 64  # bytes, of SHA-256
_LOOK_AGAIN = 1.0  # seconds
_ENOUGH_BYTES = 32


def key_id(key: Secret) -> str:
    """What a key is called where it must not be shown: the beginning of its digest."""
    return hashlib.sha256(b"fraiseql seal key " + key.reveal().encode()).hexdigest()[:12]


def key_pads(key: Secret) -> tuple[bytes, bytes]:
    """The two blocks that HMAC puts before its texts, as PostgreSQL keeps the key.

    It has `sha256` but, without an extension, no HMAC.
    """
    raw = key.reveal().encode()
    block = (raw if len(raw) <= _BLOCK else hashlib.sha256(raw).digest()).ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


class KeyFile:
    """A key in a file, which is read again within a second of a change.

    Args:
        path: The file.

    Raises:
        SetupError: There is no key in it.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen = self._state()
        self._key = self._read()
        self._again = time.monotonic() + _LOOK_AGAIN

    def __call__(self) -> Secret:
        """The key. While the file cannot be read, the last one that could."""
        now = time.monotonic()
        if now >= self._again:
            self._again = now + _LOOK_AGAIN
            state = self._state()
            if state != self._seen:
                self._seen = state
                try:
                    self._key = self._read()
                except SetupError as error:
                    # Its database keeps the old key for a while, so the service goes on with it.
                    _log.warning("sealing goes on with the key that was read before: %s", error)
        return self._key

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> Secret:
        said = f"[multitenancy.seal] key_file {os.fspath(self._path)!r}"
        try:
            text = self._path.read_text("ascii").strip()
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "it is not a text").lower()
            raise SetupError(
                f"{said} cannot be read: {reason}. `fraiseql-strawberry seal rotate` writes it"
            ) from None
        if len(text) < _ENOUGH_BYTES:
            raise SetupError(
                f"{said} holds no key of {_ENOUGH_BYTES} bytes or more. "
                "`fraiseql-strawberry seal rotate` writes one"
            )
        return Secret(text)


class Sealer:
    """Writes seals.

    Args:
        key: Gives the key of this moment.
        lifetime: Seconds that a transaction may begin with a seal. The clocks of the service and
            of PostgreSQL may differ by as much.
        clock: Seconds since 1970.
    """

    def __init__(
        self, key: Callable[[], Secret], lifetime: int, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = key
        self._lifetime = lifetime
        self._clock = clock

    def __call__(self, tenant_id: str) -> str:
        """The seal of a tenant: `tenant|expiry|MAC`; canonical ids hold no `|`."""
        text = f"{tenant_id}|{int(self._clock()) + self._lifetime}"
        mac = hmac.digest(self._key().reveal().encode(), text.encode(), "sha256").hex()
        return f"{text}|{mac}"


def tenant_values(config: Config) -> Callable[[str], str] | None:
    """What the setting holds of a tenant: its seal; None where it is the tenant itself.

    Raises:
        SetupError: The key cannot be read.
    """
    multitenancy = config.multitenancy
    if not multitenancy.sealed:
        return None
    seal = multitenancy.seal
    if seal.key_file is not None:
        return Sealer(KeyFile(seal.key_file), seal.lifetime)
    key = seal.key
    if key is None:
        raise SetupError(
            '[multitenancy] setting = "sealed", and there is no key to seal with: give key_file or '
            "key in [multitenancy.seal], and make one with `fraiseql-strawberry seal rotate`"
        )
    return Sealer(lambda: key, seal.lifetime)
