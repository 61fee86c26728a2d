"""What an operation may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..rules import whole, words

__all__ = ["Graphql"]

_count = whole(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Graphql:
    """`[graphql]`: what an operation may ask for."""

    ide: bool = True
    introspection: bool = True
    max_depth: Annotated[int, whole(1, 1000)] = 10
    max_aliases: Annotated[int, whole(0, 10_000)] = 30
    max_tokens: Annotated[int, _count] = 2000
    max_characters: Annotated[int, _count] = 100_000
    max_fields: Annotated[int, _count] = 2000
    max_merges: Annotated[int, _count] = 5000
    max_introspection_depth: Annotated[int, whole(1, 1000)] = 20
    fast_lane: bool = True
    persisted_queries: bool = True
    documents: Annotated[str | None, words("a path")] = None
    server_timing: bool = False
    max_limit: Annotated[int, _count] = 1000
    default_limit: Annotated[int, _count] = 100
    max_body_bytes: Annotated[int, whole(1, 1_000_000_000)] = 1_000_000
    max_socket_operations: Annotated[int, whole(1, 10_000)] = 100
    max_cost: Annotated[int, whole(1, 1_000_000_000)] = 100_000
