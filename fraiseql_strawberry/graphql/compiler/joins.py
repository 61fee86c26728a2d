"""The columns in which the rows of a relation meet."""

from __future__ import annotations

from dataclasses import replace

from ...sql.catalog import Catalog
from ...sql.plan import ColumnRef, Join, Link
from ...sql.source import Origin, Relation, Source
from .columns import column_ref, tenant_ref
from .index import ObjectIndex

__all__ = ["join_of"]


def join_of(
    catalog: Catalog,
    parent: ObjectIndex,
    source: Origin | None,
    object_: ObjectIndex,
    remote: Source,
    relation: Relation,
) -> Join:
    """The columns of a relation.

    Args:
        catalog: The columns.
        parent: The type that has the relation.
        source: Where its rows come from, or the JSON object that it is; None joins to bare keys,
            in columns named for the local ones, of the types they are compared with.
        object_: The type it leads to.
        remote: The source of that.
        relation: The relation.

    Raises:
        SchemaError: When a column is missing.
    """
    user = f"the relation from {parent.name} to {object_.name}"

    def refs(
        of: Origin, names: tuple[str, ...], type_: ObjectIndex | None
    ) -> tuple[ColumnRef, ...]:
        return tuple(
            column_ref(catalog, of, name, type_.scalar_of(name) if type_ else None, user)
            for name in names
        )

    far = refs(remote, relation.remote, object_)
    link, near = None, far
    if relation.through is not None:
        through = relation.through
        near = refs(through.source, through.local, None)
        link = Link(
            catalog.located(through.source),
            near,
            refs(through.source, through.remote, None),
            tenant_ref(catalog, through.source),
        )
    if source is None:
        pairs = zip(relation.local, near, strict=True)
        return Join(tuple(ColumnRef(name, ref.type) for name, ref in pairs), far, link)
    local = (
        # A key of a document has no type of its own: undeclared, it takes that of the other side.
        replace(ref, type=other.type)
        if ref.document is not None and parent.scalar_of(ref.name) is None
        else ref
        for ref, other in zip(refs(source, relation.local, parent), near, strict=True)
    )
    return Join(tuple(local), far, link)
