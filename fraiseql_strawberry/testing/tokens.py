"""Tokens for tests, signed as the application's own are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import strawberry
from fastapi.routing import iter_route_contexts
from strawberry.types.field import StrawberryField

from ..auth import mint_token
from ..config import Config
from ..errors import SetupError
from ..graphql.definition import OPERATION, Operation

__all__ = ["every_scope", "schemas_of", "token_for"]


def token_for(config: Config, tenant: str, scopes: Iterable[str] = ()) -> str:
    """A token of a tenant's user.

    Args:
        config: The application's.
        tenant: The tenant.
        scopes: What the token allows.

    Raises:
        SetupError: When the application verifies no HMAC tokens, so none can be signed.
    """
    secret = config.auth.signing_secret
    if secret is None:
        raise SetupError(
            "tokens for tests are signed with [auth] secret, and there is none: set JWT_SECRET, "
            "or override the fixtures tenant_a_token and tenant_b_token"
        )
    auth = config.auth
    return mint_token(
        secret.reveal(),
        tenant=tenant,
        scopes=scopes,
        tenant_claim=auth.tenant_claim,
        tenants_claim=auth.tenants_claim,
        user_claim=auth.user_claim,
        scope_claim=auth.scope_claim,
        issuer=auth.issuer,
        audience=auth.audience[0] if auth.audience else None,
        algorithm=next(a for a in auth.algorithms if a.startswith("HS")),
    )


def every_scope(app: Any, config: Config) -> frozenset[str]:
    """Every scope that a field of the application's schemas asks for, but those of administrators.

    Args:
        app: The FastAPI application.
        config: Which scopes are administrators'.
    """
    found: set[str] = set()
    for schema in schemas_of(app):
        for type_ in (schema.query, schema.mutation, schema.subscription):
            definition: Any = getattr(type_, "__strawberry_definition__", None)
            fields: list[StrawberryField] = definition.fields if definition else []
            for field in fields:
                operation = field.metadata.get(OPERATION)
                if isinstance(operation, Operation):
                    found |= set(operation.scopes)
    return frozenset(found - set(config.auth.admin_scopes))


def schemas_of(app: Any) -> list[strawberry.Schema]:
    """The GraphQL schemas that an application serves."""
    found: list[strawberry.Schema] = []
    for context in iter_route_contexts(app.routes):
        owner: Any = getattr(getattr(context.original_route, "endpoint", None), "__self__", None)
        schema = getattr(owner, "schema", None) or _closed_over(context.original_route)
        if isinstance(schema, strawberry.Schema) and schema not in found:
            found.append(schema)
    return found


def _closed_over(route: Any) -> object:
    """Strawberry's endpoints are closures over their router."""
    endpoint = getattr(route, "endpoint", None)
    for cell in getattr(endpoint, "__closure__", None) or ():
        schema = getattr(cell.cell_contents, "schema", None)
        if isinstance(schema, strawberry.Schema):
            return schema
    return None
