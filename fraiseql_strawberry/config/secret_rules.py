"""The rules for secrets, and for URLs, which may hold one."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from .interpolate import Text
from .rules import UNSET, RuleError, text_of
from .secret import Secret, SecretUrl, url_passwords

__all__ = ["database_url", "is_exposed", "secret_text", "web_url"]

_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")


def secret_text(value: object) -> object:
    """A secret; the file should hold a reference to it only."""
    if isinstance(value, Secret):
        return value
    text = text_of(value, "a text")
    return Secret(text) if text else UNSET


def database_url(value: object) -> object:
    """The URL of a PostgreSQL database."""
    text = value.reveal() if isinstance(value, SecretUrl) else text_of(value, "a PostgreSQL URL")
    if not text:
        return UNSET
    hint = "Write postgresql://user:password@host:5432/database"
    try:
        url = SecretUrl(text)
    except ValueError:
        raise RuleError("must be a PostgreSQL URL", hint) from None
    if url.scheme not in _SCHEMES:
        raise RuleError("must be a PostgreSQL URL (the driver is asyncpg)", hint)
    if not text.isprintable() or " " in text:
        raise RuleError("must be a PostgreSQL URL, without spaces", hint)
    return url


def web_url(value: object) -> object:
    """An https URL; http only to this machine, since keys fetched over it could be swapped."""
    text = text_of(value, "an https URL")
    if not text:
        return UNSET
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port  # raises ValueError where it is not a port
    except ValueError:
        raise RuleError("must be an https URL") from None
    if "@" in parts.netloc:
        raise RuleError("must not hold credentials", "Key sets are public")
    local = host in ("localhost", "127.0.0.1", "::1")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise RuleError("must be an https URL (http only to localhost)")
    if not text.isprintable() or " " in text:
        raise RuleError("must be an https URL, without spaces")
    return text


def issuer_url(value: object) -> object:
    """The URL of an issuer, as its tokens have it (OpenID Connect Discovery, section 3)."""
    text = web_url(value)
    if isinstance(text, str) and ("?" in text or "#" in text):
        raise RuleError("must be an https URL without a query and without a fragment")
    return text


def is_exposed(given: object, value: object) -> bool:
    """Whether the file itself holds, in plain text, a secret that is in effect.

    Args:
        given: What the file gives, interpolated.
        value: What its rule made of it.
    """
    if isinstance(given, list) and isinstance(value, tuple):
        items, secrets = cast("list[object]", given), cast("tuple[object, ...]", value)
        return any(is_exposed(item, secret) for item in items for secret in secrets)
    if not isinstance(given, Text) or not given.value:
        return False
    if isinstance(value, SecretUrl):
        return bool({*url_passwords(given.value)} & {*url_passwords(given.written)})
    return isinstance(value, Secret) and given.value == given.written
