-- What was migrated, when, and what failed: in the control database. It may run again at any time.
CREATE TABLE IF NOT EXISTS fraiseql.migration_runs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  target text NOT NULL,
  selection jsonb NOT NULL DEFAULT '{}',
  started timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished timestamptz,
  outcome text
);

CREATE TABLE IF NOT EXISTS fraiseql.migration_ledger (
  run bigint NOT NULL REFERENCES fraiseql.migration_runs ON DELETE CASCADE,
  tenant text NOT NULL,
  revision text NOT NULL,  -- where it went to, or was to go
  started timestamptz,
  finished timestamptz,
  error text,
  PRIMARY KEY (run, tenant)
);
-- The last thing that happened to a tenant.
CREATE INDEX IF NOT EXISTS migration_ledger_tenant ON fraiseql.migration_ledger (tenant, run DESC);
