"""Values that must not be shown: they print as stars, and only `reveal()` gives the text.

SQLAlchemy and urllib mask the password before the `@` but not `?password=` (SECURITY.md,
"Registry and lifecycle"), so the redaction of URLs is our own. It errs on the side of hiding.
"""

from __future__ import annotations

import hmac
import re
from typing import Any, NoReturn, Self
from urllib.parse import unquote

__all__ = ["Secret", "SecretUrl", "redact_url", "url_passwords"]

_STARS = "***"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)
_COLON = re.compile(r":|%3a", re.IGNORECASE)
# Query parameters of libpq, asyncpg and SQLAlchemy that hold no secret. Any other is masked with
# its name: it may be the rest of a password with an "&" in it.
_HARMLESS = frozenset(
    (
        *("host", "port", "user", "dbname", "database", "application_name", "connect_timeout"),
        *("ssl", "sslmode", "sslrootcert", "sslnegotiation", "channel_binding", "gssencmode"),
        *("target_session_attrs", "timeout", "command_timeout", "client_encoding"),
        *("statement_cache_size", "prepared_statement_cache_size"),
    )
)
_PASSWORDS = frozenset({"password", "sslpassword", "passwd", "pwd", "secret", "token"})


class Secret:
    """A text that stays out of `repr`, `str`, `format`, pickles, JSON and `asdict`.

    It equals another `Secret` of the same text (compared in constant time), never a `str`.

    Args:
        value: The secret text.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a secret is made of a str, not of {type(value).__name__}")
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The text itself: call it where the secret is used, and keep the result nowhere."""
        return self._value

    @property
    def size(self) -> int:
        """The length in bytes, as RFC 7518 section 3.2 counts the size of an HMAC key."""
        return len(self._bytes)

    @property
    def _bytes(self) -> bytes:
        return self._value.encode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_STARS})"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self._bytes, other._bytes)

    def __hash__(self) -> int:
        return hash((type(self), self._value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it would be written out")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__getstate__()


class SecretUrl(Secret):
    """A URL that may hold a password: it prints with the password masked.

    Args:
        value: The URL, with its scheme.

    Raises:
        ValueError: It is not a URL; the message does not quote it.
    """

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__(value)
        if not _SCHEME.fullmatch(value.partition("://")[0]) or "://" not in value:
            raise ValueError("not a URL: it must begin with a scheme, such as postgresql://")

    @property
    def scheme(self) -> str:
        """The part before `://` in lower case, such as `postgresql+asyncpg`."""
        return self._value.partition("://")[0].lower()

    @property
    def redacted(self) -> str:
        """The URL as it may be shown: `postgresql://app:***@host/db?sslpassword=***`."""
        return redact_url(self._value)

    def __repr__(self) -> str:
        return f"SecretUrl({self.redacted!r})"

    def __str__(self) -> str:
        return self.redacted


def redact_url(url: str) -> str:
    """Mask every password of a URL.

    Masked are everything between the user's name and the last `@`, and each query parameter that
    is not known to be harmless. So a password that was not percent-encoded does not show in parts.

    Args:
        url: The text to show. What is not a URL is masked as a whole.
    """
    return _split(url)[0]


def url_passwords(url: str) -> tuple[str, ...]:
    """The passwords in `url` that are not empty; fewer than `redact_url` masks to be safe."""
    return tuple(part for part in _split(url)[1] if part)


def _split(url: str) -> tuple[str, list[str]]:
    scheme, mark, rest = url.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme):
        return _STARS, []
    hidden: list[str] = []
    userinfo, at, host = rest.rpartition("@")
    if colon := _COLON.search(userinfo):
        hidden.append(userinfo[colon.end() :])
        userinfo = f"{userinfo[: colon.start()]}:{_STARS}"
    place, question, query = f"{userinfo}{at}{host}".partition("?")
    shown: list[str] = []
    for parameter in query.split("&") if question else ():
        name, _, value = parameter.partition("=")
        known = unquote(name).lower()
        if known in _PASSWORDS:
            hidden.append(value)
            shown.append(f"{name}={_STARS}")
        else:
            harmless = known in _HARMLESS or not parameter
            shown.append(parameter if harmless else _STARS)
    return f"{scheme}://{place}{question}{'&'.join(shown)}", hidden
