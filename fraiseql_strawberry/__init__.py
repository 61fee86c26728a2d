"""Multi-tenancy on PostgreSQL for FastAPI and Strawberry.

import fraiseql_strawberry as fraiseql
"""

from __future__ import annotations

from strawberry import Private, enum, field, input

from .channels import Change
from .errors import TenancyError
from .fastapi import CurrentTenant, SyncTenantSession, TenantSession
from .graphql.inject import inject
from .graphql.middleware import middleware
from .graphql.operations import mutation, query
from .graphql.relation import relation
from .graphql.router import GraphQLRouter
from .graphql.scalars import BigInt
from .graphql.schema import build_schema
from .graphql.scopes import requires_scope
from .graphql.sources import load
from .graphql.subscriptions import subscription
from .graphql.types import type
from .tenancy import Tenancy
from .tenant import Tenant

__all__ = [
    "BigInt",
    "Change",
    "CurrentTenant",
    "GraphQLRouter",
    "Private",
    "SyncTenantSession",
    "Tenancy",
    "TenancyError",
    "Tenant",
    "TenantSession",
    "build_schema",
    "enum",
    "field",
    "inject",
    "input",
    "load",
    "middleware",
    "mutation",
    "query",
    "relation",
    "requires_scope",
    "subscription",
    "type",
]
