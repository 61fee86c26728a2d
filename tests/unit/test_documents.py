"""Documents are read once per text, and say what the guards need to know."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from graphql import GraphQLError, NoDeprecatedCustomRule, parse, specified_rules

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.graphql.documents import Document, Documents
from fraiseql_strawberry.graphql.limits import Limits

RULES = tuple(specified_rules)


@fraiseql.query(tenant=False)
def version() -> str: ...


@fraiseql.query
def posts() -> list[str]: ...


@fraiseql.mutation(tenant=False)
def sign_up() -> str: ...


@fraiseql.mutation(atomic=True)
def transfer() -> str: ...


@strawberry.type
class Query:
    @strawberry.field
    def native(self) -> str: ...


SCHEMA: Any = fraiseql.build_schema([version, posts, sign_up, transfer, Query])._schema


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA, Limits())


NEEDS_TENANT = {
    "{ version }": False,
    "{ __typename }": False,
    "{ __schema { types { name } } version }": False,
    "{ posts }": True,
    "{ native }": True,
    "{ version posts }": True,
    "{ version x: posts }": True,
    "{ posts: version }": False,
    "{ version: posts }": True,
    "{ ...F } fragment F on Query { version }": False,
    "{ ...F } fragment F on Query { version ...G } fragment G on Query { native }": True,
    "{ ... on Query { version ... { posts } } }": True,
    "query($no: Boolean = false) { version posts @skip(if: $no) }": True,
    "mutation { signUp }": False,
    "mutation { signUp transfer }": True,
}


@pytest.mark.parametrize(("text", "needed"), NEEDS_TENANT.items())
def test_whether_a_tenant_is_needed(documents: Documents, text: str, needed: bool) -> None:
    document = documents.get(text, RULES)
    assert document.errors == []
    assert document.operation(None).needs_tenant is needed
    # The same for a document that somebody else parsed.
    assert documents.examine(parse(text)).operation(None).needs_tenant is needed


def test_whether_it_is_atomic(documents: Documents) -> None:
    assert documents.get("mutation { signUp transfer }", RULES).operation(None).atomic
    assert not documents.get("mutation { signUp }", RULES).operation(None).atomic


def test_each_operation_is_judged_by_itself(documents: Documents) -> None:
    document = documents.get("query A { version } query B { posts } mutation C { transfer }", RULES)
    facts = [document.operation(name) for name in "ABC"]
    assert [each.needs_tenant for each in facts] == [False, True, True]
    assert [each.type for each in facts] == ["query", "query", "mutation"]
    assert [each.name for each in facts] == ["A", "B", "C"]


SEVERAL = "query A { version } query B { posts }"


def test_several_operations_need_a_name(documents: Documents) -> None:
    with pytest.raises(GraphQLError, match=r"operationName is needed.*\(A, B\)"):
        documents.get(SEVERAL, RULES).operation(None)


@pytest.mark.parametrize("text", [SEVERAL, "query A { version }", "{ version }"])
def test_a_name_that_is_not_there(documents: Documents, text: str) -> None:
    with pytest.raises(GraphQLError, match='no operation named "C"'):
        documents.get(text, RULES).operation("C")


def test_a_document_is_read_once(documents: Documents) -> None:
    first = documents.get("{ version }", RULES)
    assert documents.get("{ version }", RULES) is first
    assert documents.get("{ version } ", RULES) is not first
    assert documents.get("{ version }", (*RULES, NoDeprecatedCustomRule)) is not first
    assert len(documents) == 3


def test_an_invalid_document_is_remembered_too(documents: Documents) -> None:
    first = documents.get("{ nope }", RULES)
    assert [error.message for error in first.errors] == [
        "Cannot query field 'nope' on type 'Query'."
    ]
    assert first.operations == {}
    assert documents.get("{ nope }", RULES) is first


def test_the_memory_is_bounded() -> None:
    documents = Documents(SCHEMA, Limits(), capacity=3)
    kept = documents.get("{ version }", RULES)
    for number in range(10):
        documents.get(f"{{ x{number}: version }}", RULES)
        assert documents.get("{ version }", RULES) is kept
    assert len(documents) == 3


def test_long_texts_are_not_kept(documents: Documents) -> None:
    text = "{ version }" + " " * 30_000
    assert documents.get(text, RULES).errors == []
    assert len(documents) == 0


REFUSED = {
    "": "Syntax Error",
    "{": "Syntax Error",
    "fragment F on Query { version }": "operation",
    "{ " + "version " * 2001 + "}": "tokens",
    "{ version } #" + "x" * 100_000: "characters",
    "{" + "a{" * 3000: "nested too deeply",
    "{" + "a{" * 900 + "a" + "}" * 901: "nested too deeply",
    "{" + "a{" * 20 + "a" + "}" * 21: "depth",
    "{ " + " ".join(f"a{n}: version" for n in range(31)) + " }": "aliases",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_no_document_or_too_large(documents: Documents, text: str, message: str) -> None:
    with pytest.raises(GraphQLError, match=message):
        documents.get(text, RULES).operation(None)


def test_introspection_may_be_off() -> None:
    documents = Documents(SCHEMA, Limits(), introspection=False)
    for text in ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'):
        document: Document = documents.get(text, RULES)
        assert "introspection" in document.errors[0].message
        with pytest.raises(GraphQLError, match="introspection"):
            documents.examine(parse(text))
    assert documents.get("{ __typename version }", RULES).errors == []
    assert documents.examine(parse("{ __typename version }")).operation(None)
