"""What tenants are sealed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..rules import whole, words
from ..secret import Secret
from ..secret_rules import secret_text

__all__ = ["SEALED", "SEAL_SETTING", "Seal"]

SEALED = "sealed"
SEAL_SETTING = "app.tenant_seal"


@dataclass(frozen=True, slots=True)
class Seal:
    """`[multitenancy.seal]`: what tenants are sealed with; `lifetime` is in seconds."""

    key: Annotated[Secret | None, secret_text] = None
    key_file: Annotated[str | None, words("the path of a file")] = None
    lifetime: Annotated[int, whole(5, 86_400)] = 60
