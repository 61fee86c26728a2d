-- The tenants of :project:: who there is, and who is served. Run once, as :migrator:, in
-- :database:; then take away the # before tenants_table in fraiseql.toml.

BEGIN;
-- No name leads elsewhere, and nobody waits for long.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1min';

CREATE SCHEMA IF NOT EXISTS fraiseql AUTHORIZATION :"owner";
GRANT USAGE ON SCHEMA fraiseql TO :"role";

CREATE TABLE fraiseql.tenants (
  id :id_type: PRIMARY KEY,
  name text NOT NULL,
  plan text,
  status text NOT NULL DEFAULT 'active'
    CHECK (status IN ('provisioning', 'active', 'suspended', 'archived', 'deleting')),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The service reads what it needs to admit a request, and writes nothing.
GRANT SELECT (id, name, plan, status) ON fraiseql.tenants TO :"role";

:announce_changes:
-- A suspension is then felt at once by every process of the service.
SELECT fraiseql.announce_changes('fraiseql.tenants');
GRANT SELECT ON fraiseql.registry_generation TO :"role";

ALTER FUNCTION fraiseql.notify_tenant_change() OWNER TO :"owner";
ALTER FUNCTION fraiseql.announce_changes(regclass) OWNER TO :"owner";
ALTER TABLE fraiseql.registry_generation OWNER TO :"owner";
ALTER TABLE fraiseql.tenants OWNER TO :"owner";

COMMIT;
