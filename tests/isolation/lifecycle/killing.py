"""A process that is killed at a chosen moment of its work: run as a script by `test_killed.py`.

It imports everything once. For each line on its stdin, a JSON object, it forks a child that does
what the line says; and answers with the child's exit code, negative for a signal. `after` kills
the child with SIGKILL as soon as it has sent its n-th message to PostgreSQL, which then works on it
with nobody there to read the answer; `seconds` kills it after so long. `count` is a file that
holds how many messages were sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from asyncio import selector_events
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.lifecycle import TenantRecord


async def seed(session: AsyncSession, tenant: TenantRecord) -> None:
    """The first rows of a tenant that is being made."""
    insert = text(
        "INSERT INTO customer (name) SELECT 'first ' || n FROM generate_series(1, 3) AS n"
    )
    await session.execute(insert)


async def work(order: dict[str, Any]) -> None:
    """Do what the order says."""
    urls = dict.fromkeys(("DATABASE_URL", "REGISTRY_DATABASE_URL"), order["url"])
    config = Config.from_env({**urls, "JWT_SECRET": "x" * 40}).override(
        database={"admin_url": order["admin_url"]},
        multitenancy=order["multitenancy"],
        migrations={"owner": order["owner"]},
    )
    tenancy = Tenancy(config)
    tenants, tenant_id = tenancy.tenants, order["tenant"]
    if order["what"] == "create":
        await tenants.create("Acme", id=tenant_id, seed=seed)
    elif order["what"] == "restore":
        await tenants.restore(order["file"], id=tenant_id)
    elif order["what"] == "delete":
        await tenants.delete(tenant_id, order["token"])
    elif order["what"] == "shelve":
        await tenants.archive(tenant_id, order["file"])
    elif order["what"] == "move":
        await tenants.move(tenant_id, order["server"])
    elif order["what"] == "template":
        await tenants.renew_template()
    await tenancy.tenants.close()


def watch(order: dict[str, Any]) -> None:
    """Count the messages that are sent, and die after as many as the order says."""
    transport: Any = selector_events._SelectorSocketTransport
    write, sent = transport.write, 0

    def counted(self: Any, data: bytes) -> None:
        nonlocal sent
        write(self, data)
        sent += 1
        if "count" in order:
            Path(order["count"]).write_text(str(sent))
        if sent == order.get("after"):
            os.kill(os.getpid(), signal.SIGKILL)

    transport.write = counted


def run_child(order: dict[str, Any]) -> int:
    """Fork, work, and say how it ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            watch(order)
            if order.get("seconds"):
                timer = threading.Timer(order["seconds"], os.kill, (os.getpid(), signal.SIGKILL))
                timer.daemon = True
                timer.start()
            asyncio.run(work(order))
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    for line in sys.stdin:
        began = time.perf_counter()
        ended = run_child(json.loads(line))
        sys.stdout.write(json.dumps([ended, time.perf_counter() - began]) + "\n")
        sys.stdout.flush()
