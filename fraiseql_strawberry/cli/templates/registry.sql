-- The registry of :project:: which database each tenant has. Run once, as :migrator:, in :database:.

BEGIN;
-- No name leads elsewhere, and nobody waits for long.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1min';

CREATE SCHEMA IF NOT EXISTS fraiseql AUTHORIZATION :"owner";
GRANT USAGE ON SCHEMA fraiseql TO :"role";

-- Only tenant_id and database_url are needed. A password need not stand in the URL: write
-- ${NAME} for an environment variable, or ${file:/run/secrets/NAME}.
CREATE TABLE fraiseql.tenant_databases (
  tenant_id :id_type: PRIMARY KEY,
  database_url text NOT NULL,
  name text,
  plan text,
  status text NOT NULL DEFAULT 'active'
    CHECK (status IN ('provisioning', 'active', 'suspended', 'archived', 'deleting')),
  created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON fraiseql.tenant_databases TO :"role";

:announce_changes:
-- A suspension, or another database, is then felt at once by every process of the service.
SELECT fraiseql.announce_changes('fraiseql.tenant_databases');
GRANT SELECT ON fraiseql.registry_generation TO :"role";

ALTER FUNCTION fraiseql.notify_tenant_change() OWNER TO :"owner";
ALTER FUNCTION fraiseql.announce_changes(regclass) OWNER TO :"owner";
ALTER TABLE fraiseql.registry_generation OWNER TO :"owner";
ALTER TABLE fraiseql.tenant_databases OWNER TO :"owner";

COMMIT;
