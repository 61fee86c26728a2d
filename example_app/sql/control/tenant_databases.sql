-- The registry: which database is whose. It has a database of its own, beside those of the tenants.
-- Run as app_migrator.
CREATE SCHEMA fraiseql AUTHORIZATION app_owner;
GRANT USAGE ON SCHEMA fraiseql TO app;

CREATE TABLE fraiseql.tenant_databases (
  tenant_id uuid PRIMARY KEY,
  database_url text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  name text NOT NULL,
  plan text NOT NULL,
  status text NOT NULL DEFAULT 'active'
    CHECK (status IN ('provisioning', 'active', 'suspended', 'archived', 'deleting'))
);
GRANT SELECT ON fraiseql.tenant_databases TO app;
ALTER TABLE fraiseql.tenant_databases OWNER TO app_owner;
