"""`fraiseql-strawberry token`: a token to try things out with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ..auth import mint_token
from ..config import Auth, Config
from ..config.duration import duration_ms
from ..config.rules import RuleError
from ..errors import SetupError
from .options import AsJson, ConfigPath, TenantId, read_config, read_tenant
from .terminal import print_json, warn

__all__ = ["token"]


def token(
    tenant: TenantId,
    user: Annotated[str, typer.Option(metavar="ID", help="The user's id.")] = "developer",
    scope: Annotated[
        list[str] | None, typer.Option(help="What it allows; may be given several times.")
    ] = None,
    lifetime: Annotated[
        str, typer.Option(metavar="TIME", help="Until it expires: 90s, 15min, 1h.")
    ] = "1h",
    yes: Annotated[bool, typer.Option("--yes", help="Do it in production too.")] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Mint a development token for a tenant, signed with the service's own secret.

    Only the token goes to stdout: `TOKEN=$(fraiseql-strawberry token --tenant …)`.
    """
    settings = read_config(config)
    tenant_id = read_tenant(tenant, settings)
    if settings.production and not yes:
        raise SetupError(
            "FRAISEQL_ENV=production, and this token would open a tenant's data to whoever has it: "
            "let your identity provider issue one, or say --yes"
        )
    seconds = _seconds(lifetime, settings.auth)
    now = int(datetime.now(UTC).timestamp())
    expires = datetime.fromtimestamp(now + seconds, UTC).isoformat()
    text = _mint(settings, tenant_id, user, scope or [], seconds, now)
    for warning in settings.warnings:
        warn(warning)
    warn(f"for development only: until {expires} it lets its bearer act as tenant {tenant_id}")
    if as_json:
        print_json(
            {
                "token": text,
                "tenant_id": tenant_id,
                "user_id": user,
                "scopes": scope or [],
                "expires_at": expires,
            }
        )
    else:
        typer.echo(text)


def _seconds(lifetime: str, auth: Auth) -> int:
    try:
        seconds = duration_ms(lifetime) // 1000
    except RuleError as error:
        raise SetupError(f"--lifetime {error.message}") from error
    if not 1 <= seconds <= auth.max_lifetime:
        raise SetupError(
            f"--lifetime {lifetime} is refused: the service takes tokens of 1 to "
            f"{auth.max_lifetime} seconds ([auth] max_lifetime)"
        )
    return seconds


def _mint(
    config: Config, tenant_id: str, user: str, scopes: list[str], seconds: int, now: int
) -> str:
    auth = config.auth
    secret = auth.signing_secret
    if secret is None:
        verified = auth.by_public_keys
        raise SetupError(
            "[auth] verifies tokens with public keys: only who has the private key can sign one"
            if verified
            else "there is no secret to sign with: set JWT_SECRET (32 random bytes or more)"
        )
    return mint_token(
        secret.reveal(),
        tenant=tenant_id,
        user=user,
        scopes=scopes,
        lifetime=seconds,
        tenant_claim=auth.tenant_claim,
        tenants_claim=auth.tenants_claim,
        user_claim=auth.user_claim,
        scope_claim=auth.scope_claim,
        issuer=auth.issuer,
        audience=auth.audience[0] if auth.audience else None,
        algorithm=auth.algorithms[0],
        now=now,
    )
