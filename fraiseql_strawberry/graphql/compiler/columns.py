"""Names of attributes, arguments and keys as columns of a source, checked against the catalog."""

from __future__ import annotations

from difflib import get_close_matches

from ...errors import SchemaError
from ...sql.catalog import Catalog, Column, ColumnType, SourceColumns
from ...sql.plan import ColumnRef
from ...sql.scalars import Scalar, document_type, fits
from ...sql.source import Origin, Source

__all__ = ["column_ref", "document_ref", "leaf_ref", "natural_scalar", "tenant_ref"]

_NATURAL = {
    "uuid": "uuid",
    "bool": "boolean",
    "int2": "int",
    "int4": "int",
    "int8": "int",
    "float4": "float",
    "float8": "float",
    "numeric": "decimal",
    "date": "date",
    "timestamp": "datetime",
    "timestamptz": "datetime",
    "time": "time",
    "timetz": "time",
    "interval": "interval",
    "bytea": "base64",
    "json": "json",
    "jsonb": "json",
}


def natural_scalar(type_: ColumnType) -> Scalar:
    """What a column holds when the Python annotation does not say."""
    return Scalar(_NATURAL.get(type_.name, "string"), 1 if type_.array else 0, item_nullable=True)


def tenant_ref(catalog: Catalog, source: Source) -> ColumnRef | None:
    """The column by which a source's rows are distributed, where it shows that.

    Args:
        catalog: The catalog.
        source: The source.

    Raises:
        SchemaError: When the database has no such source.
    """
    column = catalog.columns_of(source).tenant
    return None if column is None else ColumnRef(column.name, column.type)


def column_ref(
    catalog: Catalog, source: Origin, name: str, scalar: Scalar | None, user: str
) -> ColumnRef:
    """The column of a name, or the key of that name in the source's `data jsonb`.

    Args:
        catalog: The catalog.
        source: The source, or the JSON object that has keys only.
        name: The column.
        scalar: What the attribute of that name holds, if one is known.
        user: Who asks for it, for the error: "Post.title".

    Raises:
        SchemaError: When the source has neither, naming the nearest column, or when the
            application role may not read it.
    """
    columns = catalog.columns_of(source)
    column = _readable(columns, source, name, user)
    if column is not None:
        lists = scalar is not None and scalar.depth > 0 and scalar.kind != "json"
        if lists and column.type.name == "jsonb" and not column.type.array:
            return ColumnRef(name, document_type(scalar), from_json=True)
        return ColumnRef(name, column.type)
    if columns.document is not None:
        _readable(columns, source, columns.document, user)
        return ColumnRef(name, document_type(scalar), columns.document)
    near = get_close_matches(name, columns.columns, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    raise SchemaError(f'{user}: {source} has no column "{name}"{hint}')


def document_ref(catalog: Catalog, source: Origin, name: str, user: str) -> ColumnRef:
    """The JSON column of a name, or the key of that name, that holds an object or a list of them.

    Raises:
        SchemaError: As `column_ref`, or when the column's type is not JSON.
    """
    if not catalog.columns_of(source).holds(name):
        raise SchemaError(
            f'{user} is an object, and {source} has no column "{name}": add it to the view as '
            "jsonb, or make the field a relation(…)"
        )
    ref = column_ref(catalog, source, name, _JSON, user)
    if ref.type.name not in ("json", "jsonb"):
        brackets = "[]" if ref.type.array else ""
        raise SchemaError(
            f"{user} is an object, which {source}.{name} of type {ref.type.name}{brackets} cannot "
            "hold; make it jsonb in the view, or the field a relation(…)"
        )
    return ref


_JSON = Scalar("json")


def _readable(columns: SourceColumns, source: Origin, name: str, user: str) -> Column | None:
    column = columns.columns.get(name)
    if column is not None and not column.readable:
        raise SchemaError(
            f"{user}: the application role may not read {source}.{name}; "
            f"GRANT SELECT ON {source} TO it"
        )
    return column


def leaf_ref(
    catalog: Catalog, source: Origin, name: str, scalar: Scalar | None, user: str
) -> tuple[ColumnRef, Scalar]:
    """The column that an attribute is read from, and as what.

    Raises:
        SchemaError: As `column_ref`, or when the column's type does not hold such values.
    """
    ref = column_ref(catalog, source, name, scalar, user)
    scalar = scalar or natural_scalar(ref.type)
    nested = scalar.depth > 1 and (ref.document is not None or ref.from_json)
    if nested or not fits(scalar, ref.type):
        brackets = "[]" if ref.type.array else ""
        wanted = f"a list of {scalar.kind}" if scalar.depth else scalar.kind
        raise SchemaError(
            f"{user} is {wanted}, which {source}.{name} of type {ref.type.name}{brackets} "
            "cannot hold; change the annotation or cast in the view"
        )
    return ref, scalar
