"""Documents that a client names instead of sending: registered by their hash, or trusted.

Automatic persisted queries are Apollo's protocol
(https://www.apollographql.com/docs/apollo-server/performance/apq): the name is the SHA-256 of the
text, so what one client registers cannot change what another one runs. Trusted documents are a list
of the application's own; then nothing else is run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..config import Config
from ..errors import (
    BadUserInput,
    DocumentNotTrusted,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
    SchemaError,
)
from .recent import Recent

__all__ = ["PersistedDocuments", "named", "read_trusted"]

_DOCUMENT_ID = "documentId"
_CAPACITY = 1_000
_MAX_CHARACTERS = 10_000
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class PersistedDocuments:
    """What stands for a text that a request names.

    Args:
        trusted: Name → text; None where any text is run.
        automatic: Whether clients may register texts; they may not where some are trusted.
        capacity: How many registered texts are kept; the least recently used goes first.
    """

    def __init__(
        self,
        trusted: Mapping[str, str] | None,
        *,
        automatic: bool = True,
        capacity: int = _CAPACITY,
    ) -> None:
        self.trusted = trusted
        self._texts = frozenset((trusted or {}).values())
        self._automatic = automatic
        self._registered: Recent[str, str] = Recent(capacity)

    def __len__(self) -> int:
        return len(self._registered)

    def admits(self, text: str) -> bool:
        """Whether a text may be run."""
        return self.trusted is None or text in self._texts

    def text(self, query: str | None, extensions: Mapping[str, Any] | None) -> str | None:
        """The text to run: the request's own, or the one that it names.

        Call it once the caller is known: it may register the text.

        Args:
            query: The text of the request, if it has one.
            extensions: Its `extensions`, with its `documentId` where it has one.

        Raises:
            PersistedQueryNotFound: When nothing of that hash is registered: the client sends the
                text along.
            PersistedQueryNotSupported: When registering is off.
            DocumentNotTrusted: When only trusted documents are run, and this is none.
            BadUserInput: When the hash is not that of the text.
        """
        given: Mapping[str, Any] = extensions or {}
        if self.trusted is not None:
            return self._trusted(self.trusted, query, given)
        if given.get(_DOCUMENT_ID) is not None:
            raise PersistedQueryNotSupported
        wanted = given.get("persistedQuery")
        return query if wanted is None else self._automatically(query, _hash_of(wanted))

    def _trusted(
        self, trusted: Mapping[str, str], query: str | None, given: Mapping[str, Any]
    ) -> str:
        name: object = given.get(_DOCUMENT_ID)
        if name is None and given.get("persistedQuery") is not None:
            name = _hash_of(given["persistedQuery"])
        found = query if name is None else trusted.get(name) if isinstance(name, str) else None
        if found is None or found not in self._texts or (query and query != found):
            raise DocumentNotTrusted
        return found

    def _automatically(self, query: str | None, hash_: str) -> str:
        if not self._automatic:
            raise PersistedQueryNotSupported
        if not query:
            found = self._registered.get(hash_)
            if found is None:
                raise PersistedQueryNotFound
            return found
        if _sha256(query) != hash_:
            raise BadUserInput("provided sha does not match query")
        if len(query) <= _MAX_CHARACTERS:
            self._registered.keep(hash_, query)
        return query


def named(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a request says of a document that it names, for `PersistedDocuments.text`.

    Args:
        request: Its decoded JSON.

    Returns:
        Its `extensions`, with its `documentId`; None where it names none, or has extensions that
        are somebody else's to read.
    """
    extensions: object = request.get("extensions")
    found = dict(cast("dict[str, Any]", extensions)) if isinstance(extensions, dict) else {}
    if request.get(_DOCUMENT_ID) is not None:
        found[_DOCUMENT_ID] = request[_DOCUMENT_ID]
    return found if found and found.keys() <= {"persistedQuery", _DOCUMENT_ID} else None


def read_trusted(config: Config) -> Mapping[str, str] | None:
    """The documents of `[graphql] documents`; None where it is not set.

    Raises:
        SchemaError: When the file cannot be read, or a name that is a hash is not that of its text.
    """
    given = config.graphql.documents
    if given is None:
        return None
    path = (config.path.parent if config.path else Path()) / given
    place = f"[graphql] documents, {path}"
    try:
        decoded: object = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SchemaError(f"{place} cannot be read: {(error.strerror or '').lower()}") from error
    except ValueError as error:
        raise SchemaError(f"{place} is no JSON: {error}") from error
    documents = cast("dict[str, object]", decoded if isinstance(decoded, dict) else {"": None})
    texts = {name: text for name, text in documents.items() if isinstance(text, str)}
    if len(texts) != len(documents):
        raise SchemaError(f'{place} must be an object of texts: {{"name or hash": "query …"}}')
    for name, text in texts.items():
        if _HASH.fullmatch(name) and _sha256(text) != name:
            raise SchemaError(f"{place}: {name} is not the SHA-256 of its text; make the list anew")
    return texts


def _hash_of(wanted: object) -> str:
    persisted = cast("dict[str, object]", wanted) if isinstance(wanted, dict) else {}
    hash_ = persisted.get("sha256Hash")
    if persisted.get("version") != 1 or not isinstance(hash_, str):
        raise BadUserInput("Unsupported persisted query version")
    return hash_.lower()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
