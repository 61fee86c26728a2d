"""The tables of the notes, for every strategy."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.witness import Witness

__all__ = ["create_notes", "stored"]

_TABLE = """
CREATE TABLE tb_note (
  {tenant}
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  slug text NOT NULL CONSTRAINT slug_is_short CHECK (length(slug) < 40),
  body text,
  stars int NOT NULL DEFAULT 0 CHECK (stars BETWEEN 0 AND 5),
  user_id uuid,
  meta jsonb,
  version int NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ({key}id),
  UNIQUE ({key}slug),
  FOREIGN KEY ({key}user_id) REFERENCES tb_user ({key}id)
);
{policies}
CREATE VIEW v_note WITH (security_invoker = true) AS
  SELECT id, slug, body, stars, user_id, version, updated_at FROM tb_note;
CREATE VIEW v_strict_note WITH (security_invoker = true) AS SELECT id, slug, body FROM tb_note;
GRANT SELECT, INSERT, UPDATE, DELETE ON tb_note TO app;
GRANT SELECT ON v_note, v_strict_note TO app;
CREATE FUNCTION fn_create_note(slug text, p_body text DEFAULT 'from the function',
                               meta jsonb DEFAULT '{{}}') RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  made uuid;
BEGIN
  INSERT INTO tb_note (slug, body, meta) VALUES (fn_create_note.slug, p_body, fn_create_note.meta)
  RETURNING id INTO made;
  RETURN made;
END $$;
CREATE FUNCTION fn_copy_notes(prefix text) RETURNS SETOF tb_note LANGUAGE sql AS $$
  INSERT INTO tb_note (slug, body) SELECT prefix || n, NULL FROM generate_series(1, 3) AS n
  RETURNING *
$$;
GRANT EXECUTE ON FUNCTION fn_create_note, fn_copy_notes TO app;
"""
_POLICY = "(tenant_id = (SELECT fraiseql.current_tenant_id()))"
_POLICIES = f"""
ALTER TABLE tb_note ENABLE ROW LEVEL SECURITY;
ALTER TABLE tb_note FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_access ON tb_note USING {_POLICY} WITH CHECK {_POLICY};
CREATE POLICY tenant_fence ON tb_note AS RESTRICTIVE USING {_POLICY} WITH CHECK {_POLICY};
CREATE POLICY no_planting ON tb_note AS RESTRICTIVE FOR INSERT WITH CHECK (slug <> 'refused');
"""


async def create_notes(witness: Witness) -> None:
    by_row = witness.urls.strategy == "row"
    await witness.everywhere(
        _TABLE.format(
            # Without a default of its own: the statement brings the tenant.
            tenant="tenant_id uuid NOT NULL," if by_row else "",
            key="tenant_id, " if by_row else "",
            policies=_POLICIES if by_row else "",
        )
        .replace(
            "INSERT INTO tb_note (slug, body, meta) VALUES (",
            "INSERT INTO tb_note (tenant_id, slug, body, meta) VALUES (fraiseql.current_tenant_id(), "
            if by_row
            else "INSERT INTO tb_note (slug, body, meta) VALUES (",
        )
        .replace(
            "INSERT INTO tb_note (slug, body) SELECT ",
            "INSERT INTO tb_note (tenant_id, slug, body) SELECT fraiseql.current_tenant_id(), "
            if by_row
            else "INSERT INTO tb_note (slug, body) SELECT ",
        )
    )


async def stored(witness: Witness, tenant: UUID) -> dict[str, Any]:
    """Each note that a tenant has, by its slug."""
    where = f" WHERE tenant_id = '{tenant}'" if witness.urls.strategy == "row" else ""
    table = "app.tb_note" if witness.urls.strategy == "row" else "tb_note"
    rows = await witness.fetch(tenant, f"SELECT * FROM {table}{where}")
    assert len({row["slug"] for row in rows}) == len(rows)
    return {row["slug"]: dict(row) for row in rows}
