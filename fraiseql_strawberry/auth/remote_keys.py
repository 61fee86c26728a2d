"""Keys of an identity provider: its JSON Web Key Set (RFC 7517), fetched, kept and renewed."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, cast

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

from ..errors import ServiceUnavailable
from .algorithms import fits

__all__ = ["RemoteKeys", "fetch_json"]

_log = logging.getLogger("fraiseql_strawberry")

_MAX_BYTES = 1_000_000
_MINIMUM_RSA_BITS = 2048

Fetch = Callable[[str], Any]


class RemoteKeys:
    """A `KeySource` over the URL of a key set.

    An unknown key id makes it fetch anew, at most every `rest_seconds` however many tokens name
    one: otherwise anybody could have it call the provider all the time. While the provider is
    down, the keys that are known go on being used, up to `stale_seconds`.

    Args:
        url: Where the key set is; never what a token says (`jku`, `x5u`).
        algorithms: The pinned algorithms; secrets in a key set are ignored.
        refresh_seconds: After how many seconds keys are fetched anew.
        stale_seconds: For how many seconds keys are used while they cannot be fetched.
        rest_seconds: Seconds between two fetches at the least.
        fetch: Fetches a URL's JSON; runs in a thread.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self,
        url: str,
        algorithms: Sequence[str],
        *,
        refresh_seconds: float = 3_600.0,
        stale_seconds: float = 86_400.0,
        rest_seconds: float = 10.0,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._algorithms = tuple(algorithms)
        self._refresh_seconds = refresh_seconds
        self._stale_seconds = stale_seconds
        self._rest_seconds = rest_seconds
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._names: tuple[str | None, ...] = ()
        self._fetched: float | None = None  # when the keys are from
        self._tried: float | None = None
        self._under_way: asyncio.Task[None] | None = None
        self._revision = 0

    def __repr__(self) -> str:
        return f"RemoteKeys({self._url!r}, revision={self._revision})"

    @property
    def revision(self) -> int:
        """How often the keys have changed (see `KeySource.revision`)."""
        return self._revision

    async def find(self, algorithm: str, kid: str | None) -> Sequence[Key]:
        """The keys of that algorithm and, where the token names one, of that id.

        Raises:
            ServiceUnavailable: When there are no keys, or none that are recent enough.
        """
        if self._fetched is None or self._clock() >= self._fetched + self._refresh_seconds:
            await self._renew()
        if self._fetched is None or self._clock() >= self._fetched + self._stale_seconds:
            raise ServiceUnavailable(hint="the identity provider's keys cannot be fetched")
        found = self._matching(algorithm, kid)
        if not found and kid is not None:
            await self._renew()  # it may have been added since
            found = self._matching(algorithm, kid)
        return found

    def _matching(self, algorithm: str, kid: str | None) -> tuple[Key, ...]:
        return tuple(
            key
            for key in self._keys
            if (kid is None or key.kid == kid)
            and key.alg in (None, algorithm)
            and fits(algorithm, key)
        )

    async def _renew(self) -> None:
        """Fetch, once for all who wait, unless that was tried a moment ago."""
        if self._under_way is None:
            if self._tried is not None and self._clock() < self._tried + self._rest_seconds:
                return
            self._tried = self._clock()
            # A fresh context: the first waiter's tenant is not this task's.
            self._under_way = asyncio.get_running_loop().create_task(
                self._load(), context=contextvars.Context()
            )
        # One waiter's cancellation must not cancel the keys of the others.
        await asyncio.shield(self._under_way)

    async def _load(self) -> None:
        try:
            document = await asyncio.to_thread(self._fetch, self._url)
            keys = _usable(document)
        except (OSError, ValueError) as error:
            _log.warning("the keys at %s cannot be fetched: %s", self._url, type(error).__name__)
            return
        finally:
            self._under_way = None
        self._fetched = self._clock()
        names = tuple(key.thumbprint() for key in keys)
        if names != self._names:
            # In this order: a verification that read the new revision must not have old keys.
            self._keys, self._names = keys, names
            self._revision += 1


def fetch_json(url: str) -> Any:
    """The JSON at a URL; blocks.

    Raises:
        OSError: When it cannot be reached, or answers with an error.
        ValueError: When it is no JSON, or longer than a megabyte.
    """
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310
    with urllib.request.build_opener(_NoRedirects).open(request, timeout=5) as answer:
        body = cast(bytes, answer.read(_MAX_BYTES + 1))
    if len(body) > _MAX_BYTES:
        raise ValueError("longer than a megabyte")
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The configuration says where keys are; whoever can redirect could say otherwise."""

    def redirect_request(self, *_: Any, **_more: Any) -> None:
        return None


def _usable(document: Any) -> tuple[Key, ...]:
    """The public signature keys of a set; a provider may list others, of kinds yet unknown.

    Raises:
        ValueError: When it is no key set, or none of its keys can be used.
    """
    listed: Any = (
        cast("dict[str, Any]", document).get("keys") if isinstance(document, dict) else None
    )
    if not isinstance(listed, list):
        raise ValueError("not a key set")
    keys: list[Key] = []
    for entry in cast("list[Any]", listed):
        if not isinstance(entry, dict) or cast("dict[str, Any]", entry).get("kty") == "oct":
            continue  # a secret in a public place is no secret
        try:
            (key,) = KeySet.import_key_set({"keys": [cast(Any, entry)]}).keys
        except (JoseError, ValueError, KeyError, TypeError):
            continue
        if _signs(key):
            keys.append(key)
    if not keys:
        raise ValueError("no key that can be used")
    return tuple(keys)


def _signs(key: Key) -> bool:
    if key.get("use") not in (None, "sig"):
        return False
    if isinstance(key, RSAKey):
        return key.raw_value.key_size >= _MINIMUM_RSA_BITS
    return isinstance(key, (ECKey, OKPKey))
