"""Compiled reads and writes of a tenant: where they are run, and who is told."""

from __future__ import annotations

import time
from typing import TypeVar

from ..events import Observer, StatementRun, notify
from ..isolation import CompiledQuery, Transaction, Work
from ..scope import find_scope
from ..wiring import Parts

__all__ = ["run_read", "run_write"]

T = TypeVar("T")


async def run_read(
    parts: Parts, observers: tuple[Observer, ...], tenant_id: str, query: CompiledQuery
) -> str | None:
    """Run a compiled read as a tenant.

    Args:
        parts: What serves tenants.
        observers: Called with a `StatementRun`.
        tenant_id: The tenant, which has been admitted.
        query: The read.
    """
    if not observers:
        return await _ask(parts, tenant_id, query)
    started = time.perf_counter()
    text = await _ask(parts, tenant_id, query)
    seconds = time.perf_counter() - started
    notify(observers, StatementRun(tenant_id, query.sql(None), seconds))
    return text


async def _ask(parts: Parts, tenant_id: str, query: CompiledQuery) -> str | None:
    if parts.replicas is not None and not _fresh():
        answer = await parts.replicas.read(tenant_id, query)
        if answer is not None:
            return answer.text
    return await parts.isolation.read(tenant_id, query)


def _fresh() -> bool:
    scope = find_scope()
    operation = None if scope is None else scope.operation
    return operation is not None and operation.fresh


async def run_write(
    parts: Parts, observers: tuple[Observer, ...], tenant_id: str, work: Work[T]
) -> T:
    """Do some work in a transaction of a tenant's, and commit it.

    Args:
        parts: What serves tenants.
        observers: Called with a `StatementRun` for each statement.
        tenant_id: The tenant, which has been admitted.
        work: Is given the transaction.
    """
    replicas = parts.replicas
    committing = None if replicas is None else replicas.committing(tenant_id)
    if not observers:
        return await parts.isolation.write(tenant_id, work, committing)

    def seen(statement: str, seconds: float) -> None:
        notify(observers, StatementRun(tenant_id, statement, seconds))

    async def observed(transaction: Transaction) -> T:
        transaction.observe = seen
        return await work(transaction)

    return await parts.isolation.write(tenant_id, observed, committing)
