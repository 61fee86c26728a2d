"""A token in, its claims out, or one and the same refusal for whatever is wrong with it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, JoseError

from ..errors import ServiceUnavailable
from .algorithms import PinnedAlgorithms
from .cache import TokenCache
from .claims import Claims
from .keys import KeySource
from .refusal import InvalidToken
from .rules import TokenRules
from .strict_json import StrictDecoder

__all__ = ["TokenVerifier", "read_segment"]


class TokenVerifier:
    """Verifies JSON Web Tokens (RFC 7519) by the advice of RFC 8725, and remembers the good ones.

    Args:
        rules: What a token has to fulfil.
        keys: Where the keys come from.
        cache_size: How many verified tokens are remembered.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        rules: TokenRules,
        keys: KeySource,
        *,
        cache_size: int = 4_096,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._revision = keys.revision
        self._clock = clock
        self._cache = TokenCache(cache_size, rules.leeway)
        self._registry = PinnedAlgorithms(rules.algorithms, rules.max_token_bytes)
        self._claims_registry = _claims_registry(rules, clock)

    def verify_cached(self, token: str) -> Claims | None:
        """The claims of a token seen before, without waiting; None says "ask `verify`".

        The expiry is compared with the clock each time, and nothing outlives a change of keys.
        """
        if self._keys.revision != self._revision:
            self._revision = self._keys.revision
            self._cache.clear()
        return self._cache.get(token, self._clock())

    async def verify(self, token: str) -> Claims:
        """Check signature, times, issuer, audience and the types of the claims.

        Args:
            token: What followed `Bearer`.

        Returns:
            The claims; the same object for every request with this token.

        Raises:
            InvalidToken: Whatever is wrong, always with the same message; `hint` says what.
            ServiceUnavailable: When a key source cannot reach its keys.
        """
        cached = self.verify_cached(token)
        if cached is not None:
            return cached
        revision = self._keys.revision
        try:
            claims = await self._verify(token)
        except (InvalidToken, ServiceUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - see below
            # Hostile input makes parsers fail in every way there is, RecursionError among them
            # (SECURITY.md, joserfc row): whatever it is, the answer is 401.
            reason = _reason(error)
        else:
            if self._keys.revision == revision:
                self._cache.put(token, claims)
            return claims
        # Raised outside the handler: the cause would carry parts of the token to the log.
        raise InvalidToken(hint=reason)

    async def _verify(self, token: str) -> Claims:
        if len(token) > self._rules.max_token_bytes:
            raise InvalidToken(hint=f"the token exceeds {self._rules.max_token_bytes} bytes")
        header = read_segment(token, 0)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._rules.algorithms:
            raise InvalidToken(hint=f"the algorithm is not one of {list(self._rules.algorithms)}")
        if kid is not None and not isinstance(kid, str):
            raise InvalidToken(hint="the header 'kid' is not a string")
        payload = self._decode(token, await self._keys.find(algorithm, kid))
        self._claims_registry.validate(payload)  # decoding alone checks no claim at all
        self._check_lifetime(payload)
        if not self._rules.audiences and payload.get("aud") is not None:
            raise InvalidToken(
                hint="the token names an audience: set [auth] audience to the one of this service"
            )
        return Claims.read(payload, self._rules)

    def _decode(self, token: str, keys: Any) -> dict[str, Any]:
        for key in keys:
            try:
                return jwt.decode(
                    token, key, registry=self._registry, decoder_cls=StrictDecoder
                ).claims
            except BadSignatureError:
                continue  # while secrets are rotated, another one may have signed
        raise InvalidToken(hint="no key of this service has signed the token")

    def _check_lifetime(self, payload: Mapping[str, Any]) -> None:
        # joserfc takes an `exp` of 10**30 (SECURITY.md, joserfc row): a token that is as good
        # as everlasting. Both claims are known to be finite numbers by now.
        start = payload.get("iat", self._clock())
        if payload["exp"] > start + self._rules.max_lifetime:
            raise InvalidToken(
                hint=f"the token lives longer than [auth] max_lifetime = {self._rules.max_lifetime}"
            )


def _claims_registry(rules: TokenRules, clock: Callable[[], float]) -> jwt.JWTClaimsRegistry:
    options: dict[str, jwt.ClaimsOption] = {"exp": {"essential": True}}
    if rules.issuer:
        options["iss"] = {"essential": True, "value": rules.issuer}
    if rules.audiences:
        options["aud"] = {"essential": True, "values": list(rules.audiences)}
    return jwt.JWTClaimsRegistry(lambda: int(clock()), rules.leeway, **options)


def read_segment(token: str, index: int) -> dict[str, Any]:
    """A part of a token as it stands there, which proves nothing.

    Args:
        token: The token.
        index: 0 for the header, 1 for the claims.

    Raises:
        Exception: Whatever is wrong with it.
    """
    segment = token.split(".", index + 1)[index]
    padded = segment + "=" * (-len(segment) % 4)
    content = json.loads(base64.b64decode(padded, b"-_", validate=True), cls=StrictDecoder)
    if not isinstance(content, dict):
        raise InvalidToken(hint="a part of the token is not a JSON object")
    return cast("dict[str, Any]", content)


def _reason(error: Exception) -> str:
    # Only fixed words: descriptions quote headers and claims, which anyone can write.
    if isinstance(error, ClaimError):
        return f"{error.error}: {error.claim}"
    return error.error if isinstance(error, JoseError) else type(error).__name__
