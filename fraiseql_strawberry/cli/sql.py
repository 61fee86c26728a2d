"""`fraiseql-strawberry sql`: what becomes of an operation."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated, Any, cast

import strawberry
import typer

from ..config import Config
from ..errors import SetupError
from ..graphql.definition import OperationField
from ..graphql.documents import OperationFacts
from ..graphql.served import served_schema
from ..tenancy import Tenancy
from .explain import Operation, Seen, as_tenant, choose, explain, report, show
from .options import AsJson, ConfigPath, TenantId, read_config, read_tenant
from .target import load_schema
from .terminal import console, print_json

__all__ = ["sql"]


def sql(
    query: Annotated[
        str, typer.Argument(help="The GraphQL document; - reads it from standard input.")
    ],
    tenant: TenantId,
    schema: Annotated[
        str,
        typer.Option(
            metavar="MODULE[:ATTRIBUTE]",
            help="A module of decorated fields, or where a strawberry.Schema is.",
        ),
    ],
    variables: Annotated[
        str, typer.Option(metavar="JSON", help="The variables, as a JSON object.")
    ] = "{}",
    operation: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which operation, where there are several.")
    ] = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Run it, for true row counts and times.")
    ] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show what becomes of a GraphQL operation: lane, plan, SQL, parameters, PostgreSQL's plan.

    PostgreSQL is asked as the application's role, in a read-only transaction that is bound to the
    tenant and rolled back.
    """
    settings = read_config(config)
    tenant_id = read_tenant(tenant, settings)
    text = sys.stdin.read() if query == "-" else query
    wanted = Operation(text, operation, _object(variables))
    seen = asyncio.run(_look(settings, load_schema(schema), wanted, tenant_id, analyze=analyze))
    if as_json:
        print_json(report(seen))
    else:
        show(seen, console())


async def _look(
    config: Config,
    schema: strawberry.Schema,
    operation: Operation,
    tenant_id: str,
    *,
    analyze: bool,
) -> Seen:
    async with Tenancy(config) as tenancy:
        await tenancy.admit(tenant_id)
        choice = await choose(served_schema(tenancy, schema), operation, tenant_id)
        async with as_tenant(tenancy, tenant_id) as asking:
            plans = [await explain(asking, one, analyze=analyze) for one in choice.statements]
    return Seen(tenant_id, asking.role, choice, plans, _scopes(choice.facts))


def _scopes(facts: OperationFacts) -> frozenset[str]:
    fields = [field for field in facts.fields if isinstance(field, OperationField)]
    return frozenset(scope for field in fields for scope in field.operation.scopes)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"--variables is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise SetupError("--variables must be a JSON object, such as '{\"limit\": 3}'")
    return cast("dict[str, Any]", found)
