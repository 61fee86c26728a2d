-- The control schema: what is written down about tenants, their templates and what was done to
-- them. It may run again at any time, and brings an older shape to this one. Run by the
-- administrator in one transaction that has set fraiseql.id_type and fraiseql.service_role with
-- set_config(…, true).

CREATE SCHEMA IF NOT EXISTS fraiseql;

DO $$
BEGIN
  EXECUTE format(
    'CREATE TABLE IF NOT EXISTS fraiseql.tenants (id %s PRIMARY KEY)',
    CASE current_setting('fraiseql.id_type') WHEN 'uuid' THEN 'uuid' ELSE 'text COLLATE "C"' END);
END
$$;

-- What is not written down is not served: a tenant begins as provisioning.
ALTER TABLE fraiseql.tenants
  ADD COLUMN IF NOT EXISTS name text NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS plan text NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS status text NOT NULL DEFAULT 'provisioning',
  ADD COLUMN IF NOT EXISTS placement jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS settings jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS tags text[] NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS origin jsonb,
  ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN IF NOT EXISTS status_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN fraiseql.tenants.origin IS
  'what the tenant was made from, so that a run that was cut short goes on with the same';

DO $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_constraint
    WHERE conrelid = 'fraiseql.tenants'::regclass AND conname = 'tenants_status_check'
      AND pg_get_constraintdef(oid) LIKE '%migrating%'
  ) THEN
    ALTER TABLE fraiseql.tenants DROP CONSTRAINT IF EXISTS tenants_status_check;
    ALTER TABLE fraiseql.tenants ADD CONSTRAINT tenants_status_check CHECK (status IN (
      'provisioning', 'migrating', 'active', 'suspended', 'archived', 'deleting'));
  END IF;
END
$$;

-- Two tenants never share a schema or a database (SECURITY.md, schema strategy).
CREATE UNIQUE INDEX IF NOT EXISTS tenants_schema
  ON fraiseql.tenants ((placement ->> 'schema'));
CREATE UNIQUE INDEX IF NOT EXISTS tenants_database
  ON fraiseql.tenants ((placement ->> 'database'), COALESCE(placement ->> 'server', ''))
  WHERE placement ? 'database';
CREATE INDEX IF NOT EXISTS tenants_unfinished
  ON fraiseql.tenants (status) WHERE status NOT IN ('active', 'suspended', 'archived');

-- What new tenants are copied from. A template is never changed: another takes its place.
CREATE TABLE IF NOT EXISTS fraiseql.templates (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('schema', 'database')),
  name text NOT NULL,
  revision text,
  script text,          -- schema: what makes one like it
  renames boolean,      -- schema: whether one that was made stays right when it is renamed
  current boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (kind, name)
);
CREATE UNIQUE INDEX IF NOT EXISTS templates_current ON fraiseql.templates (kind) WHERE current;

-- Ready copies of a template that are nobody's yet.
CREATE TABLE IF NOT EXISTS fraiseql.warm_places (
  name text PRIMARY KEY,
  template_id bigint NOT NULL REFERENCES fraiseql.templates,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- What was deleted: when, by whom, how much. Kept when the tenant is gone.
CREATE TABLE IF NOT EXISTS fraiseql.receipts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id text NOT NULL,
  tenant jsonb NOT NULL,
  deleted_by text NOT NULL,
  reason text,
  tables jsonb NOT NULL,
  residue jsonb,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS receipts_unfinished
  ON fraiseql.receipts (tenant_id) WHERE finished_at IS NULL;

-- Each use of all tenants' rows at once.
CREATE TABLE IF NOT EXISTS fraiseql.all_tenants_uses (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  reason text NOT NULL CHECK (reason <> ''),
  used_by text NOT NULL,
  writes boolean NOT NULL,
  began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  outcome text
);
