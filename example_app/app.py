"""The blog as a FastAPI app: GraphQL, REST, and what its operators ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Query
from fastapi.responses import Response
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app import schema as blog
from example_app.tables import BlogTables
from fraiseql_strawberry import TenantSession
from fraiseql_strawberry.metrics import Metrics

CONFIG = Path(__file__).with_name("fraiseql.toml")


def create_app(**overrides: Any) -> FastAPI:
    """Make the app; `uvicorn --factory example_app.app:create_app` serves it.

    Args:
        **overrides: Keys of `[multitenancy]` that replace those of the file.
    """
    metrics = Metrics()
    tenancy = fraiseql.Tenancy.from_toml(
        CONFIG, observers=[metrics], migrations=BlogTables(), **overrides
    )
    app = FastAPI(title="Blog platform")
    tenancy.install(app)
    schema = fraiseql.build_schema(blog)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")

    @app.get("/posts")
    async def list_posts(
        session: TenantSession, limit: int = Query(20, ge=1, le=100)
    ) -> Sequence[dict[str, Any]]:
        """The tenant's posts; the session sees no others."""
        statement = text(
            "SELECT id, title, published, created_at FROM v_post "
            "ORDER BY created_at DESC, id LIMIT :limit"
        )
        rows = await session.execute(statement, {"limit": limit})
        return [dict(row) for row in rows.mappings()]

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process is alive."""
        return {"status": "alive"}

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        """The database answers, and its role is one that policies hold."""
        await tenancy.ready()
        return {"status": "ready"}

    @app.get("/metrics")
    async def scrape() -> Response:
        """What Prometheus scrapes; nothing in it names a tenant."""
        return Response(metrics.render(), media_type=Metrics.media_type)

    return app
