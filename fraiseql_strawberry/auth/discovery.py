"""Keys of an issuer that says itself where they are (OpenID Connect Discovery 1.0, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url

from ..config.rules import RuleError
from ..config.secret_rules import web_url
from .remote_keys import RemoteKeys, fetch_json

__all__ = ["discovered_keys"]


class WrongIssuer(ValueError):
    """The document at an issuer's URL is another issuer's."""


class UnusableMetadata(ValueError):
    """The document at an issuer's URL does not say where its keys are, or not on https."""


def discovered_keys(issuer: str, algorithms: Sequence[str], **options: Any) -> RemoteKeys:
    """The keys of an issuer; both documents are fetched each time, since the keys may move.

    Args:
        issuer: Its URL, as tokens have it in `iss`.
        algorithms: The pinned algorithms.
        **options: As for `RemoteKeys`.
    """
    url = get_well_known_url(issuer, external=True)
    return RemoteKeys(url, algorithms, fetch=partial(_fetch_keys, issuer), **options)


def _fetch_keys(issuer: str, url: str) -> Any:
    document = fetch_json(url)
    if not isinstance(document, dict):
        raise UnusableMetadata("not a JSON object")
    metadata: Any = OpenIDProviderMetadata(cast("dict[str, Any]", document))
    # Exactly, with its last slash: else one tenant of a provider could stand for another
    # (section 4.3).
    if metadata.get("issuer") != issuer:
        raise WrongIssuer("the document names another issuer")
    metadata.validate_issuer()
    metadata.validate_jwks_uri()
    return fetch_json(_trusted(metadata["jwks_uri"], issuer))


def _trusted(url: object, issuer: str) -> str:
    """Authlib lets an environment variable turn https off, so it is looked at once more."""
    try:
        checked = web_url(url)
    except RuleError as error:
        raise UnusableMetadata(error.message) from None
    if not isinstance(checked, str) or urlsplit(checked).scheme not in (
        "https",
        urlsplit(issuer).scheme,
    ):
        raise UnusableMetadata("jwks_uri must be an https URL")
    return checked
