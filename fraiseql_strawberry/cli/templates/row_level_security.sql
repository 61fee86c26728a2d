-- The first migration of :project:: the tenant of a transaction, and a table with everything that
-- keeps tenants apart, as a pattern for your own. Run once, as :migrator:, in :database:.

BEGIN;
-- No name leads elsewhere, and nobody waits for long.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1min';

CREATE SCHEMA app AUTHORIZATION :"owner";
CREATE SCHEMA fraiseql AUTHORIZATION :"owner";
GRANT USAGE ON SCHEMA app, fraiseql TO :"role";

-- New functions are executable by PUBLIC unless the role that creates them says otherwise.
ALTER DEFAULT PRIVILEGES FOR ROLE :"migrator" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- The tenant of this transaction, or NULL. The setting is unknown on a fresh connection (hence
-- true, for "missing is fine") and an empty string on a reused one (hence NULLIF).
:helper:;
GRANT EXECUTE ON FUNCTION fraiseql.current_tenant_id() TO :"role";
:distribute_function:ALTER FUNCTION fraiseql.current_tenant_id() OWNER TO :"owner";

-- 1. Keys begin with the tenant, and so do foreign keys: PostgreSQL checks them past all policies.
CREATE TABLE app.tb_note (
  tenant_id uuid NOT NULL DEFAULT fraiseql.current_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  title text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX tb_note_recent ON app.tb_note (tenant_id, created_at DESC, id);
:distribute_table:
-- 2. ENABLE, or the policies are only text; FORCE, or the owner is exempt.
:row_security:;

-- 3. One policy admits. The other is RESTRICTIVE, so it is AND-ed to whatever admits: a policy
--    that is added later cannot open the table. :policy_form:
:policies:;

-- 4. What sql_source names. security_invoker, or the view reads as its owner; CREATE OR REPLACE
--    VIEW drops the option without a word, so say it each time.:view_form:
:view:;

-- 5. Never TRUNCATE (it ignores policies), REFERENCES or TRIGGER.
GRANT SELECT, INSERT, UPDATE, DELETE ON app.tb_note TO :"role";
GRANT SELECT ON app.v_note TO :"role";

-- 6. Hand over what was made to a role that cannot log in.
ALTER TABLE app.tb_note OWNER TO :"owner";
ALTER VIEW app.v_note OWNER TO :"owner";

COMMIT;
