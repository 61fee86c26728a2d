"""The bounds that compiled statements are held to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the compiler needs to know of the configuration.

    Args:
        max_limit: The longest list a client may ask for, and the length of a root field's list
            where neither the client nor its signature says.
        default_limit: The length of a list below a row where neither the client nor its
            `relation(limit=…)` says.
        max_cost: The most rows that one operation may read, by its limits multiplied.
        first_parameter: The number of a statement's first own parameter; `$1` is the tenant's.
        max_shapes: How many statements are kept per operation or field; the oldest goes first.
        max_fields: How many fields the standard lane keeps compiled.
        max_conditions: How many conditions one `where` may have.
        max_condition_depth: How deep they may be inside of each other.
        max_items: How many values one list of them may have.
        max_order_keys: How many keys one order may have.
        setting: The setting that names the tenant of a transaction.
    """

    max_limit: int = 1000
    default_limit: int = 100
    max_cost: int = 1_000_000
    first_parameter: int = 2
    max_shapes: int = 64
    max_fields: int = 1000
    max_conditions: int = 100
    max_condition_depth: int = 10
    max_items: int = 1000
    max_order_keys: int = 10
    setting: str = "app.tenant_id"
