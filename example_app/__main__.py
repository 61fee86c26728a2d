"""`python -m example_app`: the blog on a PostgreSQL of its own, with curl lines to paste."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from example_app import database
from example_app.app import create_app
from example_app.data import read_blogs
from example_app.lifecycle import prepare_lifecycle
from fraiseql_strawberry.auth import mint_token
from fraiseql_strawberry.embedded import durable_dir, open_server
from fraiseql_strawberry.errors import SetupError

ENOUGH = 24 * 60 * 60  # seconds that a demo's token lives


class Server(uvicorn.Server):
    """uvicorn, saying when it takes connections."""

    async def startup(self, sockets=None) -> None:
        """Start, then print the one line that scripts wait for."""
        await super().startup(sockets=sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            greet(f"http://{self.config.host}:{port}")


def main() -> int:
    """Parse the options, start PostgreSQL, serve until Ctrl-C; returns the exit code."""
    options = read_options()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    logging.getLogger("example_app").setLevel(logging.WARNING)
    try:
        with open_server(durable_dir(options.data_dir), durable=True) as server:
            urls = asyncio.run(
                database.prepare(server.admin_url(), strategy=options.strategy, progress=say)
            )
            serve(options, urls)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def read_options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser("python -m example_app", description=__doc__)
    parser.add_argument("--strategy", choices=["row", "schema", "database"], default="row")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 takes any free one")
    parser.add_argument("--data-dir", type=Path, default=Path(".demo-data"))
    return parser.parse_args()


def serve(options: argparse.Namespace, urls: database.Urls) -> None:
    """Serve until a signal."""
    os.environ.setdefault("JWT_SECRET", secrets.token_urlsafe(48))
    os.environ["DATABASE_URL"] = urls.app_url
    os.environ["REGISTRY_DATABASE_URL"] = urls.app_url  # where tenants have databases
    os.environ["ADMIN_DATABASE_URL"] = urls.admin_url
    asyncio.run(prepare_lifecycle(urls))
    app = create_app(strategy=options.strategy)
    config = uvicorn.Config(app, host=options.host, port=options.port, log_level="warning")
    Server(config).run()


def greet(url: str) -> None:
    """Print curl lines that work as they stand, and say that the server is ready."""
    secret = os.environ["JWT_SECRET"]
    for blog in read_blogs():
        author = str(blog.tables["tb_user"][0].id)
        token = mint_token(
            secret,
            tenant=str(blog.tenant_id),
            user=author,
            scopes=["write:posts"],
            lifetime=ENOUGH,
        )
        say(f"\n# {blog.name}, tenant {blog.tenant_id}\nTOKEN={token}")
        say(
            f"curl -s {url}/graphql -H 'Content-Type: application/json' "
            '-H "Authorization: Bearer $TOKEN" '
            '-d \'{"query":"{ posts(limit: 3) { id title author { name } } }"}\''
        )
    admin = mint_token(
        secret, tenant=None, user="operator", scopes=["admin:tenants"], lifetime=ENOUGH
    )
    say(f"\n# Who may make tenants\nADMIN={admin}")
    say(
        f"curl -s {url}/graphql -H 'Content-Type: application/json' "
        '-H "Authorization: Bearer $ADMIN" '
        '-d \'{"query":"mutation { provisionTenant(name: \\"Initech\\", plan: \\"free\\") '
        "{ id name status } }\"}'"
    )
    say(f"\n# GraphiQL: {url}/graphql (paste a token into its headers)")
    say(f'# REST:     curl -s {url}/posts -H "Authorization: Bearer $TOKEN"')
    say(f"\nready {url}")


def say(line: str) -> None:
    """Print at once, for whoever reads through a pipe."""
    print(line, flush=True)


def interrupted(signum: int, frame: FrameType | None) -> None:
    """SIGTERM while starting is like Ctrl-C: PostgreSQL is stopped on the way out."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    sys.exit(main())
