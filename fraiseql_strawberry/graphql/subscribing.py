"""How a subscription gets its events: from a generator, or from a channel of PostgreSQL's.

No session lasts from one event to the next: it would hold a connection, and a transaction, for as
long as a browser is open. The tenant and the token are asked about at each event, whatever carries
it; our router ends a subscription also where none comes.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, nullcontext
from typing import Any

from graphql import GraphQLResolveInfo

from ..channels import Change
from ..errors import BadUserInput, Unauthorized, UsageError
from ..runtime import Running, running
from ..session import holds_connection
from .definition import Operation, SessionParameter, Subscription
from .resolving import resolve_with_session
from .scopes import check_scopes
from .sources import read_row

__all__ = ["admit_subscriber", "body_of_change", "events_of_channel", "events_of_generator"]


async def admit_subscriber(operation: Operation) -> None:
    """The guards before the first event.

    Raises:
        Forbidden: When a scope is missing.
        Unauthorized: When there is no tenant and the field needs one.
        TenantUnavailable: When the tenant is not served.
    """
    check_scopes(operation.scopes)
    here = running()
    if operation.tenant:
        here.scope.require_tenant()
    await _refuse_ended(here)


async def events_of_generator(
    function: Callable[..., Any], args: tuple[Any, ...], arguments: Mapping[str, Any]
) -> AsyncGenerator[Any]:
    """What an async generator of the application's yields.

    Raises:
        UsageError: When it yields while a session of its has a connection.
    """
    here = running()
    with _counted(here):
        async with aclosing(function(*args, **arguments)) as values:
            async for value in values:
                if holds_connection():
                    raise UsageError(
                        hint=f"{function.__name__}() yields inside of a session's block, which "
                        "would hold a connection until the next event: end the block first"
                    )
                await _refuse_ended(here)
                yield value


async def events_of_channel(
    subscription: Subscription,
    info: GraphQLResolveInfo[Any],
    value_of: Callable[[Change], Any],
    columns: Mapping[str, Any],
) -> AsyncGenerator[Any]:
    """An event for each change that is announced of the tenant; one without a value is left out.

    Args:
        subscription: What the decorator said.
        info: graphql-core's.
        value_of: Awaited for the value of a change, where no rows are read.
        columns: What else the rows must have.

    Raises:
        EventsMissed: When changes were lost.
    """
    here = running()
    runtime, tenant_id = here.runtime, here.scope.require_tenant()
    assert subscription.channel is not None
    operation = here.scope.operation
    if operation is not None:
        operation.fresh = True
    runtime.channels.places.check()
    with _counted(here):
        async with runtime.channels.subscribe(tenant_id, subscription.channel) as changes:
            while True:
                change = await changes.next()
                await _refuse_ended(here)
                if subscription.rows is None:
                    value = await value_of(change)
                else:
                    value = await _row(info, subscription.key, change, columns)
                if value is not None:
                    yield value


def body_of_change(
    function: Callable[..., Any],
    change_name: str | None,
    session: SessionParameter | None,
    args: tuple[Any, ...],
    arguments: Mapping[str, Any],
) -> Callable[[Change], Any]:
    """What calls a body for a change, with a session of its own, which commits before the event."""

    def value_of(change: Change) -> Any:
        given = arguments if change_name is None else {**arguments, change_name: change}

        def call(**injected: Any) -> Any:
            return function(*args, **given, **injected)

        sync = not inspect.iscoroutinefunction(function)
        return resolve_with_session(call, session, sync=sync)

    return value_of


async def _row(
    info: GraphQLResolveInfo[Any], key: str, change: Change, columns: Mapping[str, Any]
) -> Any:
    """The row as it is now, read as the tenant: a forged notification shows nothing else."""
    try:
        return await read_row(info, {key: change.key, **columns})
    except BadUserInput as error:
        if error.extensions.get("argument") == key:
            return None  # no key of this table, so nobody's row
        raise


async def _refuse_ended(here: Running) -> None:
    scope, runtime = here.scope, here.runtime
    expires_at = scope.claims.expires_at
    if expires_at is not None and time.time() >= expires_at + runtime.config.auth.leeway:
        raise Unauthorized("The token has expired")
    if scope.tenant_id is not None:
        await runtime.admit(scope.tenant_id)


def _counted(here: Running) -> Any:
    tenant_id = here.scope.tenant_id
    return nullcontext() if tenant_id is None else here.runtime.subscriptions.one_of(tenant_id)
