"""What one key says about another: rules that no single key can keep."""

from __future__ import annotations

from .keys import short_secrets
from .mistakes import Mistake
from .reading import Reader
from .sections import SEALED, Auth, Graphql, Multitenancy

__all__ = ["check_limits", "check_schemas", "check_seal", "production_of", "risks"]

_RESERVED = ("public", "pg_", "information_schema")
_UUID_DIGITS = 32
_LONGEST_NAME = 63
_ENOUGH_BYTES = 32  # as many as HMAC-SHA256 gives (RFC 2104 section 3)
_ALMOST_PRODUCTION = ("prod", "production")


def production_of(reader: Reader) -> bool:
    """Whether `FRAISEQL_ENV` says production.

    A near miss, such as "prod" or "Production", is a mistake: production's rules would be off.
    """
    said = reader.origin.env.get("FRAISEQL_ENV", "")
    if said != "production" and said.strip().lower() in _ALMOST_PRODUCTION:
        hint = "Write FRAISEQL_ENV=production"
        message = "the environment variable FRAISEQL_ENV nearly says production"
        reader.mistakes.append(Mistake(message, hint, "the environment"))
    return said == "production"


def check_schemas(reader: Reader, multitenancy: Multitenancy) -> None:
    """No tenant's id may make its schema a system schema or a shared one.

    PostgreSQL cuts names at 63 bytes, so that two long ids would share a schema.
    """
    path = ("multitenancy", "schema_template")
    prefix, _, suffix = multitenancy.schema_template.partition("{id}")
    if prefix.startswith("pg_") or any(name.startswith(prefix) for name in _RESERVED):
        hint = 'Begin it with a word of your own, such as "tenant_{id}"'
        reader.complain(path, "could name a system schema or public", hint)
    if len(prefix) + len(suffix) > _LONGEST_NAME - _UUID_DIGITS:
        hint = "PostgreSQL cuts names at 63 bytes"
        reader.complain(path, "leaves fewer than 32 bytes for the id", hint)
    for index, shared in enumerate(multitenancy.shared_schemas):
        where = ("multitenancy", "shared_schemas", index)
        if shared.startswith("pg_"):
            reader.complain(where, "is a system schema", "PostgreSQL looks there by itself")
        if (
            shared.startswith(prefix)
            and shared.endswith(suffix)
            and len(shared) > len(prefix + suffix)
        ):
            hint = f"Its name fits schema_template; choose one that does not begin with {prefix}"
            reader.complain(where, "could be the schema of a tenant", hint)


def check_limits(reader: Reader, graphql: Graphql) -> None:
    """A default that nobody may ask for is a mistake; one that was left alone yields."""
    path = ("graphql", "default_limit")
    if reader.raw(path) is not None and graphql.default_limit > graphql.max_limit:
        reader.complain(path, f"is above max_limit, {graphql.max_limit}", "Lower it, or raise that")


def check_seal(reader: Reader, multitenancy: Multitenancy) -> None:
    """Tenants are sealed with one key, and only where policies read the seal."""
    if not multitenancy.sealed:
        return
    setting, path = ("multitenancy", "setting"), ("multitenancy", "seal", "key")
    seal = multitenancy.seal
    if multitenancy.strategy != "row":
        hint = 'Only policies read a setting; leave it out, or use strategy = "row"'
        reader.complain(setting, f'must not be "{SEALED}" here', hint)
    elif seal.key is not None and seal.key_file is not None:
        reader.complain(path, "and key_file are both set", "Keep one of them")
    elif seal.key is not None and seal.key.size < _ENOUGH_BYTES:
        hint = "`fraiseql-strawberry seal rotate` makes a good one"
        reader.complain(path, f"must have {_ENOUGH_BYTES} bytes or more", hint)


def risks(reader: Reader, auth: Auth) -> list[Mistake]:
    """What is tolerated with a warning, but not in production."""
    found = [
        reader.mistake(
            path,
            "holds a secret in plain text",
            'Put it into the environment and write "${NAME}" here',
        )
        for path in reader.exposed
    ]
    hint = "`openssl rand -base64 48` makes a good one"
    for name in short_secrets(auth):
        if reader.raw(("auth", name)) is None:
            message = "the environment variable JWT_SECRET has fewer than 32 bytes"
            found.append(Mistake(message, hint, reader.origin.name))
        else:
            found.append(reader.mistake(("auth", name), "has fewer than 32 bytes", hint))
    return found
