"""Root fields: `query` and `mutation` make real Strawberry fields of plain functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast, overload

import strawberry
from strawberry.types.fields.resolver import StrawberryResolver

from ..errors import SchemaError
from ..sql.source import Source, SourceQuery, parse_order_by
from .aggregate import AGGREGATE, AggregateField, Aggregation
from .connection import PAGE_ARGUMENTS, ConnectionField
from .definition import (
    ARGUMENTS,
    OPERATION,
    MutationField,
    Operation,
    QueryField,
    SessionParameter,
    SourceResolver,
)
from .inject import find_session_parameter
from .inputs.automatic import AutoParams, automatic
from .resolving import call_body
from .root_field import make_field, takes_info, with_signature
from .scopes import required_scopes
from .source_writes import WriteOperation, source_write
from .sources import resolve_source
from .write_field import resolve_write

__all__ = ["mutation", "query"]

# Arguments that shape a list instead of filtering a column.
_LIST_ARGUMENTS = frozenset({"limit", "offset", "where", "order_by"}) | PAGE_ARGUMENTS

Function = Callable[..., Any]


@overload
def query(function: Function, /) -> Any: ...
@overload
def query(
    *,
    sql_source: str | None = None,
    id_arg: str | None = None,
    order_by: str | tuple[str, ...] | None = None,
    auto_params: AutoParams = False,
    where: Sequence[str] | None = None,
    relay: bool = False,
    aggregate: bool | Sequence[str] = False,
    tenant: bool = True,
    **options: Any,
) -> Callable[[Function], Any]: ...


def query(
    function: Function | None = None,
    /,
    *,
    sql_source: str | None = None,
    id_arg: str | None = None,
    order_by: str | tuple[str, ...] | None = None,
    auto_params: AutoParams = False,
    where: Sequence[str] | None = None,
    relay: bool = False,
    aggregate: bool | Sequence[str] = False,
    tenant: bool = True,
    **options: Any,
) -> Any:
    """Make a function a field of `Query`.

    With `sql_source` the body is never run (`...` or `pass`): the selected columns are read
    from the source, and each argument filters the column of its name (None: no filter), but for
    `limit` and `offset`. Without one the body is the resolver; a sync body runs in a thread.

    Args:
        function: The function; its return annotation is the field's type.
        sql_source: The view or table to read.
        id_arg: The argument that names the one row, for fields that return one.
        order_by: The order of a list, unless the client chooses one: `"-created_at, id"`.
        auto_params: True adds the arguments `where`, `order_by`, `limit` and `offset`, with input
            types made of the type that is read; a list of names adds these. A mapping narrows
            them: `{"where": ["title", "author.name"], "limit": True}`.
        where: The columns that `where` is for; it is then an argument in any case.
        relay: Make the field a Relay connection of the rows, with cursors: `first`, `after`,
            `last` and `before` choose the page.
        aggregate: Make the field what the rows come to: their number, and the least, the greatest,
            the sum and the average of columns, also by groups. A list names the columns; True is
            all of them.
        tenant: False for fields that are served without a tenant.
        **options: Whatever `strawberry.field` takes (`name`, `permission_classes`, …).

    Raises:
        SchemaError: When arguments, `id_arg` and source do not fit together.
    """
    if not tenant and sql_source is not None:
        raise SchemaError("a query with sql_source needs a tenant: take tenant=False out")
    if sql_source is None and (auto_params or where or relay or aggregate):
        raise SchemaError(
            "auto_params, where, relay and aggregate need a sql_source: a body reads its own "
            "arguments"
        )
    if aggregate and (relay or id_arg or order_by):
        raise SchemaError(
            "an aggregate has no order and no pages: take relay, id_arg, order_by out"
        )

    def decorate(function: Function) -> QueryField:
        declared = inspect.signature(function).parameters
        name, aggregated = function.__name__, aggregate is not False
        generated = automatic(name, auto_params, where, declared, relay=relay, aggregate=aggregated)
        if generated is not None:
            options["metadata"] = {**options.get("metadata", {}), ARGUMENTS: generated}
        source = _source_query(function, sql_source, id_arg, order_by) if sql_source else None
        if relay and source is not None:
            source = replace(source, relay=True)
        field_class = ConnectionField if relay else QueryField
        if aggregated and source is not None:
            source, field_class = _aggregated(name, source, declared), AggregateField
            aggregation = Aggregation.of(name, aggregate)
            options["metadata"] = {**options.get("metadata", {}), AGGREGATE: aggregation}
        scopes, info = required_scopes(function), takes_info(function)
        operation = Operation("query", tenant, scopes=scopes, source=source, info=info)
        return _field(field_class, function, operation, options)

    return decorate if function is None else decorate(function)


@overload
def mutation(function: Function, /) -> Any: ...
@overload
def mutation(
    *,
    tenant: bool = True,
    atomic: bool = False,
    sql_source: str | None = None,
    operation: WriteOperation | None = None,
    key: str = "id",
    on_conflict: str | tuple[str, ...] = (),
    version: str | None = None,
    **options: Any,
) -> Callable[[Function], Any]: ...


def mutation(
    function: Function | None = None,
    /,
    *,
    tenant: bool = True,
    atomic: bool = False,
    sql_source: str | None = None,
    operation: WriteOperation | None = None,
    key: str = "id",
    on_conflict: str | tuple[str, ...] = (),
    version: str | None = None,
    **options: Any,
) -> Any:
    """Make a function a field of `Mutation`.

    A `TenantSession` argument is opened for the call and commits when the body has returned,
    before the response is sent; an exception rolls it back. A sync body runs in a thread.

    With `sql_source` the body is never run (`...` or `pass`): the arguments are written, and what
    is selected of the row is read back in the same transaction. Without `operation` the source is
    a function, called with the arguments by name; it returns the key of what it wrote. With one it
    is a table or an updatable view, and each argument, or each field of an input object, is the
    column of its name. A list of input objects, or of keys, is a row for each.

    Args:
        function: The resolver, sync or async.
        tenant: False for sign-up or log-in: no tenant is needed, and there is no TenantSession.
        atomic: One transaction for the whole GraphQL operation: any error in it undoes it all.
        sql_source: The function, table or view that is written to.
        operation: "create", "update" or "delete", for a table or a view.
        key: The column that tells rows apart, in the table and in the source of the type.
        on_conflict: For "create": the columns of a unique index whose conflict makes it an update.
        version: For "update" and "delete": an integer or a timestamp that the caller has read; a
            row that has another by now is the error CONFLICT.
        **options: Whatever `strawberry.mutation` takes.

    Raises:
        SchemaError: When `tenant=False` goes with a TenantSession, or arguments and source do not
            fit together.
    """

    def decorate(function: Function) -> MutationField:
        scopes, info = required_scopes(function), takes_info(function)
        write = source_write(
            function,
            sql_source,
            operation,
            tenant=tenant,
            key=key,
            on_conflict=on_conflict,
            version=version,
        )
        definition = Operation("mutation", tenant, atomic, scopes, info=info, write=write)
        return _field(MutationField, function, definition, options)

    return decorate if function is None else decorate(function)


def _source_query(
    function: Function, sql_source: str, id_arg: str | None, order_by: str | tuple[str, ...] | None
) -> SourceQuery:
    names = [
        name
        for name in inspect.signature(function).parameters
        if name not in ("self", "info", "root")
    ]
    if id_arg is not None and id_arg not in names:
        raise SchemaError(
            f'{function.__name__}(): id_arg="{id_arg}" names no argument; '
            f"there are: {', '.join(names)}"
        )
    return SourceQuery(
        Source.parse(sql_source),
        id_arg=id_arg,
        id_column=id_arg or "id",
        order_by=parse_order_by(order_by),
        filters={name: name for name in names if name not in _LIST_ARGUMENTS},
    )


def _aggregated(name: str, source: SourceQuery, declared: Collection[str]) -> SourceQuery:
    for argument in ("limit", "offset", "order_by"):
        if argument in declared:
            raise SchemaError(f"{name}(): an aggregate is of all rows: take {argument!r} out")
    return replace(source, aggregate=True)


def _field(
    field_class: type[Any], function: Function, operation: Operation, options: dict[str, Any]
) -> Any:
    session = find_session_parameter(function)
    if session is not None and not operation.tenant:
        raise SchemaError(
            f"{function.__name__}(): tenant=False has no tenant, so no TenantSession either; "
            "open tenancy.as_tenant(…) in the body where there is one"
        )
    resolver = _resolver(function, operation, session)
    return make_field(field_class, function, {OPERATION: operation}, options, resolver)


def _resolver(
    function: Function, operation: Operation, session: SessionParameter | None
) -> StrawberryResolver[Any]:
    """The async function Strawberry calls."""

    async def resolve(*args: Any, info: strawberry.Info, **arguments: Any) -> Any:
        if operation.write is not None:
            return await resolve_write(cast(Any, info)._raw_info, operation)
        if operation.source is not None:
            return await resolve_source(cast(Any, info)._raw_info, operation)
        if operation.info:
            arguments["info"] = info
        return await call_body(function, operation, session, args, arguments)

    with_signature(resolve, function, without=() if session is None else (session.name,))
    if operation.source is None and operation.write is None:
        return StrawberryResolver(resolve)
    resolver = SourceResolver(resolve)
    of = resolve_source if operation.write is None else resolve_write
    resolver.read = partial(of, operation=operation)
    return resolver
