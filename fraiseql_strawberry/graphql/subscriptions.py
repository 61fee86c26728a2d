"""Root fields of `Subscription`: async generators, and changes that PostgreSQL announces."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, cast, overload

import strawberry
from strawberry.types.fields.resolver import StrawberryResolver

from ..channels import Change
from ..errors import SchemaError
from ..sql.source import Source
from .definition import OPERATION, SUBSCRIPTION, Operation, Subscription, SubscriptionField
from .inject import evaluated, find_session_parameter, session_parameters
from .root_field import make_field, takes_info, with_signature
from .scopes import required_scopes
from .subscribing import (
    admit_subscriber,
    body_of_change,
    events_of_channel,
    events_of_generator,
)

__all__ = ["subscription"]

# Together with what `announce_rows` puts before it, it is the name of a trigger: 63 bytes.
_CHANNEL = re.compile(r"[a-z_][a-z0-9_]{0,43}", re.ASCII)

Function = Callable[..., Any]


@overload
def subscription(function: Function, /) -> Any: ...
@overload
def subscription(
    *,
    channel: str | None = None,
    sql_source: str | None = None,
    key: str = "id",
    tenant: bool = True,
    **options: Any,
) -> Callable[[Function], Any]: ...


def subscription(
    function: Function | None = None,
    /,
    *,
    channel: str | None = None,
    sql_source: str | None = None,
    key: str = "id",
    tenant: bool = True,
    **options: Any,
) -> Any:
    """Make a function a field of `Subscription`.

    Without a channel it is an async generator, and each value that it yields is an event. It takes
    no `TenantSession`: it opens `info.context.session()` for what it reads, and ends that block
    before it yields.

    With a channel an event is a change that PostgreSQL has announced of this tenant (see
    `announce_rows`). With `sql_source` the body is never run (`...`): the changed row is read as
    the tenant, and arguments filter the columns of their names. Otherwise the body is called once
    for each change, with a `Change` and a `TenantSession` where it has such arguments. What comes
    out as None is no event.

    Args:
        function: The function.
        channel: The channel: small letters, digits and _, 44 at the most.
        sql_source: The source of the field's type, to read the changed row from.
        key: The column that an announcement's key is compared with.
        tenant: False for generators that are served without a tenant.
        **options: Whatever `strawberry.subscription` takes (`name`, `permission_classes`, …).

    Raises:
        SchemaError: When the function does not fit what is said of it.
    """

    def decorate(function: Function) -> SubscriptionField:
        said = Subscription(channel, Source.parse(sql_source) if sql_source else None, key)
        scopes, info = required_scopes(function), takes_info(function)
        operation = Operation("subscription", tenant, scopes=scopes, info=info)
        if channel is None:
            _check_generator(function, said)
            resolve = _generator(function, operation)
        else:
            _check_channel(function, said, operation)
            resolve = _listener(function, operation, said)
        metadata = {OPERATION: operation, SUBSCRIPTION: said}
        return make_field(
            SubscriptionField,
            function,
            metadata,
            options,
            StrawberryResolver(resolve),
            is_subscription=True,
        )

    return decorate if function is None else decorate(function)


def _generator(function: Function, operation: Operation) -> Any:
    async def resolve(*args: Any, info: strawberry.Info, **arguments: Any) -> Any:
        await admit_subscriber(operation)
        if operation.info:
            arguments["info"] = info
        return events_of_generator(function, args, arguments)

    return with_signature(resolve, function)


def _listener(function: Function, operation: Operation, said: Subscription) -> Any:
    session = find_session_parameter(function) if said.rows is None else None
    change = _change_parameter(function)

    async def resolve(*args: Any, info: strawberry.Info, **arguments: Any) -> Any:
        await admit_subscriber(operation)
        columns = {name: value for name, value in arguments.items() if value is not None}
        if operation.info:
            arguments["info"] = info
        value_of = body_of_change(function, change, session, args, arguments)
        return events_of_channel(said, cast(Any, info)._raw_info, value_of, columns)

    hidden = [name for name in (change, session.name if session else None) if name]
    return with_signature(resolve, function, without=hidden)


def _check_generator(function: Function, said: Subscription) -> None:
    name = function.__name__
    if said.rows is not None:
        raise SchemaError(f"{name}(): sql_source says what to read where there is a channel only")
    if not inspect.isasyncgenfunction(inspect.unwrap(function)):
        raise SchemaError(
            f"{name}() is no async generator: write `async def` and `yield`, or name a channel"
        )
    if session_parameters(function):
        raise SchemaError(
            f"{name}(): a session would be held from one event to the next. Open "
            "`async with info.context.session() as session:` for what is read, and end the block "
            "before each `yield`"
        )


def _check_channel(function: Function, said: Subscription, operation: Operation) -> None:
    name = function.__name__
    if not _CHANNEL.fullmatch(said.channel or ""):
        raise SchemaError(f"{name}(): a channel is 1 to 44 small letters, digits or _")
    if not operation.tenant:
        raise SchemaError(f"{name}(): what is announced is a tenant's: take tenant=False out")
    if inspect.isasyncgenfunction(inspect.unwrap(function)):
        raise SchemaError(
            f"{name}() is a generator: with a channel the body is called once for each change, "
            "and returns its value"
        )
    if said.rows is not None and (session_parameters(function) or _change_parameter(function)):
        raise SchemaError(
            f"{name}(): with sql_source the body is never run; take Change and TenantSession out"
        )


def _change_parameter(function: Function) -> str | None:
    for parameter in inspect.signature(function).parameters.values():
        if evaluated(parameter.annotation, function) is Change:
            return parameter.name
    return None
