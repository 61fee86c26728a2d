"""What to say about a key that its section does not have: the nearest one, or where it belongs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from .lines import Path
from .mistakes import header

__all__ = ["unknown_key"]

_PASSWORD = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|credentials?|dsn|database_url|db_url)(?:_|$)"
)
_SECRET = re.compile(r"(?:^|_)(?:secrets?|token|jwt|(?:api|private|signing)_?key)(?:_|$)")
_HOMES = {
    _PASSWORD: 'A password belongs in [database] url, as "${DATABASE_URL}"',
    _SECRET: 'A secret belongs in [auth] secret, as "${JWT_SECRET}"',
}


def unknown_key(section: Path, key: str, keys: Mapping[Path, tuple[str, ...]]) -> tuple[str, str]:
    """The message and the hint for an unknown key or section.

    Args:
        section: Where the key stands; empty at the top of the file.
        key: The key as it is written.
        keys: The valid keys of each section, with the sections themselves under `()`.
    """
    message = f'{header(section)} has no key "{_shown(key)}"'
    if not section:
        message = f'there is no section or top-level key "{_shown(key)}"'
    plain = _plain(key)
    home = next((home for pattern, home in _HOMES.items() if pattern.search(plain)), None)
    near = difflib.get_close_matches(plain, keys[section], 1, 0.75)
    if near and (section or not home):  # [graphql] max_token speaks of no secret
        return message, f'Did you mean "{near[0]}"?'
    owners = [path for path, names in keys.items() if path and plain in names]
    if home and owners in ([], [("auth",)]):
        return message, home
    if owners:
        return message, f"It belongs in {' or '.join(header(owner) for owner in owners)}"
    names = ", ".join(keys[section])
    if near := difflib.get_close_matches(plain, keys[section], 1, 0.4):
        return message, f'Did you mean "{near[0]}"? The names are {names}'
    return message, f"The names are {names}"


def _plain(key: str) -> str:
    """`tenant-header`, `tenantHeader` and `TENANT_HEADER` as `tenant_header`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key[:100])
    return re.sub(r"[^a-z0-9]+", "_", words.lower())


def _shown(key: str) -> str:
    """The key on one line, and not for ever."""
    printable = "".join(part if part.isprintable() else "?" for part in key)
    return printable if len(printable) <= 60 else f"{printable[:60]}…"
