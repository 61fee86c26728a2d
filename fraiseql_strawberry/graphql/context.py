"""`info.context`: a mapping and a Strawberry `BaseContext` at once, over the request's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.fastapi import BaseContext

from ..errors import Forbidden, TenantSwitchRefused
from ..events import TenantResolved, notify
from ..lifecycle import Tenants, tenants_of
from ..runtime import Runtime
from ..scope import RequestScope
from ..tenant import canonical_tenant_id
from .sources import load_related

__all__ = ["Context", "make_context"]

_FROM_SCOPE = ("tenant_id", "user_id", "claims")
_OF_ADMINISTRATORS = ("admin_db", "tenants")


class Context(BaseContext, MutableMapping[str, Any]):
    """What resolvers and middlewares find in `info.context`.

    `tenant_id`, `user_id` and `claims` are read from the request's scope, so they are always
    the ones in force; `request`, `response` and whatever the application adds are stored here.
    Each is there as a key and as an attribute.
    """

    _scope: RequestScope
    _runtime: Runtime

    # A mapping compares by content; a context is one request's and is compared by identity.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def scope(self) -> RequestScope:
        """The request's scope."""
        return self._scope

    @property
    def runtime(self) -> Runtime:
        """The tenancy that serves the request."""
        return self._runtime

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified content of the token; empty without one."""
        return self._scope.claims

    @property
    def user_id(self) -> str | None:
        """The token's subject."""
        return self._scope.claims.user_id

    @property
    def tenant_id(self) -> str | None:
        """The canonical tenant, once known."""
        return self._scope.tenant_id

    @tenant_id.setter
    def tenant_id(self, value: object) -> None:
        tenant_id = canonical_tenant_id(value, self._runtime.config.multitenancy.id_type)
        if tenant_id is None:
            raise PermissionError("Missing tenant context")
        known = self._scope.tenant_id
        self._scope.bind(tenant_id, "middleware")
        if known is None:
            notify(self._runtime.observers, TenantResolved(tenant_id, "middleware"))
            self._runtime.count(tenant_id)

    @property
    def admin_db(self) -> Any:
        """The administrator's connection, for callers with one of `admin_scopes` only.

        Raises:
            Forbidden: For anyone else.
        """
        if not self._may_administrate():
            raise Forbidden(
                hint="admin_db needs [database] admin_url, and a token with an admin scope"
            )
        return self._runtime.admin_db

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session of the request's tenant, for a block; it commits when the block ends.

        Resolvers have it as an argument. Generators open one for each event.
        """
        return self._runtime.session()

    @property
    def tenants(self) -> Tenants:
        """Work on whole tenants (`tenancy.tenants`), for callers with one of `admin_scopes` only.

        Raises:
            Forbidden: For anyone else.
        """
        if not self._may_administrate():
            raise Forbidden(
                hint="tenants needs [database] admin_url, and a token with an admin scope"
            )
        return tenants_of(self._runtime)

    def fraiseql_load_related(self, field: Any, instance: Any, info: Any) -> Any:
        """What the resolver of a relation calls where the value was not read with its parent."""
        return load_related(field, instance, info)

    def _may_administrate(self) -> bool:
        admin_scopes = frozenset(self._runtime.config.auth.admin_scopes)
        return self._runtime.admin_db is not None and bool(self._scope.claims.scopes & admin_scopes)

    def __getitem__(self, key: str) -> Any:
        if key in _FROM_SCOPE or key in _OF_ADMINISTRATORS:
            return getattr(self, key)
        if key.startswith("_"):
            raise KeyError(key)
        return self.__dict__[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key in ("user_id", "claims", *_OF_ADMINISTRATORS) or key.startswith("_"):
            raise TenantSwitchRefused(hint=f"context[{key!r}] comes from the verified token")
        setattr(self, key, value)

    def __delitem__(self, key: str) -> None:
        if key in _FROM_SCOPE or key.startswith("_"):
            raise TenantSwitchRefused(hint=f"context[{key!r}] cannot be taken out")
        del self.__dict__[key]

    def __iter__(self) -> Iterator[str]:
        yield from _FROM_SCOPE
        if self._may_administrate():
            yield from _OF_ADMINISTRATORS
        yield from (key for key in self.__dict__ if not key.startswith("_"))

    def __contains__(self, key: object) -> bool:
        if key in _OF_ADMINISTRATORS:
            return self._may_administrate()
        return key in _FROM_SCOPE or (
            isinstance(key, str) and not key.startswith("_") and key in self.__dict__
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or `default`; what is an administrator's is simply absent for others."""
        return self[key] if key in self else default  # noqa: SIM401 - this is get itself


def make_context(runtime: Runtime, scope: RequestScope, custom: object = None) -> Context:
    """Put the tenant into a context: ours, or one that the application already has.

    Args:
        runtime: The tenancy.
        scope: The request's scope.
        custom: What the application's own context getter gave: nothing, a dict or an instance
            of its `BaseContext` class, which stays an instance of that class.

    Raises:
        TypeError: For anything else.
        TenantSwitchRefused: For an instance that another request has: of two requests at once,
            one would run as the other's tenant.
    """
    if custom is None or (isinstance(custom, Mapping) and not isinstance(custom, BaseContext)):
        context = Context()
        context._scope, context._runtime = scope, runtime  # pyright: ignore[reportPrivateUsage]
        for key, value in cast("Mapping[str, Any]", custom or {}).items():
            context[key] = value
        return context
    if not isinstance(custom, BaseContext):
        raise TypeError(
            f"the context getter returned {type(custom).__name__}; return a dict, None or an "
            "instance of strawberry.fastapi.BaseContext"
        )
    if not isinstance(custom, Context):
        object.__setattr__(custom, "__class__", _mixed(type(custom)))
    elif custom.scope is not scope:
        raise TenantSwitchRefused(
            hint="the context getter gave the same object to two requests; make a new one each time"
        )
    vars(custom)["_scope"], vars(custom)["_runtime"] = scope, runtime
    return cast(Context, custom)


@cache
def _mixed(cls: type[BaseContext]) -> type:
    bases: Any = (cls, Context)
    # The tenant is the scope's, whatever the application's class says of that name.
    members = {"__module__": cls.__module__, "tenant_id": Context.tenant_id}
    return type(cls.__name__, bases, members)
