"""Compiled operations on PostgreSQL, as an unprivileged role under row-level security.

The judge is graphql-core's own execution over the same rows in Python.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from graphql import ExecutionResult, parse, validate
from hypothesis import HealthCheck, assume, given, settings

from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import BadUserInput
from fraiseql_strawberry.graphql.compiler import (
    MISPLACED,
    Compiled,
    SchemaIndex,
    Settings,
    StepAside,
    compile_operation,
    normalise,
    verify,
)
from fraiseql_strawberry.graphql.json_text import encode
from tests.isolation.wide.database import Wide, open_wide
from tests.isolation.wide.judge import DEFAULT_LIMIT, Judge
from tests.isolation.wide.operations import Operation, operations
from tests.isolation.wide.pages import Unjudged
from tests.isolation.wide.rows import CLEAN, TENANTS, make_rows
from tests.isolation.wide.same import is_empty, same
from tests.isolation.wide.types import schema

MakeTenancy = Callable[..., Tenancy]

# 10,000 for a thorough run.
EXAMPLES = int(os.environ.get("FRAISEQL_EXAMPLES", "300"))
BOUNDS = Settings(first_parameter=1, max_cost=10**12, default_limit=DEFAULT_LIMIT)
# A document that the server refuses as a whole, however valid: its bounds have tests of their own.
REFUSED = "BAD_USER_INPUT"
BOUNDED = re.compile("exceeds the limit|too many times|more than .* tokens")
JUDGES = {tenant: Judge(tenant, make_rows(tenant)) for tenant in TENANTS}
INDEX = SchemaIndex(schema, {"Slug": "string"})


@pytest.fixture(scope="module")
async def wide(admin_url: str) -> AsyncIterator[Wide]:
    async with open_wide(admin_url, INDEX) as opened:
        verify(INDEX, opened.catalog, BOUNDS)
        yield opened


def compiled(wide: Wide, text: str) -> tuple[Any, tuple[str, ...]]:
    lifted = normalise(text)
    program = compile_operation(INDEX, parse(text), None, wide.catalog, BOUNDS, lifted=lifted)
    if isinstance(program, StepAside) and program.reason == MISPLACED:
        lifted = normalise(text, nested=False)  # as `Plans` does
        program = compile_operation(INDEX, parse(text), None, wide.catalog, BOUNDS, lifted=lifted)
    return program, lifted.literals


def unjudged(expected: ExecutionResult) -> bool:
    """Whether rows break a promise that pages rest on, so that there is nothing to compare."""
    return any(isinstance(error.original_error, Unjudged) for error in expected.errors or ())


@pytest.fixture(scope="module")
async def standard(wide: Wide, make_tenancy: MakeTenancy) -> AsyncIterator[Tenancy]:
    """A tenancy over the wide database that never takes the fast lane."""
    graphql = {
        "fast_lane": False,
        "max_cost": 10**9,
        "default_limit": DEFAULT_LIMIT,
        "max_depth": 50,
        "max_aliases": 500,
    }
    urls = Urls(wide.url, wide.url, wide.url, wide.url, wide.url)
    async with make_tenancy(urls, graphql=graphql) as running:
        yield running


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operation=operations())
async def test_both_lanes_answer_what_graphql_core_does(
    wide: Wide, standard: Tenancy, operation: Operation
) -> None:
    document = parse(operation.text)
    assume(not validate(INDEX.schema, document))
    program, literals = compiled(wide, operation.text)
    assert isinstance(program, Compiled), program
    for tenant in TENANTS:
        variables = JUDGES[tenant].variables(operation.variables)
        expected = JUDGES[tenant].answer(document, variables)
        await _fast(wide, tenant, program, literals, operation.text, variables, expected)
        await _standard(standard, tenant, operation.text, variables, expected)
    # Other values of the same operation may take another statement.
    others = JUDGES[CLEAN[0]].variables(operation.others)
    expected = JUDGES[CLEAN[0]].answer(document, others)
    await _fast(wide, CLEAN[0], program, literals, operation.text, others, expected)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operation=operations(mixed=True))
async def test_finished_fields_beside_hand_written_ones_answer_what_graphql_core_does(
    standard: Tenancy, operation: Operation
) -> None:
    document = parse(operation.text)
    assume(not validate(INDEX.schema, document))
    for tenant in TENANTS:
        variables = JUDGES[tenant].variables(operation.variables)
        expected = JUDGES[tenant].answer(document, variables)
        for as_text in (False, True):
            await _standard(standard, tenant, operation.text, variables, expected, as_text=as_text)


async def _fast(
    wide: Wide,
    tenant: str,
    program: Compiled,
    literals: tuple[str, ...],
    text: str,
    variables: dict[str, Any],
    expected: ExecutionResult,
) -> None:
    try:
        bound = program.bind(variables, literals, tenant)
    except BadUserInput as error:
        bound = error
    if isinstance(bound, BadUserInput):
        # Bounds are refused before anything runs, so also where no row would have got there.
        assert expected.errors or bound.extensions["argument"] in ("limit", "offset")
        return
    if isinstance(bound, StepAside):
        assert expected.errors, bound
        return
    answer = await wide.read(tenant, bound.sql(), bound.args)
    assert answer is not None
    if unjudged(expected):
        pass
    elif expected.errors:
        assert bound.violates(answer.encode()), expected.errors
    else:
        assert not bound.violates(answer.encode()), answer
        assert same(answer, expected.data), (answer, expected.data, bound.sql())
    # Fail closed: without the tenant, every shape of statement returns nothing.
    nothing = json.loads(await wide.read(None, bound.sql(), bound.args) or "")
    names, paged = INDEX.schema.type_map, "pageInfo" in text
    assert is_empty(nothing, names, paged=paged), nothing


async def _standard(
    standard: Tenancy,
    tenant: str,
    text: str,
    variables: dict[str, Any],
    expected: ExecutionResult,
    *,
    as_text: bool = False,
) -> None:
    async with standard.as_tenant(tenant) as scope:
        scope.json_text = as_text  # as our router says, which writes the response itself
        answer = await schema.execute(text, variable_values=variables)
    errors = answer.errors or ()
    refused = [e.extensions or {} for e in errors if (e.extensions or {}).get("code") == REFUSED]
    if refused:
        # As above: below a row that is not there, the judge does not look at bounds.
        assert expected.errors or {r.get("argument") for r in refused} <= {"limit", "offset"}
        return
    if any(BOUNDED.search(error.message) for error in errors):
        return
    # Which of several errors are reported below a null that spreads is left open by the
    # specification (6.4.4); the data is not.
    if unjudged(expected):
        return
    assert bool(answer.errors) == bool(expected.errors), (answer.errors, expected.errors)
    written = encode(answer.data).decode() if as_text else json.dumps(answer.data)
    assert same(written, expected.data), (written, expected.data)


async def test_not_holds_where_a_null_leaves_a_comparison_unknown(wide: Wide) -> None:
    text = '{ foundThings(where: {not: {aText: {eq: "plain"}}}, limit: 100) { aText } }'
    program, literals = compiled(wide, text)
    for tenant in TENANTS:
        expected = JUDGES[tenant].answer(parse(text), {})
        assert {"aText": None} in expected.data["foundThings"]
        await _fast(wide, tenant, program, literals, text, {}, expected)
