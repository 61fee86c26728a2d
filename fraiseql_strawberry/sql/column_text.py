"""How the column of a row is read, or the key of its JSON document."""

from __future__ import annotations

from .catalog import quoted
from .plan import ColumnRef
from .scalars import literal

__all__ = ["column_text"]


def column_text(ref: ColumnRef, alias: str) -> str:
    """The expression that reads it.

    Args:
        ref: The column.
        alias: The row.
    """
    if ref.document is None and not ref.from_json:
        return f"{alias}.{quoted(ref.name)}"
    if ref.document is None:
        json = f"{alias}.{quoted(ref.name)}"
    else:
        json = f"{alias}.{quoted(ref.document)}->{literal(ref.name)}"
    if ref.type.array:
        return (
            f"CASE WHEN jsonb_typeof({json}) = 'array' THEN "
            f"ARRAY(SELECT v::{ref.type.name} FROM jsonb_array_elements_text({json}) AS e(v)) END"
        )
    if ref.type.name == "jsonb":
        return f"({json})"
    text = f"({json.replace('->', '->>', 1)})"
    return text if ref.type.name == "text" else f"{text}::{ref.type.name}"
