"""Tokens: who signed them, what they say, and the one answer to those that cannot be trusted."""

from __future__ import annotations

from .bearer import bearer_token
from .claims import Claims
from .keys import KeySource, StaticKeys
from .mint import mint_token, sign
from .refusal import InvalidToken
from .remote_keys import RemoteKeys
from .rules import TokenRules
from .verifier import TokenVerifier

__all__ = [
    "Claims",
    "InvalidToken",
    "KeySource",
    "RemoteKeys",
    "StaticKeys",
    "TokenRules",
    "TokenVerifier",
    "bearer_token",
    "mint_token",
    "sign",
]
