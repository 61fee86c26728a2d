-- Beside the schemas of the tenants: who they are, as in 4_tables.sql. Run as app_migrator.
CREATE SCHEMA fraiseql AUTHORIZATION app_owner;
GRANT USAGE ON SCHEMA fraiseql TO app;

CREATE TABLE fraiseql.tenants (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  plan text NOT NULL,
  status text NOT NULL DEFAULT 'active'
    CHECK (status IN ('provisioning', 'active', 'suspended', 'archived', 'deleting')),
  created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT (id, name, plan, status) ON fraiseql.tenants TO app;
ALTER TABLE fraiseql.tenants OWNER TO app_owner;
