"""The signature algorithms a deployment may pin, and a registry that knows no others."""

from __future__ import annotations

from collections.abc import Sequence

from joserfc.errors import JoseError, UnsupportedAlgorithmError, UnsupportedHeaderError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from joserfc.registry import Header

__all__ = ["SUPPORTED", "WITH_SECRET", "PinnedAlgorithms", "fits"]

# RFC 7518, section 3.1, without "none"; RFC 8037 and its successor RFC 9864 for Ed25519.
WITH_SECRET = ("HS256", "HS384", "HS512")
SUPPORTED = (
    *WITH_SECRET,
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    *("EdDSA", "Ed25519"),
)


class PinnedAlgorithms(JWSRegistry):
    """Accepts the pinned algorithms and no critical header; ignores what it does not need.

    `jku`, `x5u`, `jwk` and `x5c` are among the ignored: a token must not say where its own key
    comes from (SECURITY.md, JWKS row). Unknown headers are ignored too, as RFC 7515, section 4
    asks, because identity providers add their own.

    Args:
        algorithms: The names that are accepted, as far as they are supported: "none" never is.
        max_bytes: The bound of header and signature; that of the whole token is checked before.
    """

    def __init__(self, algorithms: Sequence[str], max_bytes: int) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)
        self.max_header_length = max_bytes
        self.max_signature_length = max_bytes
        self._pinned = frozenset(algorithms) & frozenset(SUPPORTED)

    def get_alg(self, name: str) -> JWSAlgModel:
        """Find a pinned algorithm.

        The parent's method warns of "EdDSA" on every call, which is the name that tokens of
        RFC 8037 carry; so it is not used.

        Raises:
            UnsupportedAlgorithmError: For every other name.
        """
        if name not in self._pinned:
            raise UnsupportedAlgorithmError("the algorithm is not a pinned one")
        return self.algorithms[name]

    def check_header(self, header: Header) -> None:
        """Refuse `crit`: none of the extensions it can demand is understood here.

        Among them is RFC 7797's `b64`, which changes what the signature covers.

        Raises:
            UnsupportedHeaderError: When there is a `crit` header.
        """
        if "crit" in header or "b64" in header:
            raise UnsupportedHeaderError("critical headers are not supported")
        super().check_header(header)


def fits(algorithm: str, key: Key) -> bool:
    """Whether a key is of the kind, and on the curve, that a supported algorithm asks for."""
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
    except JoseError:
        return False
    return True
