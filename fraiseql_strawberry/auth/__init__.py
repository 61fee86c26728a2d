"""Tokens: who signed them, what they say, and the one answer to those that cannot be trusted."""

from __future__ import annotations

from .bearer import bearer_token
from .claims import Claims
from .discovery import discovered_keys
from .issuers import IssuerVerifiers, Verifier
from .keys import KeySource, StaticKeys
from .mint import mint_token, sign
from .refusal import InvalidToken
from .remote_keys import RemoteKeys
from .rules import TokenRules
from .verifier import TokenVerifier

__all__ = [
    "Claims",
    "InvalidToken",
    "IssuerVerifiers",
    "KeySource",
    "RemoteKeys",
    "StaticKeys",
    "TokenRules",
    "TokenVerifier",
    "Verifier",
    "bearer_token",
    "discovered_keys",
    "mint_token",
    "sign",
]
