"""Compiled operations on PostgreSQL, as an unprivileged role under row-level security.

The judge is graphql-core's own execution over the same rows in Python.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, assume, given, settings

from fraiseql_strawberry.errors import BadUserInput
from fraiseql_strawberry.graphql.compiler import (
    Compiled,
    SchemaIndex,
    Settings,
    StepAside,
    compile_operation,
    normalise,
    verify,
)
from tests.isolation.wide.database import Wide, open_wide
from tests.isolation.wide.judge import Judge
from tests.isolation.wide.operations import Operation, operations
from tests.isolation.wide.rows import CLEAN, TENANTS, make_rows
from tests.isolation.wide.types import schema

# 10,000 for a thorough run.
EXAMPLES = int(os.environ.get("FRAISEQL_EXAMPLES", "300"))
BOUNDS = Settings(first_parameter=1, max_cost=10**12)
JUDGES = {tenant: Judge(make_rows(tenant)) for tenant in TENANTS}
INDEX = SchemaIndex(schema, {"Slug": "string"})


@pytest.fixture(scope="module")
async def wide(admin_url: str) -> AsyncIterator[Wide]:
    async with open_wide(admin_url, INDEX) as opened:
        verify(INDEX, opened.catalog, BOUNDS)
        yield opened


def compiled(wide: Wide, text: str) -> tuple[Any, tuple[str, ...]]:
    lifted = normalise(text)
    program = compile_operation(INDEX, parse(text), None, wide.catalog, BOUNDS, lifted=lifted)
    return program, lifted.literals


def ordered(text: str) -> Any:
    """JSON with the order of keys, which GraphQL promises, made visible."""
    return json.loads(text, object_pairs_hook=lambda pairs: pairs)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operation=operations())
async def test_an_operation_answers_what_graphql_core_does(
    wide: Wide, operation: Operation
) -> None:
    document = parse(operation.text)
    assume(not validate(INDEX.schema, document))
    program, literals = compiled(wide, operation.text)
    assert isinstance(program, Compiled), program
    for tenant in TENANTS:
        expected = JUDGES[tenant].answer(document, operation.variables)
        try:
            bound = program.bind(operation.variables, literals)
        except BadUserInput as error:
            # Bounds are refused before anything runs, so also where no row would have got there.
            assert expected.errors or error.extensions["argument"] in ("limit", "offset")
            continue
        if isinstance(bound, StepAside):
            assert expected.errors, bound
            continue
        text = await wide.read(tenant, bound.sql(), bound.args)
        assert text is not None
        if expected.errors:
            assert bound.violates(text), expected.errors
        else:
            assert not bound.violates(text), text
            assert ordered(text) == ordered(json.dumps(expected.data)), bound.sql()
        # Fail closed: without the tenant, every shape of statement returns nothing.
        assert _read(json.loads(await wide.read(None, bound.sql(), bound.args) or "{}")) == []


def _read(data: dict[str, Any]) -> list[Any]:
    """What of an answer came out of the database."""
    return [value for value in data.values() if value and value != "Query"]
