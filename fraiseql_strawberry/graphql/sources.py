"""Fields that read a source, in the standard lane: one compiled statement each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, cast

import strawberry
from graphql import GraphQLResolveInfo
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.dataloader import DataLoader

from ..errors import SchemaError
from ..isolation.protocol import CompiledQuery
from ..runtime import Running, running
from ..scope import find_scope
from ..session import refuse_nested
from ..trouble import is_outdated, translated
from .compiler import FieldCompiler, batch_key
from .compiler.core import named_type
from .definition import Operation
from .relation import RelationField
from .scopes import check_scopes
from .served import ServedSchema, served_schema

__all__ = [
    "Load",
    "compiled",
    "load",
    "load_related",
    "read_row",
    "resolve_source",
    "served_for",
]

T = TypeVar("T")
C = TypeVar("C")


class Load(CompiledQuery, Protocol):
    """A compiled read that knows what its JSON means."""

    def violates(self, text: str | None) -> bool:
        """Whether it has to be read again without finishing."""
        ...

    def value(self, text: str | None, *, as_text: bool = False) -> Any:
        """The value of the field."""
        ...


Make = Callable[[FieldCompiler, bool], Load]
"""Compiles a read, with finished values or without."""


async def resolve_source(info: GraphQLResolveInfo[Any], operation: Operation) -> Any:
    """The value of a root field: the selected columns, in one statement.

    Args:
        info: graphql-core's.
        operation: What the decorator said.

    Raises:
        Forbidden: When a scope is missing.
        Unauthorized: When there is no tenant.
        BadUserInput: When an argument cannot be served.
    """
    check_scopes(operation.scopes)
    here = running()
    return await _read(
        here,
        served_for(here, info),
        lambda fields, finishing: fields.root(
            info, finishing=finishing, tenant_id=here.scope.tenant_id
        ),
    )


async def load_related(field: RelationField, instance: Any, info: strawberry.Info) -> Any:
    """The value of a relation of an object that was not read with it.

    Siblings are batched: one statement per relation and level. The loaders belong to the
    operation, so one tenant's answers never serve another's (SECURITY.md: a global DataLoader
    gave B A's value).
    """
    here = running()
    raw = _raw(info)
    key = batch_key(raw)
    state = here.scope.operation
    assert state is not None
    loader = state.loaders.get(key)
    if loader is None:

        async def read(parents: list[_ByIdentity]) -> list[Any]:
            rows = [parent.row for parent in parents]

            def make(fields: FieldCompiler, finishing: bool) -> Load:
                return fields.related(raw, field, rows, finishing=finishing)

            return await _read(here, served_for(here, raw), make)

        loader = state.loaders[key] = DataLoader(load_fn=read, cache=False)
    return await loader.load(_ByIdentity(instance))


async def load(type_: type[T], session: AsyncSession, **columns: Any) -> T:
    """Read one object of a decorated type, in the session's transaction: what it wrote is there.

    Relations of the object are read when the client asked for them, one statement per relation
    and level.

    Args:
        type_: A type decorated with `sql_source`.
        session: A `TenantSession`; its pending changes are flushed first.
        **columns: What identifies the row: `id=new_id`.

    Returns:
        The object.

    Raises:
        LookupError: When this tenant has no such row.
        SchemaError: When the type has no source, or a column does not exist.
    """
    scope = find_scope()
    state = None if scope is None else scope.operation
    if state is None or state.served is None:
        raise SchemaError(
            "fraiseql.load needs a GraphQL operation; use the session's own queries elsewhere"
        )
    here = running()
    tenant_id = here.scope.require_tenant()
    served = cast(ServedSchema, state.served)
    query: Load
    try:
        query = (await served.revision(tenant_id, session)).fields.by_columns(type_, columns)
    except SchemaError:
        if not served.doubt(tenant_id):
            raise
        query = (await served.revision(tenant_id, session)).fields.by_columns(type_, columns)
    await session.flush()
    text = await here.runtime.isolation.read_in(await session.connection(), tenant_id, query)
    found = query.value(text)
    if found is None:
        raise LookupError(f"{type_.__name__}: no row has these values: {', '.join(columns)}")
    return found


async def read_row(info: GraphQLResolveInfo[Any], columns: Mapping[str, Any]) -> Any:
    """The row of a field's type that has these values, read as the running tenant; None if none.

    Args:
        info: graphql-core's, of a field whose type has a source.
        columns: What identifies the row, as `load` takes it.
    """
    here = running()
    served = served_for(here, info)
    cls = served.index.object(named_type(cast(Any, info).return_type).name).cls
    return await _read(here, served, lambda fields, _: fields.by_columns(cls, columns))


class _ByIdentity:
    """A parent row as a DataLoader key: rows are compared by identity, not by content."""

    __slots__ = ("row",)

    def __init__(self, row: Any) -> None:
        self.row = row


async def _read(here: Running, served: ServedSchema, make: Make) -> Any:
    state = here.scope.operation
    finishing = state is not None and state.finishing
    query, text = await _run(here, served, lambda fields: make(fields, finishing))
    if query.violates(text):
        # Read again as objects, so that the errors are graphql-core's own.
        query, text = await _run(here, served, lambda fields: make(fields, False))
    return query.value(text, as_text=state is not None and state.json_text)


async def _run(
    here: Running, served: ServedSchema, make: Callable[[FieldCompiler], Load]
) -> tuple[Load, str | None]:
    """Compile and run a read; once more where the tables changed since the catalog was read."""
    tenant_id = here.scope.require_tenant()
    query = await compiled(here, served, tenant_id, make)
    try:
        return query, await here.runtime.read(query)
    except Exception as error:
        # In a transaction of several statements nothing more can be read after an error.
        if not is_outdated(error) or here.scope.unit is not None:
            raise
        served.forget(tenant_id)
        query = await compiled(here, served, tenant_id, make)
        return query, await here.runtime.read(query)


async def compiled(
    here: Running, served: ServedSchema, tenant_id: str, make: Callable[[FieldCompiler], C]
) -> C:
    """What a tenant's tables make of a field; once more where they were migrated in between.

    Args:
        here: The runtime and the scope.
        served: The schema.
        tenant_id: The tenant, admitted.
        make: Compiles it.

    Raises:
        SchemaError: When the field does not fit them.
    """
    try:
        return make(await _fields(served, here, tenant_id))
    except SchemaError:
        if not served.doubt(tenant_id):
            raise
        return make(await _fields(served, here, tenant_id))


async def _fields(served: ServedSchema, here: Running, tenant_id: str) -> FieldCompiler:
    known = served.known(tenant_id)
    if known is not None:
        return known.fields
    if here.scope.unit is not None:
        async with here.scope.unit.turn() as session:
            return (await served.revision(tenant_id, session)).fields
    refuse_nested()  # the catalog is read over a connection
    with translated():
        return (await served.revision(tenant_id)).fields


def _raw(info: strawberry.Info) -> GraphQLResolveInfo[Any]:
    return cast(Any, info)._raw_info


def served_for(here: Running, info: GraphQLResolveInfo[Any]) -> ServedSchema:
    """The schema of a field, as its tenancy serves it."""
    state = here.scope.operation
    if state is not None and isinstance(state.served, ServedSchema):
        return state.served
    return served_schema(here.runtime, cast(Any, info.schema)._strawberry_schema)
